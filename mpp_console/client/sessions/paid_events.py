"""The events of a paid stream that are about money, taken out of the bytes of a server-sent-event answer. Sans-IO.

What is meant for the caller passes byte for byte, event by event. Payment events are the client's own business (tempo
session draft, "Insufficient Balance During Streaming" and "Receipt Generation"): no reader of tokens knows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# The two halves of httpx-sse that take text as it comes; its public face wants to read the answer by itself.
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

__all__ = ["DONE", "NEED_VOUCHER", "RECEIPT", "PaidEvents", "Passed", "PaymentNote"]

NEED_VOUCHER: Final = "payment-need-voucher"
RECEIPT: Final = "payment-receipt"
DONE: Final = "[DONE]"
"""The data by which streams of completions say that they are over."""

NOTE_LIMIT: Final = 64 * 1024
"""Bytes that an event about money may have. A longer event is somebody else's, and passes without being held back."""

_EVENT_END: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r|\n)")
_NOTES: Final = (NEED_VOUCHER, RECEIPT)


@dataclass(frozen=True, slots=True)
class Passed:
    """Bytes for the caller. `events` is how many events with data end in them; `done` whether one said `[DONE]`."""

    data: bytes
    events: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class PaymentNote:
    """An event about money: its name, one of the two, and its data as it was sent."""

    name: str
    data: str


class PaidEvents:
    """Splits a stream into what is the caller's and what is about money, in the order in which it came."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._long = False
        """Whether the beginning of the present event has been passed on already."""

    def feed(self, chunk: bytes) -> list[Passed | PaymentNote]:
        """What the bytes complete. Events are held back until they are whole, up to a limit."""
        self._held += chunk
        found: list[Passed | PaymentNote] = []
        while (end := self._end()) is not None:
            self._add(found, self._whole(bytes(self._held[:end])))
            del self._held[:end]
            self._long = False
        if self._long or len(self._held) > NOTE_LIMIT:
            # All but what may be the first half of the event's end.
            ready = len(self._held.rstrip(b"\r\n"))
            if ready:
                self._add(found, Passed(bytes(self._held[:ready])))
                del self._held[:ready]
                self._long = True
        return found

    def flush(self) -> list[Passed | PaymentNote]:
        """What is left when the stream is over: by the standard an unfinished event is none, its bytes are there."""
        rest = bytes(self._held)
        self._held.clear()
        if rest.endswith((b"\n\r", b"\r\r")):
            return [self._whole(rest)]
        return [Passed(rest)] if rest else []

    @staticmethod
    def _add(found: list[Passed | PaymentNote], item: Passed | PaymentNote) -> None:
        """What is the caller's and comes in one piece stays one piece."""
        last = found[-1] if found else None
        if isinstance(item, Passed) and isinstance(last, Passed):
            found[-1] = Passed(last.data + item.data, last.events + item.events, last.done or item.done)
        else:
            found.append(item)

    def _end(self) -> int | None:
        found = _EVENT_END.search(self._held)
        if found is None:
            return None
        end = found.end()
        # A CR at the very end may be half of a CRLF, whose LF would make an event of nothing.
        return None if end == len(self._held) and self._held[-1:] == b"\r" else end

    def _whole(self, event: bytes) -> Passed | PaymentNote:
        if self._long:
            return Passed(event, events=1)
        name, data = _read(event)
        if data and name in _NOTES:
            return PaymentNote(name, data)
        return Passed(event, events=int(bool(data)), done=data.strip() == DONE)


def _read(event: bytes) -> tuple[str, str]:
    """Name and data of one event."""
    lines, decoder = SSELineDecoder(), SSEDecoder()
    for line in [*lines.decode(event.decode("utf-8", "replace").removeprefix("\ufeff")), *lines.flush(), ""]:
        found = decoder.decode(line)
        if found is not None:
            return found.event, found.data
    return "", ""
