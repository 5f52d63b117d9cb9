"""A retry with the same key and credential gets the first answer again; nothing else does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.protocol import OutcomeUncertain, VerificationFailed
from mpp_console.server import (
    Admitted,
    AnswerReplayed,
    Challenged,
    GateLimits,
    GateRequest,
    Replayed,
    Verdict,
)
from tests.server.doubles import World, credential_for, get, paying, world

KEY = ("Idempotency-Key", "k-1")


def refusal(verdict: Verdict) -> tuple[int, str]:
    assert isinstance(verdict, Challenged)
    return verdict.status, verdict.problem.detail


async def delivered(w: World, request: GateRequest, body: bytes = b"answer", status: int = 200) -> Admitted:
    verdict = await w.gate.check(request, [w.offer()])
    assert isinstance(verdict, Admitted)
    headers = verdict.fields(status, [("Content-Type", "text/plain"), ("Connection", "close")])
    await w.gate.finish(verdict, status=status, headers=headers, body=body)
    return verdict


async def paid_request(w: World, *headers: tuple[str, str], method: str = "POST", body: bytes = b"{}") -> GateRequest:
    request = get("/thing", *headers, method=method, body=body)
    return paying(request, await w.challenge(request))


async def test_the_same_request_gets_the_same_answer() -> None:
    w = world()
    request = await paid_request(w, KEY)
    first = await delivered(w, request)
    again = await w.gate.check(request, [w.offer()])
    assert isinstance(again, Replayed)
    assert (again.status, again.body) == (200, b"answer")
    fields = dict(again.headers)
    assert fields["Payment-Receipt"] == first.receipt.to_header().reveal()
    assert fields["Content-Type"] == "text/plain"
    assert "Connection" not in fields
    assert len(w.payee.seen) == 1
    event = w.events[-1]
    assert isinstance(event, AnswerReplayed)
    assert event.challenge_id == first.challenge.id


async def test_the_answer_outlives_the_challenge_but_not_its_time() -> None:
    w = world()
    request = await paid_request(w, KEY)
    await delivered(w, request)
    w.clock.forward(hours=23)
    assert isinstance(await w.gate.check(request, [w.offer()]), Replayed)
    w.clock.forward(hours=1)
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 402


async def test_without_a_key_nothing_is_kept() -> None:
    w = world()
    request = await paid_request(w)
    verdict = await delivered(w, request)
    assert not verdict.keeps_answer
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 402


async def test_a_failed_delivery_is_repeated_too_and_has_no_receipt() -> None:
    w = world()
    request = await paid_request(w, KEY)
    await delivered(w, request, b"oops", status=500)
    again = await w.gate.check(request, [w.offer()])
    assert isinstance(again, Replayed)
    assert (again.status, again.body) == (500, b"oops")
    assert "Payment-Receipt" not in dict(again.headers)


@pytest.mark.parametrize("change", [{"body": b"[]"}, {"path": "/other"}, {"query": "a=1"}, {"method": "PUT"}])
async def test_the_key_with_another_request_is_refused(change: dict[str, Any]) -> None:
    w = world()
    request = await paid_request(w, KEY)
    await delivered(w, request)
    # With the old credential, and with a new one that would be good.
    other = replace(request, **change)
    assert refusal(await w.gate.check(other, [w.offer()]))[0] == 422
    unpaid = replace(other, headers=(KEY,))
    fresh = paying(unpaid, await w.challenge(unpaid))
    assert refusal(await w.gate.check(fresh, [w.offer()]))[0] == 422
    assert len(w.payee.seen) == 1


async def test_the_key_with_another_credential_charges_nothing() -> None:
    w = world()
    await delivered(w, await paid_request(w, KEY))
    status, detail = refusal(await w.gate.check(await paid_request(w, KEY), [w.offer()]))
    assert status == 409
    assert "nothing was charged" in detail
    assert len(w.payee.seen) == 1


async def test_a_key_alone_opens_nothing() -> None:
    w = world()
    request = await paid_request(w, KEY)
    await delivered(w, request)
    assert refusal(await w.gate.check(replace(request, headers=(KEY,)), [w.offer()]))[0] == 402
    challenge = await w.challenge(replace(request, headers=(KEY,)))
    forged = paying(replace(request, headers=(KEY,)), challenge, proof="guessed")
    assert refusal(await w.gate.check(forged, [w.offer()]))[0] in {402, 409}


async def test_two_payers_may_use_the_same_key() -> None:
    w = world()
    for payer in ("did:example:a", "did:example:b"):
        request = get("/thing", KEY, method="POST")
        challenge = await w.challenge(request)
        value = credential_for(challenge, source=payer).to_header().reveal()
        await delivered(w, replace(request, headers=(KEY, ("Authorization", value))), payer.encode())
    assert len(w.payee.seen) == 2


async def test_a_second_copy_waits_while_the_first_is_answered() -> None:
    w = world()
    w.payee.hold = asyncio.Event()
    request = await paid_request(w, KEY)
    first = asyncio.create_task(w.gate.check(request, [w.offer()]))
    while not w.payee.seen:
        await asyncio.sleep(0)
    second = await w.gate.check(request, [w.offer()])
    assert refusal(second)[0] == 409
    assert isinstance(second, Challenged)
    assert dict(second.headers)["Retry-After"] == "1"
    w.payee.hold.set()
    assert isinstance(await first, Admitted)


async def test_a_refused_payment_frees_the_key() -> None:
    w = world()
    request = await paid_request(w, KEY)
    w.payee.fail = VerificationFailed("not mined")
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 402
    w.payee.fail = None
    await delivered(w, request)
    assert isinstance(await w.gate.check(request, [w.offer()]), Replayed)


async def test_an_unknown_outcome_stays_unknown_with_a_key() -> None:
    w = world()
    request = await paid_request(w, KEY)
    w.payee.fail = OutcomeUncertain("lost")
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 500
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 500


async def test_an_answer_that_is_too_large_is_said_to_be_lost() -> None:
    w = world(limits=GateLimits(max_answer=3, rates=None))
    request = await paid_request(w, KEY)
    await delivered(w, request, b"1234")
    status, detail = refusal(await w.gate.check(request, [w.offer()]))
    assert status == 409
    assert "not kept" in detail


@pytest.mark.parametrize(
    "headers",
    [
        [("Idempotency-Key", "")],
        [("Idempotency-Key", "x" * 256)],
        [("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    ],
    ids=["empty", "long", "two"],
)
async def test_a_bad_key_is_refused_before_payment(headers: list[tuple[str, str]]) -> None:
    w = world()
    request = get("/thing", *headers, method="POST")
    assert refusal(await w.gate.check(request, [w.offer()]))[0] == 400
    good = paying(request, await w.challenge(replace(request, headers=())))
    assert refusal(await w.gate.check(good, [w.offer()]))[0] == 400
    assert not w.payee.seen


async def test_answers_of_another_version_are_not_trusted() -> None:
    w = world()
    request = await paid_request(w, KEY)
    verdict = await delivered(w, request)
    assert verdict.ticket is not None
    await w.store.put(verdict.ticket.key, b"not what we write", w.gate.limits.answer_ttl)
    assert refusal(await w.gate.check(request, [w.offer()]))[0] in {402, 409}
    assert len(w.payee.seen) == 1
