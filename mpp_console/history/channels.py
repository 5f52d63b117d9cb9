"""The payer's channel book on disk: what `methods.tempo.client_channel.ChannelBook` asks for, in the history file.

Every change reads and writes its row in one transaction that holds SQLite's write lock from its first statement, and
checks the lease in the same one: whoever lost it can no longer write, however late the news reaches them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from mpp_console.client.journal import Clock
from mpp_console.client.sessions.owners import is_alive
from mpp_console.history.channel_rows import CHANNEL_COLUMNS, channel_values, read_channel
from mpp_console.history.database import Database
from mpp_console.history.errors import MalformedRow
from mpp_console.history.redaction import clean_text
from mpp_console.history.rows import amount_of, amount_text, from_microseconds, to_microseconds
from mpp_console.methods.tempo.client_channel import (
    ChannelEntry,
    ChannelExists,
    ChannelPage,
    ClientChannel,
    Lease,
    LeaseLost,
    Scope,
    UnknownChannel,
    refuse_if_back,
)

__all__ = ["HistoryChannels"]

_INSERT: Final = (
    f"INSERT INTO channels ({CHANNEL_COLUMNS}) VALUES ({', '.join('?' * (CHANNEL_COLUMNS.count(',') + 1))})"  # noqa: S608
)
_UPDATE: Final = (
    f"UPDATE channels SET {', '.join(f'{name} = ?' for name in CHANNEL_COLUMNS.split(', '))} "  # noqa: S608
    "WHERE channel_id = ?"
)
_ONE: Final = "SELECT * FROM channels WHERE channel_id = ?"
_USABLE: Final = "SELECT * FROM channels WHERE scope = ? AND state <> 'finalized' ORDER BY last_used_at DESC, seq DESC"
_ENTRIES: Final = "SELECT * FROM channel_entries WHERE channel_id = ? ORDER BY seq"
_HELD: Final = "SELECT owner, fence, until FROM channel_leases WHERE scope = ?"


class HistoryChannels:
    """Implements `ChannelBook` on an open history file. `alive` says of an owner's name whether it may still act."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = lambda: datetime.now(UTC),
        alive: Callable[[str], bool] = is_alive,
    ) -> None:
        self._database = database
        self._clock = clock
        self._alive = alive

    async def add(self, row: ClientChannel, *, lease: Lease | None, entry: ChannelEntry | None = None) -> ClientChannel:
        """See `ChannelBook`; raises HistoryError too."""

        def job(connection: sqlite3.Connection) -> ClientChannel:
            _require(connection, lease)
            if connection.execute(_ONE, (row.channel_id,)).fetchone() is not None:
                raise ChannelExists(f"channel {row.channel_id} is in the book already")
            connection.execute(_INSERT, channel_values(row))
            _note(connection, row.channel_id, entry)
            return _fetch(connection, row.channel_id)

        return await self._database.write(job, doing="write a channel")

    async def update(
        self,
        channel_id: str,
        change: Callable[[ClientChannel], ClientChannel],
        *,
        lease: Lease | None = None,
        entry: ChannelEntry | None = None,
    ) -> ClientChannel:
        """See `ChannelBook`; raises MalformedRow and HistoryError too."""

        def job(connection: sqlite3.Connection) -> ClientChannel:
            _require(connection, lease)
            before = _fetch(connection, channel_id)
            after = change(before)
            refuse_if_back(before, after)
            connection.execute(_UPDATE, (*channel_values(after), channel_id))
            _note(connection, channel_id, entry)
            return after

        return await self._database.write(job, doing="bring a channel up to date")

    async def get(self, channel_id: str) -> ClientChannel | None:
        """See `ChannelBook`; raises MalformedRow."""

        def job(connection: sqlite3.Connection) -> ClientChannel | None:
            row = connection.execute(_ONE, (channel_id,)).fetchone()
            return None if row is None else read_channel(row)

        return await self._database.read(job, doing="look up a channel", lane="payments")

    async def usable(self, scope: Scope) -> Sequence[ClientChannel]:
        def job(connection: sqlite3.Connection) -> Sequence[ClientChannel]:
            return _readable(connection.execute(_USABLE, (scope.key,))).rows

        return await self._database.read(job, doing="look up a channel", lane="payments")

    async def rows(self, *, chain_id: int | None = None, archived: bool = False) -> ChannelPage:
        conditions = [] if archived else ["state <> 'finalized'"]
        if chain_id is not None:
            conditions.append("chain_id = ?")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        parameters = () if chain_id is None else (chain_id,)

        def job(connection: sqlite3.Connection) -> ChannelPage:
            order = "ORDER BY last_used_at DESC, seq DESC"
            return _readable(connection.execute(f"SELECT * FROM channels {where} {order}", parameters))  # noqa: S608

        return await self._database.read(job, doing="list channels")

    async def entries(self, channel_id: str) -> Sequence[ChannelEntry]:
        def job(connection: sqlite3.Connection) -> Sequence[ChannelEntry]:
            return tuple(_entry(row) for row in connection.execute(_ENTRIES, (channel_id,)))

        return await self._database.read(job, doing="list what happened to a channel")

    async def cursor(self, name: str) -> int:
        def job(connection: sqlite3.Connection) -> int:
            row = connection.execute("SELECT block FROM channel_cursors WHERE name = ?", (name,)).fetchone()
            return 0 if row is None else int(row["block"])

        return await self._database.read(job, doing="look up how far the chain was searched")

    async def move_cursor(self, name: str, block: int) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO channel_cursors VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET block = max(block, excluded.block)",
                (name, block),
            )

        await self._database.write(job, doing="remember how far the chain was searched")

    async def acquire(self, scope: Scope, owner: str, *, seconds: float) -> Lease | None:
        def job(connection: sqlite3.Connection) -> Lease | None:
            now = self._clock()
            held = connection.execute(_HELD, (scope.key,)).fetchone()
            if held is not None and held["until"] > to_microseconds(now) and self._alive(held["owner"]):
                return None
            lease = Lease(scope=scope.key, owner=owner, fence=1 if held is None else held["fence"] + 1)
            until = to_microseconds(now + timedelta(seconds=seconds))
            connection.execute(
                "INSERT INTO channel_leases (scope, owner, fence, until) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (scope) DO UPDATE SET owner = excluded.owner, fence = excluded.fence, "
                "until = excluded.until",
                (scope.key, owner, lease.fence, until),
            )
            return lease

        # Not flushed to disk: when the power goes, so does the holder.
        return await self._database.write(job, doing="reserve a channel", durable=False)

    async def renew(self, lease: Lease, *, seconds: float) -> bool:
        return await self._move(lease, to_microseconds(self._clock() + timedelta(seconds=seconds)))

    async def release(self, lease: Lease) -> None:
        await self._move(lease, 0)

    async def _move(self, lease: Lease, until: int) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "UPDATE channel_leases SET until = ? WHERE scope = ? AND owner = ? AND fence = ? AND until > 0",
                (until, lease.scope, lease.owner, lease.fence),
            )
            return done.rowcount == 1

        return await self._database.write(job, doing="hold a channel", durable=False)


