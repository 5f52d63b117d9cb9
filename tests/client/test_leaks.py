"""A credential goes to the origin that asked, over TLS or loopback, and nowhere else."""

from __future__ import annotations

import copy
import itertools
import logging
import pickle
from collections.abc import Callable

import httpx
import pytest

from mpp_console.client.auth import operation_of
from mpp_console.client.carrier import SealedHeaders, check_sealing
from mpp_console.client.errors import CrossOriginPayment, InsecureOrigin, NoUsableOffer, OutcomeUnknown
from mpp_console.methods.base import Mode
from mpp_console.protocol import FormatError, Secret

from .conftest import Purse
from .till import Reply, Seen, Server, Till

REDIRECTS = [301, 302, 303, 307, 308]
HEADERS = [None, "Payment-Authorization"]


def _redirecting(till: Till, status: int, location: str) -> None:
    till.after = lambda seen: Reply(
        status=status, headers=[("Location", location), *till.receipt_headers("0xcafe0001")], body=b""
    )


@pytest.mark.parametrize(("status", "header"), list(itertools.product(REDIRECTS, HEADERS)))
async def test_a_redirect_of_the_paid_request_takes_no_credential_along(
    purse: Purse, server: Server, till: Till, status: int, header: str | None
) -> None:
    till.header = header
    async with Server(lambda seen: Reply(body=b"elsewhere")) as other:
        _redirecting(till, status, f"{other.url}/next")
        async with purse.client(follow_redirects=True) as client:
            response = await client.post(server.url, content=b"order", headers={"X-Mine": "kept"})
    assert response.text == "elsewhere"
    (landed,) = other.seen
    assert landed.get_all("authorization") == landed.get_all("payment-authorization") == []
    assert landed.get("x-mine") == "kept"
    assert len(server.paid) == 1
    assert purse.states == ["settled"]


@pytest.mark.parametrize("header", HEADERS)
async def test_even_the_same_origin_sees_it_once(purse: Purse, server: Server, till: Till, header: str | None) -> None:
    till.header = header
    _redirecting(till, 307, "/again")
    async with purse.client(follow_redirects=True) as client:
        response = await client.get(f"{server.url}/first")
    assert [seen.path for seen in server.paid] == ["/first"]
    assert server.seen[-1].path == "/again"
    assert response.status_code == 402, "the page behind the redirect asks again, and is not paid"
    assert purse.payer.calls.count("prepare") == 1


