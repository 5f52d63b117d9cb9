"""A challenge is good for the request it was issued for, and for no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    PaymentProblem,
    Secret,
    compute_challenge_id,
    encode_object,
)
from mpp_console.server import Admitted, Challenged, GateRequest, Offer
from mpp_console.server.binding import body_digest, opaque_for
from mpp_console.server.verification import answered_offer
from tests import vectors
from tests.server.doubles import NOON, REALM, SECRET, TestPayee, challenges_in, credential_for, get, paying, world

METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
PATHS = st.text(st.sampled_from("/ab.%2F~"), max_size=200).map(lambda text: "/" + text)
QUERIES = st.text(st.sampled_from("a=b&%20+"), max_size=40)
BODIES = st.binary(max_size=40)
REQUESTS = st.builds(GateRequest, method=METHODS, path=PATHS, query=QUERIES, body=BODIES)


def bound(request: GateRequest, offer: Offer, realm: str = REALM) -> Challenge:
    return ChallengeBinder([SECRET]).issue(
        realm=realm,
        method=offer.method,
        intent=offer.intent,
        request=offer.request,
        digest=body_digest(request),
        expires=NOON.replace(hour=13),
        opaque=opaque_for(request, b"n" * 16),
    )


def judge(challenge: Challenge, request: GateRequest, *offers: Offer, realm: str = REALM) -> Offer:
    return answered_offer(
        challenge,
        request=request,
        offers=offers,
        realm=realm,
        binder=ChallengeBinder([SECRET]),
        carried_in="authorization",
        now=NOON,
    )


@given(first=REQUESTS, second=REQUESTS)
def test_only_the_same_request_may_use_a_challenge(first: GateRequest, second: GateRequest) -> None:
    offer = Offer(payee=TestPayee(), amount=5)
    challenge = bound(first, offer)
    assert judge(challenge, first, offer) is offer
    if first != second:
        with pytest.raises(PaymentProblem) as caught:
            judge(challenge, second, offer)
        assert caught.value.slug == "invalid-challenge"


@given(amounts=st.tuples(st.integers(0, 10**30), st.integers(0, 10**30)))
def test_a_price_that_changed_refuses_the_old_challenge(amounts: tuple[int, int]) -> None:
    old, new = (Offer(payee=TestPayee(), amount=amount) for amount in amounts)
    challenge = bound(get(), old)
    if amounts[0] == amounts[1]:
        assert judge(challenge, get(), new) is new
    else:
        with pytest.raises(PaymentProblem):
            judge(challenge, get(), new)


@given(realm=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_a_challenge_of_another_realm_is_refused(realm: str) -> None:
    offer = Offer(payee=TestPayee(), amount=5)
    if realm != REALM:
        with pytest.raises(PaymentProblem):
            judge(bound(get(), offer, realm=realm), get(), offer)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"realm": "other.example.com"},
        {"method": "stripe"},
        {"intent": "session"},
        {"request_b64": encode_object({"amount": "1", "currency": "usd", "recipient": "merchant"})},
        {"digest": "sha-256=:AAAA:"},
        {"expires": "2027-01-01T00:00:00Z"},
        {"opaque_b64": None},
        {"opaque_b64": encode_object({"nonce": "x", "route": "GET /other"})},
        {"header": "Payment-Authorization"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_nothing_of_a_challenge_can_be_changed(change: dict[str, Any]) -> None:
    w = world()
    challenge = await w.challenge(get())
    verdict = await w.gate.check(paying(get(), replace(challenge, **change)), [w.offer()])
    assert isinstance(verdict, Challenged)
    assert verdict.problem.slug == "invalid-challenge"
    assert not w.payee.seen


@pytest.mark.parametrize(
    "other",
    [
        get(method="HEAD"),
        get("/other"),
        get("/thing/"),
        get("/%74hing"),
        get(query="a=1"),
        get(body=b"{}"),
    ],
    ids=["method", "path", "slash", "encoding", "query", "body"],
)
async def test_a_credential_opens_no_other_request(other: GateRequest) -> None:
    w = world()
    challenge = await w.challenge(get())
    verdict = await w.gate.check(paying(other, challenge), [w.offer()])
    assert isinstance(verdict, Challenged)
    assert verdict.problem.slug == "invalid-challenge"
    assert not w.payee.seen


@pytest.mark.parametrize("body", [b"", b"{} ", b'{"a":1}'])
async def test_the_body_is_part_of_what_is_paid_for(body: bytes) -> None:
    w = world()
    challenge = await w.challenge(get(method="POST", body=b"{}"))
    verdict = await w.gate.check(paying(get(method="POST", body=body), challenge), [w.offer()])
    assert isinstance(verdict, Challenged)
    good = await w.gate.check(paying(get(method="POST", body=b"{}"), challenge), [w.offer()])
    assert isinstance(good, Admitted)


async def test_a_challenge_without_expiry_is_refused() -> None:
    # Signed with our secret, as an older version of a server might have done.
    w = world()
    offer = w.offer()
    challenge = ChallengeBinder([SECRET]).issue(
        realm=REALM, method="tempo", intent="charge", request=offer.request, opaque=opaque_for(get(), b"n" * 16)
    )
    verdict = await w.gate.check(paying(get(), challenge), [offer])
    assert isinstance(verdict, Challenged)
    assert verdict.problem.slug == "invalid-challenge"
    assert "expiry" in verdict.problem.detail
    assert not w.payee.seen


FIELDS = st.sampled_from(
    ["Authorization", "Payment-Authorization", "Accept-Payment", "Idempotency-Key", "Content-Length"]
)
HOSTILE = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.text(st.characters(max_codepoint=255), max_size=60).map(lambda text: "Payment " + text),
    st.binary(max_size=60).map(lambda raw: "Payment " + encode_object({"challenge": raw.hex(), "payload": {}})),
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5) | st.integers(-9, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).map(lambda value: "Payment " + encode_object({"challenge": value, "payload": value, "source": value})),
)


@settings(max_examples=300)
@given(headers=st.lists(st.tuples(FIELDS, HOSTILE), max_size=4), path=PATHS, query=QUERIES)
async def test_no_header_makes_a_gate_fail(headers: list[tuple[str, str]], path: str, query: str) -> None:
    w = world()
    answer = await w.gate.check(get(path, *headers, query=query), [w.offer()])
    assert isinstance(answer, Challenged)
    assert answer.status in {400, 402}
    if answer.status == 402:
        assert challenges_in(answer)


@settings(max_examples=100)
@given(payload=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3), source=st.text(max_size=30))
async def test_no_payload_makes_a_gate_fail(payload: dict[str, str], source: str) -> None:
    w = world()
    challenge = await w.challenge(get())
    value = replace(credential_for(challenge), payload=payload, source=source).to_header().reveal()
    answer = await w.gate.check(get("/thing", ("Authorization", value), ("Idempotency-Key", "k")), [w.offer()])
    assert isinstance(answer, Admitted if payload.get("proof") == "paid" else Challenged)


class _TestSecret:
    """The vectors' secret has ten bytes, fewer than a real binder takes."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def verify(self, challenge: Challenge) -> bool:
        expected = compute_challenge_id(
            self._secret,
            realm=challenge.realm,
            method=challenge.method,
            intent=challenge.intent,
            request_b64=challenge.request_b64,
            expires=challenge.expires,
            digest=challenge.digest,
            opaque_b64=challenge.opaque_b64,
            header=challenge.header,
        )
        return expected == challenge.id


