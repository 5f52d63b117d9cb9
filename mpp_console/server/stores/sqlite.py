"""A store in one SQLite file, which several processes of one machine may share.

Claims are rows that are inserted once and never expire. The file holds digests of what was paid and the kept answers,
so it is readable by its owner only (0600 in a 0700 folder).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from mpp_console.methods.base import Clock
from mpp_console.server.stores.base import StoreError
from mpp_console.server.stores.commits import Commits

__all__ = ["SqliteStore"]

T = TypeVar("T")

BUSY_TIMEOUT = 10.0
"""Seconds to wait for another process's write; a claim takes well under a millisecond, so this means something is
stuck."""
MAX_VALUES = 100_000
"""Kept answers in one file; beyond it the ones that would expire first go."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY,
    claimed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    expires_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS kept_by_expiry ON kept (expires_at);
"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """`Store` over SQLite. One writer thread owns the connection, so that no coroutine waits for the disk.

    Raises StoreError for anything that SQLite refuses. Close it with `aclose()` or use it as an async context manager.
    """

    def __init__(self, path: Path, *, clock: Clock = _utc_now, max_values: int = MAX_VALUES) -> None:
        self._path = path
        self._clock = clock
        self._max_values = max_values
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gate-store")
        self._connection: sqlite3.Connection | None = None
        self._commits = Commits()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the file and ends the thread. The store cannot be used afterwards."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)

    async def claim(self, key: str) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            now = self._clock().isoformat()
            return db.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", (key, now)).rowcount == 1

        return await self.transact(work)

    async def release(self, key: str) -> None:
        await self.transact(lambda db: db.execute("DELETE FROM claims WHERE key = ?", (key,)))

    async def get(self, key: str) -> bytes | None:
        def work(db: sqlite3.Connection) -> bytes | None:
            query = "SELECT value FROM kept WHERE key = ? AND expires_at > ?"
            row = db.execute(query, (key, self._clock().timestamp())).fetchone()
            return None if row is None else bytes(row[0])

        return await self.transact(work)

    async def add(self, key: str, value: bytes, ttl: timedelta) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            self._sweep(db)
            row = (key, value, (self._clock() + ttl).timestamp())
            return db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", row).rowcount == 1

        return await self.transact(work)

    async def put(self, key: str, value: bytes, ttl: timedelta) -> None:
        def work(db: sqlite3.Connection) -> None:
            self._sweep(db)
            db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, value, (self._clock() + ttl).timestamp()))

        await self.transact(work)

    async def delete(self, key: str) -> None:
        await self.transact(lambda db: db.execute("DELETE FROM kept WHERE key = ?", (key,)))

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` as one change in the store's own thread, for what else lives in this file. It is on disk when
        this returns, beside whatever else waited for the disk meanwhile; what `work` raises takes it back, and nothing
        else. It may be run twice, of which once counts.
        """
        waiting = self._commits.add(work)
        self._thread.submit(self._commits.commit, self._connect)
        try:
            return await asyncio.wrap_future(waiting)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The payment store {self._path} cannot be used: {error}",
                hint="Check that the file and its folder belong to you and that the disk has room.",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self._path)
        return self._connection

    def _sweep(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM kept WHERE expires_at <= ?", (self._clock().timestamp(),))
        db.execute(
            "DELETE FROM kept WHERE key IN (SELECT key FROM kept ORDER BY expires_at DESC LIMIT -1 OFFSET ?)",
            (self._max_values - 1,),
        )


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made before SQLite sees it, so that it never exists with wider rights; SQLite gives its WAL files the same mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_wal(connection)
        # FULL: a claim that power loss takes back would let a payment be used twice.
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Readers and the writer must not wait for each other. SQLite does not honour its busy timeout for this one
    statement, so two processes that make the file together have to try again by themselves. Runs in the store's own
    thread.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.005)
        else:
            return
