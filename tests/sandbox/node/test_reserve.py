"""Channels on the sandbox's chain: what each party may do, when, and that no base unit is made or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.methods.tempo.reserve_abi import (
    GRACE_SECONDS,
    ChannelEvent,
    ChannelEventKind,
    OnChainChannel,
    OpenCall,
    decode_events,
    decode_states,
    encode_close,
    encode_get_states,
    encode_open,
    encode_request_close,
    encode_settle,
    encode_top_up,
    encode_withdraw,
    error_name,
)
from mpp_console.methods.tempo.tip20 import Log
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, Call
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.sandbox.node import CHAIN_ID
from mpp_console.sandbox.node.contracts import Frame
from mpp_console.sandbox.node.state import Meter, Revert
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, Chain

DOMAIN = VoucherDomain.reserve(CHAIN_ID)
SALT = "0x" + "07" * 32


def events_of(receipt: dict[str, Any]) -> list[ChannelEvent]:
    logs = [
        Log(
            address=RESERVE if log["address"] == RESERVE.lower() else log["address"],
            topics=tuple(log["topics"]),
            data=bytes.fromhex(log["data"][2:]),
        )
        for log in receipt["logs"]
    ]
    return decode_events(logs)


def opening(payee: LocalSigner = BOB, *, deposit: int = 1_000, salt: str = SALT, **changes: Any) -> OpenCall:
    values: dict[str, Any] = {"operator": ZERO_ADDRESS, "token": ALPHA, "authorized_signer": ZERO_ADDRESS, **changes}
    return OpenCall(payee=payee.address, deposit=deposit, salt=salt, **values)


def on_reserve(data: bytes) -> Call:
    return Call(RESERVE, 0, data)


def open_channel(chain: Chain, call: OpenCall, payer: LocalSigner = ALICE, **changes: Any) -> Descriptor:
    receipt = chain.run(payer, on_reserve(encode_open(call)), **changes)
    assert receipt["status"] == "0x1"
    (event,) = events_of(receipt)
    assert event.descriptor is not None
    assert event.descriptor.channel_id(chain_id=CHAIN_ID) == event.channel_id
    return event.descriptor


def state_of(chain: Chain, *descriptors: Descriptor) -> Sequence[OnChainChannel]:
    ids = [descriptor.channel_id(chain_id=CHAIN_ID) for descriptor in descriptors]
    result = chain.rpc("eth_call", {"to": RESERVE, "data": "0x" + encode_get_states(ids).hex()}, "latest")
    return decode_states(bytes.fromhex(result[2:]), len(ids))


def voucher(descriptor: Descriptor, cumulative: int, signer: LocalSigner = ALICE) -> bytes:
    return bytes.fromhex(DOMAIN.sign(signer, descriptor.channel_id(chain_id=CHAIN_ID), cumulative)[2:])


def refusal(chain: Chain, sender: LocalSigner, data: bytes) -> str | None:
    """The error's name that a call would end in, None when it would work."""
    call = {"from": sender.address, "to": RESERVE, "data": "0x" + data.hex()}
    answer = chain.node.handle({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]})
    return error_name(bytes.fromhex(answer["error"]["data"][2:])) if "error" in answer else None


def test_a_channel_from_open_to_cooperative_close(chain: Chain) -> None:
    payer, payee = chain.balance(ALICE.address, ALPHA), chain.balance(BOB.address, ALPHA)
    channel = open_channel(chain, opening())
    assert chain.balance(RESERVE, ALPHA) == 1_000
    assert state_of(chain, channel) == (OnChainChannel(settled=0, deposit=1_000, close_requested_at=0),)
    settled = chain.run(BOB, on_reserve(encode_settle(channel, 300, voucher(channel, 300))))
    assert [event.values for event in events_of(settled)] == [(300, 300, 300)]
    topped = chain.run(ALICE, on_reserve(encode_top_up(channel, 500)))
    assert [event.values for event in events_of(topped)] == [(500, 1_500)]
    close = encode_close(channel, cumulative=700, capture=650, signature=voucher(channel, 700))
    closed = chain.run(BOB, on_reserve(close))
    assert [(event.kind, event.values) for event in events_of(closed)] == [(ChannelEventKind.CLOSED, (650, 850))]
    assert chain.balance(ALICE.address, ALPHA) == payer - 650
    assert chain.balance(BOB.address, ALPHA) == payee + 650
    assert chain.balance(RESERVE, ALPHA) == 0
    assert not state_of(chain, channel)[0].exists
    assert refusal(chain, ALICE, encode_top_up(channel, 1)) == "ChannelNotFound"


