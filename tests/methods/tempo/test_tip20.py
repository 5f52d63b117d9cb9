"""The TIP-20 ABI, with a general codec as oracle."""

from __future__ import annotations

from itertools import pairwise

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.keys import keccak, to_checksum
from mpp_console.methods.tempo.tip20 import (
    _SIGNATURES,
    APPROVAL_TOPIC,
    ERRORS,
    SELECTORS,
    TRANSFER_TOPIC,
    TRANSFER_WITH_MEMO_TOPIC,
    Log,
    RevertReason,
    TokenCall,
    TransferEvent,
    decode_call,
    decode_revert,
    decode_transfers,
    encode_approve,
    encode_balance_of,
    encode_revert,
    encode_transfer,
    encode_transfer_from,
    is_token_address,
)
from mpp_console.protocol import FormatError

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: to_checksum("0x" + raw.hex()))
AMOUNTS = st.integers(0, 2**256 - 1)
MEMOS = st.binary(min_size=32, max_size=32)
TOKEN = "0x20C0000000000000000000000000000000000000"
ALICE, BOB = "0x" + "0a" * 20, "0x" + "0b" * 20


@pytest.mark.parametrize("kind", SELECTORS)
def test_written_selectors_are_those_of_the_signatures(kind: str) -> None:
    assert keccak(_SIGNATURES[kind].encode())[:4] == SELECTORS[kind]


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        (TRANSFER_TOPIC, b"Transfer(address,address,uint256)"),
        (TRANSFER_WITH_MEMO_TOPIC, b"TransferWithMemo(address,address,uint256,bytes32)"),
        (APPROVAL_TOPIC, b"Approval(address,address,uint256)"),
    ],
)
def test_written_topics_are_those_of_the_events(topic: str, event: bytes) -> None:
    assert topic == "0x" + keccak(event).hex()


@given(ADDRESSES, ADDRESSES, AMOUNTS, MEMOS)
def test_calldata_is_that_of_a_general_codec(one: str, other: str, amount: int, memo: bytes) -> None:
    assert encode_transfer(one, amount)[4:] == encode(["address", "uint256"], [one, amount])
    assert encode_transfer(one, amount, memo)[4:] == encode(["address", "uint256", "bytes32"], [one, amount, memo])
    assert encode_transfer_from(one, other, amount)[4:] == encode(
        ["address", "address", "uint256"], [one, other, amount]
    )
    full = encode(["address", "address", "uint256", "bytes32"], [one, other, amount, memo])
    assert encode_transfer_from(one, other, amount, memo)[4:] == full
    assert encode_approve(one, amount)[4:] == encode(["address", "uint256"], [one, amount])
    assert encode_balance_of(one) == keccak(b"balanceOf(address)")[:4] + encode(["address"], [one])


@given(ADDRESSES, ADDRESSES, AMOUNTS, MEMOS)
def test_calldata_is_read_back(one: str, other: str, amount: int, memo: bytes) -> None:
    plain = TokenCall(kind="transfer", recipient=one, amount=amount)
    assert decode_call(encode_transfer(one, amount)) == plain
    with_memo = TokenCall(kind="transferWithMemo", recipient=one, amount=amount, memo=memo)
    assert decode_call(encode_transfer(one, amount, memo)) == with_memo
    moved = TokenCall(kind="transferFromWithMemo", recipient=other, amount=amount, sender=one, memo=memo)
    assert decode_call(encode_transfer_from(one, other, amount, memo)) == moved
    found = decode_call(encode_transfer_from(one, other, amount))
    assert found is not None
    assert (found.sender, found.recipient) == (one, other)
    assert decode_call(encode_approve(one, amount)) == TokenCall(kind="approve", recipient=one, amount=amount)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xa9\x05\x9c",
        b"\x12\x34\x56\x78" + bytes(64),
        encode_transfer(ALICE, 1)[:-1],
        encode_transfer(ALICE, 1) + b"\x00",
        encode_transfer(ALICE, 1) + bytes(32),
        encode_transfer(ALICE, 1, bytes(32))[:-32],
        encode_transfer(ALICE, 1)[:4] + b"\x01" + encode_transfer(ALICE, 1)[5:],
        encode_balance_of(ALICE),
    ],
)
def test_calldata_that_is_not_canonical_is_not_understood(data: bytes) -> None:
    assert decode_call(data) is None


