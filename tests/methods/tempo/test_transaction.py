"""Tempo transactions: golden bytes, other encoders as oracles, round trips, and hostile bytes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytempo
import pytest
import rlp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpp_console.methods.tempo.envelope import MAX_ENVELOPE_BYTES
from mpp_console.methods.tempo.keys import CURVE_ORDER, Signature, keccak, to_checksum
from mpp_console.methods.tempo.transaction import (
    EXPIRING_NONCE_KEY,
    AccessListItem,
    AwaitingSponsor,
    Call,
    ForeignSignature,
    TempoTransaction,
    decode,
)
from mpp_console.protocol import FormatError, MppError, ParseError
from tests.methods.tempo import golden
from tests.methods.tempo.golden import PATH_USD, SENDER, SPONSOR

# -- golden


def test_a_charge_of_another_client() -> None:
    tx = decode(golden.CHARGE)
    assert tx.encode() == golden.CHARGE
    assert tx.hash() == golden.CHARGE_HASH
    assert tx.sender() == SENDER.address
    assert not tx.is_sponsored
    assert tx.is_expiring
    assert (tx.chain_id, tx.gas, tx.max_fee_per_gas, tx.max_priority_fee_per_gas) == (42431, 105_000, 13 * 10**9, 10**9)
    assert tx.valid_after == 0x4B8AF2E7
    assert replace(tx, sender_signature=None).sign(SENDER) == tx


def test_a_handoff_of_another_client() -> None:
    tx = decode(golden.HANDOFF)
    assert tx.encode_handoff() == golden.HANDOFF
    assert tx.fee_payer_slot == AwaitingSponsor(sender=SENDER.address)
    assert tx.sender_digest().hex() == golden.HANDOFF_SENDER_DIGEST
    assert tx.sponsor_digest(PATH_USD, SENDER.address).hex() == golden.HANDOFF_SPONSOR_DIGEST
    assert tx.sender() == SENDER.address
    assert tx.fee_payer() is None


def test_a_channel_open_of_another_client() -> None:
    tx = decode(golden.CHANNEL_OPEN)
    assert tx.encode() == golden.CHANNEL_OPEN
    assert tx.sender_digest().hex() == golden.CHANNEL_OPEN_DIGEST
    assert tx.fee_token == PATH_USD
    assert _expiring_hash(tx) == golden.CHANNEL_OPEN_EXPIRING_HASH


def test_encodings_on_which_two_encoders_agree() -> None:
    plain = decode(golden.CROSS_PLAIN)
    assert (plain.encode(), plain.hash(), plain.sender()) == (
        golden.CROSS_PLAIN,
        golden.CROSS_PLAIN_HASH,
        SENDER.address,
    )

    handoff = decode(golden.CROSS_HANDOFF)
    assert handoff.encode_handoff() == golden.CROSS_HANDOFF
    assert handoff.sender_digest().hex() == golden.CROSS_SENDER_DIGEST
    assert handoff.sponsor_digest(PATH_USD, SENDER.address).hex() == golden.CROSS_SPONSOR_DIGEST
    assert _expiring_hash(handoff) == golden.CROSS_EXPIRING_HASH

    cosigned = handoff.cosign(SPONSOR, PATH_USD)
    assert (cosigned.encode(), cosigned.hash()) == (golden.CROSS_COSIGNED, golden.CROSS_COSIGNED_HASH)
    assert decode(golden.CROSS_COSIGNED) == cosigned
    assert (cosigned.sender(), cosigned.fee_payer()) == (SENDER.address, SPONSOR.address)
    assert _expiring_hash(cosigned) == golden.CROSS_EXPIRING_HASH


def _expiring_hash(tx: TempoTransaction) -> str:
    return keccak(tx.sender_preimage() + bytes.fromhex(tx.sender()[2:])).hex()


# -- round trips

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: to_checksum("0x" + raw.hex()))
WORDS = st.binary(min_size=32, max_size=32)
CALLS = st.builds(Call, ADDRESSES, st.integers(0, 2**256 - 1), st.binary(max_size=200))
ACCESS = st.builds(AccessListItem, address=ADDRESSES, storage_keys=st.lists(WORDS, max_size=3).map(tuple))


@st.composite
def transactions(draw: st.DrawFn) -> TempoTransaction:
    after = draw(st.none() | st.integers(1, 2**63))
    return TempoTransaction(
        chain_id=draw(st.integers(0, 2**64 - 1)),
        max_priority_fee_per_gas=draw(st.integers(0, 2**128 - 1)),
        max_fee_per_gas=draw(st.integers(0, 2**128 - 1)),
        gas=draw(st.integers(0, 2**64 - 1)),
        calls=tuple(draw(st.lists(CALLS, min_size=1, max_size=4))),
        access_list=tuple(draw(st.lists(ACCESS, max_size=2))),
        nonce_key=draw(st.integers(0, 2**256 - 1) | st.just(EXPIRING_NONCE_KEY)),
        nonce=draw(st.integers(0, 2**64 - 1)),
        valid_before=draw(st.none() | st.integers((after or 0) + 1, 2**64 - 1)),
        valid_after=after,
        fee_token=draw(st.none() | ADDRESSES),
    )


@given(transactions())
def test_unsponsored_round_trip(unsigned: TempoTransaction) -> None:
    tx = unsigned.sign(SENDER)
    again = decode(tx.encode())
    assert again == tx
    assert again.sender() == SENDER.address
    assert again.hash() == "0x" + keccak(tx.encode()).hex()


@given(transactions(), ADDRESSES)
def test_sponsored_round_trip(unsigned: TempoTransaction, fee_token: str) -> None:
    waiting = replace(unsigned, fee_payer_slot=AwaitingSponsor()).sign(SENDER)
    received = decode(waiting.encode_handoff())
    assert received.sender() == SENDER.address
    assert decode(waiting.encode()) == waiting
    final = decode(received.cosign(SPONSOR, fee_token).encode())
    assert (final.sender(), final.fee_payer(), final.fee_token) == (SENDER.address, SPONSOR.address, fee_token)


@given(transactions())
def test_the_sender_leaves_the_fee_token_open_for_a_sponsor(unsigned: TempoTransaction) -> None:
    waiting = replace(unsigned, fee_payer_slot=AwaitingSponsor())
    assert waiting.sender_digest() == replace(waiting, fee_token=None).sender_digest()
    assert waiting.sender_digest() != replace(unsigned, fee_token=None).sender_digest()


@given(transactions())
@settings(max_examples=30, deadline=None)
def test_pytempo_encodes_and_hashes_the_same(unsigned: TempoTransaction) -> None:
    theirs = _pytempo(unsigned).sign("0x" + "01" * 32)
    ours = unsigned.sign(SENDER)
    assert bytes(theirs.encode()) == ours.encode()
    assert bytes(theirs.get_signing_hash()) == ours.sender_digest()


@given(transactions(), ADDRESSES)
@settings(max_examples=20, deadline=None)
def test_pytempo_sponsors_the_same(unsigned: TempoTransaction, fee_token: str) -> None:
    waiting = replace(unsigned, fee_token=fee_token, fee_payer_slot=AwaitingSponsor())
    theirs = (
        _pytempo(waiting, awaiting_fee_payer=True).sign("0x" + "01" * 32).sign("0x" + "02" * 32, for_fee_payer=True)
    )
    assert waiting.sign(SENDER).cosign(SPONSOR, fee_token).encode() == bytes(theirs.encode())


def _pytempo(tx: TempoTransaction, **more: Any) -> Any:
    assume(tx.chain_id and tx.gas and tx.max_priority_fee_per_gas <= tx.max_fee_per_gas)
    return pytempo.TempoTransaction.create(
        chain_id=tx.chain_id,
        gas_limit=tx.gas,
        max_fee_per_gas=tx.max_fee_per_gas,
        max_priority_fee_per_gas=tx.max_priority_fee_per_gas,
        nonce=tx.nonce,
        nonce_key=tx.nonce_key,
        valid_before=tx.valid_before,
        valid_after=tx.valid_after,
        fee_token=tx.fee_token,
        calls=tuple(pytempo.Call.create(to=call.to, value=call.value, data=call.data) for call in tx.calls),
        access_list=tuple(
            pytempo.AccessListItem(address=bytes.fromhex(item.address[2:]), storage_keys=item.storage_keys)
            for item in tx.access_list
        ),
        **more,
    )


# -- what is refused


def fields() -> list[Any]:
    return list(rlp.decode(golden.CHARGE[1:]))


def wrapped(items: list[Any], prefix: bytes = b"\x76") -> bytes:
    return prefix + bytes(rlp.encode(items, infer_serializer=False))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"\x00\x01"),
        (0, b"\x01" * 9),
        (0, []),
        (2, b"\x01" * 17),
        (3, b"\x01" * 9),
        (4, b""),
        (4, []),
        (4, [[b"\x01" * 20, b""]]),
        (4, [[b"\x01" * 19, b"", b""]]),
        (4, [[b"\x01" * 20, b"", b"", b""]]),
        (4, [[b"\x01" * 20, b"", []]]),
        (4, [[b"\x01" * 20, b"", b""], [b"", b"", b""]]),
        (5, b"\x01"),
        (5, [[b"\x01" * 20]]),
        (5, [[b"\x01" * 20, [b"\x01" * 31]]]),
        (6, b"\x01" * 33),
        (8, b"\x00"),
        (8, b"\x01"),
        (10, b"\x01" * 19),
        (10, []),
        (11, b"\x01"),
        (11, b"\x01" * 20),
        (11, [b"", b"", b""]),
        (11, [b"", b"\x01"]),
        (11, [b"\x02", b"\x01", b"\x01"]),
        (11, [b"", b"\x00\x01", b"\x01"]),
        (11, [b"", b"\x01", b"\xff" * 32]),
        (12, b"\x01"),
        (13, b""),
        (13, b"\x01" * 64),
        (13, b"\x09" * 130),
        (13, []),
        (13, b"\x01" * 20_000),
    ],
)
def test_a_wrong_field_is_refused(place: int, value: Any) -> None:
    items = fields()
    items[place] = value
    with pytest.raises(ParseError):
        decode(wrapped(items))


def nested(depth: int) -> bytes:
    """Lists within lists, each with an honest length."""
    raw = b""
    for _ in range(depth):
        size = len(raw)
        width = (size.bit_length() + 7) // 8
        raw = (bytes((0xC0 + size,)) if size < 56 else bytes((0xF7 + width,)) + size.to_bytes(width, "big")) + raw
    return raw


@pytest.mark.parametrize("depth", [17, 20_000])
def test_deep_nesting_is_refused_before_it_can_hurt(depth: int) -> None:
    items = fields()
    items[12] = b"here"
    head, tail = wrapped(items).split(b"\x84here")
    with pytest.raises(ParseError, match="deep"):
        decode(head + nested(depth) + tail)


def test_wrong_field_counts_are_refused() -> None:
    for items in (fields()[:13], [*fields(), b""], [*fields()[:13], b"not a list", fields()[13]], []):
        with pytest.raises(ParseError):
            decode(wrapped(items))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x76",
        b"\x76\x80",
        b"\x02\xc0",
        golden.CHARGE + b"\x00",
        golden.CHARGE[:-1],
        b"\x76" + b"\xc1" * 5000,
        b"\x76\xf8\x01\x80",
        b"\x76\xff" + b"\xff" * 8,
        b"\x76" + bytes(MAX_ENVELOPE_BYTES + 1),
    ],
)
def test_broken_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(ParseError):
        decode(raw)


@given(st.binary(max_size=400), st.sampled_from([b"", b"\x76", b"\x78", b"\x76\xf8", b"\x78\xf9\x01"]))
def test_arbitrary_bytes_raise_nothing_else(raw: bytes, prefix: bytes) -> None:
    with contextlib.suppress(MppError):
        decode(prefix + raw)


@given(st.sampled_from([golden.CHARGE, golden.HANDOFF, golden.CROSS_COSIGNED]), st.data())
def test_a_damaged_transaction_never_passes_for_the_original(raw: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(raw) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = raw[:place] + bytes((raw[place] ^ 1 << bit,)) + raw[place + 1 :]
    try:
        tx = decode(damaged)
        sender, payer = tx.sender(), tx.fee_payer()
    except MppError:
        return
    original = decode(raw)
    assert tx.encode() == original.encode() or (sender, payer) != (original.sender(), original.fee_payer())


def test_a_handoff_that_states_another_sender_is_refused() -> None:
    items = list(rlp.decode(golden.HANDOFF[1:]))
    items[11] = bytes.fromhex(SPONSOR.address[2:])
    with pytest.raises(ParseError) as refused:
        decode(wrapped(items, b"\x78")).sender()
    assert refused.value.code == "sender-mismatch"


@pytest.mark.parametrize("slot", [b"", b"\x00", [b"", b"\x01", b"\x01"]])
def test_a_handoff_names_its_sender(slot: Any) -> None:
    items = list(rlp.decode(golden.HANDOFF[1:]))
    items[11] = slot
    with pytest.raises(ParseError):
        decode(wrapped(items, b"\x78"))


def test_a_malleable_signature_is_refused() -> None:
    items = fields()
    signature = Signature.from_bytes65(items[13])
    items[13] = items[13][:32] + (CURVE_ORDER - signature.s).to_bytes(32, "big") + bytes((55 - items[13][64],))
    with pytest.raises(ParseError) as refused:
        decode(wrapped(items))
    assert refused.value.code == "high-s"


def test_a_bare_recovery_id_is_read_and_normalised() -> None:
    items = fields()
    items[13] = items[13][:64] + bytes((items[13][64] - 27,))
    assert decode(wrapped(items)).encode() == golden.CHARGE


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\x01" + bytes(129), "p256"),
        (b"\x02" + bytes(200), "webauthn"),
        (b"\x03" + bytes(20) + bytes(65), "keychain v1"),
        (b"\x04" + b"\x11" * 20 + bytes(65), "keychain v2"),
        (b"\x05" + bytes(90), "multisig"),
    ],
)
def test_other_kinds_of_keys_are_named_and_kept(raw: bytes, kind: str) -> None:
    items = fields()
    items[13] = raw
    tx = decode(wrapped(items))
    assert tx.sender_signature == ForeignSignature(raw=raw)
    assert tx.sender_signature.kind == kind
    assert tx.encode() == wrapped(items)
    with pytest.raises(ParseError, match=kind) as refused:
        tx.sender()
    assert refused.value.code == "unsupported-signature"


def test_an_access_key_states_its_account() -> None:
    assert ForeignSignature(raw=b"\x04" + b"\x11" * 20 + bytes(65)).stated_sender == "0x" + "11" * 20
    assert ForeignSignature(raw=b"\x01" + bytes(129)).stated_sender is None


def test_key_authorizations_are_kept() -> None:
    items = [*fields()[:13], [b"\x01", [b"\x02"]], fields()[13]]
    tx = decode(wrapped(items))
    assert tx.key_authorization == (b"\x01", (b"\x02",))
    assert tx.encode() == wrapped(items)


# -- values that cannot be built


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 2**64},
        {"chain_id": -1},
        {"gas": 2**64},
        {"max_fee_per_gas": 2**128},
        {"nonce_key": 2**256},
        {"nonce": 2**64},
        {"valid_before": 0},
        {"valid_after": 0},
        {"valid_before": 5, "valid_after": 5},
        {"calls": ()},
        {"calls": (Call(PATH_USD), Call(None))},
        {"calls": (Call(None), Call(None))},
    ],
)
def test_impossible_values_cannot_be_built(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        replace(decode(golden.CHARGE), **change)


def test_steps_out_of_order_are_refused() -> None:
    unsigned = replace(decode(golden.CHARGE), sender_signature=None)
    with pytest.raises(FormatError):
        unsigned.encode()
    with pytest.raises(ParseError):
        unsigned.sender()
    with pytest.raises(FormatError):
        decode(golden.CHARGE).encode_handoff()
    with pytest.raises(FormatError):
        decode(golden.CHARGE).cosign(SPONSOR, PATH_USD)
    with pytest.raises(FormatError):
        decode(golden.HANDOFF).hash()
    with pytest.raises(FormatError):
        Call(PATH_USD, 2**256)


def test_a_contract_may_be_created_first() -> None:
    tx = replace(decode(golden.CHARGE), calls=(Call(None, 0, b"\x60"), Call(PATH_USD))).sign(SENDER)
    assert decode(tx.encode()).calls[0].to is None
