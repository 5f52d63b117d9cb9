"""The gate in front of applications, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mpp_console.protocol import parse_challenges, parse_receipt
from mpp_console.server import Bucket, DeliveryFailed, GateLimits, RateLimits, Route, RouteTable
from mpp_console.server.asgi import PaymentMiddleware, discovery_endpoint, paid, payment_of
from mpp_console.server.asgi_access import AccessTail, Outcome, RequestAnswered
from tests.server.doubles import World, credential_for, world
from tests.server.serving import serving


class Shop:
    """A served application with counters: `runs` says how often a handler ran."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.runs: list[str] = []
        self.answered: list[RequestAnswered] = []
        offer = w.offer()
        charged = ("/thing", "/stream", "/broken", "/crash", "/missing", "/stamped", "/items/{name}")
        self.table = RouteTable(
            [
                *(Route(method="GET", path=path, offers=(offer,), summary=path) for path in charged),
                Route(method="POST", path="/echo", offers=(offer,)),
                Route(method="GET", path="/free"),
                Route(method="GET", path="/hidden", offers=(offer,), discoverable=False),
            ]
        )
        inner = Starlette(
            routes=[
                *(StarletteRoute(path, self.handle) for path in ("/thing", "/free", "/items/{name}", "/missing")),
                *(StarletteRoute(path, self.handle) for path in ("/broken", "/crash", "/stamped")),
                StarletteRoute("/stream", self.stream),
                StarletteRoute("/echo", self.echo, methods=["POST"]),
                StarletteRoute("/openapi.json", discovery_endpoint(self.table, title="Shop", version="1")),
                StarletteRoute("/decorated", paid(w.gate, offer)(self.decorated), methods=["GET", "OPTIONS"]),
                StarletteRoute("/plain", paid(w.gate, offer)(self.plain)),
            ],
            middleware=[Middleware(CORSMiddleware, allow_origins=["https://page.example"])],
        )
        self.app = AccessTail(PaymentMiddleware(inner, w.gate, self.table), observe=self.answered.append, clock=w.clock)

    async def handle(self, request: Request) -> Response:
        self.runs.append(request.url.path)
        match request.url.path:
            case "/broken":
                return PlainTextResponse("no", 500, headers={"Payment-Receipt": "forged"})
            case "/crash":
                raise RuntimeError("a bug")
            case "/missing":
                raise HTTPException(404)
            case "/stamped":
                fields = {"Cache-Control": "public, max-age=60", "Access-Control-Expose-Headers": "X-Own"}
                return PlainTextResponse("ok", headers=fields)
        payment = payment_of(request.scope)
        return JSONResponse({"reference": payment.receipt.reference if payment else None})

    async def stream(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"part %d\n" % number

        self.runs.append("/stream")
        return StreamingResponse(parts(), media_type="text/event-stream")

    async def echo(self, request: Request) -> Response:
        self.runs.append("/echo")
        return Response(await request.body())

    async def decorated(self, request: Request) -> Response:
        self.runs.append("/decorated")
        payment = payment_of(request.scope)
        assert payment is not None
        return PlainTextResponse(payment.receipt.reference)

    def plain(self, request: Request) -> Response:
        self.runs.append("/plain")
        return PlainTextResponse("plain")


class Client(httpx.AsyncClient):
    """Pays whatever it is asked for."""

    async def pay(self, method: str, url: str, **fields: Any) -> httpx.Response:
        asked = await self.request(method, url, **fields)
        assert asked.status_code == 402, asked.text
        headers = {**fields.pop("headers", {}), "Authorization": authorization(asked)}
        return await self.request(method, url, headers=headers, **fields)


def authorization(asked: httpx.Response) -> str:
    challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
    return credential_for(challenge).to_header().reveal()


@pytest.fixture
def shop() -> Shop:
    return Shop(world(limits=GateLimits(max_body=1000, max_answer=1000, rates=None)))


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[Client]:
    async with serving(shop.app) as url, Client(base_url=url) as client:
        yield client


async def test_nothing_runs_before_payment(shop: Shop, client: Client) -> None:
    answer = await client.get("/thing")
    assert answer.status_code == 402
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/payment-required")
    assert "payment-receipt" not in answer.headers
    assert shop.runs == []
    assert [event.outcome for event in shop.answered] == [Outcome.CHALLENGED]


async def test_a_paid_request_is_delivered_with_a_receipt(shop: Shop, client: Client) -> None:
    answer = await client.pay("GET", "/thing?a=1&b=%20")
    assert answer.status_code == 200
    receipt = parse_receipt(answer.headers["payment-receipt"])
    assert answer.json() == {"reference": receipt.reference}
    assert answer.headers["cache-control"] == "private"
    assert shop.runs == ["/thing"]
    event = shop.answered[-1]
    assert (event.outcome, event.reference, event.amount) == (Outcome.PAID, receipt.reference, 100)


async def test_free_and_unknown_routes_pass(shop: Shop, client: Client) -> None:
    assert (await client.get("/free")).json() == {"reference": None}
    assert (await client.get("/nowhere")).status_code == 404
    assert [event.outcome for event in shop.answered] == [Outcome.FREE, Outcome.FREE]


async def test_fifty_copies_of_one_credential_are_one_delivery(shop: Shop, client: Client) -> None:
    value = authorization(await client.get("/thing"))
    answers = await asyncio.gather(*(client.get("/thing", headers={"Authorization": value}) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [402] * 49
    assert shop.runs == ["/thing"]
    refused = [answer for answer in answers if answer.status_code == 402]
    assert {answer.json()["type"].rpartition("/")[2] for answer in refused} == {"invalid-challenge"}
    assert len({parse_challenges(answer.headers["www-authenticate"])[0].id for answer in refused}) == 49


async def test_the_handlers_own_fields_are_merged(client: Client) -> None:
    answer = await client.pay("GET", "/stamped")
    assert answer.headers.get_list("cache-control") == ["max-age=60, private"]
    assert answer.headers["access-control-expose-headers"] == "X-Own, WWW-Authenticate, Payment-Receipt"


@pytest.mark.parametrize(("path", "status"), [("/broken", 500), ("/missing", 404), ("/crash", 500)])
async def test_errors_bear_no_receipt_and_are_told(shop: Shop, client: Client, path: str, status: int) -> None:
    answer = await client.pay("GET", path)
    assert answer.status_code == status
    assert "payment-receipt" not in answer.headers
    failures = [event for event in shop.w.events if isinstance(event, DeliveryFailed)]
    assert [event.status for event in failures] == [status]
    assert shop.answered[-1].outcome is Outcome.FAILED
    # The payment stays taken: the credential is not good again.
    assert (await client.get(path, headers={"Authorization": "Payment x"})).status_code == 402
    assert len(shop.w.payee.seen) == 1


async def test_streams_pass_untouched(client: Client) -> None:
    answer = await client.pay("GET", "/stream")
    assert answer.text == "part 0\npart 1\npart 2\n"
    assert "content-length" not in answer.headers
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "payment-receipt" in answer.headers


async def test_head_is_charged_and_bears_no_body(shop: Shop, client: Client) -> None:
    asked = await client.head("/thing")
    assert asked.status_code == 402
    assert asked.content == b""
    for_get = await client.get("/thing", headers={"Authorization": authorization(asked)})
    assert for_get.status_code == 402
    answer = await client.pay("HEAD", "/thing")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "payment-receipt" in answer.headers
    assert (await client.get("/free")).status_code == 200


async def test_chunked_bodies_are_bound_and_delivered(shop: Shop, client: Client) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    asked = await client.post("/echo", content=parts())
    challenge = parse_challenges(asked.headers["www-authenticate"])[0]
    assert challenge.digest is not None
    value = {"Authorization": authorization(asked)}
    assert (await client.post("/echo", content=b"{}", headers=value)).status_code == 402
    answer = await client.post("/echo", content=b'{"a":1}', headers=value)
    assert (answer.status_code, answer.content) == (200, b'{"a":1}')


@pytest.mark.parametrize("chunked", [True, False])
async def test_bodies_over_the_limit_are_refused(shop: Shop, client: Client, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answer = await client.post("/echo", content=parts() if chunked else b"x" * 1001)
    assert answer.status_code == 413
    assert "www-authenticate" not in answer.headers
    assert shop.runs == []


async def test_a_preflight_passes_unpaid(shop: Shop, client: Client) -> None:
    ask = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    for path in ("/thing", "/decorated"):
        answer = await client.options(path, headers=ask)
        assert answer.status_code in {200, 204}
    assert shop.runs == []
    # A preflight in name only does not reach the handler either.
    assert (await client.options("/decorated")).status_code == 402


async def test_the_decorator_charges_one_endpoint(shop: Shop, client: Client) -> None:
    assert (await client.get("/decorated")).status_code == 402
    answer = await client.pay("GET", "/decorated")
    assert answer.text == parse_receipt(answer.headers["payment-receipt"]).reference
    assert (await client.pay("GET", "/plain")).text == "plain"
    assert shop.runs == ["/decorated", "/plain"]


async def test_an_idempotent_retry_gets_the_same_answer(shop: Shop, client: Client) -> None:
    asked = await client.post("/echo", content=b"body", headers={"Idempotency-Key": "k"})
    fields = {"Idempotency-Key": "k", "Authorization": authorization(asked)}
    first = await client.post("/echo", content=b"body", headers=fields)
    again = await client.post("/echo", content=b"body", headers=fields)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, b"body")
    assert first.headers["payment-receipt"] == again.headers["payment-receipt"]
    assert again.headers["cache-control"] == "private"
    assert shop.runs == ["/echo"]
    assert shop.answered[-1].outcome is Outcome.REPLAYED
    assert (await client.post("/echo", content=b"other", headers=fields)).status_code == 422


async def test_a_kept_stream_is_replayed_whole(shop: Shop, client: Client) -> None:
    asked = await client.get("/stream", headers={"Idempotency-Key": "k"})
    fields = {"Idempotency-Key": "k", "Authorization": authorization(asked)}
    first = await client.get("/stream", headers=fields)
    again = await client.get("/stream", headers=fields)
    assert first.text == again.text == "part 0\npart 1\npart 2\n"
    assert shop.runs == ["/stream"]


async def test_a_crash_is_not_run_again(shop: Shop, client: Client) -> None:
    asked = await client.get("/crash", headers={"Idempotency-Key": "k"})
    fields = {"Idempotency-Key": "k", "Authorization": authorization(asked)}
    assert (await client.get("/crash", headers=fields)).status_code == 500
    assert (await client.get("/crash", headers=fields)).status_code == 409
    assert shop.runs == ["/crash"]


async def test_path_parameters_belong_to_what_is_paid(shop: Shop, client: Client) -> None:
    asked = await client.get("/items/a")
    value = {"Authorization": authorization(asked)}
    assert (await client.get("/items/b", headers=value)).status_code == 402
    assert (await client.get("/items/%61", headers=value)).status_code == 402
    assert (await client.get("/items/a", headers=value)).status_code == 200


async def test_the_discovery_document_lists_prices(client: Client) -> None:
    answer = await client.get("/openapi.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["access-control-allow-origin"] == "*"
    paths = answer.json()["paths"]
    assert paths["/thing"]["get"]["x-payment-info"] == {
        "offers": [{"method": "tempo", "intent": "charge", "amount": "100", "currency": "usd"}]
    }
    assert "402" in paths["/thing"]["get"]["responses"]
    assert "/items/{name}" in paths
    assert "requestBody" in paths["/echo"]["post"]
    assert "x-payment-info" not in paths["/free"]["get"]
    assert "/hidden" not in paths


HOSTILE = [
    b"Authorization: Payment \xff\xfe\x80",
    b"Authorization: Payment " + b"A" * 20_000,
    b"Authorization: Payment eyJjaGFsbGVuZ2UiOm51bGx9\r\nAuthorization: Payment e30",
    b"Payment-Authorization: Payment x\r\nAuthorization: \xe9",
    b"Accept-Payment: \xff/\xff;q=9\r\nAuthorization: ,,,,Payment,,,",
    b"Idempotency-Key: \xff\r\nAuthorization: Payment",
    b'Authorization: Payment id="\\"',
]


@pytest.mark.parametrize("lines", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_header_bytes_get_a_402(shop: Shop, client: Client, lines: bytes) -> None:
    place = urlsplit(str(client.base_url))
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(b"GET /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + b"\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.split(b" ")[1] in {b"402", b"400"}
    assert b"problem+json" in head
    assert json.loads(body)["type"].startswith("https://paymentauth.org/problems/")
    assert shop.runs == []


async def test_a_mounted_application_charges_its_own_paths() -> None:
    w = world()
    offer = w.offer()

    async def thing(request: Request) -> Response:
        return PlainTextResponse("inside")

    table = RouteTable([Route(method="GET", path="/thing", offers=(offer,))])
    inner = Starlette(routes=[StarletteRoute("/thing", thing)])
    app = Starlette(routes=[Mount("/v1", app=PaymentMiddleware(inner, w.gate, table))])
    async with serving(app) as url, Client(base_url=url) as client:
        assert (await client.get("/thing")).status_code == 404
        assert (await client.pay("GET", "/v1/thing")).text == "inside"


async def test_a_page_of_another_origin_can_read_what_it_needs() -> None:
    w = world()
    table = RouteTable([Route(method="GET", path="/thing", offers=(w.offer(),))])

    async def thing(request: Request) -> Response:
        return PlainTextResponse("inside")

    inner = Starlette(routes=[StarletteRoute("/thing", thing)])
    app = CORSMiddleware(PaymentMiddleware(inner, w.gate, table), allow_origins=["https://page.example"])
    page = {"Origin": "https://page.example"}
    async with serving(app) as url, Client(base_url=url) as client:
        for answer in (await client.get("/thing", headers=page), await client.pay("GET", "/thing", headers=page)):
            assert answer.headers["access-control-allow-origin"] == "https://page.example"
            assert answer.headers["access-control-expose-headers"] == "WWW-Authenticate, Payment-Receipt"


async def test_every_outcome_has_its_name() -> None:
    rates = RateLimits(failures=Bucket(burst=1, per_second=0.01))
    shop = Shop(world(limits=GateLimits(rates=rates)))
    async with serving(shop.app) as url, Client(base_url=url) as client:
        await client.get("/free")
        await client.get("/thing")
        await client.pay("GET", "/thing")
        for _ in range(2):
            await client.get("/thing", headers={"Authorization": "Payment nonsense"})
    outcomes = [event.outcome for event in shop.answered]
    assert outcomes == [
        Outcome.FREE,
        Outcome.CHALLENGED,
        Outcome.CHALLENGED,
        Outcome.PAID,
        Outcome.REJECTED,
        Outcome.LIMITED,
    ]
    assert "credential" in shop.answered[4].message
    assert "nonsense" not in repr(shop.answered)


async def test_messages_of_other_kinds_pass_as_they_are() -> None:
    w = world()
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async def keep(message: Message) -> None:
        seen.append(message)

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    table = RouteTable([Route(method="GET", path="/thing", offers=(w.offer(),))])
    charged: ASGIApp = AccessTail(PaymentMiddleware(app, w.gate, table), observe=lambda event: None, clock=w.clock)
    await charged({"type": "websocket", "path": "/thing", "headers": []}, nothing, keep)
    assert seen == [{"type": "websocket.accept"}]


async def test_a_client_that_leaves_is_not_answered() -> None:
    w = world()
    table = RouteTable([Route(method="POST", path="/thing", offers=(w.offer(),))])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it did not pay")

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        raise AssertionError("nobody listens")

    scope = {"type": "http", "method": "POST", "path": "/thing", "headers": [], "query_string": b""}
    await PaymentMiddleware(app, w.gate, table)(scope, gone, keep)
