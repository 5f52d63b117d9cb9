"""Every rule of the session's payee, on the sandbox's own chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS
from mpp_console.methods.tempo.keys import CURVE_ORDER, LocalSigner
from mpp_console.methods.tempo.offers import ImpossibleOffer
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS, OpenCall, encode_open, encode_top_up, encode_withdraw
from mpp_console.methods.tempo.session_payloads import VoucherPayload
from mpp_console.methods.tempo.session_problems import (
    AmountExceedsDeposit,
    ChannelFinalized,
    ChannelNotFound,
    DeltaTooSmall,
    InsufficientBalance,
    InvalidSignature,
    SessionRefused,
    SignerMismatch,
)
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.methods.tempo.session_schema import decode_session_request
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import (
    Credential,
    InternalPayment,
    InvalidPayload,
    MethodUnsupported,
    PaymentExpired,
    PaymentInsufficient,
    Secret,
    VerificationFailed,
)
from tests.methods.tempo.booths import DOMAIN, PRICE, SPONSOR, Booth, id_of
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, PATH


@pytest.fixture
def booth() -> Booth:
    return Booth()


# -- offers


def test_an_offer_names_everything_that_a_payer_needs(booth: Booth) -> None:
    wire = booth.payee.offer(amount=25, options={"unit_type": "token", "suggested_deposit": 500, "fee_payer": True})
    request = decode_session_request(wire)
    assert (request.amount, request.currency, request.recipient) == (25, PATH, BOB.address)
    assert (request.protocol, request.escrow, request.operator) == ("v2", RESERVE, ZERO_ADDRESS)
    assert (request.unit_type, request.suggested_deposit, request.fee_payer) == ("token", 500, True)


def test_an_operator_that_is_not_the_recipient_is_named() -> None:
    booth = Booth(settings={"signer": CAROL})
    assert decode_session_request(booth.payee.offer(amount=1)).operator == CAROL.address


@pytest.mark.parametrize("amount", [0, -1, 2**96, True])
def test_a_price_that_no_channel_can_hold_is_not_offered(booth: Booth, amount: int) -> None:
    with pytest.raises(ImpossibleOffer):
        booth.payee.offer(amount=amount)


def test_a_sponsored_offer_needs_a_sponsor() -> None:
    with pytest.raises(ImpossibleOffer, match="sponsor"):
        Booth(settings={"sponsor": None}).payee.offer(amount=1, options={"fee_payer": True})


# -- open


async def test_opening_locks_the_deposit_and_pays_for_the_first_request(booth: Booth) -> None:
    before = booth.chain.balance(RESERVE)
    payload = booth.opening(1_000)
    outcome = await booth.handle(payload)
    facts = read_session_receipt(outcome.receipt)
    assert booth.chain.balance(RESERVE) - before == 1_000
    assert (facts.channel_id, facts.accepted, facts.spent, facts.units) == (payload.channel_id, PRICE, PRICE, 1)
    assert facts.tx_hash is not None
    assert booth.chain.rpc("eth_getTransactionReceipt", facts.tx_hash)["status"] == "0x1"
    record = await booth.record(payload.descriptor)  # type: ignore[arg-type]
    assert (record.state, record.deposit, record.pending) == (ChannelState.OPEN, 1_000, None)


async def test_the_same_opening_again_neither_opens_nor_charges_twice(booth: Booth) -> None:
    payload = booth.opening(1_000)
    await booth.handle(payload)
    sent = booth.rpc.heard.count("eth_sendRawTransactionSync")
    with pytest.raises(InsufficientBalance):
        await booth.handle(payload)
    again = await booth.handle(payload, "management")
    assert read_session_receipt(again.receipt).spent == PRICE
    assert booth.rpc.heard.count("eth_sendRawTransactionSync") == sent


async def test_an_opening_that_promises_too_little_opens_and_asks_for_more(booth: Booth) -> None:
    payload = booth.opening(1_000, 0)
    with pytest.raises(InsufficientBalance) as caught:
        await booth.handle(payload)
    assert caught.value.details["requiredTopUp"] == str(PRICE)
    assert payload.descriptor is not None
    assert (await booth.record(payload.descriptor)).state is ChannelState.OPEN
    await booth.handle(booth.voucher(payload.descriptor, PRICE))


async def test_a_sponsored_opening_costs_the_payer_the_deposit_only() -> None:
    booth = Booth(options={"fee_payer": True})
    before = booth.chain.balance(ALICE.address)
    sponsor = booth.chain.balance(SPONSOR.address)
    await booth.opened(1_000, sponsored=True)
    assert before - booth.chain.balance(ALICE.address) == 1_000
    assert booth.chain.balance(SPONSOR.address) < sponsor


async def test_no_fee_is_paid_where_none_was_offered(booth: Booth) -> None:
    with pytest.raises(VerificationFailed, match="sponsored"):
        await booth.handle(booth.opening(sponsored=True))


async def test_a_delegated_signer_signs_the_vouchers(booth: Booth) -> None:
    descriptor = await booth.opened(voucher_by=CAROL)
    await booth.handle(booth.voucher(descriptor, 2 * PRICE, by=CAROL))
    with pytest.raises(SignerMismatch):
        await booth.handle(booth.voucher(descriptor, 3 * PRICE, by=ALICE))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"payee": CAROL.address}, "descriptor-mismatch"),
        ({"token": ALPHA}, "descriptor-mismatch"),
        ({"operator": CAROL.address}, "descriptor-mismatch"),
    ],
)
async def test_a_channel_for_somebody_else_is_not_opened(booth: Booth, call: dict[str, Any], code: str) -> None:
    with pytest.raises(SessionRefused) as caught:
        await booth.handle(booth.opening(**call))
    assert caught.value.code == code
    assert "eth_sendRawTransactionSync" not in booth.rpc.heard
    assert await booth.store.list() == ()


async def test_an_opening_must_be_what_its_payload_says(booth: Booth) -> None:
    payload = booth.opening()
    other = booth.opening()
    assert payload.descriptor is not None
    assert other.descriptor is not None
    with pytest.raises(SessionRefused):  # the transaction of one channel, the descriptor of another
        await booth.handle(replace(payload, descriptor=other.descriptor, channel_id=other.channel_id))
    with pytest.raises(InvalidPayload, match="descriptor"):
        await booth.handle(replace(payload, descriptor=None))
    with pytest.raises(SessionRefused):
        await booth.handle(replace(payload, authorized_signer=CAROL.address))


async def test_one_call_and_nothing_beside_it(booth: Booth) -> None:
    payload = booth.opening()
    assert payload.descriptor is not None
    call = OpenCall(
        payee=BOB.address,
        operator=ZERO_ADDRESS,
        token=PATH,
        deposit=1_000,
        salt="0x" + "09" * 32,
        authorized_signer=ZERO_ADDRESS,
    )
    data = encode_open(call)
    for calls in (
        (Call(RESERVE, 0, data), Call(RESERVE, 0, data)),
        (Call(PATH, 0, data),),
        (Call(RESERVE, 0, data + b"\0"),),
    ):
        raw = booth.transaction(ALICE, *calls).sign(ALICE).encode()
        with pytest.raises(SessionRefused):
            await booth.handle(replace(payload, transaction=raw))
    assert "eth_sendRawTransactionSync" not in booth.rpc.heard


async def test_an_opening_that_would_revert_leaves_nothing_behind(booth: Booth) -> None:
    with pytest.raises(PaymentInsufficient):
        await booth.handle(booth.opening(10**18))
    assert await booth.store.list() == ()


async def test_a_first_voucher_that_is_not_the_payers_opens_nothing(booth: Booth) -> None:
    payload = booth.opening()
    forged = replace(payload, signature=DOMAIN.sign(CAROL, payload.channel_id, PRICE))
    with pytest.raises(SignerMismatch):
        await booth.handle(forged)
    with pytest.raises(AmountExceedsDeposit):
        await booth.handle(booth.opening(1_000, 1_001))
    assert "eth_sendRawTransactionSync" not in booth.rpc.heard


# -- vouchers


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


async def test_a_step_below_the_minimum_is_refused() -> None:
    booth = Booth(settings={"min_voucher_delta": 50})
    descriptor = await booth.opened()
    with pytest.raises(DeltaTooSmall):
        await booth.handle(booth.voucher(descriptor, PRICE + 49), "management")
    await booth.handle(booth.voucher(descriptor, PRICE + 50), "management")


async def test_signatures_are_judged(booth: Booth) -> None:
    descriptor = await booth.opened()
    good = booth.voucher(descriptor, 2 * PRICE)
    raw = bytes.fromhex(good.signature[2:])
    s = int.from_bytes(raw[32:64], "big")
    high = raw[:32] + (CURVE_ORDER - s).to_bytes(32, "big") + bytes([55 - raw[64]])
    for signature in ("0x" + high.hex(), "0x" + raw[:40].hex(), "0x"):
        with pytest.raises(InvalidSignature):
            await booth.handle(replace(good, signature=signature))
    for forged in (replace(good, cumulative=3 * PRICE), booth.voucher(descriptor, 2 * PRICE, by=CAROL)):
        with pytest.raises(SignerMismatch):
            await booth.handle(forged)
    compact = raw[:32] + (s | (raw[64] - 27) << 255).to_bytes(32, "big")
    await booth.handle(replace(good, signature="0x" + compact.hex()))
    assert (await booth.record(descriptor)).accepted_signature == good.signature


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


async def test_a_requested_close_stops_service_and_a_top_up_brings_it_back(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.request_close(descriptor)
    booth.clock.advance(6)
    with pytest.raises(ChannelFinalized) as caught:
        await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    assert caught.value.status == 410
    await booth.handle(booth.topping_up(descriptor, 10))
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))


async def test_a_channel_that_the_payer_has_emptied_is_closed_by_the_chains_word(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.request_close(descriptor)
    booth.clock.advance(GRACE_SECONDS + 1)
    booth.chain.run(ALICE, Call(RESERVE, 0, encode_withdraw(descriptor)))
    with pytest.raises(ChannelFinalized):
        await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    record = await booth.record(descriptor)
    assert (record.state, record.refunded, record.settled) == (ChannelState.CLOSED, 1_000, 0)


async def test_the_chain_is_asked_every_few_seconds_only(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.rpc.heard.clear()
    for number in range(2, 5):
        await booth.handle(booth.voucher(descriptor, number * PRICE))
    assert booth.rpc.heard == []
    booth.clock.advance(6)
    await booth.handle(booth.voucher(descriptor, 5 * PRICE))
    assert booth.rpc.heard == ["eth_call"]


async def test_a_source_is_believed_only_if_it_is_a_party(booth: Booth) -> None:
    descriptor = await booth.opened()
    payload = booth.voucher(descriptor, 2 * PRICE)
    with pytest.raises(SessionRefused):
        await booth.handle(payload, source=f"did:pkh:eip155:1337:{CAROL.address}")
    with pytest.raises(SessionRefused):
        await booth.handle(payload, source=f"did:pkh:eip155:1:{ALICE.address}")
    await booth.handle(payload, source=f"did:pkh:eip155:1337:{ALICE.address}")


async def test_only_its_own_challenges_count(booth: Booth) -> None:
    descriptor = await booth.opened()
    payload = booth.voucher(descriptor, 2 * PRICE).to_wire()
    for changes, problem in (({"intent": "charge"}, MethodUnsupported), ({"expires": None}, PaymentExpired)):
        credential = Credential(challenge=booth.challenge(**changes), payload=payload)
        with pytest.raises(problem):
            await booth.payee.handle(credential, kind="content", cost=PRICE, now=booth.clock())
    for broken in ({**payload, "action": "steal"}, {**payload, "cumulativeAmount": 5}, {**payload, "signature": 1}):
        with pytest.raises(InvalidPayload):
            await booth.payee.handle(
                Credential(challenge=booth.challenge(), payload=broken), kind="content", cost=PRICE, now=booth.clock()
            )


# -- top up


async def test_a_top_up_raises_the_deposit_once(booth: Booth) -> None:
    descriptor = await booth.opened(150)
    payload = booth.topping_up(descriptor, 500)
    first = await booth.handle(payload)
    again = await booth.handle(payload)
    assert first.management
    assert read_session_receipt(first.receipt).tx_hash == read_session_receipt(again.receipt).tx_hash
    assert (await booth.record(descriptor)).deposit == 650
    await booth.handle(booth.voucher(descriptor, 600))


async def test_a_sponsored_top_up() -> None:
    booth = Booth(options={"fee_payer": True})
    descriptor = await booth.opened(150)
    before = booth.chain.balance(ALICE.address)
    await booth.handle(booth.topping_up(descriptor, 500, sponsored=True))
    assert before - booth.chain.balance(ALICE.address) == 500


async def test_a_top_up_must_say_what_it_does(booth: Booth) -> None:
    descriptor = await booth.opened()
    other = await booth.opened()
    payload = booth.topping_up(descriptor, 500)
    crooked = (
        replace(payload, additional=501),
        replace(payload, transaction=booth.topping_up(other, 500).transaction),
        replace(payload, descriptor=other),
        booth.topping_up(descriptor, 500, payer=CAROL),
        replace(payload, transaction=booth.opening().transaction),
    )
    for wrong in crooked:
        with pytest.raises(VerificationFailed):
            await booth.handle(wrong)
    assert (await booth.record(descriptor)).deposit == 1_000


# -- close


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


# -- settlement by the operator


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


async def test_many_vouchers_at_once_never_serve_more_than_they_pay(booth: Booth) -> None:
    descriptor = await booth.opened(1_000)
    payload: VoucherPayload = booth.voucher(descriptor, 4 * PRICE)
    results = await asyncio.gather(*(booth.handle(payload) for _ in range(10)), return_exceptions=True)
    served = [result for result in results if not isinstance(result, BaseException)]
    assert len(served) == 3  # one of four was delivered with the opening
    assert all(isinstance(result, InsufficientBalance) for result in results if isinstance(result, BaseException))


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


async def test_a_deposit_below_the_least_opens_no_channel() -> None:
    booth = Booth(settings={"min_deposit": 1_000})
    payload = booth.opening(999)
    with pytest.raises(SessionRefused) as refused:
        await booth.handle(payload)
    assert refused.value.code == "deposit-too-small"
    assert await booth.store.get(payload.channel_id) is None
    await booth.opened(1_000)
