"""An answer of server-sent events while it comes: its bytes to stdout as they are, what it costs to stderr."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mpp_console.cli.meter import Line
from mpp_console.cli.output import write_bytes

if TYPE_CHECKING:
    from mpp_console.services.models import StreamView
    from mpp_console.services.payments import PaymentTask

__all__ = ["LiveStream", "stream_text"]

_EVERY = 0.1
"""Seconds between two looks at what has come."""


def stream_text(stream: StreamView) -> str:
    """`12 events · 3.9/s · 0.000600 pathUSD · voucher 0.000600 of 0.100000 pathUSD`."""
    events = "1 event" if stream.events == 1 else f"{stream.events:,} events".replace(",", " ")
    rate = [] if stream.rate is None else [f"{stream.rate:.1f}/s"]
    voucher = stream.voucher.text.removesuffix(f" {stream.voucher.currency.symbol}")
    return " · ".join([events, *rate, stream.spent.text, f"voucher {voucher} of {stream.held.text}"])


class LiveStream:
    """Prints the answer of one task. `body` False leaves stdout alone; `printed` bytes of the body are out.

    The line on stderr is drawn on a terminal only, and only where no body is printed to the same one.
    """

    def __init__(self, task: PaymentTask, *, body: bool) -> None:
        self._task = task
        self._body = body
        self._line = Line(wanted=sys.stderr.isatty() and not (body and sys.stdout.isatty()))
        self.printed = 0

    @asynccontextmanager
    async def printing(self) -> AsyncIterator[None]:
        """Prints while the block waits for the end of the task."""
        import asyncio

        printer = asyncio.create_task(self._print())
        try:
            yield
        finally:
            printer.cancel()
            await asyncio.gather(printer, return_exceptions=True)
            self._line.clear()

    async def _print(self) -> None:
        import asyncio

        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        """Prints what has come since the last look, whole lines only."""
        if not self._task.event_count:
            return
        if self._body:
            fresh = self._task.body(self.printed)
            ready = fresh[: fresh.rfind(b"\n") + 1]
            if ready:
                write_bytes(ready)
                self.printed += len(ready)
        stream = self._task.stream
        if stream is not None:
            self._line.draw(stream_text(stream))
