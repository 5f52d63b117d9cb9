"""The one bridge from the services' events to widgets: producers put, a timer drains, everybody gets one batch.

Painting is what a terminal application pays for, so a thousand receipts a second cost eight paints, not a thousand.
The history is the record; what the pump drops under a flood is only not drawn, and `dropped` says how much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["DRAIN_SECONDS", "EventPump"]

T = TypeVar("T")

DRAIN_SECONDS = 1 / 8
"""How long an event may wait before it is drawn."""


class EventPump(Generic[T]):
    """Collects events and hands them over in batches, oldest first. Call `put` from the event loop's thread only."""

    def __init__(self, publish: Callable[[tuple[T, ...]], None], *, limit: int = 10_000) -> None:
        self._publish = publish
        self._limit = limit
        self._queue: deque[T] = deque(maxlen=limit)
        self.dropped = 0

    def __len__(self) -> int:
        """How many wait to be drawn."""
        return len(self._queue)

    def put(self, event: T) -> None:
        """Queues an event; when the queue is full the oldest one goes."""
        if len(self._queue) == self._limit:
            self.dropped += 1
        self._queue.append(event)

    def drain(self) -> None:
        """Publishes everything queued as one batch; does nothing when there is nothing."""
        if self._queue:
            batch, self._queue = tuple(self._queue), deque(maxlen=self._limit)
            self._publish(batch)
