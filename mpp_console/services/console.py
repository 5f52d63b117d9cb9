"""`Console`: one profile, wired, with everything that a person does in it. The front ends' single way in.

Opening is cheap and touches no network; the parts start when first needed, or all at once with `start`. Nothing here
draws.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from mpp_console.services.accounts import AccountsService
from mpp_console.services.deposits import deposit_lines
from mpp_console.services.engine import Engine
from mpp_console.services.events import EventBus
from mpp_console.services.first_run import FirstRun
from mpp_console.services.funds import FundsService
from mpp_console.services.models import (
    BalanceView,
    ConsoleState,
    FundResult,
    Money,
    PayRequest,
    PolicyView,
    ProfileView,
    ReceiveView,
)
from mpp_console.services.once import load
from mpp_console.services.paths import Paths
from mpp_console.services.payments import PaymentsService
from mpp_console.services.policy import check_currencies, policy_lines
from mpp_console.services.profile import find_profile, profile_names
from mpp_console.services.receipts import ReceiptsService
from mpp_console.services.sandbox import SandboxService
from mpp_console.services.server import ServerService
from mpp_console.services.session_parts import MODULES
from mpp_console.services.session_watch import SessionWatch
from mpp_console.services.sessions import SessionsService
from mpp_console.services.settings import Settings, load_settings
from mpp_console.services.spending import Spending
from mpp_console.services.transfers import TransfersService
from mpp_console.services.url_history import UrlHistory

if TYPE_CHECKING:
    from mpp_console.protocol import Secret
    from mpp_console.services.inspect import Decoding, Inspection, InspectReport

__all__ = ["Console"]

_WARM = (
    "mpp_console.history",
    "mpp_console.client.auth",
    "mpp_console.methods.tempo.payer",
    *MODULES,
    "mpp_console.methods.tempo.payee",
    "mpp_console.methods.tempo.rpc",
    "mpp_console.wallet.accounts",
    "mpp_console.wallet.balances",
    "mpp_console.wallet.transfers",
    "mpp_console.sandbox.node",
    "mpp_console.sandbox.demo",
    "mpp_console.sandbox.embedded",
    "mpp_console.services.tail",
    "mpp_console.server.stores.sqlite",
    "uvicorn.protocols.http.h11_impl",
    "anyio._backends._asyncio",
    "anyio.lowlevel",
    "anyio.streams.tls",
    "web3",
)
BALANCE_SECONDS = 30.0
"""How often balances are read while nothing happens here."""

RETRY_SECONDS = 15.0
"""How often operations of unknown outcome are asked about while there are any: a payment's last moment is 25 s away."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _random_id() -> str:
    return secrets.token_hex(16)


