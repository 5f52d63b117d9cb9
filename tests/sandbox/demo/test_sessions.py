"""The demo's route that is paid over a channel, on the sandbox's own chain."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.session_schema import SessionPayload, decode_session_request
from mpp_console.protocol import ChallengeBinder, Credential, Secret, parse_challenges
from mpp_console.sandbox.demo import DemoApi
from mpp_console.sandbox.demo.sessions import SESSION_PRICE
from mpp_console.server import GateLimits
from mpp_console.server.stores.memory import MemoryStore
from tests.methods.tempo.booths import Booth, id_of
from tests.sandbox.node.chains import BOB


class Stand:
    """The demo with a session's payee behind it."""

    def __init__(self) -> None:
        self.booth = Booth()
        self.demo = DemoApi(
            recipient=BOB.address,
            network=SANDBOX,
            chain=self.booth.rpc,
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(clock=self.booth.clock),
            sessions=self.booth.payee,
            clock=self.booth.clock,
            limits=GateLimits(rates=None),
        )
        transport = httpx.ASGITransport(self.demo.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def bring(self, payload: SessionPayload, method: str = "GET") -> httpx.Response:
        asked = await self.client.get("/session")
        challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
        value = Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()
        return await self.client.request(method, "/session", headers={"Authorization": value})


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    stand = Stand()
    async with stand.client:
        yield stand


async def test_the_route_is_told_and_asks_for_a_channel(stand: Stand) -> None:
    told = next(route for route in stand.demo.routes() if route.path == "/session")
    assert (told.intent, told.amount, told.fault) == ("session", SESSION_PRICE, None)
    asked = await stand.client.get("/session")
    request = decode_session_request(parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0].request)
    assert asked.status_code == 402
    assert (request.amount, request.unit_type, request.protocol) == (SESSION_PRICE, "request", "v2")
    assert request.suggested_deposit is not None


async def test_a_channel_pays_for_readings_until_it_is_closed(stand: Stand) -> None:
    booth = stand.booth
    opening = booth.opening(10_000, SESSION_PRICE)
    descriptor = opening.descriptor
    assert descriptor is not None
    first = await stand.bring(opening)
    assert first.status_code == 200
    assert first.json()["channel"] == {"id": id_of(descriptor), "accepted": "1000", "spent": "1000"}
    second = await stand.bring(booth.voucher(descriptor, 2 * SESSION_PRICE))
    assert second.json()["channel"]["spent"] == "2000"
    closed = await stand.bring(booth.closing(descriptor, 2 * SESSION_PRICE), "POST")
    assert (closed.status_code, closed.content) == (204, b"")
    assert (await booth.record(descriptor)).settled == 2 * SESSION_PRICE


def test_without_a_payee_of_sessions_there_is_no_such_route() -> None:
    booth = Booth()
    demo = DemoApi(
        recipient=BOB.address,
        network=SANDBOX,
        chain=booth.rpc,
        binder=ChallengeBinder([Secret(b"s" * 32)]),
        store=MemoryStore(),
    )
    assert "/session" not in {route.path for route in demo.routes()}
