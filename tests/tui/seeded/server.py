"""The seeded local server: it serves and charges nothing, but keeps routes, faults and a port as the real one does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.protocol import Currency, MppError, parse_units
from mpp_console.services.events import (
    CommandLogged,
    ServerChanged,
)
from mpp_console.services.models import (
    LegTiming,
    MinuteView,
    Money,
    ProblemView,
    RequestDetail,
    RequestRow,
    RouteDraft,
    RouteTrouble,
    RouteView,
    ServerStats,
    ServerView,
)
from mpp_console.services.routes import DEMO_KEYS, RouteInvalid, find_troubles
from mpp_console.services.server_models import FREE
from mpp_console.services.session_models import PayeeChannels
from tests.tui.seeded.channels import SeededChannels, channels
from tests.tui.seeds import (
    ALPHA,
    NOW,
    PATH,
    PAYEE,
    PAYER,
    URL,
    requests,
    routes,
)

if TYPE_CHECKING:
    from mpp_console.services.payee_acts import PayeeAct
    from tests.tui.seeded.console import SeededConsole
    from tests.tui.seeded.sessions import SeededSessionTask

TAKEN = 4444
"""A port that another program has."""

_CURRENCIES = {"": PATH, "pathusd": PATH, "alphausd": ALPHA}
_BUSY = (*(0 for _ in range(18)), 0, 1, 0, 1, 2, 1, 1, 2, 1, 0, 1, 2)
"""What was delivered in each minute; it was started twelve minutes ago."""


class SeededServer:
    def __init__(self, console: SeededConsole, *, running: bool) -> None:
        self._console = console
        self.running = running
        self.log = requests() if running else []
        self.offered = routes()
        self.drafts: list[RouteDraft] = []
        self.before: list[tuple[str, list[RouteDraft]]] = []
        self.switched: dict[str | None, set[str]] = {}
        self.port = 0
        self.opened = SeededChannels(console, channels() if running else ())

    def channels(self) -> PayeeChannels:
        return self.opened.view()

    async def load_channels(self, *, ask_chain: bool = True) -> PayeeChannels:
        return await self.opened.load(ask_chain=ask_chain)

    def review_channels(self, act: PayeeAct, ids: Sequence[str]) -> SeededSessionTask:
        return self.opened.review(act, ids)

    async def start(self, port: int | None = None) -> ServerView:
        self.running = True
        return self._changed("mpp-console serve")

    async def stop(self) -> ServerView:
        self.running = False
        return self._changed("")

    async def load(self) -> ServerView:
        return self.view()

    async def set_port(self, port: int) -> ServerView:
        if port == TAKEN:
            message = f"port {port} is taken by another program"
            raise MppError(message, code="port-taken", hint="Choose another port, or 0 for any free one.")
        self.port = port
        return self._changed(f"mpp-console serve --port {port}")

    def view(self) -> ServerView:
        own = [self._own(draft) for draft in self.drafts]
        shown = [self._with_faults(route) for route in (*own, *(self.offered if self.running else ()))]
        revenue = sum(route.revenue for route in self.offered)
        port = f":{self.port}" if self.port else ""
        return ServerView(
            running=self.running,
            url=(f"http://127.0.0.1{port}" if port else URL) if self.running else None,
            rpc_url="http://127.0.0.1:4100" if self.running else None,
            chain_id=1337,
            recipient=PAYEE,
            routes=tuple(shown),
            requests=26 if self.log else 0,
            revenue=(Money(amount=revenue, currency=PATH),) if self.log else (),
            started_at=NOW - timedelta(minutes=12) if self.running else None,
            unavailable=self._console.unavailable,
            stats=_stats() if self.log else ServerStats(minutes=(MinuteView(),) * 30),
            faults=tuple(sorted(self.switched.get(None, ()))),
            port=self.port,
            channels=self.channels(),
        )

    def requests(self) -> tuple[RequestRow, ...]:
        return tuple(reversed(self.log))

    def request(self, row: RequestRow) -> RequestDetail:
        """All but the oldest are kept."""
        return RequestDetail(row=row) if self.log and row.id == self.log[0].id else _detail(row)

    # Routes

    @property
    def currencies(self) -> tuple[Currency, ...]:
        return (PATH, ALPHA)

    def draft(self, key: str) -> RouteDraft:
        return next(draft for draft in self.drafts if draft.key == key)

    def check_route(self, draft: RouteDraft, replacing: str | None = None) -> tuple[RouteTrouble, ...]:
        others = [each.key for each in self.drafts if each.key != replacing]
        return find_troubles(draft, _CURRENCIES, (*DEMO_KEYS, *others))

    async def add_route(self, draft: RouteDraft) -> ServerView:
        if troubles := self.check_route(draft):
            raise RouteInvalid(troubles)
        return self._use([*self.drafts, draft], f"{draft.key} was added")

    async def edit_route(self, key: str, draft: RouteDraft) -> ServerView:
        if troubles := self.check_route(draft, key):
            raise RouteInvalid(troubles)
        return self._use([draft if each.key == key else each for each in self.drafts], f"{key} was edited")

    async def remove_route(self, key: str) -> ServerView:
        return self._use([each for each in self.drafts if each.key != key], f"{key} was removed")

    async def undo_route(self) -> str:
        if not self.before:
            raise MppError("no route was changed yet", code="nothing-to-undo")
        what, self.drafts = self.before.pop()
        self._changed("")
        return what

    def set_faults(self, key: str | None, names: Collection[str]) -> ServerView:
        self.switched[key] = set(names)
        return self._changed("mpp-console serve --fault slow")

    def _use(self, drafts: Sequence[RouteDraft], what: str) -> ServerView:
        self.before.append((what, self.drafts))
        self.drafts = list(drafts)
        return self._changed("mpp-console serve")

    def _own(self, draft: RouteDraft) -> RouteView:
        currency = _CURRENCIES[draft.currency.lower()]
        free = draft.price == FREE
        return RouteView(
            method=draft.method,
            path=draft.path,
            rail="" if free else "tempo",
            intent="" if free else "charge",
            amount=0 if free else parse_units(draft.price, currency.decimals),
            currency=currency,
            note=draft.description,
            own=True,
        )

    def _with_faults(self, route: RouteView) -> RouteView:
        own, everywhere = self.switched.get(route.key, set()), self.switched.get(None, set())
        return replace(route, faults=tuple(sorted(own | everywhere)), switched=tuple(sorted(own)))

    def _changed(self, command: str) -> ServerView:
        view = self.view()
        self._console.events.publish(ServerChanged(view=view))
        if command:
            self._console.events.publish(CommandLogged(command=command, at=NOW))
        return view


def _stats() -> ServerStats:
    """Twelve minutes of a few payments, with one refusal."""
    minutes = tuple(
        MinuteView(
            requests=2 * count + (number in {20, 27}),
            delivered=count,
            failed=number == 27,
            earned=0.01 * count,
            slowest=41.0 + 9 * (number % 5) if count else 0.0,
        )
        for number, count in enumerate(_BUSY)
    )
    return ServerStats(minutes=minutes, success=12 / 13, per_second=0.4, p50=4.4, p95=52.8)


def _detail(row: RequestRow) -> RequestDetail:
    challenge = {
        "id": row.challenge_id,
        "realm": "127.0.0.1",
        "method": "tempo",
        "intent": "charge",
        "request": {
            "amount": str(row.amount),
            "currency": PATH.id,
            "recipient": PAYEE,
            "methodDetails": {"chainId": 1337},
        },
        "expires": "2026-03-14T12:09:30.000Z",
    }
    paid, asked = row.outcome == "paid", row.outcome == "challenged"
    headers: list[tuple[str, str]] = [("host", "127.0.0.1:4021"), ("accept", "*/*"), ("user-agent", "mpp-console")]
    answer: list[tuple[str, str]] = [("content-type", "application/json"), ("cache-control", "private")]
    body = '{"station":"harbour","temperature_c":11.4,"outlook":"clear, with a light breeze off the water"}'
    problem = None
    if asked:
        answer = [
            ("www-authenticate", 'Payment id="ch_…", realm="127.0.0.1", method="tempo", intent="charge"'),
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
        ]
        problem = ProblemView(
            type="https://paymentauth.org/problems/payment-required",
            slug="payment-required",
            title="Payment Required",
            status=402,
            detail="Payment is required.",
        )
        body = '{"title":"Payment Required","status":402}'
    if paid:
        headers.append(("authorization", "(hidden)"))
        answer.append(("payment-receipt", "(hidden)"))
    took = row.milliseconds or 0.0
    legs = (("gate", took * 0.8), ("handler", took * 0.1)) if paid else ()
    credential = {
        "challenge": challenge,
        "source": f"did:pkh:eip155:1337:{PAYER}",
        "payload": {"type": "transaction", "signature": "(hidden)"},
    }
    receipt = {"method": "tempo", "reference": row.reference, "status": "success"}
    return RequestDetail(
        row=row,
        kept=True,
        query="station=harbour & api_key=(hidden)" if row.path == "/charge" else "",
        request_headers=tuple(headers),
        request_body='{"hello":"world"}' if row.method == "POST" else "",
        request_size=17 if row.method == "POST" else 0,
        answer_headers=tuple(answer),
        answer_body=body,
        answer_size=len(body),
        challenges=(challenge,) if asked else (),
        credential=credential if paid else None,
        receipt=receipt if paid else None,
        problem=problem,
        timings=tuple(LegTiming(leg=leg, milliseconds=ms) for leg, ms in (*legs, ("total", took))),
    )
