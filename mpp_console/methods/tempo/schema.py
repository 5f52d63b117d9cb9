"""The request and the payloads of a Tempo charge as they stand on the wire, and as checked values.

Decoding is the only place that looks at wire names and types (tempo charge spec, "Request Schema" and "Credential
Schema"); everything behind it works on `ChargeRequest` and the payload classes. What a request *means* for a payer is
judged in `quote`, for a payee in `payee`. Unknown fields are ignored, as other implementations add their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from mpp_console.methods.base import Mode
from mpp_console.protocol import ParseError, parse_base_units

from .keys import parse_address, to_checksum

__all__ = [
    "DEFAULT_CHAIN_ID",
    "MAX_SPLITS",
    "ChargeRequest",
    "HashPayload",
    "Payload",
    "ProofPayload",
    "Split",
    "TransactionPayload",
    "decode_payload",
    "decode_request",
]

METHOD: Final = "tempo"
INTENT: Final = "charge"

DEFAULT_CHAIN_ID: Final = 42431
"""The chain of a request that names none (spec, "Method Details")."""

MAX_SPLITS: Final = 10
"""Each transfer costs about 29,000 gas; ten keep a payment within a block's budget (spec, "Constraints")."""

MAX_AMOUNT: Final = 2**128 - 1
"""TIP-20 keeps supply in 128 bits, so no account can ever hold more."""

_MAX_TRANSACTION_HEX: Final = 2 + 2 * 64 * 1024
_MEMO = re.compile(r"0x[0-9a-fA-F]{64}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class _SplitWire(msgspec.Struct):
    amount: str
    recipient: str
    memo: str | None = None


class _DetailsWire(msgspec.Struct, rename="camel"):
    chain_id: int | None = None
    fee_payer: bool | None = None
    memo: str | None = None
    splits: list[_SplitWire] | None = None
    supported_modes: list[str] | None = None


class _ChargeWire(msgspec.Struct, rename="camel"):
    amount: str
    currency: str
    recipient: str
    description: str | None = None
    external_id: str | None = None
    method_details: _DetailsWire | None = None


class TransactionPayload(msgspec.Struct, frozen=True, tag_field="type", tag="transaction"):
    """Pull: a signed transaction, 0x76 or handed over as 0x78, in hex."""

    signature: str

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.signature[2:])

    def __repr__(self) -> str:
        # Whoever holds the signed transaction can broadcast it.
        return "TransactionPayload(****)"


class HashPayload(msgspec.Struct, frozen=True, tag_field="type", tag="hash"):
    """Push: the hash of a transaction that is already on the chain, lower-case."""

    hash: str


class ProofPayload(msgspec.Struct, frozen=True, tag_field="type", tag="proof"):
    """Zero amount: a 65-byte EIP-712 signature in hex."""

    signature: str

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.signature[2:])

    def __repr__(self) -> str:
        return "ProofPayload(****)"


