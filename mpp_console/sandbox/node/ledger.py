"""The chain on disk: slots, blocks, transactions and logs in one SQLite file that several processes may share.

Every request is one transaction on the file, so whoever reads sees one state, and two writers take turns. Nothing is
cached between requests: another process may have moved the chain meanwhile.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mpp_console.protocol import MppError
from mpp_console.sandbox.node.state import Slot
from mpp_console.wallet.files import create_private_file, private_folder

__all__ = ["BlockRow", "Ledger", "LogFilter", "LogRow", "SandboxStateError", "TransactionRow"]

BUSY_SECONDS: Final = 10.0
"""How long a request waits for another process. Transactions take milliseconds, so more means that something is wrong.
"""

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE slot (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE block (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, timestamp INTEGER NOT NULL,
    gas_used INTEGER NOT NULL, bloom TEXT NOT NULL, tx_hash TEXT
) STRICT;
CREATE TABLE tx (
    hash TEXT PRIMARY KEY, block_number INTEGER NOT NULL UNIQUE REFERENCES block (number), raw BLOB NOT NULL,
    sender TEXT NOT NULL, fee_payer TEXT NOT NULL, fee_token TEXT NOT NULL, ok INTEGER NOT NULL,
    gas_used INTEGER NOT NULL, price TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE log (
    block_number INTEGER NOT NULL REFERENCES block (number), position INTEGER NOT NULL, address TEXT NOT NULL,
    topic0 TEXT, topic1 TEXT, topic2 TEXT, topic3 TEXT, data TEXT NOT NULL, PRIMARY KEY (block_number, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_by_topic ON log (topic0, address, block_number);
"""


