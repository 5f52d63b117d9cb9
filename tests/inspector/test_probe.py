"""Probing a URL: every offer decoded, everything wrong told, nothing paid and nothing believed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mpp_console.inspector.probe import BODY_LIMIT, Wishes, probe
from mpp_console.inspector.report import InspectReport
from mpp_console.methods.base import Mode, Outcome, Prepared, Quote, Transfer
from mpp_console.protocol import (
    Challenge,
    Credential,
    Currency,
    FindingLevel,
    ParseError,
    encode_object,
    format_challenge,
    parse_base_units,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
COIN = Currency(id="0xc0", symbol="COIN", decimals=6)


class CoinPayer:
    """Reads `coin/charge`, and must never be asked for more."""

    method = "coin"
    intent = "charge"

    async def quote(self, challenge: Challenge) -> Quote:
        request = challenge.request
        if "amount" not in request:
            raise ParseError("the amount is missing")
        return Quote(
            challenge=challenge,
            amount=parse_base_units(request["amount"]),
            currency=COIN,
            transfers=(Transfer(recipient="0xr", amount=1),),
            network="toy",
            chain_id=7,
            payer=None,
            mode=Mode.PULL,
            expires_at=challenge.expires_at,
            checks=(),
        )

    async def prepare(self, quote: Quote) -> Prepared:
        raise AssertionError("an inspection signs nothing")

    async def send(self, prepared: Prepared) -> Credential:
        raise AssertionError("an inspection sends nothing")

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        raise AssertionError("an inspection has nothing to resolve")


def challenge(number: int = 1, **changes: Any) -> Challenge:
    fields: dict[str, Any] = {
        "id": f"id-{number}",
        "realm": "api.example",
        "method": "coin",
        "intent": "charge",
        "request_b64": encode_object({"amount": "2500000", "currency": "coin"}),
        "expires": "2026-05-01T12:05:00Z",
    }
    return Challenge(**{**fields, **changes})


Handler = Callable[[httpx.Request], httpx.Response]


async def inspect(handler: Handler, **options: Any) -> InspectReport:
    ticks = itertools.count(1.0, 0.25)
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        return await probe(
            "https://api.example/x",
            http=http,
            payers=[CoinPayer()],
            clock=lambda: NOW,
            counter=lambda: next(ticks),
            **options,
        )


def required(*challenges: Challenge, **headers: str) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        fields = [("WWW-Authenticate", format_challenge(item)) for item in challenges]
        fields += [(name.replace("_", "-"), value) for name, value in {"Cache_Control": "no-store", **headers}.items()]
        return httpx.Response(402, headers=fields, content=b"pay up")

    return answer


async def test_every_offer_is_decoded() -> None:
    report = await inspect(required(challenge(1), challenge(2, method="gold")))
    assert report.payment_required
    assert [offer.number for offer in report.offers] == [1, 2]
    first, second = report.offers
    assert first.quote is not None
    assert first.quote.amount == 2_500_000
    assert second.quote is None
    assert "gold/charge" in second.problem
    assert report.worst is FindingLevel.WARN  # the body is no problem document
    assert report.milliseconds == 250.0


async def test_the_json_form_has_amounts_in_units_and_base_units() -> None:
    report = await inspect(required(challenge()))
    facts = json.loads(json.dumps(report.to_dict()))
    assert facts["paid"] is False
    offer = facts["offers"][0]
    assert (offer["amount"], offer["amount_base_units"], offer["currency"]) == ("2.500000", "2500000", "COIN")
    assert (offer["recipient"], offer["expires"]) == ("0xr", "2026-05-01T12:05:00Z")
    assert offer["request"] == {"amount": "2500000", "currency": "coin"}


async def test_no_credential_is_sent() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return required(challenge())(request)

    await inspect(answer, method="POST", headers=[("X-A", "1")], body=b"hello")
    (request,) = seen
    assert "authorization" not in request.headers
    assert (request.method, request.content, request.headers["x-a"]) == ("POST", b"hello", "1")
    assert "accept-payment" not in request.headers  # a server filters its offers by it, and all are wanted


async def test_a_request_object_that_does_not_decode() -> None:
    report = await inspect(required(challenge(request_b64=encode_object({"price": 1}))))
    assert report.offers[0].quote is None
    assert "amount is missing" in report.offers[0].problem
    assert report.offers[0].request == {"price": 1}


async def test_a_402_without_a_challenge_fails() -> None:
    report = await inspect(lambda request: httpx.Response(402, headers={"Cache-Control": "no-store"}))
    assert [finding.id for finding in report.of_level(FindingLevel.FAIL)] == ["no-challenge"]
    assert report.worst is FindingLevel.FAIL


async def test_a_broken_challenge_beside_a_good_one() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        fields = [
            ("WWW-Authenticate", 'Payment id="a", realm="r", method="coin"'),
            ("WWW-Authenticate", format_challenge(challenge())),
            ("Cache-Control", "no-store"),
        ]
        return httpx.Response(402, headers=fields)

    report = await inspect(answer)
    assert len(report.offers) == 1
    assert any(finding.level is FindingLevel.FAIL for finding in report.findings)


async def test_caching_and_expiry_are_judged() -> None:
    report = await inspect(required(challenge(expires="2026-05-01T11:59:59Z"), Cache_Control="max-age=60"))
    failed = report.of_level(FindingLevel.FAIL)
    assert {finding.id for finding in failed} == {"cacheable-challenge", "expired-challenge"}
    assert all(finding.fix and finding.spec for finding in failed)


async def test_an_answer_that_wants_no_money() -> None:
    report = await inspect(lambda request: httpx.Response(200, text="hello"))
    assert not report.payment_required
    assert report.body == "hello"
    assert report.worst is FindingLevel.INFO


async def test_the_problem_is_read() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = {
            "type": "https://paymentauth.org/problems/payment-required",
            "title": "Pay",
            "status": 402,
            "detail": "d",
        }
        return httpx.Response(402, json=body, headers={"Content-Type": "application/problem+json"})

    report = await inspect(answer)
    assert report.problem is not None
    assert report.problem.slug == "payment-required"
    assert report.to_dict()["problem"]["title"] == "Pay"


async def test_text_from_the_server_is_inert() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"X-Evil": "a\x1b[31mb"}, content="\x1b]8;;x\x07link\u202e\n[bold]".encode())

    report = await inspect(answer)
    assert "\x1b" not in str(report)
    assert "\u202e" not in report.body
    assert "[bold]" in report.body


async def test_secrets_are_hidden() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Set-Cookie": "sid=s3cret", "Payment-Receipt": "s3cret"})

    assert "s3cret" not in json.dumps((await inspect(answer)).to_dict())


async def test_an_endless_body_ends() -> None:
    report = await inspect(lambda request: httpx.Response(200, content=b"x" * (BODY_LIMIT + 5)))
    assert report.body_bytes >= BODY_LIMIT
    assert len(report.body) <= 20_001


@pytest.mark.parametrize(("follow", "status"), [(False, 302), (True, 200)])
async def test_redirects_are_followed_only_when_wanted(follow: bool, status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/x":
            return httpx.Response(302, headers={"Location": "/y"})
        return httpx.Response(200)

    report = await inspect(answer, wishes=Wishes(follow_redirects=follow))
    assert report.status == status


async def test_more_requests_only_when_asked_for() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization", ""))
        return required(challenge(len(seen)))(request)

    assert len((await inspect(answer)).legs) == 1
    report = await inspect(answer, wishes=Wishes(twice=True, malformed=True), method="PUT", body=b"x")
    assert [leg.name for leg in report.legs] == ["request", "second request", "malformed credential"]
    assert [bool(value) for value in seen] == [False, False, False, True]


async def test_a_further_request_that_breaks_off_is_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "authorization" in request.headers:
            raise httpx.ReadError("gone")
        return required(challenge())(request)

    report = await inspect(answer, wishes=Wishes(malformed=True))
    assert any(f.id == "malformed-credential" and "break off" in f.text for f in report.of_level(FindingLevel.FAIL))


async def test_a_challenge_that_cannot_be_read_is_shown_with_its_place() -> None:
    line = 'Payment id="a", realm="r", method="coin, intent'

    report = await inspect(lambda request: httpx.Response(402, headers={"WWW-Authenticate": line}))
    (broken,) = report.unreadable
    assert dict(broken.parameters) == {"id": "a", "realm": "r"}
    found = next(finding for finding in report.findings if finding.id == "unterminated-quoted-string")
    assert report.lines[0][found.position :].startswith("method")
    assert (found.line, found.offer) == (1, 1)
    assert json.loads(json.dumps(report.to_dict()))["unreadable"][0]["parameters"]["id"] == "a"


async def test_a_body_of_a_broken_coding_does_not_hide_the_header() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        fields = {"WWW-Authenticate": format_challenge(challenge()), "Content-Encoding": "gzip"}
        return httpx.Response(402, headers=fields, stream=httpx.ByteStream(b"not gzip"))

    assert len((await inspect(answer)).offers) == 1


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        (("Authorization", "Payment abc"), False),
        (("authorization", "Bearer k, payment abc"), False),
        (("Payment-Authorization", "Payment abc"), False),
        (("X-PAYMENT", "abc"), False),
        (("Authorization", "Bearer Payment"), True),
        (("X-Api-Key", "k"), True),
    ],
)
async def test_a_credential_of_a_copied_command_is_not_sent(field: tuple[str, str], kept: bool) -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(402)

    await inspect(answer, headers=[field], wishes=Wishes(twice=True))
    assert [headers.get(field[0]) for headers in seen] == [field[1] if kept else None] * 2


async def test_header_fields_beyond_ascii_are_sent_as_they_were_typed() -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(402)

    await inspect(answer, headers=[("X-Name", "Zoë\udcff"), ("Accept-Encoding", "br")], wishes=Wishes(twice=True))
    for headers in seen:
        assert (b"X-Name", "Zoë".encode() + b"\xff") in headers.raw or (
            b"x-name", "Zoë".encode() + b"\xff") in headers.raw  # fmt: skip
        assert headers["accept-encoding"] == "gzip, deflate"
    assert len(seen) == 2


async def test_a_password_in_a_redirect_is_not_told() -> None:
    report = await inspect(lambda request: httpx.Response(302, headers={"Location": "https://me:pa55@api.example/y"}))
    assert "pa55" not in json.dumps(report.to_dict())
    assert ("location", "https://api.example/y") in [(name.lower(), value) for name, value in report.headers]


async def test_the_best_offer_is_the_first_that_can_be_paid() -> None:
    late = challenge(2, expires="2026-05-01T11:00:00Z")
    report = await inspect(required(challenge(1, method="gold"), late, challenge(3), challenge(4)))
    assert report.best is not None
    assert report.best.number == 3
    assert (await inspect(required(challenge(1, method="gold")))).best is None
