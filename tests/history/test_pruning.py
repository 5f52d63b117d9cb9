"""Served requests are bounded; receipts are not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mpp_console.history import Database, HistoryJournal, HistoryQueries, RequestLimits, RequestRecord, pruning
from tests.history.samples import START, TickingClock, a_draft, a_receipt, allow


def a_request(number: int, *, days_ago: float = 0) -> RequestRecord:
    at = START - timedelta(days=days_ago)
    return RequestRecord(id=f"q-{number}", at=at, method="GET", path="/charge", status=200, outcome="paid")


async def ids(queries: HistoryQueries) -> set[str]:
    return {row.record.id for row in (await queries.requests(limit=1000)).rows}


async def test_the_newest_are_kept(
    database: Database, queries: HistoryQueries, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_SLACK", 2)
    journal = HistoryJournal(database, clock=clock, limits=RequestLimits(count=5))
    for number in range(7):
        await journal.keep_requests(a_request(number))
    assert await ids(queries) == {f"q-{number}" for number in range(7)}  # within the slack
    await journal.keep_requests(a_request(7))
    assert await ids(queries) == {"q-3", "q-4", "q-5", "q-6", "q-7"}


async def test_old_ones_go_whatever_their_number(
    database: Database, queries: HistoryQueries, clock: TickingClock
) -> None:
    journal = HistoryJournal(database, clock=clock, limits=RequestLimits(count=0, age=timedelta(days=30)))
    await journal.keep_requests(a_request(1, days_ago=31), a_request(2, days_ago=29), a_request(3))
    assert await ids(queries) == {"q-2", "q-3"}


async def test_a_lot_goes_bit_by_bit(
    database: Database, queries: HistoryQueries, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = HistoryJournal(database, clock=clock, limits=RequestLimits(count=0))
    await keeper.keep_requests(*(a_request(number) for number in range(30)))
    monkeypatch.setattr(pruning, "_SLACK", 0)
    monkeypatch.setattr(pruning, "_AT_ONCE", 10)
    journal = HistoryJournal(database, clock=clock, limits=RequestLimits(count=5))
    left = []
    for number in range(30, 34):
        await journal.keep_requests(a_request(number))
        left.append(len(await ids(queries)))
    assert left == [21, 12, 5, 5]


async def test_receipts_and_operations_stay(database: Database, queries: HistoryQueries, clock: TickingClock) -> None:
    limits = RequestLimits(count=1, age=timedelta(0))
    journal = HistoryJournal(database, clock=clock, limits=limits)
    await journal.receive(a_receipt(received_at=START - timedelta(days=4000)))
    await journal.begin(a_draft(), allow)
    await journal.keep_requests(*(a_request(number, days_ago=1) for number in range(50)))
    assert await ids(queries) == set()
    assert await queries.count() == 1
    assert len((await queries.operations()).rows) == 1
