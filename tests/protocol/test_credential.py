from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    Credential,
    Findings,
    FormatError,
    LimitError,
    ParseError,
    b64url_encode,
    decode_object,
    parse_credential,
)
from mpp_console.protocol.headers import CREDENTIAL_LIMIT

from .strategies import OBJECTS, credentials
from .test_challenge import one

ECHO = one().to_echo()


def wire(value: Any) -> str:
    return "Payment " + b64url_encode(json.dumps(value).encode())


GOOD = wire({"challenge": ECHO, "payload": {"a": "b"}})


@given(credentials())
def test_header_comes_back(credential: Credential) -> None:
    header = credential.to_header().reveal()
    assert header.isascii()
    parsed = parse_credential(header)
    assert parsed.to_dict() == decode_object(header[8:], CREDENTIAL_LIMIT)
    assert parsed == credential
    assert parse_credential(header.encode(), Findings()) == credential
    assert Credential.from_dict(credential.to_dict()) == credential


def test_hides_its_proof() -> None:
    credential = Credential(challenge=one(), payload={"signature": "0xdeadbeef"}, source="did:x", extra={"e": "0xcafe"})
    assert "deadbeef" not in repr(credential)
    assert "cafe" not in repr(credential)
    assert credential.to_header().reveal()[8:20] not in repr(credential.to_header())
    assert credential.key == "tempo/charge"


@pytest.mark.parametrize(
    "field",
    [
        GOOD,
        GOOD.replace("Payment", "pAYMENT"),
        f"  {GOOD}\t",
        GOOD.replace(" ", " \t "),
        f'Bearer abc==, {GOOD}, Digest username="a, Payment x", Negotiate',
        f"{GOOD},",
    ],
)
def test_finds_the_one_payment_credential(field: str) -> None:
    assert parse_credential(field).payload == {"a": "b"}


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("", "no-credential"),
        ("Payment", "bad-credential"),
        ("Payment ", "bad-json"),
        ("Bearer eyJ9", "no-credential"),
        ("Payments " + GOOD[8:], "no-credential"),
        ('Payment id="x"', "bad-base64url"),
        ('Payment id="x", realm="y"', "bad-credential"),
        ("Payment not-valid!!!", "bad-base64url"),
        (f"{GOOD} {GOOD}", "bad-base64url"),
        (f"{GOOD}, {GOOD}", "several-credentials"),
        (f"{GOOD}, payment x", "several-credentials"),
        ("Payment W10", "not-an-object"),
        (wire({"payload": {}}), "missing-challenge"),
        (wire({"challenge": "x", "payload": {}}), "missing-challenge"),
        (wire({"challenge": ECHO}), "missing-payload"),
        (wire({"challenge": ECHO, "payload": []}), "missing-payload"),
        (wire({"challenge": ECHO, "payload": {}, "source": 1}), "bad-source"),
        (wire({"challenge": {**ECHO, "id": None}, "payload": {}}), "missing-parameter"),
        (wire({"challenge": {**ECHO, "request": "!"}, "payload": {}}), "bad-base64url"),
        ("Payment " + b64url_encode(b'{"payload":{},"challenge":{},"payload":{}}'), "duplicate-name"),
    ],
)
def test_strict_refuses_and_lenient_explains(field: str, code: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_credential(field)
    assert caught.value.code == code
    findings = Findings()
    assert parse_credential(field, findings) is None
    assert code in [finding.code for finding in findings]
    assert findings.failed


def test_errors_do_not_quote_the_credential() -> None:
    for field in (GOOD[:-3], GOOD + "!", GOOD + ", " + GOOD):
        with pytest.raises(ParseError) as caught:
            parse_credential(field)
        assert GOOD[8:28] not in f"{caught.value} {caught.value.hint}"


def test_lenient_finds_several_flaws_at_once() -> None:
    findings = Findings()
    assert parse_credential(wire({"challenge": {**ECHO, "id": "", "method": "X"}, "payload": 1}), findings) is None
    assert [finding.code for finding in findings] == ["missing-parameter", "bad-method", "missing-payload"]


def test_limit() -> None:
    with pytest.raises(LimitError):
        parse_credential("Payment " + "A" * CREDENTIAL_LIMIT)
    findings = Findings()
    assert parse_credential("Payment " + "A" * CREDENTIAL_LIMIT, findings) is None
    assert [finding.code for finding in findings] == ["too-large"]
    large = Credential(challenge=one(), payload={"signature": "0x" + "ab" * 20_000})
    assert parse_credential(large.to_header().reveal()) == large


@pytest.mark.parametrize(
    "values", [{"payload": []}, {"payload": {}, "source": 1}, {"payload": {}, "extra": {"payload": 1}}]
)
def test_an_invalid_credential_cannot_be_built(values: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Credential(challenge=one(), **values)


def test_a_payload_that_json_cannot_carry_is_not_written() -> None:
    with pytest.raises(FormatError):
        Credential(challenge=one(), payload={"a": float("nan")}).to_header()


@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda raw: b"Payment " + b64url_encode(raw).encode())
    | OBJECTS.map(lambda value: wire(value).encode())
)
def test_any_bytes_strict_raises_parse_errors_only_and_lenient_nothing(raw: bytes) -> None:
    findings = Findings()
    lenient = parse_credential(raw, findings)
    try:
        assert parse_credential(raw) == lenient
        assert not findings.failed
    except ParseError:
        assert lenient is None
        assert findings.failed
