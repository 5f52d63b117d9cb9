"""Faults switched on for any route, routes that a person adds, and what is kept of each request: over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from mpp_console.methods.base import Mode, PaymentRefused
from mpp_console.sandbox.demo import Exchange, Fault, OwnRoute
from mpp_console.sandbox.demo.faults import BROKEN_RECIPIENT
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.server import PaymentRejected, PaymentVerified
from mpp_console.server.asgi_access import RequestAnswered
from tests.methods.tempo.charges import ALPHA_USD, PATH_USD
from tests.sandbox.demo.test_demo import Market, challenges

OWN = OwnRoute(
    method="GET", path="/weather/{city}", amount=20_000, currency=PATH_USD, description="a forecast", body=b'{"sun": 1}'
)


@pytest.fixture
def market() -> Market:
    market = Market()
    market.demo.use_routes([OWN])
    return market


@pytest.fixture
async def client(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    async with EmbeddedServer(market.demo.app) as server, httpx.AsyncClient(base_url=server.url) as client:
        yield client


PATHS = pytest.mark.parametrize(
    ("key", "path", "price"), [("GET /charge", "/charge", 10_000), ("GET /weather/{city}", "/weather/oslo", 20_000)]
)


@PATHS
async def test_an_expired_challenge_is_not_paid(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.EXPIRED]})
    challenge = challenges(await client.get(path))[0]
    assert challenge.is_expired(market.counter.clock())
    with pytest.raises(PaymentRefused):
        await market.credential(challenge)


@PATHS
async def test_a_bad_recipient_is_not_paid(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.BAD_RECIPIENT]})
    challenge = challenges(await client.get(path))[0]
    assert challenge.request["recipient"] == BROKEN_RECIPIENT
    with pytest.raises(PaymentRefused):
        await market.credential(challenge)


@PATHS
@pytest.mark.parametrize("fault", [Fault.WRONG_AMOUNT, Fault.REPLAY])
async def test_what_refuses_an_honest_payment_takes_no_money(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int, fault: Fault
) -> None:
    market.demo.use_faults({key: [fault]})
    assert challenges(await client.get(path))[0].request["methodDetails"]["supportedModes"] == ["pull"]
    answer = await market.buy(client, path)
    assert answer.status_code == 402
    assert market.shop_has() == 0
    assert market.seen(PaymentRejected)
    assert not {"send_raw", "send_raw_sync"} & set(market.counter.chain.calls)


@PATHS
async def test_slow_waits_after_the_payment(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.SLOW]})
    await client.get(path)
    assert market.delays == []
    assert (await market.buy(client, path)).status_code == 200
    assert market.delays == [3.0]


@PATHS
async def test_a_server_error_takes_the_money(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.SERVER_ERROR]})
    answer = await market.buy(client, path)
    assert answer.status_code == 500
    assert "payment-receipt" not in answer.headers
    assert market.shop_has() == price


@PATHS
async def test_the_receipt_goes_missing(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.NO_RECEIPT]})
    answer = await market.buy(client, path)
    assert answer.status_code == 200
    assert "payment-receipt" not in answer.headers
    assert market.shop_has() == price


@PATHS
async def test_a_lost_answer_breaks_the_connection_after_the_payment(
    market: Market, client: httpx.AsyncClient, key: str, path: str, price: int
) -> None:
    market.demo.use_faults({key: [Fault.LOST]})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await market.buy(client, path)
    assert market.shop_has() == price
    assert len(market.seen(PaymentVerified)) == 1
    assert (await client.get("/free")).status_code == 200


async def test_a_fault_of_one_route_leaves_the_others_alone(market: Market, client: httpx.AsyncClient) -> None:
    market.demo.use_faults({"GET /charge": [Fault.SERVER_ERROR]})
    assert (await market.buy(client, "/pull-only")).status_code == 200
    market.demo.use_faults({})
    assert (await market.buy(client, "/charge")).status_code == 200


async def test_a_fault_everywhere_meets_free_routes_too(market: Market, client: httpx.AsyncClient) -> None:
    market.demo.use_faults({}, [Fault.SERVER_ERROR])
    assert (await client.get("/free")).status_code == 500
    assert (await market.buy(client, "/weather/rome")).status_code == 500


async def test_several_faults_at_once(market: Market, client: httpx.AsyncClient) -> None:
    market.demo.use_faults({"GET /charge": [Fault.SLOW, Fault.NO_RECEIPT]})
    answer = await market.buy(client, "/charge")
    assert (answer.status_code, "payment-receipt" in answer.headers, market.delays) == (200, False, [3.0])


async def test_an_own_route_delivers_for_its_price(market: Market, client: httpx.AsyncClient) -> None:
    answer = await market.buy(client, "/weather/oslo")
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, {"sun": 1}, "application/json")
    assert "payment-receipt" in answer.headers
    assert market.shop_has() == 20_000
    assert (await client.get("/weather")).status_code == 404
    assert (await client.post("/weather/oslo")).status_code == 405


async def test_routes_come_and_go_while_it_is_served(market: Market, client: httpx.AsyncClient) -> None:
    news = OwnRoute(
        method="POST", path="/news", amount=None, currency=PATH_USD, status=201, body=b"", content_type="x/y"
    )
    assert (await client.post("/news")).status_code == 404
    market.demo.use_routes([news])
    assert ((await client.post("/news")).status_code, market.demo.routes()[0].own) == (201, True)
    assert (await client.get("/weather/oslo")).status_code == 404
    market.demo.use_routes([])
    assert (await client.post("/news")).status_code == 404


async def test_terms_of_an_own_route_are_offered(market: Market, client: httpx.AsyncClient) -> None:
    market.demo.use_routes(
        [
            OwnRoute(
                method="GET",
                path="/terms",
                amount=5,
                currency=ALPHA_USD,
                expires_in=timedelta(seconds=30),
                sponsored=True,
            ),
            OwnRoute(method="GET", path="/proof", amount=0, currency=PATH_USD, sponsored=True, modes=(Mode.PULL,)),
        ]
    )
    challenge = challenges(await client.get("/terms"))[0]
    assert (challenge.request["currency"], challenge.request["amount"]) == (ALPHA_USD, "5")
    assert challenge.request["methodDetails"]["feePayer"] is True
    assert challenge.expires_at == market.counter.clock() + timedelta(seconds=30)
    assert (await market.buy(client, "/proof")).status_code == 200


async def test_the_literal_path_is_found_before_the_parameter(market: Market, client: httpx.AsyncClient) -> None:
    def free(path: str) -> OwnRoute:
        return OwnRoute(method="GET", path=path, amount=None, currency=PATH_USD, content_type="a/b", body=path.encode())

    market.demo.use_routes([free("/{rest:path}"), free("/a/{b}"), free("/a/b"), free("/{a}")])
    found = {path: (await client.get(path)).text for path in ("/a/b", "/a/c", "/z", "/q/r/s")}
    assert found == {"/a/b": "/a/b", "/a/c": "/a/{b}", "/z": "/{a}", "/q/r/s": "/{rest:path}"}
    assert (await client.get("/charge")).status_code == 402, "the demo's own paths are not taken over"


def test_a_route_that_cannot_be_offered_changes_nothing(market: Market) -> None:
    bad = OwnRoute(method="GET", path="/x", amount=1, currency=PATH_USD, sponsored=True, modes=(Mode.PUSH,))
    with pytest.raises(ValueError, match="pull"):
        market.demo.use_routes([bad])
    assert [route.path for route in market.demo.routes() if route.own] == ["/weather/{city}"]


async def test_what_was_said_is_kept(market: Market, client: httpx.AsyncClient) -> None:
    market.events.clear()
    await market.buy(client, "/echo?q=1", "POST", content=b"hello")
    asked, paid = market.seen(Exchange)
    assert (asked.status, asked.handler_ms, asked.gate_ms) == (402, None, None)
    assert any(name == "www-authenticate" for name, _ in asked.answer_headers)
    assert (paid.status, paid.request_body, paid.request_size, paid.query) == (200, b"hello", 5, "q=1")
    assert b"hello" in paid.answer_body
    assert any(name == "payment-receipt" for name, _ in paid.answer_headers)
    assert paid.gate_ms is not None
    assert paid.handler_ms is not None
    assert paid.gate_ms + paid.handler_ms <= paid.total_ms
    assert "Payment " not in repr(paid)
    kinds = [type(event) for event in market.events if isinstance(event, Exchange | RequestAnswered)]
    assert kinds == [Exchange, RequestAnswered] * 2


async def test_long_bodies_are_counted_and_not_kept_whole(market: Market, client: httpx.AsyncClient) -> None:
    market.demo.use_routes(
        [OwnRoute(method="POST", path="/big", amount=None, currency=PATH_USD, body=b"b" * 100_000, content_type="a/b")]
    )
    market.events.clear()
    assert len((await client.post("/big", content=b"a" * 90_000)).content) == 100_000
    (exchange,) = market.seen(Exchange)
    assert (exchange.answer_size, len(exchange.answer_body)) == (100_000, 64 * 1024)
