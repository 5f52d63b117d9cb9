"""Pages, counts, totals and charts, against plain Python over the same rows. What they read is in `test_plans`."""

from __future__ import annotations

import asyncio
import dataclasses
import operator
import sqlite3
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpp_console.client.journal import ReceiptRecord
from mpp_console.history import (
    Cursor,
    Database,
    Filter,
    HistoryError,
    HistoryJournal,
    HistoryQueries,
    Order,
    OrderKey,
    ReceiptRow,
    RequestRecord,
    UnknownRow,
    orders,
    searching,
    tallies,
)
from mpp_console.history.database import Lane
from mpp_console.history.filters import AMOUNT_OPS
from mpp_console.history.searching import TEXT_FIELDS
from mpp_console.protocol import OperationEvent, OperationState
from tests.history.samples import (
    ALPHA_USD,
    CURRENCIES,
    PATH_USD,
    PAYER,
    START,
    TickingClock,
    a_draft,
    a_receipt,
    allow,
    amounts,
    receipts,
)


def ascii_lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}


def shown(record: ReceiptRecord) -> Fraction:
    """The amount in the currency's own units, exact."""
    return Fraction(record.amount, 10**record.currency.decimals)


def lets_through(where: Filter, record: ReceiptRecord) -> bool:
    """The filter as plain Python: what SQL is held against."""
    named = {"currency_symbol": record.currency.symbol}
    fields = [named.get(name) or getattr(record, name, None) for name in TEXT_FIELDS]
    return (
        where.direction in (None, record.direction)
        and where.origin in (None, record.origin)
        and where.status in (None, record.status)
        and where.method in (None, record.method, f"{record.method}/{record.intent}")
        and where.intent in (None, record.intent)
        and where.network in (None, record.network)
        and (where.currency is None or where.currency.lower() == record.currency.id.lower())
        and (where.symbol is None or ascii_lower(where.symbol) == ascii_lower(record.currency.symbol))
        and (not where.statuses or record.status in where.statuses)
        and (where.origin_part is None or ascii_lower(where.origin_part) in ascii_lower(record.origin))
        and (where.reference_part is None or ascii_lower(where.reference_part) in ascii_lower(record.reference))
        and all(COMPARE[op](shown(record), value) for op, value in where.amounts)
        and (where.since is None or record.received_at >= where.since)
        and (where.until is None or record.received_at < where.until)
        and all(any(ascii_lower(word) in ascii_lower(field or "") for field in fields) for word in where.words)
        and not any(lets_through(left_out, record) for left_out in where.without)
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


moments = st.integers(-6, 6).map(lambda seconds: START + timedelta(seconds=seconds))
bounds = st.tuples(
    st.sampled_from(sorted(AMOUNT_OPS)),
    st.builds(lambda amount, places: Decimal((0, tuple(map(int, str(amount))), -places)), amounts, st.integers(0, 8)),
)
terms: dict[str, st.SearchStrategy[Any]] = {
    "words": st.lists(
        st.sampled_from(["A.EXAMPLE", "100%", "_", "order_1", "%", "\\", "'", "xaa", PAYER[5:12], "none there"]),
        max_size=2,
    ).map(tuple),
    "amounts": st.lists(bounds, max_size=2).map(tuple),
    "symbol": st.none() | st.sampled_from(["PATHusd", "sat"]),
    "statuses": st.sampled_from([(), ("success", "none"), ("none",)]),
    "origin_part": st.none() | st.sampled_from(["B.EX", "://", "%"]),
    "reference_part": st.none() | st.sampled_from(["aa", "\\", "_"]),
}
filters = st.builds(
    Filter,
    **terms,
    without=st.lists(st.builds(Filter, **terms, direction=maybe(st.just("sent"))), max_size=1).map(tuple),
    direction=maybe(st.sampled_from(["sent", "received"])),
    origin=maybe(st.sampled_from(["https://a.example", "https://nowhere.example"])),
    status=maybe(st.just("success")),
    method=maybe(st.sampled_from(["tempo", "tempo/session"])),
    intent=maybe(st.just("charge")),
    network=maybe(st.just("sandbox")),
    currency=maybe(st.sampled_from([currency.id.lower() for currency in CURRENCIES])),
    since=maybe(moments),
    until=maybe(moments),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    records=st.lists(receipts(), max_size=25),
    where=filters,
    size=st.integers(1, 7),
    behind=st.sampled_from([1, 3, 500]),
    few=st.sampled_from([0, 2, 30_000]),
)
async def test_every_question_agrees_with_plain_python(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[ReceiptRecord],
    where: Filter,
    size: int,
    behind: int,
    few: int,
) -> None:
    # How much of the text is indexed, and whether rows are few enough to be sorted, must change no answer.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "_BEHIND", behind)
        patch.setattr(orders, "_FEW", few)
        patch.setattr(tallies, "_FEW", few)
        await agree(tmp_path_factory.mktemp("oracle") / "history.db", records, where, size)


async def agree(path: Path, records: list[ReceiptRecord], where: Filter, size: int) -> None:
    database = await Database.open(path)
    try:
        journal, queries = HistoryJournal(database), HistoryQueries(database)
        kept = [dataclasses.replace(record, id=f"r-{number}") for number, record in enumerate(records)]
        await asyncio.gather(*(journal.receive(record) for record in kept))
        stored = {row.record.id: row for row in await queries.receipts_since(0)}
        wanted = sorted(
            (row for row in stored.values() if lets_through(where, row.record)),
            key=lambda row: (row.record.received_at, row.seq),
            reverse=True,
        )
        assert [row.record for row in sorted(stored.values(), key=lambda row: int(row.record.id[2:]))] == kept
        assert await every_page(queries, where, size) == wanted
        for key in get_args(OrderKey):
            for descending in (True, False):
                order = Order(key=key, descending=descending)
                sorted_rows = in_order(wanted, order)
                assert await every_page(queries, where, size, order) == sorted_rows
                skipped = await queries.receipts(where, order=order, skip=size, limit=3)
                assert list(skipped.rows) == sorted_rows[size : size + 3]
        assert await queries.count(where) == len(wanted)
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for row in wanted:
            sums[row.record.currency.id, row.record.direction] += row.record.amount
        found = {(total.currency.id, total.direction): total.amount for total in await queries.totals(where)}
        assert found == sums
    finally:
        await database.close()


def in_order(rows: list[ReceiptRow], order: Order) -> list[ReceiptRow]:
    """`rows`, given newest first, as Python sorts them."""
    if order.key == "time":
        return rows if order.descending else rows[::-1]
    if order.key == "amount":
        return sorted(rows, key=lambda row: (shown(row.record), row.seq), reverse=order.descending)
    # Sorting is stable, turned around too: within one text the newest stay first.
    return sorted(rows, key=lambda row: str(getattr(row.record, order.key)), reverse=order.descending)


async def every_page(queries: HistoryQueries, where: Filter, size: int, order: Order | None = None) -> list[ReceiptRow]:
    rows: list[ReceiptRow] = []
    after: Cursor | None = None
    while True:
        page = await queries.receipts(where, after=after, limit=size, order=order)
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == size
        after = Cursor.parse(str(page.next))


async def test_rows_that_arrive_while_paging_move_nothing(journal: HistoryJournal, queries: HistoryQueries) -> None:
    for number in range(6):
        await journal.receive(a_receipt(f"r-{number}", received_at=START + timedelta(seconds=number)))
    first = await queries.receipts(limit=3)
    await journal.receive(a_receipt("new", received_at=START + timedelta(seconds=99)))
    second = await queries.receipts(limit=3, after=first.next)
    assert [row.record.id for row in (*first.rows, *second.rows)] == [f"r-{n}" for n in (5, 4, 3, 2, 1, 0)]
    assert second.next is None


@pytest.mark.parametrize("text", ["", "1", "a.b", "1.2.3", "1.-2", "9" * 40 + ".1", "١.٢"])
def test_only_our_own_cursors_are_read(text: str) -> None:
    with pytest.raises(HistoryError, match="does not continue"):
        Cursor.parse(text)


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_has_bounds(queries: HistoryQueries, limit: int) -> None:
    with pytest.raises(HistoryError, match="page"):
        await queries.receipts(limit=limit)


def test_bad_filters_are_refused() -> None:
    with pytest.raises(HistoryError, match="sent or received"):
        Filter(direction="sideways")
    with pytest.raises(HistoryError, match="zone"):
        Filter(since=datetime(2026, 1, 1)).query()  # noqa: DTZ001
    for amount in (("~", Decimal(1)), ("<", Decimal("nan"))):
        with pytest.raises(HistoryError, match="compared"):
            Filter(amounts=(amount,))


async def test_tail_sees_what_another_writer_commits(
    path: Path, journal: HistoryJournal, queries: HistoryQueries
) -> None:
    await journal.receive(a_receipt("before"))
    seen = await queries.last_seq()
    other = await Database.open(path)
    await HistoryJournal(other).receive(a_receipt("there", received_at=START - timedelta(days=400)))
    await journal.receive(a_receipt("here"))
    await other.close()
    assert [row.record.id for row in await queries.receipts_since(seen)] == ["there", "here"]
    assert [row.record.id for row in await queries.receipts_since(seen, limit=1)] == ["there"]
    assert await queries.receipts_since(await queries.last_seq()) == ()


async def test_an_unknown_receipt(queries: HistoryQueries) -> None:
    with pytest.raises(UnknownRow):
        await queries.receipt("nobody")
    assert await queries.receipts_of("nobody") == ()
    assert await queries.last_seq() == 0


async def test_totals_name_a_currency_as_its_newest_row_does(journal: HistoryJournal, queries: HistoryQueries) -> None:
    old = dataclasses.replace(PATH_USD, symbol="OLD")
    await journal.receive(a_receipt("r-1", currency=PATH_USD, received_at=START + timedelta(days=1)))
    await journal.receive(a_receipt("r-2", currency=old))
    (total,) = await queries.totals()
    assert (total.currency, total.count, total.amount) == (PATH_USD, 2, 20_000)


async def test_sums_are_exact_where_sqlite_overflows(journal: HistoryJournal, queries: HistoryQueries) -> None:
    sizes = [2**63 - 1, 2**63 - 1, 2**63 - 1, 1]
    for number, size in enumerate(sizes):
        await journal.receive(a_receipt(f"r-{number}", amount=size))
        await journal.begin(a_draft(f"op-{number}", amount=size), allow)
    # Each of these is short enough for the quick way, and together they are not.
    for number in range(20):
        await journal.receive(a_receipt(f"s-{number}", amount=10**18 - 1, currency=ALPHA_USD))
    assert {total.currency.id: total.amount for total in await queries.totals()} == {
        PATH_USD.id: sum(sizes),
        ALPHA_USD.id: 20 * (10**18 - 1),
    }
    assert await queries.spent(PATH_USD.id, START) == sum(sizes)


async def test_spent_since_leaps_over_currencies(journal: HistoryJournal, queries: HistoryQueries) -> None:
    assert await queries.spent_since(START) == ()
    for number, currency in enumerate(CURRENCIES):
        await journal.begin(a_draft(f"op-{number}", currency=currency, amount=number + 1), allow)
    await journal.begin(a_draft("moved", kind="transfer", amount=99), allow)
    await journal.begin(a_draft("old", amount=7), allow)
    newest = (await queries.operations(limit=1)).rows[0].operation.created_at
    found = {total.currency.symbol: total.amount for total in await queries.spent_since(START)}
    assert found == {"pathUSD": 1 + 7, "AlphaUSD": 2, "sat": 3}
    assert [total.amount for total in await queries.spent_since(newest)] == [7]


async def test_buckets_cover_the_whole_time(
    journal: HistoryJournal, queries: HistoryQueries, clock: TickingClock
) -> None:
    hour = timedelta(hours=1)
    for hours, amount in ((0, 1), (0.5, 2), (2, 2**70), (4, 8)):
        clock.now = START + hours * hour - timedelta(seconds=1)
        await journal.begin(a_draft(f"op-{hours}", amount=amount), allow)
    for event in (OperationEvent.SEND, OperationEvent.REFUSE):
        await journal.advance("op-0.5", event)
    bars = await queries.spend_buckets(PATH_USD.id, since=START, until=START + 3.5 * hour, width=hour)
    assert [(bar.start - START) / hour for bar in bars] == [0, 1, 2, 3]
    assert [bar.amount for bar in bars] == [1, 0, 2**70, 0]
    assert [bar.count for bar in bars] == [1, 0, 1, 0]
    nowhere = await queries.spend_buckets(
        PATH_USD.id, since=START, until=START + hour, width=hour, origin="https://nowhere.example"
    )
    assert [bar.amount for bar in nowhere] == [0]


async def test_revenue_buckets(journal: HistoryJournal, queries: HistoryQueries) -> None:
    await journal.receive(a_receipt("in", direction="received", amount=5))
    await journal.receive(a_receipt("out", direction="sent", amount=7))
    day = timedelta(days=1)
    bars = await queries.receipt_buckets(PATH_USD.id, direction="received", since=START, until=START + day, width=day)
    assert [bar.amount for bar in bars] == [5]


@pytest.mark.parametrize(("length", "width"), [(1, 0), (1, -1), (-1, 1), (20_000, 1)])
async def test_charts_without_end_are_refused(queries: HistoryQueries, length: int, width: int) -> None:
    with pytest.raises(HistoryError, match="chart"):
        await queries.spend_buckets(
            "x", since=START, until=START + timedelta(seconds=length), width=timedelta(seconds=width)
        )


async def test_requests_served(journal: HistoryJournal, queries: HistoryQueries) -> None:
    paid = RequestRecord(
        id="q-1", at=START, method="GET", path="/charge", status=200, outcome="paid", amount=10_000, currency=PATH_USD,
        payer=PAYER, reference="0x1", challenge_id="c", message="", microseconds=1234,
    )  # fmt: skip
    free = RequestRecord(
        id="q-2", at=START + timedelta(seconds=1), method="GET", path="/free", status=200, outcome="free"
    )
    await journal.keep_requests(paid, free, paid)
    assert [row.record for row in (await queries.requests()).rows] == [free, paid]
    assert [row.record for row in (await queries.requests(outcome="paid")).rows] == [paid]
    assert [row.record for row in await queries.requests_since(0)] == [paid, free]


async def test_operations_by_state(journal: HistoryJournal, queries: HistoryQueries) -> None:
    for number in range(3):
        await journal.begin(a_draft(f"op-{number}"), allow)
    await journal.advance("op-1", OperationEvent.SEND)
    assert [row.operation.id for row in (await queries.operations()).rows] == ["op-2", "op-1", "op-0"]
    sent = await queries.operations(state=OperationState.SENT)
    assert [row.operation.id for row in sent.rows] == ["op-1"]


@pytest.mark.parametrize("lane", ["screens", "sums"])
async def test_a_long_read_holds_up_no_payment_and_can_be_called_off(
    database: Database, journal: HistoryJournal, lane: Lane
) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def job(connection: sqlite3.Connection) -> Any:
        loop.call_soon_threadsafe(started.set)
        return connection.execute(endless).fetchone()

    task = asyncio.create_task(database.read(job, doing="count for ever", lane=lane))
    await started.wait()
    assert await journal.unresolved() == []  # what moves money does not wait behind it
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await database.read(lambda c: c.execute("SELECT 1").fetchone()[0], doing="go on", lane=lane) == 1


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=st.lists(receipts(), max_size=8), later=st.lists(receipts(), max_size=8), where=filters)
async def test_counting_again_is_counting_anew(
    tmp_path_factory: pytest.TempPathFactory, first: list[ReceiptRecord], later: list[ReceiptRecord], where: Filter
) -> None:
    database = await Database.open(tmp_path_factory.mktemp("tallies") / "history.db")
    try:
        journal, queries = HistoryJournal(database), HistoryQueries(database)
        for number, record in enumerate(first):
            await journal.receive(dataclasses.replace(record, id=f"first-{number}"))
        await queries.count(where), await queries.totals(where)
        for number, record in enumerate(later):
            await journal.receive(dataclasses.replace(record, id=f"later-{number}"))
        anew = HistoryQueries(database)
        assert await queries.count(where) == await anew.count(where)
        assert await queries.totals(where) == await anew.totals(where)
    finally:
        await database.close()


