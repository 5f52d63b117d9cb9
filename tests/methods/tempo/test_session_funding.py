"""Openings and top ups, from the credential to the sandbox's own chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS
from mpp_console.methods.tempo.reserve_abi import OpenCall, encode_open
from mpp_console.methods.tempo.session_problems import (
    AmountExceedsDeposit,
    InsufficientBalance,
    SessionRefused,
    SignerMismatch,
)
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import (
    InvalidPayload,
    PaymentInsufficient,
    VerificationFailed,
)
from tests.methods.tempo.booths import DOMAIN, PRICE, SPONSOR, Booth
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, PATH


@pytest.fixture
def booth() -> Booth:
    return Booth()


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


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("cosigned_anew", [False, True])
async def test_an_opening_is_told_by_the_transaction_that_the_chain_has(cosigned_anew: bool, restarted: bool) -> None:
    """A second try may be cosigned in another fee token, and so have another hash, when the first one arrives."""
    booth = Booth(options={"fee_payer": True})
    payload = booth.opening(1_000, sponsored=True)
    first = (await booth.handle(payload)).record
    (sent,) = first.done
    pending = replace(sent, tx_hash="0x" + "22" * 32) if cosigned_anew else sent
    half = replace(first, state=ChannelState.OPENING, done=(), pending=pending, accepted=0, earned=0, spent=0, units=0)
    await booth.store.update(first.channel_id, lambda record: (half, None))
    if restarted:
        await booth.payee.recover()
    outcome = await booth.handle(payload)
    assert outcome.tx_hash == (None if cosigned_anew else sent.tx_hash)
    assert (outcome.record.state, outcome.record.pending) == (ChannelState.OPEN, None)


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


async def test_a_deposit_below_the_least_opens_no_channel() -> None:
    booth = Booth(settings={"min_deposit": 1_000})
    payload = booth.opening(999)
    with pytest.raises(SessionRefused) as refused:
        await booth.handle(payload)
    assert refused.value.code == "deposit-too-small"
    assert await booth.store.get(payload.channel_id) is None
    await booth.opened(1_000)


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
