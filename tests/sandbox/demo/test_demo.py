"""Every route of the demo, paid by our own payer on a chain in memory, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from mpp_console.methods.base import Mode, PaymentRefused
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payer import TempoChargePayer
from mpp_console.protocol import Challenge, ChallengeBinder, Secret, content_digest, parse_challenges, parse_receipt
from mpp_console.sandbox.demo import DemoApi, DemoEvent
from mpp_console.sandbox.demo.catalogue import PARTNER, PARTNER_SHARE, PRICE
from mpp_console.sandbox.demo.faults import BROKEN_RECIPIENT
from mpp_console.sandbox.demo.stream import STREAM_EVENTS, STREAM_SECONDS
from mpp_console.server import DeliveryFailed, GateLimits, MemoryStore, PaymentRejected, PaymentVerified
from mpp_console.server.asgi_access import Outcome, RequestAnswered
from tests.methods.tempo.charges import ALPHA_USD, PATH_USD, PAYER, SHOP, Counter
from tests.server.serving import serving


@dataclass
class Market:
    """The demo on a chain, and a customer of it."""

    counter: Counter = field(default_factory=lambda: Counter(sponsored=True))
    events: list[DemoEvent] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.demo = DemoApi(
            recipient=SHOP,
            network=SANDBOX,
            chain=self.counter.chain,
            sponsor=self.counter.policy,
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(clock=self.counter.clock),
            clock=self.counter.clock,
            random_bytes=self.counter.random_bytes,
            delay=self.delay,
            limits=GateLimits(rates=None),
            observe=self.events.append,
        )

    async def delay(self, seconds: float) -> None:
        self.delays.append(seconds)

    def shop_has(self, token: str = PATH_USD) -> int:
        return self.counter.chain.held(SHOP, token)

    def seen(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def credential(self, challenge: Challenge, **changes: Any) -> dict[str, str]:
        """Pays without looking at the quote's refusals: the faults are for clients that do not look either."""
        payer: TempoChargePayer = self.counter.payer(PAYER, **changes)
        prepared = await payer.prepare(await payer.quote(challenge))
        return {"Authorization": (await payer.send(prepared)).to_header().reveal()}

    async def buy(self, client: httpx.AsyncClient, path: str, method: str = "GET", **fields: Any) -> httpx.Response:
        asked = await client.request(method, path, **fields)
        assert asked.status_code == 402, asked.text
        headers = await self.credential(challenges(asked)[0])
        return await client.request(method, path, headers=headers, **fields)


