"""The list of sessions as values: one line a channel, the columns, the orders, and what a filter lets through. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mpp_console.protocol import ChannelState, inert
from mpp_console.services.session_models import SessionRow, SessionsView
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, UNKNOWN, WARN, Lens, Sign
from mpp_console.tui.orders import Order

__all__ = [
    "FIRST_ORDER",
    "SESSIONS",
    "SessionLine",
    "closes_in",
    "columns_for",
    "gauge_tone",
    "host_of",
    "lines_of",
    "ordered",
    "passes",
    "session_cells",
    "sign_of",
]

FIRST_ORDER = Order("state")
"""What wants looking at first, then the last used."""

_NEARLY = 0.9
"""The part of a deposit from which on there is little left to pay from."""

SESSIONS = (
    Column(title="STATE", width=13, keep=9, order="state"),
    Column(title="ORIGIN", width=15, grow=1, keep=9, order="origin"),
    Column(title="GAUGE", width=17, keep=7, order="used", largest_first=True),
    Column(title="SPENT", width=10, right=True, keep=5, whole=True, order="spent", largest_first=True),
    Column(title="DEPOSIT", width=10, right=True, keep=5, whole=True, order="deposit", largest_first=True),
    Column(title="LEFT", width=10, right=True, keep=9, whole=True, order="left", largest_first=True),
    Column(title="UNIT", width=8, keep=9),
    Column(title="LAST USED", width=9, keep=3, order="last used", largest_first=True),
    Column(title="CLOSES IN", width=9, right=True, keep=6, order="closes in"),
    Column(title="ID", width=11, keep=2),
)


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One channel as a line of the list; without a `row` it is one that cannot be read."""

    id: str
    row: SessionRow | None = None

    @property
    def state(self) -> ChannelState:
        return self.row.state if self.row else ChannelState.DAMAGED

    @property
    def counts_down(self) -> bool:
        return self.row is not None and self.row.closes_at is not None and self.state is ChannelState.CLOSING


def columns_for(lines: Sequence[SessionLine]) -> tuple[Column, ...]:
    """The columns, those first in a narrow list that say something of these lines: the unit when there is more than
    one, the countdown when something counts down.
    """
    units = {line.row.currency for line in lines if line.row}
    closing = any(line.row and line.row.closes_at for line in lines)
    keep = {"UNIT": 9 if len(units) > 1 else 1, "CLOSES IN": 8 if closing else 0}
    return tuple(replace(column, keep=keep.get(column.title, column.keep)) for column in SESSIONS)


def lines_of(view: SessionsView) -> tuple[SessionLine, ...]:
    """Every channel in the view's own order; those that cannot be read after those that want looking at."""
    known = {row.id for row in view.rows}
    damaged = [SessionLine(name) for name in view.damaged if name not in known]
    lines = [SessionLine(row.id, row) for row in view.rows]
    wanted = sum(1 for row in view.rows if row.id in view.stale)
    return (*lines[:wanted], *damaged, *lines[wanted:])


def host_of(row: SessionRow) -> str:
    """Whom it pays, as people know them; inert."""
    return inert(row.origin.partition("://")[2] or row.origin, limit=200)


def sign_of(line: SessionLine, lens: Lens) -> Sign:
    return lens.channel(line.state, stale=bool(line.row and line.row.stale))


def gauge_tone(row: SessionRow) -> str:
    if not row.state.holds_money:
        return MUTED
    return WARN if row.used >= _NEARLY else INFO if row.stale else GOOD


def closes_in(row: SessionRow, lens: Lens) -> str:
    """How long until what is left can be taken back; empty where no close is under way."""
    if row.state is ChannelState.FINALIZABLE:
        return "now"
    if row.state is not ChannelState.CLOSING:
        return ""
    return lens.countdown(row.closes_at) if row.closes_at else lens.plain(UNKNOWN)


def session_cells(line: SessionLine, lens: Lens) -> Sequence[Cell]:
    sign, row = sign_of(line, lens), line.row
    if row is None:
        nothing = (lens.plain(UNKNOWN), MUTED)
        return ((sign.text, sign.tone), ("cannot be read", BAD), *[nothing] * 7, (lens.reference(line.id), MUTED))
    quiet = "" if row.state.holds_money else MUTED
    return (
        (sign.text, sign.tone),
        (host_of(row) or lens.plain(UNKNOWN), quiet),
        (lens.gauge(row.used) if row.deposit else lens.plain(UNKNOWN), gauge_tone(row) if row.deposit else MUTED),
        (lens.column(row.spent, row.currency), quiet),
        (lens.column(row.deposit, row.currency), quiet),
        # What was left of a closed one has come back: `refunded`.
        (lens.column(row.left if row.state.holds_money else 0, row.currency), quiet if row.left else MUTED),
        (inert(row.currency.symbol, limit=12), MUTED),
        (lens.clock(row.last_used_at), MUTED),
        (closes_in(row, lens), INFO if row.state is ChannelState.FINALIZABLE else ""),
        # In privacy it is masked like a payment's: whoever has it can look its payer and sums up.
        (lens.reference(row.id), MUTED),
    )


def ordered(lines: Sequence[SessionLine], order: Order) -> list[SessionLine]:
    """The lines in an order. What has no value there comes last, whichever way round."""
    if order.key == FIRST_ORDER.key:
        return list(reversed(lines)) if order.descending else list(lines)
    have = [line for line in lines if _key(line, order.key) is not None]
    have.sort(key=lambda line: _key(line, order.key), reverse=order.descending)
    return have + [line for line in lines if _key(line, order.key) is None]


def _key(line: SessionLine, key: str) -> Any:
    row = line.row
    if row is None:
        return None
    match key:
        case "origin":
            return host_of(row) or None
        case "used":
            return row.used
        case "spent" | "deposit" | "left":
            # Amounts of one currency stand together: sums of different ones cannot be compared.
            over = key == "left" and not row.state.holds_money
            return row.currency.symbol, 0 if over else getattr(row, key)
        case "last used":
            return row.last_used_at
        case _:
            return row.closes_at


def passes(line: SessionLine, words: Sequence[str], now: datetime) -> bool:
    """Whether a line has every word, and none of those with a `!` before them."""
    text = _text(line, Lens(now=now))
    for word in words:
        wanted = word.removeprefix("!").lower()
        if wanted and (wanted in text) is word.startswith("!"):
            return False
    return True


def _text(line: SessionLine, lens: Lens) -> str:
    row = line.row
    parts = [line.id, line.state.value, sign_of(line, lens).word]
    if row is not None:
        parts += [row.origin, row.url, row.payer, row.payee, row.currency.symbol, row.protocol, row.network, row.note]
        parts += ["stale", row.stale] if row.stale else []
    return " ".join(parts).lower()
