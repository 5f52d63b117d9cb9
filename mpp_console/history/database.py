"""The history file as two queues: one thread that writes and one that reads, so that no coroutine ever waits on the
disk itself.

Writes that are waiting at the same moment share one transaction (each in its own savepoint, so that one failing
leaves the others alone), hence one flush to disk. A write's result is delivered only after that transaction is
durable. Knows no table.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mpp_console.history.connections import BUSY_SECONDS, connect_reader, connect_writer
from mpp_console.history.errors import HistoryClosed, translated

__all__ = ["Database"]

T = TypeVar("T")
_BATCH = 64  # enough to hide the cost of a flush, few enough that the first of them does not wait for the last


@dataclass(slots=True, kw_only=True)
class _Write:
    job: Callable[[sqlite3.Connection], Any]
    doing: str
    durable: bool
    future: Future[Any] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        self.future.set_exception(error)


class Database:
    """An open history file. Make it with `await Database.open(path)` and `await close()` it; usable from one event
    loop.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="history-writer")
        self._reader_thread = ThreadPoolExecutor(1, thread_name_prefix="history-reader")
        self._waiting: deque[_Write] = deque()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
        """Opens or makes the file (0600, in a folder 0700) and brings it up to date. Raises HistoryError or
        FileTrouble.
        """
        database = cls(path, busy_seconds=busy_seconds)
        try:
            await asyncio.wrap_future(database._writer_thread.submit(database._open_writer))
            await asyncio.wrap_future(database._reader_thread.submit(database._open_reader))
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Finishes what was asked before, then closes. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)

    async def write(self, job: Callable[[sqlite3.Connection], T], *, doing: str, durable: bool = True) -> T:
        """Runs `job` in the writer thread within a transaction that holds the write lock from its start.

        `durable=False` is for rows that nobody would miss after a power cut. A caller that is cancelled while its job
        still waits takes it back; once running, the job completes. Raises what the job raises, or HistoryError.
        """
        if self._closed:
            raise HistoryClosed(f"cannot {doing}: the history is closed")
        write = _Write(job=job, doing=doing, durable=durable)
        self._waiting.append(write)
        self._writer_thread.submit(self._drain)
        result: T = await asyncio.wrap_future(write.future)
        return result

    async def read(self, job: Callable[[sqlite3.Connection], T], *, doing: str) -> T:
        """Runs `job` in the reader thread, on one consistent view of the file."""
        if self._closed:
            raise HistoryClosed(f"cannot {doing}: the history is closed")
        return await asyncio.wrap_future(self._reader_thread.submit(self._read_now, job, doing))

    def interrupt_reads(self) -> None:
        """Ends the read that is running now (it raises HistoryError), so that a newer question need not wait for its
        answer.
        """
        if self._reader is not None:
            self._reader.interrupt()

    # In the threads
    # ------------------------------------------------------------------------------------------------------------

    def _open_writer(self) -> None:
        self._writer = connect_writer(self.path, busy_seconds=self._busy_seconds)

    def _open_reader(self) -> None:
        self._reader = connect_reader(self.path, busy_seconds=self._busy_seconds)

    def _read_now(self, job: Callable[[sqlite3.Connection], T], doing: str) -> T:
        assert self._reader is not None  # noqa: S101  # opened before anybody can ask
        with translated(doing):
            self._reader.execute("BEGIN")
            try:
                return job(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def _drain(self) -> None:
        batch: list[_Write] = []
        while self._waiting and len(batch) < _BATCH:
            write = self._waiting.popleft()
            if write.future.set_running_or_notify_cancel():
                batch.append(write)
        if batch:
            self._run(batch)

    def _run(self, batch: list[_Write]) -> None:
        assert self._writer is not None  # noqa: S101
        level = "FULL" if any(write.durable for write in batch) else "NORMAL"
        outcomes: list[tuple[_Write, Any, BaseException | None]] = []
        try:
            with translated(batch[0].doing):
                self._writer.execute(f"PRAGMA synchronous = {level}")
                self._writer.execute("BEGIN IMMEDIATE")
                outcomes = [(write, *self._attempt(write)) for write in batch]
                self._writer.execute("COMMIT")
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for write in batch:
                write.fail(error)
            return
        for write, result, failure in outcomes:
            if failure is None:
                write.future.set_result(result)
            else:
                write.fail(failure)

    def _attempt(self, write: _Write) -> tuple[Any, BaseException | None]:
        assert self._writer is not None  # noqa: S101
        self._writer.execute("SAVEPOINT one")
        try:
            with translated(write.doing):
                result = write.job(self._writer)
        except BaseException as error:
            if not self._writer.in_transaction:
                raise  # SQLite itself gave the whole transaction up (disk full); nothing of the batch was kept
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
            return None, error
        self._writer.execute("RELEASE one")
        return result, None

    def _shut(self) -> None:
        # The reader goes first: the last connection to close folds the WAL into the file, and a reader may not.
        for thread, name in ((self._reader_thread, "_reader"), (self._writer_thread, "_writer")):
            thread.submit(self._close_one, name)
            thread.shutdown(wait=True)

    def _close_one(self, name: str) -> None:
        connection: sqlite3.Connection | None = getattr(self, name)
        if connection is not None:
            connection.close()
            setattr(self, name, None)