class SandboxStateError(MppError):
    """The sandbox's file cannot be used; the message says why, the hint what to do."""

    default_code = "sandbox-state"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """`timestamp` in Unix seconds; hashes are `0x` hex; `tx_hash` is the block's one transaction, if it has one."""

    number: int
    hash: str
    parent: str
    timestamp: int
    gas_used: int
    bloom: str
    tx_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """A transaction that is in a block. `price` is what it paid a unit of gas, in attodollars."""

    hash: str
    block_number: int
    raw: bytes
    sender: str
    fee_payer: str
    fee_token: str
    ok: bool
    gas_used: int
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """An event in a block; `position` counts from 0 within it. All hex, lower case."""

    block_number: int
    position: int
    address: str
    topics: tuple[str, ...]
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which logs are wanted; empty or None means any. Topics are alternatives by position."""

    from_block: int
    to_block: int
    addresses: tuple[str, ...] = ()
    topics: tuple[tuple[str, ...] | None, ...] = ()


class Ledger:
    """An open chain file (0600, in a folder 0700), or a chain in memory when `path` is None.

    Usable from several threads, one at a time. Raises SandboxStateError for a file that is damaged, busy for too long
    or written by a newer program.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        if path is not None:
            private_folder(path.parent)
            create_private_file(path)
        with _translated(f"open the sandbox's state {path or ''}".rstrip()):
            self._db = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[None]:
        """One consistent view of the chain; with `writes` nobody else writes meanwhile. Any exception rolls it back."""
        with self._lock:
            with _translated("use the sandbox's state"):
                self._db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                yield
                with _translated("save the sandbox's state"):
                    self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    # -- slots

    def load(self, slot: Slot) -> int:
        row = self._one("SELECT value FROM slot WHERE key = ?", "/".join(slot))
        return int(row[0]) if row else 0

    def store(self, changes: Mapping[Slot, int]) -> None:
        rows = [("/".join(slot), str(value)) for slot, value in changes.items()]
        with _translated("save the sandbox's state"):
            self._db.executemany(
                "INSERT INTO slot VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", rows
            )

    # -- blocks, transactions, logs

    def tip(self) -> BlockRow | None:
        """The newest block, None before genesis."""
        return self._block("ORDER BY number DESC LIMIT 1")

    def block(self, number: int) -> BlockRow | None:
        return self._block("WHERE number = ?", number)

    def block_by_hash(self, block_hash: str) -> BlockRow | None:
        return self._block("WHERE hash = ?", block_hash)

    def transaction_by_hash(self, tx_hash: str) -> TransactionRow | None:
        row = self._one("SELECT * FROM tx WHERE hash = ?", tx_hash)
        if row is None:
            return None
        tx_hash, number, raw, sender, fee_payer, fee_token, ok, gas_used, price = row
        return TransactionRow(
            hash=tx_hash,
            block_number=number,
            raw=raw,
            sender=sender,
            fee_payer=fee_payer,
            fee_token=fee_token,
            ok=bool(ok),
            gas_used=gas_used,
            price=int(price),
        )

    def append(self, block: BlockRow, transaction: TransactionRow | None = None, logs: Sequence[LogRow] = ()) -> None:
        """Adds the next block with what is in it."""
        with _translated("save the sandbox's state"):
            self._db.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?)",
                (block.number, block.hash, block.parent, block.timestamp, block.gas_used, block.bloom, block.tx_hash),
            )
            if transaction is not None:
                tx = transaction
                self._db.execute(
                    "INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        tx.hash,
                        tx.block_number,
                        tx.raw,
                        tx.sender,
                        tx.fee_payer,
                        tx.fee_token,
                        tx.ok,
                        tx.gas_used,
                        str(tx.price),
                    ),
                )
            rows = [
                (log.block_number, log.position, log.address, *(*log.topics, *[None] * 4)[:4], log.data) for log in logs
            ]
            self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def logs(self, wanted: LogFilter, *, limit: int) -> list[LogRow]:
        """Logs in order, at most `limit` of them."""
        where = ["block_number BETWEEN ? AND ?"]
        values: list[int | str] = [wanted.from_block, wanted.to_block]
        choices = [("address", wanted.addresses), *((f"topic{n}", topics) for n, topics in enumerate(wanted.topics))]
        for column, allowed in choices:
            if allowed:
                where.append(f"{column} IN ({', '.join('?' * len(allowed))})")
                values.extend(allowed)
            elif column != "address" and allowed is not None:
                where.append(f"{column} IS NOT NULL")
        sql = f"SELECT * FROM log WHERE {' AND '.join(where)} ORDER BY block_number, position LIMIT ?"  # noqa: S608  columns are ours
        with _translated("read the sandbox's state"):
            rows = self._db.execute(sql, (*values, limit)).fetchall()
        return [_log_row(row) for row in rows]

    def logs_of_block(self, number: int) -> list[LogRow]:
        return self.logs(LogFilter(from_block=number, to_block=number), limit=-1)

    # -- within

    def _prepare(self) -> None:
        if self.path is not None:
            _use_wal(self._db)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("COMMIT")
        if version > SCHEMA_VERSION:
            raise SandboxStateError(
                "the sandbox's state was written by a newer version of this program",
                code="sandbox-too-new",
                hint=f"Update the program, or move {self.path} away to start a new sandbox.",
            )

    def _block(self, clause: str, *values: Any) -> BlockRow | None:
        row = self._one(f"SELECT * FROM block {clause}", *values)  # noqa: S608  the clauses are above
        if row is None:
            return None
        number, block_hash, parent, timestamp, gas_used, bloom, tx_hash = row
        return BlockRow(
            number=number,
            hash=block_hash,
            parent=parent,
            timestamp=timestamp,
            gas_used=gas_used,
            bloom=bloom,
            tx_hash=tx_hash,
        )

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with _translated("read the sandbox's state"):
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
            return row


def _log_row(row: tuple[Any, ...]) -> LogRow:
    number, position, address, *topics, data = row
    kept = tuple(topic for topic in topics if topic is not None)
    return LogRow(block_number=number, position=position, address=address, topics=kept, data=data)


def _use_wal(db: sqlite3.Connection) -> None:
    """SQLite does not wait by itself for the moment alone that switching to WAL needs."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise SandboxStateError(
            f"cannot {doing}: {error}",
            hint="Close other programs that use it, or start afresh (old files are kept): mpp-console sandbox reset",
        ) from error
