"""Keeps what was said for an operator who wants to see it: both heads, the beginning of both bodies, and the times.

What is recorded holds secrets. It is for memory only; whoever shows it masks it first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["KEPT_BYTES", "Exchange", "ExchangeRecorder", "HandlerTimes"]

KEPT_BYTES: Final = 64 * 1024
"""How much of a body is kept; the rest is counted."""

_STARTED: Final = "mpp_console.handler_started"
_ENDED: Final = "mpp_console.handler_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer as they were on the wire. `gate_ms` and `handler_ms` are None where there was none."""

    query: str = field(repr=False)
    request_headers: tuple[tuple[str, str], ...] = field(repr=False)
    request_body: bytes = field(repr=False)
    request_size: int
    status: int
    answer_headers: tuple[tuple[str, str], ...] = field(repr=False)
    answer_body: bytes = field(repr=False)
    answer_size: int
    total_ms: float
    gate_ms: float | None = None
    handler_ms: float | None = None


class ExchangeRecorder:
    """Wraps an application; `record` is called in the request's own task, before the server is told of the end."""

    def __init__(self, app: ASGIApp, *, record: Callable[[Exchange], None], counter: Callable[[], float]) -> None:
        self._app = app
        self._record = record
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, answered = _Kept(), _Kept()
        start: Message = {"status": 500, "headers": ()}
        began = self._counter()

        async def received() -> Message:
            message = await receive()
            asked.add(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                answered.add(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, received, sent)
        finally:
            ended = self._counter()
            started, done = scope.get(_STARTED), scope.get(_ENDED)
            self._record(
                Exchange(
                    query=scope.get("query_string", b"").decode("latin-1"),
                    request_headers=_texts(scope["headers"]),
                    request_body=bytes(asked.body),
                    request_size=asked.size,
                    status=start["status"],
                    answer_headers=_texts(start.get("headers", ())),
                    answer_body=bytes(answered.body),
                    answer_size=answered.size,
                    total_ms=(ended - began) * 1000,
                    gate_ms=None if started is None else (started - began) * 1000,
                    handler_ms=None if started is None or done is None else (done - started) * 1000,
                )
            )


class HandlerTimes:
    """Wraps what runs behind the gate, and notes in the scope when it began and ended."""

    def __init__(self, app: ASGIApp, counter: Callable[[], float]) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_STARTED] = self._counter()
        try:
            await self._app(scope, receive, send)
        finally:
            scope[_ENDED] = self._counter()


class _Kept:
    """The beginning of a body, and how long all of it was."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.size = 0

    def add(self, part: bytes) -> None:
        self.size += len(part)
        self.body += part[: KEPT_BYTES - len(self.body)]


def _texts(fields: object) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)  # type: ignore[attr-defined]
