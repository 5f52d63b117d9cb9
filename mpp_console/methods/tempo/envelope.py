"""Strict RLP reading for Tempo's 0x76 and 0x78 envelopes.

Only shapes and integers live here: what a field means is `transaction`'s business. Every reader raises ParseError,
whatever the bytes, because they come from whoever pays.
"""

from __future__ import annotations

from typing import Final

from mpp_console.protocol import LimitError, ParseError

__all__ = [
    "MAX_ENVELOPE_BYTES",
    "Item",
    "decode_list",
    "encode_list",
    "read_address",
    "read_bytes",
    "read_integer",
    "read_list",
    "read_optional_address",
    "write_integer",
]

Item = bytes | tuple["Item", ...]
"""One RLP item: a string, or a list of items."""

MAX_ENVELOPE_BYTES: Final = 128 * 1024
"""The most that a Tempo node's pool takes for one transaction; more is not worth parsing."""

MAX_DEPTH: Final = 16
"""Lists within lists: a transaction needs 4, a key authorization a few more."""


def encode_list(prefix: int, fields: tuple[Item, ...]) -> bytes:
    """The type byte and the RLP list of the fields."""
    import rlp

    encoded: bytes = rlp.encode(fields, infer_serializer=False)
    return bytes((prefix,)) + encoded


def decode_list(payload: bytes) -> tuple[Item, ...]:
    """Reads exactly one RLP list, canonical in its lengths, with nothing after it."""
    import rlp

    if len(payload) > MAX_ENVELOPE_BYTES:
        raise LimitError(f"the transaction is larger than {MAX_ENVELOPE_BYTES} bytes")
    _require_shallow(payload)
    try:
        item = _frozen(rlp.decode(payload, strict=True))
    except Exception as error:
        # rlp raises its own DecodingError, and IndexError or TypeError for some truncated inputs.
        raise ParseError("the transaction is not canonical RLP", code="bad-rlp") from error
    if isinstance(item, bytes):
        raise ParseError("the transaction is not an RLP list", code="bad-rlp")
    return item


def read_bytes(item: Item, name: str) -> bytes:
    if not isinstance(item, bytes):
        raise ParseError(f"{name} is a list where a string belongs", code="bad-field")
    return item


def read_list(item: Item, name: str) -> tuple[Item, ...]:
    if isinstance(item, bytes):
        raise ParseError(f"{name} is a string where a list belongs", code="bad-field")
    return item


def read_integer(item: Item, name: str, bits: int) -> int:
    """An unsigned integer without leading zeros, of at most `bits` bits."""
    raw = read_bytes(item, name)
    if raw[:1] == b"\x00":
        raise ParseError(f"{name} has leading zeros", code="bad-field")
    if len(raw) * 8 > bits:
        raise ParseError(f"{name} does not fit {bits} bits", code="bad-field")
    return int.from_bytes(raw, "big")


def read_address(item: Item, name: str) -> str:
    from mpp_console.methods.tempo.keys import to_checksum

    raw = read_bytes(item, name)
    if len(raw) != 20:
        raise ParseError(f"{name} is {len(raw)} bytes, an address has 20", code="bad-field")
    return to_checksum("0x" + raw.hex())


def read_optional_address(item: Item, name: str) -> str | None:
    return None if item == b"" else read_address(item, name)


def write_integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _require_shallow(payload: bytes) -> None:
    """Refuses deep nesting before the decoder recurses into it: libraries raise the interpreter's own limit so far that
    a few kilobytes of nested lists could end the process. Other faults are left for the decoder to find.
    """
    ends: list[int] = []
    at = 0
    while at < len(payload):
        while ends and at >= ends[-1]:
            ends.pop()
        first = payload[at]
        if first < 0xC0:
            long = first - 0xB7
            size = 1 if first < 0x80 else first - 0x7F if long <= 0 else 1 + long + _length(payload, at, long)
            at += size
            continue
        long = first - 0xF7
        start = at + 1 + max(long, 0)
        ends.append(start + (first - 0xC0 if long <= 0 else _length(payload, at, long)))
        if len(ends) > MAX_DEPTH:
            raise ParseError("the transaction nests lists too deeply", code="bad-rlp")
        at = start


def _length(payload: bytes, at: int, size: int) -> int:
    return int.from_bytes(payload[at + 1 : at + 1 + size], "big")


def _frozen(item: object) -> Item:
    if isinstance(item, (list, tuple)):
        return tuple(_frozen(part) for part in item)
    if isinstance(item, (bytes, bytearray)):
        return bytes(item)
    raise ParseError("the transaction is not canonical RLP", code="bad-rlp")
