"""What the account holds and how more gets there: balances with their age, the faucet, the address
as text and QR code.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from mpp_console.protocol import MppError
from mpp_console.services.accounts import AccountsService, account_view
from mpp_console.services.errors import NoFaucet
from mpp_console.services.events import BalanceChanged
from mpp_console.services.models import AccountView, BalanceView, FundResult, ReceiveView

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.networks import Token
    from mpp_console.services.engine import Engine

__all__ = ["FundsService"]

_QUIET_ZONE = 2
"""Light modules around a QR code. The standard wants four; two are enough for every reader and fit small terminals."""


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
        """Reads the account in use again, if there is one."""
        if await self._engine.account() is not None:
            await self.read(None)

    async def read(self, name: str | None) -> tuple[BalanceView, ...]:
        """Balances of each token of the network. Raises NoAccount."""
        engine = self._engine
        account = await engine.require_account(name)
        chain = await engine.chain.get()
        views = tuple(
            await asyncio.gather(*(self._one(chain, token, account.address) for token in engine.network.tokens))
        )
        if name is None:
            self.account, self.balances, self.read_at = account_view(account), views, engine.clock()
            engine.events.publish(BalanceChanged(balances=views, at=self.read_at))
        return views

    async def _one(self, chain: Chain, token: Token, owner: str) -> BalanceView:
        try:
            available = await chain.balance(token.address, owner)
        except MppError as error:
            return BalanceView(currency=token.currency, available=None, error=error.message)
        return BalanceView(currency=token.currency, available=available, at=self._engine.clock())

    async def fund(self, name: str | None) -> FundResult:
        """Asks the faucet and waits until the money is there. Raises NoFaucet."""
        engine = self._engine
        account = await engine.require_account(name)
        if self.unavailable is not None:
            raise NoFaucet(self.unavailable, hint="see the address with: mpp-console receive")
        engine.log_command("fund")
        chain = await engine.chain.get()
        references = await chain.fund(account.address)
        return FundResult(address=account.address, references=references, balances=await self.read(name))

    async def receive(self, name: str | None) -> ReceiveView:
        """Address, URI (EIP-681) and QR code."""
        engine = self._engine
        account = await engine.require_account(name)
        uri = f"ethereum:{account.address}@{engine.network.chain_id}"
        note = "Play money only: this address exists in the sandbox." if engine.profile.is_sandbox else ""
        if engine.network.kind == "testnet":
            note = "Test money only."
        rows = await asyncio.to_thread(qr_rows, uri)
        return ReceiveView(address=account.address, uri=uri, qr_rows=rows, note=note)


def qr_rows(text: str) -> tuple[str, ...]:
    """A QR code as lines of half blocks, two rows of modules a line. Light modules are drawn, for terminals with a dark
    ground.
    """
    import segno

    matrix = [[bool(module) for module in row] for row in segno.make(text, error="m", micro=False).matrix]
    width = len(matrix) + 2 * _QUIET_ZONE
    empty = [False] * width
    rows = [empty] * _QUIET_ZONE
    rows += [[False] * _QUIET_ZONE + row + [False] * _QUIET_ZONE for row in matrix]
    rows += [empty] * (_QUIET_ZONE + width % 2)
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return tuple(
        "".join(blocks[upper, lower] for upper, lower in zip(rows[index], rows[index + 1], strict=True))
        for index in range(0, len(rows) - 1, 2)
    )
