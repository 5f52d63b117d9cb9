"""Receipts as a file for other programs: CSV, JSON or JSON Lines, written row by row so that memory does not grow
with the history.

Secrets cannot come out because they never went in (`redaction.py`). Amounts appear twice, in base units and as plain
decimals without grouping; times are absolute and in UTC. A file appears under its name only when it is complete.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any, Final, Protocol, TextIO

from mpp_console.history.connections import connect_reader
from mpp_console.history.errors import HistoryError, MalformedRow, translated
from mpp_console.history.filters import Filter
from mpp_console.history.records import ReceiptRow
from mpp_console.history.rows import read_receipt
from mpp_console.protocol import format_units, inert
from mpp_console.wallet.files import FileExists, FileTrouble, open_private_temp, place

__all__ = ["FIELDS", "Exported", "Format", "export_to_file", "export_to_stream", "safe_cell"]

FIELDS: Final = (
    "id", "time", "direction", "status", "origin", "url", "method", "intent", "amount", "amount_base_units",
    "currency", "currency_id", "decimals", "network", "reference", "challenge_id", "external_id", "operation_id",
    "payer", "recipient",
)  # fmt: skip
"""The columns of CSV, and the names in JSON, where `receipt` follows: the receipt's own fields, decoded."""

_STEP = 500  # rows between two looks at the cancel flag and two calls of `progress`

# OWASP "CSV Injection": spreadsheets run a cell that begins with one of these. They skip white space and quotes
# before it, and some read the full-width forms as the plain ones.
_FORMULA = re.compile(r"""[\s'"`\u00a0\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20\t\r\n]""")


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: `rows` receipts; `skipped` counts rows that could not be read."""

    rows: int
    skipped: int


Progress = Callable[[int], None]
"""Called now and then with the rows written so far, in the thread that writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    database: Path
    file_format: Format
    where: Filter
    progress: Progress | None
    cancelled: Event

    def step(self, written: int) -> None:
        if self.cancelled.is_set():
            raise _Cancelled("the export was cancelled")
        if self.progress is not None:
            self.progress(written)


async def export_to_file(
    database: Path,
    target: Path,
    *,
    file_format: Format,
    where: Filter | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Writes the filter's receipts, newest first, to `target` (0600). Cancelling the task leaves nothing behind.

    `database` is the path of the history file. Raises FileExists when `target` is there and `replace` is False,
    FileTrouble or HistoryError.
    """
    job = _job(database, file_format, where, progress)
    return await _in_thread(job, lambda: _to_file(job, target, replace=replace))


async def export_to_stream(
    database: Path,
    stream: TextIO,
    *,
    file_format: Format,
    where: Filter | None = None,
    progress: Progress | None = None,
) -> Exported:
    """The same to an open text stream, which is left open. `stream` is used from another thread."""
    job = _job(database, file_format, where, progress)
    return await _in_thread(job, lambda: _write(job, stream))


def _job(database: Path, file_format: Format, where: Filter | None, progress: Progress | None) -> _Job:
    return _Job(
        database=database, file_format=file_format, where=where or Filter(), progress=progress, cancelled=Event()
    )


class _Cancelled(HistoryError):
    default_code = "cancelled"


async def _in_thread(job: _Job, work: Callable[[], Exported]) -> Exported:
    running = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        job.cancelled.set()
        await asyncio.wait({running})  # the thread ends at its next look, and by then has removed its file
        if not running.cancelled():
            running.exception()  # looked at, so that nobody is told that it was not
        raise


def _to_file(job: _Job, target: Path, *, replace: bool) -> Exported:
    if target.exists() and not replace:  # said before the work; `place` decides it for good
        raise FileExists(f"{target} exists already", hint="choose another name, or move what is there away")
    raw, temporary = open_private_temp(target)
    try:
        with io.TextIOWrapper(raw, encoding="utf-8", newline="") as stream:
            done = _write(job, stream)
            stream.flush()
            os.fsync(stream.fileno())
        place(temporary, target, replace=replace)
    except OSError as error:
        raise FileTrouble(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return done


def _write(job: _Job, stream: TextIO) -> Exported:
    writer = _WRITERS[job.file_format](stream)
    written = skipped = 0
    with closing(connect_reader(job.database)) as connection, translated("export receipts"):
        writer.begin()
        for row in _rows(connection, job.where):
            try:
                writer.row(read_receipt(row))
                written += 1
            except MalformedRow:
                skipped += 1
            if (written + skipped) % _STEP == 0:
                job.step(written)
        writer.end()
    job.step(written)
    return Exported(rows=written, skipped=skipped)


def _rows(connection: sqlite3.Connection, where: Filter) -> Iterator[sqlite3.Row]:
    """One cursor over one view of the file: rows that arrive meanwhile are not in it, and no row is in it twice."""
    query = where.query()
    sql = f"SELECT * FROM receipts INDEXED BY {query.index} {query.where} ORDER BY at DESC, seq DESC"  # noqa: S608
    return iter(connection.execute(sql, query.parameters))


def values(row: ReceiptRow) -> dict[str, Any]:
    """One receipt under the names of FIELDS."""
    record = row.record
    return {
        "id": record.id,
        "time": record.received_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "direction": record.direction,
        "status": record.status,
        "origin": record.origin,
        "url": record.url,
        "method": record.method,
        "intent": record.intent,
        "amount": format_units(record.amount, record.currency.decimals),
        # As text: JSON readers commonly make floats of numbers, and spreadsheets always.
        "amount_base_units": str(record.amount),
        "currency": record.currency.symbol,
        "currency_id": record.currency.id,
        "decimals": record.currency.decimals,
        "network": record.network,
        "reference": record.reference,
        "challenge_id": record.challenge_id,
        "external_id": record.external_id,
        "operation_id": record.operation_id,
        "payer": record.payer,
        "recipient": record.recipient,
    }


def safe_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet runs: an apostrophe before whatever could begin a formula. Reading it
    back, drop that one.
    """
    return f"'{text}" if _FORMULA.match(text) else text


class _Writer(Protocol):
    def begin(self) -> None: ...

    def row(self, row: ReceiptRow) -> None: ...

    def end(self) -> None: ...


class _CsvWriter:
    def __init__(self, stream: TextIO) -> None:
        self._csv = csv.writer(stream, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")  # RFC 4180

    def begin(self) -> None:
        self._csv.writerow(FIELDS)

    def row(self, row: ReceiptRow) -> None:
        found = values(row)
        self._csv.writerow(["" if found[name] is None else safe_cell(inert(str(found[name]))) for name in FIELDS])

    def end(self) -> None:
        pass


class _JsonLinesWriter:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self) -> None:
        pass

    def row(self, row: ReceiptRow) -> None:
        self._stream.write(_json(row) + "\n")

    def end(self) -> None:
        pass


class _JsonWriter:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._separator = "\n"

    def begin(self) -> None:
        self._stream.write("[")

    def row(self, row: ReceiptRow) -> None:
        self._stream.write(self._separator + _json(row))
        self._separator = ",\n"

    def end(self) -> None:
        self._stream.write("\n]\n")


def _json(row: ReceiptRow) -> str:
    # ASCII only: whatever a server put into its receipt, the file holds no character that a terminal or an editor
    # acts on.
    return json.dumps({**values(row), "receipt": row.record.raw}, ensure_ascii=True, separators=(",", ":"))


_WRITERS: Final[dict[Format, Callable[[TextIO], _Writer]]] = {
    Format.CSV: _CsvWriter,
    Format.JSON: _JsonWriter,
    Format.JSONL: _JsonLinesWriter,
}
