"""Calldata, results and events of the escrow contract of v1 sessions, in both directions. Pure.

Selectors and topics are those of the deployed contract, which differ from the draft's text. Reading calldata is as
strict as in `reserve_abi`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from mpp_console.protocol import FormatError, ParseError

from .channels import ZERO_ADDRESS, Descriptor
from .keys import address_bytes, keccak, to_checksum
from .reserve_abi import ChannelEvent, ChannelEventKind, OnChainChannel, OpenCall
from .tip20 import Log
from .vouchers import MAX_LEGACY_AMOUNT

__all__ = [
    "decode_legacy_events",
    "decode_legacy_open",
    "decode_legacy_states",
    "decode_legacy_top_up",
    "encode_legacy_close",
    "encode_legacy_open",
    "encode_legacy_request_close",
    "encode_legacy_settle",
    "encode_legacy_states",
    "encode_legacy_top_up",
    "encode_legacy_withdraw",
    "legacy_topic",
]

_STATE_WORDS: Final = 8
_OPEN: Final = "open(address,address,uint128,bytes32,address)"
_TOP_UP: Final = "topUp(bytes32,uint256)"
_SETTLE: Final = "settle(bytes32,uint128,bytes)"
_CLOSE: Final = "close(bytes32,uint128,bytes)"
_TAILS: Final = {
    ChannelEventKind.OPENED: ",address,address,bytes32,uint256",
    ChannelEventKind.SETTLED: ",uint256,uint256,uint256",
    ChannelEventKind.TOPPED_UP: ",uint256,uint256",
    ChannelEventKind.CLOSE_REQUESTED: ",uint256",
    ChannelEventKind.CLOSE_CANCELLED: "",
    ChannelEventKind.CLOSED: ",uint256,uint256",
}


def encode_legacy_open(call: OpenCall) -> bytes:
    """Calldata of `open`, which the contract pays by an allowance. Raises FormatError for a deposit beyond 128 bits."""
    head = _selector(_OPEN) + _address(call.payee) + _address(call.token) + _amount(call.deposit)
    return head + _hash(call.salt) + _address(call.authorized_signer)


def encode_legacy_top_up(channel_id: str, additional: int) -> bytes:
    return _selector(_TOP_UP) + _hash(channel_id) + _amount(additional)


def encode_legacy_settle(channel_id: str, cumulative: int, signature: bytes) -> bytes:
    return _selector(_SETTLE) + _hash(channel_id) + _amount(cumulative) + _word(96) + _bytes(signature)


def encode_legacy_close(channel_id: str, cumulative: int, signature: bytes) -> bytes:
    """Calldata of `close`: the payee gets all that the voucher is over, and the payer the rest."""
    return _selector(_CLOSE) + _hash(channel_id) + _amount(cumulative) + _word(96) + _bytes(signature)


def decode_legacy_open(data: bytes) -> OpenCall | None:
    """Reads canonical calldata of `open`; None for anything else. v1 knows no operator."""
    words = _arguments(data, _OPEN, 5)
    if words is None or any(any(words[place][:12]) for place in (0, 1, 4)) or any(words[2][:16]):
        return None
    payee, token, signer = (to_checksum("0x" + words[place][12:].hex()) for place in (0, 1, 4))
    return OpenCall(
        payee=payee,
        operator=ZERO_ADDRESS,
        token=token,
        deposit=int.from_bytes(words[2], "big"),
        salt="0x" + words[3].hex(),
        authorized_signer=signer,
    )


def decode_legacy_top_up(data: bytes) -> tuple[str, int] | None:
    """The channel and what is added, from canonical calldata of `topUp`; None for anything else."""
    words = _arguments(data, _TOP_UP, 2)
    return None if words is None else ("0x" + words[0].hex(), int.from_bytes(words[1], "big"))


def encode_legacy_request_close(channel_id: str) -> bytes:
    return _selector("requestClose(bytes32)") + _hash(channel_id)


def encode_legacy_withdraw(channel_id: str) -> bytes:
    return _selector("withdraw(bytes32)") + _hash(channel_id)


def encode_legacy_states(channel_ids: Sequence[str]) -> bytes:
    """Calldata that reads the states of many channels at once."""
    count = len(channel_ids).to_bytes(32, "big")
    return _selector("getChannelsBatch(bytes32[])") + _word(32) + count + b"".join(map(_hash, channel_ids))


def decode_legacy_states(result: bytes, count: int) -> tuple[OnChainChannel, ...]:
    """What `encode_legacy_states` reads; a finalized channel counts as gone. Raises ParseError."""
    words = [int.from_bytes(result[place : place + 32], "big") for place in range(0, len(result), 32)]
    if len(result) != 64 + 32 * _STATE_WORDS * count or words[:2] != [32, count]:
        raise ParseError("the node's answer is not the states of the channels asked for", code="bad-answer")
    rows = (words[place : place + _STATE_WORDS] for place in range(2, len(words), _STATE_WORDS))
    return tuple(
        OnChainChannel(settled=row[7], deposit=0 if row[0] else row[6], close_requested_at=row[1]) for row in rows
    )


def decode_legacy_events(logs: Iterable[Log], *, escrow: str) -> list[ChannelEvent]:
    """The channel events among logs, in order. An opening's descriptor has no operator and no nonce hash."""
    events = (_read(log) for log in logs if log.address.lower() == escrow.lower())
    return [event for event in events if event is not None]


