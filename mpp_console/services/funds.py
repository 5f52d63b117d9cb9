"""What the account holds and how more gets there: balances with their age, the faucet, the address
as text and QR code.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mpp_console.protocol import inert
from mpp_console.services.accounts import AccountsService, account_view
from mpp_console.services.errors import NoFaucet
from mpp_console.services.events import BalanceChanged
from mpp_console.services.models import AccountView, BalanceView, FundResult, ReceiveView
from mpp_console.services.once import load

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine
    from mpp_console.wallet.balances import Balance

__all__ = ["FundsService"]


class FundsService:
    """Keeps what was read last of the account in use; reading it again publishes `BalanceChanged`."""

    def __init__(self, engine: Engine, accounts: AccountsService) -> None:
        self._engine = engine
        self._accounts = accounts
        self.account: AccountView | None = None
        self.balances: tuple[BalanceView, ...] = ()
        self.read_at: datetime | None = None

    @property
    def unavailable(self) -> str | None:
        """Why there is no faucet here; None when there is one."""
        if self._engine.network.faucet:
            return None
        return f"{self._engine.profile.label} gives no test money; send tokens to your address instead"

    async def refresh(self) -> None:
        """Reads the account in use again; without any account there is nothing to hold."""
        if await self._engine.account() is not None:
            await self.read(None)
        elif self.account is not None:
            self.account, self.balances, self.read_at = None, (), None
            self._engine.events.publish(BalanceChanged(balances=(), at=self._engine.clock()))

    async def read(self, name: str | None) -> tuple[BalanceView, ...]:
        """Balances of each token of the network; what cannot be read now is what was read last. Raises NoAccount."""
        engine = self._engine
        account = await engine.require_account(name)
        chain = await engine.chain.get()
        await load("mpp_console.wallet.balances")
        from mpp_console.wallet.balances import read_balances

        found = await read_balances(chain, engine.network, account.address, clock=engine.clock)
        views = tuple(_balance_view(item) for item in found)
        if name is None:
            if self.account is not None and self.account.address == account.address:
                views = tuple(self._or_last_known(view) for view in views)
            self.account, self.balances, self.read_at = account_view(account), views, engine.clock()
            engine.events.publish(BalanceChanged(balances=views, at=self.read_at))
        return views

    def _or_last_known(self, view: BalanceView) -> BalanceView:
        """What could not be read now keeps its last value, with the age that it has, and says why."""
        if view.available is not None:
            return view
        before = next((old for old in self.balances if old.currency.id == view.currency.id), view)
        return replace(before, error=view.error)

    async def fund(self, name: str | None) -> FundResult:
        """Asks the faucet and waits until the money is there. Raises NoFaucet."""
        engine = self._engine
        account = await engine.require_account(name)
        if self.unavailable is not None:
            raise NoFaucet(self.unavailable, hint="see the address with: mpp-console receive")
        engine.log_command("fund")
        chain = await engine.chain.get()
        await load("mpp_console.wallet.funding", "mpp_console.methods.tempo.push")
        from mpp_console.wallet.funding import fund

        done = await fund(chain, engine.network, account.address, clock=engine.clock)
        if done.failed or done.pending:
            engine.notice(
                "warn", f"{len(done.failed)} transfers of the faucet failed, {len(done.pending)} are not there yet"
            )
        return FundResult(address=account.address, references=done.references, balances=await self.read(name))

    async def receive(self, name: str | None) -> ReceiveView:
        """Address, URI (EIP-681) and QR code, drawn in a worker thread."""
        account = await self._engine.require_account(name)
        from mpp_console.wallet.funding import receiving

        found = await asyncio.to_thread(receiving, self._engine.network, account.address)
        return ReceiveView(address=found.address, uri=found.uri, qr_rows=found.qr_rows, note=found.note)


def _balance_view(balance: Balance) -> BalanceView:
    error = None if balance.error is None else inert(balance.error, limit=500)
    return BalanceView(currency=balance.currency, available=balance.available, at=balance.at, error=error)
