from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import Findings, FormatError, LimitError, ParseError, Receipt, b64url_encode, parse_receipt

from .strategies import OBJECTS, receipts

GOOD: dict[str, Any] = {
    "method": "tempo",
    "reference": "0xabc",
    "status": "success",
    "timestamp": "2026-01-29T12:00:30Z",
}


def wire(value: Any) -> str:
    return b64url_encode(json.dumps(value).encode())


@given(receipts())
def test_header_comes_back(receipt: Receipt) -> None:
    header = receipt.to_header().reveal()
    assert parse_receipt(header) == receipt
    assert parse_receipt(f" {header} ".encode(), Findings()) == receipt
    assert Receipt.from_dict(receipt.to_dict()) == receipt


def test_keeps_what_it_does_not_know() -> None:
    receipt = parse_receipt(wire(GOOD | {"challengeId": "c", "externalId": "order", "spent": {"units": 3}}))
    assert receipt.challenge_id == "c"
    assert receipt.external_id == "order"
    assert receipt.extra == {"challengeId": "c", "spent": {"units": 3}}
    assert parse_receipt(receipt.to_header().reveal()).to_dict() == receipt.to_dict()
    assert parse_receipt(wire(GOOD | {"challengeId": 7})).challenge_id is None
    assert "0xabc" not in repr(receipt.to_header())


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("", "bad-json"),
        ("not-valid-base64!!!", "bad-base64url"),
        ("bm90IGpzb24", "bad-json"),
        ("W10", "not-an-object"),
        (wire(GOOD | {"status": "failed"}), "bad-status"),
        (wire(GOOD | {"status": None}), "missing-member"),
        (wire(GOOD | {"reference": ""}), "missing-member"),
        (wire(GOOD | {"timestamp": "Jan 29 2026 12:00"}), "bad-timestamp"),
        (wire(GOOD | {"externalId": 5}), "bad-external-id"),
        *((wire({name: value for name, value in GOOD.items() if name != left}), "missing-member") for left in GOOD),
    ],
)
def test_strict_refuses_and_lenient_explains(field: str, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_receipt(field)
    assert caught.value.code == code
    findings = Findings()
    assert parse_receipt(field, findings) is None
    assert findings[0].code == code


def test_limit() -> None:
    with pytest.raises(LimitError):
        parse_receipt("A" * 16385)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"timestamp": "now"},
        {"method": ""},
        {"reference": 1},
        {"external_id": 1},
        {"extra": {"status": "x"}},
    ],
)
def test_an_invalid_receipt_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Receipt(**({"method": "tempo", "reference": "0x", "timestamp": "2026-01-29T12:00:30Z"} | changes))


@given(st.binary(max_size=300) | OBJECTS.map(lambda value: wire(GOOD | value).encode()))
def test_any_bytes_strict_raises_parse_errors_only_and_lenient_nothing(raw: bytes) -> None:
    findings = Findings()
    lenient = parse_receipt(raw, findings)
    try:
        assert parse_receipt(raw) == lenient
        assert not findings.failed
    except ParseError:
        assert lenient is None
        assert findings.failed
