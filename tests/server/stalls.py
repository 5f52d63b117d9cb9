"""A stand that sells words over a channel, served on a real socket, and a customer who reads the raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from mpp_console.methods.tempo.session_payloads import SessionPayload
from mpp_console.protocol import Challenge, ChallengeBinder, Credential, Secret, parse_challenges
from mpp_console.server import Gate, GateLimits, Offer
from mpp_console.server.asgi import PaymentMiddleware
from mpp_console.server.asgi_access import AccessTail, RequestAnswered
from mpp_console.server.asgi_streams import MeteredResponse
from mpp_console.server.events import GateEvent
from mpp_console.server.routes import Route, RouteTable
from mpp_console.server.stores.memory import MemoryStore
from mpp_console.server.streams import MeteredStream, StreamLimits
from tests.methods.tempo.booths import PRICE, Booth
from tests.server.serving import serving

Sell = Callable[[MeteredStream], Awaitable[None]]


@dataclass
class Stall:
    """`sell` is what happens in a stream; it may be changed between requests."""

    booth: Booth = field(default_factory=Booth)
    limits: StreamLimits = field(default_factory=StreamLimits)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self.events: list[GateEvent] = []
        self.answered: list[RequestAnswered] = []
        self.offer = Offer(payee=self.booth.payee, amount=PRICE)
        self.gate = Gate(
            realm="shop.example",
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(clock=self.booth.clock),
            clock=self.booth.clock,
            limits=GateLimits(rates=None),
            observe=self.events.append,
        )
        self.sell: Sell = self.say("one", "two", "three")
        self.streams: list[MeteredStream] = []
        table = RouteTable([Route(method="GET", path="/words", offers=(self.offer,))])
        app = Starlette(routes=[StarletteRoute("/words", self._words, methods=["GET"])])
        charged = PaymentMiddleware(app, self.gate, table)
        self.app = AccessTail(charged, observe=self.answered.append, clock=self.booth.clock)

    def say(self, *words: str) -> Sell:
        async def sell(stream: MeteredStream) -> None:
            for word in words:
                await stream.charge()
                await stream.send(word)

        return sell

    async def _words(self, request: Request) -> Response:
        async def sell(stream: MeteredStream) -> None:
            self.streams.append(stream)
            await self.sell(stream)

        return MeteredResponse(sell, limits=self.limits, sleep=self.sleep)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Customer]:
        async with serving(self.app) as url, httpx.AsyncClient(base_url=url) as client:
            yield Customer(self, client)


@dataclass
class Customer:
    stall: Stall
    client: httpx.AsyncClient
    challenge: Challenge | None = None

    async def ask(self) -> Challenge:
        asked = await self.client.get("/words")
        self.challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
        return self.challenge

    async def _headers(self, payload: SessionPayload) -> dict[str, str]:
        challenge = self.challenge or await self.ask()
        return {"Authorization": Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()}

    async def post(self, payload: SessionPayload) -> httpx.Response:
        return await self.client.post("/words", headers=await self._headers(payload))

    @contextlib.asynccontextmanager
    async def listen(self, payload: SessionPayload) -> AsyncIterator[Listening]:
        async with self.client.stream("GET", "/words", headers=await self._headers(payload)) as answer:
            yield Listening(answer)


class Listening:
    """The events of one answer, one at a time. `raw` is all that came."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.raw = b""
        self._rest = b""
        self._parts = answer.aiter_raw()

    async def next(self) -> tuple[str, Any]:
        """Name and data of the next event, a comment as `("", text)`; StopAsyncIteration at the end."""
        while b"\n\n" not in self._rest:
            part = await anext(self._parts)
            self.raw += part
            self._rest += part
        event, _, self._rest = self._rest.partition(b"\n\n")
        text = event.decode()
        if text.startswith(":"):
            return "", text[1:].strip()
        name, _, data = text.partition("\n")
        values = "\n".join(line.removeprefix("data: ") for line in data.split("\n"))
        name = name.removeprefix("event: ")
        return name, values if name == "message" else json.loads(values)

    async def all(self) -> list[tuple[str, Any]]:
        events = []
        while True:
            try:
                events.append(await self.next())
            except StopAsyncIteration:
                return events
