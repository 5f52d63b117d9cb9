"""The single fields of a Tempo session on the wire, each as a checked value: amounts, addresses, hexadecimal. Pure.

Knows types and bounds only (tempo session draft, "Encoding Conventions"): what a request, payload or receipt is made
of is said in `session_schema`, `session_payloads` and `session_receipts`, and what it means is none of its business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mpp_console.protocol import FormatError, ParseError, parse_base_units

from .keys import parse_address
from .vouchers import MAX_LEGACY_AMOUNT

__all__ = [
    "read_address",
    "read_amount",
    "read_chain_id",
    "read_number",
    "read_optional",
    "read_signature",
    "read_transaction",
]

_MAX_TRANSACTION: Final = 2 + 2 * 64 * 1024
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def read_amount(value: Mapping[str, Any], name: str, limit: int = MAX_LEGACY_AMOUNT) -> int:
    """A sum in base units, which the wire writes as decimal text. Raises ParseError (`malformed-amount`)."""
    text = value.get(name)
    if not isinstance(text, str):
        raise ParseError(f"{name} is not a number of base units in text", code="malformed-amount")
    try:
        amount = parse_base_units(text)
    except (ParseError, FormatError) as error:
        raise ParseError(f"{name}: {error.message}", code="malformed-amount") from error
    if amount > limit:
        raise ParseError(f"{name} is more than a channel can hold", code="malformed-amount")
    return amount


def read_optional(value: Mapping[str, Any], name: str, limit: int) -> int | None:
    """A sum as by `read_amount`, None where the field is missing or null."""
    return None if value.get(name) is None else read_amount(value, name, limit)


def read_number(value: object, name: str) -> int:
    """A count or a moment in seconds, as a number or as text: servers write both. Raises ParseError."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise ParseError(f"{name} is not a number", code="malformed-request")


def read_chain_id(value: object, name: str) -> int:
    """An EIP-155 chain id. Raises ParseError (`malformed-request`)."""
    if type(value) is not int or not 0 < value < 2**64:
        raise ParseError(f"{name} is not a positive number", code="malformed-request")
    return value


def read_address(value: object, name: str) -> str:
    """An address, checksummed. Raises ParseError (`malformed-address`)."""
    if not isinstance(value, str):
        raise ParseError(f"{name} is not an address", code="malformed-address")
    try:
        # By value: the draft has addresses compared without regard to case, and servers write them as they like.
        return parse_address(value.lower())
    except ParseError as error:
        raise ParseError(f"{name}: {error.message}", code="malformed-address") from error


def read_signature(value: object) -> str:
    """Hexadecimal text that may be a signature; which kinds of signature count is judged later. Raises ParseError."""
    if not isinstance(value, str) or len(value) > 2 + 2 * 4096 or _HEX.fullmatch(value) is None:
        raise ParseError("signature is not hexadecimal")
    return value


def read_transaction(value: object) -> bytes:
    """The bytes of a transaction of at most 64 KiB. Raises ParseError."""
    if not isinstance(value, str) or len(value) > _MAX_TRANSACTION or _HEX.fullmatch(value) is None:
        raise ParseError("transaction is not hexadecimal")
    return bytes.fromhex(value[2:])
