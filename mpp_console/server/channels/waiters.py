"""Wakes those who wait for a channel to change, within one process. Touches no store."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["Waiters"]


class Waiters:
    """Events by channel, one for each who waits, gone as soon as the last of them is."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def wake(self, channel_id: str) -> None:
        for event in self._waiting.get(channel_id, ()):
            event.set()

    def watch(self, channel_id: str) -> asyncio.Event:
        """An event that is set at the next change. Watch before looking at the record, or a change may be missed."""
        event = asyncio.Event()
        self._waiting.setdefault(channel_id, set()).add(event)
        return event

    def forget(self, channel_id: str, event: asyncio.Event) -> None:
        events = self._waiting.get(channel_id)
        if events is not None:
            events.discard(event)
            if not events:
                del self._waiting[channel_id]

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event is set, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
