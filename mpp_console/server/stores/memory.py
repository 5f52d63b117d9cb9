"""A store in one process's memory: for tests, throw-away servers and the sandbox. It forgets with the process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from mpp_console.methods.base import Clock

__all__ = ["MemoryStore"]

DEFAULT_MAX_VALUES = 4096
"""Values kept at once; the oldest goes first. With answers of at most 1 MiB the worst case is bounded, and a retry
comes soon."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryStore:
    """`Store` in a set and a dict. Atomic because nothing awaits between the look and the write."""

    def __init__(self, *, clock: Clock = _utc_now, max_values: int = DEFAULT_MAX_VALUES) -> None:
        self._clock = clock
        self._max_values = max_values
        self._claims: set[str] = set()
        self._values: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()

    async def claim(self, key: str) -> bool:
        if key in self._claims:
            return False
        self._claims.add(key)
        return True

    async def release(self, key: str) -> None:
        self._claims.discard(key)

    async def get(self, key: str) -> bytes | None:
        return self._live(key)

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        if self._live(key) is not None:
            return False
        self._write(key, value, ttl)
        return True

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        self._write(key, value, ttl)

    async def delete(self, key: str) -> None:
        self._values.pop(key, None)

    def _live(self, key: str) -> bytes | None:
        entry = self._values.get(key)
        if entry is None:
            return None
        value, until = entry
        if until <= self._clock():
            del self._values[key]
            return None
        return value

    def _write(self, key: str, value: bytes, ttl: timedelta) -> None:
        self._values.pop(key, None)
        self._values[key] = (value, self._clock() + ttl)
        while len(self._values) > self._max_values:
            self._values.popitem(last=False)
