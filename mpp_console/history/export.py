"""Receipts as a file for other programs or people, written batch by batch so that memory does not grow with the
history.

Secrets cannot come out because they never went in (`redaction.py`). A file appears under its name only when it is
complete. What the formats look like is in `export_writers`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final, TextIO

from mpp_console.history.connections import connect_reader
from mpp_console.history.errors import HistoryError, UnknownRow, translated
from mpp_console.history.export_csv import CELLS, csv_lines
from mpp_console.history.export_writers import COLUMNS, MALFORMED, WRITERS, Format, Values, Writer, values_of
from mpp_console.history.filters import Filter
from mpp_console.wallet.files import FileExists, FileTrouble, open_private_temp, place

__all__ = ["ExportCancelled", "ExportJob", "Exported", "export_to_file", "export_to_stream"]

_STEP: Final = 500  # rows between two looks at the cancel flag and two calls of `progress`


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written: `rows` receipts in `bytes`; `skipped` counts rows that could not be read."""

    rows: int
    skipped: int
    bytes: int


Progress = Callable[[int, int], None]
"""Called now and then with the rows and bytes written so far, in the thread that writes."""


class ExportCancelled(HistoryError):
    """The export was called off; what it wrote is gone."""

    default_code = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """One export. `database` is the history's file; `ids` None means whatever passes `where`, newest first, else just
    these receipts in this order. Setting `cancelled` ends it at its next look.

    `to_file` and `to_stream` block; give them to a thread.
    """

    database: Path
    file_format: Format
    where: Filter = field(default_factory=Filter)
    ids: tuple[str, ...] | None = None
    progress: Progress | None = None
    cancelled: Event = field(default_factory=Event)

    def to_file(self, target: Path, *, replace: bool = False) -> Exported:
        """Writes `target` (0600). Raises FileExists when it is there and `replace` is False, FileTrouble, UnknownRow
        for an id, ExportCancelled or HistoryError; nothing is left behind then.
        """
        if target.exists() and not replace:  # said before the work; `place` decides it for good
            raise FileExists(f"{target} exists already", hint="choose another name, or move what is there away")
        raw, temporary = open_private_temp(target)
        try:
            with raw:
                done = self._write(raw.write)
                raw.flush()
                os.fsync(raw.fileno())
            self._look(done.rows, done.bytes)
            place(temporary, target, replace=replace)
        except OSError as error:
            raise FileTrouble(f"cannot write {target}: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return done

    def to_stream(self, stream: TextIO) -> Exported:
        """The same to an open text stream, which is left open."""

        def put(data: bytes) -> int:
            stream.write(data.decode())
            return len(data)

        return self._write(put)

    def _write(self, put: Callable[[bytes], int]) -> Exported:
        writer = WRITERS[self.file_format]()
        written = skipped = 0
        with closing(connect_reader(self.database)) as connection, translated("export receipts"):
            connection.row_factory = None
            if self._ready:
                connection.text_factory = bytes
            size = put(writer.head().encode())
            for batch in self._batches(connection):
                data, good = self._data(connection, writer, batch)
                size += put(data)
                written += good
                skipped += len(batch) - good
                self._look(written, size)
            size += put(writer.tail().encode())
        return Exported(rows=written, skipped=skipped, bytes=size)

    def _look(self, rows: int, size: int) -> None:
        if self.cancelled.is_set():
            raise ExportCancelled("the export was cancelled")
        if self.progress is not None:
            self.progress(rows, size)

    def _batches(self, connection: sqlite3.Connection) -> Iterator[list[Any]]:
        """One view of the file: rows that arrive meanwhile are not in it, and no row is in it twice."""
        connection.execute("BEGIN")
        if self.ids is None:
            query = self.where.query()
            sql = (
                f"SELECT {CELLS if self._ready else COLUMNS} FROM receipts "  # noqa: S608 - constants
                f"INDEXED BY {query.index} {query.where} ORDER BY at DESC, seq DESC"
            )
            cursor = connection.execute(sql, query.parameters)
            while batch := cursor.fetchmany(_STEP):
                yield batch
            return
        for start in range(0, len(self.ids), _STEP):
            yield [_one(connection, number) for number in self.ids[start : start + _STEP]]

    @property
    def _ready(self) -> bool:
        """Whether batches are of CELLS instead of COLUMNS, in bytes, which need not be decoded only to be written."""
        return self.file_format is Format.CSV and self.ids is None

    def _data(
        self, connection: sqlite3.Connection, writer: Writer, batch: Sequence[Sequence[Any]]
    ) -> tuple[bytes, int]:
        """What is written of the rows of `batch` that can be read, and how many those are."""
        if self._ready:
            return _ready_data(connection, writer, batch)
        text, good = _batch_text(writer, batch)
        return text.encode(), good


def _ready_data(connection: sqlite3.Connection, writer: Writer, batch: Sequence[Sequence[Any]]) -> tuple[bytes, int]:
    """What is written of rows of CELLS, and how many those are. One out of the ordinary is read anew by itself."""
    try:
        return csv_lines(batch), len(batch)
    except (TypeError, ValueError):
        if len(batch) == 1:
            return _careful_data(connection, writer, batch[0][0])
    half = len(batch) // 2
    parts = [_ready_data(connection, writer, rows) for rows in (batch[:half], batch[half:])]
    return b"".join(data for data, _ in parts), sum(good for _, good in parts)


def _careful_data(connection: sqlite3.Connection, writer: Writer, number: bytes) -> tuple[bytes, int]:
    connection.text_factory = str
    try:
        text, good = _batch_text(writer, [_one(connection, number.decode(errors="replace"))])
    finally:
        connection.text_factory = bytes
    return text.encode(), good


def _one(connection: sqlite3.Connection, number: str) -> Any:
    sql = f"SELECT {COLUMNS} FROM receipts WHERE id = ?"  # noqa: S608 - a constant
    row = connection.execute(sql, (number,)).fetchone()
    if row is None:
        raise UnknownRow(f"there is no receipt {number}")
    return row


def _batch_text(writer: Writer, batch: Sequence[Sequence[Any]]) -> tuple[str, int]:
    """The text of the rows that can be read, and how many those are. One that cannot must not hide the others."""
    good: list[Values] = []
    for row in batch:
        try:
            good.append(values_of(row))
        except MALFORMED:
            continue
    try:
        return writer.rows(good), len(good)
    except MALFORMED:
        texts = []
        for values in good:
            try:
                texts.append(writer.rows([values]))
            except MALFORMED:
                continue
        return "".join(texts), len(texts)


async def export_to_file(
    database: Path,
    target: Path,
    *,
    file_format: Format,
    where: Filter | None = None,
    ids: tuple[str, ...] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """`ExportJob.to_file` in a thread. Cancelling the task leaves nothing behind."""
    job = ExportJob(database=database, file_format=file_format, where=where or Filter(), ids=ids, progress=progress)
    return await _in_thread(job, lambda: job.to_file(target, replace=replace))


async def export_to_stream(
    database: Path,
    stream: TextIO,
    *,
    file_format: Format,
    where: Filter | None = None,
    ids: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> Exported:
    """The same to an open text stream. `stream` is used from another thread."""
    job = ExportJob(database=database, file_format=file_format, where=where or Filter(), ids=ids, progress=progress)
    return await _in_thread(job, lambda: job.to_stream(stream))


async def _in_thread(job: ExportJob, work: Callable[[], Exported]) -> Exported:
    running = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        job.cancelled.set()
        await asyncio.wait({running})  # the thread ends at its next look, and by then has removed its file
        if not running.cancelled():
            running.exception()  # looked at, so that nobody is told that it was not
        raise