async def test_text_is_indexed_by_the_hundred_and_found_meanwhile(
    database: Database, journal: HistoryJournal, queries: HistoryQueries
) -> None:
    async def indexed() -> int:
        sql = "SELECT seq FROM receipts_text_until"
        return await database.read(lambda c: int(c.execute(sql).fetchone()[0]), doing="look")

    await asyncio.gather(
        *(journal.receive(a_receipt(f"r-{number}", reference=f"ref{number:04d}")) for number in range(499))
    )
    assert await indexed() == 0
    assert await queries.count(Filter(words=("REF0077",))) == 1
    await journal.receive(a_receipt("r-499", reference="ref0499"))
    assert await indexed() == 500
    await journal.receive(a_receipt("r-500", reference="ref0500"))
    for number in (0, 77, 499, 500):
        (row,) = (await queries.receipts(Filter(words=(f"f{number:04d}",)))).rows
        assert row.record.id == f"r-{number}"
    assert await queries.count(Filter(words=("ref",))) == 501


async def test_a_receipt_is_kept_though_the_search_index_is_broken(
    database: Database, journal: HistoryJournal, queries: HistoryQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_BEHIND", 1)
    await database.write(lambda c: c.execute("DROP TABLE receipts_text").rowcount, doing="break")
    await journal.receive(a_receipt())
    assert await queries.count() == 1


@given(before=st.text(max_size=9), word=st.text(max_size=90), after=st.text(max_size=9))
def test_no_row_that_holds_a_word_lacks_its_threes(before: str, word: str, after: str) -> None:
    threes = searching.trigrams(word)
    assert len(threes) <= 24
    assert all(three in before + word + after and len(three) == 3 for three in threes)
    assert bool(threes) == (len(word) >= 3 and "\0" not in word)


def test_a_short_word_is_looked_up_by_every_three_of_it() -> None:
    # Side by side, `ord er_ 777` would leave out the rare ones and propose a good part of the table.
    assert searching.trigrams("order_777") == ["ord", "rde", "der", "er_", "r_7", "_77", "777"]