@pytest.mark.parametrize("case", vectors.cases("server-verification.json"))
def test_official_server_vectors(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # The vectors bind no route; everything else is judged by the real pipeline.
    monkeypatch.setattr("mpp_console.server.verification.scope_matches", lambda opaque, request: True)
    given_, expected = case["input"], case["expected"]
    payee = TestPayee(method=given_["method"], intent=given_["intent"])
    monkeypatch.setattr(TestPayee, "offer", lambda self, *, amount, options=None: given_["request"])
    echo = given_["credential"]["challenge"]
    outcome = "ok"
    try:
        answered_offer(
            Challenge.from_echo({**echo, "request": encode_object(echo["request"])}),
            request=get(),
            offers=[Offer(payee=payee, amount=int(given_["request"]["amount"]))],
            realm=given_["realm"],
            binder=_TestSecret(given_["secretKey"]),
            carried_in="Authorization",
            now=datetime(2026, 1, 29, 12, tzinfo=UTC),
        )
    except PaymentProblem as problem:
        outcome = problem.slug.replace("-", "_")
    if given_.get("verificationError"):
        assert outcome == "ok"
    else:
        assert outcome == ("ok" if expected["ok"] else expected["errorType"])


def test_secrets_have_to_be_long_enough() -> None:
    with pytest.raises(Exception, match="32 bytes"):
        ChallengeBinder([Secret(b"short")])
