"""Calldata, results and events of the channel reserve (TIP-1034), in both directions. Pure.

Reading is strict: calldata that is not in its one canonical form is not understood, so that a payee never broadcasts a
transaction that means something else than it seems to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from mpp_console.protocol import FormatError, ParseError

from .channels import MAX_RESERVE_AMOUNT, RESERVE, Descriptor
from .keys import address_bytes, keccak, to_checksum
from .tip20 import Log

__all__ = [
    "GRACE_SECONDS",
    "ChannelEvent",
    "ChannelEventKind",
    "OnChainChannel",
    "OpenCall",
    "TopUpCall",
    "decode_events",
    "decode_open",
    "decode_states",
    "decode_top_up",
    "encode_close",
    "encode_get_states",
    "encode_open",
    "encode_request_close",
    "encode_settle",
    "encode_top_up",
    "encode_withdraw",
    "error_name",
    "event_topic",
]

GRACE_SECONDS: Final = 15 * 60
"""Time between a requested close and the withdrawal, for the payee to claim what it is owed."""

_DESCRIPTOR: Final = "(address,address,address,address,bytes32,address,bytes32)"
_OPEN: Final = "open(address,address,address,uint96,bytes32,address)"
_TOP_UP: Final = f"topUp({_DESCRIPTOR},uint96)"
_SETTLE: Final = f"settle({_DESCRIPTOR},uint96,bytes)"
_CLOSE: Final = f"close({_DESCRIPTOR},uint96,uint96,bytes)"
_REQUEST_CLOSE: Final = f"requestClose({_DESCRIPTOR})"
_WITHDRAW: Final = f"withdraw({_DESCRIPTOR})"
_GET_STATES: Final = "getChannelStatesBatch(bytes32[])"

_ERRORS: Final = (
    "ChannelAlreadyExists", "ChannelNotFound", "NotPayer", "NotPayeeOrOperator", "InvalidPayee", "InvalidToken",
    "ZeroDeposit", "ExpiringNonceHashNotSet", "InvalidSignature", "AmountExceedsDeposit", "AmountNotIncreasing",
    "CaptureAmountInvalid", "CloseNotReady", "DepositOverflow",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChainChannel:
    """A channel as the reserve has it; amounts in base units, `close_requested_at` in Unix seconds (0: not requested).

    A channel without a deposit is not there: never opened, or closed.
    """

    settled: int
    deposit: int
    close_requested_at: int

    @property
    def exists(self) -> bool:
        return self.deposit > 0

    @property
    def withdrawable_at(self) -> int | None:
        """When the payer may withdraw, in Unix seconds of the chain; None while no close is requested."""
        return self.close_requested_at + GRACE_SECONDS if self.close_requested_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """What an opening transaction asks for; the payer is its sender, and its hash completes the descriptor."""

    payee: str
    operator: str
    token: str
    deposit: int
    salt: str
    authorized_signer: str

    def descriptor(self, *, payer: str, expiring_nonce_hash: str) -> Descriptor:
        return Descriptor(
            payer=payer,
            payee=self.payee,
            operator=self.operator,
            token=self.token,
            salt=self.salt,
            authorized_signer=self.authorized_signer,
            expiring_nonce_hash=expiring_nonce_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpCall:
    descriptor: Descriptor
    additional: int


class ChannelEventKind(StrEnum):
    OPENED = "ChannelOpened"
    SETTLED = "Settled"
    TOPPED_UP = "TopUp"
    CLOSE_REQUESTED = "CloseRequested"
    CLOSE_CANCELLED = "CloseRequestCancelled"
    CLOSED = "ChannelClosed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent:
    """One event of a channel. `values` are its own numbers in the order of the declaration:

    opened (deposit), settled (cumulative, paid, settled), topped up (added, deposit), close requested (end of the grace
    period in Unix seconds), closed (settled in all, refunded). `descriptor` comes with an opening only.
    """

    kind: ChannelEventKind
    channel_id: str
    payer: str
    payee: str
    values: tuple[int, ...]
    descriptor: Descriptor | None = None
    block_number: int | None = None
    transaction_hash: str | None = None


# -- writing


def encode_open(call: OpenCall) -> bytes:
    """Calldata of `open`. Raises FormatError for a deposit that the reserve cannot hold."""
    parties = b"".join(map(_address, (call.payee, call.operator, call.token)))
    return _selector(_OPEN) + parties + _amount(call.deposit) + _hash(call.salt) + _address(call.authorized_signer)


def encode_top_up(descriptor: Descriptor, additional: int) -> bytes:
    """Calldata of `topUp`; 0 only cancels a requested close."""
    return _selector(_TOP_UP) + _words(descriptor) + _amount(additional)


def encode_settle(descriptor: Descriptor, cumulative: int, signature: bytes) -> bytes:
    head = _words(descriptor) + _amount(cumulative)
    return _selector(_SETTLE) + head + _word(len(head) + 32) + _bytes(signature)


def encode_close(descriptor: Descriptor, *, cumulative: int, capture: int, signature: bytes) -> bytes:
    """Calldata of `close`: the voucher is over `cumulative`, and `capture` of it goes to the payee in all."""
    head = _words(descriptor) + _amount(cumulative) + _amount(capture)
    return _selector(_CLOSE) + head + _word(len(head) + 32) + _bytes(signature)


def encode_request_close(descriptor: Descriptor) -> bytes:
    return _selector(_REQUEST_CLOSE) + _words(descriptor)


def encode_withdraw(descriptor: Descriptor) -> bytes:
    return _selector(_WITHDRAW) + _words(descriptor)


def encode_get_states(channel_ids: Sequence[str]) -> bytes:
    """Calldata that reads the states of many channels at once."""
    return _selector(_GET_STATES) + _word(32) + _word(len(channel_ids)) + b"".join(map(_hash, channel_ids))


# -- reading


def decode_states(result: bytes, count: int) -> tuple[OnChainChannel, ...]:
    """What `encode_get_states` reads. Raises ParseError when the result is not over `count` channels."""
    words = [int.from_bytes(result[place : place + 32], "big") for place in range(0, len(result), 32)]
    if len(result) != 64 + 96 * count or words[:2] != [32, count]:
        raise ParseError("the node's answer is not the states of the channels asked for", code="bad-answer")
    rows = (words[place : place + 3] for place in range(2, len(words), 3))
    return tuple(OnChainChannel(settled=row[0], deposit=row[1], close_requested_at=row[2]) for row in rows)


def decode_open(data: bytes) -> OpenCall | None:
    """Reads canonical calldata of `open`; None for anything else."""
    words = _arguments(data, _OPEN, 6)
    if words is None or any(any(words[place][:12]) for place in (0, 1, 2, 5)) or any(words[3][:20]):
        return None
    payee, operator, token, signer = (_read_address(words[place]) for place in (0, 1, 2, 5))
    return OpenCall(
        payee=payee,
        operator=operator,
        token=token,
        deposit=int.from_bytes(words[3], "big"),
        salt="0x" + words[4].hex(),
        authorized_signer=signer,
    )


def decode_top_up(data: bytes) -> TopUpCall | None:
    """Reads canonical calldata of `topUp`; None for anything else."""
    words = _arguments(data, _TOP_UP, 8)
    if words is None or any(any(words[place][:12]) for place in (0, 1, 2, 3, 5)) or any(words[7][:20]):
        return None
    return TopUpCall(descriptor=_read_descriptor(words[:7]), additional=int.from_bytes(words[7], "big"))


def decode_events(logs: Iterable[Log], *, escrow: str = RESERVE) -> list[ChannelEvent]:
    """The channel events among logs, in order. Logs of other contracts and of other shapes are left out."""
    return [event for log in logs if log.address == escrow and (event := _read_event(log)) is not None]


def _read_event(log: Log) -> ChannelEvent | None:
    kind = _kinds().get(log.topics[0]) if len(log.topics) == 4 else None
    if kind is None or len(log.data) != 32 * _WIDTHS[kind]:
        return None
    words = [log.data[place : place + 32] for place in range(0, len(log.data), 32)]
    channel_id, payer, payee = log.topics[1], *(to_checksum("0x" + topic[-40:]) for topic in log.topics[2:])
    descriptor = None
    if kind is ChannelEventKind.OPENED:
        operator, token, signer = (_read_address(word) for word in words[:3])
        descriptor = Descriptor(
            payer=payer,
            payee=payee,
            operator=operator,
            token=token,
            salt="0x" + words[3].hex(),
            authorized_signer=signer,
            expiring_nonce_hash="0x" + words[4].hex(),
        )
        words = words[5:]
    return ChannelEvent(
        kind=kind,
        channel_id=channel_id,
        payer=payer,
        payee=payee,
        values=tuple(int.from_bytes(word, "big") for word in words),
        descriptor=descriptor,
        block_number=log.block_number,
        transaction_hash=log.transaction_hash,
    )


def event_topic(kind: ChannelEventKind) -> str:
    """The first topic of an event's logs."""
    return "0x" + keccak(f"{kind}(bytes32,address,address{_TAILS[kind]})".encode()).hex()


