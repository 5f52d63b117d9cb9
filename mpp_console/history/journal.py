"""The journal on disk: what `client.Journal` asks for, safe against crashes and against other processes.

A row is durable before the call that writes it returns. Budget check and row are one transaction that holds SQLite's
write lock from its first statement, so that two processes can never both fit the same budget. States change only as
`protocol.operation` allows.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from mpp_console.client.journal import (
    KIND_PAYMENT,
    Clock,
    DuplicateOperation,
    Ledger,
    Operation,
    OperationDraft,
    ReceiptRecord,
    UnknownOperation,
)
from mpp_console.history.database import Database
from mpp_console.history.pruning import RequestLimits, prune_requests
from mpp_console.history.records import RequestRecord
from mpp_console.history.rows import (
    OPERATION_COLUMNS,
    RECEIPT_COLUMNS,
    REQUEST_COLUMNS,
    decode_all,
    operation_values,
    read_operation,
    receipt_values,
    request_values,
    to_microseconds,
)
from mpp_console.history.searching import catch_up
from mpp_console.history.sums import group_sums
from mpp_console.protocol import OperationEvent

__all__ = ["HistoryJournal", "SqlLedger"]

T = TypeVar("T")
_log = logging.getLogger(__name__)


def _insert(table: str, columns: str, *, conflict: str = "") -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) {conflict}"  # noqa: S608 - constants only


_INSERT_OPERATION = _insert("operations", OPERATION_COLUMNS)
_INSERT_RECEIPT = _insert("receipts", RECEIPT_COLUMNS, conflict="ON CONFLICT (id) DO NOTHING")
_INSERT_REQUEST = _insert("requests", REQUEST_COLUMNS, conflict="ON CONFLICT (id) DO NOTHING")
_ONE = "SELECT * FROM operations WHERE id = ?"
_UNRESOLVED = "SELECT * FROM operations WHERE state IN ('prepared', 'sent', 'unknown') ORDER BY created_at, seq"
_CHANGING = ("state", "updated_at", "amount", "reference", "trace", "error")
_UPDATE = f"UPDATE operations SET {', '.join(f'{name} = ?' for name in _CHANGING)} WHERE id = ? AND state = ?"  # noqa: S608
_SPENT = (
    f"SELECT {{columns}} FROM operations WHERE kind = '{KIND_PAYMENT}' AND state <> 'refused' "  # noqa: S608
    "AND currency_id = ? AND created_at >= ?"
)


class SqlLedger:
    """The past as the spending policy may ask it, read inside whatever transaction `connection` is in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def spent(self, currency_id: str, since: datetime, origin: str | None = None) -> int:
        """See `client.journal.Ledger`."""
        condition, parameters = _SPENT, [currency_id, to_microseconds(since)]
        if origin is not None:
            condition, parameters = f"{_SPENT} AND origin = ?", [*parameters, origin]
        ((_, amount),) = group_sums(self._connection, lambda columns: condition.format(columns=columns), parameters)
        return amount


