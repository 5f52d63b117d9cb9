"""The parts of one profile, each made when first needed: history, accounts, chain, the paying engine, an HTTP client.

The services share one of these; front ends never see it. Whatever is slow to import or to open is loaded in a worker
thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mpp_console import __version__
from mpp_console.methods.connections import IDLE_SECONDS
from mpp_console.protocol import Currency, MppError
from mpp_console.services.commands import command_line
from mpp_console.services.errors import NoAccount
from mpp_console.services.events import CommandLogged, EventBus, Notice, NoticeLevel, ReceiptRecorded
from mpp_console.services.models import ErrorView
from mpp_console.services.once import Once, load
from mpp_console.services.open_keys import OpenKeys
from mpp_console.services.paths import ProfilePaths
from mpp_console.services.policy import Allowances, allowance, spending_policy
from mpp_console.services.profile import Profile
from mpp_console.services.sandbox import SandboxLock
from mpp_console.services.sandbox_keys import load_sandbox_keys
from mpp_console.services.session_parts import SessionParts
from mpp_console.services.settings import Settings
from mpp_console.services.views import error_view, receipt_row
from mpp_console.wallet.files import private_folder

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.events import PaymentEvent
    from mpp_console.client.origin import Origin
    from mpp_console.client.payments import Payments
    from mpp_console.client.policy import AutoAllow, SpendingPolicy
    from mpp_console.history import Database, HistoryJournal, HistoryQueries
    from mpp_console.methods.base import Payer
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.sandbox.node import SandboxNode
    from mpp_console.services.sandbox_keys import SandboxKeys
    from mpp_console.wallet.account_models import Account
    from mpp_console.wallet.accounts import Accounts

__all__ = ["Engine"]

SANDBOX_ACCOUNT: Final = "main"
"""The throw-away account that the sandbox makes on first use."""

_log = logging.getLogger(__name__)


class Engine:
    """Owns every part that must be closed. Belongs to one event loop."""

    def __init__(
        self,
        *,
        profile: Profile,
        settings: Settings,
        paths: ProfilePaths,
        account_folder: Path,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        passphrase: Callable[[str], str] | None,
        account: str | None,
        events: EventBus,
        counter: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.profile = profile
        self.settings = settings
        self.paths = paths
        self.account_folder = account_folder
        self.clock = clock
        self.new_id = new_id
        self.random_bytes = random_bytes
        self.passphrase = passphrase
        self.account_name = account
        self.events = events
        self.counter = counter
        self.network: Network = profile.network
        self.database: Once[Database] = Once(self._open_database)
        self.journal: Once[HistoryJournal] = Once(self._open_journal)
        self.queries: Once[HistoryQueries] = Once(self._open_queries)
        self.accounts: Once[Accounts] = Once(self._open_accounts)
        self.keys: Once[SandboxKeys] = Once(self._open_keys)
        self.node: Once[SandboxNode] = Once(self._start_node)
        self.chain: Once[Chain] = Once(self._open_chain)
        self.http: Once[httpx.AsyncClient] = Once(self._open_http)
        self.opened = OpenKeys(self.accounts, clock)
        self.sessions = SessionParts(self)
        self._allowances = Allowances(paths.allowances)
        self._allowed: tuple[AutoAllow, ...] = ()
        self._lock = SandboxLock(self.lock_path)
        self._payments: dict[tuple[str, str] | None, Payments] = {}
        self._background: set[asyncio.Task[None]] = set()
        self.on_change: Callable[[], None] = lambda: None

    # Talk ------------------------------------------------------------------------------------------------------------

    def log_command(self, *words: str, what: str = "") -> None:
        """Tells that an action is carried out, as the command that does the same; `what` says it where that does
        not.
        """
        self.log(command_line(self.profile.called, *words), what)

    def log(self, command: str, what: str = "") -> None:
        self.events.publish(CommandLogged(command=command, at=self.clock(), what=what))

    def notice(self, level: NoticeLevel, text: str, command: str | None = None) -> None:
        self.events.publish(Notice(level=level, text=text, at=self.clock(), command=command))

    def spawn(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        """Runs something in the background; its failure becomes a notice, and closing the engine ends it."""

        async def guarded() -> None:
            try:
                await work
            except MppError as error:
                self.notice("warn", f"{what}: {error}")
            except Exception:
                _log.exception("%s failed", what)
                self.notice("error", f"{what} failed; the log has the details")

        task = asyncio.create_task(guarded(), name=what)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    # Accounts and policy ---------------------------------------------------------------------------------------------

    async def account(self, name: str | None = None) -> Account | None:
        """The account of that name or address; for None the one chosen for this run, or the default one, if there is
        any.

        Raises NoSuchAccount for a name that is not there.
        """
        accounts = await self.accounts.get()
        wanted = name or self.account_name
        if wanted is None:
            return await asyncio.to_thread(accounts.default)
        return await asyncio.to_thread(accounts.get, wanted)

    async def require_account(self, name: str | None = None) -> Account:
        """The same; raises NoAccount also when there is none at all."""
        account = await self.account(name)
        if account is None:
            raise self._no_account()
        return account

    async def cannot_sign(self, name: str | None) -> ErrorView | None:
        """Why the account cannot pay at all; None when it can."""
        account = await self.account(name)
        if account is None:
            return error_view(self._no_account())
        if account.kind != "watch":
            return None
        return ErrorView(
            code="watch-only",
            kind="usage",
            message=f"{account.name} is watched only: its key is not here, so it cannot pay",
            hint="choose an account with a key: --account NAME",
        )

    def _no_account(self) -> NoAccount:
        create = command_line(self.profile.called, "accounts", "create", "main")
        return NoAccount(f"there is no account on {self.profile.label} yet", hint=f"make one: {create}")

    def policy(self) -> SpendingPolicy:
        """The spending policy in force now."""
        return spending_policy(self.settings.policy_of(self.profile.name), self.network, self._allowed)

    def allow_origin(
        self, *, origin: Origin, currency: Currency, per_payment: str, total: str, lasts: timedelta
    ) -> None:
        """Lets payments to an origin pass without a question from now on, and keeps that. Raises ParseError for bad
        amounts.
        """
        now = self.clock()
        rule = allowance(origin=origin, currency=currency, per_payment=per_payment, total=total, now=now, lasts=lasts)
        self._allowed = (*self._allowed, rule)

        async def keep() -> None:
            self._allowed = await asyncio.to_thread(self._allowances.add, rule, now)

        self.spawn(keep(), "keeping a permission")

    async def payments_for(self, account_name: str | None) -> Payments:
        """The paying engine for one account; without any account it quotes and signs nothing. Raises NoAccount."""
        account = await self.account(account_name)
        # The kind belongs to it: an address that was only watched may get its key later.
        who = None if account is None else (account.address, account.kind)
        if who not in self._payments:
            chain = await self.chain.get()
            journal = await self.journal.get()
            self._allowed = await asyncio.to_thread(self._allowances.load, self.clock())
            await load("mpp_console.client.auth", "mpp_console.methods.tempo.payer")
            from mpp_console.client.payments import Payments

            payers = await self._payers(account, chain)
            self._payments.setdefault(
                who,
                Payments(
                    payers=payers,
                    policy=self.policy,
                    journal=journal,
                    clock=self.clock,
                    new_id=self.new_id,
                    observe=self._observe,
                ),
            )
        return self._payments[who]

    async def quoting_payers(self, account_name: str | None) -> tuple[Payer, ...]:
        """Rails that can quote for an account, or for nobody. They sign nothing unless asked by `payments_for`."""
        return await self._payers(await self.account(account_name), await self.chain.get())

    async def _payers(self, account: Account | None, chain: Chain) -> tuple[Payer, ...]:
        from mpp_console.services.payers import AccountPayer, AccountSessionPayer

        over_channels = await self.sessions.payer(None if account is None else account.address)
        return AccountPayer(self, account, chain), AccountSessionPayer(self, account, over_channels)

    def _observe(self, event: PaymentEvent) -> None:
        from mpp_console.client.events import OutcomeLost, PaymentRefusedEvent, PaymentSettled

        if isinstance(event, PaymentSettled):
            self.events.publish(ReceiptRecorded(row=receipt_row(event.record)))
        if isinstance(event, PaymentSettled | PaymentRefusedEvent | OutcomeLost):
            self.on_change()

    # Making and closing ----------------------------------------------------------------------------------------------

    @property
    def lock_path(self) -> Path:
        return self.paths.folder.with_name(f"{self.paths.folder.name}.lock")

    async def _open_database(self) -> Database:
        await asyncio.to_thread(self._use_folder)
        await load("mpp_console.history")
        from mpp_console.history import Database

        return await Database.open(self.paths.history)

    async def _open_journal(self) -> HistoryJournal:
        database = await self.database.get()
        from mpp_console.history import HistoryJournal, RequestLimits

        kept = self.settings.history
        limits = RequestLimits(count=kept.requests, age=timedelta(days=kept.request_days))
        return HistoryJournal(database, clock=self.clock, limits=limits)

    async def _open_queries(self) -> HistoryQueries:
        database = await self.database.get()
        from mpp_console.history import HistoryQueries

        return HistoryQueries(database)

    async def _open_keys(self) -> SandboxKeys:
        return await asyncio.to_thread(load_sandbox_keys, self.paths.sandbox_keys, self.random_bytes)

    def _use_folder(self) -> None:
        """Makes the profile's folder, and says that this process uses the sandbox while it does."""
        if self.profile.is_sandbox:
            self._lock.share()
        private_folder(self.paths.folder)

    async def _open_accounts(self) -> Accounts:
        await asyncio.to_thread(self._use_folder)
        await load("mpp_console.wallet.accounts", "mpp_console.methods.tempo.keys")
        return await asyncio.to_thread(self._accounts_now)

    def _accounts_now(self) -> Accounts:
        from mpp_console.wallet.accounts import Accounts
        from mpp_console.wallet.directory import AccountExists
        from mpp_console.wallet.keystore import Passphrases

        accounts = Accounts(
            self.account_folder,
            chain_id=self.network.chain_id,
            clock=self.clock,
            passphrases=Passphrases(self.passphrase),
            random_bytes=self.random_bytes,
        )
        if self.profile.is_sandbox and not accounts.list():
            with suppress(AccountExists):  # another process was quicker; its account is the one
                accounts.create(SANDBOX_ACCOUNT, sandbox=True)
        return accounts

    async def _start_node(self) -> SandboxNode:
        await load("uvicorn", "mpp_console.sandbox.node")
        from mpp_console.sandbox.node import SandboxNode

        await asyncio.to_thread(self._use_folder)
        node = await asyncio.to_thread(
            SandboxNode, self.paths.sandbox, clock=self.clock, random_bytes=self.random_bytes
        )
        url = await node.start(port=0)
        self.network = self.network.with_overrides(rpc_url=url)
        return node

    async def _open_chain(self) -> Chain:
        if self.profile.is_sandbox:
            await self.node.get()
        url = self.network.rpc_url
        assert url is not None  # noqa: S101 - only the sandbox is without one, and its node runs now
        await load("mpp_console.methods.tempo.rpc")
        from mpp_console.methods.tempo.rpc import Web3Chain

        chain = Web3Chain(url)
        if self.profile.is_sandbox:
            await self._fund_newcomer(chain)
        return chain

    async def _fund_newcomer(self, chain: Chain) -> None:
        """Gives the sandbox's throw-away account its play money, once: on first use it holds nothing."""
        with suppress(MppError):  # a name that is not there is told where it matters
            account = await self.account()
            if account is not None and account.kind == "sandbox":
                held = await chain.balance(self.network.default_token, account.address)
                if held == 0:
                    await chain.fund(account.address)

    async def _open_http(self) -> httpx.AsyncClient:
        await load("httpx")
        return await asyncio.to_thread(_http_client)

    async def close(self) -> None:
        """Closes what was made, dependants first. Calling it twice is harmless."""
        self.opened.forget()
        for task in tuple(self._background):
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        http = await self.http.take()
        if http is not None:
            await http.aclose()
        chain = await self.chain.take()
        if chain is not None:
            await chain.aclose()
        node = await self.node.take()
        if node is not None:
            await node.stop()
        database = await self.database.take()
        if database is not None:
            await database.close()
        await self.accounts.take()
        await self.keys.take()
        self._lock.release()


def _http_client() -> httpx.AsyncClient:
    """Made in a thread: reading the certificates of the system takes tens of milliseconds."""
    import httpx

    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
    return httpx.AsyncClient(headers={"User-Agent": f"mpp-console/{__version__}"}, limits=limits)
