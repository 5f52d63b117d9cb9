"""What the history gives back and takes in: frozen values, and the paging of lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mpp_console.client.journal import Operation, ReceiptRecord
from mpp_console.history.errors import HistoryError
from mpp_console.protocol import Currency

__all__ = ["Cursor", "OperationRow", "Page", "ReceiptRow", "RequestRecord", "RequestRow", "SpendBucket", "Total"]

RowT = TypeVar("RowT")

_CURSOR = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cursor:
    """A place in a list that is ordered newest first: everything after it is older. `at` in microseconds since 1970."""

    at: int
    seq: int

    def __str__(self) -> str:
        return f"{self.at}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises HistoryError (`bad-cursor`)."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise HistoryError("this does not continue any list", code="bad-cursor", hint="start from the first page")
        return cls(at=int(match[1]), seq=int(match[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """A receipt with its place in the file. `seq` only grows, whichever process wrote the row."""

    seq: int
    record: ReceiptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow:
    """An operation of the journal with its place in the file."""

    seq: int
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request that our server answered.

    `outcome` is a short word (free, challenged, paid, rejected, replayed, limited, failed). `amount` in base units of
    `currency`; both are None when no price was involved.
    """

    id: str
    at: datetime
    method: str
    path: str
    status: int
    outcome: str
    amount: int | None = None
    currency: Currency | None = None
    payer: str | None = None
    reference: str | None = None
    challenge_id: str | None = None
    message: str = ""
    microseconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request with its place in the file."""

    seq: int
    record: RequestRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[RowT]):
    """Part of a list, newest first. `next` continues it, None at its end. `skipped` counts rows that could not be
    read.
    """

    rows: tuple[RowT, ...]
    next: Cursor | None
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The sum of one currency in one direction. `amount` in base units, exact at any size."""

    currency: Currency
    direction: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendBucket:
    """What moved in the time from `start` for one bucket's width; zero when nothing did."""

    start: datetime
    amount: int
    count: int
