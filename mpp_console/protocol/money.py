"""Amounts: integers in base units, and their decimal text at the edge of a screen or a file.

Nothing here knows a rail. Floats never appear; `Decimal` only when a person's price is turned into base units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from .errors import FormatError, ParseError

__all__ = ["Currency", "format_units", "parse_base_units", "parse_units", "price_units"]

MAX_BASE_UNITS: Final = 2**256 - 1
"""The largest amount of any rail here: an EVM uint256."""

_MAX_DECIMALS: Final = 255
"""An ERC-20 reports its decimals as a uint8."""

# draft-payment-intent-charge-00: amounts are base units "encoded as a string": digits only, no sign, no point.
# 78 digits hold every uint256, and a bound keeps a hostile text from costing quadratic time to convert.
_BASE_UNITS = re.compile(r"[0-9]{1,78}")
_DECIMAL = re.compile(r"([0-9]{1,78})(?:\.([0-9]{1,255}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """What an amount is counted in. `id` is the rail's own name (a token address, `usd`, `sat`), `symbol` for people.

    `decimals` is how many digits of a whole stand after the point. Raises FormatError outside 0..255.
    """

    id: str
    symbol: str
    decimals: int

    def __post_init__(self) -> None:
        _check_decimals(self.decimals)


def format_units(base_units: int, decimals: int, *, grouping: bool = False) -> str:
    """Base units as decimal text with all `decimals` digits: `format_units(10000, 6)` is `0.010000`.

    `grouping` puts commas between thousands; such a text is for people and is not read back.
    """
    _check_decimals(decimals)
    whole, fraction = divmod(abs(base_units), 10**decimals)
    text = f"{whole:,}" if grouping else str(whole)
    if decimals:
        text = f"{text}.{fraction:0{decimals}d}"
    return f"-{text}" if base_units < 0 else text


def parse_units(text: str, decimals: int) -> int:
    """Base units of a plain decimal text: no sign, no exponent, no grouping, a point with digits on both sides.

    Raises ParseError: `bad-amount`, or `too-many-decimals` when the currency has fewer digits after the point.
    """
    _check_decimals(decimals)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ParseError("the amount is not a plain decimal number such as 12.50", code="bad-amount")
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > decimals:
        raise ParseError(
            f"the amount has {len(fraction)} digits after the point; this currency has {decimals}",
            code="too-many-decimals",
            position=len(whole) + 1 + decimals,
        )
    return _in_range(int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0"))


def parse_base_units(text: str) -> int:
    """Base units of a wire integer: ASCII digits only, at most 2^256-1. Raises ParseError (`bad-amount`)."""
    if not isinstance(text, str) or _BASE_UNITS.fullmatch(text) is None:
        raise ParseError("the amount is not a text of digits in base units", code="bad-amount")
    return _in_range(int(text))


def price_units(price: Decimal | str, decimals: int) -> int:
    """An operator's price in base units, rounded up; a price above zero never becomes less than one base unit.

    Raises FormatError for a negative or non-finite price, ParseError for a text that is no number.
    """
    _check_decimals(decimals)
    if isinstance(price, str):
        match = _DECIMAL.fullmatch(price)
        if match is None:
            raise ParseError("the price is not a plain decimal number such as 0.0025", code="bad-amount")
        price = Decimal(price)
    if not price.is_finite() or price < 0:
        raise FormatError("a price is a finite number, zero or more", code="bad-price")
    _, digits, exponent = price.as_tuple()
    coefficient = int("".join(map(str, digits)) or "0")
    shift = int(exponent) + decimals
    if shift > 2 * _MAX_DECIMALS:
        # 10**shift of a hostile exponent would not fit in memory.
        raise FormatError("the price is beyond every currency", code="bad-price")
    # Integers only: Decimal arithmetic would round to the precision of some ambient context.
    if shift >= 0:
        return _in_range(coefficient * 10**shift)
    if -shift > len(digits):
        return 1 if coefficient else 0
    return _in_range(-(-coefficient // 10**-shift))


def _in_range(base_units: int) -> int:
    if base_units > MAX_BASE_UNITS:
        raise ParseError("the amount is larger than 2^256-1 base units", code="bad-amount")
    return base_units


def _check_decimals(decimals: int) -> None:
    if not 0 <= decimals <= _MAX_DECIMALS:
        raise FormatError(f"a currency has 0 to {_MAX_DECIMALS} decimals, not {decimals}", code="bad-decimals")