def test_a_forced_close_waits_for_the_whole_grace_period(chain: Chain) -> None:
    channel = open_channel(chain, opening())
    chain.run(BOB, on_reserve(encode_settle(channel, 300, voucher(channel, 300))))
    requested = chain.run(ALICE, on_reserve(encode_request_close(channel)))
    assert [event.values for event in events_of(requested)] == [(chain.clock.seconds + GRACE_SECONDS,)]
    again = chain.run(ALICE, on_reserve(encode_request_close(channel)))
    assert events_of(again) == []
    chain.clock.advance(GRACE_SECONDS - 1)
    assert refusal(chain, ALICE, encode_withdraw(channel)) == "CloseNotReady"
    chain.clock.advance(1)
    done = chain.run(ALICE, on_reserve(encode_withdraw(channel)))
    assert [event.values for event in events_of(done)] == [(300, 700)]
    assert chain.balance(RESERVE, ALPHA) == 0


def test_a_top_up_cancels_a_requested_close(chain: Chain) -> None:
    channel = open_channel(chain, opening())
    chain.run(ALICE, on_reserve(encode_request_close(channel)))
    kinds = [event.kind for event in events_of(chain.run(ALICE, on_reserve(encode_top_up(channel, 0))))]
    assert kinds == [ChannelEventKind.CLOSE_CANCELLED, ChannelEventKind.TOPPED_UP]
    assert state_of(chain, channel)[0].close_requested_at == 0
    assert events_of(chain.run(ALICE, on_reserve(encode_top_up(channel, 0)))) == []


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (opening(deposit=0), "ZeroDeposit"),
        (OpenCall(payee=ZERO_ADDRESS, operator=ZERO_ADDRESS, token=ALPHA, deposit=1, salt=SALT,
                  authorized_signer=ZERO_ADDRESS), "InvalidPayee"),
        (OpenCall(payee=ALPHA, operator=ZERO_ADDRESS, token=ALPHA, deposit=1, salt=SALT,
                  authorized_signer=ZERO_ADDRESS), "InvalidPayee"),
        (opening(token=CAROL.address), "InvalidToken"),
    ],
)  # fmt: skip
def test_channels_that_cannot_be_opened(chain: Chain, call: OpenCall, error: str) -> None:
    assert refusal(chain, ALICE, encode_open(call)) == error


def test_only_the_parties_move_money(chain: Chain) -> None:
    chain.fund(CAROL)
    channel = open_channel(chain, opening(operator=CAROL.address))
    settle = encode_settle(channel, 300, voucher(channel, 300))
    close = encode_close(channel, cumulative=300, capture=300, signature=voucher(channel, 300))
    for sender in (BOB, CAROL):
        for data in (encode_top_up(channel, 1), encode_request_close(channel), encode_withdraw(channel)):
            assert refusal(chain, sender, data) == "NotPayer"
        assert refusal(chain, sender, settle) is None
        assert refusal(chain, sender, close) is None
    assert refusal(chain, ALICE, settle) == "NotPayeeOrOperator"
    assert refusal(chain, ALICE, close) == "NotPayeeOrOperator"


def test_vouchers_that_do_not_hold(chain: Chain) -> None:
    channel = open_channel(chain, opening())
    other = open_channel(chain, opening(salt="0x" + "08" * 32))
    for signature in (voucher(channel, 301), voucher(other, 300), voucher(channel, 300, BOB), b"", bytes(65)):
        assert refusal(chain, BOB, encode_settle(channel, 300, signature)) == "InvalidSignature"
    assert refusal(chain, BOB, encode_settle(channel, 1_001, voucher(channel, 1_001))) == "AmountExceedsDeposit"
    assert refusal(chain, BOB, encode_settle(channel, 0, voucher(channel, 0))) == "AmountNotIncreasing"
    more = encode_close(channel, cumulative=5_000, capture=1_000, signature=voucher(channel, 5_000))
    assert refusal(chain, BOB, more) is None  # the voucher may exceed the deposit, the capture may not
    beyond = encode_close(channel, cumulative=5_000, capture=1_001, signature=voucher(channel, 5_000))
    assert refusal(chain, BOB, beyond) == "AmountExceedsDeposit"
    above = encode_close(channel, cumulative=10, capture=11, signature=voucher(channel, 10))
    assert refusal(chain, BOB, above) == "CaptureAmountInvalid"
    nothing = encode_close(channel, cumulative=0, capture=0, signature=b"")
    assert refusal(chain, BOB, nothing) is None  # capturing nothing needs no voucher


