"""Receipts, operations and requests of the history: paged, looked up, summed, exported, filtered by what a person
typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mpp_console.services.commands import command_line
from mpp_console.services.errors import ReceiptNotFound
from mpp_console.services.models import (
    ChainView,
    ExportFormat,
    OperationView,
    OriginCount,
    PayRequest,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptOrder,
    ReceiptPage,
    ReceiptRow,
    ReceiptTotal,
    RequestRow,
    SavedFilter,
    SpendBucket,
)
from mpp_console.services.receipt_export import ExportTask
from mpp_console.services.receipt_filter import SETTLED, filter_text, parse_filter, passes
from mpp_console.services.receipt_repeat import repeated_request, unpaid_curl
from mpp_console.services.saved_filters import SavedFilters
from mpp_console.services.views import inert_value, operation_view, payment_explorer_url, receipt_row, request_row

if TYPE_CHECKING:
    from mpp_console import history
    from mpp_console.protocol import Currency
    from mpp_console.services.engine import Engine

__all__ = ["ExportTask", "ReceiptsService", "parse_filter"]

_MIN_ID_PREFIX = 4
_NEWEST_FIRST = ReceiptOrder()


class ReceiptsService:
    """Reads the history; the database works in threads of its own, so that nothing here holds up the loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._saved = SavedFilters(engine.paths.filters)
        self._exports: list[ExportTask] = []

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
        order: ReceiptOrder = _NEWEST_FIRST,
        *,
        skip: int = 0,
        counted: bool = True,
    ) -> ReceiptPage:
        """`limit` rows (1 to 1000) in an order, from the `skip`th after the cursor `after` (a page's `next`) on.

        `counted=False` leaves the total out, which is what takes long when there are many rows. Cursors hold in the
        order that they come from only.
        """
        queries = await self._engine.queries.get()
        from mpp_console.history import Cursor, Order

        wanted = self._filter(filter)
        chosen = Order(key=order.key, descending=order.descending)
        place = Cursor.parse(after) if after else None
        page = await queries.receipts(wanted, after=place, limit=limit, order=chosen, skip=skip)
        return ReceiptPage(
            rows=tuple(receipt_row(row.record) for row in page.rows),
            next=str(page.next) if page.next else None,
            total=await queries.count(wanted) if counted else None,
        )

    async def count(self, filter: ReceiptFilter | None = None) -> int:  # noqa: A002
        """How many receipts pass. Without words to look for it is quick; a wait that is given up ends the counting."""
        queries = await self._engine.queries.get()
        return await queries.count(self._filter(filter))

    async def totals(self, filter: ReceiptFilter | None = None) -> tuple[ReceiptTotal, ...]:  # noqa: A002
        """What those that pass sum to, for each direction and currency; exact at any size."""
        queries = await self._engine.queries.get()
        return tuple(
            ReceiptTotal(
                direction="sent" if total.direction == "sent" else "received",
                currency=total.currency,
                amount=total.amount,
                count=total.count,
            )
            for total in await queries.totals(self._filter(filter))
        )

    async def origins(self, filter: ReceiptFilter | None = None, limit: int = 8) -> tuple[OriginCount, ...]:  # noqa: A002
        """Whom most of those that pass are of, the most first; without an origin are those that were paid to us."""
        queries = await self._engine.queries.get()
        found = await queries.origins(self._filter(filter), limit=limit)
        return tuple(OriginCount(origin=origin, count=count) for origin, count in found)

    async def get(self, id: str) -> ReceiptDetail:  # noqa: A002
        """One receipt. `id` may be its first characters as long as they are unique. Raises ReceiptNotFound."""
        queries = await self._engine.queries.get()
        from mpp_console.client.journal import UnknownOperation
        from mpp_console.history import UnknownRow

        try:
            found = await queries.receipt(id)
        except UnknownRow:
            found = await queries.receipt(await self._complete(id))
        record = found.record
        operation: OperationView | None = None
        if record.operation_id is not None:
            journal = await self._engine.journal.get()
            try:
                operation = operation_view(await journal.get(record.operation_id), self._engine.network)
            except UnknownOperation:
                operation = None
        return ReceiptDetail(
            row=receipt_row(record),
            fields=inert_value(record.raw),
            external_id=record.external_id,
            operation=operation,
            explorer_url=payment_explorer_url(record, self._engine.network),
        )

    async def export(
        self,
        scope: ReceiptFilter | tuple[str, ...] | None,
        fmt: ExportFormat,
        target: Path | TextIO,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Streams to a new file (0600, never over an existing one) or an open stream; gives how many rows. No
        secrets. `progress` gets rows and bytes, in another thread. Raises as `ExportTask.result`.
        """
        database = await self._engine.database.get()
        from mpp_console.history import Format, export_to_file, export_to_stream

        where, ids = self._scope(scope)
        chosen = Format(fmt)
        if isinstance(target, Path):
            done = await export_to_file(
                database.path, target, file_format=chosen, where=where, ids=ids, progress=progress
            )
        else:
            done = await export_to_stream(
                database.path, target, file_format=chosen, where=where, ids=ids, progress=progress
            )
        return done.rows

    async def resolve(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        """Whole ids of receipts that may be given by their first characters. Raises ReceiptNotFound."""
        return tuple([(await self.get(name)).row.id for name in ids])

    async def operations(self, limit: int = 200) -> tuple[OperationView, ...]:
        """The journal, newest first."""
        queries = await self._engine.queries.get()
        page = await queries.operations(limit=limit)
        return tuple(operation_view(row.operation, self._engine.network) for row in page.rows)

    async def requests(self, limit: int = 200) -> tuple[RequestRow, ...]:
        """Requests served, newest first, from the history."""
        queries = await self._engine.queries.get()
        page = await queries.requests(limit=limit)
        return tuple(request_row(row.record) for row in page.rows)

    async def since(self, place: int | None) -> tuple[int, tuple[ReceiptRow, ...]]:
        """What was recorded after `place`, by whichever process, oldest first, and the place to go on from.

        None gives no rows and the place where a tail begins.
        """
        queries = await self._engine.queries.get()
        if place is None:
            return await queries.last_seq(), ()
        found = await queries.receipts_since(place)
        return (found[-1].seq if found else place), tuple(receipt_row(row.record) for row in found)

    async def spending(
        self, since: datetime, width: timedelta, currency: Currency | None = None
    ) -> tuple[SpendBucket, ...]:
        """What payments took in each stretch of `width` from `since` until now, empty ones included; one currency
        (by default the network's own).
        """
        queries = await self._engine.queries.get()
        currency = self._currency(currency)
        buckets = await queries.spend_buckets(currency.id, since=since, until=self._engine.clock(), width=width)
        return tuple(SpendBucket(start=item.start, amount=item.amount, currency=currency) for item in buckets)

    async def revenue(
        self, since: datetime, width: timedelta, currency: Currency | None = None
    ) -> tuple[SpendBucket, ...]:
        """The same for what we were paid."""
        queries = await self._engine.queries.get()
        currency = self._currency(currency)
        buckets = await queries.receipt_buckets(
            currency.id, direction="received", since=since, until=self._engine.clock(), width=width
        )
        return tuple(SpendBucket(start=item.start, amount=item.amount, currency=currency) for item in buckets)

    async def chain(self, id: str) -> ChainView:  # noqa: A002
        """What the chain says of the transaction behind a receipt. Never raises for one that is missing: `note` says
        why. Raises ReceiptNotFound, or an MppError when the node cannot be asked.
        """
        from mpp_console.services.receipt_chain import chain_view

        return await chain_view(self._engine, (await self.get(id)).row)

    def export_start(
        self,
        scope: ReceiptFilter | tuple[str, ...] | None,
        fmt: ExportFormat,
        path: Path,
    ) -> ExportTask:
        """Begins to write receipts (those that pass a filter, or those of these ids) to a new file, in a thread.

        The file has its name only when it is whole; it is never put over another (FileExists from `result`).
        """
        task = ExportTask(self._engine, *self._scope(scope), fmt, path)
        self._exports = [*(old for old in self._exports if not old.done), task]
        return task

    def _scope(self, scope: ReceiptFilter | tuple[str, ...] | None) -> tuple[history.Filter, tuple[str, ...] | None]:
        return (self._filter(None), scope) if isinstance(scope, tuple) else (self._filter(scope), None)

    async def close(self) -> None:
        """Calls off the exports that are under way, so that no part of a file is left. Harmless twice."""
        for task in self._exports:
            await task.stop()
        self._exports = []

    async def saved(self) -> tuple[SavedFilter, ...]:
        """The filters that were given a name, by name."""
        return await asyncio.to_thread(self._saved.load)

    async def save(self, name: str, text: str) -> None:
        """Keeps a filter, in place of one of the same name. Raises FilterError for a bad name or filter."""
        parse_filter(text)
        await asyncio.to_thread(self._saved.put, name, text)

    async def forget(self, name: str) -> None:
        """Forgets a filter. One that is not there is forgotten already."""
        await asyncio.to_thread(self._saved.drop, name)

    async def again(self, id: str) -> PayRequest:  # noqa: A002
        """The request that a receipt of ours was paid for: URL and method. What was sent with it is not kept.

        Raises ReceiptNotRepeatable when the URL is not known, or ReceiptNotFound.
        """
        detail = await self.get(id)
        method = "GET"
        if detail.row.operation_id is not None and detail.operation is not None:
            journal = await self._engine.journal.get()
            method = (await journal.get(detail.row.operation_id)).http_method
        return repeated_request(detail.row, method)

    async def command(self, id: str) -> str:  # noqa: A002
        """The command that shows the receipt."""
        return command_line(self._engine.profile.called, "receipts", "show", (await self.get(id)).row.id)

    async def curl(self, id: str) -> str:  # noqa: A002
        """A curl command that asks, unpaid, for what the receipt was paid for. Raises as `again`."""
        return unpaid_curl(await self.again(id))

    @staticmethod
    def parse_filter(text: str, now: datetime | None = None) -> ReceiptFilter:
        """What people type as a filter; see `receipt_filter`. Raises FilterError naming the word not understood."""
        return parse_filter(text, now)

    @staticmethod
    def filter_text(filter: ReceiptFilter) -> str:  # noqa: A002
        """A filter as text that `parse_filter` reads back."""
        return filter_text(filter)

    @staticmethod
    def passes(filter: ReceiptFilter, row: ReceiptRow) -> bool:  # noqa: A002
        """Whether a row that just arrived passes, as the history would say."""
        return passes(filter, row)

    def _currency(self, currency: Currency | None) -> Currency:
        network = self._engine.network
        return currency or network.currency(network.default_token)

    async def _complete(self, start: str) -> str:
        queries = await self._engine.queries.get()
        from mpp_console.history import Filter

        found: set[str] = set()
        if len(start) >= _MIN_ID_PREFIX:
            page = await queries.receipts(Filter(words=(start,)), limit=1000)
            found = {row.record.id for row in page.rows if row.record.id.startswith(start)}
        if len(found) == 1:
            return found.pop()
        why = f"{len(found)} receipts begin with {start}" if found else f"there is no receipt {start}"
        raise ReceiptNotFound(why, hint="see `mpp-console receipts list`")

    def _filter(self, given: ReceiptFilter | None) -> history.Filter:
        from mpp_console.history import Filter

        if given is None:
            return Filter()
        known = self._currency_id(given.currency)
        exact = given.origin is not None and "://" in given.origin
        several = given.status == "settled"
        return Filter(
            words=given.words,
            direction=given.direction,
            origin=given.origin if exact else None,
            origin_part=None if exact else given.origin,
            reference_part=given.reference,
            method=given.method,
            intent=given.intent,
            status=None if several else given.status,
            statuses=SETTLED if several else (),
            currency=known,
            symbol=given.currency if known is None else None,
            network=given.network,
            amounts=tuple((bound.op, bound.value) for bound in given.amounts),
            since=given.since,
            until=given.until,
            without=tuple(self._filter(left_out) for left_out in given.without),
        )

    def _currency_id(self, name: str | None) -> str | None:
        """The id that a symbol of this network stands for; an id as it is, None for a symbol of elsewhere."""
        if name is None:
            return None
        for token in self._engine.network.tokens:
            if token.symbol.casefold() == name.casefold():
                return token.address
        return name if name.startswith("0x") else None
