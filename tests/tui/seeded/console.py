"""The seeded console: where `Console` stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from mpp_console.client.policy import SpendingPolicy
from mpp_console.methods.tempo.networks import SANDBOX as SANDBOX_NETWORK
from mpp_console.protocol import Currency
from mpp_console.services import Console, EventBus
from mpp_console.services.events import (
    BalanceChanged,
    CommandLogged,
    Notice,
    ReceiptRecorded,
    RequestServed,
)
from mpp_console.services.models import (
    BalanceView,
    BudgetView,
    ConsoleState,
    FundResult,
    Money,
    PolicyView,
    ProfileView,
    ReceiptRow,
    ReceiveView,
    RequestRow,
)
from mpp_console.services.spending import budgets
from mpp_console.wallet.funding import qr_rows
from tests.tui.seeded.accounts import SeededAccounts
from tests.tui.seeded.inspect import SeededInspector
from tests.tui.seeded.payments import SeededPayments
from tests.tui.seeded.receipts import SeededReceipts
from tests.tui.seeded.server import SeededServer
from tests.tui.seeded.sessions import SeededSessions
from tests.tui.seeded.transfers import SeededTransfers
from tests.tui.seeds import HELD, NOW, PATH, PAYER, SANDBOX, history, seeded_hash

FAUCET = 1_000_000_000_000


class SeededConsole:
    """Stands where `Console` does. `empty` is a fresh start: no receipts, server off."""

    def __init__(self, *, empty: bool = False, profile: ProfileView = SANDBOX) -> None:
        self.profile = profile
        self.events = EventBus()
        self.accounts = SeededAccounts(self.events)
        self.transfers = SeededTransfers(self)
        self.payments = SeededPayments(self)
        self.receipts = SeededReceipts([] if empty else history())
        self.sessions = SeededSessions(self, empty=empty)
        self.unavailable = None if profile.kind == "sandbox" else "the test server runs in the sandbox only"
        self.server = SeededServer(self, running=not empty and profile.kind == "sandbox")
        self.inspector = SeededInspector(visited=not empty)
        self.inspect, self.decode, self.urls = self.inspector.inspect, self.inspector.decode, self.inspector.urls
        self.allowances: list[object] = []
        self.started = self.closed = False
        self.in_flight = 0
        self.first_run = SeededFirstRun()
        self.locked: tuple[Money, ...] = ()
        self.at_risk: tuple[Money, ...] = ()
        self.pending_refund: tuple[Money, ...] = ()
        self.rules = SpendingPolicy(per_day={PATH.id: 10_000_000})
        self.unreachable: str | None = None
        self.read_at = NOW - timedelta(seconds=12)
        self.held = {currency.id: amount for currency, amount in HELD}
        if empty:
            self.held = dict.fromkeys(self.held, FAUCET)

    async def start(self) -> None:
        self.started = True

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True

    def snapshot(self) -> ConsoleState:
        sandbox = self.profile.kind == "sandbox"
        return ConsoleState(
            profile=self.profile,
            account=self.accounts.in_use,
            balances=self._balances() if self.accounts.all else (),
            balances_at=NOW - timedelta(seconds=12),
            server=self.server.view(),
            in_flight=self.in_flight,
            spent_today=self._spent(timedelta(days=1)),
            spent_month=self._spent(timedelta(days=30)),
            test_unavailable=None if sandbox else "Test payments use play money: they exist in the sandbox only.",
            fund_unavailable=None
            if sandbox
            else "This network has no faucet: mpp-console receive shows how to pay in.",
            started=self.started,
            locked=self.locked,
            at_risk=self.at_risk,
            pending_refund=self.pending_refund,
            channels=self.sessions.view().totals,
            stale_channels=len(self.sessions.view().stale),
            budget=self._budget(),
        )

    async def receive(self, *, account: str | None = None) -> ReceiveView:
        address = (await self.accounts.get(account)).address
        uri = f"ethereum:{address}@{self.profile.chain_id}"
        note = f"Only tokens of {self.profile.label} (chain {self.profile.chain_id}): pathUSD, AlphaUSD."
        return ReceiveView(address=address, uri=uri, qr_rows=qr_rows(uri), note=note)

    async def balances(self, refresh: bool = True, *, account: str | None = None) -> tuple[BalanceView, ...]:
        return self._balances()

    async def fund(self, *, account: str | None = None) -> FundResult:
        self.held = {currency: amount + FAUCET for currency, amount in self.held.items()}
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
        return tuple(
            BalanceView(currency=currency, available=self.held[currency.id], at=self.read_at, error=self.unreachable)
            for currency, _ in HELD
        )

    def _budget(self) -> tuple[BudgetView, ...]:
        today, month = (self._spent(timedelta(days=days)) for days in (1, 30))
        return budgets(self.rules, SANDBOX_NETWORK, today, month) if self.started else ()

    def _spent(self, window: timedelta) -> tuple[Money, ...]:
        spent: dict[Currency, int] = {}
        for row in self.receipts.rows:
            if row.direction == "sent" and row.at >= NOW - window and row.amount and row.currency:
                spent[row.currency] = spent.get(row.currency, 0) + row.amount
        return tuple(Money(amount=amount, currency=currency) for currency, amount in spent.items())


class SeededFirstRun:
    """Nobody is new here, unless a test says so."""

    def __init__(self) -> None:
        self.due = False
        self.times_toured = 0

    async def tour_due(self) -> bool:
        return self.due

    async def toured(self) -> None:
        self.due = False
        self.times_toured += 1


def as_console(console: SeededConsole) -> Console:
    """The seeded console where the real one is asked for."""
    return cast("Console", console)