def error_name(selector: bytes) -> str | None:
    """The name of a reserve error by the first four bytes of the revert data."""
    return _error_selectors().get(selector[:4])


_TAILS: Final = {
    ChannelEventKind.OPENED: ",address,address,address,bytes32,bytes32,uint96",
    ChannelEventKind.SETTLED: ",uint96,uint96,uint96",
    ChannelEventKind.TOPPED_UP: ",uint96,uint96",
    ChannelEventKind.CLOSE_REQUESTED: ",uint256",
    ChannelEventKind.CLOSE_CANCELLED: "",
    ChannelEventKind.CLOSED: ",uint96,uint96",
}
_WIDTHS: Final = {kind: tail.count(",") for kind, tail in _TAILS.items()}


@lru_cache(maxsize=1)
def _kinds() -> dict[str, ChannelEventKind]:
    return {event_topic(kind): kind for kind in ChannelEventKind}


@lru_cache(maxsize=1)
def _error_selectors() -> dict[bytes, str]:
    return {_selector(f"{name}()"): name for name in _ERRORS}


@lru_cache(maxsize=64)
def _selector(declaration: str) -> bytes:
    return keccak(declaration.encode())[:4]


def _arguments(data: bytes, declaration: str, count: int) -> list[bytes] | None:
    if data[:4] != _selector(declaration) or len(data) != 4 + 32 * count:
        return None
    return [data[place : place + 32] for place in range(4, len(data), 32)]


