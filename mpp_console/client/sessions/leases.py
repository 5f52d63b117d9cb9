"""Holding a scope's lease for as long as a payment or a close takes, within this process and against others.

One at a time signs for a channel: the tasks of this process queue up in order, other processes are asked again every
moment. A held lease is renewed until it is given back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

from mpp_console.client.sessions.owners import new_owner
from mpp_console.methods.tempo.client_channel import ChannelBook, ChannelBookError, Lease, Scope
from mpp_console.methods.tempo.session_ports import Held

__all__ = ["ChannelBusy", "ScopeLeases"]

_log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""How long a lease lasts without being renewed. A process that died is noticed at once; this is for all others."""

ASK_SECONDS = 0.05
"""Between two looks at a lease that another process holds."""


class ChannelBusy(ChannelBookError):
    """Another payment or a close holds the channel for longer than we are willing to wait."""

    default_code = "channel-busy"


class _Held:
    """See `session_ports.Held`."""

    def __init__(self, leases: ScopeLeases, lease: Lease, gate: asyncio.Lock) -> None:
        self.lease = lease
        self._leases = leases
        self._gate = gate
        self._released = False
        self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        seconds = self._leases.seconds
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                if not await self._leases.book.renew(self.lease, seconds=seconds):
                    return
            except Exception:
                _log.warning("a channel's lease could not be renewed", exc_info=True)

    async def release(self) -> None:
        if self._released:
            return
        self._released = True
        self._renewing.cancel()
        try:
            with suppress(ChannelBookError):
                await self._leases.book.release(self.lease)
        finally:
            self._gate.release()


class ScopeLeases:
    """Gives out leases of `book`. `patience` is how many seconds somebody waits for another holder."""

    def __init__(
        self,
        book: ChannelBook,
        *,
        seconds: float = LEASE_SECONDS,
        patience: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.book = book
        self.seconds = seconds
        self._patience = patience
        self._sleep = sleep
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def hold(self, scope: Scope) -> Held:
        """Waits for the lease. Raises ChannelBusy. Give it back with `release`."""
        gate = self._gates.get(scope.key)
        if gate is None:
            gate = self._gates[scope.key] = asyncio.Lock()
        try:
            async with asyncio.timeout(self._patience):
                await gate.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            return _Held(self, await self._lease(scope), gate)
        except BaseException:
            gate.release()
            raise

    @asynccontextmanager
    async def holding(self, scope: Scope) -> AsyncIterator[Lease]:
        """`hold` for a block."""
        held = await self.hold(scope)
        try:
            yield held.lease
        finally:
            await held.release()

    async def _lease(self, scope: Scope) -> Lease:
        owner = new_owner()
        for _ in range(max(int(self._patience / ASK_SECONDS), 1)):
            lease = await self.book.acquire(scope, owner, seconds=self.seconds)
            if lease is not None:
                return lease
            await self._sleep(ASK_SECONDS)
        raise _busy()


def _busy() -> ChannelBusy:
    return ChannelBusy("another payment uses this channel and does not end", hint="try again when it is over")
