"""Claims are won once, whoever asks; values end when their time is over."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from mpp_console.server import MemoryStore, Store, StoreError
from mpp_console.server.stores.sqlite import SqliteStore
from tests.server.doubles import HandClock

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(clock=clock)
        return
    async with SqliteStore(tmp_path / "gate" / "store.db", clock=clock) as kept:
        yield kept


async def test_a_claim_is_won_once(store: Store) -> None:
    won = await asyncio.gather(*(store.claim("a") for _ in range(50)))
    assert sum(won) == 1
    assert await store.claim("b")


async def test_a_released_claim_can_be_won_again(store: Store) -> None:
    assert await store.claim("a")
    await store.release("a")
    assert await store.claim("a")
    await store.release("never made")


async def test_claims_do_not_expire(store: Store, clock: HandClock) -> None:
    await store.claim("a")
    clock.forward(days=36_500)
    assert not await store.claim("a")


async def test_values_expire(store: Store, clock: HandClock) -> None:
    await store.put("a", b"1", HOUR)
    assert await store.get("a") == b"1"
    clock.forward(minutes=59)
    assert await store.get("a") == b"1"
    clock.forward(minutes=1)
    assert await store.get("a") is None


async def test_add_keeps_what_lives(store: Store, clock: HandClock) -> None:
    added = await asyncio.gather(*(store.add("a", str(n).encode(), HOUR) for n in range(20)))
    assert sum(added) == 1
    value = await store.get("a")
    assert not await store.add("a", b"later", HOUR)
    assert await store.get("a") == value
    clock.forward(hours=1)
    assert await store.add("a", b"later", HOUR)
    assert await store.get("a") == b"later"


async def test_put_replaces_and_delete_removes(store: Store) -> None:
    await store.put("a", b"1", HOUR)
    await store.put("a", b"2", HOUR)
    assert await store.get("a") == b"2"
    await store.delete("a")
    await store.delete("a")
    assert await store.get("a") is None


async def test_values_and_claims_do_not_meet(store: Store) -> None:
    await store.put("a", b"1", HOUR)
    assert await store.claim("a")
    await store.delete("a")
    assert not await store.claim("a")


async def test_memory_keeps_a_bounded_number_of_values(clock: HandClock) -> None:
    store = MemoryStore(clock=clock, max_values=3)
    for number in range(5):
        await store.put(str(number), b"", HOUR)
    assert [await store.get(str(number)) is not None for number in range(5)] == [False, False, True, True, True]


async def test_sqlite_keeps_a_bounded_number_of_values(tmp_path: Path, clock: HandClock) -> None:
    async with SqliteStore(tmp_path / "store.db", clock=clock, max_values=3) as store:
        for number in range(5):
            clock.forward(seconds=1)
            await store.put(str(number), b"", HOUR)
        assert [await store.get(str(number)) is not None for number in range(5)] == [False, False, True, True, True]


async def test_sqlite_remembers_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "store.db"
    async with SqliteStore(path, clock=clock) as store:
        await store.claim("a")
        await store.put("k", b"\x00v", HOUR)
    async with SqliteStore(path, clock=clock) as store:
        assert not await store.claim("a")
        assert await store.get("k") == b"\x00v"


async def test_sqlite_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    before = os.umask(0)
    try:
        async with SqliteStore(path) as store:
            await store.claim("a")
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert "store.db-wal" in modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_sqlite_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database" * 100)
    async with SqliteStore(path) as store:
        with pytest.raises(StoreError, match=r"store\.db"):
            await store.claim("a")


CLAIM_A_LOT = """
import asyncio, sys
from pathlib import Path
from mpp_console.server.stores.sqlite import SqliteStore

async def main():
    async with SqliteStore(Path(sys.argv[1])) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        print(sum([await store.claim(f"claim-{n}") for n in range(100)]))

asyncio.run(main())
"""


def test_two_processes_share_one_file(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_A_LOT, str(tmp_path / "store.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    won = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(won) == 100
