"""JSON in canonical form (RFC 8785), and the base64url objects that the scheme puts in headers.

`request`, `opaque`, credentials and receipts all pass here. Encoding is canonical, so that every implementation
computes the same challenge id; decoding accepts any JSON object, but never one with a name twice, because two readers
could then see two different payments in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import rfc8785

from .base64url import b64url_decode, b64url_encode
from .errors import FormatError, LimitError, ParseError
from .headers import NESTING_LIMIT, TOKEN_LIMIT

__all__ = ["canonical_json", "decode_json_object", "decode_object", "encode_object"]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

# What opens or closes a level of JSON; strings are matched whole, so that brackets inside them do not count.
_LEVELS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)

_SAFE_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE doubles; larger integers do not survive every reader. Money is text on this wire."""


def canonical_json(obj: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises FormatError for what JSON cannot carry: NaN, integers beyond 2^53-1, lone surrogates, other types; and for
    more than `NESTING_LIMIT` levels.
    """
    try:
        if _is_plain(obj, NESTING_LIMIT):
            return _encode_sorted(obj)
        return rfc8785.dumps(_as_json(obj, NESTING_LIMIT))
    except (rfc8785.CanonicalizationError, msgspec.MsgspecError, TypeError, ValueError) as error:
        raise FormatError(f"the value has no canonical JSON form: {error}", code="not-json") from error


def encode_object(obj: Mapping[str, Any]) -> str:
    """Canonical JSON of an object as unpadded base64url, the form of `request` and `opaque`. Raises FormatError."""
    if not isinstance(obj, Mapping):
        raise FormatError("only a JSON object can be encoded here", code="not-an-object")
    return b64url_encode(canonical_json(obj))


def decode_object(text: str, limit: int = TOKEN_LIMIT) -> dict[str, Any]:
    """The JSON object in an unpadded base64url text.

    Raises LimitError beyond `limit` characters, else ParseError (`bad-base64url`, `bad-json`, `not-an-object`,
    `duplicate-name`).
    """
    if len(text) > limit:
        raise LimitError(f"the encoded object has {len(text)} characters; at most {limit} are read")
    return decode_json_object(b64url_decode(text))


def decode_json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw` (UTF-8). Raises ParseError as `decode_object`, and beyond `NESTING_LIMIT` levels."""
    _refuse_deep(raw)
    try:
        value = _decode(raw)
        # A name that occurs twice is decoded once, so the value no longer encodes to the bytes it came from. Nearly
        # every object on this wire is compact, and for those this comparison costs less than watching every name.
        if _encode(value) != raw:
            json.loads(raw, object_pairs_hook=_unique)
    except ParseError:
        raise
    except (msgspec.MsgspecError, ValueError) as error:
        raise ParseError("the text is not valid JSON", code="bad-json") from error
    if not isinstance(value, dict):
        raise ParseError("the JSON is not an object", code="not-an-object")
    return value


def _refuse_deep(raw: bytes) -> None:
    """Counts levels before a decoder goes down them: some libraries raise Python's recursion limit so far that a
    decoder would overflow the stack instead of failing.
    """
    if raw.count(b"[") + raw.count(b"{") <= NESTING_LIMIT:
        return
    depth = 0
    for match in _LEVELS.finditer(raw):
        level = match[0]
        depth += (level in b"[{") - (level in b"]}")
        if depth > NESTING_LIMIT:
            raise ParseError("the JSON is nested too deeply", code="bad-json", position=match.start())


def _unique(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        raise ParseError("a JSON object has the same name twice", code="duplicate-name")


def _is_plain(value: Any, levels: int) -> bool:
    """Whether sorting by code point already gives the RFC 8785 form, as for nearly every object on this wire.

    msgspec writes strings as RFC 8785 asks; it differs in the form of floats, and in the order of names beyond ASCII,
    which RFC 8785 sorts by UTF-16 units.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_SAFE_INTEGER <= value <= _SAFE_INTEGER)
    if kind in (dict, list, tuple) and levels == 0:
        raise ValueError("it is nested too deeply")
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_plain(item, levels - 1) for name, item in value.items())
    if kind is list or kind is tuple:
        return all(_is_plain(item, levels - 1) for item in value)
    return False


def _as_json(value: Any, levels: int) -> Any:
    """Other mappings as dictionaries and other sequences as lists: the types that the canonical writer knows."""
    if isinstance(value, (Mapping, list, tuple)) and levels == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, Mapping):
        return {name: _as_json(item, levels - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item, levels - 1) for item in value]
    return value
