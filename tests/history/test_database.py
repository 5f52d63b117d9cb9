"""The file itself: its modes, its settings, its migrations, its two threads."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from mpp_console.history import (
    Database,
    Filter,
    HistoryBusy,
    HistoryClosed,
    HistoryDamaged,
    HistoryError,
    HistoryQueries,
    HistoryTooNew,
    Order,
    connections,
    migrations,
)
from mpp_console.history.rows import RECEIPT_COLUMNS, receipt_values
from mpp_console.history.sums import amount_key
from mpp_console.wallet.files import FileTrouble
from tests.history.samples import a_receipt


def modes(folder: Path) -> dict[str, int]:
    return {found.name: stat.S_IMODE(found.stat().st_mode) for found in folder.iterdir()}


async def test_file_and_folder_are_private_from_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("chmod means that it was open to others before")

    monkeypatch.setattr(os, "chmod", forbidden)
    monkeypatch.setattr(os, "fchmod", forbidden)
    before = os.umask(0)
    try:
        database = await Database.open(path)
        await database.write(lambda c: c.execute("DELETE FROM requests"), doing="touch")
        found = modes(path.parent)
        assert found == {"history.db": 0o600, "history.db-wal": 0o600, "history.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await database.close()
    finally:
        os.umask(before)


async def test_closing_folds_the_wal_into_the_file(path: Path) -> None:
    await (await Database.open(path)).close()
    assert set(modes(path.parent)) == {"history.db"}


async def test_every_folder_that_is_made_is_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c" / "history.db"
    before = os.umask(0)
    try:
        await (await Database.open(path)).close()
    finally:
        os.umask(before)
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(FileTrouble, match="others may write") as caught:
        await Database.open(open_to_all / "history.db")
    assert caught.value.hint is not None
    assert "chmod 700" in caught.value.hint


async def test_settings_are_those_that_money_needs(database: Database) -> None:
    def look(connection: sqlite3.Connection) -> tuple[Any, ...]:
        return tuple(
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "busy_timeout")
        )

    assert await database.write(look, doing="look") == ("wal", 2, 10_000)
    assert await database.write(look, doing="look", durable=False) == ("wal", 1, 10_000)
    assert await database.write(look, doing="look") == ("wal", 2, 10_000)


async def test_every_table_is_strict(database: Database) -> None:
    def job(connection: sqlite3.Connection) -> dict[str, int]:
        sql = (
            "SELECT name, strict FROM pragma_table_list "
            "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE '%sqlite_%'"
        )
        return {row["name"]: row["strict"] for row in connection.execute(sql)}

    assert await database.read(job, doing="look") == {
        "operations": 1,
        "receipts": 1,
        "requests": 1,
        "receipts_text_until": 1,
        "channels": 1,
        "channel_entries": 1,
        "channel_leases": 1,
        "channel_cursors": 1,
    }


@pytest.mark.parametrize("amount", ["", "-1", "1.0", "01", "1e3", " 1", "9" * 79])
async def test_the_file_itself_refuses_what_is_no_amount(database: Database, amount: str) -> None:
    sql = "INSERT INTO requests (id, at, method, path, status, outcome, amount, message) VALUES ('x',0,'','',0,'',?,'')"
    with pytest.raises(HistoryError, match="CHECK"):
        await database.write(lambda c: c.execute(sql, (amount,)), doing="write")


async def test_the_reader_cannot_write(database: Database) -> None:
    with pytest.raises(HistoryError, match="read-only"):
        await database.read(lambda c: c.execute("DELETE FROM receipts"), doing="cheat")


async def test_a_failing_write_leaves_its_neighbours_alone(database: Database) -> None:
    started, go = Event(), Event()

    def hold(_: sqlite3.Connection) -> None:
        started.set()
        go.wait(10)

    def insert(name: str) -> Callable[[sqlite3.Connection], str]:
        def job(connection: sqlite3.Connection) -> str:
            connection.execute(
                "INSERT INTO requests (id, at, method, path, status, outcome, message) VALUES (?,0,'','',0,'','')",
                (name,),
            )
            if name == "bad":
                raise LookupError("no")
            return name

        return job

    # While the first write holds the thread, the others gather and become one transaction.
    first = asyncio.create_task(database.write(hold, doing="hold"))
    await asyncio.to_thread(started.wait, 10)
    rest = [asyncio.create_task(database.write(insert(name), doing="insert")) for name in ("a", "bad", "b")]
    cancelled = asyncio.create_task(database.write(insert("never"), doing="insert"))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)
    go.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    assert results[1] == "a"
    assert isinstance(results[2], LookupError)
    assert results[3] == "b"
    names = await database.read(lambda c: [row["id"] for row in c.execute("SELECT id FROM requests")], doing="look")
    assert names == ["a", "b"]


async def test_a_commit_that_fails_fails_every_write_in_it(database: Database) -> None:
    def ruin(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(HistoryError, match="disk is full"):
        await database.write(ruin, doing="write")
    assert await database.write(lambda c: c.execute("SELECT 1").fetchone()[0], doing="go on") == 1


async def test_after_closing_everything_is_refused_in_words(path: Path) -> None:
    database = await Database.open(path)
    await database.close()
    await database.close()
    with pytest.raises(HistoryClosed):
        await database.read(lambda c: c, doing="read")
    with pytest.raises(HistoryClosed):
        await database.write(lambda c: c, doing="write")


async def test_closing_finishes_what_was_asked(path: Path) -> None:
    database = await Database.open(path)
    insert = "INSERT INTO requests (id, at, method, path, status, outcome, message) VALUES ('a',0,'','',0,'','')"
    task = asyncio.create_task(database.write(lambda c: c.execute(insert).rowcount, doing="insert"))
    await asyncio.sleep(0)
    await database.close()
    assert await task == 1


async def test_a_file_that_is_no_database(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"this is not a database at all, it only has the length of one" * 100)
    with pytest.raises(HistoryDamaged) as caught:
        await Database.open(path)
    assert caught.value.hint is not None
    assert str(path) in caught.value.message
    assert path.read_bytes().startswith(b"this is not")


async def test_a_writer_that_holds_on_too_long(path: Path, database: Database) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = await Database.open(path, busy_seconds=0.01)
    try:
        with pytest.raises(HistoryBusy):
            await impatient.write(lambda c: c.execute("DELETE FROM requests"), doing="write")
        assert await impatient.read(lambda c: c.execute("SELECT 1").fetchone()[0], doing="read") == 1
    finally:
        other.close()
        await impatient.close()


# Migrations ---------------------------------------------------------------------------------------------------------


def m002_more(db: Any) -> None:
    db.execute("ALTER TABLE requests ADD COLUMN more TEXT")


def m003_fails(db: Any) -> None:
    db.execute("ALTER TABLE requests ADD COLUMN half TEXT")
    raise RuntimeError("power cut")


def with_steps(monkeypatch: pytest.MonkeyPatch, *more: Callable[[Any], None]) -> None:
    monkeypatch.setattr(connections, "MIGRATIONS", (*migrations.MIGRATIONS, *more))


def columns(path: Path, table: str = "requests") -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return {row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})")}
    finally:
        connection.close()


async def test_migrating_an_existing_file_keeps_a_copy_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await Database.open(path)
    insert = "INSERT INTO requests (id, at, method, path, status, outcome, message) VALUES ('kept',0,'','',0,'','')"
    await old.write(lambda c: c.execute(insert).rowcount, doing="insert")
    with_steps(monkeypatch, m002_more)
    new = await Database.open(path)  # with the old one still open: its rows are in the WAL only
    await new.close()
    await old.close()
    copy = path.with_name("history.db.before-m002_more")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "more" in columns(path)
    assert "more" not in columns(copy)
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT id FROM requests").fetchall() == [("kept",)]
    connection.close()
    assert not list(path.parent.glob("*.part"))


async def test_an_old_file_is_brought_up_to_date_with_all_it_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the first released shape was: the steps after it add to every row, and nothing goes missing."""
    monkeypatch.setattr(connections, "MIGRATIONS", migrations.MIGRATIONS[:1])
    amounts = ["0", "1", "10000", "2500000", str(2**256 - 1)]
    old = connections.connect_writer(path)
    for number, amount in enumerate(amounts):
        values = receipt_values(a_receipt(f"r-{number}", amount=int(amount), reference=f"ref-{number}"))
        marks = ", ".join("?" * len(values))
        old.execute(f"INSERT INTO receipts ({RECEIPT_COLUMNS}) VALUES ({marks})", values)
    old.close()
    monkeypatch.undo()
    database = await Database.open(path)
    try:
        queries = HistoryQueries(database)
        page = await queries.receipts(order=Order(key="amount", descending=False))
        assert [str(row.record.amount) for row in page.rows] == amounts
        (found,) = (await queries.receipts(Filter(words=("REF-3",)))).rows
        assert found.record.id == "r-3"
        keys = await database.read(
            lambda c: [tuple(row) for row in c.execute("SELECT amount_key, amount FROM receipts")], doing="look"
        )
        assert keys == [(amount_key(Decimal(amount).scaleb(-6, Context(prec=90))), amount) for amount in amounts]
        until = await database.read(
            lambda c: c.execute("SELECT seq FROM receipts_text_until").fetchone()[0], doing="look"
        )
        assert until == len(amounts)
    finally:
        await database.close()
    copy = path.with_name("history.db.before-m002_amount_order")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "amount_key" in columns(path, "receipts")
    assert "amount_key" not in columns(copy, "receipts")


