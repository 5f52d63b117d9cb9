"""The body of one answer while it comes: kept up to a limit, told of a few times a second, and given up on request.

A body that breaks off, never ends or is too long must not hide a payment: reading it never raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import MppError
from mpp_console.services.event_stream import EVENT_STREAM, EventStream, StreamEvent
from mpp_console.services.payment_models import BodyEnd

if TYPE_CHECKING:
    import httpx

__all__ = ["BODY_LIMIT", "TELL_SECONDS", "LiveBody"]

BODY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of an answer that are kept: it is held in memory for the screen or the file it goes to."""
TELL_SECONDS: Final = 0.1
"""How long arrived bytes may go untold, so that a fast stream costs no more than a slow one."""


class LiveBody:
    """What there is of a body. `told` is called with its size, at most once every `TELL_SECONDS` and at the end."""

    def __init__(self, told: Callable[[int], None], *, clock: Callable[[], datetime]) -> None:
        self._told = told
        self._clock = clock
        self._bytes: bytearray | bytes = bytearray()
        self._events: EventStream | None = None
        self._deadline: asyncio.Timeout | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")
        self._stopped = False
        self.trouble: str | None = None
        """Why there is no more of it, when it did not end by itself."""
        self.cause: MppError | None = None
        """Our own reason to end it: nothing more was paid for it."""

    @property
    def size(self) -> int:
        return len(self._bytes)

    @property
    def event_count(self) -> int:
        """Server-sent events so far; 0 for every other kind of body."""
        return 0 if self._events is None else self._events.count

    @property
    def reading(self) -> bool:
        return self._deadline is not None

    def since(self, start: int = 0) -> bytes:
        """The bytes from `start` on."""
        if start == 0 and isinstance(self._bytes, bytes):
            return self._bytes
        return bytes(self._bytes[start:])

    def events(self, after: int = 0) -> tuple[StreamEvent, ...]:
        """The server-sent events beyond that number, as far as they are kept."""
        return () if self._events is None else self._events.after(after)

    def stop(self) -> bool:
        """Reads no more. True when that cut something short."""
        if self._deadline is None or self._stopped:
            return False
        self._stopped = True
        self._deadline.reschedule(asyncio.get_running_loop().time())
        return True

    async def read(self, answer: httpx.Response, idle: float) -> BodyEnd:
        """Reads the body to its end, its limit, a `stop`, or until nothing came for `idle` seconds."""
        import httpx

        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == EVENT_STREAM:
            self._events = EventStream(self._clock)
        # The client's own limit for each read would be the shorter one; there is one clock for a body, this one.
        answer.request.extensions["timeout"] = {**answer.request.extensions.get("timeout", {}), "read": None}
        try:
            return await self._read(answer, idle)
        except TimeoutError:
            if self._stopped:
                return "stopped"
            return self._broken(f"nothing came for {idle:g} seconds after {self.size} bytes")
        except (httpx.HTTPError, httpx.StreamError) as error:
            return self._broken(f"the answer broke off after {self.size} bytes: {type(error).__name__}")
        except MppError as error:
            self.cause = error
            return self._broken(f"{error.message} (after {self.size} bytes)")
        finally:
            self._deadline = None
            self._bytes = bytes(self._bytes)
            if self._telling is not None:
                self._telling.cancel()
            self._tell()

    async def _read(self, answer: httpx.Response, idle: float) -> BodyEnd:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(idle) as self._deadline:
            self._tell()
            async for chunk in answer.aiter_bytes():
                if not self._take(chunk):
                    self.trouble = f"the answer is longer than {BODY_LIMIT} bytes; the rest was not read"
                    return "cut"
                if not self._stopped:
                    self._deadline.reschedule(loop.time() + idle)
        return "whole"

    def _take(self, chunk: bytes) -> bool:
        """Keeps what fits; False when not all did."""
        kept = chunk[: BODY_LIMIT - self.size]
        assert isinstance(self._bytes, bytearray)  # noqa: S101 - it is frozen only once reading has ended
        self._bytes += kept
        if self._events is not None:
            self._events.feed(kept)
        self._tell_soon()
        return len(kept) == len(chunk)

    def _broken(self, trouble: str) -> BodyEnd:
        self.trouble = trouble
        return "broken"

    def _tell_soon(self) -> None:
        if self._telling is None:
            loop = asyncio.get_running_loop()
            wait = self._told_at + TELL_SECONDS - loop.time()
            if wait <= 0:
                self._tell()
            else:
                self._telling = loop.call_later(wait, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self._told_at = asyncio.get_running_loop().time()
        self._told(self.size)
