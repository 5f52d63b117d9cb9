"""Channels in the file of a `SqliteStore`, beside its claims and kept answers, through its one writer thread.

Each change is one IMMEDIATE transaction with full synchronisation, so that neither another process nor a power cut
comes between the look and the write. Rows are never deleted, but for an opening that never went out.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from mpp_console.methods.tempo.session_record import Change, ChannelRecord, ChannelState, Versioned
from mpp_console.server.stores.base import StoreError
from mpp_console.server.stores.sqlite import SqliteStore

from .waiters import Waiters

__all__ = ["SqliteChannels"]

T = TypeVar("T")

LOOK_SECONDS: Final = 0.25
"""How often a waiter looks for what another process wrote; our own writes wake it at once."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS channels (
    channel_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    payer TEXT NOT NULL,
    last_used TEXT NOT NULL,
    record BLOB NOT NULL
) STRICT
"""
_KEEP: Final = """
INSERT INTO channels (channel_id, version, state, payer, last_used, record) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (channel_id) DO UPDATE SET version = excluded.version, state = excluded.state,
    last_used = excluded.last_used, record = excluded.record
"""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChannelRecord).decode


class SqliteChannels:
    """`ChannelStore` in SQLite. Raises StoreError for anything that SQLite refuses, and for a row that cannot be
    read. `changed` is called with the id of each channel that this process wrote; it must be quick.
    """

    def __init__(self, store: SqliteStore, *, changed: Callable[[str], None] = lambda channel_id: None) -> None:
        self._store = store
        self._changed = changed
        self._waiters = Waiters()
        self._ready = False

    async def update(self, channel_id: str, change: Change[T]) -> T:
        def work(db: sqlite3.Connection) -> tuple[T, bool]:
            self._prepare(db)
            before = _read(db, channel_id)
            record, result = change(None if before is None else before.record)
            if record is None:
                db.execute("DELETE FROM channels WHERE channel_id = ?", (channel_id,))
                return result, True
            if before is not None and record == before.record:
                return result, False
            version = 1 if before is None else before.version + 1
            row = (channel_id, version, str(record.state), record.payer, record.last_used.isoformat(), _encode(record))
            db.execute(_KEEP, row)
            return result, True

        result, changed = await self._transact(work)
        if changed:
            self._waiters.wake(channel_id)
            self._changed(channel_id)
        return result

    async def get(self, channel_id: str) -> Versioned | None:
        def work(db: sqlite3.Connection) -> Versioned | None:
            self._prepare(db)
            return _read(db, channel_id)

        return await self._transact(work)

    async def list(self, *, states: frozenset[ChannelState] | None = None) -> tuple[ChannelRecord, ...]:
        def work(db: sqlite3.Connection) -> tuple[ChannelRecord, ...]:
            self._prepare(db)
            rows = db.execute("SELECT record FROM channels ORDER BY last_used DESC").fetchall()
            records = (_record(row[0]) for row in rows)
            return tuple(record for record in records if states is None or record.state in states)

        return await self._transact(work)

    async def wait_for_change(self, channel_id: str, than: int, timeout: float) -> Versioned | None:  # noqa: ASYNC109
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        event = self._waiters.watch(channel_id)
        try:
            while True:
                event.clear()
                kept = await self.get(channel_id)
                left = until - loop.time()
                if left <= 0 or (kept is not None and kept.version > than):
                    return kept
                await self._waiters.wait(event, min(left, LOOK_SECONDS))
        finally:
            self._waiters.forget(channel_id, event)

    def _prepare(self, db: sqlite3.Connection) -> None:
        # Not remembered here: what this transaction makes is gone again when it is taken back.
        if not self._ready:
            db.execute(_SCHEMA)

    async def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        result = await self._store.transact(work)
        self._ready = True
        return result


def _read(db: sqlite3.Connection, channel_id: str) -> Versioned | None:
    row = db.execute("SELECT version, record FROM channels WHERE channel_id = ?", (channel_id,)).fetchone()
    return None if row is None else Versioned(version=row[0], record=_record(row[1]))


def _record(raw: bytes) -> ChannelRecord:
    try:
        return _decode(raw)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"A channel in the payment store cannot be read: {error}",
            hint="It was written by a newer version, or the file is damaged. Nothing was changed.",
        ) from error
