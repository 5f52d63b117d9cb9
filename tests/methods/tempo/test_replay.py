"""One payment counts once, whatever form it comes in again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.transaction import (
    decode,
)
from mpp_console.protocol import Credential, PaymentProblem

from .charges import (
    MEMO,
    OTHER,
    SHOP,
    SPONSORED,
    Counter,
    refused,
)


async def test_the_same_credential_counts_once() -> None:
    counter = Counter(sponsored=True)
    for options, mode in (({}, Mode.PULL), ({}, Mode.PUSH), (SPONSORED, Mode.PULL)):
        paid = await counter.pay(counter.challenge(options=options), mode=mode)
        await counter.verify(paid)
        assert (await refused(counter, paid)).code == "replayed"
    proof = await counter.pay(counter.challenge(0))
    await counter.verify(proof)
    assert (await refused(counter, proof)).code == "replayed"


async def test_the_same_credential_at_once_counts_once() -> None:
    counter = Counter(sponsored=True)
    for options, mode in (({}, Mode.PULL), ({}, Mode.PUSH), (SPONSORED, Mode.PULL)):
        paid = await counter.pay(counter.challenge(options=options), mode=mode)
        outcomes = await asyncio.gather(*(counter.verify(paid) for _ in range(5)), return_exceptions=True)
        assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_a_pulled_payment_cannot_come_again_as_a_hash() -> None:
    counter = Counter(sponsored=True)
    for options in ({"memo": MEMO}, {"memo": MEMO, "fee_payer": True}):
        receipt = await counter.verify(await counter.pay(counter.challenge(options=options)))
        again = counter.challenge(options={"memo": MEMO})
        tried = Credential(challenge=again, payload={"type": "hash", "hash": receipt.reference})
        assert (await refused(counter, tried)).code == "replayed"


async def test_a_pushed_payment_cannot_come_again_as_a_transaction() -> None:
    counter = Counter()
    payer = counter.payer(mode=Mode.PUSH)
    prepared = await payer.prepare(await payer.quote(counter.challenge(options={"memo": MEMO})))
    await counter.verify(await payer.send(prepared))
    again = counter.challenge(options={"memo": MEMO})
    tried = Credential(challenge=again, payload={"type": "transaction", "signature": "0x" + prepared.raw.hex()})
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(tried)
    assert caught.value.code == "replayed"


async def test_another_spelling_of_the_signature_is_the_same_payment() -> None:
    counter = Counter()
    challenge = counter.challenge(options={"memo": MEMO})
    prepared = await counter.prepare(challenge)
    await counter.verify(prepared.credential)
    respelled = prepared.raw[:-1] + bytes([prepared.raw[-1] - 27])
    assert decode(respelled) == decode(prepared.raw)
    tried = Credential(
        challenge=counter.challenge(options={"memo": MEMO}),
        payload={"type": "transaction", "signature": "0x" + respelled.hex()},
    )
    assert (await refused(counter, tried)).code == "replayed"


async def test_what_is_broadcast_is_the_canonical_spelling() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    respelled = prepared.raw[:-1] + bytes([prepared.raw[-1] - 27])
    payload = {"type": "transaction", "signature": "0x" + respelled.hex()}
    receipt = await counter.verify(replace(prepared.credential, payload=payload))
    assert receipt.reference == prepared.reference


async def test_a_challenge_is_paid_once_even_with_another_transaction() -> None:
    counter = Counter()
    challenge = counter.challenge()
    await counter.verify(await counter.pay(challenge))
    second = await counter.pay(challenge, signer=OTHER)
    assert (await refused(counter, second)).code == "replayed"
    assert counter.chain.held(SHOP) == 10_000


async def test_somebody_elses_hash_does_not_pay() -> None:
    counter = Counter()
    victim = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    thief = Credential(challenge=counter.challenge(), payload=victim.payload, source=None)
    problem = await refused(counter, thief)
    assert problem.code == "memo-not-bound"
    await counter.verify(victim)


async def test_an_old_payment_with_the_same_memo_does_not_pay_again() -> None:
    counter = Counter()
    options = {"memo": MEMO}
    old = await counter.pay(counter.challenge(options=options), mode=Mode.PUSH)
    counter.clock.forward(timedelta(hours=1).total_seconds())
    tried = Credential(challenge=counter.challenge(options=options), payload=old.payload)
    assert (await refused(counter, tried)).code == "too-old"


@pytest.mark.parametrize("faked", ["unknown", "reverted"])
async def test_a_hash_that_paid_nothing_is_refused(faked: str) -> None:
    counter = Counter()
    challenge = counter.challenge()
    payer = counter.payer(mode=Mode.PUSH)
    prepared = await payer.prepare(await payer.quote(challenge))
    if faked == "reverted":
        counter.chain.reverts = True
        await counter.chain.send_raw(prepared.raw)
    problem = await refused(counter, prepared.credential)
    assert problem.code == ("reverted" if faked == "reverted" else "not-found")


async def test_a_sponsored_charge_takes_no_hash() -> None:
    counter = Counter(sponsored=True)
    tried = Credential(
        challenge=counter.challenge(options=SPONSORED), payload={"type": "hash", "hash": "0x" + "11" * 32}
    )
    assert (await refused(counter, tried)).code == "sponsored-push"