@pytest.mark.parametrize(("status", "header"), list(itertools.product(REDIRECTS, HEADERS)))
async def test_not_even_an_upgrade_to_https_of_the_same_host_gets_it(
    purse: Purse, till: Till, status: int, header: str | None
) -> None:
    till.header = header
    credentials: list[tuple[str, bool]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        names = {name.lower() for name, _ in request.headers.multi_items()}
        carries = bool(names & {"authorization", "payment-authorization"})
        credentials.append((request.url.scheme, carries))
        if request.url.scheme == "https":
            return httpx.Response(200, text="upgraded")
        if not carries:
            reply = till.ask()
            return httpx.Response(402, headers=reply.headers)
        location = ("Location", "https://127.0.0.1/next")
        return httpx.Response(status, headers=[location, *till.receipt_headers("0xcafe0001")])

    async with purse.client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        response = await client.get("http://127.0.0.1/paid")
    assert response.text == "upgraded"
    assert credentials == [("http", False), ("http", True), ("https", False)]


async def test_a_redirect_that_is_not_followed_is_handed_out_without_the_credential(
    purse: Purse, server: Server, till: Till
) -> None:
    _redirecting(till, 307, "/next")
    async with purse.client() as client:
        response = await client.get(server.url)
        assert response.status_code == 307
        assert response.next_request is not None
        assert "Authorization" not in response.next_request.headers
        assert "Authorization" not in response.request.headers
    operation = operation_of(response)
    assert operation is not None
    assert operation.state == "settled"


async def test_a_redirect_without_a_receipt_is_as_true_as_the_rail(purse: Purse, server: Server, till: Till) -> None:
    till.after = lambda seen: Reply(status=303, headers=[("Location", "/next")])
    async with purse.client() as client:
        response = await client.get(server.url)
        assert response.status_code == 303
        till.takes = False
        with pytest.raises(OutcomeUnknown, match="303"):
            await client.get(server.url)
    assert purse.states == ["settled", "unknown"]


async def test_a_redirect_to_another_origin_that_asks_for_money_is_not_paid(purse: Purse, server: Server) -> None:
    async with (
        Server(lambda seen: Reply(status=307, headers=[("Location", f"{server.url}/paid")])) as first,
        purse.client(follow_redirects=True) as client,
    ):
        with pytest.raises(CrossOriginPayment) as caught:
            await client.get(first.url)
    assert (str(caught.value.requested), str(caught.value.asking)) == (first.url, server.url)
    assert purse.payer.calls == []


async def test_a_redirect_within_the_origin_is_paid_where_it_leads(purse: Purse, till: Till) -> None:
    def serve(seen: Seen) -> Reply:
        return till(seen) if seen.path == "/new" else Reply(status=303, headers=[("Location", "/new")])

    async with Server(serve) as server, purse.client(follow_redirects=True) as client:
        response = await client.post(f"{server.url}/old", content=b"order")
    assert response.text == "goods"
    (paid,) = server.paid
    assert (paid.method, paid.path, paid.body) == ("GET", "/new", b"")


async def test_a_307_keeps_the_body_of_the_paid_request(purse: Purse, till: Till) -> None:
    def serve(seen: Seen) -> Reply:
        return till(seen) if seen.path == "/new" else Reply(status=307, headers=[("Location", "/new")])

    async with Server(serve) as server, purse.client(follow_redirects=True) as client:
        await client.post(f"{server.url}/old", content=b"order")
    (paid,) = server.paid
    assert (paid.method, paid.body) == ("POST", b"order")


@pytest.mark.parametrize("url", ["http://api.example.com/", "http://10.0.0.1/", "http://localhost.example.com/"])
async def test_plain_http_is_for_loopback_only(purse: Purse, till: Till, url: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(402, headers=till.ask().headers))
    async with purse.client(transport=transport) as client:
        with pytest.raises(InsecureOrigin):
            await client.get(url)
    assert purse.payer.calls == []


async def test_a_proof_for_somebody_else_is_not_given(purse: Purse, till: Till) -> None:
    purse.payer.mode = Mode.PROOF
    till.amount = 0
    transport = httpx.MockTransport(lambda request: httpx.Response(402, headers=till.ask().headers))
    async with purse.client(transport=transport) as client:
        with pytest.raises(NoUsableOffer, match="valid for till"):
            await client.get("https://evil.example/")
    assert purse.payer.calls == ["quote"]


async def test_nothing_that_is_logged_or_kept_holds_the_credential(
    purse: Purse, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen_by_hook: list[str] = []

    async def hook(request: httpx.Request) -> None:
        seen_by_hook.append(repr(request.headers))

    async with purse.client(event_hooks={"request": [hook]}) as client:
        response = await client.get(server.url)
    secret = server.paid[0].get("authorization") or ""
    token = secret.removeprefix("Payment ")
    assert len(token) > 50
    kept = [
        caplog.text,
        *seen_by_hook,
        repr(response.request.headers),
        repr(purse.events),
        repr(purse.memory.operations),
    ]
    assert not [text for text in kept if token in text]
    assert "Authorization" not in response.request.headers


async def test_a_request_hook_may_add_headers_and_not_replace_the_payment(purse: Purse, server: Server) -> None:
    async def hook(request: httpx.Request) -> None:
        request.headers["X-Trace"] = "1"
        request.headers["Authorization"] = "Bearer hook"

    async with purse.client(event_hooks={"request": [hook]}) as client:
        await client.get(server.url)
    (paid,) = server.paid
    assert paid.get("x-trace") == "1"
    assert len(paid.get_all("authorization")) == 1
    assert purse.states == ["settled"]


def _sealed() -> SealedHeaders:
    return SealedHeaders(httpx.Headers({"Accept": "*/*"}), "Payment-Authorization", Secret("Payment abc"))


READS: list[Callable[[SealedHeaders], bool]] = [
    lambda headers: headers["payment-authorization"] == "Payment abc",
    lambda headers: headers.get("Payment-Authorization") == "Payment abc",
    lambda headers: headers.get_list("payment-authorization") == ["Payment abc"],
    lambda headers: "PAYMENT-AUTHORIZATION" in headers,
    lambda headers: ("payment-authorization", "Payment abc") in headers.multi_items(),
    lambda headers: dict(headers.items())["payment-authorization"] == "Payment abc",
    lambda headers: "payment-authorization" in list(headers),
    lambda headers: "payment-authorization" in headers.keys(),  # noqa: SIM118 - httpx has its own
    lambda headers: "Payment abc" in headers.values(),
    lambda headers: (b"Payment-Authorization", b"Payment abc") in headers.raw,
    lambda headers: len(headers) == 2,
]


@pytest.mark.parametrize("read", READS)
def test_sealed_headers_show_the_credential_to_any_transport_until_it_is_discarded(
    read: Callable[[SealedHeaders], bool],
) -> None:
    headers = _sealed()
    assert read(headers)
    headers.discard()
    with pytest.raises((AssertionError, KeyError)):
        assert read(headers)


@pytest.mark.parametrize(
    "copied",
    [
        httpx.Headers,
        lambda headers: headers.copy(),
        lambda headers: httpx.Request("GET", "http://x/", headers=headers).headers,
    ],
)
def test_no_copy_has_the_credential(copied: Callable[[SealedHeaders], httpx.Headers]) -> None:
    headers = copied(_sealed())
    assert "Payment-Authorization" not in headers
    assert headers["Accept"] == "*/*"


def test_sealed_headers_do_not_print_or_pickle() -> None:
    headers = _sealed()
    assert "abc" not in repr(headers)
    for escape in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            escape(headers)


def test_an_httpx_that_copies_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_sealing()
    monkeypatch.setattr(SealedHeaders, "copy", lambda self: httpx.Headers(self.raw))
    with pytest.raises(FormatError, match="redirect could leak"):
        check_sealing()
