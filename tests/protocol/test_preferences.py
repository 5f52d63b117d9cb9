from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import AcceptPayment, FormatError, LimitError, ParseError, PaymentRange, parse_accept_payment

OFFERS = ["tempo/session", "tempo/charge", "solana/charge", "stripe/charge"]


def ranked(header: str, offers: list[str] = OFFERS) -> list[str]:
    def key(offer: str) -> tuple[str, str]:
        method, _, intent = offer.partition("/")
        return method, intent

    return parse_accept_payment(header).rank(offers, key)


RANGES = st.builds(
    PaymentRange,
    method=st.just("*") | st.from_regex(r"[a-z][a-z0-9:_-]{0,8}", fullmatch=True),
    intent=st.just("*") | st.from_regex(r"[A-Za-z0-9-]{1,8}", fullmatch=True),
    weight=st.integers(0, 1000),
)


@given(st.lists(RANGES, min_size=1, max_size=6))
def test_comes_back(ranges: list[PaymentRange]) -> None:
    preferences = AcceptPayment(ranges=tuple(ranges))
    assert AcceptPayment.parse(preferences.format()) == preferences


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "tempo/charge, tempo/session, stripe/charge;q=0.5, solana/charge;q=0.3",
            ["tempo/session", "tempo/charge", "stripe/charge", "solana/charge"],
        ),
        (
            "tempo/*, solana/*;q=0.6, stripe/charge;q=0.2",
            ["tempo/session", "tempo/charge", "solana/charge", "stripe/charge"],
        ),
        (
            "tempo/charge, tempo/session;q=0, solana/charge;q=0.8, stripe/charge;q=0.4",
            ["tempo/charge", "solana/charge", "stripe/charge"],
        ),
        ("*/*;q=0.1, */charge;q=0.2, tempo/charge;q=0", ["solana/charge", "stripe/charge", "tempo/session"]),
        ("tempo/*;q=0, tempo/charge", ["tempo/charge"]),
        ("other/charge", OFFERS),
        ("*/*;q=0", OFFERS),
    ],
)
def test_ranks_as_the_draft_explains(header: str, expected: list[str]) -> None:
    assert ranked(header) == expected


def test_quality() -> None:
    preferences = parse_accept_payment("tempo/*;q=0.25, */charge;q=0.5, tempo/charge;q=0.125, tempo/charge;q=0.75")
    assert preferences.quality("tempo", "session") == 0.25
    assert preferences.quality("stripe", "charge") == 0.5
    assert preferences.quality("tempo", "charge") == 0.75
    assert preferences.quality("stripe", "session") == 0
    assert parse_accept_payment("tempo/*;q=0.25, */charge;q=0.5").quality("tempo", "charge") == 0.5


@pytest.mark.parametrize(
    ("header", "formatted"),
    [
        ("tempo/charge", "tempo/charge"),
        (" tempo/charge ; q=1.000 ,, */* ;Q=0.10,", "tempo/charge, */*;q=0.1"),
        ("x-custom:a_b/charge-v2;q=0.", "x-custom:a_b/charge-v2;q=0"),
        ("a/b;q=1.", "a/b"),
        ("a/b;q=0.001", "a/b;q=0.001"),
    ],
)
def test_formats_what_it_parsed(header: str, formatted: str) -> None:
    assert parse_accept_payment(header).format() == formatted
    assert parse_accept_payment(header.encode()).format() == formatted


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "tempo",
        "tempo/",
        "/charge",
        "Tempo/charge",
        "tempo/charge;q=2",
        "tempo/charge;q=1.001",
        "tempo/charge;q=0.0001",
        "tempo/charge;q=",
        "tempo/charge;q=-1",
        "tempo/charge;v=1",
        "tempo/charge tempo/session",
        "tempo/charge;q=0.5;q=0.6",
        "tempo/cha rge",
        "t\u00e9mpo/charge",
        "**/x",
    ],
)
def test_malformed_preferences_are_refused(header: str) -> None:
    with pytest.raises(ParseError):
        parse_accept_payment(header)


def test_limit_and_building() -> None:
    with pytest.raises(LimitError):
        parse_accept_payment("tempo/charge," * 10_000)
    assert AcceptPayment.of([("tempo", "charge"), ("tempo", "session")]).format() == "tempo/charge, tempo/session"
    for values in (
        {"method": "T", "intent": "x"},
        {"method": "t", "intent": ""},
        {"method": "t", "intent": "x", "weight": 1001},
    ):
        with pytest.raises(FormatError):
            PaymentRange(**values)


@given(st.binary(max_size=100) | st.text(st.sampled_from("tempo/*;q=0.51 ,-"), max_size=60))
def test_never_crashes(value: str | bytes) -> None:
    with contextlib.suppress(ParseError):
        parse_accept_payment(value)
