"""Metered streams over WebSocket, as npm mppx speaks it: credentials come in the socket, and so does what they buy.

A client learns the price by a plain HTTP request to the same address, whose route asks for a session. Every credential
is judged by the gate as an empty POST to that address would be; nothing is charged but by the stream itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from starlette.types import Message, Receive, Scope, Send

from mpp_console.protocol import Credential, MppError, Receipt, parse_credential
from mpp_console.server.answers import Admitted, Challenged, Managed
from mpp_console.server.asgi_streams import note_socket
from mpp_console.server.gate import Gate
from mpp_console.server.offers import Offer
from mpp_console.server.requests import GateRequest
from mpp_console.server.sessions import MeteredPayee
from mpp_console.server.socket_frames import (
    FRAME_LIMIT,
    close_ready_frame,
    error_frame,
    message_frame,
    need_voucher_frame,
    read_frame,
    receipt_frame,
)
from mpp_console.server.streams import DEFAULT_STREAM_LIMITS, Meter, MeteredStream, StreamLimits

__all__ = ["MeteredSocket"]

QUEUE: Final = 32
"""Credentials of one client that may wait for the one before; more is a flood."""
POLICY, BROKEN, DONE = 1008, 1011, 1000
"""Why a socket is closed (RFC 6455 §7.4.1)."""
_REASON_LIMIT: Final = 120
"""Bytes of a reason: a close frame has room for 123."""

Sell = Callable[[MeteredStream], Awaitable[None]]


class MeteredSocket:
    """An ASGI application for one WebSocket route: `sell` is run with the stream as soon as a channel pays for it.

    `offers` are those that the HTTP route at the same path asks for.
    """

    def __init__(
        self, gate: Gate, offers: Sequence[Offer], sell: Sell, *, limits: StreamLimits = DEFAULT_STREAM_LIMITS
    ) -> None:
        self.gate = gate
        self.offers = tuple(offers)
        self.sell = sell
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})
        await _Conversation(self, scope, send).listen(receive)


class _Conversation:
    """One socket. Frames are read while a credential is judged, and credentials are judged one after another."""

    def __init__(self, route: MeteredSocket, scope: Scope, send: Send) -> None:
        self._route = route
        self._scope = scope
        self._send = send
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._leaving = asyncio.Event()
        self._closed = False
        self._asked_to_close = False
        self._meter: Meter | None = None
        self._stream: MeteredStream | None = None
        self._selling: asyncio.Task[None] | None = None

    async def listen(self, receive: Receive) -> None:
        """Returns when the socket is closed, by whomever."""
        acting = asyncio.create_task(self._act())
        reading = asyncio.create_task(self._read(receive))
        try:
            await asyncio.wait({acting, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._closed = True
            self._leaving.set()
            if self._selling is not None:
                # It notices that the client has gone, and puts what it took into the books.
                await asyncio.gather(self._selling, return_exceptions=True)
            for task in (acting, reading):
                task.cancel()
            ends = await asyncio.gather(acting, reading, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    # -- what comes in

    async def _read(self, receive: Receive) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            ask = read_frame(_text(message))
            if ask is None:
                continue
            if ask.kind == "payment-close-request":
                self._asked_to_close = True
                self._leaving.set()
            if self._waiting.qsize() >= QUEUE:
                await self._fail(429, "too many queued payment messages")
                return
            self._waiting.put_nowait(None if ask.kind == "payment-close-request" else ask.authorization)

    async def _act(self) -> None:
        while not self._closed:
            authorization = await self._waiting.get()
            if authorization is None:
                await self._say_ready()
            else:
                await self._redeem(authorization)

    async def _redeem(self, authorization: str) -> None:
        try:
            credential = parse_credential(authorization)
        except MppError:
            await self._fail(400, "invalid payment message")
            return
        request = self._request(credential.challenge.credential_header, authorization)
        verdict = await self._route.gate.check(request, self._route.offers, management=True)
        if isinstance(verdict, Challenged):
            await self._fail(verdict.status, verdict.problem.detail or verdict.problem.title or "refused")
            return
        if not isinstance(verdict, Managed):
            await self._fail(400, "only a session is paid in a socket")
            return
        if verdict.action == "voucher" and self._stream is not None:
            self._stream.challenge_id = credential.challenge.id
        await self._text(receipt_frame(verdict.receipt))
        if verdict.action == "close":
            await self._close(DONE, "payment session closed")
        elif verdict.action != "topUp" and self._selling is None and not self._asked_to_close:
            self._selling = asyncio.create_task(self._run(request, credential, verdict.offer))

    async def _say_ready(self) -> None:
        """Answers a request for the last receipt: selling has stopped already."""
        if self._selling is not None:
            await asyncio.gather(self._selling, return_exceptions=True)
        stream, meter = self._stream, self._meter
        if stream is None or meter is None or stream.receipt is not None:
            return
        stream.receipt = await meter.receipt(challenge_id=stream.challenge_id, units=stream.units)
        await self._text(close_ready_frame(stream.receipt))

    # -- what goes out

    async def _run(self, request: GateRequest, credential: Credential, offer: Offer) -> None:
        payee = offer.payee
        assert isinstance(payee, MeteredPayee)  # noqa: S101 - what managed a channel can charge it
        self._meter = payee.meter(credential)

        async def ended(stream: MeteredStream) -> None:
            if stream.charged and self._meter is not None:
                receipt = await self._meter.receipt(challenge_id=stream.challenge_id, units=stream.units)
                admitted = Admitted(credential=credential, receipt=receipt, offer=offer, request=request)
                gate, amount = self._route.gate, stream.charged
                note_socket(self._scope, gate, admitted, self._meter, amount=amount, units=stream.units)
                self._route.gate.streamed(
                    request, credential, offer, receipt=receipt, amount=stream.charged, units=stream.units
                )

        self._stream = MeteredStream(
            wire=_SocketWire(self._text, self._leaving),
            meter=self._meter,
            price=offer.amount,
            challenge_id=credential.challenge.id,
            limits=self._route.limits,
            ended=ended,
        )
        try:
            async with self._stream as stream:
                await self._route.sell(stream)
        except Exception:
            await self._fail(500, "websocket session failed", BROKEN)
            raise

    async def _text(self, text: str) -> None:
        if not self._closed:
            await self._send({"type": "websocket.send", "text": text})

    async def _fail(self, status: int, message: str, code: int = POLICY) -> None:
        await self._text(error_frame(status, message))
        await self._close(code, message)

    async def _close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._leaving.set()
        short = reason.encode()[:_REASON_LIMIT].decode(errors="ignore")
        with contextlib.suppress(RuntimeError):  # the client was quicker
            await self._send({"type": "websocket.close", "code": code, "reason": short})

    def _request(self, field: str, authorization: str) -> GateRequest:
        scope = self._scope
        raw_path, client = scope.get("raw_path"), scope.get("client")
        return GateRequest(
            method="POST",
            path=raw_path.decode("latin-1") if raw_path else quote(scope["path"]),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=((field, authorization),),
            client=client[0] if client else "",
        )


class _SocketWire:
    """A stream's frames. What ends well is told as ready to be closed; the socket stays open for that."""

    def __init__(self, text: Callable[[str], Awaitable[None]], leaving: asyncio.Event) -> None:
        self._text = text
        self._leaving = leaving
        self._last: Receipt | None = None

    async def start(self) -> None:
        return None

    async def message(self, *values: str) -> None:
        for value in values:
            await self._text(message_frame(value))

    async def need_voucher(self, facts: Mapping[str, str]) -> None:
        await self._text(need_voucher_frame(facts))

    async def receipt(self, receipt: Receipt) -> None:
        self._last = receipt

    async def beat(self) -> None:
        return None  # the protocol below has signs of life of its own

    async def end(self) -> None:
        if self._last is not None:
            await self._text(close_ready_frame(self._last))

    async def left(self) -> None:
        await self._leaving.wait()


def _text(message: Message) -> str:
    """The text of a frame; nothing for one that is too long to be ours."""
    text, raw = message.get("text"), message.get("bytes")
    if text is None:
        text = (raw or b"").decode("utf-8", "replace")
    return text if len(text) <= FRAME_LIMIT else ""