@given(st.binary(max_size=200))
def test_arbitrary_calldata_is_read_only_if_it_is_written_so(data: bytes) -> None:
    for selector in (b"", *SELECTORS.values()):
        found = decode_call(selector + data)
        if found is not None and found.kind == "transfer":
            assert encode_transfer(found.recipient, found.amount) == selector + data


def test_values_that_do_not_fit_are_refused() -> None:
    for amount in (-1, 2**256):
        with pytest.raises(FormatError):
            encode_transfer(ALICE, amount)
    with pytest.raises(FormatError):
        encode_transfer(ALICE, 1, b"short")


def test_token_addresses() -> None:
    assert is_token_address(TOKEN)
    assert is_token_address("0x20c000000000000000000000b9537d11c60e8b50")
    assert not is_token_address(ALICE)
    assert not is_token_address("0x20c0000000000000000000010000000000000000")


# -- logs


def word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


def transfer(amount: int, *, sender: str = ALICE, recipient: str = BOB, token: str = TOKEN) -> Log:
    topics = (TRANSFER_TOPIC, word(sender), word(recipient))
    return Log(address=token, topics=topics, data=amount.to_bytes(32, "big"))


def memo_log(amount: int, memo: bytes, *, recipient: str = BOB) -> Log:
    topics = (TRANSFER_WITH_MEMO_TOPIC, word(ALICE), word(recipient), "0x" + memo.hex())
    return Log(address=TOKEN, topics=topics, data=amount.to_bytes(32, "big"))


APPROVAL = Log(address=TOKEN, topics=(APPROVAL_TOPIC, word(ALICE), word(BOB)), data=bytes(32))
MEMO = b"m" * 32


def event(amount: int, memo: bytes | None = None, *, recipient: str = BOB) -> TransferEvent:
    return TransferEvent(
        token=TOKEN, sender=to_checksum(ALICE), recipient=to_checksum(recipient), amount=amount, memo=memo
    )


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ([], []),
        ([transfer(1)], [event(1)]),
        ([transfer(1), memo_log(1, MEMO)], [event(1, MEMO)]),
        ([transfer(1), transfer(1), memo_log(1, MEMO)], [event(1), event(1, MEMO)]),
        ([transfer(1), memo_log(1, MEMO), memo_log(1, b"n" * 32)], [event(1, MEMO)]),
        ([memo_log(1, MEMO)], []),
        ([memo_log(1, MEMO), transfer(1)], [event(1)]),
        ([transfer(1), memo_log(2, MEMO)], [event(1)]),
        ([transfer(1), memo_log(1, MEMO, recipient=ALICE)], [event(1)]),
        ([transfer(1), APPROVAL, memo_log(1, MEMO)], [event(1)]),
        ([APPROVAL, transfer(3, recipient=ALICE), transfer(4)], [event(3, recipient=ALICE), event(4)]),
        ([Log(address=TOKEN, topics=(), data=b"")], []),
        ([Log(address=TOKEN, topics=(TRANSFER_TOPIC,), data=bytes(32))], []),
        ([Log(address=TOKEN, topics=transfer(1).topics, data=b"")], []),
    ],
)
def test_transfers_are_paired_with_their_memos(logs: list[Log], expected: list[TransferEvent]) -> None:
    assert decode_transfers(logs) == expected


# -- errors


def test_the_selector_that_the_chain_uses_for_a_missing_balance() -> None:
    data = encode_revert("InsufficientBalance", 5, 7, TOKEN)
    assert data.hex()[:8] == "832f98b5"
    assert decode_revert(data) == RevertReason(name="InsufficientBalance", args=(5, 7, TOKEN))


@pytest.mark.parametrize("name", [name for name, kinds in ERRORS.items() if not kinds])
def test_errors_without_arguments(name: str) -> None:
    assert decode_revert(encode_revert(name)) == RevertReason(name=name)


def test_error_data_that_is_not_understood() -> None:
    data = encode_revert("InsufficientBalance", 5, 7, TOKEN)
    for broken in (b"", data[:3], data[:-1], data + b"\x00", b"\x00" * 100):
        assert decode_revert(broken) is None
    with pytest.raises(FormatError):
        encode_revert("Unheard")
    with pytest.raises(FormatError):
        encode_revert("InvalidRecipient", 1)


def test_errors_have_selectors_of_their_own() -> None:
    selectors = sorted(
        encode_revert(name, *(0 if kind == "uint256" else TOKEN for kind in kinds))[:4]
        for name, kinds in ERRORS.items()
    )
    assert all(one != other for one, other in pairwise(selectors))