def challenges(asked: httpx.Response) -> tuple[Challenge, ...]:
    return parse_challenges(asked.headers.get_list("WWW-Authenticate"))


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
async def client(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(market.demo.app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


CHARGED = ["/charge", "/sponsored", "/split", "/push-only", "/pull-only", "/two-offers", "/slow", "/zero"]


def test_the_catalogue_has_every_route(market: Market) -> None:
    told = {(route.method, route.path): route for route in market.demo.routes()}
    assert set(told) == {
        ("GET", "/free"),
        ("GET", "/stream"),
        ("POST", "/echo"),
        *(("GET", path) for path in CHARGED),
        *(
            ("GET", f"/faults/{name}")
            for name in ("expired", "wrong-amount", "bad-recipient", "server-error", "no-receipt")
        ),
    }
    assert told["GET", "/charge"].amount == PRICE == 10_000
    assert told["GET", "/charge"].currency.symbol == "pathUSD"
    assert told["GET", "/zero"].amount == 0
    assert told["GET", "/faults/expired"].fault == "expired"
    assert all(route.note for route in told.values())


def test_without_a_sponsor_nothing_is_sponsored() -> None:
    market = Market(counter=Counter())
    assert "/sponsored" not in {route.path for route in market.demo.routes()}


@pytest.mark.parametrize("path", CHARGED)
async def test_each_route_delivers_for_its_price(market: Market, client: httpx.AsyncClient, path: str) -> None:
    answer = await market.buy(client, path)
    assert answer.status_code == 200, answer.text
    receipt = parse_receipt(answer.headers["payment-receipt"])
    assert answer.json()["paid"] == {"method": "tempo", "reference": receipt.reference}
    expected = {"/zero": 0, "/split": PRICE - PARTNER_SHARE}.get(path, PRICE)
    assert market.shop_has() == expected
    (event,) = market.seen(PaymentVerified)
    assert (event.receipt.reference, event.offer.amount) == (receipt.reference, 0 if path == "/zero" else PRICE)
    assert PAYER.address in (event.payer or "")
    assert market.seen(RequestAnswered)[-1].outcome is Outcome.PAID


async def test_every_reading_is_another(market: Market, client: httpx.AsyncClient) -> None:
    first = (await market.buy(client, "/charge?station=ridge")).json()
    second = (await market.buy(client, "/charge?station=ridge")).json()
    assert first["station"] == second["station"] == "ridge"
    assert first["serial"] != second["serial"]
    assert -5 <= first["temperature_c"] <= 30


async def test_the_station_is_part_of_what_was_bought(market: Market, client: httpx.AsyncClient) -> None:
    asked = await client.get("/charge?station=ridge")
    headers = await market.credential(challenges(asked)[0])
    assert (await client.get("/charge?station=valley", headers=headers)).status_code == 402
    assert (await client.get("/charge?station=ridge", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"a": [1, 2]}', "application/json", {"json": {"a": [1, 2]}}),
        (b"{broken", "application/json", {"text": "{broken"}),
        (b"[" * 5000, "application/json", {"text": "[" * 5000}),
        ("grüße".encode(), "text/plain", {"text": "grüße"}),
        (b"\xff\x00", "application/octet-stream", {"text": "\ufffd\x00"}),
    ],
)
async def test_echo_gives_back_what_was_sent(
    market: Market, client: httpx.AsyncClient, body: bytes, kind: str, expected: dict[str, Any]
) -> None:
    asked = await client.post("/echo", content=body, headers={"Content-Type": kind})
    assert challenges(asked)[0].digest == content_digest(body)
    headers = await market.credential(challenges(asked)[0])
    answer = (await client.post("/echo", content=body, headers={"Content-Type": kind, **headers})).json()
    assert {name: answer[name] for name in expected} == expected
    assert (answer["bytes"], answer["digest"]) == (len(body), content_digest(body))


async def test_the_free_route_lists_prices(market: Market, client: httpx.AsyncClient) -> None:
    answer = (await client.get("/free")).json()
    assert {"method": "GET", "path": "/charge", "amount": "10000"}.items() <= answer["routes"][1].items()
    assert not any("faults" in route["path"] for route in answer["routes"])
    assert market.seen(RequestAnswered)[-1].outcome is Outcome.FREE


async def test_the_split_pays_the_partner(market: Market, client: httpx.AsyncClient) -> None:
    await market.buy(client, "/split")
    assert market.counter.chain.held(PARTNER) == PARTNER_SHARE


async def test_a_sponsored_charge_costs_the_payer_no_fee(market: Market, client: httpx.AsyncClient) -> None:
    before = market.counter.chain.held(PAYER.address)
    await market.buy(client, "/sponsored")
    assert before - market.counter.chain.held(PAYER.address) == PRICE


async def test_either_currency_pays(market: Market, client: httpx.AsyncClient) -> None:
    market.counter.chain.give(PAYER.address, 1_000_000_000, ALPHA_USD)
    asked = await client.get("/two-offers")
    offered = [challenge.request["currency"] for challenge in challenges(asked)]
    assert offered == [PATH_USD, ALPHA_USD]
    headers = await market.credential(challenges(asked)[1])
    assert (await client.get("/two-offers", headers=headers)).status_code == 200
    assert market.shop_has(ALPHA_USD) == PRICE


@pytest.mark.parametrize(("path", "mode"), [("/push-only", Mode.PULL), ("/pull-only", Mode.PUSH)])
async def test_modes_are_kept_apart(market: Market, client: httpx.AsyncClient, path: str, mode: Mode) -> None:
    asked = challenges(await client.get(path))[0]
    assert asked.request["methodDetails"]["supportedModes"] == [path.removeprefix("/").removesuffix("-only")]
    with pytest.raises(PaymentRefused):
        await market.credential(asked, mode=mode)


async def test_slow_waits_after_it_was_paid(market: Market, client: httpx.AsyncClient) -> None:
    await client.get("/slow")
    assert market.delays == []
    await market.buy(client, "/slow")
    assert market.delays == [3.0]


async def test_the_expired_fault_is_over_before_it_begins(market: Market, client: httpx.AsyncClient) -> None:
    challenge = challenges(await client.get("/faults/expired"))[0]
    assert challenge.is_expired(market.counter.clock())
    with pytest.raises(PaymentRefused):
        await market.credential(challenge)
    assert market.shop_has() == 0


async def test_the_wrong_amount_is_refused_before_it_is_broadcast(market: Market, client: httpx.AsyncClient) -> None:
    answer = await market.buy(client, "/faults/wrong-amount")
    assert answer.status_code == 402
    assert "payment-receipt" not in answer.headers
    assert market.shop_has() == 0
    assert not {"send_raw", "send_raw_sync"} & set(market.counter.chain.calls)
    assert market.seen(PaymentRejected)


async def test_the_bad_recipient_is_not_paid_by_us(market: Market, client: httpx.AsyncClient) -> None:
    challenge = challenges(await client.get("/faults/bad-recipient"))[0]
    assert challenge.request["recipient"] == BROKEN_RECIPIENT
    with pytest.raises(PaymentRefused):
        await market.credential(challenge)


async def test_the_server_error_takes_the_money_and_gives_no_receipt(market: Market, client: httpx.AsyncClient) -> None:
    answer = await market.buy(client, "/faults/server-error")
    assert answer.status_code == 500
    assert "payment-receipt" not in answer.headers
    assert market.shop_has() == PRICE
    (event,) = market.seen(DeliveryFailed)
    assert event.reference == market.seen(PaymentVerified)[0].receipt.reference
    assert market.seen(RequestAnswered)[-1].outcome is Outcome.FAILED


async def test_the_receipt_can_go_missing(market: Market, client: httpx.AsyncClient) -> None:
    answer = await market.buy(client, "/faults/no-receipt")
    assert answer.status_code == 200
    assert "payment-receipt" not in answer.headers
    assert market.shop_has() == PRICE


async def test_prices_are_published_and_traps_are_not(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    offers = document["paths"]["/two-offers"]["get"]["x-payment-info"]["offers"]
    assert [offer["currency"] for offer in offers] == [PATH_USD, ALPHA_USD]
    assert not any("faults" in path for path in document["paths"])
    guide = await client.get("/llms.txt")
    assert "GET /charge" in guide.text
    assert "faults" not in guide.text


async def test_what_is_offered_fits_every_client(market: Market, client: httpx.AsyncClient) -> None:
    for route in market.demo.routes():
        answer = await client.request(route.method, route.path + "?" + "q" * 2000)
        for line in answer.headers.get_list("WWW-Authenticate"):
            assert len(line) < 4096


def test_a_demo_without_a_chain_says_so() -> None:
    with pytest.raises(ValueError, match="chain"):
        DemoApi(
            recipient=SHOP,
            network=SANDBOX,
            chain=None,
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(),
        )


async def test_the_stream_is_paid_once_and_delivers_event_by_event(market: Market, client: httpx.AsyncClient) -> None:
    answer = await market.buy(client, "/stream")
    receipt = parse_receipt(answer.headers["payment-receipt"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block for block in answer.text.split("\n\n") if "data: " in block]
    assert [block.split("\n")[0] for block in events] == [*(f"id: {number}" for number in range(1, 6)), "event: end"]
    assert receipt.reference in events[-1]
    assert market.delays == [STREAM_SECONDS] * (STREAM_EVENTS - 1)
    assert market.shop_has() == PRICE
