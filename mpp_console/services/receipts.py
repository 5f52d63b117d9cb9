"""Receipts, operations and requests of the history: paged, looked up, summed, exported, filtered by what a person
typed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from mpp_console.services.errors import FilterError, ReceiptNotFound
from mpp_console.services.models import (
    OperationView,
    ReceiptDetail,
    ReceiptFilter,
    ReceiptPage,
    ReceiptRow,
    RequestRow,
    SpendBucket,
)
from mpp_console.services.views import explorer_url, inert_value, operation_view, receipt_row, request_row

if TYPE_CHECKING:
    from mpp_console import history
    from mpp_console.protocol import Currency
    from mpp_console.services.engine import Engine

__all__ = ["ExportFormat", "ReceiptsService"]

ExportFormat = Literal["csv", "json", "jsonl"]
_MIN_ID_PREFIX = 4


class ReceiptsService:
    """Reads the history; the database works in threads of its own, so that nothing here holds up the loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def page(
        self,
        filter: ReceiptFilter | None = None,  # noqa: A002
        after: str | None = None,
        limit: int = 200,
    ) -> ReceiptPage:
        """Newest first, `limit` rows (1 to 1000) from the cursor `after` (a page's `next`) on."""
        queries = await self._engine.queries.get()
        from mpp_console.history import Cursor

        wanted = self._filter(filter)
        page = await queries.receipts(wanted, after=Cursor.parse(after) if after else None, limit=limit)
        rows = tuple(receipt_row(row.record) for row in page.rows)
        total = await queries.count(wanted)
        return ReceiptPage(rows=rows, next=str(page.next) if page.next else None, total=total)

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
            explorer_url=explorer_url(record.reference, record.network, self._engine.network),
        )

    async def export(self, filter: ReceiptFilter | None, fmt: ExportFormat, target: Path | TextIO) -> int:  # noqa: A002
        """Streams to a new file (0600, never over an existing one) or an open stream; gives how many rows. No
        secrets.
        """
        database = await self._engine.database.get()
        from mpp_console.history import Format, export_to_file, export_to_stream

        wanted = self._filter(filter)
        if isinstance(target, Path):
            done = await export_to_file(database.path, target, file_format=Format(fmt), where=wanted)
        else:
            done = await export_to_stream(database.path, target, file_format=Format(fmt), where=wanted)
        return done.rows

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
        network = self._engine.network
        currency = currency or network.currency(network.default_token)
        buckets = await queries.spend_buckets(currency.id, since=since, until=self._engine.clock(), width=width)
        return tuple(SpendBucket(start=item.start, amount=item.amount, currency=currency) for item in buckets)

    @staticmethod
    def parse_filter(text: str) -> ReceiptFilter:
        """`origin:api status:success dir:sent words…` as a filter. Raises FilterError naming the word not
        understood.
        """
        return parse_filter(text)

    async def _complete(self, start: str) -> str:
        queries = await self._engine.queries.get()
        from mpp_console.history import Filter

        found: set[str] = set()
        if len(start) >= _MIN_ID_PREFIX:
            page = await queries.receipts(Filter(text=start), limit=1000)
            found = {row.record.id for row in page.rows if row.record.id.startswith(start)}
        if len(found) == 1:
            return found.pop()
        why = f"{len(found)} receipts begin with {start}" if found else f"there is no receipt {start}"
        raise ReceiptNotFound(why, hint="see `mpp-console receipts list`")

    def _filter(self, given: ReceiptFilter | None) -> history.Filter:
        from mpp_console.history import Filter

        if given is None:
            return Filter()
        return Filter(
            text=given.text,
            direction=given.direction,
            origin=given.origin,
            method=given.method,
            intent=given.intent,
            status=given.status,
            currency=self._currency_id(given.currency),
            network=given.network,
            since=given.since,
            until=given.until,
        )

    def _currency_id(self, name: str | None) -> str | None:
        if name is None:
            return None
        for token in self._engine.network.tokens:
            if token.symbol.casefold() == name.casefold():
                return token.address
        return name


_DIRECTIONS: dict[str, Literal["sent", "received"]] = {
    "sent": "sent", "out": "sent", "received": "received", "in": "received",
}  # fmt: skip
_TEXT_KEYS = ("origin", "method", "intent", "status", "currency", "network")


def parse_filter(text: str, now: datetime | None = None) -> ReceiptFilter:
    """`key:value` words restrict a field; every other word is searched for. `since:` and `until:` take `2026-01-31` or
    `7d`, `24h`.

    An `origin:` without a scheme is searched for as text, so that `origin:api` finds what a person means.
    """
    fields: dict[str, str] = {}
    words: list[str] = []
    times: dict[str, datetime] = {}
    direction: Literal["sent", "received"] | None = None
    for word in text.split():
        key, colon, value = word.partition(":")
        if not colon or not value or value.startswith("//"):
            words.append(word)
        elif key in {"dir", "direction"}:
            direction = _DIRECTIONS.get(value)
            if direction is None:
                raise FilterError(f"{word}: a direction is sent or received")
        elif key in {"since", "until"}:
            times[key] = _moment(value, now or datetime.now(UTC))
        elif key == "origin" and "://" not in value:
            words.append(value)
        elif key in _TEXT_KEYS:
            fields[key] = value
        else:
            known = ", ".join(("dir", *_TEXT_KEYS, "since", "until"))
            raise FilterError(
                f"{word}: {key!r} is nothing to filter by", hint=f"known: {known}; other words are searched for"
            )
    return ReceiptFilter(
        text=" ".join(words),
        direction=direction,
        origin=fields.get("origin"),
        method=fields.get("method"),
        intent=fields.get("intent"),
        status=fields.get("status"),
        currency=fields.get("currency"),
        network=fields.get("network"),
        since=times.get("since"),
        until=times.get("until"),
    )


def _moment(text: str, now: datetime) -> datetime:
    ago = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if ago:
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[ago[2]]
        return now - timedelta(**{unit: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FilterError(f"{text!r} is no time", hint="write 2026-01-31, 2026-01-31T12:00:00Z, 24h or 7d") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
