"""Pages of receipts in every order a person may choose, each found by its place in an index.

- time: the index that serves the filter, or the one by time;
- amount: by the number as it is shown (`amount_key`), equal ones by when they were recorded;
- origin, status: by the text, and within one text the newest first. An index runs one way in all its columns, so the
  texts are visited one after the other, each leapt to in the index.

A filter that only few rows can pass is asked of those rows, and what is found is sorted; without that, a search for
what is not there would read everything.

Runs in a reader's thread, on its connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from mpp_console.history.errors import HistoryError
from mpp_console.history.filters import Query
from mpp_console.history.records import Cursor

__all__ = ["ByTime", "Order", "OrderKey", "distinct", "narrowed", "ordered_rows"]

OrderKey = Literal["time", "amount", "origin", "status"]

NEWEST: Final = Cursor(at=2**63 - 1, seq=2**63 - 1)
"""No row is newer, so that the first page is like every other."""
OLDEST: Final = Cursor(at=-(2**63), seq=-1)

_FEW: Final = 30_000
"""So many rows are read and sorted in less time than an index takes to be walked to a few that pass."""

_LARGEST, _SMALLEST = ("9999", 2**63 - 1), ("", -1)  # outside of every amount's key


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a list of receipts is ordered. `descending` turns the key around; see the module for what follows it."""

    key: OrderKey = "time"
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTime:
    """A list ordered by a column of time and then by place: where to read, and that column."""

    source: str
    time: str
    descending: bool = True

    def sql(self, conditions: tuple[str, ...]) -> str:
        """Takes the conditions' parameters, the place (time and seq), a limit and an offset."""
        than, way = ("<", "DESC") if self.descending else (">", "ASC")
        where = " AND ".join((*conditions, f"({self.time}, seq) {than} (?, ?)"))
        return (
            f"SELECT * FROM {self.source} WHERE {where} "  # noqa: S608 - constants and marks
            f"ORDER BY {self.time} {way}, seq {way} LIMIT ? OFFSET ?"
        )

    def place(self, after: Cursor | None) -> tuple[int, int]:
        start = after or (NEWEST if self.descending else OLDEST)
        return start.at, start.seq


def narrowed(connection: sqlite3.Connection, query: Query, *, few: int) -> Query:
    """The query asked of a few proposed rows only, where an index knows of no more than `few`."""
    for proposal in query.proposals:
        sql = f"SELECT count(*) FROM ({proposal.sql} LIMIT ?)"  # noqa: S608 - constants and marks
        if connection.execute(sql, (*proposal.parameters, few + 1)).fetchone()[0] <= few:
            return query.only(proposal)
    return query


def ordered_rows(
    connection: sqlite3.Connection, query: Query, order: Order, *, after: Cursor | None, limit: int, skip: int = 0
) -> list[sqlite3.Row]:
    """At most `limit` receipts that pass, in this order, from the `skip`th after `after` on. Raises HistoryError."""
    query = narrowed(connection, query, few=_FEW)
    match order.key:
        case "time":
            listed = ByTime(source=query.source(), time="at", descending=order.descending)
            parameters = (*query.parameters, *listed.place(after), limit, skip)
            return connection.execute(listed.sql(query.conditions), parameters).fetchall()
        case "amount":
            return _by_amount(connection, query, order, after=after, limit=limit, skip=skip)
        case "origin" | "status" as column:
            return _by_text(connection, query, column, order, after=after, limit=limit, skip=skip)


def _by_amount(
    connection: sqlite3.Connection, query: Query, order: Order, *, after: Cursor | None, limit: int, skip: int
) -> list[sqlite3.Row]:
    than, way, place = ("<", "DESC", _LARGEST) if order.descending else (">", "ASC", _SMALLEST)
    if after is not None:
        place = _key_of(connection, "amount_key", after), after.seq
    asked = query.also(f"(amount_key, seq) {than} (?, ?)", *place)
    sql = (
        f"SELECT * FROM {query.source('receipts_by_amount')} {asked.where} "  # noqa: S608 - constants and marks
        f"ORDER BY amount_key {way}, seq {way} LIMIT ? OFFSET ?"
    )
    return connection.execute(sql, (*asked.parameters, limit, skip)).fetchall()


def _by_text(
    connection: sqlite3.Connection,
    query: Query,
    column: Literal["origin", "status"],
    order: Order,
    *,
    after: Cursor | None,
    limit: int,
    skip: int,
) -> list[sqlite3.Row]:
    source = query.source(f"receipts_by_{column}")
    listed = ByTime(source=source, time="at")
    sql = listed.sql((*query.conditions, f"{column} = ?"))
    where = " AND ".join((*query.conditions, f"{column} = ?", "(at, seq) < (?, ?)"))
    count = f"SELECT count(*) FROM {source} WHERE {where}"  # noqa: S608 - constants and marks
    text = None if after is None else _key_of(connection, column, after)
    found: list[sqlite3.Row] = []
    for number, group in enumerate(distinct(connection, column, text, down=order.descending)):
        parameters = (*query.parameters, group, *listed.place(after if number == 0 else None))
        if skip:
            inside = int(connection.execute(count, parameters).fetchone()[0])
            if inside <= skip:
                skip -= inside
                continue
        found += connection.execute(sql, (*parameters, limit - len(found), skip))
        skip = 0
        if len(found) >= limit:
            break
    return found


def distinct(
    connection: sqlite3.Connection, column: Literal["origin", "status"], first: str | None = None, *, down: bool = False
) -> Iterator[str]:
    """The different texts of a column from `first` on, by leaping from one to the next in its index."""
    pick, than = ("max", "<") if down else ("min", ">")
    start = f"SELECT {pick}({column}) FROM receipts INDEXED BY receipts_by_{column}"  # noqa: S608 - constants
    text = first if first is not None else connection.execute(start).fetchone()[0]
    while text is not None:
        yield text
        text = connection.execute(f"{start} WHERE {column} {than} ?", (text,)).fetchone()[0]


def _key_of(connection: sqlite3.Connection, column: str, cursor: Cursor) -> Any:
    """What the row at this place is ordered by; receipts are never deleted, so that it is there."""
    sql = f"SELECT {column} FROM receipts WHERE seq = ? AND at = ?"  # noqa: S608 - a constant
    row = connection.execute(sql, (cursor.seq, cursor.at)).fetchone()
    if row is None:
        raise HistoryError("this does not continue any list", code="bad-cursor", hint="start from the first page")
    return row[0]