def _require(connection: sqlite3.Connection, lease: Lease | None) -> None:
    if lease is None:
        return
    held = connection.execute(_HELD, (lease.scope,)).fetchone()
    if held is None or (held["owner"], held["fence"]) != (lease.owner, lease.fence) or held["until"] == 0:
        raise LeaseLost("somebody else uses this channel by now", hint="try again")


def _fetch(connection: sqlite3.Connection, channel_id: str) -> ClientChannel:
    row = connection.execute(_ONE, (channel_id,)).fetchone()
    if row is None:
        raise UnknownChannel(f"there is no channel {channel_id}")
    return read_channel(row)


def _readable(rows: sqlite3.Cursor) -> ChannelPage:
    good: list[ClientChannel] = []
    damaged: list[str] = []
    for row in rows:
        try:
            good.append(read_channel(row))
        except MalformedRow:
            damaged.append(clean_text(str(row["channel_id"])))
    return ChannelPage(rows=tuple(good), damaged=tuple(damaged))


def _note(connection: sqlite3.Connection, channel_id: str, entry: ChannelEntry | None) -> None:
    if entry is None:
        return
    amount = None if entry.amount is None else amount_text(entry.amount)
    connection.execute(
        "INSERT INTO channel_entries (channel_id, at, kind, amount, reference, text) VALUES (?, ?, ?, ?, ?, ?)",
        (channel_id, to_microseconds(entry.at), entry.kind, amount, entry.reference, clean_text(entry.text)),
    )


def _entry(row: sqlite3.Row) -> ChannelEntry:
    return ChannelEntry(
        at=from_microseconds(row["at"]),
        kind=row["kind"],
        amount=None if row["amount"] is None else amount_of(row["amount"]),
        reference=row["reference"],
        text=row["text"],
    )
