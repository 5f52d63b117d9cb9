"""Receipts for the front ends: pages, filters as people type them, export, following."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.chain import Block, TxReceipt
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC, Log
from mpp_console.protocol import MppError, format_units
from mpp_console.services import Console
from mpp_console.services.errors import FilterError, ReceiptNotFound, ReceiptNotRepeatable
from mpp_console.services.events import ReceiptRecorded
from mpp_console.services.models import ExportProgress, PayRequest, ReceiptFilter, ReceiptOrder, SavedFilter
from mpp_console.services.once import Once
from mpp_console.services.receipt_export import ExportTask
from mpp_console.services.receipt_filter import parse_filter
from tests.history.samples import PAYER, a_draft, a_receipt, allow
from tests.services.conftest import Heard, OpenConsole


async def paid(console: Console, times: int) -> None:
    heard = Heard(console)
    for _ in range(times):
        await console.payments.test().result()
    await heard.until(lambda: len(heard.of(ReceiptRecorded)) == 2 * times)


async def test_pages_follow_one_another(console: Console) -> None:
    await paid(console, 3)
    seen: list[str] = []
    after = None
    while True:
        page = await console.receipts.page(None, after, 4)
        assert page.total == 6
        seen += [row.id for row in page.rows]
        after = page.next
        if after is None:
            break
    assert len(set(seen)) == 6
    with pytest.raises(MppError):
        await console.receipts.page(None, "nonsense")


async def test_filters_restrict(console: Console) -> None:
    await paid(console, 1)
    counts = {
        "dir:sent": 1,
        "dir:in": 1,
        "charge": 2,
        "status:success": 2,
        "currency:pathusd": 2,
        "currency:AlphaUSD": 0,
        "method:tempo network:sandbox": 2,
        "since:1h": 2,
        "until:1h": 0,
    }
    for text, count in counts.items():
        assert (await console.receipts.page(parse_filter(text))).total == count, text


async def test_one_receipt_with_its_payment(console: Console) -> None:
    await paid(console, 1)
    (sent,) = (await console.receipts.page(ReceiptFilter(direction="sent"))).rows
    detail = await console.receipts.get(sent.id[:8])
    assert detail.row == sent
    assert detail.operation is not None
    assert detail.operation.reference == sent.reference
    assert detail.fields["reference"] == sent.reference
    for unknown in ("none", sent.id[:3], "received-nothing"):
        with pytest.raises(ReceiptNotFound):
            await console.receipts.get(unknown)


async def test_export_to_a_file_and_to_a_stream(console: Console, tmp_path: Path) -> None:
    await paid(console, 1)
    target = tmp_path / "receipts.jsonl"
    assert await console.receipts.export(ReceiptFilter(direction="sent"), "jsonl", target) == 1
    assert target.stat().st_mode & 0o777 == 0o600
    assert json.loads(target.read_text())["amount"] == "0.010000"
    with pytest.raises(MppError, match="exists"):
        await console.receipts.export(None, "jsonl", target)
    stream = io.StringIO()
    assert await console.receipts.export(None, "csv", stream) == 2
    assert stream.getvalue().count("\r\n") == 3


async def test_following_sees_what_another_process_would(console: Console) -> None:
    place, rows = await console.receipts.since(None)
    assert rows == ()
    await paid(console, 1)
    place, rows = await console.receipts.since(place)
    assert {row.direction for row in rows} == {"sent", "received"}
    assert (await console.receipts.since(place)) == (place, ())


async def test_spending_over_time(console: Console) -> None:
    await paid(console, 2)
    now = datetime.now(UTC)
    buckets = await console.receipts.spending(now - timedelta(hours=2), timedelta(hours=1))
    assert sum(bucket.amount for bucket in buckets) == 20_000
    assert {bucket.currency.symbol for bucket in buckets} == {"pathUSD"}


async def test_a_list_in_other_orders_with_its_count_and_sums(console: Console) -> None:
    await paid(console, 2)
    for key, descending in (("amount", True), ("origin", False), ("status", True), ("time", False)):
        order = ReceiptOrder(key=key, descending=descending)  # type: ignore[arg-type]
        first = await console.receipts.page(None, None, 3, order, counted=False)
        assert first.total is None
        rest = await console.receipts.page(None, first.next, 3, order)
        assert len({row.id for row in (*first.rows, *rest.rows)}) == 4
        assert rest.total == 4
        last = await console.receipts.page(None, None, 3, order, skip=3)
        assert last.rows == rest.rows
    assert await console.receipts.count(parse_filter("dir:in")) == 2
    sums = await console.receipts.totals(parse_filter("amount>0"))
    assert {(total.direction, total.amount, total.count) for total in sums} == {
        ("sent", 20_000, 2),
        ("received", 20_000, 2),
    }
    assert await console.receipts.totals(parse_filter("nothing-there")) == ()


async def test_revenue_over_time(console: Console) -> None:
    await paid(console, 2)
    buckets = await console.receipts.revenue(datetime.now(UTC) - timedelta(hours=2), timedelta(hours=1))
    assert sum(bucket.amount for bucket in buckets) == 20_000


# The chain ------------------------------------------------------------------------------------------------------------


async def test_what_the_chain_says_of_a_payment(console: Console) -> None:
    await paid(console, 1)
    for row in (await console.receipts.page()).rows:
        view = await console.receipts.chain(row.id)
        assert (view.status, view.note, view.reference) == ("success", "", row.reference)
        assert view.block is not None
        # The chain adds a block for a second that passes, so that on a slow machine there are more.
        assert view.confirmations is not None
        assert view.confirmations >= 1
        assert view.sender == row.payer
        assert view.timestamp is not None
        assert abs(view.timestamp - row.at) < timedelta(minutes=1)
        assert view.fee is not None
        transfers = [dict(log.facts) for log in view.logs if log.name == "TransferWithMemo"]
        assert [(facts["from"], facts["to"], facts["amount"]) for facts in transfers] == [
            (row.payer, row.recipient, "0.010000 pathUSD")
        ]
    await console.fund()
    later = await console.receipts.chain(row.id)
    assert later.confirmations is not None
    assert view.confirmations is not None
    assert later.confirmations > view.confirmations


async def test_a_transaction_that_is_not_there_is_told_not_raised(console: Console) -> None:
    journal = await console._engine.journal.get()
    cases = {
        "gone": ({"reference": "0x" + "ab" * 32}, "does not know"),
        "named": ({"reference": "pi_123"}, "names no transaction"),
        "nameless": ({"reference": ""}, "no reference"),
        "elsewhere": ({"network": "moderato"}, "network moderato"),
    }
    for name, (changes, note) in cases.items():
        await journal.receive(a_receipt(name, **changes))
        view = await console.receipts.chain(name)
        assert view.status == "unknown"
        assert note in view.note
        assert view.logs == ()
    with pytest.raises(ReceiptNotFound):
        await console.receipts.chain("nowhere")


@pytest.mark.parametrize(("direction", "where"), [("sent", "Sessions tells"), ("received", "of the server")])
async def test_a_payment_by_voucher_is_not_looked_for_among_transactions(
    console: Console, direction: str, where: str
) -> None:
    journal = await console._engine.journal.get()
    channel = "0x" + "ab" * 32
    await journal.receive(a_receipt("v", intent="session", reference=channel, direction=direction))
    chain_of(console, Said())
    view = await console.receipts.chain("v")
    assert (view.status, view.reference, view.explorer_url) == ("voucher", channel, None)
    assert where in view.note


class Said:
    """A chain that answers what it is told to."""

    def __init__(self, receipt: TxReceipt | None = None, transaction: Any = None) -> None:
        self._receipt, self._transaction = receipt, transaction

    async def receipt(self, _: str) -> TxReceipt | None:
        return self._receipt

    async def transaction(self, _: str) -> Any:
        return self._transaction

    async def block(self, tag: str | int = "latest") -> Block:
        return Block(number=40 if tag == "latest" else int(tag), timestamp=1_700_000_000, base_fee=1)

    async def aclose(self) -> None: ...


def chain_of(console: Console, chain: Said) -> None:
    async def opened() -> Any:
        return chain

    console._engine.chain = Once(opened)


async def test_pending_reverted_and_unknown_logs(console: Console) -> None:
    journal = await console._engine.journal.get()
    await journal.receive(a_receipt("r"))
    chain_of(console, Said(transaction={"hash": "0x"}))
    pending = await console.receipts.chain("r")
    assert (pending.status, pending.block, pending.confirmations) == ("pending", None, None)
    strange = Log(address=PAYER, topics=("0x" + "12" * 32,), data=bytes(32 * 11))
    unlisted = Log(address=PAYER, topics=(TRANSFER_TOPIC, "0x" + "00" * 32, "0x" + "00" * 32), data=bytes(31) + b"\x05")
    chain_of(
        console,
        Said(
            TxReceipt(
                hash="0x",
                status=False,
                block_number=31,
                sender=PAYER,
                logs=(strange, unlisted),
                gas_used=21_000,
                effective_gas_price=10**9,
                fee_token=PAYER,
            )
        ),
    )
    view = await console.receipts.chain("r")
    assert (view.status, view.confirmations, view.fee) == ("reverted", 10, None)
    assert "reverted" in view.note
    assert view.logs[0].name == ""
    assert view.logs[0].facts[-1] == ("data", "3 more words")
    assert dict(view.logs[1].facts)["amount"] == "5 base units"


# Exports that run -----------------------------------------------------------------------------------------------------


async def test_an_export_of_chosen_receipts_in_their_order(console: Console, tmp_path: Path) -> None:
    await paid(console, 2)
    ids = [row.id for row in (await console.receipts.page()).rows]
    chosen = (ids[3], ids[0])
    task = console.receipts.export_start(chosen, "jsonl", tmp_path / "out.jsonl")
    done = await task.result()
    assert (done.rows, done.cancelled, done.bytes) == (2, False, done.path.stat().st_size)
    assert [json.loads(line)["id"] for line in done.path.read_text().splitlines()] == list(chosen)
    assert task.progress() == ExportProgress(rows=2, total=2, bytes=done.bytes)
    assert await console.receipts.resolve((ids[3][:14],)) == (ids[3],)
    with pytest.raises(MppError, match="exists"):
        await console.receipts.export_start(None, "csv", done.path).result()
    with pytest.raises(MppError, match="no receipt"):
        await console.receipts.export_start(("nobody",), "csv", tmp_path / "none.csv").result()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.jsonl"]


async def test_an_export_that_is_called_off_leaves_nothing(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paid(console, 1)
    monkeypatch.setattr(ExportTask, "_moved", lambda task, rows, size: task.cancel())
    task = console.receipts.export_start(ReceiptFilter(), "md", tmp_path / "out.md")
    done = await task.result()
    assert done.cancelled
    assert not [path for path in tmp_path.iterdir() if "out.md" in path.name]
    task.cancel()
    assert (await task.result()).cancelled


async def test_closing_the_console_ends_its_exports(open_console: OpenConsole, tmp_path: Path) -> None:
    console = await open_console()
    await paid(console, 1)
    task = console.receipts.export_start(None, "csv", tmp_path / "out.csv")
    await console.close()
    assert task.done
    done = await task.result()
    assert done.cancelled is not (tmp_path / "out.csv").exists()


async def test_markdown_is_a_table_that_says_no_more_than_it_should(console: Console, tmp_path: Path) -> None:
    journal = await console._engine.journal.get()
    evil = "a|b`` [x](http://evil) <img src=x> **b**"
    await journal.receive(a_receipt("one", reference=evil, amount=2**256 - 1))
    await journal.receive(a_receipt("two", direction="received"))
    stream = io.StringIO()
    assert await console.receipts.export(None, "md", stream) == 2
    lines = stream.getvalue().splitlines()
    rows = [line for line in lines if line.startswith("| `2")]
    assert len(rows) == 2
    row = next(line for line in rows if "evil" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 11  # ten cells
    assert "``` a\\|b`` [x](http://evil) <img src=x> **b** ```" in row
    assert "2 receipts" in lines
    assert "- received: 0.010000 `pathUSD` in 1" in lines
    assert f"- sent: {format_units(2**256 - 1, 6)} `pathUSD` in 1" in lines


# Filters with a name --------------------------------------------------------------------------------------------------


async def test_filters_are_kept_by_name(open_console: OpenConsole) -> None:
    console = await open_console()
    assert await console.receipts.saved() == ()
    await console.receipts.save("Big", "amount>1")
    await console.receipts.save("api ", "origin:api")
    await console.receipts.save("Big", "amount>10")
    await console.receipts.forget("nobody")
    other = await open_console()
    expected = (SavedFilter(name="api", text="origin:api"), SavedFilter(name="Big", text="amount>10"))
    assert await other.receipts.saved() == expected
    path = console._engine.paths.filters
    assert path.stat().st_mode & 0o777 == 0o600
    await other.receipts.forget("Big")
    assert [kept.name for kept in await console.receipts.saved()] == ["api"]
    for name, text in (("", "x"), ("x" * 41, "x"), ("a\nb", "x"), ("bad", "colour:red")):
        with pytest.raises(FilterError):
            await console.receipts.save(name, text)
    path.write_text("not ours")
    with pytest.raises(FilterError, match="cannot be read"):
        await console.receipts.save("new", "x")
    assert path.read_text() == "not ours"


# Once more ------------------------------------------------------------------------------------------------------------


async def test_asking_again_for_what_was_paid(console: Console) -> None:
    heard = Heard(console)
    await console.payments.test().result()
    await heard.until(lambda: len(heard.of(ReceiptRecorded)) == 2)
    (sent,) = (await console.receipts.page(parse_filter("dir:out"))).rows
    (received,) = (await console.receipts.page(parse_filter("dir:in"))).rows
    assert await console.receipts.again(sent.id) == PayRequest(url=sent.url, method="GET")
    assert await console.receipts.command(sent.id[:10]) == f"mpp-console receipts show {sent.id}"
    assert await console.receipts.curl(sent.id) == f"curl -i {sent.url}"
    for receipt_id in (received.id, "hidden", "unknown"):
        if receipt_id != received.id:
            url = "https://a.example/?api_key=[redacted]" if receipt_id == "hidden" else "somewhere"
            await (await console._engine.journal.get()).receive(a_receipt(receipt_id, url=url))
        for ask in (console.receipts.again, console.receipts.curl):
            with pytest.raises(ReceiptNotRepeatable):
                await ask(receipt_id)


async def test_a_request_that_was_posted_is_posted_again(console: Console) -> None:
    journal = await console._engine.journal.get()
    await journal.begin(a_draft("op-1", http_method="POST"), allow)
    await journal.receive(a_receipt("op-1", operation_id="op-1", url="https://a.example/it's?x=1"))
    assert (await console.receipts.again("op-1")).method == "POST"
    assert await console.receipts.curl("op-1") == """curl -i -X POST 'https://a.example/it'"'"'s?x=1'"""
