"""The view model of a list: pages on demand, live rows behind them, nothing counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from mpp_console.services.models import ReceiptFilter, ReceiptPage, ReceiptRow
from mpp_console.tui.rows import PAGE, ReceiptPages, Rows
from tests.tui.seeds import NOW, receipt_row


@dataclass(frozen=True)
class Line:
    id: str


class Book:
    """Pages of a history of `total` lines, newest first; notes which were read."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.read: list[int] = []

    async def page(self, number: int) -> tuple[Sequence[Line], int]:
        self.read.append(number)
        first = self.total - 1 - number * PAGE
        return [Line(str(index)) for index in range(first, max(first - PAGE, -1), -1)], self.total


async def opened(total: int) -> tuple[Rows[Line], Book]:
    book = Book(total)
    rows: Rows[Line] = Rows(book)
    await rows.open()
    return rows, book


async def test_rows_count_from_the_oldest_and_only_the_newest_page_is_read() -> None:
    rows, book = await opened(1_000_000)
    assert len(rows) == 1_000_000
    assert rows.get(999_999) == Line("999999")
    assert rows.get(0) is None
    assert book.read == [0]


async def test_a_page_is_read_once_when_it_is_wanted() -> None:
    rows, book = await opened(1_000)
    assert await rows.load(10)
    assert not await rows.load(11)
    assert rows.get(10) == Line("10")
    assert book.read == [0, 4]


async def test_live_rows_come_after_the_stored_ones() -> None:
    rows, _ = await opened(3)
    assert rows.append([Line("x"), Line("y")]) == 2
    assert [getattr(rows.get(index), "id", None) for index in range(5)] == ["0", "1", "2", "x", "y"]
    assert rows.index_of("y") == 4
    assert rows.index_of("1") == 1
    assert rows.index_of("nowhere") is None


async def test_a_row_that_is_both_stored_and_live_counts_once() -> None:
    rows: Rows[Line] = Rows(Book(3))
    rows.append([Line("2"), Line("new")])
    await rows.open()
    assert len(rows) == 4
    assert rows.append([Line("1"), Line("new")]) == 0


async def test_the_cache_is_bounded() -> None:
    rows, book = await opened(PAGE * 100)
    for page in range(100):
        await rows.load(len(rows) - 1 - page * PAGE)
    assert rows.get(0) is not None
    assert rows.get(len(rows) - 1) is None, "the newest page was evicted last of all the old ones"
    assert await rows.load(len(rows) - 1)
    assert book.read.count(0) == 2


def test_a_short_list_is_replaced_whole() -> None:
    rows: Rows[Line] = Rows()
    rows.replace([Line("a"), Line("b")])
    rows.replace([Line("b")])
    assert len(rows) == 1
    assert rows.get(0) == Line("b")


class Source:
    """A receipts service with cursors; notes each call."""

    def __init__(self, count: int) -> None:
        self.rows = [receipt_row(number, NOW) for number in range(count)][::-1]
        self.calls: list[str | None] = []

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
    ) -> ReceiptPage:
        self.calls.append(after)
        start = int(after or 0)
        following = start + limit
        end = None if following >= len(self.rows) else str(following)
        return ReceiptPage(rows=tuple(self.rows[start:following]), next=end, total=len(self.rows))


@pytest.mark.parametrize("count", [0, 1, 200, 201, 900])
async def test_receipts_are_walked_by_cursor_and_cursors_remembered(count: int) -> None:
    source = Source(count)
    rows: Rows[ReceiptRow] = Rows(ReceiptPages(source, None))
    await rows.open()
    assert len(rows) == count
    if count:
        await rows.load(0)
        oldest = rows.get(0)
        assert oldest is not None
        assert oldest.id == "rc0000"
    calls = len(source.calls)
    await rows.load(0)
    assert len(source.calls) == calls
