"""A shop that sells over payment channels: one gate, one payee, and what it sells. Also what the benchmarks serve.

    RPC_URL=… STORE=memory|<file> [PORT=…] [DELIVERED=<file>] [PROTOCOL=v1] python -m tests.soak.shop

prints its address as one line of JSON and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Endpoint

from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_payee import TempoSessionPayee
from mpp_console.methods.tempo.session_runner import SettlementPolicy, SettlementRunner
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.protocol import ChallengeBinder, Secret
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.server import Gate, GateLimits, MemoryStore, Offer
from mpp_console.server.asgi import PaymentMiddleware, payment_of
from mpp_console.server.asgi_streams import MeteredResponse
from mpp_console.server.channels import MemoryChannels, SqliteChannels
from mpp_console.server.routes import Route, RouteTable
from mpp_console.server.stores.sqlite import SqliteStore
from mpp_console.server.streams import MeteredStream

__all__ = ["DEPOSIT", "MERCHANT", "PRICE", "SPONSOR", "append_line", "key_of", "serving"]

PRICE = 100
DEPOSIT = 4_700
"""Forty-seven requests, so that channels run out and are topped up on the way."""
SETTLING = SettlementPolicy(units=30, watch=timedelta(seconds=1), tick=timedelta(milliseconds=200))
"""Settles while it sells, and answers whoever asks the chain to close."""


def key_of(name: str) -> LocalSigner:
    """An account for a name; the same in every process."""
    return LocalSigner(Secret(keccak(f"soak {name}".encode())))


MERCHANT, SPONSOR = key_of("merchant"), key_of("sponsor")


def append_line(path: Path) -> Callable[[str], None]:
    """Appends whole lines, each with one write of its own: what a killed process wrote is there, and nothing half."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(line: str) -> None:
        os.write(handle, line.encode() + b"\n")

    return write


def application(
    payee: TempoSessionPayee, gate: Gate, delivered: Callable[[str], None], protocol: str
) -> PaymentMiddleware:
    """`/goods` for one unit a request, `/words?count=…` for one unit a word."""

    async def goods(request: Request) -> Response:
        admitted = payment_of(request.scope)
        assert admitted is not None
        delivered(admitted.receipt.reference)
        return PlainTextResponse("goods")

    async def words(request: Request) -> Response:
        count = int(request.query_params.get("count", "10"))

        async def sell(stream: MeteredStream) -> None:
            if "bulk" in request.query_params:
                await stream.relay(spoken(count))
                return
            for number in range(count):
                await stream.charge()
                await stream.send(f"word {number}")

        return MeteredResponse(sell)

    def offer(unit: str) -> Offer:
        options = {"unit_type": unit, "suggested_deposit": DEPOSIT, "fee_payer": True, "protocol": protocol}
        return Offer(payee=payee, amount=PRICE, options=options)

    table = RouteTable(
        [
            Route(method="GET", path="/goods", offers=(offer("request"),), summary="goods"),
            Route(method="GET", path="/words", offers=(offer("word"),), summary="words"),
        ]
    )
    app = Starlette(routes=[Endpoint("/goods", goods), Endpoint("/words", words)])
    return PaymentMiddleware(app, gate, table)


async def spoken(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield f"word {number}"


def _unheard(line: str) -> None:
    """Nobody counts what is delivered."""


@asynccontextmanager
async def serving(environment: Mapping[str, str]) -> AsyncIterator[str]:
    """The shop's address, while it serves."""

    def clock() -> datetime:
        return datetime.now(UTC)

    chain = Web3Chain(environment["RPC_URL"])
    where, log = environment["STORE"], environment.get("DELIVERED")
    kept = None if where == "memory" else SqliteStore(Path(where), clock=clock)
    payee = TempoSessionPayee(
        chain=chain,
        network=SANDBOX,
        recipient=MERCHANT.address,
        # It pays for closings too, so that the merchant's balance is what was sold.
        signer=SPONSOR,
        own_key=MERCHANT,
        store=MemoryChannels() if kept is None else SqliteChannels(kept),
        clock=clock,
        sponsor=SponsorPolicy(signer=SPONSOR, fee_tokens=SANDBOX.fee_tokens),
    )
    await payee.recover()
    runner = SettlementRunner(
        settlement=payee.settlement, store=payee.channels, policy=SETTLING, clock=clock, tell=lambda event: None
    )
    settling = None if where == "memory" else asyncio.create_task(runner.run())
    gate = Gate(
        realm="127.0.0.1",
        binder=ChallengeBinder([Secret(b"soak" * 8)]),
        store=MemoryStore(clock=clock) if kept is None else kept,
        clock=clock,
        limits=GateLimits(rates=None),
    )
    app = application(payee, gate, append_line(Path(log)) if log else _unheard, environment.get("PROTOCOL", "v2"))
    server = EmbeddedServer(app, port=int(environment.get("PORT", "0")))
    try:
        yield await server.start()
    finally:
        if settling is not None:
            settling.cancel()
        await server.stop()
        await chain.aclose()
        if kept is not None:
            await kept.aclose()


async def main(wait: Callable[[], Awaitable[object]]) -> None:
    async with serving(os.environ) as url:
        print(json.dumps({"url": url}), flush=True)
        await wait()


if __name__ == "__main__":
    asyncio.run(main(lambda: asyncio.to_thread(sys.stdin.read)))
