"""When each part of a request began and ended, as far as the HTTP library tells. Counts, and does nothing else.

The look-up of the name is part of connecting: nobody below says when it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["LegPhase", "Stopwatch"]

_CONNECT: Final = frozenset({"connection.connect_tcp", "connection.connect_unix_socket"})
_SENT: Final = ("send_request_headers", "send_request_body")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPhase:
    """A part of a request, in milliseconds since the request began. `name` is `connect`, `tls`, `send`, `wait` (until
    the head of the answer is there) or `body`; `hop` counts the redirects before it.
    """

    name: str
    start: float
    milliseconds: float
    hop: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "start": round(self.start, 1),
            "milliseconds": round(self.milliseconds, 1),
            "hop": self.hop,
        }


class Stopwatch:
    """Hears of one request by the `trace` extension of httpcore. Transports that tell nothing leave it empty."""

    def __init__(self, counter: Callable[[], float]) -> None:
        self._counter = counter
        self._began = counter()
        self._started: dict[str, float] = {}
        self._phases: list[LegPhase] = []
        self._sent: float | None = None
        self._hop = -1
        self._head_at: float | None = None

    @property
    def milliseconds(self) -> float:
        """Since the request began."""
        return (self._counter() - self._began) * 1000

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        what, _, state = name.rpartition(".")
        now = self.milliseconds
        if state == "started":
            self._started[what] = now
            return
        began = self._started.pop(what, None)
        if began is None or state != "complete":
            return
        step = what.rpartition(".")[2]
        if what in _CONNECT:
            self._add("connect", began, now, self._hop + 1)
        elif step == "start_tls":
            self._add("tls", began, now, self._hop + 1)
        elif step in _SENT:
            self._add_sent(step, began, now)
        elif step == "receive_response_headers":
            self._add("wait", self._sent if self._sent is not None else began, now, self._hop)
            self._head_at = now
        elif step == "receive_response_body" and self._head_at is not None:
            self._add("body", self._head_at, now, self._hop)
            self._head_at = None

    def phases(self) -> tuple[LegPhase, ...]:
        """What was heard, in order. A body that was not read to its end counts up to now."""
        cut = self._head_at
        if cut is None:
            return tuple(self._phases)
        return (*self._phases, _phase("body", cut, self.milliseconds, self._hop))

    def _add_sent(self, step: str, began: float, now: float) -> None:
        """Header and body are sent in one go; HTTP/1.1 always reports both."""
        if step == "send_request_headers":
            self._hop += 1
            self._add("send", began, now, self._hop)
        elif self._phases and self._phases[-1].name == "send":
            began = self._phases.pop().start
            self._add("send", began, now, self._hop)
        self._sent = now

    def _add(self, name: str, began: float, ended: float, hop: int) -> None:
        self._phases.append(_phase(name, began, ended, hop))


def _phase(name: str, began: float, ended: float, hop: int) -> LegPhase:
    return LegPhase(name=name, start=began, milliseconds=max(ended - began, 0.0), hop=max(hop, 0))
