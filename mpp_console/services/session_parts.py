"""What sessions need of the engine: the channel book, the leases, a way to servers, limits for deposits, a manager.

One of each for a profile, made when first needed, so that payments and acts of this process wait for one another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.protocol import ChannelFact, ChannelState, format_units
from mpp_console.services.deposits import deposit_policy, listed_refusal
from mpp_console.services.models import ErrorView
from mpp_console.services.once import Once, load

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.sessions.leases import ScopeLeases
    from mpp_console.client.sessions.lifecycle import SessionManager
    from mpp_console.client.sessions.management import HttpManagement
    from mpp_console.history.channels import HistoryChannels
    from mpp_console.methods.tempo.client_channel import ClientChannel
    from mpp_console.methods.tempo.keys import Signer
    from mpp_console.methods.tempo.session_payer import SessionPayer
    from mpp_console.methods.tempo.session_plan import DepositPolicy
    from mpp_console.services.engine import Engine

__all__ = ["MODULES", "SessionParts"]

MODULES = (
    "mpp_console.history.channels",
    "mpp_console.methods.tempo.session_payer",
    "mpp_console.client.sessions.leases",
    "mpp_console.client.sessions.lifecycle",
    "mpp_console.client.sessions.management",
    "mpp_console.client.sessions.totals",
)

_GLANCE = 1.0
"""Seconds that a lease lasts which is only taken to see whether somebody holds it."""


class SessionParts:
    """Belongs to one engine, which closes what this is made of."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.book: Once[HistoryChannels] = Once(self._open_book)
        self.leases: Once[ScopeLeases] = Once(self._open_leases)
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def manager(
        self, signers: Mapping[str, Signer], leaving: Callable[[str], None] = lambda channel_id: None
    ) -> SessionManager:
        """Manages channels with these keys, by the address of their account; see `SessionManager`."""
        engine = self._engine
        book, leases, chain = await self.book.get(), await self.leases.get(), await engine.chain.get()
        from mpp_console.client.sessions.lifecycle import SessionManager

        return SessionManager(
            book=book,
            leases=leases,
            chain=chain,
            network=engine.network,
            clock=engine.clock,
            signer_of=signers.get,
            management=self.management(),
            random_bytes=engine.random_bytes,
            sleep=self.sleep,
            leaving=leaving,
        )

    async def payer(self, address: str | None) -> SessionPayer:
        """Quotes for an account; it signs with the key that `with_key` gives it."""
        engine = self._engine
        book, leases, chain = await self.book.get(), await self.leases.get(), await engine.chain.get()
        for token in engine.network.tokens:
            self.deposits(token.address)  # limits that do not hold must stop us before anything is locked
        from mpp_console.methods.tempo.session_payer import SessionPayer

        return SessionPayer(
            signer=None,
            address=address,
            chain=chain,
            network=engine.network,
            clock=engine.clock,
            book=book,
            leases=leases,
            management=self.management(),
            deposits=self.deposits,
            trusted_escrows=frozenset(engine.settings.sessions.escrows),
            random_bytes=engine.random_bytes,
            sleep=self.sleep,
        )

    def deposits(self, token: str) -> DepositPolicy:
        """How much of a token may be locked for one payee, by the settings."""
        return deposit_policy(self._engine.settings.sessions, self._engine.network, token)

    @property
    def idle(self) -> timedelta:
        """For how long a channel may go unused before somebody should look at it."""
        return timedelta(days=self._engine.settings.sessions.idle_days)

    def refusal(self, channel: ClientChannel, amount: int) -> ErrorView | None:
        """Why the settings do not allow to lock `amount` more in a channel by hand; None when they do.

        The lists of the spending policy hold here too. Its limits count what is paid, and nothing is paid yet.
        """
        engine = self._engine
        limit = self.deposits(channel.token).maximum
        unused = max(channel.deposit - channel.owed, 0) if channel.state.holds_money else 0
        if limit is not None and unused + amount > limit:
            symbol, decimals = channel.currency.symbol, channel.currency.decimals
            room = format_units(max(limit - unused, 0), decimals)
            message = f"your limit for deposits of {format_units(limit, decimals)} {symbol} leaves {room} {symbol}"
            return ErrorView(code="deposit-limit", kind="payment", message=message, hint="raise [sessions.maximum]")
        return listed_refusal(engine.policy(), channel, engine.clock())

    async def mark_left_behind(self, rows: Iterable[ClientChannel]) -> bool:
        """Makes openings `unknown` that no living process has under way: only the chain can say what became of them.

        True when there were any.
        """
        book, now = await self.book.get(), self._engine.clock()
        from mpp_console.client.sessions.owners import new_owner
        from mpp_console.methods.tempo.client_channel import ChannelEntry, LeaseLost

        def lost(row: ClientChannel) -> ClientChannel:
            return row.after(ChannelFact.LOST, now) if row.state is ChannelState.OPENING else row

        found = False
        for row in rows:
            if row.state is not ChannelState.OPENING:
                continue
            lease = await book.acquire(row.scope, new_owner(), seconds=_GLANCE)
            if lease is None:
                continue  # somebody is paying with it right now
            try:
                entry = ChannelEntry(at=now, kind="unknown", text="the program stopped before an answer came")
                await book.update(row.channel_id, lost, lease=lease, entry=entry)
                found = True
            except LeaseLost:
                continue
            finally:
                await book.release(lease)
        return found

    def management(self) -> HttpManagement:
        """Speaks to servers by the engine's own client, which follows no redirect and pays nothing."""
        from mpp_console.client.sessions.management import HttpManagement

        @asynccontextmanager
        async def connect() -> AsyncIterator[httpx.AsyncClient]:
            yield await self._engine.http.get()

        return HttpManagement(connect)

    async def _open_book(self) -> HistoryChannels:
        database = await self._engine.database.get()
        await load(*MODULES)
        from mpp_console.history.channels import HistoryChannels

        return HistoryChannels(database, clock=self._engine.clock)

    async def _open_leases(self) -> ScopeLeases:
        book = await self.book.get()
        from mpp_console.client.sessions.leases import ScopeLeases

        return ScopeLeases(book)
