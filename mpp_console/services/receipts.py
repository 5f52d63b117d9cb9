"""Receipts and requests of the history, paged, summed and exported."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Literal

from mpp_console.services.models import (
    OperationView,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptPage,
    RequestRow,
    SpendBucket,
)

__all__ = ["ExportFormat", "ReceiptsService"]

ExportFormat = Literal["csv", "json", "jsonl"]


class ReceiptsService:
    async def page(
        self, wanted: ReceiptFilter | None = None, after: str | None = None, limit: int = 200
    ) -> ReceiptPage:
        """Newest first, `limit` rows from the cursor `after` (a page's `next`) on."""
        raise NotImplementedError

    async def get(self, receipt_id: str) -> ReceiptDetail:
        """Raises ReceiptNotFound. `receipt_id` may be shortened as long as it is unique."""
        raise NotImplementedError

    async def export(self, wanted: ReceiptFilter | None, fmt: ExportFormat, target: Path | IO[str]) -> int:
        """Streams to a new file (0600, never over an existing one) or an open stream; gives how many rows. No
        secrets.
        """
        raise NotImplementedError

    async def operations(self, limit: int = 200) -> tuple[OperationView, ...]:
        """The journal, newest first."""
        raise NotImplementedError

    async def requests(self, limit: int = 200) -> tuple[RequestRow, ...]:
        """Requests served, newest first, from the history."""
        raise NotImplementedError

    async def spending(self, since: datetime, width: timedelta) -> tuple[SpendBucket, ...]:
        """What was spent in each stretch of `width` since `since`; stretches without spending are left out."""
        raise NotImplementedError

    @staticmethod
    def parse_filter(text: str) -> ReceiptFilter:
        """`origin:api status:success dir:sent words…` as a filter. Raises FilterError naming the word that is not
        understood.
        """
        raise NotImplementedError
