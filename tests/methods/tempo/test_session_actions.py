"""Vouchers: what is accepted, what is charged for them, and what is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.reserve_abi import encode_top_up
from mpp_console.methods.tempo.session_payloads import VoucherPayload
from mpp_console.methods.tempo.session_problems import (
    AmountExceedsDeposit,
    ChannelNotFound,
    DeltaTooSmall,
    InsufficientBalance,
    SessionRefused,
    SignerMismatch,
)
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import (
    InvalidPayload,
)
from tests.methods.tempo.booths import PRICE, Booth
from tests.sandbox.node.chains import ALICE, CAROL


@pytest.fixture
def booth() -> Booth:
    return Booth()


async def test_vouchers_pay_request_by_request(booth: Booth) -> None:
    descriptor = await booth.opened()
    for number in range(2, 6):
        outcome = await booth.handle(booth.voucher(descriptor, number * PRICE))
        facts = read_session_receipt(outcome.receipt)
        assert (facts.accepted, facts.spent, facts.units) == (number * PRICE, number * PRICE, 1)
    assert (await booth.record(descriptor)).units == 5


async def test_a_voucher_brought_alone_is_accepted_and_not_charged(booth: Booth) -> None:
    descriptor = await booth.opened()
    outcome = await booth.handle(booth.voucher(descriptor, 5 * PRICE), "management")
    assert outcome.management
    record = await booth.record(descriptor)
    assert (record.accepted, record.spent) == (5 * PRICE, PRICE)


async def test_an_equal_voucher_is_a_retry_and_a_lower_one_is_refused(booth: Booth) -> None:
    descriptor = await booth.opened()
    await booth.handle(booth.voucher(descriptor, 3 * PRICE), "management")
    before = await booth.record(descriptor)
    await booth.handle(booth.voucher(descriptor, 3 * PRICE), "management")
    assert await booth.record(descriptor) == before
    with pytest.raises(SessionRefused) as caught:
        await booth.handle(booth.voucher(descriptor, 2 * PRICE), "management")
    assert caught.value.code == "voucher-not-increasing"


async def test_an_accepted_voucher_that_does_not_cover_the_cost_is_kept(booth: Booth) -> None:
    descriptor = await booth.opened()
    with pytest.raises(InsufficientBalance) as caught:
        await booth.handle(booth.voucher(descriptor, PRICE + 40))
    assert caught.value.details["requiredTopUp"] == str(PRICE - 40)
    record = await booth.record(descriptor)
    assert (record.accepted, record.spent) == (PRICE + 40, PRICE)


async def test_more_than_the_deposit_is_refused_until_the_chain_has_it(booth: Booth) -> None:
    descriptor = await booth.opened(150)
    with pytest.raises(AmountExceedsDeposit):
        await booth.handle(booth.voucher(descriptor, 200))
    booth.chain.run(ALICE, Call(RESERVE, 0, encode_top_up(descriptor, 100)))
    await booth.handle(booth.voucher(descriptor, 200))  # topped up behind our back: the chain is asked


@pytest.mark.parametrize("amount", [200, 10**9], ids=["within", "beyond"])
async def test_the_chain_is_not_asked_for_what_the_signer_did_not_sign(booth: Booth, amount: int) -> None:
    descriptor = await booth.opened()
    booth.rpc.heard.clear()
    booth.clock.advance(6)
    with pytest.raises(SignerMismatch):
        await booth.handle(booth.voucher(descriptor, amount, by=CAROL))
    assert booth.rpc.heard == []


async def test_a_step_below_the_minimum_is_refused() -> None:
    booth = Booth(settings={"min_voucher_delta": 50})
    descriptor = await booth.opened()
    with pytest.raises(DeltaTooSmall):
        await booth.handle(booth.voucher(descriptor, PRICE + 49), "management")
    await booth.handle(booth.voucher(descriptor, PRICE + 50), "management")


async def test_a_channel_that_nobody_opened_here_is_not_found(booth: Booth) -> None:
    stranger = booth.opening().descriptor
    assert stranger is not None
    with pytest.raises(ChannelNotFound) as caught:
        await booth.handle(booth.voucher(stranger, PRICE))
    assert caught.value.status == 410


async def test_the_descriptor_must_be_the_channels(booth: Booth) -> None:
    descriptor = await booth.opened()
    good = booth.voucher(descriptor, 2 * PRICE)
    with pytest.raises(SessionRefused):
        await booth.handle(replace(good, descriptor=replace(descriptor, salt="0x" + "ee" * 32)))
    with pytest.raises(InvalidPayload):
        await booth.handle(replace(good, descriptor=None))


async def test_many_vouchers_at_once_never_serve_more_than_they_pay(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    payload: VoucherPayload = booth.voucher(descriptor, 4 * PRICE)
    results = await asyncio.gather(*(booth.handle(payload) for _ in range(10)), return_exceptions=True)
    served = [result for result in results if not isinstance(result, BaseException)]
    assert len(served) == 3  # one of four was delivered with the opening
    assert all(isinstance(result, InsufficientBalance) for result in results if isinstance(result, BaseException))


async def test_every_voucher_is_known_by_the_challenge_that_it_answered() -> None:
    booth = Booth()
    descriptor = await booth.opened()
    assert (await booth.record(descriptor)).voucher_challenge_id == "challenge-1"
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    await booth.handle(booth.voucher(descriptor, 2 * PRICE), "management")
    record = await booth.record(descriptor)
    assert (record.challenge_id, record.voucher_challenge_id) == ("challenge-1", "challenge-2")


@pytest.mark.parametrize("amount", [2**96, 2**128])
async def test_no_sum_is_larger_than_a_channel_holds(amount: int) -> None:
    booth = Booth()
    descriptor = await booth.opened()
    payload = replace(booth.voucher(descriptor, 2 * PRICE), cumulative=amount)
    with pytest.raises((InvalidPayload, AmountExceedsDeposit)):
        await booth.handle(payload)
    assert (await booth.record(descriptor)).accepted == PRICE
