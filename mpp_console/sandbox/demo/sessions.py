"""The demo's routes that are paid over a payment channel, and what is known of the channel while one is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mpp_console.methods.base import Payee
from mpp_console.methods.tempo.networks import Network
from mpp_console.methods.tempo.offers import ImpossibleOffer
from mpp_console.protocol import ParseError
from mpp_console.sandbox.demo.catalogue import DemoRoute, Entry
from mpp_console.sandbox.demo.content import forecast
from mpp_console.sandbox.demo.faults import STALLS
from mpp_console.server.asgi import payment_of
from mpp_console.server.asgi_sockets import MeteredSocket
from mpp_console.server.asgi_streams import MeteredResponse
from mpp_console.server.gate import Gate
from mpp_console.server.offers import Offer
from mpp_console.server.routes import Route
from mpp_console.server.streams import DEFAULT_STREAM_LIMITS, MeteredStream, StreamLimits

__all__ = [
    "SESSION_PRICE",
    "SOCKET_PATH",
    "TOKEN_PRICE",
    "session_entries",
    "session_facts",
    "token_socket",
    "token_stream",
]

SESSION_PRICE: Final = 1_000
"""A tenth of a cent: too little for a transaction of its own, which is what channels are for."""
TOKEN_PRICE: Final = 50
"""What a word of a stream costs."""

SOCKET_PATH: Final = "/session/ws"
SUGGESTED_DEPOSIT: Final = 100_000
"""A hundred requests, or two thousand words."""
TOKENS: Final = 24
TOKENS_LIMIT: Final = 2_000
STALLS_AFTER: Final = 2
_STALLED: Final = StreamLimits(upstream_seconds=86_400, beat_seconds=86_400)
"""A stream that says nothing any more; it ends when its client has had enough."""
TOKEN_SECONDS: Final = 0.05
"""Between two words: as fast as people read."""


def session_entries(payee: Payee, network: Network, *, sponsored: bool) -> tuple[Entry, ...]:
    """The session routes, charged by a payee of sessions. `sponsored` says whether it can pay fees for others."""
    shop = _Stall(payee, network)
    entries = [
        shop.entry("/session", "a reading for each voucher, over one channel", SESSION_PRICE, "request"),
        shop.entry("/session/stream", "words as they come, each charged by itself", TOKEN_PRICE, "token"),
        shop.entry(SOCKET_PATH, "the same words, over a WebSocket too", TOKEN_PRICE, "token"),
    ]
    if sponsored:
        note = "a reading for each voucher; the server pays to open the channel"
        entries.append(shop.entry("/session/sponsored", note, SESSION_PRICE, "request", fee_payer=True))
    with suppress(ImpossibleOffer):  # whoever charges may have no key for the older contract
        note = "a reading for each voucher, for clients of version 1"
        entries.append(shop.entry("/session/v1", note, SESSION_PRICE, "request", protocol="v1"))
    return tuple(entries)


class _Stall:
    """Makes entries for one payee of sessions."""

    def __init__(self, payee: Payee, network: Network) -> None:
        self._payee = payee
        self._currency = network.currency(network.default_token)

    def entry(self, path: str, note: str, price: int, unit: str, **options: Any) -> Entry:
        offer = Offer(
            payee=self._payee,
            amount=price,
            description=f"demo {path}: {note}",
            options={"unit_type": unit, "suggested_deposit": SUGGESTED_DEPOSIT} | options,
        )
        told = DemoRoute(
            method="GET",
            path=path,
            rail=offer.method,
            intent=offer.intent,
            amount=offer.amount,
            currency=self._currency,
            note=note,
        )
        return Entry(route=Route(method="GET", path=path, offers=(offer,), summary=note), told=told)


def session_facts(request: Request) -> dict[str, dict[str, str]]:
    """What the answer tells of the channel that paid for it."""
    from mpp_console.methods.tempo.session_receipts import read_session_receipt

    payment = payment_of(request.scope)
    if payment is None:
        return {}
    try:
        facts = read_session_receipt(payment.receipt)
    except ParseError:
        return {}
    return {"channel": {"id": facts.channel_id, "accepted": str(facts.accepted), "spent": str(facts.spent)}}


def token_stream(request: Request, delay: Callable[[float], Awaitable[None]]) -> Response:
    """Words one after another, `?tokens=` of them, each an event and a charge of its own."""
    stalls = bool(request.scope.get(STALLS))
    return MeteredResponse(_seller(request.query_params, delay, stalls), limits=_limits(stalls))


def token_socket(
    gate: Gate, offers: Sequence[Offer], delay: Callable[[float], Awaitable[None]], *, stalls: bool
) -> ASGIApp:
    """The same words over a WebSocket."""

    async def socket(scope: Scope, receive: Receive, send: Send) -> None:
        sell = _seller(QueryParams(scope.get("query_string", b"")), delay, stalls)
        await MeteredSocket(gate, offers, sell, limits=_limits(stalls))(scope, receive, send)

    return socket


def _seller(
    wishes: QueryParams, delay: Callable[[float], Awaitable[None]], stalls: bool
) -> Callable[[MeteredStream], Awaitable[None]]:
    asked = wishes.get("tokens", "")
    count = min(max(int(asked), 1), TOKENS_LIMIT) if asked.isascii() and asked.isdecimal() else TOKENS

    async def words() -> AsyncIterator[str]:
        for number, word in enumerate(forecast(count)):
            if stalls and number == STALLS_AFTER:
                await asyncio.Event().wait()
            if number:
                await delay(TOKEN_SECONDS)
            yield word

    async def sell(stream: MeteredStream) -> None:
        await stream.relay(words())

    return sell


def _limits(stalls: bool) -> StreamLimits:
    return _STALLED if stalls else DEFAULT_STREAM_LIMITS
