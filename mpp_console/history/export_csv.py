"""Receipts as CSV (RFC 4180), as quick as the file can be read.

SQLite writes the cells of an ordinary row, and a whole batch of lines is looked at at once. Only where that shows
something to quote, guard or hide does Python go through the cells one by one; what comes out is the same either way.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from mpp_console.protocol import inert

__all__ = ["CELLS", "csv_lines", "safe_cell"]

_LAST_MICROSECOND: Final = 253_402_300_799_999_999  # of the year 9999

_TIME = (
    f"CASE WHEN at BETWEEN 0 AND {_LAST_MICROSECOND} THEN "
    "printf('%s.%06dZ', strftime('%Y-%m-%dT%H:%M:%S', at / 1000000, 'unixepoch'), at % 1000000) END"
)
_MOST_DECIMALS: Final = 36
_UNITS = f"""CASE
    WHEN length(amount) > 18 OR amount < '0' OR amount <> CAST(CAST(amount AS INTEGER) AS TEXT) THEN NULL
    WHEN currency_decimals = 0 THEN amount
    WHEN currency_decimals NOT BETWEEN 1 AND {_MOST_DECIMALS} THEN NULL
    WHEN length(amount) > currency_decimals THEN
        substr(amount, 1, length(amount) - currency_decimals) || '.' || substr(amount, -currency_decimals)
    ELSE '0.' || substr('{"0" * _MOST_DECIMALS}' || amount, -currency_decimals) END"""
_DIRECTION = "CASE WHEN direction IN ('sent', 'received') THEN direction END"

CELLS: Final = (
    f"id, {_TIME}, {_DIRECTION}, status, origin, url, method, intent, {_UNITS}, amount, currency_symbol, currency_id, "
    "CAST(currency_decimals AS TEXT), network, reference, ifnull(challenge_id, ''), ifnull(external_id, ''), "
    "ifnull(operation_id, ''), ifnull(payer, ''), ifnull(recipient, '')"
)
"""The cells of a line as SQLite writes them, in the order of FIELDS. One is NULL where the row is out of the ordinary
(an amount of more than 18 digits) or malformed; such a row is for `values_of`.
"""

# OWASP "CSV Injection": spreadsheets run a cell that begins with one of these. They skip white space and quotes
# before it, and some read the full-width forms as the plain ones.
_FORMULA = re.compile(r"""[\s'"`\u00a0\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20\t\r\n]""")

_SUSPECT = re.compile(rb""",[=+\-@|%'"` ]""")
"""A cell that begins with an ASCII character with which a match of _FORMULA may begin."""

_NOT_PLAIN: Final = bytes(range(32)) + b'"\x7f'


def csv_lines(rows: Sequence[Sequence[bytes]]) -> bytes:
    """`rows` as lines, each cell one that no spreadsheet runs and no terminal obeys. Cells are UTF-8.

    Raises TypeError for a cell that is None, ValueError for one that is not UTF-8.
    """
    return _text(rows, list(map(b",".join, rows)))


def _text(rows: Sequence[Sequence[bytes]], lines: Sequence[bytes]) -> bytes:
    """`lines` are `rows` joined by commas, and stay as they are where nothing in them asks for more."""
    if not lines:
        return b""
    if _plain(lines, cells=sum(map(len, rows))):
        return b"\r\n".join(lines) + b"\r\n"
    if len(lines) == 1:
        return _careful_line([cell.decode() for cell in rows[0]])
    half = len(lines) // 2
    return _text(rows[:half], lines[:half]) + _text(rows[half:], lines[half:])


def _plain(lines: Sequence[bytes], *, cells: int) -> bool:
    """Whether none of the `cells` cells of which `lines` were made needs a quote, a guard or to be made inert."""
    joined = b"," + b",".join(lines)
    return (
        joined.isascii()
        and joined.count(b",") == cells  # each stands before a cell, and none in one
        and _SUSPECT.search(joined) is None
        and len(joined) == len(joined.translate(None, _NOT_PLAIN))
    )


def _careful_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerow(
        [safe_cell(inert(cell)) for cell in cells]
    )
    return text.getvalue().encode()


def safe_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet runs: an apostrophe before whatever could begin a formula. Reading it
    back, drop that one.
    """
    return f"'{text}" if _FORMULA.match(text) else text