def legacy_topic(kind: ChannelEventKind) -> str:
    """The first topic of an event's logs."""
    return "0x" + keccak(f"{kind}(bytes32,address,address{_TAILS[kind]})".encode()).hex()


@lru_cache(maxsize=1)
def _kinds() -> dict[str, ChannelEventKind]:
    return {legacy_topic(kind): kind for kind in _TAILS}


def _read(log: Log) -> ChannelEvent | None:
    kind = _kinds().get(log.topics[0]) if len(log.topics) == 4 else None
    if kind is None or len(log.data) != 32 * _TAILS[kind].count(","):
        return None
    words = [log.data[place : place + 32] for place in range(0, len(log.data), 32)]
    payer, payee = (to_checksum("0x" + topic[-40:]) for topic in log.topics[2:])
    descriptor = None
    if kind is ChannelEventKind.OPENED:
        token, signer = (to_checksum("0x" + word[12:].hex()) for word in words[:2])
        descriptor = Descriptor(
            payer=payer,
            payee=payee,
            operator=ZERO_ADDRESS,
            token=token,
            salt="0x" + words[2].hex(),
            authorized_signer=signer,
            expiring_nonce_hash="",
        )
        words = words[3:]
    return ChannelEvent(
        kind=kind,
        channel_id=log.topics[1],
        payer=payer,
        payee=payee,
        values=tuple(int.from_bytes(word, "big") for word in words),
        descriptor=descriptor,
        block_number=log.block_number,
        transaction_hash=log.transaction_hash,
    )


@lru_cache(maxsize=16)
def _selector(declaration: str) -> bytes:
    return keccak(declaration.encode())[:4]


def _arguments(data: bytes, declaration: str, count: int) -> list[bytes] | None:
    if data[:4] != _selector(declaration) or len(data) != 4 + 32 * count:
        return None
    return [data[place : place + 32] for place in range(4, len(data), 32)]


def _amount(value: int) -> bytes:
    if not 0 <= value <= MAX_LEGACY_AMOUNT:
        raise FormatError(f"{value} base units do not fit into a channel", code="bad-amount")
    return _word(value)


def _address(value: str) -> bytes:
    return bytes(12) + address_bytes(value)


def _bytes(value: bytes) -> bytes:
    return _word(len(value)) + value + bytes(-len(value) % 32)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _hash(value: str) -> bytes:
    return bytes.fromhex(value[2:])
