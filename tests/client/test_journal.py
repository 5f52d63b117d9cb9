from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from mpp_console import client
from mpp_console.client.journal import DuplicateOperation, Ledger, MemoryJournal, OperationDraft, UnknownOperation
from mpp_console.client.receipts import doubts_of, read_receipt, record_of
from mpp_console.protocol import Currency, IllegalTransition, OperationEvent, OperationState, Receipt

from .rail import COIN, START, TestClock


def draft(
    operation_id: str = "a",
    *,
    amount: int = 5,
    origin: str = "https://shop.example",
    currency: Currency = COIN,
    kind: str = "payment",
) -> OperationDraft:
    return OperationDraft(
        id=operation_id,
        kind=kind,
        origin=origin,
        url=f"{origin}/",
        http_method="GET",
        method="coin",
        intent="charge",
        amount=amount,
        currency=currency,
        recipient="till",
        payer="purse",
        network="table",
        chain_id=7,
        challenge_id="c",
        mode="pull",
    )


async def test_a_row_that_has_left_may_grow_within_the_budget(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)
    await journal.begin(draft(), lambda ledger: None)
    with pytest.raises(IllegalTransition):
        await journal.extend("a", 1, lambda ledger: None, trace={})
    await journal.advance("a", OperationEvent.SEND, trace={"over": "5"})
    grown = await journal.extend("a", 3, lambda ledger: None, trace={"over": "8"})
    assert (grown.amount, grown.state, grown.trace) == (8, OperationState.SENT, {"over": "8"})

    def refuse(ledger: Ledger) -> None:
        assert ledger.spent("coin", START) == 8
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await journal.extend("a", 1, refuse, trace={"over": "9"})
    assert await journal.get("a") == grown
    await journal.advance("a", OperationEvent.SETTLE)
    with pytest.raises(IllegalTransition):
        await journal.extend("a", 1, lambda ledger: None, trace={})


async def test_a_row_lives_by_the_table(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)
    begun = await journal.begin(draft(), lambda ledger: None)
    assert (begun.state, begun.created_at) == (OperationState.PREPARED, START)
    clock.advance(seconds=1)
    sent = await journal.advance("a", OperationEvent.SEND, reference="0x1", trace={"nonce": 1})
    assert (sent.reference, sent.trace, sent.updated_at) == ("0x1", {"nonce": 1}, START + timedelta(seconds=1))
    lost = await journal.advance("a", OperationEvent.LOSE, trace={"block": 2}, error="gone")
    assert (lost.reference, lost.trace, lost.error) == ("0x1", {"nonce": 1, "block": 2}, "gone")
    assert [row.id for row in await journal.unresolved()] == ["a"]
    await journal.advance("a", OperationEvent.SETTLE, amount=4)
    assert (await journal.get("a")).amount == 4
    assert await journal.unresolved() == []
    with pytest.raises(IllegalTransition):
        await journal.advance("a", OperationEvent.REFUSE)
    assert (await journal.get("a")).state is OperationState.SETTLED


async def test_ids_are_used_once_and_must_exist(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)
    await journal.begin(draft(), lambda ledger: None)
    with pytest.raises(DuplicateOperation):
        await journal.begin(draft(), lambda ledger: None)
    with pytest.raises(UnknownOperation):
        await journal.get("b")
    with pytest.raises(UnknownOperation):
        await journal.advance("b", OperationEvent.SEND)


async def test_a_refusal_leaves_no_row(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)

    def refuse(ledger: object) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        await journal.begin(draft(), refuse)
    assert journal.operations == ()


async def test_the_ledger_counts_what_was_or_may_be_spent(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)
    await journal.begin(draft("old", amount=1), lambda ledger: None)
    clock.advance(hours=2)
    await journal.begin(draft("new", amount=10), lambda ledger: None)
    await journal.begin(draft("refused", amount=100), lambda ledger: None)
    await journal.advance("refused", OperationEvent.REFUSE)
    await journal.begin(draft("elsewhere", amount=1000, origin="https://other.example"), lambda ledger: None)
    await journal.begin(
        draft("other money", amount=10000, currency=Currency(id="x", symbol="X", decimals=0)), lambda ledger: None
    )
    await journal.begin(draft("by hand", amount=100000, kind="transfer"), lambda ledger: None)
    assert await journal.consult(lambda ledger: ledger.spent("COIN", START)) == 1011
    assert await journal.consult(lambda ledger: ledger.spent("coin", START + timedelta(hours=1))) == 1010
    assert await journal.consult(lambda ledger: ledger.spent("coin", START, "https://shop.example")) == 11


async def test_a_receipt_is_kept_once_and_is_inert(clock: TestClock) -> None:
    journal = MemoryJournal(clock=clock)
    operation = await journal.begin(draft(), lambda ledger: None)
    receipt = Receipt(
        method="coin",
        reference="0x\u202e1",
        timestamp="2026-01-02T03:04:05Z",
        external_id="order\x1b[2J",
        extra={"note": {"text": ["\x07bell", 1]}},
    )
    record = record_of(operation, receipt, reference=None, now=START)
    assert (record.reference, record.external_id) == ("0x1", "order")
    assert record.raw["note"] == {"text": ["bell", 1]}
    await journal.receive(record)
    await journal.receive(record_of(operation, None, reference="0x2", now=START))
    assert journal.receipts == (record,)
    assert doubts_of(receipt, operation, START) == ()


def test_no_receipt_is_no_doubt_and_rubbish_is() -> None:
    assert read_receipt(None) == (None, ())
    receipt, doubts = read_receipt("%%%")
    assert receipt is None
    assert "cannot be read" in doubts[0]


def test_policy_and_journal_are_cheap_to_import() -> None:
    modules = (
        "mpp_console.client.journal, mpp_console.client.policy, mpp_console.client.payments, mpp_console.client.events"
    )
    heavy = "{'httpx', 'web3', 'eth_account', 'starlette', 'uvicorn', 'idna', 'sqlite_utils'}"
    program = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert {getattr(client, name).__name__ for name in client.__all__} == set(client.__all__)
    with pytest.raises(AttributeError):
        client.Nothing  # noqa: B018 - asking is the test
