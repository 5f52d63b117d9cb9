"""Counts and sums of the receipts that pass a filter, as of the newest one, without reading them twice.

Receipts are only ever added, each with a higher `seq`. So what was counted once is kept, and counting again reads what
came since. Reading everything cannot be helped the first time; it happens in a reader's thread of its own.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from mpp_console.history.filters import Filter, Query
from mpp_console.history.orders import distinct, narrowed
from mpp_console.history.sums import group_sums

__all__ = ["Tallies"]

T = TypeVar("T")

Group = tuple[str, str]
"""A currency id and a direction."""

Sums = dict[Group, tuple[int, int]]
"""How many receipts and how many base units, for each group that has any."""

_KEPT: Final = 32
_FEW: Final = 100_000
"""So many proposed rows are read in less time than all of them are."""
_NEWEST: Final = "SELECT coalesce(max(seq), 0) FROM receipts"
_NEXT_GROUP: Final = (
    "SELECT currency_id, direction FROM receipts INDEXED BY receipts_by_currency "
    "WHERE (currency_id, direction) > (?, ?) ORDER BY currency_id, direction LIMIT 1"
)


class Tallies:
    """Used by one thread at a time."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Filter, tuple[int, int]] = OrderedDict()
        self._sums: OrderedDict[Filter, tuple[int, Sums]] = OrderedDict()

    def count(self, connection: sqlite3.Connection, where: Filter) -> int:
        """How many receipts pass."""
        newest: int = connection.execute(_NEWEST).fetchone()[0]
        known = self._counts.get(where)
        if known is None:
            found = _count(connection, _counting(connection, where))
        else:
            found = known[1] + _count(connection, _since(where, known[0]))
        _keep(self._counts, where, (newest, found))
        return found

    def sums(self, connection: sqlite3.Connection, where: Filter) -> Sums:
        """What they sum to, exact at any size."""
        newest: int = connection.execute(_NEWEST).fetchone()[0]
        known = self._sums.get(where)
        if known is None:
            found = _sums(connection, where)
        else:
            found = dict(known[1])
            for group, (count, amount) in _grouped(connection, _since(where, known[0])).items():
                before = found.get(group, (0, 0))
                found[group] = before[0] + count, before[1] + amount
        _keep(self._sums, where, (newest, found))
        return found


def _keep(kept: OrderedDict[Filter, T], where: Filter, value: T) -> None:
    kept[where] = value
    kept.move_to_end(where)
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _since(where: Filter, seq: int) -> Query:
    return replace(where.query().also("seq > ?", seq), index=None)


def _essential(connection: sqlite3.Connection, where: Filter) -> Filter:
    """The filter without a choice of statuses that every receipt passes: no index of sums holds the status."""
    if where.statuses and all(status in where.statuses for status in distinct(connection, "status")):
        return replace(where, statuses=())
    return where


def _counting(connection: sqlite3.Connection, where: Filter) -> Query:
    query = _proposed(connection, _essential(connection, where).query())
    if query.index == "receipts_by_time" and where.amounts:
        return replace(query, index="receipts_by_amount")
    return query


def _proposed(connection: sqlite3.Connection, query: Query) -> Query:
    """For text what is proposed is worth asking however much it is: the alternative is to read every text there is."""
    found = narrowed(connection, query, few=_FEW)
    if found is query:
        return next((query.only(proposal) for proposal in query.proposals if proposal.text), query)
    return found


def _count(connection: sqlite3.Connection, query: Query) -> int:
    sql = f"SELECT count(*) FROM {query.source()} {query.where}"  # noqa: S608 - constants and marks
    return int(connection.execute(sql, query.parameters).fetchone()[0])


def _sums(connection: sqlite3.Connection, where: Filter) -> Sums:
    where = _essential(connection, where)
    query = _proposed(connection, where.query())
    if query.index is None or where.origin is not None:
        return _grouped(connection, query)
    found: Sums = {}
    # One group after the other, each a stretch of an index: grouping all at once would sort everything.
    for group in _groups(connection):
        if where.direction in (None, group[1]) and (where.currency or group[0]).lower() == group[0].lower():
            one = query.also("currency_id = ? AND direction = ?", *group)
            ((count, amount),) = _summed(connection, one, "receipts_by_currency")
            if count:
                found[group] = count, amount
    return found


def _summed(connection: sqlite3.Connection, query: Query, index: str) -> list[tuple[int, int]]:
    def build(columns: str) -> str:
        return f"SELECT count(*), {columns} FROM {query.source(index)} {query.where}"  # noqa: S608 - constants and marks

    return [(count, amount) for (count,), amount in group_sums(connection, build, query.parameters)]


def _grouped(connection: sqlite3.Connection, query: Query) -> Sums:
    def build(columns: str) -> str:
        return (
            f"SELECT currency_id, direction, count(*), {columns} FROM {query.source()} {query.where} "  # noqa: S608
            "GROUP BY currency_id, direction"
        )

    found = group_sums(connection, build, query.parameters)
    return {(currency, direction): (count, amount) for (currency, direction, count), amount in found}


def _groups(connection: sqlite3.Connection) -> Iterator[Group]:
    """Every group there is, by leaping from one to the next in the index."""
    group: Group = ("", "")
    while (row := connection.execute(_NEXT_GROUP, group).fetchone()) is not None:
        group = row[0], row[1]
        yield group
