"""What a gate decides: challenges, admissions and every kind of refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from mpp_console.protocol import (
    ChallengeBinder,
    PaymentProblem,
    Secret,
    parse_receipt,
)
from mpp_console.server import (
    Admitted,
    Bucket,
    Challenged,
    ChallengeIssued,
    DeliveryFailed,
    GateLimits,
    MemoryStore,
    PaymentRejected,
    PaymentVerified,
    RateLimited,
    RateLimits,
    StoreError,
)
from mpp_console.server.issuing import ChallengeTooLarge
from tests.server.doubles import REALM, TestPayee, challenges_in, credential_for, get, paying, slug, values, world


async def test_an_unpaid_request_is_asked_to_pay() -> None:
    w = world()
    answer = await w.gate.check(get(), [w.offer(description="a thing")])
    assert isinstance(answer, Challenged)
    assert answer.status == 402
    assert values(answer, "Cache-Control") == ["no-store"]
    assert values(answer, "Content-Type") == ["application/problem+json"]
    assert values(answer, "Access-Control-Expose-Headers") == ["WWW-Authenticate, Payment-Receipt"]
    (challenge,) = challenges_in(answer)
    assert (challenge.realm, challenge.method, challenge.intent) == (REALM, "tempo", "charge")
    assert challenge.request == {"amount": "100", "currency": "usd", "recipient": "merchant"}
    assert challenge.expires == "2026-03-01T12:05:00.000Z"
    assert challenge.description == "a thing"
    body = json.loads(answer.body)
    assert body["type"] == "https://paymentauth.org/problems/payment-required"
    assert (body["status"], body["challengeId"]) == (402, challenge.id)
    assert not w.payee.seen
    (event,) = w.events
    assert isinstance(event, ChallengeIssued)
    assert event.offers[0].challenge_id == challenge.id
    assert event.offers[0].amount == 100


async def test_two_equal_requests_get_different_challenges() -> None:
    w = world()
    first = await w.challenge(get())
    second = await w.challenge(get())
    assert first.id != second.id


async def test_a_paid_request_is_admitted_with_a_receipt() -> None:
    w = world()
    offer = w.offer()
    challenge = await w.challenge(get(), offer)
    verdict = await w.gate.check(paying(get(), challenge), [offer])
    assert isinstance(verdict, Admitted)
    assert verdict.offer is offer
    assert values(verdict, "Cache-Control") == ["private"]
    assert parse_receipt(values(verdict, "Payment-Receipt")[0]) == verdict.receipt
    event = w.events[-1]
    assert isinstance(event, PaymentVerified)
    assert event.offer.challenge_id == challenge.id
    assert event.receipt == verdict.receipt


async def test_no_event_and_no_verdict_shows_the_credential() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    secret = request.headers[0][1].removeprefix("Payment ")
    verdict = await w.gate.check(request, [w.offer()])
    assert secret not in repr(verdict)
    assert secret not in repr(w.events)
    assert '"proof"' not in repr(verdict)


async def test_each_offer_gets_a_line_of_its_own() -> None:
    w = world()
    offers = [w.offer(100), w.offer(5, payee=TestPayee(method="stripe"))]
    answer = await w.gate.check(get(), offers)
    assert isinstance(answer, Challenged)
    assert [challenge.method for challenge in challenges_in(answer)] == ["tempo", "stripe"]
    assert len(values(answer, "WWW-Authenticate")) == 2


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("stripe/charge, tempo/charge;q=0.5", ["stripe", "tempo"]),
        ("stripe/charge", ["stripe"]),
        ("tempo/*;q=0, */*", ["stripe"]),
        ("lightning/charge", ["tempo", "stripe"]),
        ("not a preference at all;;;", ["tempo", "stripe"]),
        ("", ["tempo", "stripe"]),
    ],
)
async def test_accept_payment_filters_and_orders(wish: str, expected: list[str]) -> None:
    w = world()
    offers = [w.offer(100), w.offer(5, payee=TestPayee(method="stripe"))]
    answer = await w.gate.check(get("/thing", ("Accept-Payment", wish)), offers)
    assert isinstance(answer, Challenged)
    assert [challenge.method for challenge in challenges_in(answer)] == expected


async def test_any_offer_of_the_route_may_be_paid() -> None:
    w = world()
    card = TestPayee(method="stripe")
    offers = [w.offer(100), w.offer(5, payee=card)]
    answer = await w.gate.check(get(), offers)
    assert isinstance(answer, Challenged)
    verdict = await w.gate.check(paying(get(), challenges_in(answer)[1]), offers)
    assert isinstance(verdict, Admitted)
    assert verdict.offer is offers[1]
    assert (len(w.payee.seen), len(card.seen)) == (0, 1)


@pytest.mark.parametrize(
    "value",
    [
        "Payment",
        "Payment ",
        "Payment dGhpcyBpcyBnYXJiYWdl",
        "Payment !!!",
        "Payment e30",
        "payment W10",
        "Payment id=x",
        "Bearer x, Payment dGhpcyBpcyBnYXJiYWdl",
        "Payment " + "A" * 70_000,
        "x" * 70_000,
    ],
)
async def test_an_unreadable_credential_gets_a_fresh_challenge(value: str) -> None:
    w = world()
    answer = await w.gate.check(get("/thing", ("Authorization", value)), [w.offer()])
    assert slug(answer) == "malformed-credential"
    assert isinstance(answer, Challenged)
    assert answer.status == 402
    assert len(challenges_in(answer)) == 1
    assert not w.payee.seen


async def test_authorization_of_another_scheme_is_no_credential() -> None:
    w = world()
    for value in ("Bearer token", "Basic dTpw", 'Digest realm="a, payment b"', ""):
        answer = await w.gate.check(get("/thing", ("Authorization", value)), [w.offer()])
        assert slug(answer) == "payment-required"


@pytest.mark.parametrize("joined", [True, False])
async def test_several_credentials_are_a_bad_request(joined: bool) -> None:
    w = world()
    first = credential_for(await w.challenge(get())).to_header().reveal()
    second = credential_for(await w.challenge(get())).to_header().reveal()
    fields = [f"{first}, {second}"] if joined else [first, second]
    answer = await w.gate.check(get("/thing", *(("Authorization", value) for value in fields)), [w.offer()])
    assert slug(answer) == "bad-request"
    assert isinstance(answer, Challenged)
    assert answer.status == 400
    assert not w.payee.seen


async def test_a_challenge_of_an_earlier_secret_is_still_good() -> None:
    old, new = Secret(b"o" * 32), Secret(b"n" * 32)
    before = world(binder=ChallengeBinder([old]))
    challenge = await before.challenge(get())
    after = world(binder=ChallengeBinder([new, old]))
    assert isinstance(await after.gate.check(paying(get(), challenge), [after.offer()]), Admitted)
    forgotten = world(binder=ChallengeBinder([new]))
    assert slug(await forgotten.gate.check(paying(get(), challenge), [forgotten.offer()])) == "invalid-challenge"


async def test_a_late_credential_is_told_that_it_expired() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    w.clock.forward(minutes=5)
    assert slug(await w.gate.check(request, [w.offer()])) == "payment-expired"
    assert not w.payee.seen


async def test_a_route_with_its_own_logins_takes_the_other_header() -> None:
    w = world()
    offer = w.offer(credential_header="Payment-Authorization")
    login = ("Authorization", "Bearer me")
    challenge = await w.challenge(get("/thing", login), offer)
    assert challenge.header == "Payment-Authorization"
    wrong = paying(get(), challenge)
    assert slug(await w.gate.check(wrong, [offer])) == "payment-required"
    right = paying(get("/thing", login), challenge, field_name="Payment-Authorization")
    assert isinstance(await w.gate.check(right, [offer]), Admitted)


async def test_a_credential_in_the_other_header_is_refused_where_both_are_taken() -> None:
    w = world()
    offers = [w.offer(100), w.offer(200, credential_header="Payment-Authorization")]
    answer = await w.gate.check(get(), offers)
    assert isinstance(answer, Challenged)
    plain = challenges_in(answer)[0]
    verdict = await w.gate.check(paying(get(), plain, field_name="Payment-Authorization"), offers)
    assert slug(verdict) == "invalid-challenge"


async def test_challenges_stay_readable_for_every_client() -> None:
    w = world()
    offer = w.offer(description="é\N{EM DASH}" * 500, options={"note": "n" * 1500})
    answer = await w.gate.check(get("/" + "p" * 3000, query="q" * 3000), [offer])
    assert isinstance(answer, Challenged)
    (line,) = values(answer, "WWW-Authenticate")
    assert len(line.encode("latin-1")) <= 4096


async def test_a_body_over_the_limit_is_refused_before_payment() -> None:
    w = world(limits=GateLimits(max_body=10, rates=None))
    answer = await w.gate.check(get(method="POST", body=b"x" * 11), [w.offer()])
    assert isinstance(answer, Challenged)
    assert answer.status == 413
    assert not values(answer, "WWW-Authenticate")


async def test_too_many_challenges_are_answered_later() -> None:
    rates = RateLimits(challenges=Bucket(burst=2, per_second=0.5), failures=Bucket(burst=2, per_second=0.5))
    w = world(limits=GateLimits(rates=rates))
    statuses = []
    for _ in range(3):
        answer = await w.gate.check(get(), [w.offer()])
        assert isinstance(answer, Challenged)
        statuses.append(answer.status)
    assert statuses == [402, 402, 429]
    assert values(answer, "Retry-After") == ["2"]
    assert isinstance(w.events[-1], RateLimited)
    other = await w.gate.check(replace(get(), client="192.0.2.2"), [w.offer()])
    assert isinstance(other, Challenged)
    assert other.status == 402
    w.clock.forward(seconds=2)
    assert slug(await w.gate.check(get(), [w.offer()])) == "payment-required"


async def test_too_many_refused_credentials_are_not_looked_at() -> None:
    rates = RateLimits(failures=Bucket(burst=2, per_second=0.5))
    w = world(limits=GateLimits(rates=rates))
    bad = paying(get(), await w.challenge(get()), proof="forged")
    statuses = []
    for _ in range(4):
        answer = await w.gate.check(bad, [w.offer()])
        assert isinstance(answer, Challenged)
        statuses.append(answer.status)
    assert statuses == [402, 402, 429, 429]
    assert len(w.payee.seen) == 2


async def test_paying_is_not_rate_limited() -> None:
    rates = RateLimits(challenges=Bucket(burst=5, per_second=0.1), failures=Bucket(burst=1, per_second=0.1))
    w = world(limits=GateLimits(rates=rates))
    for _ in range(5):
        request = paying(get(), await w.challenge(get()))
        assert isinstance(await w.gate.check(request, [w.offer()]), Admitted)


async def test_an_observer_that_fails_does_not_fail_the_payment() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))

    def explode(event: object) -> None:
        raise RuntimeError("no log")

    w.gate._observe = explode
    assert isinstance(await w.gate.check(request, [w.offer()]), Admitted)


async def test_a_failed_delivery_is_told() -> None:
    w = world()
    verdict = await w.gate.check(paying(get(), await w.challenge(get())), [w.offer()])
    assert isinstance(verdict, Admitted)
    await w.gate.finish(verdict, status=200)
    assert not any(isinstance(event, DeliveryFailed) for event in w.events)
    await w.gate.finish(verdict, status=500)
    event = w.events[-1]
    assert isinstance(event, DeliveryFailed)
    assert event.reference == verdict.receipt.reference


async def test_rejections_say_why() -> None:
    w = world()
    await w.gate.check(paying(get(), await w.challenge(get()), proof="forged"), [w.offer()])
    event = w.events[-1]
    assert isinstance(event, PaymentRejected)
    assert (event.status, event.code, event.reason) == (402, "invalid-payload", "the proof is not the word")


async def test_a_rail_may_deny_access_without_a_challenge() -> None:
    class Denied(PaymentProblem):
        slug = "access-denied"
        status = 403

    w = world()
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = Denied("not for you")
    answer = await w.gate.check(request, [w.offer()])
    assert isinstance(answer, Challenged)
    assert answer.status == 403
    assert not values(answer, "WWW-Authenticate")


async def test_a_gate_without_offers_is_a_mistake() -> None:
    w = world()
    with pytest.raises(ValueError, match="offer"):
        await w.gate.check(get(), [])


async def test_terms_that_no_client_could_read_are_the_operators_mistake() -> None:
    w = world()
    with pytest.raises(ChallengeTooLarge, match="4096"):
        await w.gate.check(get(), [w.offer(options={"note": "n" * 4000})])


async def test_an_answer_that_cannot_be_kept_is_not_an_error() -> None:
    class Full(MemoryStore):
        async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
            raise StoreError("disk full")

    w = world(store=Full())
    request = get("/thing", ("Idempotency-Key", "k"))
    verdict = await w.gate.check(paying(request, await w.challenge(request)), [w.offer()])
    assert isinstance(verdict, Admitted)
    await w.gate.finish(verdict, status=200, body=b"answer")
