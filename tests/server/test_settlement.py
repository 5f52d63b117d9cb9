"""A payment is delivered once, and nobody is asked to pay again when its outcome is unknown."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.base import ClaimStore
from mpp_console.protocol import (
    CredentialReplayed,
    InternalPayment,
    OutcomeUncertain,
    VerificationFailed,
)
from mpp_console.server import (
    Admitted,
    Challenged,
    MemoryStore,
    StoreError,
)
from tests.server.doubles import TestPayee, challenges_in, get, paying, slug, values, world


async def test_a_credential_is_good_once() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    assert isinstance(await w.gate.check(request, [w.offer()]), Admitted)
    again = await w.gate.check(request, [w.offer()])
    assert slug(again) == "invalid-challenge"
    assert isinstance(again, Challenged)
    assert len(challenges_in(again)) == 1
    assert len(w.payee.seen) == 1


async def test_fifty_copies_at_once_are_one_delivery() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    verdicts = await asyncio.gather(*(w.gate.check(request, [w.offer()]) for _ in range(50)))
    assert sum(isinstance(verdict, Admitted) for verdict in verdicts) == 1
    assert {slug(verdict) for verdict in verdicts if not isinstance(verdict, Admitted)} == {"invalid-challenge"}
    assert len(w.payee.seen) == 1


async def test_a_refused_proof_may_be_tried_again() -> None:
    # A push whose transaction is not mined yet: the client has paid, and must not have to pay again.
    w = world()
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = VerificationFailed("not found yet")
    assert slug(await w.gate.check(request, [w.offer()])) == "verification-failed"
    w.payee.fail = None
    assert isinstance(await w.gate.check(request, [w.offer()]), Admitted)


@pytest.mark.parametrize("failure", [OutcomeUncertain("lost"), InternalPayment("broken"), RuntimeError("a bug")])
async def test_an_unknown_outcome_never_invites_to_pay(failure: Exception) -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = failure
    first = await w.gate.check(request, [w.offer()])
    # The rail still holds its claim on the payment, and says so.
    w.payee.fail = CredentialReplayed()
    second = await w.gate.check(request, [w.offer()])
    for answer in (first, second):
        assert isinstance(answer, Challenged)
        assert answer.status == 500
        assert not values(answer, "WWW-Authenticate")
        assert values(answer, "Cache-Control") == ["no-store"]
    assert slug(second) == "outcome-uncertain"
    assert "a bug" not in repr(w.events)


async def test_a_payment_that_settles_late_is_still_delivered_once() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = OutcomeUncertain("the chain is silent")
    await w.gate.check(request, [w.offer()])
    w.payee.fail = None
    assert isinstance(await w.gate.check(request, [w.offer()]), Admitted)
    assert slug(await w.gate.check(request, [w.offer()])) == "outcome-uncertain"


async def test_a_rail_that_broke_is_not_asked_again() -> None:
    w = world()
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = RuntimeError("a bug")
    await w.gate.check(request, [w.offer()])
    w.payee.fail = None
    assert slug(await w.gate.check(request, [w.offer()])) == "outcome-uncertain"
    assert len(w.payee.seen) == 1


async def test_what_the_rail_has_seen_before_is_a_used_challenge() -> None:
    w = world()
    w.payee.fail = CredentialReplayed("The transaction was used.")
    answer = await w.gate.check(paying(get(), await w.challenge(get())), [w.offer()])
    assert slug(answer) == "invalid-challenge"
    assert isinstance(answer, Challenged)
    assert challenges_in(answer)


async def test_a_broken_store_takes_no_payment() -> None:
    class Broken(MemoryStore):
        async def claim(self, key: str) -> bool:
            raise StoreError("disk full")

    w = world(store=Broken())
    answer = await w.gate.check(paying(get(), await w.challenge(get())), [w.offer()])
    assert isinstance(answer, Challenged)
    assert (answer.status, slug(answer)) == (500, "internal-payment")
    assert "disk" not in answer.body.decode()
    assert not w.payee.seen


async def test_the_rail_claims_in_the_same_store() -> None:
    seen: list[bool] = []

    class Claiming(TestPayee):
        async def verify(self, credential: Any, claims: ClaimStore, *, now: Any) -> Any:
            seen.append(await claims.claim("tx:0xabc"))
            return await super().verify(credential, claims, now=now)

    w = world()
    w.payee = Claiming()
    await w.gate.check(paying(get(), await w.challenge(get())), [w.offer()])
    assert seen == [True]
    assert not await w.store.claim("tx:0xabc")


async def test_an_unknown_outcome_that_cannot_be_noted_keeps_its_claim() -> None:
    class Full(MemoryStore):
        async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
            raise StoreError("disk full")

    w = world(store=Full())
    request = paying(get(), await w.challenge(get()))
    w.payee.fail = OutcomeUncertain("lost")
    answer = await w.gate.check(request, [w.offer()])
    assert isinstance(answer, Challenged)
    assert answer.status == 500
    w.payee.fail = None
    assert not isinstance(await w.gate.check(request, [w.offer()]), Admitted)
