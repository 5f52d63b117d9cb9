"""Parts that are made when first needed, once, however many ask at the same time; and heavy modules loaded beside the
loop.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Once", "load"]

T = TypeVar("T")


class Once(Generic[T]):
    """An asynchronous part. A failed making is forgotten, so that the next who asks tries again."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._making: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Makes the part or waits for whoever is making it. A caller that is cancelled does not stop the making."""
        if self._making is None:
            self._making = asyncio.ensure_future(self._make())
        making = self._making
        try:
            return await asyncio.shield(making)
        except BaseException:
            if making.done() and (making.cancelled() or making.exception() is not None) and self._making is making:
                self._making = None
            raise

    @property
    def ready(self) -> T | None:
        """The part, if it is there already."""
        making = self._making
        if making is None or not making.done() or making.cancelled() or making.exception() is not None:
            return None
        return making.result()

    async def take(self) -> T | None:
        """Empties this and gives what was in it, to be closed; waits for a making that is under way."""
        making, self._making = self._making, None
        if making is None:
            return None
        await asyncio.wait({making})
        return None if making.cancelled() or making.exception() is not None else making.result()


_loading = threading.Lock()
_loaded: set[str] = set()


async def load(*names: str) -> None:
    """Imports modules in a worker thread, so that the loop keeps turning meanwhile. Loaded ones cost nothing."""
    if not _loaded.issuperset(names):
        await asyncio.to_thread(_import_all, names)


def _import_all(names: tuple[str, ...]) -> None:
    # One at a time: two threads in packages that import one another would find them half made. And a module stands in
    # `sys.modules` from the beginning of its import, so that only what was imported to its end counts as loaded.
    with _loading:
        for name in names:
            importlib.import_module(name)
        _loaded.update(names)
