"""The list of accounts: names, addresses, kinds and where each key is. No key is in here.

SQLite rather than a text file, because the console and a command may change the list at once, and because a name must
be unique at any moment. Rows are never deleted: a forgotten account keeps its row, so that its key can be found again.
Everything blocks briefly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mpp_console.protocol import MppError
from mpp_console.wallet.files import create_private_file, private_folder

__all__ = ["AccountExists", "Directory", "DirectoryError", "Entry"]

_BUSY_SECONDS: Final = 10.0
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE accounts (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('local', 'watch', 'sandbox')),
    store TEXT,
    chain_id INTEGER,
    is_default INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CHECK ((kind = 'watch') = (store IS NULL)),
    CHECK ((kind = 'sandbox') = (chain_id IS NOT NULL)),
    CHECK (deleted_at IS NULL OR is_default = 0)
) STRICT;
CREATE UNIQUE INDEX accounts_name ON accounts (name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX accounts_address ON accounts (address) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX accounts_default ON accounts (is_default) WHERE is_default = 1;
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DirectoryError(MppError):
    """The list of accounts could not be read or written."""

    default_code = "accounts-file"


class AccountExists(MppError):
    """The name or the address is taken."""

    default_code = "account-exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row. `store` names the key store, None for a watched address; `chain_id` is set for sandbox accounts."""

    id: str
    name: str
    address: str
    kind: str
    store: str | None
    chain_id: int | None
    is_default: bool
    created_at: datetime
    deleted_at: datetime | None = None


class Directory:
    """The list in the file at `path`, which is made when first written to. Holds no connection between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self, *, deleted: bool = False) -> tuple[Entry, ...]:
        """Every account in the order in which they were made; the forgotten ones instead with `deleted`."""
        if not self._path.exists():
            return ()
        condition = "IS NOT NULL" if deleted else "IS NULL"
        with self._connection() as connection:
            rows = connection.execute(f"SELECT * FROM accounts WHERE deleted_at {condition} ORDER BY created_at, rowid")  # noqa: S608
            return tuple(_entry(row) for row in rows)

    def add(self, entry: Entry) -> Entry:
        """Adds a row; the first one becomes the default. Raises AccountExists."""
        with self._transaction() as connection:
            _require_free(connection, entry)
            alone = connection.execute("SELECT 1 FROM accounts WHERE is_default = 1").fetchone() is None
            connection.execute(
                "INSERT INTO accounts (id, name, address, kind, store, chain_id, is_default, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.id,
                    entry.name,
                    entry.address,
                    entry.kind,
                    entry.store,
                    entry.chain_id,
                    int(alone),
                    _micros(entry.created_at),
                ),
            )
            return _one(connection, entry.id)

    def require_free(self, name: str, address: str) -> None:
        """Raises AccountExists when the name or the address is taken: asked before a key is made or kept."""
        if self._path.exists():
            with self._connection() as connection:
                _require(connection, name, address)

    def rename(self, account_id: str, name: str) -> Entry:
        """Raises AccountExists."""
        with self._transaction() as connection:
            _require(connection, name, None)
            connection.execute("UPDATE accounts SET name = ? WHERE id = ?", (name, account_id))
            return _one(connection, account_id)

    def make_default(self, account_id: str) -> Entry:
        """The one default moves in one step."""
        with self._transaction() as connection:
            connection.execute("UPDATE accounts SET is_default = 0 WHERE is_default = 1")
            connection.execute("UPDATE accounts SET is_default = 1 WHERE id = ? AND deleted_at IS NULL", (account_id,))
            return _one(connection, account_id)

    def forget(self, account_id: str, now: datetime) -> None:
        """Takes an account off the list; the oldest of the others becomes the default if this one was."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE accounts SET deleted_at = ?, is_default = 0 WHERE id = ? AND deleted_at IS NULL",
                (_micros(now), account_id),
            )
            connection.execute(
                "UPDATE accounts SET is_default = 1 WHERE id = (SELECT id FROM accounts WHERE deleted_at IS NULL "
                "ORDER BY created_at, rowid LIMIT 1) AND NOT EXISTS (SELECT 1 FROM accounts WHERE is_default = 1)"
            )

    def recall(self, account_id: str, name: str) -> Entry:
        """Puts a forgotten account back on the list, under `name`. Raises AccountExists."""
        with self._transaction() as connection:
            entry = _one(connection, account_id)
            _require(connection, name, entry.address)
            alone = connection.execute("SELECT 1 FROM accounts WHERE is_default = 1").fetchone() is None
            connection.execute(
                "UPDATE accounts SET deleted_at = NULL, name = ?, is_default = ? WHERE id = ?",
                (name, int(alone), account_id),
            )
            return _one(connection, account_id)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                # A commit here may be the only trace of a key, so the name of the journal is made durable too.
                connection.execute("PRAGMA synchronous = EXTRA")
                self._migrate(connection)
                yield connection
        except sqlite3.DatabaseError as error:
            raise DirectoryError(
                f"the list of accounts ({self._path}) cannot be used: {error}",
                hint="if it is damaged, move it away; the keys are not in it and can be imported again",
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        private_folder(self._path.parent)
        create_private_file(self._path)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == 0:  # another process may have been quicker
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        elif version > _VERSION:
            raise DirectoryError(
                "the list of accounts was written by a newer version of this program", hint="install that version"
            )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _require_free(connection: sqlite3.Connection, entry: Entry) -> None:
    _require(connection, entry.name, entry.address)


def _require(connection: sqlite3.Connection, name: str, address: str | None) -> None:
    taken = "SELECT name FROM accounts WHERE deleted_at IS NULL AND "
    if connection.execute(f"{taken} name = ?", (name,)).fetchone() is not None:
        raise AccountExists(f"there is an account called {name} already", hint="choose another name")
    row = connection.execute(f"{taken} address = ?", (address,)).fetchone()
    if row is not None:
        raise AccountExists(
            f"{address} is here already, as {row['name']}", hint=f"use {row['name']}, or delete it first"
        )


def _one(connection: sqlite3.Connection, account_id: str) -> Entry:
    return _entry(connection.execute("SELECT * FROM accounts WHERE id = ?", (account_id,)).fetchone())


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        name=row["name"],
        address=row["address"],
        kind=row["kind"],
        store=row["store"],
        chain_id=row["chain_id"],
        is_default=bool(row["is_default"]),
        created_at=_EPOCH + timedelta(microseconds=row["created_at"]),
        deleted_at=None if row["deleted_at"] is None else _EPOCH + timedelta(microseconds=row["deleted_at"]),
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
