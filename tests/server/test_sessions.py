"""Sessions at the gate: which requests want content, what is charged before it is served, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as StarletteRoute

from mpp_console.methods.tempo.channels import Descriptor
from mpp_console.methods.tempo.session_payloads import SessionPayload
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_schema import Snapshot, decode_session_request, verify_snapshot
from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    Credential,
    Secret,
    decode_object,
    encode_object,
    parse_challenges,
    parse_receipt,
)
from mpp_console.server import Bucket, Gate, GateLimits, GateRequest, Offer, RateLimits
from mpp_console.server.answers import Admitted, Challenged, Managed, Replayed, Verdict
from mpp_console.server.asgi import PaymentMiddleware
from mpp_console.server.events import ChannelManaged, GateEvent, PaymentRejected, PaymentVerified
from mpp_console.server.routes import Route, RouteTable
from mpp_console.server.sessions import kind_of
from mpp_console.server.stores.memory import MemoryStore
from tests.methods.tempo.booths import PRICE, Booth, id_of


@dataclass
class Counter:
    """A gate in front of one session offer."""

    booth: Booth = field(default_factory=Booth)
    limits: GateLimits = field(default_factory=lambda: GateLimits(rates=None))

    def __post_init__(self) -> None:
        self.events: list[GateEvent] = []
        self.offer = Offer(payee=self.booth.payee, amount=PRICE)
        self.gate = Gate(
            realm="shop.example",
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(clock=self.booth.clock),
            clock=self.booth.clock,
            limits=self.limits,
            observe=self.events.append,
        )

    async def challenge(self, request: GateRequest | None = None) -> Challenge:
        answer = await self.gate.check(request or ask(), (self.offer,))
        assert isinstance(answer, Challenged)
        return answer.challenges[0]

    async def bring(
        self, payload: SessionPayload, request: GateRequest | None = None, challenge: Challenge | None = None
    ) -> Verdict:
        request = request or ask()
        credential = Credential(challenge=challenge or await self.challenge(request), payload=payload.to_wire())
        field_ = ("Authorization", credential.to_header().reveal())
        return await self.gate.check(replace(request, headers=(*request.headers, field_)), (self.offer,))


def ask(method: str = "GET", path: str = "/thing", **fields: object) -> GateRequest:
    return GateRequest(method=method, path=path, client="192.0.2.1", **fields)  # type: ignore[arg-type]


@pytest.fixture
def counter() -> Counter:
    return Counter()


def slug(answer: Verdict) -> str | None:
    assert isinstance(answer, Challenged), answer
    return answer.problem.slug


# -- what a request is


@pytest.mark.parametrize(
    ("asked", "sent", "kind"),
    [
        (ask(), ask(), "content"),
        (ask("PUT", body=b"x"), ask("PUT", body=b"x"), "content"),
        (ask("POST", body=b"x"), ask("POST", body=b"x"), "content"),
        (ask(), ask("HEAD"), "management"),
        (ask(), ask("POST"), "management"),
        (ask("POST", body=b"x"), ask("POST"), "management"),
        (ask("POST"), ask("POST"), "management"),
        (ask("POST", query="a=1"), ask("POST", query="a=1"), "content"),
        (ask(query="a=1"), ask("POST", query="a=1"), "management"),
        (ask("POST", query="a=1", body=b"x"), ask("POST", query="a=1"), "management"),
    ],
)
async def test_what_a_voucher_comes_for(counter: Counter, asked: GateRequest, sent: GateRequest, kind: str) -> None:
    descriptor = await counter.booth.opened()
    challenge = await counter.challenge(asked)
    voucher = counter.booth.voucher(descriptor, 2 * PRICE)
    assert kind_of(sent, Credential(challenge=challenge, payload=voucher.to_wire())) == kind
    answer = await counter.bring(voucher, sent, challenge)
    assert isinstance(answer, Admitted if kind == "content" else Managed)
    assert (await counter.booth.record(descriptor)).spent == PRICE * (2 if kind == "content" else 1)


async def test_top_ups_and_closes_never_reach_the_handler(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    for payload in (counter.booth.topping_up(descriptor, 100), counter.booth.closing(descriptor, PRICE)):
        answer = await counter.bring(payload)
        assert isinstance(answer, Managed)
        assert answer.status == 204
        receipt = parse_receipt(dict(answer.headers)["Payment-Receipt"])
        assert read_session_receipt(receipt).tx_hash is not None
    assert [event.action for event in counter.events if isinstance(event, ChannelManaged)] == ["topUp", "close"]


# -- charging


async def test_content_is_charged_before_it_is_admitted_and_the_receipt_says_so(counter: Counter) -> None:
    answer = await counter.bring(counter.booth.opening())
    assert isinstance(answer, Admitted)
    facts = read_session_receipt(answer.receipt)
    assert (facts.accepted, facts.spent, facts.units) == (PRICE, PRICE, 1)
    assert facts.challenge_id == answer.challenge.id
    assert [event.offer.amount for event in counter.events if isinstance(event, PaymentVerified)] == [PRICE]


async def test_one_challenge_takes_many_vouchers(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge = await counter.challenge()
    for number in (2, 3, 4):
        answer = await counter.bring(counter.booth.voucher(descriptor, number * PRICE), challenge=challenge)
        assert isinstance(answer, Admitted)


async def test_the_same_credential_again_is_not_served_for_nothing(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge, voucher = await counter.challenge(), counter.booth.voucher(descriptor, 2 * PRICE)
    assert isinstance(await counter.bring(voucher, challenge=challenge), Admitted)
    answer = await counter.bring(voucher, challenge=challenge)
    assert slug(answer) == "session/insufficient-balance"
    assert isinstance(answer, Challenged)
    assert (answer.status, len(answer.challenges)) == (402, 1)
    assert answer.problem.extra["requiredTopUp"] == str(PRICE)


async def test_a_retry_with_its_key_gets_the_first_answer_and_is_not_charged(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge, voucher = await counter.challenge(), counter.booth.voucher(descriptor, 5 * PRICE)
    request = ask(headers=(("Idempotency-Key", "one"),))
    first = await counter.bring(voucher, request, challenge)
    assert isinstance(first, Admitted)
    await counter.gate.finish(first, status=200, headers=first.headers, body=b"served")
    again = await counter.bring(voucher, request, challenge)
    assert isinstance(again, Replayed)
    assert again.body == b"served"
    other = await counter.bring(counter.booth.voucher(descriptor, 6 * PRICE), request, challenge)
    assert isinstance(other, Challenged)
    assert other.status == 409
    assert (await counter.booth.record(descriptor)).spent == 2 * PRICE


async def test_a_key_is_free_again_when_the_voucher_did_not_cover_the_request(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    request = ask(headers=(("Idempotency-Key", "one"),))
    assert slug(await counter.bring(counter.booth.voucher(descriptor, PRICE), request)) is not None
    assert isinstance(await counter.bring(counter.booth.voucher(descriptor, 2 * PRICE), request), Admitted)


async def test_running_dry_is_no_attempt_at_fraud() -> None:
    counter = Counter(limits=GateLimits())
    descriptor = await counter.booth.opened()
    challenge, voucher = await counter.challenge(), counter.booth.voucher(descriptor, PRICE)
    for _ in range(100):
        assert slug(await counter.bring(voucher, challenge=challenge)) == "session/insufficient-balance"


# -- refusals


async def test_a_channel_that_is_gone_is_410(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    await counter.bring(counter.booth.closing(descriptor, PRICE))
    answer = await counter.bring(counter.booth.voucher(descriptor, 2 * PRICE))
    assert isinstance(answer, Challenged)
    assert (answer.status, slug(answer)) == (410, "session/channel-finalized")
    assert [event.status for event in counter.events if isinstance(event, PaymentRejected)] == [410]


async def test_a_top_up_needs_a_challenge_that_still_holds(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge = await counter.challenge()
    counter.booth.clock.now += timedelta(minutes=6)
    assert slug(await counter.bring(counter.booth.topping_up(descriptor, 100), challenge=challenge)) == (
        "session/challenge-not-found"
    )
    late = await counter.bring(counter.booth.voucher(descriptor, 2 * PRICE), challenge=challenge)
    assert slug(late) == "payment-expired"


async def test_a_challenge_pays_at_its_own_place_only(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge = await counter.challenge()
    voucher = counter.booth.voucher(descriptor, 2 * PRICE)
    for elsewhere in (
        ask(path="/other"),
        ask("PUT"),
        ask(query="a=1"),
        ask("POST", path="/other"),
        ask("POST", body=b"x"),
    ):
        assert slug(await counter.bring(voucher, elsewhere, challenge)) == "invalid-challenge"
    assert (await counter.booth.record(descriptor)).accepted == PRICE


async def test_a_get_is_paid_with_the_challenge_of_a_head(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    challenge = await counter.challenge(ask("HEAD"))
    assert isinstance(await counter.bring(counter.booth.voucher(descriptor, 2 * PRICE), ask(), challenge), Admitted)


# -- over ASGI


async def test_a_resource_read_by_get_takes_vouchers_by_an_empty_post() -> None:
    counter = Counter()
    runs: list[str] = []

    async def thing(request: Request) -> Response:
        runs.append(request.method)
        return JSONResponse({"is": "served"})

    app = Starlette(routes=[StarletteRoute("/thing", thing, methods=["GET"])])
    table = RouteTable([Route(method="GET", path="/thing", offers=(counter.offer,))])
    transport = httpx.ASGITransport(PaymentMiddleware(app, counter.gate, table))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:

        async def bring(payload: SessionPayload, method: str, **more: object) -> httpx.Response:
            asked = await client.get("/thing")
            challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
            value = Credential(challenge=challenge, payload=payload.to_wire()).to_header().reveal()
            headers = {"Authorization": value}
            return await client.request(method, "/thing", headers=headers, **more)  # type: ignore[arg-type]

        opening = counter.booth.opening()
        assert opening.descriptor is not None
        assert (await bring(opening, "GET")).status_code == 200
        for method in ("POST", "HEAD"):
            answer = await bring(counter.booth.voucher(opening.descriptor, 2 * PRICE), method)
            assert answer.status_code == 204
            assert "content-length" not in answer.headers
            assert read_session_receipt(parse_receipt(answer.headers["payment-receipt"])).spent == PRICE
        served = await bring(counter.booth.voucher(opening.descriptor, 2 * PRICE), "GET")
        assert served.json() == {"is": "served"}
        refused = await bring(counter.booth.voucher(opening.descriptor, 3 * PRICE), "POST", content=b"a body")
        assert refused.status_code == 400
        assert (await client.post("/thing")).status_code == 405
    assert runs == ["GET", "GET"]
    assert (await counter.booth.record(opening.descriptor)).accepted == 2 * PRICE


# -- what a client is told of its channel


def told(answer: Verdict) -> dict[str, str]:
    assert isinstance(answer, Challenged)
    return dict(answer.headers)


async def named(counter: Counter, channel_id: str, method: str = "HEAD") -> Verdict:
    return await counter.gate.check(ask(method, headers=(("Payment-Session", channel_id),)), (counter.offer,))


@pytest.mark.parametrize(("method", "cost"), [("HEAD", 0), ("GET", PRICE)])
async def test_whoever_names_a_channel_is_told_what_is_known_of_it(counter: Counter, method: str, cost: int) -> None:
    descriptor = await counter.booth.opened()
    await counter.bring(counter.booth.voucher(descriptor, 2 * PRICE))
    answer = await named(counter, id_of(descriptor).upper().replace("0X", "0x"), method)
    assert isinstance(answer, Challenged)
    request = decode_session_request(answer.challenges[0].request)
    snapshot = request.snapshot
    assert snapshot is not None
    verify_snapshot(snapshot, request)
    assert (snapshot.accepted, snapshot.spent, snapshot.deposit) == (2 * PRICE, 2 * PRICE, 1_000)
    assert (snapshot.required, snapshot.units) == (2 * PRICE + cost, 2)
    headers = told(answer)
    assert headers["Payment-Session"] == id_of(descriptor)
    assert Snapshot.from_wire(decode_object(headers["Payment-Session-Snapshot"])) == snapshot
    assert "Payment-Session-Snapshot" in headers["Access-Control-Expose-Headers"]


async def test_a_challenge_with_a_snapshot_pays_like_one_without(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    answer = await named(counter, id_of(descriptor), "GET")
    assert isinstance(answer, Challenged)
    (challenge,) = answer.challenges
    assert challenge.request_b64 != counter.offer.request_b64
    voucher = counter.booth.voucher(descriptor, 2 * PRICE)
    assert isinstance(await counter.bring(voucher, challenge=challenge), Admitted)


async def test_a_voucher_that_can_still_be_spent_is_shown_to_nobody(counter: Counter) -> None:
    descriptor = await counter.booth.opened()

    async def shown() -> object:
        answer = await named(counter, id_of(descriptor))
        assert isinstance(answer, Challenged)
        snapshot = decode_session_request(answer.challenges[0].request).snapshot
        assert snapshot is not None
        return snapshot.voucher

    assert await shown() == (PRICE, counter.booth.voucher(descriptor, PRICE).signature)
    await counter.bring(counter.booth.voucher(descriptor, 5 * PRICE), ask("POST"))
    assert await shown() is None


async def test_a_channel_that_cannot_pay_here_is_not_told_of(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    for channel_id in ("0x" + "ab" * 32, "nonsense", ""):
        assert "Payment-Session" not in told(await named(counter, channel_id))
    counter.booth.request_close(descriptor)
    await counter.booth.payee.settlement.refresh_all()
    assert "Payment-Session" not in told(await named(counter, id_of(descriptor)))


async def test_a_refused_voucher_comes_back_with_what_is_needed(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    answer = await counter.bring(counter.booth.voucher(descriptor, PRICE))
    assert slug(answer) == "session/insufficient-balance"
    assert isinstance(answer, Challenged)
    snapshot = decode_session_request(answer.challenges[0].request).snapshot
    assert snapshot is not None
    assert snapshot.required == 2 * PRICE


async def test_no_snapshot_makes_a_challenge_too_large(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    counter.offer = Offer(payee=counter.booth.payee, amount=PRICE, description="x" * 200)
    line = told(await named(counter, id_of(descriptor)))["WWW-Authenticate"]
    assert len(line) <= 4096


async def test_a_changed_snapshot_is_no_challenge_of_ours(counter: Counter) -> None:
    descriptor = await counter.booth.opened()
    answer = await named(counter, id_of(descriptor), "GET")
    assert isinstance(answer, Challenged)
    request = dict(answer.challenges[0].request)
    request["methodDetails"] = {**request["methodDetails"], "sessionSnapshot": {"spent": "0"}}
    forged = replace(answer.challenges[0], request_b64=encode_object(request))
    voucher = counter.booth.voucher(descriptor, 2 * PRICE)
    assert slug(await counter.bring(voucher, challenge=forged)) == "invalid-challenge"


# -- floods


async def test_a_flood_of_vouchers_is_stopped_for_who_sends_it_and_for_nobody_else() -> None:
    rates = RateLimits(management=Bucket(burst=2, per_second=1.0))
    counter = Counter(limits=GateLimits(rates=rates))
    first, second = await counter.booth.opened(), await counter.booth.opened()
    challenge = await counter.challenge()

    async def bring(descriptor: Descriptor, client: str = "192.0.2.1") -> Verdict:
        request = replace(ask("POST"), client=client)
        return await counter.bring(counter.booth.voucher(descriptor, PRICE), request, challenge)

    assert [type(await bring(first)) for _ in range(3)] == [Managed, Managed, Challenged]
    stopped = await bring(first)
    assert isinstance(stopped, Challenged)
    assert (stopped.status, told(stopped)["Retry-After"]) == (429, "1")
    assert isinstance(await bring(second), Managed)
    assert isinstance(await bring(first, "192.0.2.2"), Managed)
    assert isinstance(await counter.bring(counter.booth.voucher(first, 2 * PRICE), challenge=challenge), Admitted)
    counter.booth.clock.advance(1)
    assert isinstance(await counter.bring(counter.booth.voucher(first, 2 * PRICE), ask("POST"), challenge), Managed)
