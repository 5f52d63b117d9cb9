"""Where a payer's channels are kept, in memory: for library users without a history, and for tests.

The values and the `Protocol` are `methods.tempo.client_channel`; `history.channels` keeps the same book on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mpp_console.client.sessions.owners import is_alive
from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.client_channel import (
    ChannelBook,
    ChannelEntry,
    ChannelExists,
    ChannelPage,
    ClientChannel,
    Lease,
    LeaseLost,
    Scope,
    UnknownChannel,
    refuse_if_back,
)
from mpp_console.protocol.channel import ChannelState

__all__ = ["ChannelBook", "ClientChannel", "MemoryChannels", "Scope"]


@dataclass(slots=True)
class _Holding:
    lease: Lease
    until: datetime
    free: bool = False


class MemoryChannels:
    """A channel book that lives as long as the process. `alive` says of an owner's name whether it may still act."""

    def __init__(self, *, clock: Clock, alive: Callable[[str], bool] = is_alive) -> None:
        self._clock = clock
        self._alive = alive
        self._rows: dict[str, ClientChannel] = {}
        self._entries: dict[str, list[ChannelEntry]] = {}
        self._holdings: dict[str, _Holding] = {}
        self._cursors: dict[str, int] = {}

    # Nothing below awaits, so that each method is one step of the event loop: the transaction that the protocol asks
    # for.

    async def add(self, row: ClientChannel, *, lease: Lease | None, entry: ChannelEntry | None = None) -> ClientChannel:
        self._require(lease)
        if row.channel_id in self._rows:
            raise ChannelExists(f"channel {row.channel_id} is in the book already")
        return self._keep(row, entry)

    async def update(
        self,
        channel_id: str,
        change: Callable[[ClientChannel], ClientChannel],
        *,
        lease: Lease | None = None,
        entry: ChannelEntry | None = None,
    ) -> ClientChannel:
        self._require(lease)
        before = self._rows.get(channel_id)
        if before is None:
            raise UnknownChannel(f"there is no channel {channel_id}")
        after = change(before)
        refuse_if_back(before, after)
        return self._keep(after, entry)

    async def get(self, channel_id: str) -> ClientChannel | None:
        return self._rows.get(channel_id)

    async def usable(self, scope: Scope) -> Sequence[ClientChannel]:
        return [
            row
            for row in self._newest_first()
            if row.scope.key == scope.key and row.state is not ChannelState.FINALIZED
        ]

    async def rows(self, *, chain_id: int | None = None, archived: bool = False) -> ChannelPage:
        wanted = (
            row
            for row in self._newest_first()
            if chain_id in (None, row.chain_id) and (archived or row.state is not ChannelState.FINALIZED)
        )
        return ChannelPage(rows=tuple(wanted))

    async def entries(self, channel_id: str) -> Sequence[ChannelEntry]:
        return tuple(self._entries.get(channel_id, ()))

    async def cursor(self, name: str) -> int:
        return self._cursors.get(name, 0)

    async def move_cursor(self, name: str, block: int) -> None:
        self._cursors[name] = max(self._cursors.get(name, 0), block)

    async def acquire(self, scope: Scope, owner: str, *, seconds: float) -> Lease | None:
        now, held = self._clock(), self._holdings.get(scope.key)
        if held is not None and not held.free and held.until > now and self._alive(held.lease.owner):
            return None
        lease = Lease(scope=scope.key, owner=owner, fence=1 if held is None else held.lease.fence + 1)
        self._holdings[scope.key] = _Holding(lease, now + timedelta(seconds=seconds))
        return lease

    async def renew(self, lease: Lease, *, seconds: float) -> bool:
        held = self._holdings.get(lease.scope)
        if held is None or held.free or held.lease != lease:
            return False
        held.until = self._clock() + timedelta(seconds=seconds)
        return True

    async def release(self, lease: Lease) -> None:
        held = self._holdings.get(lease.scope)
        if held is not None and held.lease == lease:
            held.free = True

    def _require(self, lease: Lease | None) -> None:
        if lease is None:
            return
        held = self._holdings.get(lease.scope)
        if held is None or held.free or held.lease != lease:
            raise LeaseLost("somebody else uses this channel by now", hint="try again")

    def _keep(self, row: ClientChannel, entry: ChannelEntry | None) -> ClientChannel:
        self._rows[row.channel_id] = row
        if entry is not None:
            self._entries.setdefault(row.channel_id, []).append(entry)
        return row

    def _newest_first(self) -> list[ClientChannel]:
        return sorted(self._rows.values(), key=lambda row: row.last_used_at, reverse=True)
