"""Tells an operator about every request that an application answered, paid or not: the raw material of a live tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.methods.base import Clock
from mpp_console.server.asgi import payment_of

__all__ = ["AccessTail", "RequestAnswered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered:
    """One request and its answer. `seconds` from the first byte of the request to the last of the answer.

    `challenge_id` and `reference` are those of the payment that let it in, None when it was free or refused. No
    header and no body is here: both may hold secrets. `query` is left out for the same reason.
    """

    at: datetime
    client: str
    http_method: str
    path: str
    status: int
    seconds: float
    challenge_id: str | None
    reference: str | None


class AccessTail:
    """Wraps an application. `observe` must be quick and must not raise; `at` is when the answer was complete."""

    def __init__(self, app: ASGIApp, *, observe: Callable[[RequestAnswered], None], clock: Clock) -> None:
        self._app = app
        self._observe = observe
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            now = self._clock()
            payment = payment_of(scope)
            client = scope.get("client")
            self._observe(
                RequestAnswered(
                    at=now,
                    client=client[0] if client else "",
                    http_method=scope["method"],
                    path=scope["path"],
                    status=status,
                    seconds=max(0.0, (now - started).total_seconds()),
                    challenge_id=payment.challenge.id if payment else None,
                    reference=payment.receipt.reference if payment else None,
                )
            )
