"""The history file behind threads, one that writes and three that read, so that no coroutine ever waits on the disk.

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
from threading import Lock
from typing import Any, Generic, Literal, TypeVar, get_args

from mpp_console.history.connections import BUSY_SECONDS, connect_reader, connect_writer
from mpp_console.history.errors import HistoryClosed, translated

__all__ = ["Database", "Lane"]

T = TypeVar("T")
Lane = Literal["payments", "screens", "sums"]
_BATCH = 64  # enough to hide the cost of a flush, few enough that the first of them does not wait for the last


@dataclass(slots=True, kw_only=True)
class _Write:
    job: Callable[[sqlite3.Connection], Any]
    doing: str
    durable: bool
    future: Future[Any] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Read(Generic[T]):
    token: object
    future: Future[T]


class _Reader:
    """A thread with a connection that cannot write, made when first asked."""

    def __init__(self, path: Path, busy_seconds: float, name: str) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"history-{name}")
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._running: object | None = None

    def ask(self, job: Callable[[sqlite3.Connection], T], doing: str) -> _Read[T]:
        token = object()
        return _Read(token=token, future=self._thread.submit(self._answer, token, job, doing))

    def give_up(self, reading: _Read[Any]) -> None:
        """Ends this read if it is the one that is running; one that waits is taken back."""
        reading.future.cancel()
        with self._lock:
            if self._running is reading.token and self._connection is not None:
                self._connection.interrupt()

    def close(self) -> None:
        """Waits for what was asked before. Blocking."""
        self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=True)

    def _answer(self, token: object, job: Callable[[sqlite3.Connection], T], doing: str) -> T:
        if self._connection is None:
            self._connection = connect_reader(self._path, busy_seconds=self._busy_seconds)
        with translated(doing):
            self._connection.execute("BEGIN")
            self._now(token)
            try:
                return job(self._connection)
            finally:
                self._now(None)  # from here on nobody interrupts, so that the transaction surely ends
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _now(self, token: object | None) -> None:
        with self._lock:
            self._running = token

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Database:
    """An open history file. Make it with `await Database.open(path)` and `await close()` it; usable from one event
    loop.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="history-writer")
        # Three, so that a payment never waits for a page, and no page for sums over a million rows.
        self._readers: dict[Lane, _Reader] = {name: _Reader(path, busy_seconds, name) for name in get_args(Lane)}
        self._waiting: deque[_Write] = deque()
        self._writer: sqlite3.Connection | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
        """Opens or makes the file (0600, in a folder 0700) and brings it up to date. Raises HistoryError or
        FileTrouble.
        """
        database = cls(path, busy_seconds=busy_seconds)
        try:
            await asyncio.wrap_future(database._writer_thread.submit(database._open_writer))
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

    async def read(self, job: Callable[[sqlite3.Connection], T], *, doing: str, lane: Lane = "screens") -> T:
        """Runs `job` in a reader thread, on one consistent view of the file.

        Each `lane` is a thread: `payments` for short reads that something waits for which moves money, `screens` for
        what is drawn, `sums` for what may take long. A caller that is cancelled ends its read, so that a newer question
        need not wait for an answer that nobody wants.
        """
        if self._closed:
            raise HistoryClosed(f"cannot {doing}: the history is closed")
        reader = self._readers[lane]
        reading = reader.ask(job, doing)
        try:
            return await asyncio.wrap_future(reading.future)
        except asyncio.CancelledError:
            reader.give_up(reading)
            raise

    # -- in the writer's thread

    def _open_writer(self) -> None:
        self._writer = connect_writer(self.path, busy_seconds=self._busy_seconds)

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
        # Readers go first: the last connection to close folds the WAL into the file, and a reader may not.
        for reader in self._readers.values():
            reader.close()
        self._writer_thread.submit(self._close_writer)
        self._writer_thread.shutdown(wait=True)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
