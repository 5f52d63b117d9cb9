"""Opening the history file: private from its first byte, brought up to date, with the settings that money needs.

Everything here blocks; `database.py` calls it from its own threads. Settings and why:

- WAL: readers never wait for the writer, and the console and a command may have the file open at once.
- synchronous=FULL on the writer: in WAL mode NORMAL may forget the last commits when the power goes, and a forgotten
  journal row is a payment that might be made twice. Rows that are not about money are written with NORMAL (see
  `database.py`).
- busy_timeout: two writers take turns instead of failing.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mpp_console.history.errors import HistoryError, HistoryTooNew, translated
from mpp_console.history.migrations import MIGRATION_SET, MIGRATIONS
from mpp_console.wallet.files import create_private_file, private_folder

if TYPE_CHECKING:
    from sqlite_utils import Migrations

__all__ = ["BUSY_SECONDS", "connect_reader", "connect_writer"]

BUSY_SECONDS = 10.0
"""How long a writer waits for another one. Transactions here take milliseconds, so a longer wait means something is
wrong.
"""

_APPLIED = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
_HAS_APPLIED = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"


def connect_writer(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Opens (or makes) the history at `path` for writing, migrated. The connection is in autocommit; callers say BEGIN.

    Raises HistoryTooNew, HistoryDamaged, HistoryBusy, or FileTrouble when the place itself is unusable.
    """
    private_folder(path.parent)
    create_private_file(path)
    with translated(f"open the history {path}"):
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
        try:
            _use_wal(connection, busy_seconds)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection, path)
            connection.row_factory = sqlite3.Row
        except BaseException:
            connection.close()
            raise
    return connection


def connect_reader(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Opens the history for reading only; nothing done through this connection can change it."""
    with translated(f"open the history {path}"):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=busy_seconds, isolation_level=None
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switching to WAL needs the file alone for a moment, and SQLite does not wait for that by itself, so we do."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode == "wal":
                return
            raise HistoryError(
                f"the history's file system allows only the {mode} journal", hint="keep the history on a local disk"
            )
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)


def _applied(connection: sqlite3.Connection) -> list[str]:
    if connection.execute(_HAS_APPLIED).fetchone() is None:
        return []
    return [name for (name,) in connection.execute(_APPLIED, (MIGRATION_SET,))]


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    known = [step.__name__ for step in MIGRATIONS]
    if _pending(connection, known):
        # The lock is taken before looking again: of two processes that start at once, the second finds the work done.
        connection.execute("BEGIN IMMEDIATE")
        try:
            applied = _applied(connection)
            pending = _pending(connection, known)
            if applied and pending:
                _keep_copy(path, pending[0])
            if pending:
                _steps().apply(_wrap(connection))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    unknown = [name for name in _applied(connection) if name not in known]
    if unknown:
        raise HistoryTooNew(
            f"the history was changed by a newer version of this program ({', '.join(unknown)})",
            hint="install that version, or choose another folder for this one",
        )


def _pending(connection: sqlite3.Connection, known: list[str]) -> list[str]:
    applied = set(_applied(connection))
    return [name for name in known if name not in applied]


def _steps() -> Migrations:
    from sqlite_utils import Migrations

    steps = Migrations(MIGRATION_SET)
    for step in MIGRATIONS:
        steps()(step)
    return steps


def _wrap(connection: sqlite3.Connection):  # type: ignore[no-untyped-def]  # sqlite-utils is imported late
    from sqlite_utils import Database

    return Database(connection, recursive_triggers=False, execute_plugins=False)


def _keep_copy(path: Path, first_pending: str) -> None:
    """Copies the file as it was before `first_pending`, through SQLite so that what is still in the WAL comes along."""
    copy = path.with_name(f"{path.name}.before-{first_pending}")
    unfinished = copy.with_name(f"{copy.name}.part")
    unfinished.unlink(missing_ok=True)
    create_private_file(unfinished)
    try:
        with closing(connect_reader(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        unfinished.replace(copy)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
