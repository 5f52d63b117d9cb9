"""The channel book, in memory and on disk alike: sums that only grow, and one signer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.leases import ChannelBusy, ScopeLeases
from mpp_console.history.channels import HistoryChannels
from mpp_console.history.database import Database
from mpp_console.methods.tempo.client_channel import (
    ChannelBook,
    ChannelEntry,
    ChannelExists,
    ChannelWentBack,
    LeaseLost,
    UnknownChannel,
)
from mpp_console.protocol import ChannelFact, ChannelState

from .samples import START, TOKEN, a_channel


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> Any:
        return self.now


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.dead: set[str] = set()

    def alive(self, owner: str) -> bool:
        return owner not in self.dead


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["memory", "history"])
async def book(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> AsyncIterator[ChannelBook]:
    if request.param == "memory":
        yield MemoryChannels(clock=world.clock, alive=world.alive)
        return
    database = await Database.open(tmp_path / "home" / "history.db")
    yield HistoryChannels(database, clock=world.clock, alive=world.alive)
    await database.close()


async def test_a_row_comes_back_as_it_was_written(book: ChannelBook) -> None:
    row = a_channel(
        deposit=2**96 - 1, signed=5, accepted=4, spent=3, settled=2, pending_deposit=7, dies_at=9, from_block=3,
        close_requested_at=11, refunded=0, open_hash="0x" + "1" * 64, close_hash="0x" + "2" * 64, voucher_ref="x",
        note="a word", state=ChannelState.CLOSING,
    )  # fmt: skip
    await book.add(row, lease=None, entry=ChannelEntry(at=START, kind="opened", amount=5, reference="r", text="t"))
    assert await book.get(row.channel_id) == row
    assert list(await book.entries(row.channel_id)) == [
        ChannelEntry(at=START, kind="opened", amount=5, reference="r", text="t")
    ]
    with pytest.raises(ChannelExists):
        await book.add(row, lease=None)
    with pytest.raises(UnknownChannel):
        await book.update("0x" + "9" * 64, lambda row: row)
    assert await book.get("0x" + "9" * 64) is None


@pytest.mark.parametrize("name", ["deposit", "signed", "accepted", "spent", "settled"])
async def test_no_sum_ever_falls(book: ChannelBook, name: str) -> None:
    sums: dict[str, Any] = {name: 100}
    row = a_channel(**sums)
    await book.add(row, lease=None)
    for value in (99, 9):
        with pytest.raises(ChannelWentBack, match=name):
            await book.update(row.channel_id, lambda row, v=value: replace(row, **{name: v}))  # type: ignore[misc]
    grown = await book.update(row.channel_id, lambda row: row.learned(START, **{name: 101}))
    assert getattr(grown, name) == 101
    same = await book.update(row.channel_id, lambda row: row.learned(START, **{name: 1}))
    assert getattr(same, name) == 101


async def test_a_closed_channel_is_kept_and_stays_closed(book: ChannelBook) -> None:
    row = a_channel()
    await book.add(row, lease=None)
    await book.update(row.channel_id, lambda row: row.after(ChannelFact.GONE, START, refunded=7))
    assert await book.usable(row.scope) in ([], ())
    assert (await book.rows()).rows == ()
    (kept,) = (await book.rows(archived=True)).rows
    assert (kept.state, kept.refunded, kept.locked, kept.at_risk) == (ChannelState.FINALIZED, 7, 0, 0)
    with pytest.raises(ChannelWentBack, match="closed"):
        await book.update(row.channel_id, lambda row: replace(row, state=ChannelState.ACTIVE))


async def test_a_channel_cannot_turn_into_another(book: ChannelBook) -> None:
    row = a_channel()
    await book.add(row, lease=None)
    with pytest.raises(ChannelWentBack, match="payee"):
        await book.update(row.channel_id, lambda row: replace(row, payee=TOKEN))


async def test_the_last_used_row_of_a_scope_comes_first(book: ChannelBook) -> None:
    later = START + timedelta(seconds=5)
    for row in (a_channel(1), a_channel(2, last_used_at=later), a_channel(3, payee=TOKEN)):
        await book.add(row, lease=None)
    scope = a_channel(1).scope
    assert [row.salt[-1] for row in await book.usable(scope)] == ["2", "1"]
    assert len((await book.rows(chain_id=1337)).rows) == 3
    assert (await book.rows(chain_id=1)).rows == ()
    shouted = replace(scope, payer=scope.payer.lower(), payee="0x" + scope.payee[2:].upper())
    assert len(await book.usable(shouted)) == 2


async def test_one_lease_at_a_time_until_it_ends_or_its_owner_dies(book: ChannelBook, world: World) -> None:
    scope = a_channel().scope
    first = await book.acquire(scope, "one", seconds=30)
    assert first is not None
    assert await book.acquire(scope, "two", seconds=30) is None
    world.clock.now += timedelta(seconds=29)
    assert await book.renew(first, seconds=30)
    world.clock.now += timedelta(seconds=29)
    assert await book.acquire(scope, "two", seconds=30) is None
    world.clock.now += timedelta(seconds=2)
    second = await book.acquire(scope, "two", seconds=30)
    assert second is not None
    assert second.fence > first.fence
    assert not await book.renew(first, seconds=30)
    await book.release(first)  # too late to harm anybody
    assert await book.acquire(scope, "three", seconds=30) is None
    world.dead.add("two")
    third = await book.acquire(scope, "three", seconds=30)
    assert third is not None
    await book.release(third)
    assert not await book.renew(third, seconds=30)
    assert await book.acquire(scope, "four", seconds=30) is not None


async def test_who_lost_the_lease_writes_nothing(book: ChannelBook, world: World) -> None:
    row = a_channel()
    first = await book.acquire(row.scope, "one", seconds=30)
    assert first is not None
    await book.add(row, lease=first)
    world.dead.add("one")
    assert await book.acquire(row.scope, "two", seconds=30) is not None
    with pytest.raises(LeaseLost):
        await book.update(row.channel_id, lambda row: row.learned(START, signed=5), lease=first)
    with pytest.raises(LeaseLost):
        await book.add(a_channel(2), lease=first)
    kept = await book.get(row.channel_id)
    assert kept is not None
    assert kept.signed == 0


async def test_cursors_go_forward_only(book: ChannelBook) -> None:
    assert await book.cursor("a") == 0
    for block in (5, 3, 9):
        await book.move_cursor("a", block)
    assert await book.cursor("a") == 9
    assert await book.cursor("b") == 0


async def test_tasks_of_one_process_sign_in_turn(book: ChannelBook) -> None:
    row = a_channel()
    await book.add(row, lease=None)
    leases = ScopeLeases(book)
    inside = 0

    async def sign() -> None:
        nonlocal inside
        async with leases.holding(row.scope) as lease:
            inside += 1
            assert inside == 1
            current = await book.get(row.channel_id)
            assert current is not None
            await asyncio.sleep(0)
            target = current.signed + 10
            await book.update(row.channel_id, lambda row: row.learned(START, signed=target), lease=lease)
            inside -= 1

    await asyncio.gather(*(sign() for _ in range(20)))
    current = await book.get(row.channel_id)
    assert current is not None
    assert current.signed == 200


async def test_waiting_for_another_process_has_an_end(book: ChannelBook) -> None:
    scope = a_channel().scope
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    assert await book.acquire(scope, "another", seconds=3_000) is not None
    with pytest.raises(ChannelBusy):
        await ScopeLeases(book, patience=1.0, sleep=nap).hold(scope)
    assert sum(naps) == pytest.approx(1.0)
