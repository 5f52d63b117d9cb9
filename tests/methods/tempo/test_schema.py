"""Requests and payloads as they stand on the wire."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.schema import (
    HashPayload,
    ProofPayload,
    TransactionPayload,
    decode_payload,
    decode_request,
)
from mpp_console.protocol import ParseError

from .charges import MEMO, PATH_USD, PLATFORM, SHOP

WIRE: dict[str, Any] = {"amount": "10000", "currency": PATH_USD.lower(), "recipient": SHOP.lower()}


def test_the_shortest_request_means_moderato_and_both_modes() -> None:
    request = decode_request(WIRE)
    assert (request.amount, request.currency, request.recipient) == (10_000, PATH_USD, SHOP)
    assert (request.chain_id, request.stated_chain_id, request.fee_payer) == (42431, None, False)
    assert request.supports(Mode.PULL)
    assert request.supports(Mode.PUSH)


def test_the_longest_request() -> None:
    details = {
        "chainId": 4217,
        "feePayer": True,
        "memo": MEMO.upper().replace("0X", "0x"),
        "splits": [{"amount": "1", "recipient": PLATFORM, "memo": MEMO}, {"amount": "2", "recipient": SHOP}],
        "supportedModes": ["push", "push", "teleport"],
        "machineTokenEnabled": True,
    }
    request = decode_request(WIRE | {"methodDetails": details, "externalId": "x", "description": "y", "colour": "red"})
    assert (request.chain_id, request.fee_payer, request.memo) == (4217, True, MEMO)
    assert (request.split_total, request.remainder) == (3, 9_997)
    assert request.supported_modes == (Mode.PUSH,)
    assert not request.supports(Mode.PULL)
    assert (request.external_id, request.description) == ("x", "y")


def test_wrong_checksums_are_kept_for_the_quote_to_show() -> None:
    wrong = "0x742d35cC6634C0532925a3b844bC9e7595F8fE00"
    request = decode_request(WIRE | {"recipient": wrong})
    assert (request.recipient, request.bad_checksums) == (SHOP, (wrong,))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["amount", "currency", "recipient", "description", "externalId", "methodDetails", "type", "hash"]
)
DETAILS = st.dictionaries(st.sampled_from(["chainId", "feePayer", "memo", "splits", "supportedModes"]), JSON)


@given(st.dictionaries(NAMES, JSON | DETAILS | st.sampled_from(["1", SHOP, "hash", "transaction"])))
def test_nothing_on_the_wire_crashes_the_reader(wire: dict[str, Any]) -> None:
    for candidate in (wire, WIRE | wire):
        for read in (decode_request, decode_payload):
            try:
                read(candidate)
            except ParseError:
                continue


@given(st.text(alphabet="0123456789٣²½ +-.eE_", max_size=8))
def test_amounts_are_plain_ascii_digits(text: str) -> None:
    plain = bool(text) and all(char in "0123456789" for char in text)
    try:
        assert decode_request(WIRE | {"amount": text}).amount == int(text)
        assert plain
    except ParseError:
        assert not plain


def test_payloads_by_type() -> None:
    assert decode_payload({"type": "transaction", "signature": "0x7601", "more": 1}) == TransactionPayload("0x7601")
    assert decode_payload({"type": "hash", "hash": "0x" + "AB" * 32}) == HashPayload("0x" + "ab" * 32)
    proof = decode_payload({"type": "proof", "signature": "0x01"})
    assert isinstance(proof, ProofPayload)
    assert proof.raw == b"\x01"


def test_signatures_do_not_show() -> None:
    for kind in ("transaction", "proof"):
        assert "beef" not in repr(decode_payload({"type": kind, "signature": "0xbeef"}))
