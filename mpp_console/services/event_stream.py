"""Server-sent events out of the bytes of an answer, as they arrive. Sans-IO; keeps what fits its limits, and counts the
rest.

The grammar is that of the HTML standard, section 9.2 "Server-sent events". What leaves here is inert.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mpp_console.protocol import inert

__all__ = ["EVENT_STREAM", "EventStream", "StreamEvent"]

EVENT_STREAM: Final = "text/event-stream"
EVENT_LIMIT: Final = 64 * 1024
"""Characters of one event's data that are kept for the screen; the body itself is kept by its own limit."""
KEPT_EVENTS: Final = 10_000
KEPT_CHARACTERS: Final = 8 * 1024 * 1024
_NAME_LIMIT: Final = 200
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One event. `number` counts from 1, `at` is when it was complete, `size` counts the characters of its data before
    any cut.
    """

    number: int
    at: datetime
    event: str
    data: str
    last_id: str
    size: int

    @property
    def id(self) -> str:
        return str(self.number)


class EventStream:
    """Reads a stream in pieces of any size; an event that is not ended by an empty line never happened."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = self._after_return = False
        self._line = ""
        self._data: list[str] = []
        self._size = 0
        self._room = EVENT_LIMIT
        self._event = self._last_id = ""
        self._kept: deque[StreamEvent] = deque()
        self._characters = 0
        self.count = 0
        """Events so far, those included that are no longer kept."""

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the stream."""
        text = self._decoder.decode(chunk)
        if not text:
            return
        if not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if self._after_return and text.startswith("\n"):
            text = text[1:]  # the second half of a line end that came in two pieces
        self._after_return = text.endswith("\r")
        *lines, rest = _LINE_END.split(text)
        for line in lines:
            self._take(self._line + line)
            self._line = ""
        # No line is kept longer than an event may be, so that one without an end costs nothing.
        self._line += rest[: max(EVENT_LIMIT - len(self._line), 0)]

    def after(self, number: int) -> tuple[StreamEvent, ...]:
        """The kept events beyond that number, oldest first."""
        found = []
        for event in reversed(self._kept):
            if event.number <= number:
                break
            found.append(event)
        return tuple(reversed(found))

    def _take(self, line: str) -> None:
        if not line:
            self._dispatch()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._size += len(value) + bool(self._data)
                if self._room:
                    self._data.append(value[: self._room])
                    self._room = max(self._room - len(value) - 1, 0)
            case "event":
                self._event = value[:_NAME_LIMIT]
            case "id" if "\0" not in value:
                self._last_id = value[:_NAME_LIMIT]
            case _:
                pass  # a comment, the time to wait before a new try, or a field that nobody knows

    def _dispatch(self) -> None:
        if self._data:
            self.count += 1
            text = "\n".join(self._data) + ("…" if self._size > EVENT_LIMIT else "")
            self._keep(
                StreamEvent(
                    number=self.count,
                    at=self._clock(),
                    event=inert(self._event) or "message",
                    data=inert(text, keep_newlines=True),
                    last_id=inert(self._last_id),
                    size=self._size,
                )
            )
        self._data, self._size, self._room, self._event = [], 0, EVENT_LIMIT, ""

    def _keep(self, event: StreamEvent) -> None:
        self._kept.append(event)
        self._characters += len(event.data)
        while len(self._kept) > KEPT_EVENTS or self._characters > KEPT_CHARACTERS:
            self._characters -= len(self._kept.popleft().data)
