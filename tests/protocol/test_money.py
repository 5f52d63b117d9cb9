from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import (
    Currency,
    FormatError,
    MppError,
    ParseError,
    format_units,
    parse_base_units,
    parse_units,
    price_units,
)

AMOUNTS = st.integers(0, 2**256 - 1)
DECIMALS = st.integers(0, 30)


@given(AMOUNTS, DECIMALS)
def test_text_comes_back(amount: int, decimals: int) -> None:
    assert parse_units(format_units(amount, decimals), decimals) == amount


@given(AMOUNTS)
def test_wire_text_comes_back(amount: int) -> None:
    assert parse_base_units(str(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "decimals", "expected"),
    [
        (10000, 6, "0.010000"),
        (0, 6, "0.000000"),
        (1, 0, "1"),
        (-1234567, 6, "-1.234567"),
        (5, 18, "0.000000000000000005"),
    ],
)
def test_formats_with_every_decimal(amount: int, decimals: int, expected: str) -> None:
    assert format_units(amount, decimals) == expected


def test_groups_thousands_for_people() -> None:
    assert format_units(1234567890000, 6, grouping=True) == "1,234,567.890000"


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e3", "1,000", ".5", "5.", " 1", "1 ", "1.2.3", "\u0661", "0x1", "1_0", "NaN", "9" * 79]
)
def test_decimal_text_is_strict(text: str) -> None:
    with pytest.raises(ParseError):
        parse_units(text, 6)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", "1e3", " 1", "\u0661", "0x1", "1_0", str(2**256), "9" * 100_000, 5, None]
)
def test_wire_text_is_strict(text: str) -> None:
    with pytest.raises(ParseError):
        parse_base_units(text)


def test_more_decimals_than_the_currency_has_are_an_error() -> None:
    assert parse_units("1.25", 2) == 125
    with pytest.raises(ParseError) as caught:
        parse_units("1.250", 2)
    assert caught.value.code == "too-many-decimals"
    assert caught.value.position == 4


def test_amounts_above_uint256_are_an_error() -> None:
    with pytest.raises(ParseError):
        parse_units(str(2**256), 0)
    with pytest.raises(ParseError):
        parse_units(str(2**255), 6)


@given(st.decimals(0, 10**20, allow_nan=False), DECIMALS)
def test_prices_round_up_and_never_to_zero(price: Decimal, decimals: int) -> None:
    price = price.copy_abs()  # unlike abs(), which rounds to the context's 28 digits
    with localcontext() as context:
        context.prec = 200
        expected = int(price.scaleb(decimals).to_integral_value(ROUND_UP))
    assert price_units(price, decimals) == expected
    assert (price_units(price, decimals) == 0) is (price == 0)


@pytest.mark.parametrize(
    ("price", "decimals", "expected"),
    [
        ("0.0025", 6, 2500),
        ("0", 6, 0),
        ("0.0000001", 6, 1),
        ("1.0000001", 6, 1000001),
        (Decimal("1E-1000000"), 6, 1),
        (Decimal("0E-9"), 0, 0),
        (Decimal("2E+3"), 2, 200000),
    ],
)
def test_prices(price: Decimal | str, decimals: int, expected: int) -> None:
    assert price_units(price, decimals) == expected


@pytest.mark.parametrize(
    "price", [Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+1000000"), Decimal("1E+100"), "-1", "x", ""]
)
def test_impossible_prices(price: Decimal | str) -> None:
    with pytest.raises(MppError):
        price_units(price, 6)


def test_a_currency_knows_its_decimals() -> None:
    assert Currency(id="usd", symbol="USD", decimals=2).decimals == 2
    for decimals in (-1, 256):
        with pytest.raises(FormatError):
            Currency(id="usd", symbol="USD", decimals=decimals)
