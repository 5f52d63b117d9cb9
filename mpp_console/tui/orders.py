"""By what a list is ordered, and which of its rows are marked. Pure: nothing here draws or reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from mpp_console.tui.columns import Column
from mpp_console.tui.rows import Row

__all__ = ["MARK_LIMIT", "Marks", "Order", "orders_of"]

R = TypeVar("R", bound=Row)

MARK_LIMIT = 10_000
"""Rows that can be marked at once: more is a filter's business, and an export of what it lets through."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it is seen: `descending` puts the largest (the newest) on top."""

    key: str
    descending: bool = False

    @property
    def arrow(self) -> str:
        return "▼" if self.descending else "▲"

    @property
    def reversed(self) -> Order:
        return Order(self.key, not self.descending)

    @property
    def text(self) -> str:
        """For a file: `-amount` is descending."""
        return f"-{self.key}" if self.descending else self.key

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text.removeprefix("-"), text.startswith("-"))


def orders_of(columns: Iterable[Column]) -> dict[str, Column]:
    """The columns that a list can be ordered by, under the key of their order."""
    return {column.order: column for column in columns if column.order}


class Marks(Generic[R]):
    """The marked rows of a list, in the order in which they were marked, whether or not their page is still here."""

    def __init__(self) -> None:
        self._marked: dict[str, R] = {}
        self._range: dict[str, R] = {}

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._marked or row_id in self._range

    def __len__(self) -> int:
        return len(self._marked.keys() | self._range.keys())

    @property
    def rows(self) -> tuple[R, ...]:
        return tuple((self._marked | self._range).values())

    def toggle(self, row: R) -> None:
        if self._marked.pop(row.id, None) is None:
            self._marked[row.id] = row

    def stretch(self, rows: Iterable[R]) -> None:
        """Puts these rows in the range that is being selected, in place of what was in it."""
        self._range = {row.id: row for row in rows}

    def keep(self) -> None:
        """The range becomes marks."""
        self._marked |= self._range
        self._range = {}

    def clear(self) -> None:
        self._marked, self._range = {}, {}