def test_a_delegated_signer_signs_in_the_payers_place(chain: Chain) -> None:
    channel = open_channel(chain, opening(authorized_signer=CAROL.address))
    assert refusal(chain, BOB, encode_settle(channel, 5, voucher(channel, 5, CAROL))) is None
    assert refusal(chain, BOB, encode_settle(channel, 5, voucher(channel, 5, ALICE))) == "InvalidSignature"


def test_a_channel_carries_the_hash_of_its_opening_transaction(chain: Chain) -> None:
    now = chain.clock.seconds
    tx = chain.sponsored(
        ALICE, BOB, on_reserve(encode_open(opening())), nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=now + 25
    )
    (event,) = events_of(chain.send(tx))
    assert event.descriptor is not None
    expected = keccak(tx.sender_preimage() + bytes.fromhex(ALICE.address[2:]))
    assert event.descriptor.expiring_nonce_hash == "0x" + expected.hex()


def test_several_channels_open_in_one_transaction_and_none_twice(chain: Chain) -> None:
    first, second = (on_reserve(encode_open(opening(salt="0x" + digit * 64))) for digit in "12")
    receipt = chain.run(ALICE, first, second)
    assert len({event.channel_id for event in events_of(receipt)}) == 2
    assert chain.run(ALICE, first, first)["status"] == "0x0"
    later = open_channel(chain, opening(salt="0x" + "1" * 64))
    assert later.channel_id(chain_id=CHAIN_ID) not in {event.channel_id for event in events_of(receipt)}


def test_a_channel_closed_in_its_own_transaction_is_not_opened_again_there(chain: Chain) -> None:
    # A transaction cannot name the hash of itself, so the calls are run by the machine under a hash of the test's own.
    own, context = opening(ALICE), bytes([9]) * 32
    descriptor = own.descriptor(payer=ALICE.address, expiring_nonce_hash="0x" + context.hex())
    close = encode_close(descriptor, cumulative=0, capture=0, signature=b"")
    meter = Meter(state=chain.node.chain.state(), limit=10**8)
    reserve = chain.node.chain.machine.contracts[RESERVE]
    frame = Frame(
        meter=meter, sender=ALICE.address, address=RESERVE, chain_id=CHAIN_ID, timestamp=1, context_hash=context
    )
    reserve.call(frame, encode_open(own))
    reserve.call(frame, close)
    with pytest.raises(Revert) as refused:
        reserve.call(frame, encode_open(own))
    assert error_name(refused.value.data) == "ChannelAlreadyExists"


def test_the_views_agree_with_the_codec(chain: Chain) -> None:
    channel = open_channel(chain, opening())
    channel_id = channel.channel_id(chain_id=CHAIN_ID)

    def view(declaration: str, arguments: bytes = b"") -> bytes:
        data = "0x" + (keccak(declaration.encode())[:4] + arguments).hex()
        return bytes.fromhex(chain.rpc("eth_call", {"to": RESERVE, "data": data}, "latest")[2:])

    words = encode_request_close(channel)[4:]
    shape = "(address,address,address,address,bytes32,address,bytes32)"
    assert view(f"computeChannelId{shape}", words).hex() == channel_id[2:]
    state = view("getChannelState(bytes32)", bytes.fromhex(channel_id[2:]))
    assert view(f"getChannel({shape})", words) == words + state
    assert [int.from_bytes(state[at : at + 32], "big") for at in (0, 32, 64)] == [0, 1_000, 0]
    digest = view("getVoucherDigest(bytes32,uint96)", bytes.fromhex(channel_id[2:]) + (7).to_bytes(32, "big"))
    assert digest == DOMAIN.digest(channel_id, 7)
    assert view("domainSeparator()") == DOMAIN.prefix[2:]
    assert view("VOUCHER_TYPEHASH()") == DOMAIN.type_hash
    assert int.from_bytes(view("CLOSE_GRACE_PERIOD()"), "big") == GRACE_SECONDS
    assert chain.rpc("eth_getCode", RESERVE, "latest") == "0xef"


