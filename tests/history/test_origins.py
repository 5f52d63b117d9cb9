"""Whom most receipts are of."""

from __future__ import annotations

import pytest

from mpp_console.history import Filter, HistoryError, HistoryJournal, HistoryQueries
from tests.history.samples import a_receipt


async def test_the_most_frequent_origins_come_first(journal: HistoryJournal, queries: HistoryQueries) -> None:
    assert await queries.origins() == ()
    for number, origin in enumerate(["https://b.example"] * 3 + ["https://c.example", "https://a.example"]):
        await journal.receive(a_receipt(f"r-{number}", origin=origin, amount=number + 1))
    everything = (("https://b.example", 3), ("https://a.example", 1), ("https://c.example", 1))
    assert await queries.origins() == everything
    assert await queries.origins(limit=1) == everything[:1]
    assert await queries.origins(Filter(words=("c.exa",))) == everything[2:]
    assert await queries.origins(Filter(status="none")) == ()


@pytest.mark.parametrize("limit", [0, 1001])
async def test_a_list_of_origins_has_bounds(queries: HistoryQueries, limit: int) -> None:
    with pytest.raises(HistoryError):
        await queries.origins(limit=limit)
