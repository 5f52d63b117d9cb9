"""Crashes, lost answers and lying nodes: what a payee must never forget and never ask twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.chain import (
    ChainError,
    ChainUnreachable,
    ConfirmationTimeout,
    NotSent,
    Reverted,
    TransactionRejected,
)
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payee import TempoChargePayee
from mpp_console.protocol import PaymentProblem

from .charges import (
    PATH_USD,
    PAYER,
    SHOP,
    SPONSORED,
    Counter,
    refused,
)
from .fakes import unreachable


async def test_claims_come_before_anything_is_broadcast() -> None:
    counter = Counter(sponsored=True)
    events: list[str] = []
    counter.claims.log = events
    counter.chain.calls = events
    receipt = await counter.verify(await counter.pay(counter.challenge(options=SPONSORED)))
    sent = events.index("send_raw_sync")
    claimed = [event for event in events[:sent] if event.startswith("claim ")]
    assert f"claim tempo:charge:tx:{receipt.reference}" in claimed
    assert len(claimed) == 4
    assert not [event for event in events if event.startswith("release")]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Reverted("it would fail"), 402),
        (Reverted("too little", name="InsufficientBalance"), 402),
        (ChainUnreachable("no answer"), 500),
        (ChainError("nonsense"), 500),
    ],
)
async def test_what_cannot_be_simulated_is_not_broadcast(fault: BaseException, status: int) -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.faults["simulate"] = fault
    problem = await refused(counter, paid)
    assert problem.status == status
    await counter.verify(paid)


async def test_too_little_money_is_called_insufficient() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.balances[PATH_USD, PAYER.address] = 5_000
    assert (await refused(counter, paid)).code in {"insufficient-balance", "would-revert"}
    counter.chain.balances[PATH_USD, PAYER.address] = 10_000
    assert (await refused(counter, paid)).slug in {"payment-insufficient", "verification-failed"}


@pytest.mark.parametrize(
    ("fault", "status"), [(NotSent("The node at 10.0.0.7 refused."), 500), (TransactionRejected("underpriced"), 402)]
)
async def test_a_payment_that_never_went_out_may_be_tried_again(fault: BaseException, status: int) -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.faults["send_raw_sync"] = fault
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(paid)
    assert (caught.value.status, caught.value.fresh_challenge) == (status, status == 402)
    assert "10.0.0.7" not in caught.value.message
    assert counter.claims.held == set()
    await counter.verify(paid)
    assert counter.chain.held(SHOP) == 10_000


@pytest.mark.parametrize("fault", [unreachable(), ConfirmationTimeout("not yet"), ChainError("internal error")])
async def test_a_lost_answer_is_recovered_from_the_receipt(fault: BaseException) -> None:
    counter = Counter(sponsored=True)
    for options in ({}, SPONSORED):
        paid = await counter.pay(counter.challenge(options=options))
        counter.chain.after["send_raw_sync"] = fault
        assert (await counter.verify(paid)).status == "success"


@pytest.mark.parametrize("fault", [unreachable(), ConfirmationTimeout("not yet"), ChainError("internal error")])
async def test_an_unknown_outcome_keeps_the_claim_and_asks_for_no_second_payment(fault: BaseException) -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.after["send_raw_sync"] = fault
    counter.chain.hide_receipts = True
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(paid)
    assert (caught.value.status, caught.value.fresh_challenge) == (500, False)
    assert caught.value.details["reference"]
    assert counter.naps.seconds >= 15
    counter.chain.hide_receipts = False
    with pytest.raises(PaymentProblem) as again:
        await counter.verify(paid)
    assert again.value.code == "replayed"


async def test_a_payment_that_the_payer_broadcast_itself_still_counts() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    paid = prepared.credential
    simulate = counter.chain.simulate

    async def race(*args: Any, **options: Any) -> None:
        await simulate(*args, **options)
        await counter.chain.send_raw(prepared.raw)

    counter.chain.simulate = race  # type: ignore[method-assign]
    assert (await counter.verify(paid)).reference == prepared.reference


async def test_a_rejection_is_not_believed_when_the_payment_is_on_the_chain() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    counter.chain.after["send_raw_sync"] = TransactionRejected("nonce too low")
    assert (await counter.verify(prepared.credential)).reference == prepared.reference


async def test_a_reverted_payment_fails_and_stays_used() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.reverts = True
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(paid)
    assert (caught.value.code, caught.value.fresh_challenge) == ("reverted", True)
    assert (await refused(counter, paid)).code == "replayed"


async def test_a_receipt_that_does_not_show_the_payment_never_invites_a_second_one() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    send = counter.chain.send_raw_sync

    async def lie(raw: bytes, *, timeout: float) -> Any:
        return replace(await send(raw, timeout=timeout), logs=())

    counter.chain.send_raw_sync = lie  # type: ignore[method-assign]
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(paid)
    assert (caught.value.code, caught.value.fresh_challenge) == ("logs-mismatch", False)
    assert counter.claims.held


async def test_a_receipt_of_another_transaction_is_not_believed() -> None:
    counter = Counter()
    first = await counter.verify(await counter.pay(counter.challenge()))
    other = await counter.chain.receipt(first.reference)
    paid = await counter.pay(counter.challenge())

    async def lie(raw: bytes, *, timeout: float) -> Any:
        return other

    counter.chain.send_raw_sync = lie  # type: ignore[method-assign]
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(paid)
    assert caught.value.status == 500


@pytest.mark.parametrize(("moment", "kept"), [("simulate", False), ("send_raw_sync", True)])
async def test_a_cancelled_request_keeps_the_claim_once_bytes_may_be_out(moment: str, kept: bool) -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    reached = asyncio.Event()

    async def hang(*_: Any, **__: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    setattr(counter.chain, moment, hang)
    task = asyncio.create_task(counter.verify(paid))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bool(counter.claims.held) is kept


async def test_a_store_that_cannot_release_does_not_hide_the_reason() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge())
    counter.chain.faults["simulate"] = Reverted("it would fail")
    counter.claims.broken = True
    with pytest.raises(PaymentProblem, match="it would fail"):
        await counter.verify(paid)
    assert counter.claims.held


async def test_a_silent_chain_at_a_pushed_payment_invites_no_second_one() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge(), mode=Mode.PUSH)

    async def silent(tx_hash: str) -> None:
        raise unreachable()

    counter.chain.receipt = silent  # type: ignore[method-assign]
    problem = await refused(counter, paid)
    assert (problem.status, problem.fresh_challenge) == (500, False)


async def test_a_payee_without_sponsor_does_not_complete_old_offers() -> None:
    counter = Counter(sponsored=True)
    paid = await counter.pay(counter.challenge(options=SPONSORED))
    counter.payee = TempoChargePayee(chain=counter.chain, network=SANDBOX, recipient=SHOP, clock=counter.clock)
    assert (await refused(counter, paid)).code == "not-sponsored"
