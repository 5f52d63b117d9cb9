from __future__ import annotations

import contextlib
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    Challenge,
    FindingLevel,
    Findings,
    FormatError,
    LimitError,
    ParseError,
    b64url_encode,
    encode_object,
    format_challenge,
    parse_challenges,
)
from mpp_console.protocol.headers import CHALLENGE_COUNT_LIMIT, FIELD_LIMIT, FINDING_LIMIT

from .strategies import NOW, challenges

BASE = 'Payment id="x", realm="api", method="tempo", intent="charge", request="e30"'


def one(**changes: Any) -> Challenge:
    values: dict[str, Any] = {"id": "x", "realm": "api", "method": "tempo", "intent": "charge", "request_b64": "e30"}
    return Challenge(**(values | changes))


@given(challenges())
def test_header_comes_back(challenge: Challenge) -> None:
    header = format_challenge(challenge)
    assert parse_challenges(header) == (challenge,)
    assert parse_challenges(header.encode("latin-1")) == (challenge,)
    findings = Findings()
    assert parse_challenges(header, findings) == (challenge,)
    assert not findings.failed


@given(challenges())
def test_echo_comes_back(challenge: Challenge) -> None:
    assert Challenge.from_echo(challenge.to_echo()) == challenge


@given(st.lists(challenges(), min_size=2, max_size=3))
def test_several_come_back_from_one_line_and_from_several(many: list[Challenge]) -> None:
    headers = [format_challenge(challenge) for challenge in many]
    assert parse_challenges(", ".join(headers)) == tuple(many)
    assert parse_challenges(headers) == tuple(many)
    mixed = f'Basic realm="x, y", {headers[0]}, Bearer abc==, {", ".join(headers[1:])}, Negotiate'
    assert parse_challenges(mixed) == tuple(many)


def test_writes_what_the_field_agrees_on() -> None:
    challenge = Challenge.create(
        id="x", realm="api", method="tempo", intent="charge", request={"b": 1, "a": "é"},
        description='say "\u2615" \\ \U0001f600 é', expires=NOW, opaque={"k": "v"}, header="Payment-Authorization",
        digest="sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    )  # fmt: skip
    assert format_challenge(challenge) == (
        'Payment id="x", realm="api", method="tempo", intent="charge", request="eyJhIjoiw6kiLCJiIjoxfQ", '
        'description="say \\"\\u2615\\" \\\\ \\ud83d\\ude00 é", '
        'digest="sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", '
        'expires="2026-01-29T12:00:00.000Z", opaque="eyJrIjoidiJ9", header="Payment-Authorization"'
    )


def test_decodes_itself() -> None:
    challenge = Challenge.create(
        id="x", realm="api", method="tempo", intent="charge", request={"amount": "1"}, expires=NOW, opaque={"k": "v"}
    )
    assert challenge.request == {"amount": "1"}
    assert challenge.opaque == {"k": "v"}
    assert challenge.key == "tempo/charge"
    assert challenge.credential_header == "Authorization"
    assert replace(challenge, header="payment-authorization").credential_header == "Payment-Authorization"
    challenge.request["amount"] = "2"
    assert challenge.request == {"amount": "1"}


def test_expires_at_its_very_moment() -> None:
    challenge = one(expires="2026-01-29T12:00:00Z")
    assert challenge.expires_at == NOW
    assert challenge.is_expired(NOW)
    assert not challenge.is_expired(NOW - timedelta(microseconds=1))
    assert not one().is_expired(NOW)


def test_keeps_request_and_opaque_to_the_letter() -> None:
    loose = b64url_encode(b'{ "b":1,  "a":2 }')
    (challenge,) = parse_challenges(f'{BASE[:-5]}"{loose}", opaque="{b64url_encode(b"{ }")}"')
    assert challenge.to_echo()["request"] == loose
    assert challenge.to_echo()["opaque"] == b64url_encode(b"{ }")


def test_unknown_parameters_are_kept_but_not_echoed() -> None:
    (challenge,) = parse_challenges(BASE + ', Constructor="x", __proto__=1')
    assert challenge.extra == {"constructor": "x", "__proto__": "1"}
    assert "constructor" not in challenge.to_echo()
    assert parse_challenges(format_challenge(challenge)) == (challenge,)


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"id": ""}, "missing-parameter"),
    ({"id": None}, "missing-parameter"),
    ({"realm": ""}, "missing-parameter"),
    ({"id": 7}, "not-text"),
    ({"description": ["x"]}, "not-text"),
    ({"id": "a\r\nb"}, "bad-text"),
    ({"realm": "a\x00"}, "bad-text"),
    ({"description": "Line one\r\nLine two"}, "bad-text"),
    ({"description": "\ud800"}, "bad-text"),
    ({"method": "Tempo"}, "bad-method"),
    ({"method": "tem|po"}, "bad-method"),
    ({"method": "tempo\n"}, "bad-method"),
    ({"intent": "a b"}, "bad-intent"),
    ({"request_b64": "not-valid!!!"}, "bad-base64url"),
    ({"request_b64": "e30="}, "bad-base64url"),
    ({"request_b64": "bm90IGpzb24"}, "bad-json"),
    ({"request_b64": "W10"}, "not-an-object"),
    ({"request_b64": b64url_encode(b'{"amount":"1","amount":"2"}')}, "duplicate-name"),
    ({"request_b64": "A" * 16385}, "too-large"),
    ({"opaque_b64": "trace-123"}, "bad-base64url"),
    ({"opaque_b64": ""}, "bad-json"),
    ({"opaque_b64": encode_object({"a": 1})}, "bad-opaque"),
    ({"digest": ""}, "bad-digest"),
    ({"digest": "sha-256=a|b"}, "bad-digest"),
    ({"expires": "tomorrow"}, "bad-timestamp"),
    ({"expires": "2026-01-29T12:00:00"}, "bad-timestamp"),
    ({"header": "Cookie"}, "bad-header"),
    ({"header": ""}, "bad-header"),
    ({"extra": {"id": "y"}}, "bad-extra"),
]


