"""A console with a fixed, seeded state behind the same calls as the real one: what snapshots and screenshots are
drawn from.

Clock, ids and amounts never change, so neither does a picture. Payments move only when a test lets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from mpp_console.protocol import MppError
from mpp_console.services import Console, EventBus
from mpp_console.services.events import (
    BalanceChanged,
    CommandLogged,
    Notice,
    PaymentProgress,
    ReceiptRecorded,
    RequestServed,
    ServerChanged,
)
from mpp_console.services.models import (
    AccountView,
    BalanceView,
    ConsoleState,
    ErrorView,
    FundResult,
    Money,
    PayRequest,
    PayResult,
    PolicyView,
    ProfileView,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptPage,
    ReceiptRow,
    RequestRow,
    ReviewView,
    RouteOutcome,
    ServerView,
    SpendBucket,
    Stage,
)
from tests.tui.seeds import (
    ALPHA,
    BETA,
    NOW,
    PATH,
    PAYEE,
    PAYER,
    SANDBOX,
    THETA,
    URL,
    history,
    offer,
    operation,
    paid_result,
    receipt_row,
    requests,
    review,
    routes,
    seeded_hash,
)


@dataclass
class SeededTask:
    """A payment that moves when told: `steps` are published on approval, then it ends as `outcome`."""

    console: SeededConsole
    id: str
    request: PayRequest
    view: ReviewView | None
    outcome: PayResult
    steps: tuple[Stage, ...] = (Stage.SIGNED, Stage.SENT, Stage.ACCEPTED)
    ends: bool = True
    stage: Stage = Stage.REQUESTING
    approvals: int = 0
    error: ErrorView | None = None
    _reviewed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def current_review(self) -> ReviewView | None:
        return self.view if self._reviewed.is_set() else None

    def answer(self) -> None:
        """The price has come (or, without a review, the resource)."""
        self._reviewed.set()
        self._move(Stage.REVIEW) if self.view is not None else self.end()

    def end(self) -> None:
        self._move(self.outcome.stage)
        self._ended.set()

    async def review(self) -> ReviewView | None:
        await self._reviewed.wait()
        return self.view

    def approve(self, allow: object = None) -> bool:
        if self.stage is not Stage.REVIEW:
            return False
        self.approvals += 1
        self.console.allowances.append(allow)
        for step in self.steps:
            self._move(step)
        if self.ends:
            self.end()
        return True

    def reject(self) -> bool:
        if self.stage is not Stage.REVIEW and self.stage is not Stage.REQUESTING:
            return False
        self.outcome = replace(self.outcome, stage=Stage.DECLINED, paid=False, receipt=None, receipt_id=None)
        self._reviewed.set()
        self.end()
        return True

    async def result(self) -> PayResult:
        await self._ended.wait()
        return self.outcome

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        times = {Stage.REVIEW: 12.0, Stage.SIGNED: 31.0, Stage.SENT: 33.0, Stage.ACCEPTED: 58.0}
        self.console.events.publish(
            PaymentProgress(
                task_id=self.id,
                kind="pay",
                stage=stage,
                url=self.request.url,
                at=NOW,
                elapsed_ms=times.get(stage, 61.0),
            )
        )


class SeededAccounts:
    def __init__(self) -> None:
        self.all: tuple[AccountView, ...] = (
            AccountView(
                name="main", address=PAYER, kind="sandbox", is_default=True, created_at=NOW - timedelta(days=9)
            ),
            AccountView(
                name="merchant", address=PAYEE, kind="watch", is_default=False, created_at=NOW - timedelta(days=3)
            ),
        )

    async def list(self) -> tuple[AccountView, ...]:
        return self.all


class SeededPayments:
    def __init__(self, console: SeededConsole) -> None:
        self._console = console
        self.tasks: list[SeededTask] = []
        profile = console.profile
        self.next_review: ReviewView | None = review(offer=offer(network=profile.name, chain_id=profile.chain_id))
        self.next_result: PayResult | None = None
        self.next_steps: tuple[Stage, ...] = (Stage.SIGNED, Stage.SENT, Stage.ACCEPTED)
        self.answers_at_once = True
        self.ends_at_once = True

    def start(self, request: PayRequest) -> SeededTask:
        if " " in request.url:
            raise MppError("a URL has no spaces", code="usage", hint="check what you typed")
        return self._begin(request, self.next_review, self.next_result or paid_result(request.url, self.next_review))

    def test(self) -> SeededTask:
        number = 100 + len(self.tasks)
        row = receipt_row(number, NOW)
        task = self._begin(
            PayRequest(url=f"{URL}/charge"), None, replace(paid_result(row.url, None), receipt_id=row.id)
        )
        self._console.record(row)
        return task

    async def test_all(self) -> AsyncIterator[RouteOutcome]:
        for number, route in enumerate(routes()):
            failed = route.path == "/faults/no-receipt"
            expected = f"refused: {route.fault}" if route.fault else "free" if not route.rail else "paid"
            yield RouteOutcome(
                route=route,
                ok=not failed,
                expected=expected,
                outcome="paid without receipt" if failed else expected,
                status=402 if route.fault else 200,
                milliseconds=38.0 + 7 * number,
                receipt_id=None if route.fault or not route.rail else f"rc{number:04d}",
                error=ErrorView(code="no-receipt", message="the answer held no receipt") if failed else None,
            )

    def _begin(self, request: PayRequest, view: ReviewView | None, outcome: PayResult) -> SeededTask:
        task = SeededTask(
            self._console, f"pt{len(self.tasks):04d}", request, view, outcome, self.next_steps, self.ends_at_once
        )
        self.tasks.append(task)
        if self.answers_at_once:
            task.answer()
        return task


class SeededServer:
    def __init__(self, console: SeededConsole, *, running: bool) -> None:
        self._console = console
        self.running = running
        self.log = requests() if running else []
        self.offered = routes()

    async def start(self, port: int = 0) -> ServerView:
        self.running = True
        return self._changed("mpp-console serve")

    async def stop(self) -> ServerView:
        self.running = False
        return self._changed("")

    def view(self) -> ServerView:
        revenue = sum(route.revenue for route in self.offered)
        return ServerView(
            running=self.running,
            url=URL if self.running else None,
            rpc_url="http://127.0.0.1:4100" if self.running else None,
            chain_id=1337,
            recipient=PAYEE,
            routes=self.offered,
            requests=26 if self.log else 0,
            revenue=(Money(amount=revenue, currency=PATH),) if self.log else (),
            started_at=NOW - timedelta(minutes=12) if self.running else None,
            unavailable=self._console.unavailable,
        )

    def requests(self) -> tuple[RequestRow, ...]:
        return tuple(reversed(self.log))

    def _changed(self, command: str) -> ServerView:
        view = self.view()
        self._console.events.publish(ServerChanged(view=view))
        if command:
            self._console.events.publish(CommandLogged(command=command, at=NOW))
        return view


class SeededReceipts:
    def __init__(self, rows: Iterable[ReceiptRow]) -> None:
        self.rows = list(rows)

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
    ) -> ReceiptPage:
        rows = [row for row in reversed(self.rows) if filter is None or filter.text in row.url]
        start = int(after or 0)
        more = start + limit < len(rows)
        return ReceiptPage(
            rows=tuple(rows[start : start + limit]), next=str(start + limit) if more else None, total=len(rows)
        )

    async def get(self, id: str) -> ReceiptDetail:  # noqa: A002
        number, row = next((number, row) for number, row in enumerate(self.rows) if row.id == id)
        fields = {
            "method": row.method,
            "reference": row.reference,
            "status": "success",
            "timestamp": row.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "challengeId": row.challenge_id,
        }
        return ReceiptDetail(
            row=row, fields=fields, external_id=None, operation=operation(number, row) if row.operation_id else None
        )

    async def spending(self, since: datetime, width: timedelta) -> tuple[SpendBucket, ...]:
        spent = (0, 0, 10, 0, 0, 0, 0, 25, 10, 0, 60, 20, 0, 0, 10, 10, 0, 35, 80, 10, 10, 0, 50, 20)
        return tuple(
            SpendBucket(start=since + number * width, amount=amount * 1_000, currency=PATH)
            for number, amount in enumerate(spent)
            if amount
        )

    def parse_filter(self, text: str) -> ReceiptFilter:
        if text.startswith("bad:"):
            raise MppError("the filter does not know bad:", code="filter", hint="known: origin status dir")
        return ReceiptFilter(text=text)


class SeededConsole:
    """Stands where `Console` does. `empty` is a fresh start: no receipts, server off."""

    def __init__(self, *, empty: bool = False, profile: ProfileView = SANDBOX) -> None:
        self.profile = profile
        self.events = EventBus()
        self.accounts = SeededAccounts()
        self.payments = SeededPayments(self)
        self.receipts = SeededReceipts([] if empty else history())
        self.unavailable = None if profile.kind == "sandbox" else "the test server runs in the sandbox only"
        self.server = SeededServer(self, running=not empty and profile.kind == "sandbox")
        self.allowances: list[object] = []
        self.started = self.closed = False
        self.in_flight = 0
        self.paths = 999_999_676_000 if not empty else 1_000_000_000_000
        self.spent = 0 if empty else 324_000

    async def start(self) -> None:
        self.started = True

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True

    def snapshot(self) -> ConsoleState:
        sandbox = self.profile.kind == "sandbox"
        spent = (Money(amount=self.spent, currency=PATH),) if self.spent else ()
        return ConsoleState(
            profile=self.profile,
            account=self.accounts.all[0] if self.accounts.all else None,
            balances=self._balances(),
            balances_at=NOW - timedelta(seconds=12),
            server=self.server.view(),
            in_flight=self.in_flight,
            spent_today=spent,
            spent_month=tuple(Money(amount=money.amount * 7, currency=money.currency) for money in spent),
            test_unavailable=None if sandbox else "Test payments use play money: they exist in the sandbox only.",
            fund_unavailable=None
            if sandbox
            else "This network has no faucet: mpp-console receive shows how to pay in.",
            started=self.started,
        )

    async def balances(self, refresh: bool = True, *, account: str | None = None) -> tuple[BalanceView, ...]:
        return self._balances()

    async def fund(self, *, account: str | None = None) -> FundResult:
        self.paths += 1_000_000_000_000
        balances = self._balances()
        self.events.publish(BalanceChanged(balances=balances, at=NOW))
        self.events.publish(CommandLogged(command="mpp-console fund", at=NOW))
        return FundResult(address=PAYER, references=(seeded_hash("fund"),), balances=balances)

    def policy(self) -> PolicyView:
        return PolicyView(lines=(("per payment", "at most 1.000000 pathUSD"), ("per day", "at most 10.000000 pathUSD")))

    def record(self, row: ReceiptRow) -> None:
        """A receipt happened."""
        self.receipts.rows.append(row)
        self.events.publish(ReceiptRecorded(row=row))
        self.events.publish(CommandLogged(command=f"mpp-console pay {row.url}", at=NOW))

    def serve(self, row: RequestRow) -> None:
        self.server.log.append(row)
        self.events.publish(RequestServed(row=row))

    def notice(self, text: str, level: str = "error") -> None:
        self.events.publish(Notice(level=cast("Any", level), text=text, at=NOW, command="mpp-console balance"))

    def _balances(self) -> tuple[BalanceView, ...]:
        at = NOW - timedelta(seconds=12)
        held = ((PATH, self.paths), (ALPHA, 999_997_500_000), (BETA, 1_000_000_000_000), (THETA, 0))
        return tuple(BalanceView(currency=currency, available=amount, at=at) for currency, amount in held)


def as_console(console: SeededConsole) -> Console:
    """The seeded console where the real one is asked for."""
    return cast("Console", console)
