"""The demo's route that is paid over a channel, on the sandbox's own chain."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.session_payloads import SessionPayload
from mpp_console.methods.tempo.session_schema import decode_session_request
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.protocol import ChallengeBinder, Credential, Secret, parse_challenges
from mpp_console.sandbox.demo import DemoApi
from mpp_console.sandbox.demo.sessions import SESSION_PRICE, TOKEN_PRICE, TOKENS_LIMIT
from mpp_console.server import GateLimits
from mpp_console.server.stores.memory import MemoryStore
from tests.methods.tempo.booths import SPONSOR, Booth, id_of, no_nap
from tests.sandbox.node.chains import ALICE, BOB, PATH


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
            sponsor=SponsorPolicy(signer=SPONSOR, fee_tokens=(PATH,)),
            delay=no_nap,
            clock=self.booth.clock,
            limits=GateLimits(rates=None),
        )
        transport = httpx.ASGITransport(self.demo.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    @contextlib.asynccontextmanager
    async def listening(self, payload: SessionPayload, path: str) -> AsyncIterator[httpx.Response]:
        async with self.client.stream("GET", path, headers=await self.headers(payload, path)) as answer:
            yield answer

    async def headers(self, payload: SessionPayload, path: str) -> dict[str, str]:
        asked = await self.client.get(path)
        challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
        return {"Authorization": Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()}

    async def bring(self, payload: SessionPayload, method: str = "GET", path: str = "/session") -> httpx.Response:
        headers = await self.headers(payload, path)
        return await self.client.request(method, path, headers=headers)


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


async def test_words_are_sold_one_by_one(stand: Stand) -> None:
    opening = stand.booth.opening(10_000, TOKEN_PRICE)
    assert opening.descriptor is not None
    await stand.bring(opening, path="/session/stream?tokens=1")
    voucher = stand.booth.voucher(opening.descriptor, 6 * TOKEN_PRICE)
    answer = await stand.bring(voucher, path="/session/stream?tokens=5")
    events = answer.text.strip().split("\n\n")
    assert [event.split("\n")[0] for event in events] == ["event: message"] * 5 + ["event: payment-receipt"]
    assert "".join(event.split("data: ")[1] for event in events[:5]) == "Expect clear, with a light"
    record = await stand.booth.record(opening.descriptor)
    assert (record.spent, record.units) == (6 * TOKEN_PRICE, 6)


@pytest.mark.parametrize("asked", ["0", "-1", "x", "", "9" * 30, "\u0663"])
async def test_whatever_number_of_words_is_asked_for_something_is_said(stand: Stand, asked: str) -> None:
    opening = stand.booth.opening(1_000_000, 3_000 * TOKEN_PRICE)
    answer = await stand.bring(opening, path=f"/session/stream?tokens={quote(asked)}")
    count = answer.text.count("event: message")
    assert 1 <= count <= TOKENS_LIMIT
    assert opening.descriptor is not None
    assert (await stand.booth.record(opening.descriptor)).spent == count * TOKEN_PRICE


async def test_a_sponsored_channel_is_opened_at_the_servers_cost(stand: Stand) -> None:
    before = stand.booth.chain.balance(ALICE.address)
    opening = stand.booth.opening(10_000, SESSION_PRICE, sponsored=True)
    assert (await stand.bring(opening, path="/session/sponsored")).status_code == 200
    assert before - stand.booth.chain.balance(ALICE.address) == 10_000
