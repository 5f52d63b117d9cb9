"""The ABI of TIP-20 tokens: calldata, events and errors, as far as payments need them.

All words have fixed width, so they are read and written here directly; a general ABI codec is the oracle in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mpp_console.methods.tempo.keys import address_bytes, keccak, to_checksum
from mpp_console.protocol import FormatError

__all__ = [
    "APPROVAL_TOPIC",
    "ERRORS",
    "MAX_AMOUNT",
    "SELECTORS",
    "TRANSFER_TOPIC",
    "TRANSFER_WITH_MEMO_TOPIC",
    "CallKind",
    "Log",
    "RevertReason",
    "TokenCall",
    "TransferEvent",
    "decode_call",
    "decode_revert",
    "decode_transfers",
    "encode_approve",
    "encode_balance_of",
    "encode_revert",
    "encode_transfer",
    "encode_transfer_from",
    "is_token_address",
]

MAX_AMOUNT: Final = 2**256 - 1
ADDRESS_PREFIX: Final = "0x20c000000000000000000000"
"""Every TIP-20 address starts with these twelve bytes."""

CallKind = str
"""The Solidity name of a function: transfer, transferWithMemo, transferFrom, transferFromWithMemo or approve."""

_SIGNATURES: Final[dict[CallKind, str]] = {
    "transfer": "transfer(address,uint256)",
    "transferWithMemo": "transferWithMemo(address,uint256,bytes32)",
    "transferFrom": "transferFrom(address,address,uint256)",
    "transferFromWithMemo": "transferFromWithMemo(address,address,uint256,bytes32)",
    "approve": "approve(address,uint256)",
}
# Selectors and topics are written out: a payment should not wait for hashing at import. The tests recompute them.
SELECTORS: Final[dict[CallKind, bytes]] = {
    "transfer": bytes.fromhex("a9059cbb"),
    "transferWithMemo": bytes.fromhex("95777d59"),
    "transferFrom": bytes.fromhex("23b872dd"),
    "transferFromWithMemo": bytes.fromhex("929c2539"),
    "approve": bytes.fromhex("095ea7b3"),
}
_BALANCE_OF: Final = bytes.fromhex("70a08231")
_BY_SELECTOR: Final = {selector: kind for kind, selector in SELECTORS.items()}

TRANSFER_TOPIC: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TRANSFER_WITH_MEMO_TOPIC: Final = "0x57bc7354aa85aed339e000bccffabbc529466af35f0772c8f8ee1145927de7f0"
APPROVAL_TOPIC: Final = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """Calldata of one token call, understood. `sender` is None where the caller itself spends; `memo` is 32 bytes."""

    kind: CallKind
    recipient: str
    amount: int
    sender: str | None = None
    memo: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event log. `address` is checksummed, topics are lower-case `0x` hex, `index` counts within the block."""

    address: str
    topics: tuple[str, ...]
    data: bytes
    index: int = 0
    block_number: int | None = None
    transaction_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEvent:
    """Money that moved, as the chain logged it: base units of `token`, with the 32-byte memo when there was one."""

    token: str
    sender: str
    recipient: str
    amount: int
    memo: bytes | None = None


def is_token_address(address: str) -> bool:
    """Whether the address lies in the range reserved for TIP-20 tokens."""
    return address.lower().startswith(ADDRESS_PREFIX)


def encode_transfer(recipient: str, amount: int, memo: bytes | None = None) -> bytes:
    """Calldata of `transfer`, or of `transferWithMemo` when there is a memo (32 bytes)."""
    if memo is None:
        return SELECTORS["transfer"] + _address_word(recipient) + _amount_word(amount)
    return SELECTORS["transferWithMemo"] + _address_word(recipient) + _amount_word(amount) + _memo_word(memo)


def encode_transfer_from(sender: str, recipient: str, amount: int, memo: bytes | None = None) -> bytes:
    """Calldata of `transferFrom`, or of `transferFromWithMemo` when there is a memo."""
    words = _address_word(sender) + _address_word(recipient) + _amount_word(amount)
    if memo is None:
        return SELECTORS["transferFrom"] + words
    return SELECTORS["transferFromWithMemo"] + words + _memo_word(memo)


def encode_approve(spender: str, amount: int) -> bytes:
    return SELECTORS["approve"] + _address_word(spender) + _amount_word(amount)


def encode_balance_of(owner: str) -> bytes:
    return _BALANCE_OF + _address_word(owner)


