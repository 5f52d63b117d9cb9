"""The filter language: what people type, what it says when it does not understand, and that text and value agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpp_console.client.journal import ReceiptRecord
from mpp_console.protocol import inert
from mpp_console.services import Console
from mpp_console.services.errors import FilterError
from mpp_console.services.models import AmountBound, ReceiptFilter
from mpp_console.services.paths import Paths
from mpp_console.services.receipt_filter import KEYS, STATUSES, filter_text, parse_filter, passes
from mpp_console.services.settings import Settings
from mpp_console.services.views import receipt_row
from tests.history.samples import a_receipt, receipts

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def over(op: Any, value: str) -> ReceiptFilter:
    return ReceiptFilter(amounts=(AmountBound(op=op, value=Decimal(value)),))


def without(*left_out: ReceiptFilter) -> ReceiptFilter:
    return ReceiptFilter(without=left_out)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ReceiptFilter()),
        ("  ", ReceiptFilter()),
        ("api shop", ReceiptFilter(words=("api", "shop"))),
        ('"api shop"', ReceiptFilter(words=("api shop",))),
        (r'"a \"b\" \\c"', ReceiptFilter(words=('a "b" \\c',))),
        (r"a\b", ReceiptFilter(words=(r"a\b",))),
        ("dir:out status:settled", ReceiptFilter(direction="sent", status="settled")),
        ("direction:in", ReceiptFilter(direction="received")),
        ("origin:api", ReceiptFilter(origin="api")),
        ("origin:https://api.example", ReceiptFilter(origin="https://api.example")),
        ('origin:"my api"', ReceiptFilter(origin="my api")),
        ("ref:0x8f3c", ReceiptFilter(reference="0x8f3c")),
        ("reference:x", ReceiptFilter(reference="x")),
        ("http://127.0.0.1:80/x", ReceiptFilter(words=("http://127.0.0.1:80/x",))),
        ("localhost:4021", ReceiptFilter(words=("localhost:4021",))),
        ('"colour:red"', ReceiptFilter(words=("colour:red",))),
        ('"origin":api', ReceiptFilter(words=("origin:api",))),
        ("amount>1", over(">", "1")),
        ("amount>=0.5", over(">=", "0.5")),
        ("amount<2", over("<", "2")),
        ("amount<=2", over("<=", "2")),
        ("amount=1", over("=", "1")),
        ("amount:1", over("=", "1")),
        ("!api", without(ReceiptFilter(words=("api",)))),
        ("-api", without(ReceiptFilter(words=("api",)))),
        ("-", ReceiptFilter(words=("-",))),
        ('"-api"', ReceiptFilter(words=("-api",))),
        ('!"two words"', without(ReceiptFilter(words=("two words",)))),
        ("!origin:api !amount>1", without(ReceiptFilter(origin="api"), over(">", "1"))),
        ("since:2026-04-30", ReceiptFilter(since=datetime(2026, 4, 30, tzinfo=UTC))),
        ("since:2026-04-30T02:00:00+02:00", ReceiptFilter(since=datetime(2026, 4, 30, tzinfo=UTC))),
        ("since:7d until:24h", ReceiptFilter(since=NOW - timedelta(days=7), until=NOW - timedelta(days=1))),
        (
            "origin:api status:settled amount>1 since:7d text",
            replace(over(">", "1"), origin="api", status="settled", since=NOW - timedelta(days=7), words=("text",)),
        ),
    ],
)
def test_what_people_type(text: str, expected: ReceiptFilter) -> None:
    assert parse_filter(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "named", "allowed"),
    [
        ("api dir:up", "dir:up", "dir:sent"),
        ("colour:red", "colour:red", "origin"),
        ("since:yesterday", "since:yesterday", "7d"),
        ("since:5y", "since:5y", "24h"),
        ("since:0001-01-01T00:00:00+14:00", "since:0001", "7d"),
        ("status:pending", "status:pending", "status:settled"),
        ("amount>much", "amount>much", "amount>1"),
        ("amount>-1", "amount>-1", "amount>1"),
        ("amount>", "amount>", "amount>1"),
        ("origin:", "origin:", "origin:api"),
        ("origin>a", "origin>a", "origin:api"),
        ("method:", "method:", "method:tempo/session"),
        ("method:a method:b", "method:b", "!"),
        ('api "two words', '"two words', '"'),
        ("!colour:red", "!colour:red", "known"),
        ("colour:\x1b[2Jred", "colour:red", "known"),
    ],
)
def test_a_word_that_is_not_understood_is_named(text: str, named: str, allowed: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse_filter(text, NOW)
    assert raised.value.message.startswith(named)
    assert allowed in (raised.value.hint or "")
    assert raised.value.message.isprintable()


def test_nothing_between_quotes_is_no_word() -> None:
    with pytest.raises(FilterError, match="nothing to search for"):
        parse_filter('""')


def test_every_key_is_told_of() -> None:
    with pytest.raises(FilterError) as raised:
        parse_filter("colour:red")
    assert all(key in str(raised.value.hint) for key in KEYS)


# Text and value ------------------------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=8) | st.sampled_from(
    ["api", "two words", "-x", "!x", 'a"b', "back\\slash", "origin:x", "amount>1", "//x", "a:b:c", '"', "\\", "\u3000"]
)
maybe_text = st.none() | texts
moments = st.none() | st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year > 1)
bounds = st.builds(
    AmountBound,
    op=st.sampled_from(["<", "<=", ">", ">=", "="]),
    value=st.decimals(0, 10**40, allow_nan=False, places=8) | st.integers(0, 10**60).map(Decimal),
)
terms: dict[str, st.SearchStrategy[Any]] = {
    "words": texts.map(lambda word: (word,)),
    "direction": st.sampled_from(["sent", "received"]),
    "status": st.sampled_from(STATUSES),
    "amounts": bounds.map(lambda bound: (bound,)),
    "since": moments.filter(bool),
    "until": moments.filter(bool),
    **dict.fromkeys(("origin", "method", "intent", "currency", "network", "reference"), texts),
}


def of_one_term(name: str) -> st.SearchStrategy[ReceiptFilter]:
    return terms[name].map(lambda value: ReceiptFilter(**{name: value}))


one_term = st.one_of(*map(of_one_term, terms))
filters = st.builds(
    ReceiptFilter,
    words=st.lists(texts, max_size=3).map(tuple),
    direction=st.sampled_from([None, "sent", "received"]),
    status=st.sampled_from([None, *STATUSES]),
    amounts=st.lists(bounds, max_size=2).map(tuple),
    since=moments,
    until=moments,
    without=st.lists(one_term, max_size=3).map(tuple),
    **dict.fromkeys(("origin", "method", "intent", "currency", "network", "reference"), maybe_text),
)


@given(filters)
def test_what_is_written_reads_back(given_filter: ReceiptFilter) -> None:
    assert parse_filter(filter_text(given_filter)) == given_filter


@given(st.text())
def test_any_text_is_a_filter_or_is_refused_in_words(text: str) -> None:
    refusal = ""
    try:
        found = parse_filter(text, NOW)
    except FilterError as error:
        refusal = error.message
    assert inert(refusal) == refusal
    assert refusal or parse_filter(filter_text(found), NOW) == found


def test_a_combination_that_is_left_out_has_no_text() -> None:
    for left_out in (ReceiptFilter(words=("a", "b")), ReceiptFilter(), without(ReceiptFilter(words=("a",)))):
        with pytest.raises(FilterError, match="cannot be written"):
            filter_text(ReceiptFilter(without=(left_out,)))


# A row that just arrived passes if and only if the history says so ----------------------------------------------------

TYPED = [
    "", "a.EXAMPLE", "100%", "_", "order_1", "none-there", "origin:b.ex", "origin:https://a.example", "dir:in",
    "status:settled", "status:none", "!status:none", "currency:pathusd", "currency:SAT", "!currency:AlphaUSD",
    "method:tempo intent:charge", "method:tempo/charge", "method:tempo/session", "!method:tempo/session",
    "method:tempo/", "method:lightning/charge", "network:moderato", "ref:AA", "!ref:slash", "amount>0.5",
    "amount<=1000000",
    "amount>=9223372036854.775807", "!amount<1", "since:2026-03-01T12:00:00Z", "until:2026-03-01T12:00:01Z",
    '"under_score"', "a.example !order", "currency:0x20C0000000000000000000000000000000000000", "!order_1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("method:tempo", {"charge", "session"}),
        ("method:tempo/charge", {"charge"}),
        ("method:tempo/session", {"session"}),
        ("method:tempo/", {"charge", "session"}),
        ("!method:tempo/session", {"charge"}),
        ("method:tempo/session intent:charge", set()),
        ("method:card/session", set()),
    ],
)
async def test_a_method_is_found_with_its_intent(tmp_path: Path, typed: str, found: set[str]) -> None:
    wanted = parse_filter(typed)
    kept = [a_receipt(intent, intent=intent) for intent in ("charge", "session")]
    assert {record.id for record in kept if passes(wanted, receipt_row(record))} == found
    async with await Console.open("sandbox", settings=Settings(), paths=Paths.under(tmp_path)) as console:
        journal = await console._engine.journal.get()
        for record in kept:
            await journal.receive(record)
        assert {row.id for row in (await console.receipts.page(wanted)).rows} == found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=st.lists(receipts(), max_size=12), typed=st.lists(st.sampled_from(TYPED), max_size=2, unique=True))
async def test_passing_is_what_the_history_finds(
    tmp_path_factory: pytest.TempPathFactory, records: list[ReceiptRecord], typed: list[str]
) -> None:
    try:
        wanted = parse_filter(" ".join(typed))
    except FilterError:
        return  # one of them twice
    home = tmp_path_factory.mktemp("home")
    async with await Console.open("sandbox", settings=Settings(), paths=Paths.under(Path(home))) as console:
        journal = await console._engine.journal.get()
        kept = [replace(record, id=f"r-{number}") for number, record in enumerate(records)]
        for record in kept:
            await journal.receive(record)
        page = await console.receipts.page(wanted)
        assert {row.id for row in page.rows} == {r.id for r in kept if passes(wanted, receipt_row(r))}
        assert page.total == len(page.rows) == await console.receipts.count(wanted)
