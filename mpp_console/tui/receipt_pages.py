"""Pages of receipts in an order. Cursors are remembered, and a page far off is reached without those between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mpp_console.services.models import ReceiptFilter, ReceiptOrder, ReceiptPage, ReceiptRow
from mpp_console.tui.orders import Order
from mpp_console.tui.rows import PAGE, Rows

__all__ = ["FIRST_ORDER", "OrderedPages", "receipt_rows"]

FIRST_ORDER = Order("time")
"""The newest last, where a list follows them."""


class _Source(Protocol):
    """The part of the receipts service that a list reads."""

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
        order: ReceiptOrder = ...,
        *,
        skip: int = 0,
        counted: bool = True,
    ) -> ReceiptPage: ...


class OrderedPages:
    """Pages of the receipts that pass a filter, counted from the first one of the order."""

    def __init__(self, source: _Source, filter: ReceiptFilter | None, order: ReceiptOrder) -> None:  # noqa: A002
        self._source = source
        self._filter = filter
        self._order = order
        self._after: dict[int, str | None] = {0: None}

    async def page(self, number: int) -> tuple[Sequence[ReceiptRow], int]:
        """The rows of a page, and with the first one how many there are in all."""
        nearest = max(known for known in self._after if known <= number)
        page = await self._source.page(
            self._filter,
            self._after[nearest],
            PAGE,
            self._order,
            skip=(number - nearest) * PAGE,
            counted=number == 0,
        )
        if page.next is not None:
            self._after[number + 1] = page.next
        return page.rows, page.total or 0


def receipt_rows(source: _Source, filter: ReceiptFilter | None, order: Order) -> Rows[ReceiptRow]:  # noqa: A002
    """The view model of the receipts in an order. By time the newest page comes first, whichever end it is shown at."""
    upwards = order == FIRST_ORDER
    wanted = ReceiptOrder(key=order.key, descending=upwards or order.descending)  # type: ignore[arg-type]
    return Rows(OrderedPages(source, filter, wanted), downwards=not upwards)
