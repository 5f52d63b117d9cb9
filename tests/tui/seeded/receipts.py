"""The seeded history behind the calls of the real one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mpp_console.protocol import MppError
from mpp_console.services.models import (
    ReceiptDetail,
    ReceiptFilter,
    ReceiptPage,
    ReceiptRow,
    SpendBucket,
)
from tests.tui.seeds import (
    PATH,
    operation,
)


class SeededReceipts:
    def __init__(self, rows: Iterable[ReceiptRow]) -> None:
        self.rows = list(rows)

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
    ) -> ReceiptPage:
        rows = [row for row in reversed(self.rows) if filter is None or all(word in row.url for word in filter.words)]
        start = int(after or 0)
        more = start + limit < len(rows)
        return ReceiptPage(
            rows=tuple(rows[start : start + limit]), next=str(start + limit) if more else None, total=len(rows)
        )

    async def get(self, id: str) -> ReceiptDetail:  # noqa: A002
        number, row = next((number, row) for number, row in enumerate(self.rows) if row.id == id)
        fields = {
            "method": row.method,
            "reference": row.reference,
            "status": "success",
            "timestamp": row.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "challengeId": row.challenge_id,
        }
        return ReceiptDetail(
            row=row, fields=fields, external_id=None, operation=operation(number, row) if row.operation_id else None
        )

    async def spending(self, since: datetime, width: timedelta) -> tuple[SpendBucket, ...]:
        spent = (0, 0, 10, 0, 0, 0, 0, 25, 10, 0, 60, 20, 0, 0, 10, 10, 0, 35, 80, 10, 10, 0, 50, 20)
        return tuple(
            SpendBucket(start=since + number * width, amount=amount * 1_000, currency=PATH)
            for number, amount in enumerate(spent)
            if amount
        )

    def parse_filter(self, text: str) -> ReceiptFilter:
        if text.startswith("bad:"):
            raise MppError("the filter does not know bad:", code="filter", hint="known: origin status dir")
        return ReceiptFilter(words=(text,))
