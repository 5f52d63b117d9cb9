"""The seeded history behind the calls of the real one. It filters and orders as the history does, writes no file, and
answers as a node would; tests make it fail or hold still.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from mpp_console.protocol import Currency, MppError
from mpp_console.services.models import (
    ChainView,
    ExportDone,
    ExportFormat,
    ExportProgress,
    LogView,
    Money,
    OperationView,
    OriginCount,
    PayRequest,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptOrder,
    ReceiptPage,
    ReceiptRow,
    ReceiptTotal,
    SavedFilter,
    SpendBucket,
)
from mpp_console.services.receipt_filter import filter_text, parse_filter, passes
from mpp_console.wallet.files import FileExists
from tests.tui.seeds import PATH, operation, receipt_fields

SAVED = (
    SavedFilter(name="earned this week", text="dir:received since:7d"),
    SavedFilter(name="large", text="dir:sent amount>=0.05"),
    SavedFilter(name="search API", text="origin:api.example"),
)
NEWEST_FIRST = ReceiptOrder()


class SeededExport:
    """An export that ends at once, or holds still at `stopped` until it is cancelled."""

    def __init__(self, rows: int, path: Path, stopped: ExportProgress | None, error: MppError | None) -> None:
        self._done = ExportDone(path=path, rows=rows, bytes=rows * 412, cancelled=False)
        self._stopped = stopped
        self._error = error
        self._ended = asyncio.Event()
        if stopped is None:
            self._ended.set()

    def progress(self) -> ExportProgress:
        return self._stopped or ExportProgress(rows=self._done.rows, total=self._done.rows, bytes=self._done.bytes)

    def cancel(self) -> None:
        done, self._ended_rows = self._done, self.progress().rows
        self._done = ExportDone(path=done.path, rows=self._ended_rows, bytes=0, cancelled=True)
        self._ended.set()

    async def result(self) -> ExportDone:
        await self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._done


class SeededReceipts:
    """`failure` is raised by whatever reads; `chain_failure` by the node; `stopped` holds exports still there."""

    def __init__(self, rows: Iterable[ReceiptRow]) -> None:
        self.rows = list(rows)
        self.failure: MppError | None = None
        self.chain_failure: MppError | None = None
        self.chain_answers = asyncio.Event()
        self.chain_answers.set()
        self.chain_asked: list[str] = []
        self.stopped: ExportProgress | None = None
        self.exports: list[tuple[Any, ExportFormat, Path]] = []
        self.taken: set[Path] = set()
        self.kept: dict[str, str] = {one.name: one.text for one in SAVED} if self.rows else {}
        self.explorer: str | None = None

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
        order: ReceiptOrder = NEWEST_FIRST,
        *,
        skip: int = 0,
        counted: bool = True,
    ) -> ReceiptPage:
        rows = self._passing(filter)
        rows.reverse()
        if order.key != "time":
            rows.sort(key=lambda row: _order_key(order, row), reverse=order.descending)
        elif not order.descending:
            rows.reverse()
        start = int(after or 0) + skip
        more = start + limit < len(rows)
        return ReceiptPage(
            rows=tuple(rows[start : start + limit]),
            next=str(start + limit) if more else None,
            total=len(rows) if counted else None,
        )

    async def count(self, filter: ReceiptFilter | None = None) -> int:  # noqa: A002
        return len(self._passing(filter))

    async def totals(self, filter: ReceiptFilter | None = None) -> tuple[ReceiptTotal, ...]:  # noqa: A002
        sums: dict[tuple[str, str], ReceiptTotal] = {}
        for row in self._passing(filter):
            if row.currency is not None:
                key = (row.currency.id, row.direction)
                before = sums.get(key)
                sums[key] = ReceiptTotal(
                    direction=row.direction,
                    currency=row.currency,
                    amount=(before.amount if before else 0) + (row.amount or 0),
                    count=(before.count if before else 0) + 1,
                )
        return tuple(sums[key] for key in sorted(sums))

    async def origins(self, filter: ReceiptFilter | None = None, limit: int = 8) -> tuple[OriginCount, ...]:  # noqa: A002
        counts = Counter(row.origin for row in self._passing(filter))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(OriginCount(origin=origin, count=count) for origin, count in ranked[:limit])

    async def operations(self, limit: int = 200) -> tuple[OperationView, ...]:
        sent = [row for row in reversed(self.rows) if row.operation_id]
        return tuple(operation(0, row) for row in sent[:limit])

    async def get(self, id: str) -> ReceiptDetail:  # noqa: A002
        row = next(row for row in self.rows if row.id == id)
        return ReceiptDetail(
            row=row,
            fields=receipt_fields(row),
            external_id=None,
            operation=operation(0, row) if row.operation_id else None,
            explorer_url=f"{self.explorer}/tx/{row.reference}" if self.explorer else None,
        )

    async def chain(self, id: str) -> ChainView:  # noqa: A002
        self.chain_asked.append(id)
        await self.chain_answers.wait()
        if self.chain_failure is not None:
            raise self.chain_failure
        row = next(row for row in self.rows if row.id == id)
        number = self.rows.index(row)
        if not row.amount:
            note = "a proof moves no money: there is no transaction"
            return ChainView(reference=row.reference, explorer_url=None, status="unknown", note=note)
        transfer = LogView(
            address=(row.currency or PATH).id,
            name="TransferWithMemo",
            facts=(
                ("from", row.payer or ""),
                ("to", row.recipient or ""),
                ("amount", f"{Decimal(row.amount) / 10**6:f} {(row.currency or PATH).symbol}"),
                ("memo", "0xef1ed71200000000000000000000000000000000000000000000000000000001"),
            ),
        )
        return ChainView(
            reference=row.reference,
            explorer_url=f"{self.explorer}/tx/{row.reference}" if self.explorer else None,
            status="success",
            block=1_200 + number,
            confirmations=len(self.rows) - number,
            timestamp=row.at - timedelta(milliseconds=120),
            sender=row.payer,
            fee_payer=row.payer,
            fee=Money(amount=1_240, currency=PATH),
            gas_used=48_213,
            logs=(transfer,),
        )

    def export_start(
        self, scope: ReceiptFilter | tuple[str, ...] | None, fmt: ExportFormat, path: Path
    ) -> SeededExport:
        self.exports.append((scope, fmt, path))
        rows = len(scope) if isinstance(scope, tuple) else len(self._passing(scope))
        error = FileExists(f"{path} exists already", hint="choose another name") if path in self.taken else None
        return SeededExport(rows, path, None if error else self.stopped, error)

    async def saved(self) -> tuple[SavedFilter, ...]:
        names = sorted(self.kept, key=str.casefold)
        return tuple(SavedFilter(name=name, text=self.kept[name]) for name in names)

    async def save(self, name: str, text: str) -> None:
        parse_filter(text)
        self.kept[name] = text

    async def forget(self, name: str) -> None:
        self.kept.pop(name, None)

    async def again(self, id: str) -> PayRequest:  # noqa: A002
        row = next(row for row in self.rows if row.id == id)
        if row.direction == "received":
            raise MppError("this receipt is of a payment to us: there is no URL of ours to ask", code="not-repeatable")
        return PayRequest(url=row.url, method="GET")

    async def command(self, id: str) -> str:  # noqa: A002
        return f"mpp-console receipts show {id}"

    async def curl(self, id: str) -> str:  # noqa: A002
        return f"curl -i {(await self.again(id)).url}"

    async def spending(
        self, since: datetime, width: timedelta, currency: Currency | None = None
    ) -> tuple[SpendBucket, ...]:
        wanted, spent = currency or PATH, dict[int, int]()
        for row in self.rows:
            if row.direction == "sent" and row.currency == wanted and row.amount and row.at >= since:
                place = (row.at - since) // width
                spent[place] = spent.get(place, 0) + row.amount
        return tuple(
            SpendBucket(start=since + place * width, amount=amount, currency=wanted)
            for place, amount in sorted(spent.items())
        )

    parse_filter = staticmethod(parse_filter)
    filter_text = staticmethod(filter_text)
    passes = staticmethod(passes)

    def _passing(self, filter: ReceiptFilter | None) -> list[ReceiptRow]:  # noqa: A002
        if self.failure is not None:
            raise self.failure
        return [row for row in self.rows if filter is None or passes(filter, row)]


def _order_key(order: ReceiptOrder, row: ReceiptRow) -> Any:
    if order.key == "amount":
        return Decimal(row.amount or 0) / 10 ** (row.currency.decimals if row.currency else 0)
    return row.origin if order.key == "origin" else row.status
