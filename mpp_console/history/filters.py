"""Which receipts: a filter as a value, and its one translation to SQL. Lists, counts, totals and exports all use it.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from mpp_console.history.errors import HistoryError
from mpp_console.history.rows import to_microseconds
from mpp_console.history.searching import PROPOSED, TEXT_FIELDS, trigrams
from mpp_console.history.sums import amount_key

__all__ = ["AMOUNT_OPS", "Filter", "Proposal", "Query"]

AMOUNT_OPS: Final = frozenset({"<", "<=", ">", ">=", "="})

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

    `currency` is a currency id, `symbol` its symbol, both in any letter case. `amounts` are comparisons with a value
    in the currency's own units, whatever that currency is. `since` is included and `until` is not. Each of `words` is
    found somewhere in `searching.TEXT_FIELDS`, `origin_part` and `reference_part` in theirs, whatever the case of ASCII
    letters; the first 200 characters of each count. `statuses` allows several. `method` may name an intent too, as in
    `tempo/session`. What passes one of `without` does not pass.
    """

    words: tuple[str, ...] = ()
    direction: str | None = None
    origin: str | None = None
    origin_part: str | None = None
    reference_part: str | None = None
    status: str | None = None
    statuses: tuple[str, ...] = ()
    method: str | None = None
    intent: str | None = None
    currency: str | None = None
    symbol: str | None = None
    network: str | None = None
    amounts: tuple[tuple[str, Decimal], ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    without: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        if self.direction not in (None, "sent", "received"):
            raise HistoryError("a receipt is either sent or received", code="bad-filter")
        for op, value in self.amounts:
            if op not in AMOUNT_OPS or not value.is_finite():
                raise HistoryError("an amount is compared with < <= > >= or =, with a number", code="bad-filter")

    def query(self) -> Query:
        """The filter as SQL. Raises HistoryError (`naive-datetime`)."""
        index = next(
            (serves for field, _, serves in _EQUALITIES if serves and getattr(self, field) is not None),
            "receipts_by_time",
        )
        terms = tuple(self._terms())
        return Query(
            index=index,
            conditions=tuple(condition for condition, _ in terms),
            parameters=tuple(value for _, values in terms for value in values),
            proposals=tuple(self._proposals()),
        )

    def _proposals(self) -> Iterator[Proposal]:
        parts = (*self.words, self.origin_part or "", self.reference_part or "")
        if found := [trigram for part in parts for trigram in trigrams(part)]:
            expression = " ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in found)
            yield Proposal(sql=PROPOSED, parameters=(expression,), text=True)
        if self.amounts:
            where = " AND ".join(f"amount_key {op} ?" for op, _ in self.amounts)
            yield Proposal(
                sql=f"SELECT seq FROM receipts INDEXED BY receipts_by_amount WHERE {where}",  # noqa: S608 - constants
                parameters=tuple(amount_key(value) for _, value in self.amounts),
            )

    def _equalities(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        for field, column, _ in _EQUALITIES:
            value = getattr(self, field)
            if value is not None:
                yield f"{column} = ?", (value.partition("/")[0] if field == "method" else value,)
        if intent := (self.method or "").partition("/")[2]:
            yield "intent = ?", (intent,)

    def _terms(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        yield from self._equalities()
        if self.statuses:
            yield f"status IN ({', '.join('?' * len(self.statuses))})", self.statuses
        if self.symbol is not None:
            yield "currency_symbol = ? COLLATE NOCASE", (self.symbol,)
        for bound, condition in ((self.since, "at >= ?"), (self.until, "at < ?")):
            if bound is not None:
                yield condition, (to_microseconds(bound),)
        for op, value in self.amounts:
            yield f"amount_key {op} ?", (amount_key(value),)
        for part, column in ((self.origin_part, "origin"), (self.reference_part, "reference")):
            if part is not None:
                yield rf"{column} LIKE ? ESCAPE '\'", (_like(part),)
        for word in self.words:
            yield _MATCH_TEXT, (_like(word),) * len(TEXT_FIELDS)
        for left_out in self.without:
            query = left_out.query()
            # Columns that are NULL make a comparison NULL, which is not a match and so must not leave the row out.
            yield f"({' AND '.join(query.conditions) or 'TRUE'}) IS NOT TRUE", query.parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A question for the `seq` of every row that may pass, answered by an index. What it leaves out does not pass."""

    sql: str
    parameters: tuple[Any, ...]
    text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Conditions joined by AND, their parameters, and the index that serves them in order of time (None: none does).

    `proposals` are the ways there are to narrow the rows down first; see `narrowed`.
    """

    index: str | None
    conditions: tuple[str, ...]
    parameters: tuple[Any, ...]
    proposals: tuple[Proposal, ...] = ()

    @property
    def where(self) -> str:
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""

    def source(self, index: str | None = None) -> str:
        """The table to read, by `index` or the query's own, or by the rows that were proposed."""
        name = None if self.index is None else index or self.index
        return f"receipts INDEXED BY {name}" if name else "receipts NOT INDEXED"

    def only(self, proposal: Proposal) -> Query:
        """The same, asked of what is proposed only."""
        return Query(
            index=None,
            conditions=(f"seq IN ({proposal.sql})", *self.conditions),
            parameters=(*proposal.parameters, *self.parameters),
        )

    def also(self, condition: str, *parameters: Any) -> Query:
        """The same with one condition more."""
        return replace(self, conditions=(*self.conditions, condition), parameters=(*self.parameters, *parameters))


def _like(text: str) -> str:
    escaped = text[:_TEXT_LIMIT].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
