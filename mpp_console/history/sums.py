"""Exact sums and the order of amounts that are TEXT, made by SQLite itself so that a million rows neither fill memory
nor hold the interpreter.

SQLite's integers end at 2^63. So a sum is first tried the quick way, which either is exact or says that it is not;
only then are the amounts cut into limbs of nine digits, each of which sums exactly for nine thousand million rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

__all__ = ["amount_key", "group_sums"]

_LIMB = 9
_LIMBS = 9  # 81 digits, above the 78 of the largest amount
_SAFE_DIGITS = 18  # every amount of so many digits is below 2^63


def amount_key(value: Decimal) -> str:
    """A text that sorts as the value does, for a value in a currency's own units that is not negative; the column
    `amount_key` has it for every row, whatever its size and its currency's decimals.

    First how many digits stand before the point (from -254 to 78, shifted to be four figures), then the digits.
    """
    _, figures, exponent = value.as_tuple()
    digits = "".join(map(str, figures)).lstrip("0")
    return f"{1000 + len(digits) + int(exponent):04d}{digits.rstrip('0')}" if digits else "0"


_QUICK = "sum(CAST(amount AS INTEGER)), max(length(amount))"


def _exact(limbs: int) -> str:
    return ", ".join(
        f"sum(CASE WHEN length(amount) > {_LIMB * limb} "
        f"THEN CAST(substr(amount, {-_LIMB * (limb + 1)}, {_LIMB}) AS INTEGER) ELSE 0 END)"
        for limb in range(limbs)
    )


def group_sums(
    connection: sqlite3.Connection, build: Callable[[str], str], parameters: Sequence[Any]
) -> list[tuple[tuple[Any, ...], int]]:
    """Runs `build(columns)`, a query that ends its result columns with `columns`, and gives (the other columns, the
    sum) of each row.

    A group without rows, as in a query without GROUP BY, sums to zero.
    """
    limbs = _LIMBS
    try:
        rows = [tuple(row) for row in connection.execute(build(_QUICK), parameters)]
        longest = max((row[-1] or 0 for row in rows), default=0)
        if longest <= _SAFE_DIGITS:
            return [(row[:-2], row[-2] or 0) for row in rows]
        limbs = -(-longest // _LIMB)
    except sqlite3.OperationalError as error:
        if "overflow" not in str(error):
            raise
    exact = [tuple(row) for row in connection.execute(build(_exact(limbs)), parameters)]
    return [(row[:-limbs], _join(row[-limbs:])) for row in exact]


def _join(limbs: Sequence[int | None]) -> int:
    return sum((limb or 0) * 10 ** (_LIMB * place) for place, limb in enumerate(limbs))
