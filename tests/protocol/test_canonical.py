from __future__ import annotations

import contextlib
import json
import sys
from types import MappingProxyType
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from mpp_console.protocol import (
    FormatError,
    LimitError,
    ParseError,
    b64url_encode,
    canonical_json,
    decode_object,
    encode_object,
)
from mpp_console.protocol.canonical import decode_json_object
from mpp_console.protocol.headers import NESTING_LIMIT

from .strategies import JSON, OBJECTS


@given(JSON)
@example({"\ue000": 1, "\U00010000": 2, "a": 3})
@example({"z": '\x7f\x00\x1f\u2028/"\\\b\f\n\r\t', "a": [1.0, -0.0, 1e21, 1e-7, True, None]})
@example({"b": {"b": 1, "a": 2}, "A": [{"d": 1, "c": 2}]})
def test_equals_the_reference_implementation(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(OBJECTS)
def test_objects_come_back(value: dict[str, Any]) -> None:
    assert decode_object(encode_object(value)) == json.loads(rfc8785.dumps(value))


def test_other_mappings_and_tuples_are_written_like_the_plain_ones() -> None:
    assert canonical_json(MappingProxyType({"b": (1, 2), "a": MappingProxyType({})})) == b'{"a":{},"b":[1,2]}'


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), {"a": 2**64}, "\ud800", {"\ud800": 1}, b"x", object(), {1: 2}, {"a"}],
)
def test_refuses_what_json_cannot_carry(value: Any) -> None:
    with pytest.raises(FormatError):
        canonical_json(value)


def nested(levels: int, inside: Any = 1) -> Any:
    return inside if levels == 0 else {"a": nested(levels - 1, inside)}


@pytest.mark.parametrize("inside", [1, 0.5, "[[[{{{"])
def test_nesting_has_a_limit_of_its_own(inside: Any) -> None:
    deepest = nested(NESTING_LIMIT, inside)
    assert decode_json_object(canonical_json(deepest)) == deepest
    with pytest.raises(FormatError):
        canonical_json({"a": deepest})
    with pytest.raises(ParseError, match="nested too deeply"):
        decode_json_object(b'{"a":' + canonical_json(deepest) + b"}")


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_endless_nesting_is_refused_whatever_the_recursion_limit(levels: int) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        for text in (b"[" * levels, b'{"a":' + b"[" * levels + b"]" * levels + b"}"):
            with pytest.raises(ParseError):
                decode_json_object(text)
        value: Any = []
        for _ in range(levels):
            value = [value]
        with pytest.raises(FormatError):
            canonical_json(value)
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_in_texts_are_no_levels() -> None:
    value = {"a": "[{" * 1_000, "b": '\\"[' * 200}
    assert decode_json_object(canonical_json(value)) == value


def test_only_objects_are_encoded() -> None:
    with pytest.raises(FormatError):
        encode_object([1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[]", "not-an-object"),
        (b'"a"', "not-an-object"),
        (b"not json", "bad-json"),
        (b"", "bad-json"),
        (b'{"a":1}x', "bad-json"),
        (b'{"a":NaN}', "bad-json"),
        (b'{"a":"\xff"}', "bad-json"),
        (b'{"a":"\\ud800"}', "bad-json"),
        (b"\xef\xbb\xbf{}", "bad-json"),
        (b'{"a":1,"a":1}', "duplicate-name"),
        (b'{"a":{"b":1,"c":2,"b":3}}', "duplicate-name"),
        (b'{"a":[{"b":1, "\\u0062":3}]}', "duplicate-name"),
        (b'{"a":' + b"9" * 5000 + b"}", "bad-json"),
    ],
)
def test_says_what_is_wrong_with_a_text(raw: bytes, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        decode_object(b64url_encode(raw))
    assert caught.value.code == code


def test_white_space_and_number_forms_are_no_duplicates() -> None:
    assert decode_object(b64url_encode(b' { "a" : 1.50 , "b" : -0 } ')) == {"a": 1.5, "b": 0}


def test_limit_is_checked_before_decoding() -> None:
    with pytest.raises(LimitError) as caught:
        decode_object("!" * 16385)
    assert caught.value.code == "too-large"
    with pytest.raises(ParseError) as refused:
        decode_object("!" * 16384)
    assert refused.value.code == "bad-base64url"


@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_a_parse_error(raw: bytes) -> None:
    with contextlib.suppress(ParseError):
        assert isinstance(decode_json_object(raw), dict)
