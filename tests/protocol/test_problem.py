from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    PROBLEM_BASE,
    BadRequest,
    CredentialReplayed,
    Findings,
    InternalPayment,
    InvalidChallenge,
    InvalidPayload,
    LimitError,
    MalformedCredential,
    MethodUnsupported,
    MppError,
    OutcomeUncertain,
    ParseError,
    PaymentActionRequired,
    PaymentExpired,
    PaymentInsufficient,
    PaymentProblem,
    PaymentRequired,
    Problem,
    VerificationFailed,
    parse_problem,
)
from mpp_console.protocol.headers import PROBLEM_LIMIT

from .strategies import OBJECTS, TEXT


@pytest.mark.parametrize(
    ("kind", "slug", "status", "fresh"),
    [
        (PaymentRequired, "payment-required", 402, True),
        (MalformedCredential, "malformed-credential", 402, True),
        (InvalidChallenge, "invalid-challenge", 402, True),
        (CredentialReplayed, "invalid-challenge", 402, True),
        (VerificationFailed, "verification-failed", 402, True),
        (PaymentActionRequired, "payment-action-required", 402, True),
        (PaymentExpired, "payment-expired", 402, True),
        (InvalidPayload, "invalid-payload", 402, True),
        (PaymentInsufficient, "payment-insufficient", 402, True),
        (MethodUnsupported, "method-unsupported", 400, True),
        (BadRequest, "bad-request", 400, True),
        (InternalPayment, "internal-payment", 500, False),
        (OutcomeUncertain, "outcome-uncertain", 500, False),
    ],
)
def test_every_problem_has_the_type_and_status_of_the_scheme(
    kind: type[PaymentProblem], slug: str, status: int, fresh: bool
) -> None:
    error = kind("what happened", hint="what to do", details={"needed": 5})
    assert isinstance(error, MppError)
    assert error.code == slug
    assert error.fresh_challenge is fresh
    problem = error.problem("challenge-1")
    assert json.loads(problem.to_json()) == {
        "type": PROBLEM_BASE + slug, "title": kind.title, "status": status, "detail": "what happened",
        "challengeId": "challenge-1", "hint": "what to do", "needed": 5,
    }  # fmt: skip
    assert parse_problem(problem.to_json()) == problem
    assert problem.slug == slug
    assert kind().problem().detail.endswith(".")


def test_a_payment_that_was_taken_never_invites_to_pay_again() -> None:
    class Denied(PaymentProblem):
        status = 403

    assert not Denied().fresh_challenge


@given(TEXT, TEXT, TEXT, st.integers(0, 999), st.none() | TEXT, st.none() | TEXT, OBJECTS)
def test_comes_back(
    type_: str, title: str, detail: str, status: int, challenge: str | None, hint: str | None, extra: dict[str, Any]
) -> None:
    known = ("type", "title", "status", "detail", "challengeId", "hint")
    problem = Problem(
        type=type_, title=title, detail=detail, status=status, challenge_id=challenge, hint=hint,
        extra={name: value for name, value in extra.items() if name not in known},
    )  # fmt: skip
    assert parse_problem(problem.to_json()) == problem


def test_members_of_the_wrong_type_count_as_absent() -> None:
    problem = parse_problem(b'{"type":1,"title":null,"status":true,"detail":[],"challengeId":5,"hint":{}}')
    assert problem == Problem(type="about:blank", title="", status=0, detail="")
    assert problem.slug is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_what_is_no_problem(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_problem(body)
    findings = Findings()
    assert parse_problem(body, findings) is None
    assert findings.failed


def test_limit_and_advice() -> None:
    with pytest.raises(LimitError):
        parse_problem(b" " * (PROBLEM_LIMIT + 1))
    findings = Findings()
    assert parse_problem(b"{}", findings) is not None
    assert {finding.code for finding in findings} == {"missing-member"}
    assert not findings.failed


@given(st.binary(max_size=200) | OBJECTS.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(body: bytes) -> None:
    findings = Findings()
    lenient = parse_problem(body, findings)
    try:
        assert parse_problem(body) == lenient
    except ParseError:
        assert lenient is None
