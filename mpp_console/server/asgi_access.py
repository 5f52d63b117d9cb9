"""Tells an operator about every request that an application answered, paid or not: the raw material of a live tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.methods.base import Clock
from mpp_console.protocol import PROBLEM_BASE
from mpp_console.server.answers import Admitted, Challenged, Replayed, Verdict
from mpp_console.server.asgi import verdict_of
from mpp_console.server.asgi_streams import charge_if_any

__all__ = ["AccessTail", "Outcome", "RequestAnswered"]


class Outcome(StrEnum):
    """How a request ended, from the operator's side. `failed` was paid for and not delivered."""

    FREE = "free"
    CHALLENGED = "challenged"
    PAID = "paid"
    REJECTED = "rejected"
    REPLAYED = "replayed"
    LIMITED = "limited"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered:
    """One request and its answer, or one WebSocket (status 101), told of when it is over. `at` is when the answer was
    complete, `seconds` how long it took.

    `amount` (base units of `currency`, the rail's own name for it), `payer`, `challenge_id` and `reference` are those
    of the payment that let the request in; what a stream was charged on top is in the amount. `message` is the
    problem's detail when it was refused. Header fields, bodies and the query are not here: all three may hold secrets.
    """

    at: datetime
    client: str
    http_method: str
    path: str
    status: int
    seconds: float
    outcome: Outcome
    method: str | None = None
    intent: str | None = None
    amount: int | None = None
    currency: str | None = None
    payer: str | None = None
    challenge_id: str | None = None
    reference: str | None = None
    message: str = ""


class AccessTail:
    """Wraps an application, outside of the payment middleware. `observe` must be quick and must not raise."""

    def __init__(self, app: ASGIApp, *, observe: Callable[[RequestAnswered], None], clock: Clock) -> None:
        self._app = app
        self._observe = observe
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        started = self._clock()
        # A socket that is closed before it was accepted is answered with 403 (ASGI, "Close").
        status = 500 if scope["type"] == "http" else 403

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._observe(_answered(scope, status, started, self._clock()))


def _answered(scope: Scope, status: int, started: datetime, now: datetime) -> RequestAnswered:
    verdict = verdict_of(scope)
    payment = verdict if isinstance(verdict, Admitted) else None
    charge = charge_if_any(scope)
    client = scope.get("client")
    return RequestAnswered(
        at=now,
        client=client[0] if client else "",
        http_method=scope.get("method", "GET"),
        path=scope["path"],
        status=status,
        seconds=max(0.0, (now - started).total_seconds()),
        outcome=_outcome(verdict, status),
        method=payment.offer.method if payment else None,
        intent=payment.offer.intent if payment else None,
        amount=charge.amount if charge else payment.offer.amount if payment else None,
        currency=payment.offer.currency_id if payment else None,
        payer=payment.credential.source if payment else None,
        challenge_id=payment.challenge.id if payment else None,
        reference=payment.receipt.reference if payment else None,
        message=verdict.problem.detail if isinstance(verdict, Challenged) else "",
    )


def _outcome(verdict: Verdict | None, status: int) -> Outcome:
    match verdict:
        case None:
            return Outcome.FREE
        case Admitted():
            return Outcome.PAID if status < 400 else Outcome.FAILED
        case Replayed():
            return Outcome.REPLAYED
        case Challenged(status=429):
            return Outcome.LIMITED
        case Challenged() if verdict.problem.type == f"{PROBLEM_BASE}payment-required":
            return Outcome.CHALLENGED
        case _:
            return Outcome.REJECTED
