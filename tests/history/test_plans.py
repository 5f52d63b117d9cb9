"""No query of a screen reads a whole table: SQLite's own plans of every question."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from mpp_console.history import Cursor, Database, Filter, HistoryJournal, HistoryQueries, Order, OrderKey
from mpp_console.history.database import Lane
from mpp_console.protocol import OperationState
from tests.history.samples import PATH_USD, START, a_draft, a_receipt, allow


class Plans:
    """Runs queries as they are and keeps SQLite's plan of each statement that reads a table."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def of(self, question: Any, *, lane: Lane = "screens") -> list[str]:
        statements: list[str] = []
        await self.database.read(lambda c: c.set_trace_callback(statements.append), doing="watch", lane=lane)
        await question
        await self.database.read(lambda c: c.set_trace_callback(None), doing="stop watching", lane=lane)

        def explain(connection: sqlite3.Connection) -> list[str]:
            lines = []
            for statement in statements:
                if statement.startswith("SELECT"):
                    lines += [str(row["detail"]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            return lines

        plan = await self.database.read(explain, doing="explain")
        assert plan
        return plan


FILTERS = {
    "none": Filter(),
    "direction": Filter(direction="sent"),
    "origin": Filter(origin="https://a.example"),
    "status": Filter(status="success"),
    "method": Filter(method="tempo"),
    "currency": Filter(currency=PATH_USD.id),
    "time": Filter(since=START, until=START + timedelta(days=1)),
    "several": Filter(origin="https://a.example", direction="sent", since=START, words=("x",)),
    "leaving out": Filter(without=(Filter(words=("example",)), Filter(amounts=(("<", Decimal(1)),)))),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("after", [None, Cursor(at=10**15, seq=5)])
async def test_pages_walk_an_index_in_order(
    database: Database, queries: HistoryQueries, name: str, after: Cursor | None
) -> None:
    plan = await Plans(database).of(queries.receipts(FILTERS[name], after=after))
    assert all(line.startswith("SEARCH") for line in plan), plan  # neither SCAN nor a sort (USE TEMP B-TREE)


@pytest.mark.parametrize("key", ["amount", "origin", "status"])
@pytest.mark.parametrize("descending", [True, False])
async def test_other_orders_walk_an_index_too(
    database: Database, journal: HistoryJournal, queries: HistoryQueries, key: OrderKey, descending: bool
) -> None:
    await journal.receive(a_receipt())
    for where in (Filter(), Filter(direction="sent", words=("x",))):
        plan = await Plans(database).of(queries.receipts(where, order=Order(key=key, descending=descending)))
        assert all(line.startswith("SEARCH") for line in plan), plan


NOWHERE = {
    "word": Filter(words=("nothing-there",)),
    "words": Filter(words=("api", "nothing-there")),
    "reference": Filter(reference_part="0xdeadbeef"),
    "origin": Filter(origin_part="nowhere"),
    "amount": Filter(amounts=((">", Decimal(10**40)),)),
}


@pytest.mark.parametrize("name", NOWHERE)
async def test_what_is_nowhere_is_found_out_without_reading_the_table(
    database: Database, journal: HistoryJournal, queries: HistoryQueries, name: str
) -> None:
    await journal.receive(a_receipt())
    where = NOWHERE[name]
    lanes: list[tuple[Lane, Callable[[Filter], Any]]] = [
        ("screens", queries.receipts),
        ("sums", queries.count),
        ("sums", queries.totals),
    ]
    for lane, ask in lanes:
        plan = await Plans(database).of(ask(where), lane=lane)
        assert not [line for line in plan if line.split("(")[0].strip() == "SCAN receipts"], plan
        assert not [line for line in plan if "receipts_by_" in line and "receipts_by_amount" not in line], plan


async def test_the_other_lists_walk_an_index_in_order(database: Database, queries: HistoryQueries) -> None:
    questions = [
        queries.operations(),
        queries.operations(state=OperationState.UNKNOWN),
        queries.requests(),
        queries.requests(outcome="paid"),
        queries.receipts_since(5),
        queries.requests_since(5),
        queries.receipts_of("op-1"),
    ]
    for question in questions:
        plan = await Plans(database).of(question)
        assert all(line.startswith("SEARCH") for line in plan), plan


async def test_counts_and_totals_read_an_index_only(
    database: Database, journal: HistoryJournal, queries: HistoryQueries
) -> None:
    await journal.receive(a_receipt())
    # Counting and summing everything cannot but read everything; then it is a covering index, never the table.
    names = ("direction", "origin", "status", "method", "currency", "time", "none")
    counts = [(f"count {name}", queries.count(FILTERS[name])) for name in names]
    totals = [(f"totals {name}", queries.totals(FILTERS[name])) for name in ("none", "direction", "currency", "time")]
    for name, question in (*counts, *totals):
        plan = await Plans(database).of(question, lane="sums")
        read = [line for line in plan if line not in LOOKUPS]
        assert read, name
        assert all("COVERING INDEX" in line for line in read), (name, plan)
        assert not [line for line in plan if "TEMP B-TREE" in line], (name, plan)


LOOKUPS = {
    "SEARCH receipts",  # the newest seq
    "SEARCH receipts USING INDEX receipts_by_currency_time (currency_id=?)",  # how a currency is named
}


async def test_spending_reads_an_index_only(
    database: Database, journal: HistoryJournal, queries: HistoryQueries
) -> None:
    await journal.begin(a_draft(), allow)
    questions = [
        queries.spent(PATH_USD.id, START),
        queries.spent(PATH_USD.id, START, "https://a.example"),
        queries.spend_buckets(PATH_USD.id, since=START, until=START + timedelta(days=1), width=timedelta(hours=1)),
        queries.receipt_buckets(
            PATH_USD.id, direction="received", since=START, until=START + timedelta(days=1), width=timedelta(hours=1)
        ),
    ]
    for question in questions:
        plan = await Plans(database).of(question)
        searches = [line for line in plan if "TEMP B-TREE" not in line]  # the few bars of a chart may be sorted
        assert all(line.startswith("SEARCH") and "COVERING INDEX" in line for line in searches), plan
    plan = await Plans(database).of(queries.spent_since(START))
    assert all(line.startswith("SEARCH") for line in plan), plan
    plan = await Plans(database).of(journal.unresolved(), lane="payments")
    assert plan == ["SCAN operations USING INDEX operations_unresolved"]  # which holds unresolved rows only