class HistoryJournal:
    """Implements `client.Journal` on an open history file. `clock` stamps the rows, `limits` bound the served
    requests.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = lambda: datetime.now(UTC),
        limits: RequestLimits = RequestLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    async def consult(self, read: Callable[[Ledger], T]) -> T:
        """Gives `read` the ledger, on one consistent view, in the reader's thread. Nothing is written."""
        return await self._database.read(
            lambda connection: read(SqlLedger(connection)), doing="read what was spent", lane="payments"
        )

    async def begin(self, draft: OperationDraft, authorise: Callable[[Ledger], None]) -> Operation:
        """Writes a `prepared` row if `authorise` does not raise; durable when this returns.

        `authorise` runs in the writer's thread with the write lock held, so it must be short. What it raises comes
        out unchanged and leaves no row. Raises DuplicateOperation or HistoryError.
        """

        def job(connection: sqlite3.Connection) -> Operation:
            if connection.execute("SELECT 1 FROM operations WHERE id = ?", (draft.id,)).fetchone() is not None:
                raise DuplicateOperation(f"operation {draft.id} exists already")
            authorise(SqlLedger(connection))
            values = operation_values(Operation.from_draft(draft, self._clock()))
            connection.execute(_INSERT_OPERATION, values)
            return _fetch(connection, draft.id)

        return await self._database.write(job, doing="begin an operation")

    async def advance(
        self,
        operation_id: str,
        event: OperationEvent,
        /,
        *,
        reference: str | None = None,
        trace: Mapping[str, Any] | None = None,
        error: str | None = None,
        amount: int | None = None,
    ) -> Operation:
        """Applies `event`; durable when this returns. Raises UnknownOperation, IllegalTransition, MalformedRow or
        HistoryError.
        """

        def job(connection: sqlite3.Connection) -> Operation:
            before = _fetch(connection, operation_id)
            now = self._clock()
            after = before.advanced(event, now, reference=reference, trace=trace, error=error, amount=amount)
            return _replace(connection, before, after)

        return await self._database.write(job, doing="bring an operation up to date")

    async def extend(
        self, operation_id: str, amount: int, authorise: Callable[[Ledger], None], /, *, trace: Mapping[str, Any]
    ) -> Operation:
        """See `client.Journal.extend`. `authorise` runs as that of `begin` does; durable when this returns."""

        def job(connection: sqlite3.Connection) -> Operation:
            before = _fetch(connection, operation_id)
            authorise(SqlLedger(connection))
            return _replace(connection, before, before.extended(amount, self._clock(), trace))

        return await self._database.write(job, doing="let an operation grow")

    async def get(self, operation_id: str, /) -> Operation:
        """Raises UnknownOperation, or MalformedRow when somebody else has changed the row."""
        return await self._database.read(
            lambda connection: _fetch(connection, operation_id), doing="look up an operation"
        )

    async def unresolved(self) -> list[Operation]:
        """Every operation that is neither settled nor refused, oldest first. Malformed rows are skipped and logged."""

        def job(connection: sqlite3.Connection) -> list[Operation]:
            rows, skipped = decode_all(connection.execute(_UNRESOLVED), read_operation)
            if skipped:
                _log.warning("%d unresolved operations of the history cannot be read", skipped)
            return [row.operation for row in rows]

        return await self._database.read(job, doing="list unresolved operations", lane="payments")

    async def receive(self, receipt_record: ReceiptRecord) -> None:
        """Keeps a receipt, durable when this returns. A record whose id is there already is left as it is."""
        await self.keep_receipt(receipt_record)

    async def keep_receipt(self, record: ReceiptRecord) -> int | None:
        """As `receive`, and gives the row's place (`seq`), None when the id was there already."""

        def job(connection: sqlite3.Connection) -> int | None:
            done = connection.execute(_INSERT_RECEIPT, receipt_values(record))
            seq = done.lastrowid
            if done.rowcount != 1 or seq is None:
                return None
            try:
                catch_up(connection, seq)
            except sqlite3.DatabaseError:  # a receipt is worth more than the speed of searching
                _log.warning("the search index of the history was not brought up to date", exc_info=True)
            return seq

        return await self._database.write(job, doing="keep a receipt")

    async def keep_requests(self, *records: RequestRecord) -> None:
        """Keeps requests that our server answered, and drops the oldest beyond the limits. Not flushed to disk at
        once: no money depends on them.
        """
        now = self._clock()

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT_REQUEST, [request_values(record) for record in records])
            prune_requests(connection, self._limits, now)

        await self._database.write(job, doing="keep a served request", durable=False)


def _replace(connection: sqlite3.Connection, before: Operation, after: Operation) -> Operation:
    row = dict(zip(OPERATION_COLUMNS.split(", "), operation_values(after), strict=True))
    connection.execute(_UPDATE, (*(row[name] for name in _CHANGING), before.id, before.state.value))
    return _fetch(connection, before.id)


def _fetch(connection: sqlite3.Connection, operation_id: str) -> Operation:
    row = connection.execute(_ONE, (operation_id,)).fetchone()
    if row is None:
        raise UnknownOperation(f"there is no operation {operation_id}")
    return read_operation(row).operation
