"""Which rows a list has, without holding them: a count, pages fetched on demand, and what arrived since.

Rows count from the top (0). By time the oldest is on top, so history is read from its end in pages, kept in a small
cache; rows that happen while the list is open are appended. Nothing here draws.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from mpp_console.services.models import ReceiptFilter, ReceiptPage, ReceiptRow

__all__ = ["PAGE", "Pages", "ReceiptPages", "Row", "Rows"]

PAGE = 200
"""Rows of one page: several screens, and still under a millisecond to read."""

_CACHED_PAGES = 64


class Row(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


class Pages(Protocol[R_co]):
    """Where older rows come from."""

    async def page(self, number: int) -> tuple[Sequence[R_co], int]:
        """Rows `number * PAGE` to `(number + 1) * PAGE`, counted from the newest, newest first; and how many there
        are in all.
        """
        ...


class ReceiptSource(Protocol):
    """The part of the receipts service that a list reads."""

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
    ) -> ReceiptPage: ...


class ReceiptPages:
    """Pages of the receipts that pass a filter. Cursors are walked once and remembered."""

    def __init__(self, source: ReceiptSource, filter: ReceiptFilter | None) -> None:  # noqa: A002
        self._source = source
        self._filter = filter
        self._cursors: list[str | None] = [None]
        self._walking = asyncio.Lock()

    async def page(self, number: int) -> tuple[Sequence[ReceiptRow], int]:
        async with self._walking:
            while True:
                at = min(number, len(self._cursors) - 1)
                page = await self._source.page(self._filter, self._cursors[at], PAGE)
                if at == len(self._cursors) - 1 and page.next is not None:
                    self._cursors.append(page.next)
                if at == number:
                    return page.rows, page.total or 0
                if page.next is None:
                    return (), page.total or 0


class Rows(Generic[R]):
    """The view model of one list. The first page is its last rows, or its first ones when it is read `downwards`."""

    def __init__(self, pages: Pages[R] | None = None, *, downwards: bool = False) -> None:
        self._pages = pages
        self._downwards = downwards
        self._stored = 0
        self._cache: OrderedDict[int, Sequence[R]] = OrderedDict()
        self._live: list[R] = []
        self._known: set[str] = set()
        self._loading: set[int] = set()

    def __len__(self) -> int:
        return self._stored + len(self._live)

    async def open(self) -> None:
        """Reads the newest page and the count. Rows that arrived meanwhile and are in that page are not counted
        twice.
        """
        if self._pages is None:
            return
        rows, total = await self._pages.page(0)
        self._stored = max(total, len(rows))
        self._cache[0] = rows
        stored = {row.id for row in rows}
        self._live = [row for row in self._live if row.id not in stored]
        self._known |= stored

    def append(self, rows: Iterable[R]) -> int:
        """Adds rows that just happened, oldest first; gives how many were new."""
        added = 0
        for row in rows:
            if row.id not in self._known:
                self._known.add(row.id)
                self._live.append(row)
                added += 1
        return added

    def replace(self, rows: Sequence[R]) -> None:
        """Puts these in place of all, for short lists that are given whole."""
        self._stored, self._live, self._known = 0, list(rows), {row.id for row in rows}
        self._cache.clear()

    def get(self, index: int) -> R | None:
        """The row at `index` from the oldest; None while its page is not here."""
        if index >= self._stored:
            return self._live[index - self._stored]
        number, place = self._place(index)
        page = self._cache.get(number)
        if page is None or place >= len(page):
            return None
        self._cache.move_to_end(number)
        return page[place]

    def index_of(self, row_id: str) -> int | None:
        """Where the row is, as far as its page is here."""
        for place, row in enumerate(reversed(self._live)):
            if row.id == row_id:
                return len(self) - 1 - place
        for number, page in self._cache.items():
            for place, row in enumerate(page):
                if row.id == row_id:
                    from_start = number * PAGE + place
                    return from_start if self._downwards else self._stored - 1 - from_start
        return None

    def _place(self, index: int) -> tuple[int, int]:
        """The page that holds a stored row, and where in it."""
        return divmod(index if self._downwards else self._stored - 1 - index, PAGE)

    async def load(self, index: int) -> bool:
        """Fetches the page of `index`; True when something new can be drawn."""
        number, _ = self._place(index)
        if self._pages is None or index >= self._stored or number in self._cache or number in self._loading:
            return False
        self._loading.add(number)
        try:
            rows, _ = await self._pages.page(number)
        finally:
            self._loading.discard(number)
        self._cache[number] = rows
        while len(self._cache) > _CACHED_PAGES:
            self._cache.popitem(last=False)
        return True
