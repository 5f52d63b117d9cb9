"""A console with a fixed, seeded state behind the same calls as the real one: what snapshots and screenshots are
drawn from.

Clock, ids and amounts never change, so neither does a picture. Payments move only when a test lets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, cast

from mpp_console.protocol import Currency, MppError
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
    Check,
    ConsoleState,
    ErrorView,
    FundResult,
    LegTiming,
    Level,
    Mode,
    Money,
    OfferView,
    OperationView,
    PayRequest,
    PayResult,
    PolicyView,
    ProblemView,
    ProfileView,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptPage,
    ReceiptRow,
    ReceiptView,
    RequestRow,
    ReviewView,
    RouteOutcome,
    RouteView,
    ServerView,
    SpendBucket,
    Stage,
    Transfer,
)

NOW = datetime(2026, 3, 14, 12, 4, 30, tzinfo=UTC)
PATH = Currency(id="0x20C0000000000000000000000000000000000000", symbol="pathUSD", decimals=6)
ALPHA = Currency(id="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", decimals=6)
BETA = Currency(id="0x20C0000000000000000000000000000000000002", symbol="BetaUSD", decimals=6)
THETA = Currency(id="0x20C0000000000000000000000000000000000003", symbol="ThetaUSD", decimals=6)
PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
SANDBOX = ProfileView(name="sandbox", kind="sandbox", chain_id=1337, label="Sandbox", badge="SANDBOX")
MAINNET = ProfileView(
    name="mainnet",
    kind="mainnet",
    chain_id=4217,
    label="Tempo mainnet",
    badge="MAINNET",
    explorer="https://explorer.example",
)
URL = "http://127.0.0.1:4021"
STRANGER = "https://api.example.com"


def seeded_hash(*parts: object) -> str:
    """A transaction hash that is always the same for the same words."""
    return "0x" + sha256("/".join(map(str, parts)).encode()).hexdigest()


def routes() -> tuple[RouteView, ...]:
    """The demo API as the seeded server offers it."""

    def route(path: str, note: str, amount: int = 10_000, **more: Any) -> RouteView:
        values: dict[str, Any] = {"method": "GET", "rail": "tempo", "intent": "charge", "currency": PATH} | more
        return RouteView(path=path, amount=amount, note=note, **values)

    return (
        route("/free", "costs nothing", 0, rail="", intent=""),
        route("/charge", "one call", hits=14, revenue=140_000),
        route("/echo", "charges for a body", method="POST", hits=3, revenue=30_000),
        route("/sponsored", "the server pays the fee", hits=2, revenue=20_000),
        route("/split", "three recipients", 50_000, hits=1, revenue=50_000),
        route("/push-only", "the client broadcasts", hits=1, revenue=10_000),
        route("/pull-only", "the server broadcasts", hits=1, revenue=10_000),
        route("/zero", "a proof, no money", 0, hits=1),
        route("/two-offers", "pathUSD or AlphaUSD", 20_000),
        route("/slow", "answers after 2 s", hits=1, revenue=10_000),
        route("/faults/expired", "an expired challenge", fault="expired", hits=1),
        route("/faults/wrong-amount", "asks for more than agreed", fault="wrong-amount"),
        route("/faults/bad-recipient", "a broken recipient", fault="bad-recipient"),
        route("/faults/server-error", "500 after payment", fault="server-error"),
        route("/faults/no-receipt", "200 without receipt", fault="no-receipt"),
    )


def receipt_row(number: int, at: datetime, *, direction: str = "sent", **more: Any) -> ReceiptRow:
    """One receipt of the seeded history."""
    values: dict[str, Any] = {
        "origin": URL,
        "url": f"{URL}/charge",
        "method": "tempo",
        "intent": "charge",
        "amount": 10_000,
        "currency": PATH,
        "network": "sandbox",
        "status": "success",
        "reference": seeded_hash("tx", number),
        "challenge_id": "ch_" + seeded_hash("challenge", number)[2:26],
        "operation_id": f"op{number:04d}",
        "payer": PAYER,
        "recipient": PAYEE,
    }
    return ReceiptRow(id=f"rc{number:04d}", at=at, direction=cast("Any", direction), **(values | more))


def history() -> list[ReceiptRow]:
    """37 receipts, oldest first, over two days."""
    paths = ("/charge", "/charge", "/split", "/echo", "/charge", "/sponsored")
    amounts = {"/split": 50_000}
    rows = []
    for number in range(37):
        at = NOW - timedelta(minutes=47 * (36 - number) + (number % 7), seconds=11 * (number % 5) + 8)
        path = paths[number % len(paths)]
        more: dict[str, Any] = {"url": URL + path, "amount": amounts.get(path, 10_000)}
        direction = "received" if number % 4 == 3 else "sent"
        if number % 11 == 5:
            more = {"origin": STRANGER, "url": f"{STRANGER}/v1/search", "amount": 2_500, "currency": ALPHA}
            direction = "sent"
        if number == 30:
            more |= {"url": f"{URL}/zero", "amount": 0}
        rows.append(receipt_row(number, at, direction=direction, **more))
    return rows


def requests() -> list[RequestRow]:
    """What the seeded server answered lately, oldest first."""
    spec = (
        ("GET", "/free", 200, "free", None, 2.1),
        ("GET", "/charge", 402, "challenged", 10_000, 3.4),
        ("GET", "/charge", 200, "paid", 10_000, 41.0),
        ("POST", "/echo", 402, "challenged", 10_000, 3.9),
        ("POST", "/echo", 200, "paid", 10_000, 44.2),
        ("GET", "/charge", 402, "replayed", 10_000, 5.0),
        ("GET", "/split", 402, "challenged", 50_000, 3.1),
        ("GET", "/split", 200, "paid", 50_000, 52.8),
        ("GET", "/faults/expired", 402, "rejected", 10_000, 4.4),
        ("GET", "/slow", 200, "paid", 10_000, 2047.5),
    )
    rows = []
    for number, (method, path, status, outcome, amount, took) in enumerate(spec):
        paid = outcome == "paid"
        rows.append(
            RequestRow(
                id=f"rq{number:04d}",
                at=NOW - timedelta(seconds=9 * (len(spec) - number)),
                method=method,
                path=path,
                status=status,
                outcome=outcome,
                amount=amount,
                currency=PATH if amount is not None else None,
                payer=PAYER if paid else None,
                reference=seeded_hash("request", number) if paid else None,
                challenge_id="ch_" + seeded_hash("challenge", number)[2:26] if amount is not None else None,
                milliseconds=took,
            )
        )
    return rows


def offer(**more: Any) -> OfferView:
    """What a stranger asks for; by default payable."""
    values: dict[str, Any] = {
        "challenge_id": "ch_" + seeded_hash("stranger")[2:26],
        "method": "tempo",
        "intent": "charge",
        "usable": True,
        "chosen": True,
        "reason": "",
        "amount": 250_000,
        "currency": PATH,
        "recipient": PAYEE,
        "transfers": (Transfer(recipient=PAYEE, amount=250_000),),
        "network": "sandbox",
        "chain_id": 1337,
        "mode": Mode.PULL,
        "payer": PAYER,
        "expires_at": NOW + timedelta(minutes=4, seconds=32),
        "fee": 1_240,
        "fee_currency": PATH,
        "balance": 999_999_676_000,
        "checks": (
            Check(code="chain", level=Level.OK, message="the chain is the one of this profile"),
            Check(code="balance", level=Level.OK, message="the balance covers amount and fee"),
        ),
    }
    return OfferView(**(values | more))


def review(**more: Any) -> ReviewView:
    """A review of that offer."""
    chosen = more.pop("offer", offer())
    dear = offer(
        challenge_id="ch_other",
        chosen=False,
        usable=True,
        amount=260_000,
        currency=ALPHA,
        reason="pathUSD is preferred",
    )
    values: dict[str, Any] = {
        "id": "rv0001",
        "origin": STRANGER,
        "url": f"{STRANGER}/v1/search?q=tempo",
        "http_method": "GET",
        "realm": "api.example.com",
        "offer": chosen,
        "offers": tuple(item for item in (chosen, dear) if item is not None),
        "verdict": "confirm",
        "reasons": (
            Check(code="confirm", level=Level.WARN, message="paying 0.250000 pathUSD needs your confirmation"),
        ),
        "server_says": "One search over 40 million pages, results as JSON",
        "insecure_loopback": False,
        "command": f"mpp-console pay '{STRANGER}/v1/search?q=tempo' --max-amount 0.25",
    }
    return ReviewView(**(values | more))


def operation(number: int, row: ReceiptRow) -> OperationView:
    """The journal's side of a receipt."""
    return OperationView(
        id=f"op{number:04d}",
        kind="charge",
        state="settled",
        created_at=row.at - timedelta(milliseconds=640),
        updated_at=row.at,
        origin=row.origin,
        url=row.url,
        method=row.method,
        intent=row.intent,
        amount=row.amount or 0,
        currency=row.currency or PATH,
        recipient=row.recipient or PAYEE,
        payer=row.payer or PAYER,
        network=row.network,
        chain_id=1337,
        mode="pull",
        reference=row.reference,
        challenge_id=row.challenge_id,
        error=None,
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
        self.next_review: ReviewView | None = review()
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


def paid_result(url: str, view: ReviewView | None) -> PayResult:
    row = receipt_row(99, NOW, url=url, origin=STRANGER, amount=250_000)
    return PayResult(
        stage=Stage.DONE,
        url=url,
        http_method="GET",
        paid=True,
        status=200,
        headers=(("content-type", "application/json"),),
        body=b'{"results":[{"title":"Tempo","score":0.97},{"title":"Payment channels","score":0.81}]}',
        receipt=ReceiptView(
            method="tempo", reference=row.reference, status="success", timestamp="2026-03-14T12:04:30.000Z"
        ),
        receipt_id=row.id,
        operation=operation(99, row),
        review=view,
        timings=(LegTiming(leg="challenge", milliseconds=12.0), LegTiming(leg="pay", milliseconds=27.0)),
        problem=None,
        error=None,
    )


def refused_result(url: str) -> PayResult:
    problem = ProblemView(
        type="https://paymentauth.org/problems/verification-failed",
        slug="verification-failed",
        title="Verification Failed",
        status=402,
        detail="the transfer pays 0.250000 to another recipient",
    )
    error = ErrorView(
        code="refused", message="the server refused the payment; nothing was taken", hint="ask the URL again"
    )
    return replace(
        paid_result(url, None),
        stage=Stage.FAILED,
        paid=False,
        status=402,
        receipt=None,
        receipt_id=None,
        problem=problem,
        operation=None,
        error=error,
        body=b"",
    )


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
        return ReceiptDetail(row=row, fields=fields, external_id=None, operation=operation(number, row))

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
