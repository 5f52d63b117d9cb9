"""The demo's event stream: a few readings, one after another, paid for once. For clients that show an answer while it
comes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.responses import StreamingResponse

__all__ = ["STREAM_EVENTS", "STREAM_SECONDS", "event_stream"]

STREAM_EVENTS: Final = 5
STREAM_SECONDS: Final = 0.4
"""Between two events: slow enough to be watched, short enough for a test of every route."""


def event_stream(
    read: Callable[[], Mapping[str, Any]], delay: Callable[[float], Awaitable[None]], ending: Mapping[str, Any]
) -> StreamingResponse:
    """`STREAM_EVENTS` readings as server-sent events (HTML standard, section 9.2), then one named `end`."""

    async def lines() -> AsyncIterator[str]:
        yield ": readings, one after another\n\n"
        for number in range(1, STREAM_EVENTS + 1):
            if number > 1:
                await delay(STREAM_SECONDS)
            yield f"id: {number}\nevent: reading\ndata: {json.dumps(read())}\n\n"
        yield f"event: end\ndata: {json.dumps({'events': STREAM_EVENTS} | dict(ending))}\n\n"

    # A proxy that gathers an answer before it passes it on would make a stream of it no more.
    return StreamingResponse(lines(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
