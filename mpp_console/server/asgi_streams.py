"""Metered streams for an ASGI application: server-sent events that are charged while they are delivered.

In an ASGI application behind the gate:

    async with charge_of(scope).stream(receive, send) as stream:
        async for token in upstream:
            await stream.charge()
            await stream.send(token)

and in an endpoint of Starlette `return MeteredResponse(sell)`, where `sell(stream)` does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mpp_console.protocol import Receipt
from mpp_console.server.answers import Admitted
from mpp_console.server.fields import Fields
from mpp_console.server.gate import Gate
from mpp_console.server.sessions import MeteredPayee
from mpp_console.server.sse import KEEP_ALIVE, STREAM_FIELDS, message_event, need_voucher_event, receipt_event
from mpp_console.server.streams import DEFAULT_STREAM_LIMITS, Meter, MeteredStream, StreamLimits

__all__ = [
    "VERDICT_KEY",
    "Charge",
    "MeteredResponse",
    "NotMetered",
    "charge_if_any",
    "charge_of",
    "note_socket",
    "offer_streams",
]

_SCOPE_KEY: Final = "mpp_console.charge"
VERDICT_KEY: Final = "mpp_console.verdict"
"""Where the scope of a request has what its gate decided."""


class NotMetered(RuntimeError):
    """The request was not paid over a channel, so that nothing more can be charged for its answer."""


class Charge:
    """The payment that let a request in, and what its answer was charged on top.

    `amount` are base units, the request's own price included; `units` are None until a stream has ended.
    """

    def __init__(self, gate: Gate, admitted: Admitted, meter: Callable[[], Meter]) -> None:
        self.admitted = admitted
        self.amount = admitted.offer.amount
        self.units: int | None = None
        self.receipt: Receipt | None = None
        self._gate = gate
        self._make_meter = meter
        self._prepaid = admitted.offer.amount

    @cached_property
    def _meter(self) -> Meter:
        """Made where somebody streams: most answers are paid for as a whole."""
        return self._make_meter()

    def stream(
        self,
        receive: Receive,
        send: Send,
        *,
        headers: Fields = (),
        limits: StreamLimits = DEFAULT_STREAM_LIMITS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> MeteredStream:
        """Answers this request with a stream of events. The unit that the request was charged for is the first one."""
        prepaid, self._prepaid = self._prepaid, 0
        return MeteredStream(
            wire=_EventWire(receive, send, headers),
            meter=self._meter,
            price=self.admitted.offer.amount,
            challenge_id=self.admitted.challenge.id,
            prepaid=prepaid,
            limits=limits,
            ended=self._ended,
            sleep=sleep,
        )

    async def _ended(self, stream: MeteredStream) -> None:
        more = stream.charged - self.admitted.offer.amount
        self.amount, self.units, self.receipt = stream.charged, stream.units, stream.receipt
        if more <= 0:
            return
        receipt = stream.receipt
        if receipt is None:
            # Nobody was there to hear it; the books still have to be told.
            receipt = await self._meter.receipt(challenge_id=stream.challenge_id, units=stream.units)
        paid = self.admitted
        self._gate.streamed(paid.request, paid.credential, paid.offer, receipt=receipt, amount=more, units=stream.units)


class MeteredResponse(Response):
    """A stream as an endpoint of Starlette returns it; `sell` is run with it. Raises NotMetered when it is sent for a
    request that no channel paid for.
    """

    def __init__(
        self,
        sell: Callable[[MeteredStream], Awaitable[None]],
        *,
        headers: Mapping[str, str] | None = None,
        limits: StreamLimits = DEFAULT_STREAM_LIMITS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self._sell = sell
        self._fields = tuple((headers or {}).items())
        self._limits = limits
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        charge = charge_of(scope)
        async with charge.stream(receive, send, headers=self._fields, limits=self._limits, sleep=self._sleep) as stream:
            await self._sell(stream)


def charge_of(scope: Scope) -> Charge:
    """The charge of this request. Raises NotMetered where no channel paid for it."""
    charge = charge_if_any(scope)
    if charge is None:
        raise NotMetered("This request was not paid over a channel: offer a session for its route.")
    return charge


def charge_if_any(scope: Scope) -> Charge | None:
    charge = scope.get(_SCOPE_KEY)
    return charge if isinstance(charge, Charge) else None


def note_socket(scope: Scope, gate: Gate, admitted: Admitted, meter: Meter, *, amount: int, units: int) -> None:
    """Lets whoever watches the application see what a WebSocket was charged: `admitted` is what paid for it last."""
    charge = Charge(gate, admitted, lambda: meter)
    charge.amount, charge.units, charge.receipt = amount, units, admitted.receipt
    scope[_SCOPE_KEY], scope[VERDICT_KEY] = charge, admitted


def offer_streams(scope: Scope, gate: Gate, admitted: Admitted) -> None:
    """Lets the handler of an admitted request charge further, where its payee can."""
    payee = admitted.offer.payee
    if isinstance(payee, MeteredPayee):
        scope[_SCOPE_KEY] = Charge(gate, admitted, partial(payee.meter, admitted.credential))


class _EventWire:
    """Server-sent events over ASGI."""

    def __init__(self, receive: Receive, send: Send, headers: Fields) -> None:
        self._receive = receive
        self._send = send
        self._headers = headers

    async def start(self) -> None:
        fields = [*STREAM_FIELDS, *self._headers]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def message(self, *values: str) -> None:
        await self._body(b"".join(map(message_event, values)))

    async def need_voucher(self, facts: Mapping[str, str]) -> None:
        await self._body(need_voucher_event(facts))

    async def receipt(self, receipt: Receipt) -> None:
        await self._body(receipt_event(receipt))

    async def beat(self) -> None:
        await self._body(KEEP_ALIVE)

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _body(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