@dataclass
class Model:
    descriptor: Descriptor
    deposit: int
    settled: int = 0
    requested: int = 0
    open: bool = True


class Channels(RuleBasedStateMachine):
    """Random acts on a few channels against a model: what is refused changes nothing, and money is conserved."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = Chain()
        self.chain.fund(ALICE, BOB)
        self.channels: list[Model] = []
        self.payer, self.payee = (self.chain.balance(who.address, ALPHA) for who in (ALICE, BOB))

    def act(self, sender: LocalSigner, data: bytes) -> bool:
        return bool(self.chain.run(sender, on_reserve(data))["status"] == "0x1")

    @rule(deposit=st.integers(1, 1_000))
    def open(self, deposit: int) -> None:
        salt = "0x" + len(self.channels).to_bytes(32, "big").hex()
        self.channels.append(Model(open_channel(self.chain, opening(deposit=deposit, salt=salt)), deposit))
        self.payer -= deposit

    @precondition(lambda self: self.channels)
    @rule(data=st.data(), amount=st.integers(0, 1_500))
    def settle(self, data: st.DataObject, amount: int) -> None:
        channel = data.draw(st.sampled_from(self.channels))
        signature = voucher(channel.descriptor, amount)
        worked = self.act(BOB, encode_settle(channel.descriptor, amount, signature))
        assert worked == (channel.open and channel.settled < amount <= channel.deposit)
        if worked:
            self.payee += amount - channel.settled
            channel.settled = amount

    @precondition(lambda self: self.channels)
    @rule(data=st.data(), amount=st.integers(0, 500))
    def top_up(self, data: st.DataObject, amount: int) -> None:
        channel = data.draw(st.sampled_from(self.channels))
        assert self.act(ALICE, encode_top_up(channel.descriptor, amount)) == channel.open
        if channel.open:
            channel.deposit, channel.requested, self.payer = channel.deposit + amount, 0, self.payer - amount

    @precondition(lambda self: self.channels)
    @rule(data=st.data(), cumulative=st.integers(0, 1_500), capture=st.integers(0, 1_500))
    def close(self, data: st.DataObject, cumulative: int, capture: int) -> None:
        channel = data.draw(st.sampled_from(self.channels))
        signature = voucher(channel.descriptor, cumulative)
        worked = self.act(
            BOB, encode_close(channel.descriptor, cumulative=cumulative, capture=capture, signature=signature)
        )
        assert worked == (channel.open and channel.settled <= capture <= min(cumulative, channel.deposit))
        if worked:
            self.payee += capture - channel.settled
            self.payer += channel.deposit - capture
            channel.open = False

    @precondition(lambda self: self.channels)
    @rule(data=st.data())
    def request_close(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(self.channels))
        assert self.act(ALICE, encode_request_close(channel.descriptor)) == channel.open
        if channel.open:
            channel.requested = channel.requested or self.chain.clock.seconds

    @precondition(lambda self: self.channels)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(self.channels))
        ready = channel.requested and self.chain.clock.seconds >= channel.requested + GRACE_SECONDS
        worked = self.act(ALICE, encode_withdraw(channel.descriptor))
        assert worked == bool(channel.open and ready)
        if worked:
            self.payer += channel.deposit - channel.settled
            channel.open = False

    @rule(seconds=st.sampled_from([1, GRACE_SECONDS - 1, GRACE_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.chain.clock.advance(seconds)

    @invariant()
    def money_is_conserved(self) -> None:
        held = sum(channel.deposit - channel.settled for channel in self.channels if channel.open)
        assert self.chain.balance(RESERVE, ALPHA) == held
        assert self.chain.balance(ALICE.address, ALPHA) == self.payer
        assert self.chain.balance(BOB.address, ALPHA) == self.payee
        states = state_of(self.chain, *(channel.descriptor for channel in self.channels))
        for channel, state in zip(self.channels, states, strict=True):
            assert state.settled <= state.deposit
            known = (channel.settled, channel.deposit, channel.requested) if channel.open else (0, 0, 0)
            assert (state.settled, state.deposit, state.close_requested_at) == known


TestChannels = Channels.TestCase
TestChannels.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
