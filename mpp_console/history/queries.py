"""Questions to the history: pages, counts, totals, spending, tails. Every one runs in the reader's thread and reads
an index.

Pages are found by their place (keyset), never by counting from the start, so that the last page costs what the first
does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from mpp_console.client.journal import KIND_PAYMENT
from mpp_console.history.database import Database
from mpp_console.history.errors import HistoryError, UnknownRow
from mpp_console.history.filters import Filter
from mpp_console.history.journal import SqlLedger
from mpp_console.history.orders import ByTime, Order, ordered_rows
from mpp_console.history.records import Cursor, OperationRow, Page, ReceiptRow, RequestRow, SpendBucket, Total
from mpp_console.history.rows import (
    decode_all,
    from_microseconds,
    read_operation,
    read_receipt,
    read_request,
    to_microseconds,
)
from mpp_console.history.sums import group_sums
from mpp_console.history.tallies import Tallies
from mpp_console.protocol import Currency, OperationState

__all__ = ["PAGE_LIMIT", "HistoryQueries"]

RowT = TypeVar("RowT")
T = TypeVar("T")

PAGE_LIMIT: Final = 1000
"""Rows of one page at most: a page is held in memory and drawn."""

_BUCKET_LIMIT: Final = 10_000
_COUNTED: Final = f"kind = '{KIND_PAYMENT}' AND state <> 'refused'"
"""What budgets count; see `client.journal.Ledger`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """Equal stretches of time, in microseconds."""

    start: int
    end: int
    step: int

    @classmethod
    def of(cls, since: datetime, until: datetime, width: timedelta) -> _Chart:
        start, end, step = to_microseconds(since), to_microseconds(until), width // timedelta(microseconds=1)
        if step <= 0 or end < start or (end - start) // step >= _BUCKET_LIMIT:
            raise HistoryError(f"a chart has a positive width and at most {_BUCKET_LIMIT} bars", code="bad-buckets")
        return cls(start=start, end=end, step=step)

    def fill(self, found: Mapping[int, tuple[int, int]]) -> tuple[SpendBucket, ...]:
        bars = []
        for number in range(-(-(self.end - self.start) // self.step)):
            count, amount = found.get(number, (0, 0))
            bars.append(
                SpendBucket(start=from_microseconds(self.start + number * self.step), count=count, amount=amount)
            )
        return tuple(bars)


class HistoryQueries:
    """Reads the history. Nothing here can change it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tallies = Tallies()

    async def receipts(
        self,
        where: Filter | None = None,
        *,
        after: Cursor | None = None,
        limit: int = 200,
        order: Order | None = None,
        skip: int = 0,
    ) -> Page[ReceiptRow]:
        """A page of receipts in an order (default: newest first), from the `skip`th after `after` on."""
        query, wanted, chosen = (where or Filter()).query(), _checked(limit), order or Order()
        if skip < 0:
            raise HistoryError("a page begins at or after its cursor", code="bad-skip")

        def job(connection: sqlite3.Connection) -> Page[ReceiptRow]:
            rows = ordered_rows(connection, query, chosen, after=after, limit=wanted + 1, skip=skip)
            return _page(rows, wanted, "at", read_receipt)

        return await self._ask(job)

    async def operations(
        self, *, state: OperationState | None = None, after: Cursor | None = None, limit: int = 200
    ) -> Page[OperationRow]:
        """A page of the journal, newest first."""
        conditions, parameters = (("state = ?",), (state.value,)) if state else ((), ())
        source = ByTime(source="operations INDEXED BY operations_by_time", time="created_at")
        return await self._list(source, read_operation, conditions, parameters, after=after, limit=limit)

    async def requests(
        self, *, outcome: str | None = None, after: Cursor | None = None, limit: int = 200
    ) -> Page[RequestRow]:
        """A page of the requests that our server answered, newest first."""
        conditions, parameters = (("outcome = ?",), (outcome,)) if outcome else ((), ())
        index = "requests_by_outcome" if outcome else "requests_by_time"
        source = ByTime(source=f"requests INDEXED BY {index}", time="at")
        return await self._list(source, read_request, conditions, parameters, after=after, limit=limit)

    async def receipt(self, receipt_id: str) -> ReceiptRow:
        """One receipt by its id. Raises UnknownRow or MalformedRow."""

        def job(connection: sqlite3.Connection) -> ReceiptRow:
            row = connection.execute("SELECT * FROM receipts WHERE id = ?", (receipt_id,)).fetchone()
            if row is None:
                raise UnknownRow(f"there is no receipt {receipt_id}")
            return read_receipt(row)

        return await self._database.read(job, doing="look up a receipt")

    async def receipts_of(self, operation_id: str) -> tuple[ReceiptRow, ...]:
        """The receipts of one operation; normally none or one."""
        sql = "SELECT * FROM receipts WHERE operation_id = ? ORDER BY seq"
        return await self._rows(sql, (operation_id,), read_receipt)

    async def receipts_since(self, seq: int, *, limit: int = PAGE_LIMIT) -> tuple[ReceiptRow, ...]:
        """What was recorded after place `seq`, by whichever process, in the order of recording: follow the last row's
        `seq`.
        """
        sql = "SELECT * FROM receipts WHERE seq > ? ORDER BY seq LIMIT ?"
        return await self._rows(sql, (seq, _checked(limit)), read_receipt)

    async def requests_since(self, seq: int, *, limit: int = PAGE_LIMIT) -> tuple[RequestRow, ...]:
        """Requests answered after place `seq`, in the order of recording."""
        sql = "SELECT * FROM requests WHERE seq > ? ORDER BY seq LIMIT ?"
        return await self._rows(sql, (seq, _checked(limit)), read_request)

    async def last_seq(self) -> int:
        """The place of the newest receipt, 0 when there is none: where a tail begins."""
        return await self._ask(lambda c: int(c.execute("SELECT coalesce(max(seq), 0) FROM receipts").fetchone()[0]))

    async def count(self, where: Filter | None = None) -> int:
        """How many receipts the filter lets through."""
        chosen = where or Filter()
        chosen.query()  # what is wrong with a filter is said before a thread is asked
        return await self._sum(lambda connection: self._tallies.count(connection, chosen))

    async def totals(self, where: Filter | None = None) -> tuple[Total, ...]:
        """What the filter's receipts sum to, for each currency and direction; exact at any size. Ordered by currency
        id.
        """
        chosen = where or Filter()
        chosen.query()

        def job(connection: sqlite3.Connection) -> tuple[Total, ...]:
            sums = self._tallies.sums(connection, chosen)
            return tuple(
                Total(currency=_currency(connection, currency), direction=direction, count=count, amount=amount)
                for (currency, direction), (count, amount) in sorted(sums.items(), key=_by_currency)
            )

        return await self._sum(job)

    async def origins(self, where: Filter | None = None, *, limit: int = 8) -> tuple[tuple[str, int], ...]:
        """The origins that most of the filter's receipts are of, with how many; empty for those earned here."""
        query, wanted = (where or Filter()).query(), _checked(limit)
        index = "receipts_by_origin" if not query.conditions else query.index
        sql = (
            f"SELECT origin, count(*) FROM receipts INDEXED BY {index} {query.where} "  # noqa: S608
            "GROUP BY origin ORDER BY count(*) DESC, origin LIMIT ?"
        )

        def job(connection: sqlite3.Connection) -> tuple[tuple[str, int], ...]:
            return tuple((origin, count) for origin, count in connection.execute(sql, (*query.parameters, wanted)))

        return await self._sum(job)

    async def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        """Base units of payments begun since then and not refused, as budgets count them."""
        return await self._ask(lambda connection: SqlLedger(connection).spent(currency_id, since, origin))

    async def spent_since(self, since: datetime) -> tuple[Total, ...]:
        """The same for every currency that has any, as totals of the direction `sent`."""

        def build(columns: str) -> str:
            return (
                f"SELECT count(*), {columns} FROM operations WHERE {_COUNTED} AND currency_id = ? AND created_at >= ?"  # noqa: S608
            )

        def job(connection: sqlite3.Connection) -> tuple[Total, ...]:
            totals = []
            for currency_id in _spent_currencies(connection):
                (((count,), amount),) = group_sums(connection, build, (currency_id, to_microseconds(since)))
                if count:
                    currency = _currency(connection, currency_id, table="operations")
                    totals.append(Total(currency=currency, direction="sent", count=count, amount=amount))
            return tuple(totals)

        return await self._ask(job)

    async def spend_buckets(
        self, currency_id: str, *, since: datetime, until: datetime, width: timedelta, origin: str | None = None
    ) -> tuple[SpendBucket, ...]:
        """What payments took in each stretch of `width` from `since` on, empty ones included, as budgets count it."""
        condition, parameters = f"{_COUNTED} AND currency_id = ?", [currency_id]
        if origin is not None:
            condition, parameters = f"{condition} AND origin = ?", [currency_id, origin]
        return await self._buckets("operations", "created_at", condition, parameters, _Chart.of(since, until, width))

    async def receipt_buckets(
        self, currency_id: str, *, direction: str, since: datetime, until: datetime, width: timedelta
    ) -> tuple[SpendBucket, ...]:
        """The same from receipts: revenue with the direction `received`."""
        condition = "currency_id = ? AND direction = ?"
        return await self._buckets(
            "receipts", "at", condition, [currency_id, direction], _Chart.of(since, until, width)
        )

    async def _ask(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.read(job, doing="read the history")

    async def _sum(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.read(job, doing="count in the history", lane="sums")

    async def _rows(
        self, sql: str, parameters: tuple[Any, ...], read: Callable[[sqlite3.Row], RowT]
    ) -> tuple[RowT, ...]:
        return await self._ask(lambda connection: tuple(decode_all(connection.execute(sql, parameters), read)[0]))

    async def _list(
        self,
        source: ByTime,
        read: Callable[[sqlite3.Row], RowT],
        conditions: tuple[str, ...],
        parameters: tuple[Any, ...],
        *,
        after: Cursor | None,
        limit: int,
    ) -> Page[RowT]:
        wanted, sql, place = _checked(limit), source.sql(conditions), source.place(after)

        def job(connection: sqlite3.Connection) -> Page[RowT]:
            rows = connection.execute(sql, (*parameters, *place, wanted + 1, 0)).fetchall()
            return _page(rows, wanted, source.time, read)

        return await self._ask(job)

    async def _buckets(
        self, table: str, time: str, condition: str, parameters: list[str], chart: _Chart
    ) -> tuple[SpendBucket, ...]:
        def build(columns: str) -> str:
            return (
                f"SELECT ({time} - {chart.start}) / {chart.step}, count(*), {columns} FROM {table} "  # noqa: S608
                f"WHERE {condition} AND {time} >= {chart.start} AND {time} < {chart.end} GROUP BY 1"
            )

        def job(connection: sqlite3.Connection) -> tuple[SpendBucket, ...]:
            sums = group_sums(connection, build, parameters)
            return chart.fill({number: (count, amount) for (number, count), amount in sums})

        return await self._ask(job)


def _by_currency(item: tuple[tuple[str, str], tuple[int, int]]) -> tuple[str, str]:
    (currency, direction), _ = item
    return currency.lower(), direction


def _page(rows: list[sqlite3.Row], wanted: int, time: str, read: Callable[[sqlite3.Row], RowT]) -> Page[RowT]:
    """Of `wanted` rows and one more, which says whether the list goes on."""
    shown = rows[:wanted]
    good, skipped = decode_all(shown, read)
    more = Cursor(at=shown[-1][time], seq=shown[-1]["seq"]) if len(rows) > wanted else None
    return Page(rows=tuple(good), next=more, skipped=skipped)


def _checked(limit: int) -> int:
    if not 1 <= limit <= PAGE_LIMIT:
        raise HistoryError(f"a page has 1 to {PAGE_LIMIT} rows", code="bad-limit")
    return limit


def _spent_currencies(connection: sqlite3.Connection) -> list[str]:
    """The currencies of all payments, by leaping from one to the next in the index instead of reading every row."""
    found: list[str] = []
    sql = f"SELECT min(currency_id) FROM operations WHERE {_COUNTED} AND currency_id > ?"  # noqa: S608
    while (following := connection.execute(sql, (found[-1] if found else "",)).fetchone()[0]) is not None:
        found.append(following)
    return found


def _currency(connection: sqlite3.Connection, currency_id: str, *, table: str = "receipts") -> Currency:
    """How the newest row of this currency names it: a token may have been relabelled, but its base units stay the
    same.
    """
    columns = "currency_id, currency_symbol, currency_decimals"
    if table == "operations":
        sql = f"SELECT {columns} FROM operations WHERE {_COUNTED} AND currency_id = ? ORDER BY created_at DESC LIMIT 1"  # noqa: S608
    else:
        sql = f"SELECT {columns} FROM receipts WHERE currency_id = ? ORDER BY at DESC LIMIT 1"  # noqa: S608
    row = connection.execute(sql, (currency_id,)).fetchone()
    return Currency(id=row["currency_id"], symbol=row["currency_symbol"], decimals=row["currency_decimals"])