Payload = TransactionPayload | HashPayload | ProofPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A part of the amount that somebody else gets. `memo` is `0x` and 64 lower-case digits."""

    recipient: str
    amount: int
    memo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """A decoded charge. Addresses are checksummed; amounts are base units.

    `bad_checksums` lists addresses whose letter case is no valid EIP-55 form: decoded by value all the same, so that
    they can be shown, and for the payer a reason to refuse. `stated_chain_id` is None when the request leaves it to
    the default. `supported_modes` None means that the request does not restrict them.
    """

    amount: int
    currency: str
    recipient: str
    chain_id: int = DEFAULT_CHAIN_ID
    stated_chain_id: int | None = None
    fee_payer: bool = False
    memo: str | None = None
    splits: tuple[Split, ...] = ()
    has_empty_splits: bool = False
    supported_modes: tuple[Mode, ...] | None = None
    external_id: str | None = None
    description: str | None = None
    bad_checksums: tuple[str, ...] = ()

    @property
    def split_total(self) -> int:
        return sum(split.amount for split in self.splits)

    @property
    def remainder(self) -> int:
        """What the primary recipient gets. Not above zero when the splits are impossible."""
        return self.amount - self.split_total

    def supports(self, mode: Mode) -> bool:
        """Whether the payee takes this non-zero mode; omitted means both (spec, "Submission Modes")."""
        return self.supported_modes is None or mode in self.supported_modes


def decode_request(request: Mapping[str, Any]) -> ChargeRequest:
    """Reads the `request` object of a challenge.

    Raises ParseError: `malformed-request` for a missing or mistyped field, `malformed-amount`, `malformed-address`,
    `malformed-memo`.
    """
    try:
        wire = msgspec.convert(request, type=_ChargeWire)
    except msgspec.ValidationError as error:
        raise ParseError(f"the charge request is not valid: {error}", code="malformed-request") from error
    details = wire.method_details or _DetailsWire()
    if details.chain_id is not None and details.chain_id <= 0:
        raise ParseError("methodDetails.chainId is not a positive number", code="malformed-request")
    doubtful: list[str] = []
    return ChargeRequest(
        amount=_amount(wire.amount, "amount"),
        currency=_address(wire.currency, "currency", doubtful),
        recipient=_address(wire.recipient, "recipient", doubtful),
        chain_id=details.chain_id or DEFAULT_CHAIN_ID,
        stated_chain_id=details.chain_id,
        fee_payer=bool(details.fee_payer),
        memo=_memo(details.memo, "methodDetails.memo"),
        splits=tuple(_split(index, split, doubtful) for index, split in enumerate(details.splits or ())),
        has_empty_splits=details.splits == [],
        supported_modes=_modes(details.supported_modes),
        external_id=wire.external_id,
        description=wire.description,
        bad_checksums=tuple(doubtful),
    )


def decode_payload(payload: Mapping[str, Any]) -> Payload:
    """Reads a credential's payload. Raises ParseError (`malformed-payload`)."""
    try:
        decoded: Payload = msgspec.convert(dict(payload), type=Payload)
    except msgspec.ValidationError as error:
        raise ParseError(f"the payload is not valid: {error}", code="malformed-payload") from error
    match decoded:
        case TransactionPayload(signature=text):
            _require(_HEX, text, "payload.signature", _MAX_TRANSACTION_HEX)
        case HashPayload(hash=text):
            _require(_HASH, text, "payload.hash", 66)
            return HashPayload(hash=text.lower())
        case ProofPayload(signature=text):
            # 65 bytes; passkey and access-key envelopes are longer, and get a better message from the proof check.
            _require(_HEX, text, "payload.signature", 2 + 2 * 4096)
    return decoded


def _require(pattern: re.Pattern[str], text: str, name: str, limit: int) -> None:
    if len(text) > limit or pattern.fullmatch(text) is None:
        raise ParseError(f"{name} is not 0x and hexadecimal digits of the right length", code="malformed-payload")


def _amount(text: str, name: str) -> int:
    try:
        amount = parse_base_units(text)
    except ParseError as error:
        raise ParseError(f"{name}: {error.message}", code="malformed-amount") from error
    if amount > MAX_AMOUNT:
        raise ParseError(f"{name} is larger than any TIP-20 supply", code="malformed-amount")
    return amount


def _address(text: str, name: str, doubtful: list[str]) -> str:
    try:
        return parse_address(text)
    except ParseError as error:
        if error.code != "bad-checksum":
            raise ParseError(f"{name}: {error.message}", code="malformed-address") from error
        doubtful.append(text)
        return to_checksum(text)


def _memo(text: str | None, name: str) -> str | None:
    if text is None:
        return None
    if _MEMO.fullmatch(text) is None:
        raise ParseError(f"{name} is not 32 bytes in hexadecimal", code="malformed-memo")
    return text.lower()


def _split(index: int, wire: _SplitWire, doubtful: list[str]) -> Split:
    name = f"splits[{index}]"
    return Split(
        recipient=_address(wire.recipient, f"{name}.recipient", doubtful),
        amount=_amount(wire.amount, f"{name}.amount"),
        memo=_memo(wire.memo, f"{name}.memo"),
    )


def _modes(names: list[str] | None) -> tuple[Mode, ...] | None:
    if names is None:
        return None
    known: dict[str, Literal[Mode.PULL, Mode.PUSH]] = {"pull": Mode.PULL, "push": Mode.PUSH}
    return tuple(known[name] for name in dict.fromkeys(names) if name in known)
