"""How the rows of the console's lists are drawn: receipts, requests, routes."""

from __future__ import annotations

from collections.abc import Sequence

from mpp_console.protocol import inert
from mpp_console.services.models import ReceiptRow, RequestRow, RouteView
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, INFO, MUTED, WARN, Lens

__all__ = ["RECEIPTS", "REQUESTS", "ROUTES", "RouteRow", "receipt_cells", "request_cells", "route_cells"]

RECEIPTS = (
    Column(title="TIME", width=8, keep=8, order="time"),
    Column(title="DIR", width=3, keep=7),
    Column(title="ORIGIN", width=10, grow=3, keep=9, order="origin"),
    Column(title="METHOD", width=12, keep=3),
    Column(title="AMOUNT", width=10, right=True, keep=9, whole=True, order="amount", largest_first=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="STATUS", width=9, keep=9, order="status"),
    Column(title="REFERENCE", width=13, keep=1),
    Column(title="NETWORK", width=9, keep=0),
)


def receipt_cells(row: ReceiptRow, lens: Lens) -> Sequence[Cell]:
    sign = lens.status(row.status)
    return (
        (lens.clock(row.at), MUTED),
        ("out" if row.direction == "sent" else "in", MUTED),
        (inert(_place(row), limit=200), ""),
        (f"{inert(row.method, limit=12)}/{inert(row.intent, limit=12)}", MUTED),
        (lens.column(row.amount, row.currency), ""),
        (inert(row.currency.symbol, limit=12) if row.currency else "", MUTED),
        (sign.text, sign.tone),
        (lens.reference(row.reference), MUTED),
        (inert(row.network, limit=16), MUTED),
    )


def _place(row: ReceiptRow) -> str:
    """Host and path. Of this machine's own servers the port says enough."""
    host = row.origin.partition("://")[2] or row.origin
    path = row.url.partition(row.origin)[2] if row.origin else row.url
    return host.removeprefix("127.0.0.1") + path


REQUESTS = (
    Column(title="TIME", width=8, keep=8),
    Column(title="REQUEST", width=16, grow=1, keep=9),
    Column(title="CODE", width=4, keep=7),
    Column(title="OUTCOME", width=12, keep=9),
    Column(title="AMOUNT", width=10, right=True, keep=6, whole=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="PAYER", width=11, keep=3),
    Column(title="TOOK", width=7, right=True, keep=4),
)


def request_cells(row: RequestRow, lens: Lens) -> Sequence[Cell]:
    sign = lens.outcome(row.outcome)
    return (
        (lens.clock(row.at), MUTED),
        (inert(f"{row.method} {row.path}", limit=120), ""),
        (str(row.status), BAD if row.status >= 500 else MUTED),
        (sign.text, sign.tone),
        (lens.column(row.amount, row.currency) if row.amount is not None else "", ""),
        (inert(row.currency.symbol, limit=12) if row.amount is not None and row.currency else "", MUTED),
        (lens.address(row.payer) if row.payer else "", MUTED),
        (f"{row.milliseconds:.0f} ms" if row.milliseconds is not None else "", MUTED),
    )


class RouteRow:
    """A route as a row: its method and path are its id."""

    __slots__ = ("id", "route")

    def __init__(self, route: RouteView) -> None:
        self.id = f"{route.method} {route.path}"
        self.route = route

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouteRow) and other.route == self.route

    def __hash__(self) -> int:
        return hash(self.route)


ROUTES = (
    Column(title="", width=1, keep=9),
    Column(title="ROUTE", width=24, grow=2, keep=9),
    Column(title="PRICE", width=8, right=True, keep=9, whole=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="INTENT", width=12, keep=3),
    Column(title="HITS", width=4, right=True, keep=8),
    Column(title="REVENUE", width=8, right=True, keep=7, whole=True),
    Column(title="NOTE", width=18, grow=3, keep=4),
)


def route_cells(row: RouteRow, lens: Lens) -> Sequence[Cell]:
    route = row.route
    free = route.intent in {"", "none"} or not route.rail
    price = "free" if free else lens.column(route.amount, route.currency)
    return (
        (lens.plain("!" if route.faults else "●" if route.own else ""), WARN if route.faults else INFO),
        (inert(f"{route.method:<4} {route.path}", limit=80), WARN if route.fault or route.faults else ""),
        (price, MUTED if free else ""),
        ("" if free else inert(route.currency.symbol, limit=12), MUTED),
        ("" if free else f"{inert(route.rail, limit=12)}/{inert(route.intent, limit=12)}", MUTED),
        (str(route.hits), "" if route.hits else MUTED),
        (lens.column(route.revenue, route.currency), "" if route.revenue else MUTED),
        _route_note(route, lens),
    )


def _route_note(route: RouteView, lens: Lens) -> Cell:
    """What is switched on is what matters; otherwise whose route it is, and what it is for."""
    if route.faults:
        return lens.plain(f"! {' + '.join(inert(fault, limit=20) for fault in route.faults)}"), f"bold {WARN}"
    if not route.own:
        return inert(route.note, limit=120), MUTED
    return f"yours: {inert(route.note, limit=120)}" if route.note else "yours", INFO
