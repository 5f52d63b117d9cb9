"""The shape of a store. A gate gets one as an argument and depends on nothing else of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from mpp_console.methods.base import ClaimStore
from mpp_console.protocol import MppError

__all__ = ["Store", "StoreError"]


class StoreError(MppError):
    """The store could not read or write. Nothing was decided: treat the claim as not won and the payment as not
    taken."""

    default_code = "store-failed"


class Store(ClaimStore, Protocol):
    """Claims that last for ever, beside values that expire.

    The two kinds have separate key spaces. Claims stay because a forgotten one lets a payment be used twice; values
    go after their `ttl`, because an answer kept for ever is a leak of disk and of what was sold.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none or its time is over."""
        ...

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        """Puts the value only where none lives yet; True for exactly one of several callers."""
        ...

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Puts the value over whatever was there."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the value; nothing happens when there is none."""
        ...
