"""Closes and settlements, those that a payer asks for and the operator's own."""

from __future__ import annotations

import asyncio

import pytest

from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.methods.tempo.session_problems import (
    AmountExceedsDeposit,
    ChannelFinalized,
    SessionRefused,
    SignerMismatch,
)
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.protocol import (
    InternalPayment,
    Secret,
)
from tests.methods.tempo.booths import PRICE, Booth, id_of
from tests.sandbox.node.chains import ALICE, BOB, CAROL


@pytest.fixture
def booth() -> Booth:
    return Booth()


async def test_a_close_takes_what_was_spent_and_gives_the_rest_back(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    await booth.handle(booth.voucher(descriptor, 500), "management")
    alice, bob = booth.chain.balance(ALICE.address), booth.chain.balance(BOB.address)
    outcome = await booth.handle(booth.closing(descriptor, 500))
    assert outcome.management
    facts = read_session_receipt(outcome.receipt)
    assert facts.tx_hash is not None
    assert booth.chain.balance(ALICE.address) - alice == 900
    assert booth.chain.balance(BOB.address) - bob == PRICE - paid_fee(booth, facts.tx_hash)
    record = await booth.record(descriptor)
    assert (record.state, record.settled, record.refunded, record.capture) == (ChannelState.CLOSED, PRICE, 900, PRICE)


async def test_a_close_with_less_than_was_accepted_is_fine_and_with_less_than_spent_is_not(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    await booth.handle(booth.voucher(descriptor, 500), "management")
    with pytest.raises(SessionRefused, match="spent"):
        await booth.handle(booth.closing(descriptor, PRICE - 1))
    with pytest.raises(AmountExceedsDeposit):
        await booth.handle(booth.closing(descriptor, 1_001))
    with pytest.raises(SignerMismatch):
        await booth.handle(booth.closing(descriptor, 500, by=CAROL))
    await booth.handle(booth.closing(descriptor, PRICE))
    assert (await booth.record(descriptor)).settled == PRICE


async def test_a_close_answers_the_same_again_and_ends_service(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    payload = booth.closing(descriptor, PRICE)
    first, again = await booth.handle(payload), await booth.handle(payload)
    assert first.tx_hash == again.tx_hash
    with pytest.raises(ChannelFinalized):
        await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    with pytest.raises(ChannelFinalized):
        await booth.handle(booth.topping_up(descriptor, 100))


async def test_a_close_that_the_chain_does_not_take_leaves_the_channel_open() -> None:
    poor = LocalSigner(Secret(b"\x0b" * 32))
    booth = Booth(settings={"signer": poor})  # the operator cannot pay the fee of closing
    descriptor = await booth.opened(1_000, operator=poor.address)
    with pytest.raises(InternalPayment):
        await booth.handle(booth.closing(descriptor, PRICE))
    record = await booth.record(descriptor)
    assert (record.state, record.pending, record.capture) == (ChannelState.OPEN, None, None)
    booth.chain.fund(poor)
    await booth.handle(booth.closing(descriptor, PRICE))
    assert (await booth.record(descriptor)).settled == PRICE


async def test_close_during_the_grace_period_still_pays(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    booth.request_close(descriptor)
    booth.clock.advance(60)
    await booth.handle(booth.closing(descriptor, PRICE))
    assert (await booth.record(descriptor)).settled == PRICE


async def test_settling_takes_only_what_was_delivered(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    await booth.handle(booth.voucher(descriptor, 700), "management")  # promised, not delivered
    record, tx_hash = await booth.payee.settlement.settle(id_of(descriptor))
    assert tx_hash is not None
    assert record.settled == 2 * PRICE
    assert (await booth.payee.settlement.settle(id_of(descriptor)))[1] is None
    closed, _ = await booth.payee.settlement.close(id_of(descriptor))
    assert (closed.settled, closed.refunded) == (2 * PRICE, 800)


async def test_exposure_shows_who_is_leaving_first(booth: Booth) -> None:
    small, large = await booth.opened(1_000), await booth.opened(1_000)
    await booth.handle(booth.voucher(large, 900), "management")
    rows = await booth.payee.settlement.exposure()
    assert [(row.channel_id, row.at_risk, row.earned) for row in rows] == [
        (id_of(large), 900, PRICE),
        (id_of(small), PRICE, PRICE),
    ]
    booth.request_close(small)
    await booth.payee.settlement.refresh_all()
    rows = await booth.payee.settlement.exposure()
    assert rows[0].channel_id == id_of(small)
    assert rows[0].withdrawable_at == booth.clock.seconds + GRACE_SECONDS


async def test_what_is_called_away_while_it_is_spent_is_spent_or_refunded(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    requests = [booth.handle(booth.voucher(descriptor, number * PRICE)) for number in range(2, 6)]
    closing = booth.payee.settlement.close(id_of(descriptor))
    results = await asyncio.gather(*requests[:2], closing, *requests[2:], return_exceptions=True)
    served = 1 + sum(not isinstance(result, BaseException) for index, result in enumerate(results) if index != 2)
    assert (await booth.record(descriptor)).settled == served * PRICE


def paid_fee(booth: Booth, tx_hash: str) -> int:
    receipt = booth.chain.rpc("eth_getTransactionReceipt", tx_hash)
    return -(-int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) // 10**12)
