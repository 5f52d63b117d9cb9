"""How receipts look in each format of an export. A writer turns rows into text, batch by batch, and keeps none.

Amounts appear in base units and as plain decimals without grouping; times are absolute and in UTC. No text here can
run in a spreadsheet, move a terminal's cursor, or be markup in a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Protocol

from mpp_console.history.export_csv import csv_lines
from mpp_console.history.rows import amount_of, from_microseconds
from mpp_console.protocol import MppError, format_units, inert

__all__ = ["COLUMNS", "FIELDS", "MALFORMED", "WRITERS", "Format", "Values", "Writer", "values_of"]

FIELDS: Final = (
    "id", "time", "direction", "status", "origin", "url", "method", "intent", "amount", "amount_base_units",
    "currency", "currency_id", "decimals", "network", "reference", "challenge_id", "external_id", "operation_id",
    "payer", "recipient",
)  # fmt: skip
"""The columns of CSV, and the names in JSON, where `receipt` follows: the receipt's own fields, decoded."""

COLUMNS: Final = (
    "seq, id, at, direction, status, origin, url, method, intent, amount, currency_symbol, currency_id, "
    "currency_decimals, network, reference, challenge_id, external_id, operation_id, payer, recipient, fields"
)
"""What an export reads of a row, in the order in which `values_of` takes it."""

Values = tuple[Any, ...]
"""One receipt in the order of FIELDS, and then its own fields as JSON text."""

_DAY: Final = 86_400_000_000  # in microseconds


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "md"


def values_of(row: Sequence[Any]) -> Values:
    """One row of COLUMNS as it goes out. Raises ValueError, OverflowError or FormatError for one that is malformed."""
    (_, number, at, direction, status, origin, url, method, intent, amount, symbol, currency_id, decimals, *rest) = row
    if direction not in ("sent", "received"):
        raise ValueError("unknown direction")
    return (
        number,
        _time_text(at),
        direction,
        status,
        origin,
        url,
        method,
        intent,
        _units(amount, decimals),
        amount,
        symbol,
        currency_id,
        decimals,
        *rest,
    )


def _time_text(at: int) -> str:
    day, moment = divmod(at, _DAY)
    seconds, fraction = divmod(moment, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return f"{_day_text(day)}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{fraction:06d}Z"


@lru_cache(4096)
def _day_text(day: int) -> str:
    return f"{from_microseconds(day * _DAY):%Y-%m-%d}"


def _units(amount: str, decimals: int) -> str:
    if len(amount) > 18:  # beyond what a glance can tell to be in range
        return format_units(amount_of(amount), decimals)
    if not (amount.isascii() and amount.isdigit()) or (amount[0] == "0" and amount != "0") or not 0 <= decimals <= 255:
        raise ValueError("the amount is not a canonical number of base units")
    if not decimals:
        return amount
    padded = amount.zfill(decimals + 1)
    return f"{padded[:-decimals]}.{padded[-decimals:]}"


class Writer(Protocol):
    """Text of an export: its head, then batches of rows, then its end."""

    def head(self) -> str: ...

    def rows(self, batch: Iterable[Values]) -> str:
        """Raises ValueError for a row whose own fields are not JSON; such a batch comes again row by row."""
        ...

    def tail(self) -> str: ...


class _Csv:
    """RFC 4180, the receipt's own fields left out."""

    def head(self) -> str:
        return ",".join(FIELDS) + "\r\n"

    def rows(self, batch: Iterable[Values]) -> str:
        cells = [[b"" if value is None else str(value).encode() for value in values[:-1]] for values in batch]
        return csv_lines(cells).decode()

    def tail(self) -> str:
        return ""


class _JsonLines:
    """An object a line. ASCII only: whatever a server put into its receipt, the file holds no character that a
    terminal or an editor acts on.
    """

    _encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

    def head(self) -> str:
        return ""

    def rows(self, batch: Iterable[Values]) -> str:
        return "".join(f"{self._object(values)}\n" for values in batch)

    def tail(self) -> str:
        return ""

    def _object(self, values: Values) -> str:
        # Base units are text: JSON readers commonly make floats of numbers.
        found = dict(zip(FIELDS, values, strict=False))
        found["receipt"] = receipt = json.loads(values[-1])
        if not isinstance(receipt, dict):
            raise ValueError("the details are not an object")
        return self._encode(found)


class _Json(_JsonLines):
    """One array."""

    def __init__(self) -> None:
        self._separator = "\n"

    def head(self) -> str:
        return "["

    def rows(self, batch: Iterable[Values]) -> str:
        text = ",\n".join(map(self._object, batch))
        if not text:
            return ""
        separator, self._separator = self._separator, ",\n"
        return separator + text

    def tail(self) -> str:
        return "\n]\n"


_PLACES: Final = {name: place for place, name in enumerate(FIELDS)}
_SHOWN: Final = ("time", "direction", "amount", "currency", "status", "method", "origin", "url", "reference", "id")


class _Markdown:
    """A table for people, with the sums below it. Cells are code spans: nothing in them is markup or becomes a link."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str, int], tuple[int, int]] = {}

    def head(self) -> str:
        names = " | ".join(_SHOWN)
        rule = " | ".join("---:" if name == "amount" else "---" for name in _SHOWN)
        return f"# Receipts\n\n| {names} |\n| {rule} |\n"

    def rows(self, batch: Iterable[Values]) -> str:
        return "".join(self._line(values) for values in batch)

    def tail(self) -> str:
        lines = [f"\n{sum(count for count, _ in self._sums.values())} receipts\n"]
        for (direction, symbol, _, decimals), (count, amount) in sorted(self._sums.items()):
            lines.append(f"- {direction}: {format_units(amount, decimals)} {_code(symbol)} in {count}\n")
        return "".join(lines if len(lines) == 1 else [lines[0], "\n", *lines[1:]])

    def _line(self, values: Values) -> str:
        found = {name: values[_PLACES[name]] for name in (*_SHOWN, "currency_id", "decimals", "amount_base_units")}
        key = found["direction"], found["currency"], found["currency_id"].lower(), found["decimals"]
        count, amount = self._sums.get(key, (0, 0))
        self._sums[key] = count + 1, amount + int(found["amount_base_units"])
        return f"| {' | '.join(_code(str(found[name])) for name in _SHOWN)} |\n"


def _code(text: str) -> str:
    """A code span that nothing in `text` can end; a bar would end the cell even there."""
    text = inert(text).replace("|", "\\|").strip()
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if longest else f"`{text}`"


WRITERS: Final[dict[Format, Callable[[], Writer]]] = {
    Format.CSV: _Csv,
    Format.JSON: _Json,
    Format.JSONL: _JsonLines,
    Format.MARKDOWN: _Markdown,
}

MALFORMED: Final = (ValueError, TypeError, OverflowError, RecursionError, MppError)
"""What a row raises that does not hold what it should."""
