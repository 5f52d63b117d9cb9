from __future__ import annotations

import hmac
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    FormatError,
    Secret,
    b64url_encode,
    compute_challenge_id,
)

from .strategies import NOW, challenges

OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)
FIELDS: dict[str, Any] = {"realm": "api", "method": "tempo", "intent": "charge", "request": {"amount": "1"}}


def test_slots_stand_in_their_order() -> None:
    expected = b64url_encode(hmac.digest(b"k", b"api|tempo|charge|e30|E|D|O", "sha256"))
    slots: dict[str, Any] = {"realm": "api", "method": "tempo", "intent": "charge", "request_b64": "e30"}
    assert compute_challenge_id(b"k", **slots, expires="E", digest="D", opaque_b64="O") == expected
    assert (
        compute_challenge_id(b"k", **slots, expires="E", digest="D", opaque_b64="O", header="authorization") == expected
    )
    with_header = b64url_encode(hmac.digest(b"k", b"api|tempo|charge|e30|||Payment-Authorization|O", "sha256"))
    assert compute_challenge_id(b"k", **slots, opaque_b64="O", header="Payment-Authorization") == with_header
    assert compute_challenge_id(b"k", **slots) == b64url_encode(hmac.digest(b"k", b"api|tempo|charge|e30|||", "sha256"))


def test_issues_what_it_verifies() -> None:
    binder = ChallengeBinder([NEW])
    challenge = binder.issue(
        **FIELDS, expires=NOW, opaque={"k": "v"}, description="", digest="sha-256=:x:", header="Payment-Authorization"
    )
    assert binder.verify(challenge)
    assert challenge.description is None
    assert challenge.expires == "2026-01-29T12:00:00.000Z"
    assert binder.verify(Challenge.from_echo(challenge.to_echo()))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x"},
        {"realm": "other"},
        {"method": "stripe"},
        {"intent": "session"},
        {"request_b64": "e30"},
        {"expires": None},
        {"expires": "2027-01-29T12:00:00.000Z"},
        {"digest": "sha-256=:x:"},
        {"opaque_b64": None},
        {"opaque_b64": "e30"},
        {"header": "Payment-Authorization"},
    ],
)
def test_any_change_is_seen(changes: dict[str, Any]) -> None:
    binder = ChallengeBinder([NEW])
    challenge = binder.issue(**FIELDS, expires=NOW, opaque={"k": "v"})
    assert not binder.verify(replace(challenge, **changes))
    assert binder.verify(replace(challenge, description="not bound", extra={"x": "y"}, header="Authorization"))


def test_secrets_rotate() -> None:
    before, during, after = ChallengeBinder([OLD]), ChallengeBinder([NEW, OLD]), ChallengeBinder([NEW])
    old, new = before.issue(**FIELDS), during.issue(**FIELDS)
    assert during.verify(old)
    assert during.verify(new)
    assert after.verify(new)
    assert not after.verify(old)
    assert not before.verify(new)


def test_verifies_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def watching(left: bytes, right: bytes) -> bool:
        compared.append(left)
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", watching)
    binder = ChallengeBinder([NEW, OLD])
    challenge = binder.issue(**FIELDS)
    assert binder.verify(challenge)
    assert not binder.verify(replace(challenge, id="\u2615"))
    assert len(compared) == 4


@pytest.mark.parametrize("secrets", [[], [Secret(b"short")], [NEW, Secret(b"x" * 31)]])
def test_weak_secrets_are_refused_without_being_shown(secrets: list[Secret[bytes]]) -> None:
    with pytest.raises(FormatError) as caught:
        ChallengeBinder(secrets)
    assert caught.value.code == "weak-secret"
    assert "short" not in f"{caught.value} {caught.value.hint}"


def test_does_not_show_its_secrets() -> None:
    assert "nnnn" not in repr(ChallengeBinder([NEW]))


@given(challenges(), challenges())
def test_different_challenges_have_different_inputs(left: Challenge, right: Challenge) -> None:
    def slots(challenge: Challenge) -> tuple[str | None, ...]:
        header = challenge.header if challenge.header != "Authorization" else None
        return (
            challenge.realm,
            challenge.method,
            challenge.intent,
            challenge.request_b64,
            challenge.expires,
            challenge.digest,
            challenge.opaque_b64,
            header,
        )

    binder = ChallengeBinder([NEW])
    bound = replace(left, id=binder.issue(**_issue(left)).id)
    assert binder.verify(bound)
    assert binder.verify(replace(right, id=bound.id)) is (slots(left) == slots(right))


@given(challenges(), st.integers(0, 8))
def test_a_realm_cannot_take_over_its_neighbours(challenge: Challenge, shift: int) -> None:
    # The only slot that may hold the delimiter: move what follows into it, and nothing valid may be left with the
    # same id.
    wire = challenge.to_echo()
    order = ["realm", "method", "intent", "request", "expires", "digest", "opaque"]
    joined = "|".join(wire.get(name, "") for name in order).split("|")
    moved = {"id": challenge.id, "realm": "|".join(joined[: shift + 1])}
    moved |= {name: value for name, value in zip(order[1:], joined[shift + 1 :], strict=False) if value}
    try:
        other = Challenge.from_echo(moved)
    except Exception:
        return
    binder = ChallengeBinder([NEW])
    same = binder.verify(replace(other, id=binder.issue(**_issue(challenge)).id))
    assert not same or other.realm == challenge.realm


def _issue(challenge: Challenge) -> dict[str, Any]:
    return {
        "realm": challenge.realm,
        "method": challenge.method,
        "intent": challenge.intent,
        "request": challenge.request,
        "expires": challenge.expires,
        "digest": challenge.digest,
        "opaque": challenge.opaque,
        "header": challenge.header,
    }
