"""Receipts for the front ends: pages, filters as people type them, export, following."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mpp_console.protocol import MppError
from mpp_console.services import Console
from mpp_console.services.errors import ReceiptNotFound
from mpp_console.services.models import ReceiptFilter
from mpp_console.services.receipt_filter import parse_filter
from tests.services.conftest import Heard


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