async def test_a_new_file_needs_no_copy(path: Path) -> None:
    await (await Database.open(path)).close()
    assert set(modes(path.parent)) == {"history.db"}


async def test_a_failing_step_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await Database.open(path)).close()
    with_steps(monkeypatch, m002_more, m003_fails)
    with pytest.raises(RuntimeError, match="power cut"):
        await Database.open(path)
    assert not {"more", "half"} & columns(path)
    with_steps(monkeypatch, m002_more)
    await (await Database.open(path)).close()
    assert "more" in columns(path)


async def test_a_file_from_a_newer_version_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_steps(monkeypatch, m002_more)
    await (await Database.open(path)).close()
    monkeypatch.undo()
    with pytest.raises(HistoryTooNew, match="m002_more"):
        await Database.open(path)


async def test_opening_an_up_to_date_file_does_not_import_sqlite_utils(path: Path) -> None:
    await (await Database.open(path)).close()
    script = (
        "import asyncio, sys, pathlib\n"
        "from mpp_console.history import Database\n"
        "async def main():\n"
        "    await (await Database.open(pathlib.Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\n"
        "heavy = {'sqlite_utils', 'web3', 'eth_account', 'httpx', 'keyring'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path))
    assert await process.wait() == 0


def open_once(path: Path, ready: Any, results: Any) -> None:
    async def main() -> None:
        ready.wait(30)
        database = await Database.open(path)
        await database.close()

    try:
        asyncio.run(main())
        results.put("ok")
    except BaseException as error:
        results.put(repr(error))


async def test_processes_that_start_at_once_agree_on_the_migrations(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(3), context.Queue()
    workers = [context.Process(target=open_once, args=(path, ready, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = [await asyncio.to_thread(results.get, True, 60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join)
    results.close()
    assert found == ["ok"] * 3
