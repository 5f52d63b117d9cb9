"""Which receipts: a filter as a value, and its one translation to SQL. Lists, counts, totals and exports all use it.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mpp_console.history.errors import HistoryError
from mpp_console.history.rows import amount_text, to_microseconds
from mpp_console.history.sums import AT_LEAST, AT_MOST

__all__ = ["TEXT_FIELDS", "Filter", "Query"]

TEXT_FIELDS: Final = (
    "origin", "url", "reference", "method", "intent", "status", "network", "id", "operation_id", "challenge_id",
    "external_id", "payer", "recipient", "currency_symbol",
)  # fmt: skip
"""The columns that `Filter.text` looks into."""

_TEXT_LIMIT = 200
_MATCH_TEXT = "(" + " OR ".join(rf"{name} LIKE ? ESCAPE '\'" for name in TEXT_FIELDS) + ")"

# Equality filters with the index that serves each, the most selective first: the first one that a filter uses picks
# the index. Without this SQLite would have to guess, and a wrong guess at a million rows is felt.
_EQUALITIES: Final = (
    ("origin", "origin", "receipts_by_origin"),
    ("currency", "currency_id", "receipts_by_currency_time"),
    ("method", "method", "receipts_by_method"),
    ("status", "status", "receipts_by_status"),
    ("direction", "direction", "receipts_by_direction"),
    ("intent", "intent", None),
    ("network", "network", None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which receipts. A field that is None or empty does not restrict.

    `currency` is a currency id, in any letter case. `amount_min` and `amount_max` are base units, both included.
    `since` is included and `until` is not. `text` is found anywhere in the fields of TEXT_FIELDS, whatever the case
    of its ASCII letters; the first 200 characters count.
    """

    text: str = ""
    direction: str | None = None
    origin: str | None = None
    status: str | None = None
    method: str | None = None
    intent: str | None = None
    currency: str | None = None
    network: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.direction not in (None, "sent", "received"):
            raise HistoryError("a receipt is either sent or received", code="bad-filter")

    def query(self) -> Query:
        """The filter as SQL. Raises HistoryError (`naive-datetime`, `bad-amount`)."""
        index = None
        conditions: list[str] = []
        parameters: list[Any] = []
        for field, column, serves in _EQUALITIES:
            value = getattr(self, field)
            if value is not None:
                conditions.append(f"{column} = ?")
                parameters.append(value)
                index = index or serves
        for bound, condition in ((self.since, "at >= ?"), (self.until, "at < ?")):
            if bound is not None:
                conditions.append(condition)
                parameters.append(to_microseconds(bound))
        for amount, condition in ((self.amount_min, AT_LEAST), (self.amount_max, AT_MOST)):
            if amount is not None:
                conditions.append(condition)
                parameters += [amount_text(amount)] * 2
        if self.text:
            conditions.append(_MATCH_TEXT)
            parameters += [_like(self.text[:_TEXT_LIMIT])] * len(TEXT_FIELDS)
        return Query(index=index or "receipts_by_time", conditions=tuple(conditions), parameters=tuple(parameters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Conditions joined by AND, their parameters, and the index that serves them in order of time."""

    index: str
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]

    @property
    def where(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
