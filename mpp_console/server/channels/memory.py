"""Channels in one process's memory: for tests and throw-away servers. They are forgotten with the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from mpp_console.methods.tempo.session_record import Change, ChannelRecord, ChannelState, Versioned

from .waiters import Waiters

__all__ = ["MemoryChannels"]

T = TypeVar("T")


class MemoryChannels:
    """`ChannelStore` in a dict. Serialised because nothing awaits between the look and the write."""

    def __init__(self) -> None:
        self._kept: dict[str, Versioned] = {}
        self._waiters = Waiters()

    async def update(self, channel_id: str, change: Change[T]) -> T:
        before = self._kept.get(channel_id)
        record, result = change(None if before is None else before.record)
        if record is None:
            self._kept.pop(channel_id, None)
        elif before is None or record != before.record:
            self._kept[channel_id] = Versioned(version=1 if before is None else before.version + 1, record=record)
        else:
            return result
        self._waiters.wake(channel_id)
        return result

    async def get(self, channel_id: str) -> Versioned | None:
        return self._kept.get(channel_id)

    async def list(self, *, states: frozenset[ChannelState] | None = None) -> tuple[ChannelRecord, ...]:
        return by_use(kept.record for kept in self._kept.values() if states is None or kept.record.state in states)

    async def wait_for_change(self, channel_id: str, than: int, timeout: float) -> Versioned | None:  # noqa: ASYNC109
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        event = self._waiters.watch(channel_id)
        try:
            while True:
                kept = self._kept.get(channel_id)
                left = until - loop.time()
                if left <= 0 or (kept is not None and kept.version > than):
                    return kept
                await self._waiters.wait(event, left)
                event.clear()
        finally:
            self._waiters.forget(channel_id, event)


def by_use(records: Iterable[ChannelRecord]) -> tuple[ChannelRecord, ...]:
    """The last used first."""
    return tuple(sorted(records, key=lambda record: record.last_used, reverse=True))