@pytest.mark.parametrize(("changes", "code"), INVALID)
def test_an_invalid_challenge_cannot_be_built(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(FormatError) as caught:
        one(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize(("changes", "code"), [case for case in INVALID if "extra" not in case[0]])
def test_an_invalid_echo_is_refused_and_explained(changes: dict[str, Any], code: str) -> None:
    names = {"request_b64": "request", "opaque_b64": "opaque"}
    echo = one().to_echo() | {names.get(name, name): value for name, value in changes.items()}
    with pytest.raises(ParseError) as caught:
        Challenge.from_echo(echo)
    assert caught.value.code == code


def test_an_echo_may_hold_objects_and_nulls() -> None:
    challenge = Challenge.create(
        id="x", realm="api", method="tempo", intent="charge", request={"a": "1"}, opaque={"b": "2"}
    )
    echo = challenge.to_echo() | {"request": {"a": "1"}, "opaque": {"b": "2"}, "expires": None}
    assert Challenge.from_echo(echo) == challenge
    with pytest.raises(ParseError):
        Challenge.from_echo(echo | {"request": {"a": float("nan")}})
    with pytest.raises(ParseError):
        Challenge.from_echo(echo | {"request": ["a"]})


def test_values_are_frozen_and_hashable() -> None:
    challenge = one()
    with pytest.raises(FrozenInstanceError):
        challenge.realm = "other"  # type: ignore[misc]
    assert len({challenge, one(), one(id="y")}) == 2


@pytest.mark.parametrize(
    ("line", "code", "position"),
    [
        ("", "no-challenge", None),
        ("Bearer abc", "no-challenge", None),
        ("Payment", "missing-parameter", 0),
        ("Payment abc", "token68", 0),
        (BASE.replace('id="x", ', ""), "missing-parameter", 0),
        (BASE + ', id="y"', "duplicate-parameter", len(BASE) + 2),
        (BASE + ', ID="x"', "duplicate-parameter", len(BASE) + 2),
        (BASE + ', foo="1", FOO="2"', "duplicate-parameter", len(BASE) + 11),
        (BASE + " junk", "text-after-value", len(BASE)),
        (BASE + ', expires="2026', "unterminated-quoted-string", len(BASE) + 2),
        (BASE + ', description="x', "unterminated-quoted-string", len(BASE) + 2),
        (BASE + ", =", "stray-text", len(BASE) + 2),
        (BASE + ', expires="soon"', "bad-timestamp", len(BASE) + 2),
        (BASE + ", expires=2026-01-29T12:00:00Z", "text-after-value", len(BASE) + 23),
        (BASE + f", {BASE[8:]}", "duplicate-parameter", len(BASE) + 2),
        (BASE + ", Payment", "missing-parameter", len(BASE) + 2),
        (r"Payment id=" + r'"a\u000ab"' + BASE[14:], "bad-text", 8),
    ],
)
def test_strict_raises_with_a_code_and_a_position(line: str, code: str, position: int | None) -> None:
    with pytest.raises(ParseError) as caught:
        parse_challenges(line)
    assert (caught.value.code, caught.value.position) == (code, position)
    findings = Findings()
    parse_challenges(line, findings)
    first = next(finding for finding in findings if finding.level is FindingLevel.FAIL)
    assert (first.code, first.position, first.message) == (code, position, caught.value.message)


def test_lenient_finds_every_flaw_and_keeps_what_is_sound() -> None:
    findings = Findings()
    line = f'Payment id="", realm="api", method="TEMPO", intent="charge", request="W10", {BASE}, foo="x"'
    (challenge,) = parse_challenges(line, findings)
    assert challenge.id == "x"
    assert [(finding.code, finding.position) for finding in findings if finding.level is FindingLevel.FAIL] == [
        ("missing-parameter", 8),
        ("bad-method", 28),
        ("not-an-object", 61),
    ]


def test_lenient_advises_on_a_valid_challenge() -> None:
    findings = Findings()
    line = (
        f'Basic realm="b", Payment id="x", realm="é", method="x-custom", intent="charge", digest="sha-256=abc", '
        f'request="{b64url_encode(b"{ }")}", opaque="{b64url_encode(b"{ }")}", foo="1" 2'
    )
    assert len(parse_challenges([line], findings)) == 1
    assert {finding.code for finding in findings} == {
        "other-scheme",
        "method-name",
        "realm-not-ascii",
        "no-expires",
        "digest-form",
        "not-canonical",
        "text-after-value",
    }
    assert not findings.failed
    clean = Findings()
    parse_challenges(BASE + ', expires="2026-01-29T12:00:00Z"', clean)
    assert clean == []


def test_findings_name_the_line() -> None:
    findings = Findings()
    parse_challenges([BASE, "Payment"], findings)
    assert [finding.message.split(":")[0] for finding in findings if finding.level is FindingLevel.FAIL] == [
        "line 2"
    ] * 5


def test_an_unescaped_description_ends_at_its_quote() -> None:
    (challenge,) = parse_challenges(
        BASE + ', description="Payment for "Premium" service, 50% off", expires="2026-01-29T12:00:00Z"'
    )
    assert challenge.description == "Payment for "
    assert challenge.expires == "2026-01-29T12:00:00Z"


def test_limits() -> None:
    with pytest.raises(LimitError):
        parse_challenges("Payment " + "x" * FIELD_LIMIT)
    with pytest.raises(LimitError):
        parse_challenges([BASE] * (CHALLENGE_COUNT_LIMIT + 1))
    assert len(parse_challenges([BASE] * CHALLENGE_COUNT_LIMIT)) == CHALLENGE_COUNT_LIMIT
    findings = Findings()
    assert len(parse_challenges([BASE] * 100 + ["x" * (FIELD_LIMIT + 1)], findings)) == CHALLENGE_COUNT_LIMIT
    assert findings.failed
    long_names = Findings()
    parse_challenges(f"Payment {'x' * 50_000}=1 2, {'x' * 50_000}=1", long_names)
    assert max(len(finding.message) for finding in long_names) < 200
    flood = Findings()
    parse_challenges("Payment " + "=," * 30_000, flood)
    assert len(flood) <= FINDING_LIMIT


@pytest.mark.parametrize("extra", [{"Upper": "x"}, {"a b": "x"}, {"n": 1}, {"x": "a\nb"}])
def test_extras_that_no_header_can_carry_are_not_written(extra: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        format_challenge(one(extra=extra))


HOSTILE = st.binary(max_size=300) | st.text(
    st.sampled_from('Payment id="x",realm=method=intentrequest="e30"\\u0041\ud800\u2615\n'), max_size=200
)


@given(st.lists(HOSTILE, max_size=3) | HOSTILE)
def test_any_bytes_strict_raises_parse_errors_only_and_lenient_nothing(values: Any) -> None:
    strict = None
    with contextlib.suppress(ParseError):
        strict = parse_challenges(values)
    findings = Findings()
    lenient = parse_challenges(values, findings)
    if strict is not None:
        assert lenient == strict
        assert not findings.failed
    else:
        assert findings.failed


@given(challenges(), st.data())
def test_damaged_headers_never_crash(challenge: Challenge, data: st.DataObject) -> None:
    raw = bytearray(format_challenge(challenge).encode("latin-1"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2))
    findings = Findings()
    parse_challenges(bytes(raw), findings)
    try:
        parse_challenges(bytes(raw))
    except ParseError:
        assert findings.failed
    else:
        assert not findings.failed


JSON_ECHO = st.dictionaries(
    st.sampled_from(
        ["id", "realm", "method", "intent", "request", "description", "expires", "opaque", "digest", "header", "x"]
    ),
    st.none()
    | st.integers()
    | st.text()
    | st.just("e30")
    | st.dictionaries(st.text(), st.text() | st.floats())
    | st.lists(st.text()),
)


@given(JSON_ECHO)
def test_any_echo_is_a_challenge_or_a_parse_error(echo: dict[str, Any]) -> None:
    with contextlib.suppress(ParseError):
        Challenge.from_echo(echo)
