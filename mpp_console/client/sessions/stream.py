"""The body of an answer that is charged for as it comes: hands on what is the caller's, and has paid for what follows.

Nothing is paid for what nobody reads: a wish for money is answered when the reader asks for what comes after it. The
protocol has no resuming of a stream that broke off (no event ids, no `Last-Event-ID`): what goes on is the answer that
is still open, once the server has its voucher. Receipts come as a header and as an event; a receipt in a trailer
is not asked for, as httpx drops trailers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx

from mpp_console.client.answers import unpacked
from mpp_console.client.errors import StreamStopped
from mpp_console.client.metering import Metering
from mpp_console.client.sessions.paid_events import NEED_VOUCHER, PaidEvents, Passed, PaymentNote

__all__ = ["METERING", "MeteredBody", "Patience", "is_event_stream", "meter"]

METERING: Final = "mpp_metering"
"""Under this name the extensions of such an answer hold its `Metering`."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server that has its voucher may deliver nothing, in seconds: after each of `waits` it is asked again
    and the voucher brought once more, and after the last one the stream is given up.
    """

    waits: tuple[float, ...] = (3.0, 6.0, 12.0, 24.0, 30.0)


def is_event_stream(response: httpx.Response) -> bool:
    """Whether the answer is a stream of server-sent events."""
    media = response.headers.get("Content-Type", "").partition(";")[0]
    return bool(media.strip().lower() == "text/event-stream")


def meter(response: httpx.Response, metering: Metering) -> None:
    """Has whoever reads the answer pay for it on the way."""
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - only async clients pay
    response.stream = MeteredBody(response.stream, unpacked(response), metering)
    response.headers.pop("Content-Encoding", None)
    response.extensions[METERING] = metering


class MeteredBody(httpx.AsyncByteStream):
    """`chunks` as they come, without what is about money. Closing it ends the payment; `stream` is closed with it.

    Reading raises StreamStopped where nothing more is paid.
    """

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        chunks: AsyncIterator[bytes],
        metering: Metering,
        *,
        patience: Patience = Patience(),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._stream = stream
        self._chunks = chunks
        self._metering = metering
        self._patience = patience
        self._sleep = sleep
        self._asked: str | None = None
        """What the server asked for and has not gone on after."""
        self._tries = 0
        self._done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        events = PaidEvents()
        try:
            while (chunk := await self._next()) is not None:
                for item in events.feed(chunk):
                    if isinstance(item, Passed):
                        await self._came(item)
                        yield item.data
                    else:
                        await self._noted(item)
            for item in events.flush():
                if isinstance(item, Passed):
                    yield item.data
        except StreamStopped as error:
            await self._metering.end(error.message)
            raise
        except httpx.HTTPError as error:
            if not self._done:
                await self._metering.end(f"the answer broke off: {type(error).__name__}")
                raise
        await self._metering.end()

    async def aclose(self) -> None:
        try:
            await self._metering.end()
        finally:
            await self._stream.aclose()

    async def _came(self, item: Passed) -> None:
        if item.events:
            self._asked, self._tries = None, 0
            await self._metering.delivered(item.events)
        self._done = self._done or item.done

    async def _noted(self, note: PaymentNote) -> None:
        if note.name == NEED_VOUCHER:
            self._asked, self._tries = note.data, 0
            await self._metering.asked(note.data)
        else:
            await self._metering.told(note.data)

    async def _next(self) -> bytes | None:
        """The next bytes, None at the end. While the server owes something for a voucher, it is not waited for
        forever.
        """
        if self._asked is None:
            return await anext(self._chunks, None)
        reading = asyncio.ensure_future(self._read())
        try:
            for wait in self._patience.waits[self._tries :]:
                timer = asyncio.ensure_future(self._sleep(wait))
                try:
                    await asyncio.wait({reading, timer}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    timer.cancel()
                if reading.done():
                    return reading.result()
                self._tries += 1
                await self._metering.asked(self._asked, once_more=True)
            raise self._metering.stalled()
        finally:
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError, httpx.HTTPError):
                    await reading

    async def _read(self) -> bytes | None:
        return await anext(self._chunks, None)