def decode_call(data: bytes) -> TokenCall | None:
    """Reads canonical calldata: known selector, exact length, clean address words. None for anything else.

    The chain itself ignores surplus bytes; a payee must not, or two different transactions would mean the same payment.
    """
    kind = _BY_SELECTOR.get(data[:4])
    if kind is None or (len(data) - 4) % 32:
        return None
    words = [data[start : start + 32] for start in range(4, len(data), 32)]
    parties = 2 if kind.startswith("transferFrom") else 1
    with_memo = kind.endswith("WithMemo")
    if len(words) != parties + 1 + with_memo or any(any(word[:12]) for word in words[:parties]):
        return None
    addresses = [to_checksum("0x" + word[12:].hex()) for word in words[:parties]]
    return TokenCall(
        kind=kind,
        recipient=addresses[-1],
        amount=int.from_bytes(words[parties], "big"),
        sender=addresses[0] if parties == 2 else None,
        memo=words[-1] if with_memo else None,
    )


def decode_transfers(logs: Iterable[Log]) -> list[TransferEvent]:
    """The transfers in a receipt's logs, in order.

    A transfer with a memo is logged twice, `Transfer` and directly after it `TransferWithMemo`; the pair is one event
    here. A `TransferWithMemo` that follows no matching `Transfer` is not believed and left out, as are other logs.
    """
    found: list[TransferEvent] = []
    open_transfer: TransferEvent | None = None
    for log in logs:
        event = _read_transfer(log)
        if event is None:
            open_transfer = None
        elif event.memo is None:
            found.append(event)
            open_transfer = event
        else:
            if open_transfer is not None and _same_movement(open_transfer, event):
                found[-1] = event
            open_transfer = None
    return found


def _same_movement(plain: TransferEvent, with_memo: TransferEvent) -> bool:
    facts = (plain.token, plain.sender, plain.recipient, plain.amount)
    return facts == (with_memo.token, with_memo.sender, with_memo.recipient, with_memo.amount)


def _read_transfer(log: Log) -> TransferEvent | None:
    topics = log.topics
    shapes = {TRANSFER_TOPIC: 3, TRANSFER_WITH_MEMO_TOPIC: 4}
    if not topics or shapes.get(topics[0]) != len(topics) or len(log.data) != 32:
        return None
    return TransferEvent(
        token=log.address,
        sender=to_checksum("0x" + topics[1][-40:]),
        recipient=to_checksum("0x" + topics[2][-40:]),
        amount=int.from_bytes(log.data, "big"),
        memo=bytes.fromhex(topics[3][2:]) if len(topics) == 4 else None,
    )


# -- errors


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertReason:
    """Why the chain refused, decoded from its error data. `args` are integers, or checksummed addresses."""

    name: str
    args: tuple[int | str, ...] = ()


ERRORS: Final[dict[str, tuple[str, ...]]] = {
    "InsufficientBalance": ("uint256", "uint256", "address"),
    "InsufficientAllowance": (),
    "InvalidRecipient": (),
    "ContractPaused": (),
    "PolicyForbids": (),
    "InvalidAmount": (),
    "InvalidToken": (),
    "Uninitialized": (),
    "Unauthorized": (),
    "SupplyCapExceeded": (),
    "ProtectedAddress": (),
}
"""Names and argument types of the token errors that a payment can meet."""


@lru_cache(maxsize=1)
def _error_selectors() -> dict[bytes, str]:
    return {keccak(f"{name}({','.join(kinds)})".encode())[:4]: name for name, kinds in ERRORS.items()}


def encode_revert(name: str, *args: int | str) -> bytes:
    """Error data as the chain returns it. Raises FormatError for an unknown error or a wrong count of arguments."""
    for selector, known in _error_selectors().items():
        if known == name and len(args) == len(ERRORS[name]):
            return selector + b"".join(
                _address_word(arg) if isinstance(arg, str) else _amount_word(arg) for arg in args
            )
    raise FormatError(f"no token error is called {name} and takes {len(args)} arguments")


def decode_revert(data: bytes) -> RevertReason | None:
    """Reads error data of a reverted token call; None when it is no token error."""
    name = _error_selectors().get(data[:4])
    if name is None or len(data) != 4 + 32 * len(ERRORS[name]):
        return None
    words = [data[start : start + 32] for start in range(4, len(data), 32)]
    return RevertReason(name=name, args=tuple(_read_word(*pair) for pair in zip(words, ERRORS[name], strict=True)))


def _read_word(word: bytes, kind: str) -> int | str:
    return to_checksum("0x" + word[12:].hex()) if kind == "address" else int.from_bytes(word, "big")


def _address_word(address: str) -> bytes:
    return bytes(12) + address_bytes(address)


def _amount_word(amount: int) -> bytes:
    if not 0 <= amount <= MAX_AMOUNT:
        raise FormatError("an amount is an unsigned integer of at most 256 bits", code="bad-amount")
    return amount.to_bytes(32, "big")


def _memo_word(memo: bytes) -> bytes:
    if len(memo) != 32:
        raise FormatError(f"a memo has 32 bytes, this one has {len(memo)}", code="bad-memo")
    return memo