class Console:
    """One opened profile.

    `events` tells what happens; `snapshot()` gives what the screens may draw at once. `accounts`, `payments`,
    `transfers`, `sessions`, `server` and `receipts` hold the calls of their concern. Every failure is an `MppError`
    that says what to do next.
    """

    def __init__(self, engine: Engine, paths: Paths) -> None:
        self._engine = engine
        self.paths = paths
        self.settings: Settings = engine.settings
        self.events: EventBus = engine.events
        self.accounts = AccountsService(engine)
        self.receipts = ReceiptsService(engine)
        self.server = ServerService(engine)
        self.payments = PaymentsService(engine, self.server)
        self.transfers = TransfersService(engine)
        self.sessions = SessionsService(engine, self.receipts)
        self.sandbox = SandboxService(engine)
        self.urls = UrlHistory(engine.paths.urls)
        self.first_run = FirstRun(engine, paths)
        self._funds = FundsService(engine, self.accounts)
        self._spending = Spending(engine)
        self._session_watch = SessionWatch(engine, self.sessions)
        self._starting: asyncio.Task[None] | None = None
        self._unresolved = 0
        engine.on_change = self._refresh_soon

    @classmethod
    async def open(
        cls,
        profile: str | None = None,
        *,
        settings: Settings | None = None,
        paths: Paths | None = None,
        clock: Callable[[], datetime] = _utc_now,
        new_id: Callable[[], str] = _random_id,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        passphrase: Callable[[str], str] | None = None,
        rpc_url: str | None = None,
        account: str | None = None,
        badge: str = "",
        option: str = "",
    ) -> Self:
        """Opens a profile without starting anything: a few file reads.

        `profile` None is the one of the settings. `settings` and `paths` default to the person's own (see
        `MPP_CONSOLE_HOME`). `passphrase` is asked, in a worker thread, with a question, when a key file must be opened.
        `rpc_url` overrides the profile's node, `account` its default account, `badge` the word that the screens show
        for it, `option` what opens it on the command line where its name does not. Raises SettingsError for settings
        that do not hold, UnknownProfile for a name that is neither built in nor set up.
        """
        places = paths or Paths.find()
        settings = settings or load_settings(places.settings)
        found = replace(
            find_profile(profile or settings.profile, settings, rpc_url=rpc_url), badge=badge, option=option
        )
        networks = [find_profile(name, settings).network for name in profile_names(settings)]
        for rules in (settings.policy, *settings.policies.values()):
            check_currencies(rules, networks)
        check_currencies(settings.sessions, networks)
        engine = Engine(
            profile=found,
            settings=settings,
            paths=places.profile(found.name),
            account_folder=places.accounts(sandbox=found.is_sandbox),
            clock=clock,
            new_id=new_id,
            random_bytes=random_bytes,
            passphrase=passphrase,
            account=account or settings.account,
            events=EventBus(),
        )
        return cls(engine, places)

    async def start(self) -> None:
        """Starts what the profile needs: history, accounts, and in the sandbox its node, with a funded account on first
        start.

        Then settles what an earlier run left unresolved, and reads the balances. Calling it twice is harmless. What
        cannot be had (a node that does not answer) becomes a Notice; the rest works.
        """
        if self._starting is None or _failed(self._starting):
            self._starting = asyncio.create_task(self._start(), name="start")
        await asyncio.shield(self._starting)

    async def warm(self) -> None:
        """Loads the heavy libraries in a thread, so that the first payment does not pay for their import. Never blocks
        the loop.
        """
        for name in _WARM:
            await load(name)
        await self._engine.http.get()

    async def close(self) -> None:
        """Ends payments in flight as far as that is safe, stops servers, closes the history. Calling it twice is
        harmless.
        """
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        await self.payments.close()
        await self.transfers.close()
        await self.sessions.close()
        await self.receipts.close()
        await self.server.stop()
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def profile(self) -> ProfileView:
        """The world in force; in the sandbox its RPC address is known once the node runs."""
        return self._engine.profile.view(self._engine.network.rpc_url)

    def snapshot(self) -> ConsoleState:
        """What is known right now, from memory: never waits, cheap enough for every frame."""
        account = self._funds.account
        held = self.sessions.held(None if account is None else account.address)
        return ConsoleState(
            profile=self.profile,
            account=self._funds.account,
            balances=self._funds.balances,
            balances_at=self._funds.read_at,
            server=self.server.view(),
            in_flight=self.payments.in_flight + self.transfers.in_flight + self.sessions.in_flight,
            spent_today=self._spending.today,
            spent_month=self._spending.month,
            test_unavailable=self.payments.test_unavailable,
            fund_unavailable=self._funds.unavailable,
            unresolved=self._unresolved,
            started=self._starting is not None and self._starting.done() and not _failed(self._starting),
            locked=tuple(Money(amount=sums.locked - sums.pending_refund, currency=sums.currency) for sums in held),
            at_risk=tuple(Money(amount=sums.at_risk, currency=sums.currency) for sums in held),
            pending_refund=tuple(Money(amount=sums.pending_refund, currency=sums.currency) for sums in held),
            channels=self.sessions.view().totals,
            stale_channels=len(self.sessions.view().stale),
            budget=self._spending.budget,
        )

    async def balances(self, refresh: bool = True, *, account: str | None = None) -> tuple[BalanceView, ...]:
        """What the account (default: the one in use) holds of each token of the network.

        A token that could not be asked has the reason in `error`, and what was read last, if ever. `refresh=False`
        gives the cached values of the account in use. Raises NoAccount when there is no account.
        """
        return await self._funds.read(account) if refresh or account is not None else self._funds.balances

    async def fund(self, *, account: str | None = None) -> FundResult:
        """Asks the network's faucet for test money and waits for it. Raises NoFaucet, with the way to fund, on other
        networks.
        """
        return await self._funds.fund(account)

    async def receive(self, *, account: str | None = None) -> ReceiveView:
        """How to pay this account. Raises NoAccount."""
        return await self._funds.receive(account)

    async def inspect(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        follow_redirects: bool = False,
        patience: float = 30.0,
        inspection: Inspection | None = None,
    ) -> InspectReport:
        """An unpaid request to `url`, its answer decoded and judged. Nothing is signed or paid; no key is needed.

        `inspection` asks for more than one request. Raises RequestFailed when no answer came within `patience` seconds.
        """
        from mpp_console.services.inspect import Inspection, inspect_url
        from mpp_console.services.inspect_text import inspect_command

        wishes = inspection or Inspection()
        request = PayRequest(
            url=url,
            method=method,
            headers=headers,
            body=body,
            follow_redirects=follow_redirects,
            timeout=patience,
        )
        self._engine.log(inspect_command(self._engine.profile.called, request, wishes))
        return await inspect_url(self._engine, request, wishes)

    async def decode(self, text: str, *, secret: Secret[bytes] | None = None) -> Decoding:
        """What a pasted text is: a header line, credential, receipt, response, curl command, HAR or JSON-RPC error.

        No request is made; the offers in it are quoted. `secret` is the server's own, to check challenge ids with.
        Never raises for the text.
        """
        from mpp_console.services.inspect import decode_text

        return await decode_text(self._engine, text, secret=secret)

    def policy(self) -> PolicyView:
        """The spending policy in force, for people. Raises SettingsError for one that does not hold."""
        found = policy_lines(self._engine.policy(), self._engine.network)
        return replace(found, lines=(*found.lines, *deposit_lines(self.settings.sessions, self._engine.network)))

    # -----------------------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        engine = self._engine
        engine.policy()  # a policy that does not hold must stop us before anything can be spent
        await engine.journal.get()
        await self._spending.read()
        await self.sessions.load()
        await self.accounts.list()
        engine.spawn(self._settle_unresolved(), "looking after open payments")
        engine.spawn(self._session_watch.run(), "looking after channels")
        engine.spawn(self._keep_balances(), "reading balances")
        account = await engine.account()
        if account is None:
            engine.notice("info", "There is no account yet.", "mpp-console accounts create main")
        else:
            await self._funds.read(None)

    async def _settle_unresolved(self) -> None:
        """Asks about what was left open now, and again while anything is."""
        while True:
            for operation in (*await self.payments.recover(), *await self.transfers.recover()):
                whom = operation.url or operation.recipient
                text = f"an earlier {operation.kind} to {whom} turned out {operation.state}"
                self._engine.notice("info", text, "mpp-console receipts list")
            self._unresolved = len(await self.payments.unresolved())
            await self._spending.keep_fresh()
            await asyncio.sleep(RETRY_SECONDS)

    async def _keep_balances(self) -> None:
        """Reads the balances now and then: money may come in without our doing."""
        while True:
            await asyncio.sleep(BALANCE_SECONDS)
            await self._funds.refresh()

    def _refresh_soon(self) -> None:
        """Money moved, or another account is in use: the sums and the balances on the screens are old."""

        async def refresh() -> None:
            await self._spending.read()
            self._unresolved = len(await self.payments.unresolved())
            await self.sessions.load()
            await self._funds.refresh()

        if self._starting is not None:
            self._engine.spawn(refresh(), "reading balances")


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
