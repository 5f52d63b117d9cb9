"""Reads a source ahead of whoever uses it, a few pieces and no more, and hands over what is ready together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

__all__ = ["pumped"]

T = TypeVar("T")


@contextlib.asynccontextmanager
async def pumped(source: AsyncIterable[T], limit: int, seconds: float) -> AsyncIterator[AsyncIterator[list[T]]]:
    """Batches of at most `limit` pieces of `source`, each as large as the source was fast.

    Reading the batches raises what the source raises, after the pieces that came before, and TimeoutError when it made
    nothing for `seconds`. Leaving ends the reading and closes a generator.
    """
    ready: asyncio.Queue[T] = asyncio.Queue(limit)
    reading = asyncio.create_task(_read(source, ready, seconds))
    try:
        yield _batches(ready, reading, limit)
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await reading


async def _read(source: AsyncIterable[T], ready: asyncio.Queue[T], seconds: float) -> None:
    pieces = aiter(source)
    try:
        while True:
            async with asyncio.timeout(seconds):
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            await ready.put(piece)
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def _batches(ready: asyncio.Queue[T], reading: asyncio.Task[None], limit: int) -> AsyncIterator[list[T]]:
    while True:
        if ready.empty() and not reading.done():
            waiting = asyncio.ensure_future(ready.get())
            try:
                await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
                first = [waiting.result()] if waiting.done() else []
            finally:
                waiting.cancel()
        else:
            first = []
        while len(first) < limit and not ready.empty():
            first.append(ready.get_nowait())
        if first:
            yield first
        elif reading.done():
            reading.result()
            return
