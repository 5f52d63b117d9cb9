"""Changes that share a commit: one flush for many, and each on its own where one goes wrong."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpp_console.server.stores.base import StoreError
from mpp_console.server.stores.commits import BATCH, Commits
from mpp_console.server.stores.sqlite import SqliteStore


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "file.db", isolation_level=None)
    connection.execute("CREATE TABLE things (name TEXT PRIMARY KEY) STRICT")
    yield connection
    connection.close()


def add(name: str) -> Any:
    return lambda db: db.execute("INSERT INTO things VALUES (?)", (name,)).rowcount


def names(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM things")}


def test_many_changes_are_one_commit(db: sqlite3.Connection) -> None:
    told: list[str] = []
    db.set_trace_callback(told.append)
    commits = Commits()
    waiting = [commits.add(add(f"thing {number}")) for number in range(20)]
    commits.commit(lambda: db)
    db.set_trace_callback(None)
    assert [future.result(0) for future in waiting] == [1] * 20
    assert told.count("COMMIT") == 1
    assert len(names(db)) == 20


def test_nobody_hears_before_the_commit(db: sqlite3.Connection) -> None:
    commits, heard = Commits(), []
    first = commits.add(add("first"))
    first.add_done_callback(lambda future: heard.append("told, and " + ("open" if db.in_transaction else "written")))
    commits.add(lambda db: heard.append("worked"))
    commits.commit(lambda: db)
    assert heard == ["worked", "told, and written"]


def test_a_change_that_raises_takes_back_only_itself(db: sqlite3.Connection) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO things VALUES ('half')")
        raise ValueError("not after all")

    commits = Commits()
    before, broken, after = commits.add(add("before")), commits.add(half), commits.add(add("after"))
    commits.commit(lambda: db)
    assert (before.result(0), after.result(0), names(db)) == (1, 1, {"before", "after"})
    with pytest.raises(ValueError, match="not after all"):
        broken.result(0)


def test_what_sqlite_refuses_fails_alone_and_the_others_are_written_once(db: sqlite3.Connection) -> None:
    commits, runs = Commits(), []

    def count(db: sqlite3.Connection) -> Any:
        runs.append(1)
        return add("counted")(db)

    counted = commits.add(count)
    twice = [commits.add(add("same")), commits.add(add("same"))]
    last = commits.add(add("last"))
    commits.commit(lambda: db)
    assert (counted.result(0), last.result(0), names(db)) == (1, 1, {"counted", "same", "last"})
    assert twice[0].result(0) == 1
    with pytest.raises(sqlite3.IntegrityError):
        twice[1].result(0)
    assert len(runs) == 2, "tried together, then alone"


def test_a_change_that_ends_the_transaction_does_not_pass_the_others_for_written(db: sqlite3.Connection) -> None:
    def ends(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk full")

    commits = Commits()
    good, bad = commits.add(add("good")), commits.add(ends)
    commits.commit(lambda: db)
    assert (good.result(0), names(db)) == (1, {"good"})
    with pytest.raises(sqlite3.OperationalError):
        bad.result(0)


def test_a_file_that_cannot_be_opened_is_told_to_everybody() -> None:
    def broken() -> sqlite3.Connection:
        raise OSError("no such folder")

    commits = Commits()
    waiting = [commits.add(add("one")), commits.add(add("two"))]
    commits.commit(broken)
    for future in waiting:
        with pytest.raises(OSError, match="no such folder"):
            future.result(0)


def test_who_gave_up_is_passed_over(db: sqlite3.Connection) -> None:
    commits = Commits()
    gone, there = commits.add(add("gone")), commits.add(add("there"))
    assert gone.cancel()
    commits.commit(lambda: db)
    assert (there.result(0), names(db)) == (1, {"there"})


def test_a_batch_has_an_end(db: sqlite3.Connection) -> None:
    commits = Commits()
    waiting = [commits.add(add(str(number))) for number in range(BATCH + 1)]
    commits.commit(lambda: db)
    assert [future.done() for future in waiting] == [True] * BATCH + [False]
    commits.commit(lambda: db)
    assert waiting[-1].result(0) == 1
    commits.commit(lambda: db)


async def test_a_store_in_a_crowd_loses_nothing(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "store.db") as store:
        won = await asyncio.gather(*(store.claim(f"key {number % 100}") for number in range(300)))
        assert won.count(True) == 100
        with pytest.raises(StoreError):
            await store.transact(lambda db: db.execute("SELECT nothing FROM nowhere"))
        assert not await store.claim("key 1")
