"""Attribution memos."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.attribution import decode_memo, encode_memo, matches
from mpp_console.methods.tempo.keys import keccak
from mpp_console.protocol import ParseError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
GOLDEN = bytes.fromhex("ef1ed712011ece072f76bd8b82350e00000000000000000000eb18f2d4402269")


def test_a_memo_of_another_implementation() -> None:
    assert encode_memo(realm="api.example.com", challenge_id="challenge-123") == GOLDEN
    assert matches(GOLDEN, "api.example.com", "challenge-123")


def test_the_tag_is_that_of_the_protocol() -> None:
    assert GOLDEN[:4] == keccak(b"mpp")[:4]


@given(TEXTS, TEXTS, st.none() | TEXTS)
def test_round_trip(realm: str, challenge_id: str, client: str | None) -> None:
    memo = encode_memo(realm=realm, challenge_id=challenge_id, client_id=client)
    found = decode_memo(memo)
    assert (found.server, found.nonce) == (keccak(realm.encode())[:10], keccak(challenge_id.encode())[:7])
    assert found.client == (keccak(client.encode())[:10] if client else None)
    assert matches(memo, realm, challenge_id)


@given(TEXTS, TEXTS, TEXTS)
def test_a_memo_matches_one_challenge_of_one_realm(realm: str, one: str, other: str) -> None:
    memo = encode_memo(realm=realm, challenge_id=one)
    assert matches(memo, realm, other) == (one == other)
    assert matches(memo, realm + "x", one) is False


@pytest.mark.parametrize(
    "memo", [None, b"", GOLDEN[:-1], GOLDEN + b"\x00", b"\x00" + GOLDEN[1:], GOLDEN[:4] + b"\x02" + GOLDEN[5:]]
)
def test_what_is_no_memo_matches_nothing(memo: bytes | None) -> None:
    assert not matches(memo, "api.example.com", "challenge-123")
    if memo is not None:
        with pytest.raises(ParseError):
            decode_memo(memo)
