"""Receipts for the front ends: pages, filters as people type them, export, following."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mpp_console.protocol import MppError
from mpp_console.services import Console
from mpp_console.services.errors import FilterError, ReceiptNotFound
from mpp_console.services.models import ReceiptFilter
from mpp_console.services.receipts import parse_filter
from tests.services.conftest import Heard

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def paid(console: Console, times: int) -> None:
    heard = Heard(console)
    for _ in range(times):
        await console.payments.test().result()
    from mpp_console.services.events import ReceiptRecorded

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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ReceiptFilter()),
        ("api shop", ReceiptFilter(text="api shop")),
        ("dir:out status:success", ReceiptFilter(direction="sent", status="success")),
        ("origin:api", ReceiptFilter(text="api")),
        ("origin:https://api.example", ReceiptFilter(origin="https://api.example")),
        ("http://127.0.0.1:80/x", ReceiptFilter(text="http://127.0.0.1:80/x")),
        ("since:2026-04-30", ReceiptFilter(since=datetime(2026, 4, 30, tzinfo=UTC))),
        ("since:7d until:24h", ReceiptFilter(since=NOW - timedelta(days=7), until=NOW - timedelta(days=1))),
    ],
)
def test_what_people_type(text: str, expected: ReceiptFilter) -> None:
    assert parse_filter(text, NOW) == expected


@pytest.mark.parametrize("text", ["dir:up", "colour:red", "since:yesterday", "since:5y"])
def test_a_word_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse_filter(text, NOW)
    assert text.partition(":")[0 if text.startswith("colour") else 2] in raised.value.message
