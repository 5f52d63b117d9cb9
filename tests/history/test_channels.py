"""The channel book's file: what other programs did to it, and what happens between processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from datetime import UTC, datetime
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.history import Database, MalformedRow
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.client_channel import ClientChannel
from tests.client.sessions.samples import START, a_channel

ROUNDS = 15


def tamper(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def book(database: Database) -> HistoryChannels:
    return HistoryChannels(database)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE channels SET payee = '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cE'",
        "UPDATE channels SET salt = '0x00'",
        "UPDATE channels SET payer = payee",
        "UPDATE channels SET state = 'forgotten'",
        "UPDATE channels SET protocol = 'v9'",
        "UPDATE channels SET updated_at = 9223372036854775807",
    ],
)
async def test_a_row_that_contradicts_itself_is_shown_as_damaged_and_kept(
    book: HistoryChannels, path: Path, statement: str
) -> None:
    good, bad = a_channel(2), a_channel(1)
    await book.add(bad, lease=None)
    tamper(path, statement)
    await book.add(good, lease=None)
    page = await book.rows()
    assert [row.channel_id for row in page.rows] == [good.channel_id]
    assert page.damaged == (bad.channel_id,)
    assert [row.channel_id for row in await book.usable(good.scope)] == [good.channel_id]
    with pytest.raises(MalformedRow):
        await book.get(bad.channel_id)
    with pytest.raises(MalformedRow):
        await book.update(bad.channel_id, lambda row: row)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM channels",
        "UPDATE channels SET signed = '99'",
        "UPDATE channels SET deposit = '999999'",
        "UPDATE channels SET accepted = '01000'",
    ],
)
async def test_no_program_can_forget_a_channel_or_lower_its_sums(
    book: HistoryChannels, path: Path, statement: str
) -> None:
    row = a_channel(signed=100, accepted=100)
    await book.add(row, lease=None)
    with pytest.raises(sqlite3.IntegrityError):
        tamper(path, statement)
    assert await book.get(row.channel_id) == row


def sign_in_turn(path: Path, start: Barrier, results: Queue[Any]) -> None:
    async def main() -> list[int]:
        database = await Database.open(path)
        try:
            book = HistoryChannels(database)
            leases, row = ScopeLeases(book), a_channel()
            signed = []
            start.wait(60)
            for _ in range(ROUNDS):
                async with leases.holding(row.scope) as lease:
                    current = await book.get(row.channel_id)
                    assert current is not None
                    target = current.signed + 10
                    change = partial(ClientChannel.learned, now=START, signed=target)
                    await book.update(row.channel_id, change, lease=lease)
                    signed.append(target)
            return signed
        finally:
            await database.close()

    try:
        results.put(asyncio.run(main()))
    except BaseException as error:
        results.put(repr(error))


async def test_two_processes_never_sign_the_same_voucher(path: Path) -> None:
    database = await Database.open(path)
    await HistoryChannels(database).add(a_channel(), lease=None)
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=sign_in_turn, args=(path, start, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [await asyncio.to_thread(results.get, True, 60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join)
    results.close()
    assert all(isinstance(signed, list) for signed in found), found
    assert sorted(found[0] + found[1]) == [10 * number for number in range(1, 2 * ROUNDS + 1)]
    await database.close()


def die_holding(path: Path, ready: Any) -> None:
    async def main() -> None:
        database = await Database.open(path)
        held = await ScopeLeases(HistoryChannels(database)).hold(a_channel().scope)
        ready.set()
        assert held is not None
        await asyncio.Event().wait()

    asyncio.run(main())


async def test_the_lease_of_a_killed_process_is_free_at_once(path: Path) -> None:
    database = await Database.open(path)
    book = HistoryChannels(database, clock=lambda: datetime.now(UTC))
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=die_holding, args=(path, ready))
    worker.start()
    assert await asyncio.to_thread(ready.wait, 60)
    assert await book.acquire(a_channel().scope, "me", seconds=30) is None
    worker.kill()
    await asyncio.to_thread(worker.join)
    assert await book.acquire(a_channel().scope, "me", seconds=30) is not None
    await database.close()