def _read_descriptor(words: Sequence[bytes]) -> Descriptor:
    payer, payee, operator, token, signer = (_read_address(words[place]) for place in (0, 1, 2, 3, 5))
    return Descriptor(
        payer=payer,
        payee=payee,
        operator=operator,
        token=token,
        salt="0x" + words[4].hex(),
        authorized_signer=signer,
        expiring_nonce_hash="0x" + words[6].hex(),
    )


def _words(descriptor: Descriptor) -> bytes:
    parties = (descriptor.payer, descriptor.payee, descriptor.operator, descriptor.token)
    tail = _hash(descriptor.salt) + _address(descriptor.authorized_signer) + _hash(descriptor.expiring_nonce_hash)
    return b"".join(map(_address, parties)) + tail


def _read_address(word: bytes) -> str:
    return to_checksum("0x" + word[12:].hex())


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _amount(value: int) -> bytes:
    if not 0 <= value <= MAX_RESERVE_AMOUNT:
        raise FormatError(f"{value} base units do not fit into a channel", code="bad-amount")
    return _word(value)


def _address(value: str) -> bytes:
    return bytes(12) + address_bytes(value)


def _hash(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _bytes(value: bytes) -> bytes:
    return _word(len(value)) + value + bytes(-len(value) % 32)
