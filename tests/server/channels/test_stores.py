"""Channels kept: one change at a time, on disk before anybody hears of it, and those who wait are told."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mpp_console.methods.tempo.channels import ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.session_record import ChannelRecord, ChannelState, ChannelStore, Dispatch, DispatchKind
from mpp_console.server.channels import MemoryChannels, SqliteChannels
from mpp_console.server.stores.base import StoreError
from mpp_console.server.stores.sqlite import SqliteStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "0x" + "ab" * 32
PARTY = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"


def fresh(channel_id: str = ID, **changes: object) -> ChannelRecord:
    descriptor = Descriptor(
        payer=PARTY,
        payee=PARTY,
        operator=ZERO_ADDRESS,
        token=PARTY,
        salt="0x" + "00" * 32,
        authorized_signer=ZERO_ADDRESS,
        expiring_nonce_hash="0x" + "01" * 32,
    )
    record = ChannelRecord(
        channel_id=channel_id, chain_id=1, escrow=PARTY, descriptor=descriptor, created_at=NOON, last_used=NOON
    )
    return replace(record, **changes)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChannelStore]:
    if request.param == "memory":
        yield MemoryChannels()
        return
    async with SqliteStore(tmp_path / "gate.db") as kept:
        yield SqliteChannels(kept)


async def put(store: ChannelStore, record: ChannelRecord) -> None:
    await store.update(record.channel_id, lambda before: (record, None))


async def add(store: ChannelStore, amount: int = 1) -> int:
    def change(record: ChannelRecord | None) -> tuple[ChannelRecord, int]:
        assert record is not None
        grown = replace(record, spent=record.spent + amount)
        return grown, grown.spent

    return await store.update(ID, change)


async def test_a_record_comes_back_as_it_was_kept(store: ChannelStore) -> None:
    step = Dispatch(kind=DispatchKind.CLOSE, content="0x1", tx_hash="0x2", amount=2**96 - 1, at=NOON)
    record = fresh(deposit=2**96 - 1, accepted=2**64, pending=step, done=(step, step), checked_at=NOON)
    assert await store.get(ID) is None
    await put(store, record)
    kept = await store.get(ID)
    assert kept is not None
    assert kept.record == record


async def test_changes_of_one_channel_never_overlap(store: ChannelStore) -> None:
    await put(store, fresh())
    results = await asyncio.gather(*(add(store) for _ in range(50)))
    assert sorted(results) == list(range(1, 51))


async def test_a_change_that_raises_leaves_the_record_alone(store: ChannelStore) -> None:
    def fail(record: ChannelRecord | None) -> tuple[ChannelRecord | None, None]:
        raise LookupError

    with pytest.raises(LookupError):  # also as the very first thing that is asked of a store
        await store.update(ID, fail)
    await put(store, fresh(spent=7))
    with pytest.raises(LookupError):
        await store.update(ID, fail)
    kept = await store.get(ID)
    assert kept is not None
    assert (kept.record.spent, kept.version) == (7, 1)


async def test_the_same_record_again_is_no_new_version(store: ChannelStore) -> None:
    await put(store, fresh())
    await put(store, fresh())
    await add(store)
    kept = await store.get(ID)
    assert kept is not None
    assert kept.version == 2


async def test_a_record_of_none_forgets(store: ChannelStore) -> None:
    await put(store, fresh())
    await store.update(ID, lambda record: (None, None))
    assert await store.get(ID) is None


async def test_lists_by_state_and_last_use(store: ChannelStore) -> None:
    late = fresh("0x" + "01" * 32, state=ChannelState.OPEN, last_used=NOON.replace(hour=13))
    closed = fresh("0x" + "02" * 32, state=ChannelState.CLOSED, last_used=NOON.replace(hour=14))
    for record in (fresh(), late, closed):
        await put(store, record)
    assert [row.channel_id for row in await store.list()] == [closed.channel_id, late.channel_id, ID]
    assert await store.list(states=frozenset({ChannelState.OPEN})) == (late,)


async def test_who_waits_is_woken_by_a_change(store: ChannelStore) -> None:
    await put(store, fresh())
    waiting = asyncio.create_task(store.wait_for_change(ID, 1, 60))
    await asyncio.sleep(0)
    await add(store, 5)
    kept = await asyncio.wait_for(waiting, 10)
    assert kept is not None
    assert (kept.version, kept.record.spent) == (2, 5)


async def test_a_change_that_was_missed_is_told_at_once_and_none_after_the_time(store: ChannelStore) -> None:
    await put(store, fresh())
    assert (await store.wait_for_change(ID, 0, 60)) is not None
    kept = await store.wait_for_change(ID, 1, 0)
    assert kept is not None
    assert kept.version == 1
    assert await store.wait_for_change("0x" + "cd" * 32, 0, 0) is None


async def test_channels_survive_the_process(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "gate.db") as first:
        await put(SqliteChannels(first), fresh(spent=9))
        await first.claim("a claim lives in the same file")
    async with SqliteStore(tmp_path / "gate.db") as second:
        kept = await SqliteChannels(second).get(ID)
        assert kept is not None
        assert kept.record.spent == 9
        assert not await second.claim("a claim lives in the same file")


def _count(path: str) -> None:
    async def work() -> None:
        async with SqliteStore(Path(path)) as kept:
            store = SqliteChannels(kept)
            for _ in range(25):
                await add(store)

    asyncio.run(work())


async def test_two_processes_lose_no_change_and_wake_each_other(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    async with SqliteStore(path) as kept:
        store = SqliteChannels(kept)
        await put(store, fresh())
        waiting = asyncio.create_task(store.wait_for_change(ID, 50, 120))
        context = multiprocessing.get_context("spawn")
        others = [context.Process(target=_count, args=(str(path),)) for _ in range(2)]
        for other in others:
            other.start()
        seen = await waiting
        assert seen is not None
        assert seen.record.spent == 50
        for other in others:
            await asyncio.to_thread(other.join, 60)
            assert other.exitcode == 0


async def test_a_damaged_row_is_told_and_not_written_over(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "gate.db") as kept:
        store = SqliteChannels(kept)
        await put(store, fresh())
        await kept.transact(lambda db: db.execute("UPDATE channels SET record = ?", (b'{"nonsense": 1}',)))
        with pytest.raises(StoreError, match="cannot be read"):
            await put(store, fresh())
