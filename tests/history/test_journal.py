"""The journal on disk keeps the promises of `client.Journal`, across crashes and across processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpp_console.client.journal import (
    DuplicateOperation,
    Journal,
    Ledger,
    MemoryJournal,
    UnknownOperation,
)
from mpp_console.history import Database, HistoryError, HistoryJournal, HistoryQueries, MalformedRow
from mpp_console.protocol import IllegalTransition, OperationEvent, OperationState, Secret
from tests.history.samples import ALPHA_USD, PATH_USD, START, TickingClock, a_draft, a_receipt, allow, amounts


def is_a_journal(journal: HistoryJournal) -> Journal:
    return journal  # mypy proves it


async def test_a_row_is_there_before_the_call_returns(path: Path, journal: HistoryJournal) -> None:
    begun = await journal.begin(a_draft(amount=2**200), allow)
    assert begun.state is OperationState.PREPARED
    assert begun.amount == 2**200
    other = await Database.open(path)
    assert await HistoryJournal(other).get("op-1") == begun
    await other.close()


async def test_every_field_comes_back(journal: HistoryJournal) -> None:
    draft = a_draft(reference="0xfeed", idempotency_key="key-1", payer=None, chain_id=None, challenge_id=None)
    begun = await journal.begin(draft, allow)
    for name in draft.__dataclass_fields__:
        assert getattr(begun, name) == getattr(draft, name), name
    assert begun.created_at == begun.updated_at == START + timedelta(seconds=1)


async def test_the_life_of_an_operation(journal: HistoryJournal) -> None:
    await journal.begin(a_draft(), allow)
    sent = await journal.advance("op-1", OperationEvent.SEND, trace={"from_block": 7})
    assert (sent.state, sent.trace["from_block"], sent.trace["memo"]) == (OperationState.SENT, 7, "0xabcd")
    lost = await journal.advance("op-1", OperationEvent.LOSE, error="no answer")
    assert (lost.state, lost.error) == (OperationState.UNKNOWN, "no answer")
    settled = await journal.advance("op-1", OperationEvent.SETTLE, reference="0xbeef")
    assert (settled.state, settled.reference, settled.error) == (OperationState.SETTLED, "0xbeef", "no answer")
    assert settled.updated_at > settled.created_at
    assert await journal.get("op-1") == settled


async def test_a_payment_that_goes_on_grows_within_the_budget(path: Path, journal: HistoryJournal) -> None:
    await journal.begin(a_draft(amount=5), allow)
    with pytest.raises(IllegalTransition):
        await journal.extend("op-1", 1, allow, trace={})
    await journal.advance("op-1", OperationEvent.SEND)
    grown = await journal.extend("op-1", 2**70, allow, trace={"cumulative": "8"})
    assert (grown.amount, grown.state, grown.trace["cumulative"]) == (5 + 2**70, OperationState.SENT, "8")
    other = await Database.open(path)
    assert await HistoryJournal(other).get("op-1") == grown
    await other.close()
    seen: list[int] = []

    def refuse(ledger: Ledger) -> None:
        seen.append(ledger.spent(grown.currency.id, START))
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await journal.extend("op-1", 1, refuse, trace={"cumulative": "9"})
    assert seen == [5 + 2**70]
    assert await journal.get("op-1") == grown
    settled = await journal.advance("op-1", OperationEvent.SETTLE, amount=7)
    assert settled.amount == 7
    with pytest.raises(IllegalTransition):
        await journal.extend("op-1", 1, allow, trace={})


@pytest.mark.parametrize("ending", [OperationEvent.SETTLE, OperationEvent.REFUSE])
async def test_final_is_final(journal: HistoryJournal, ending: OperationEvent) -> None:
    await journal.begin(a_draft(), allow)
    await journal.advance("op-1", OperationEvent.SEND)
    final = await journal.advance("op-1", ending)
    for event in OperationEvent:
        with pytest.raises(IllegalTransition):
            await journal.advance("op-1", event, error="rewritten")
    assert await journal.get("op-1") == final


async def test_unknown_and_duplicate_ids(journal: HistoryJournal) -> None:
    with pytest.raises(UnknownOperation):
        await journal.get("nobody")
    with pytest.raises(UnknownOperation):
        await journal.advance("nobody", OperationEvent.SEND)
    await journal.begin(a_draft(), allow)

    def never(_: Ledger) -> None:
        raise AssertionError("asked for a duplicate")

    with pytest.raises(DuplicateOperation):
        await journal.begin(a_draft(), never)


async def test_what_authorise_raises_comes_out_and_leaves_no_row(journal: HistoryJournal) -> None:
    class Refusal(Exception):
        pass

    refusal = Refusal("over budget")

    def refuse(_: Ledger) -> None:
        raise refusal

    with pytest.raises(Refusal) as caught:
        await journal.begin(a_draft(), refuse)
    assert caught.value is refusal
    with pytest.raises(UnknownOperation):
        await journal.get("op-1")
    await journal.begin(a_draft(), allow)


async def test_many_at_once_never_pass_a_budget(journal: HistoryJournal) -> None:
    def within(ledger: Ledger) -> None:
        if ledger.spent(PATH_USD.id, START) + 10_000 > 35_000:
            raise PermissionError("budget")

    done = await asyncio.gather(*(journal.begin(a_draft(f"op-{n}"), within) for n in range(20)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in done) == 3
    assert sum(isinstance(result, PermissionError) for result in done) == 17


async def test_spent_counts_what_may_still_be_money(journal: HistoryJournal, clock: TickingClock) -> None:
    states: dict[str, tuple[OperationEvent, ...]] = {
        "prepared": (),
        "sent": (OperationEvent.SEND,),
        "unknown": (OperationEvent.SEND, OperationEvent.LOSE),
        "settled": (OperationEvent.SEND, OperationEvent.SETTLE),
        "refused": (OperationEvent.SEND, OperationEvent.REFUSE),
    }
    for place, (name, events) in enumerate(states.items()):
        await journal.begin(a_draft(name, amount=10**place), allow)
        for event in events:
            await journal.advance(name, event)
    await journal.begin(a_draft("transfer", kind="transfer", amount=10**9), allow)
    await journal.begin(a_draft("other", currency=ALPHA_USD, amount=5, origin="https://b.example"), allow)
    assert await journal.consult(lambda ledger: ledger.spent(PATH_USD.id, START)) == 1111
    # Currency ids differ by the case of their checksum only.
    assert await journal.consult(lambda ledger: ledger.spent(ALPHA_USD.id.lower(), START)) == 5
    assert await journal.consult(lambda ledger: ledger.spent(ALPHA_USD.id.upper(), START, "https://b.example")) == 5
    assert await journal.consult(lambda ledger: ledger.spent(ALPHA_USD.id, START, "https://a.example")) == 0
    assert await journal.consult(lambda ledger: ledger.spent(PATH_USD.id, clock.now + timedelta(seconds=1))) == 0
    first = (await journal.get("prepared")).created_at
    assert await journal.consult(lambda ledger: ledger.spent(PATH_USD.id, first)) == 1111
    assert await journal.consult(lambda ledger: ledger.spent(PATH_USD.id, first + timedelta(microseconds=1))) == 1110


steps = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(OperationEvent)), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, sizes=st.lists(amounts, min_size=4, max_size=4))
async def test_it_agrees_with_the_journal_in_memory(
    tmp_path: Path, steps: list[tuple[int, OperationEvent]], sizes: list[int]
) -> None:
    folder = tmp_path / os.urandom(8).hex()
    database = await Database.open(folder / "history.db")
    journals = (HistoryJournal(database, clock=TickingClock()), MemoryJournal(clock=TickingClock()))
    try:
        for number, size in enumerate(sizes):
            for journal in journals:
                await journal.begin(a_draft(f"op-{number}", amount=size), allow)
        for number, event in steps:
            outcomes = [await outcome(journal, f"op-{number}", event) for journal in journals]
            assert outcomes[0] == outcomes[1]
        assert await journals[0].unresolved() == await journals[1].unresolved()
        ask = [await journal.consult(lambda ledger: ledger.spent(PATH_USD.id, START)) for journal in journals]
        assert ask[0] == ask[1]
    finally:
        await database.close()


async def outcome(journal: Journal, name: str, event: OperationEvent) -> Any:
    try:
        return await journal.advance(name, event, reference="0x1")
    except IllegalTransition as error:
        return type(error)


# Receipts and requests -----------------------------------------------------------------------------------------------


async def test_a_receipt_is_kept_once(journal: HistoryJournal, queries: HistoryQueries) -> None:
    record = a_receipt(operation_id="op-1", amount=2**255)
    assert await journal.keep_receipt(record) == 1
    assert await journal.keep_receipt(a_receipt(amount=1)) is None
    await journal.receive(record)
    assert (await queries.receipt("r-1")).record == record
    assert [row.record for row in await queries.receipts_of("op-1")] == [record]


async def test_secrets_are_not_kept(path: Path, journal: HistoryJournal, database: Database) -> None:
    header = "eyJtZXRob2QiOiJ0ZW1wbyIsInJlZmVyZW5jZSI6IjB4MSJ9"
    record = a_receipt(
        url="https://user:MARKERpass@api.example.com/x?api_key=MARKERquery&city=Bern#MARKERfragment",
        external_id=f"Payment {header}",
        raw={
            "preimage": "MARKERpreimage",
            "nested": [{"privateKey": "MARKERkey", "kept": "visible"}],
            "wrapped": Secret("MARKERsecret"),
            "header": f"it was {header}",
            "raw_transaction": "0x76MARKER",
            "Authorization": "MARKERauth",
        },
    )
    await journal.receive(record)
    await journal.begin(a_draft(trace={"signature": "MARKERsig", "memo": "0xmemo"}, url="/p?sig=MARKERsig"), allow)
    await database.close()
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"MARKER" not in content
    assert header.encode() not in content
    for kept in (b"visible", b"city=Bern", b"0xmemo", b"api.example.com"):
        assert kept in content


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("tokens=200", "tokens=200"),
        ("max_tokens=4096&token=MARKER", "max_tokens=4096&token=[redacted]"),
        ("tokens=MARKER", "tokens=[redacted]"),
        ("tokens=1234567890", "tokens=[redacted]"),
        ("token=200", "token=[redacted]"),
    ],
)
async def test_how_many_tokens_is_no_secret(
    journal: HistoryJournal, queries: HistoryQueries, query: str, kept: str
) -> None:
    await journal.receive(a_receipt(url=f"https://api.example.com/chat?{query}"))
    assert (await queries.receipt("r-1")).record.url == f"https://api.example.com/chat?{kept}"


async def test_text_is_inert_before_it_is_stored(journal: HistoryJournal, queries: HistoryQueries) -> None:
    await journal.receive(a_receipt(status="\x1b[31mred\x1b[0m\u202egnp", reference="a\nb"))
    record = (await queries.receipt("r-1")).record
    assert record.status == "redgnp"
    assert record.reference == "a b"


@pytest.mark.parametrize("raw", [{"x": b"bytes"}, {"x": float("nan")}, {"x": object()}, {1: "x"}])
async def test_details_that_are_no_json_are_refused(journal: HistoryJournal, raw: dict[Any, Any]) -> None:
    with pytest.raises(HistoryError, match="cannot keep these details"):
        await journal.receive(a_receipt(raw=raw))


async def test_endless_details_cannot_fill_the_disk(journal: HistoryJournal, queries: HistoryQueries) -> None:
    await journal.receive(a_receipt(raw={"x": "y" * 100_000}))
    assert list((await queries.receipt("r-1")).record.raw) == ["omitted"]
    with pytest.raises(HistoryError, match="characters of details"):
        await journal.begin(a_draft(trace={"x": "y" * 100_000}), allow)


@pytest.mark.parametrize("amount", [-1, 2**256, True, 1.5])
async def test_what_is_no_amount_is_refused(journal: HistoryJournal, amount: Any) -> None:
    with pytest.raises(HistoryError, match="base units"):
        await journal.begin(a_draft(amount=amount), allow)


async def test_a_time_without_zone_is_refused(journal: HistoryJournal) -> None:
    with pytest.raises(HistoryError, match="zone"):
        await journal.receive(a_receipt(received_at=START.replace(tzinfo=None)))


# Rows that something else has written --------------------------------------------------------------------------------

DAMAGE = [
    "UPDATE operations SET trace = 'not json' WHERE id = 'op-1'",
    "UPDATE operations SET trace = '[]' WHERE id = 'op-1'",
    "UPDATE operations SET amount = '12a' WHERE id = 'op-1'",
    "UPDATE operations SET amount = '007' WHERE id = 'op-1'",
    "UPDATE operations SET currency_decimals = -1 WHERE id = 'op-1'",
    "UPDATE operations SET created_at = 9223372036854775807 WHERE id = 'op-1'",
]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_malformed_row_hides_no_other(
    path: Path, journal: HistoryJournal, queries: HistoryQueries, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        await journal.begin(a_draft(f"op-{number}"), allow)
    spoil(path, damage)
    assert [operation.id for operation in await journal.unresolved()] == ["op-0", "op-2"]
    assert "cannot be read" in caplog.text
    with pytest.raises(MalformedRow):
        await journal.get("op-1")
    with pytest.raises(MalformedRow):
        await journal.advance("op-1", OperationEvent.SEND)
    page = await queries.operations()
    assert ({row.operation.id for row in page.rows}, page.skipped) == ({"op-0", "op-2"}, 1)


def spoil(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    with connection:
        connection.execute(sql)
    connection.close()


# Other processes -----------------------------------------------------------------------------------------------------


def spend(path: Path, name: str, barrier: Any, results: Any) -> None:
    """Begins as many operations of 10 as a budget of 1000 allows, while another process does the same."""

    def within(ledger: Ledger) -> None:
        if ledger.spent(PATH_USD.id, START - timedelta(days=1)) + 10 > 1000:
            raise PermissionError

    async def main() -> int:
        database = await Database.open(path)
        journal = HistoryJournal(database, clock=TickingClock())
        barrier.wait(30)
        begun = 0
        for number in range(100):
            try:
                await journal.begin(a_draft(f"{name}-{number}", amount=10), within)
                begun += 1
            except PermissionError:
                pass
        await database.close()
        return begun

    try:
        results.put(asyncio.run(main()))
    except BaseException as error:
        results.put(repr(error))


async def test_two_processes_cannot_both_fit_a_budget(path: Path, queries: HistoryQueries) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=spend, args=(path, name, barrier, results)) for name in ("console", "command")]
    for worker in workers:
        worker.start()
    begun = [await asyncio.to_thread(results.get, True, 60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join)
    results.close()
    assert sum(begun) == 100
    assert await queries.spent(PATH_USD.id, START - timedelta(days=1)) == 1000


def die_while_paying(path: Path) -> None:
    async def main() -> None:
        database = await Database.open(path)
        journal = HistoryJournal(database, clock=TickingClock())
        await journal.begin(a_draft("sent"), allow)
        await journal.advance("sent", OperationEvent.SEND)
        await journal.begin(a_draft("prepared"), allow)

        def in_the_middle(_: Ledger) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        await journal.begin(a_draft("never"), in_the_middle)

    asyncio.run(main())


async def test_after_a_crash_everything_that_may_have_left_is_found(path: Path) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=die_while_paying, args=(path,))
    worker.start()
    await asyncio.to_thread(worker.join)
    assert worker.exitcode == -signal.SIGKILL
    database = await Database.open(path)
    found = await HistoryJournal(database).unresolved()
    assert [(operation.id, operation.state.value) for operation in found] == [
        ("sent", "sent"),
        ("prepared", "prepared"),
    ]
    await database.close()
