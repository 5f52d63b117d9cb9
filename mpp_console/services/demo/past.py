"""Writes the demo's files into an empty home: settings, accounts, keys, chain and history, by what writes real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec

from mpp_console.client.journal import KIND_PAYMENT, OperationDraft, ReceiptRecord
from mpp_console.history import Database, HistoryJournal, RequestRecord
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.session_record import ChannelRecord
from mpp_console.protocol import MIN_SECRET_BYTES, OperationEvent
from mpp_console.sandbox.node.chain import CHAIN_ID
from mpp_console.server.channels import SqliteChannels
from mpp_console.server.stores.sqlite import SqliteStore
from mpp_console.services.demo.chain import KEYS, SPONSOR_KEY, Moment, demo_channels, write_chain
from mpp_console.services.demo.channels import DemoChannel
from mpp_console.services.demo.payments import PastReceipt, session_receipts
from mpp_console.services.demo.seeds import (
    NOW,
    PATH,
    PAYEE,
    PAYER,
    SAVED_FILTERS,
    SETTINGS,
    accounts,
    history,
    operation,
    receipt_fields,
    requests,
)
from mpp_console.services.models import ReceiptRow, RequestRow
from mpp_console.services.paths import Paths
from mpp_console.services.saved_filters import SavedFilters
from mpp_console.wallet.accounts import Accounts
from mpp_console.wallet.files import private_folder, write_private

__all__ = ["receipt_record", "write_past"]


async def write_past(paths: Paths, random_bytes: Callable[[int], bytes]) -> None:
    """Fills an empty home. Raises FileTrouble or HistoryError where its folder may not be written to."""
    await asyncio.to_thread(_write_files, paths, random_bytes)
    database = await Database.open(paths.profile("sandbox").history)
    try:
        clock = Moment(NOW)
        journal = HistoryJournal(database, clock=clock)
        for paid in _receipts():
            if paid.row.direction == "sent":
                await _pay(journal, clock, paid)
            await journal.receive(_record_of(paid))
        await journal.keep_requests(*map(_request, requests()))
        book = HistoryChannels(database, clock=clock)
        for channel in demo_channels():
            if channel.payer == PAYER:
                await _remember(book, channel)
    finally:
        await database.close()
    await _write_server(paths.profile("sandbox").gate)


def _receipts() -> list[PastReceipt]:
    """All of them in the order in which they came."""
    found = [PastReceipt(row=row, fields=receipt_fields(row), trace={}) for row in history()]
    for channel in demo_channels():
        found += session_receipts(channel)
    return sorted(found, key=lambda each: each.row.at)


async def _remember(book: HistoryChannels, channel: DemoChannel) -> None:
    opened, *later = channel.entries()
    row = await book.add(channel.as_payer(), lease=None, entry=opened)
    for entry in later:
        await book.update(row.channel_id, lambda row: row, entry=entry)


async def _write_server(path: Path) -> None:
    """What the demo's server remembers of the channels that were opened to it."""
    async with SqliteStore(path, clock=Moment(NOW)) as store:
        kept = SqliteChannels(store)
        for channel in demo_channels():
            if channel.payee == PAYEE:
                await kept.update(channel.id, partial(_record, channel.as_payee()))


def _record(record: ChannelRecord, _before: ChannelRecord | None) -> tuple[ChannelRecord, None]:
    return record, None


def _write_files(paths: Paths, random_bytes: Callable[[int], bytes]) -> None:
    files = paths.profile("sandbox")
    private_folder(paths.config)
    private_folder(files.folder)
    write_private(paths.settings, SETTINGS.encode(), replace=False)
    keys = {
        "merchant": KEYS[PAYEE].reveal().hex(),
        "sponsor": SPONSOR_KEY.reveal().hex(),
        "binder": random_bytes(MIN_SECRET_BYTES).hex(),
    }
    write_private(files.sandbox_keys, msgspec.json.encode(keys), replace=False)
    filters = SavedFilters(files.filters)
    for name, text in SAVED_FILTERS:
        filters.put(name, text)
    _write_accounts(paths.accounts(sandbox=True), random_bytes)
    write_chain(files.sandbox, random_bytes)


def _write_accounts(folder: Path, random_bytes: Callable[[int], bytes]) -> None:
    clock = Moment(NOW)
    key = KEYS[PAYER].reveal()
    # A key is the only thing of 32 bytes that is drawn here.
    wallet = Accounts(
        folder,
        chain_id=CHAIN_ID,
        clock=clock,
        keyring=None,
        random_bytes=lambda size: key if size == len(key) else random_bytes(size),
    )
    for account in accounts():
        clock.now = account.created_at
        if account.kind == "sandbox":
            wallet.create(account.name, sandbox=True)
        else:
            wallet.watch(account.name, account.address)


async def _pay(journal: HistoryJournal, clock: Moment, paid: PastReceipt) -> None:
    seen = operation(paid.row)
    draft = OperationDraft(
        id=seen.id,
        kind=KIND_PAYMENT,
        origin=seen.origin,
        url=seen.url,
        http_method="POST" if seen.url.endswith("/echo") else "GET",
        method=seen.method,
        intent=seen.intent,
        amount=seen.amount,
        currency=seen.currency,
        recipient=seen.recipient,
        payer=seen.payer,
        network=seen.network,
        chain_id=seen.chain_id,
        challenge_id=seen.challenge_id,
        mode=seen.mode,
        trace=paid.trace,
    )
    clock.now = seen.created_at
    await journal.begin(draft, lambda _ledger: None)
    clock.now = seen.created_at + timedelta(milliseconds=40)
    await journal.advance(seen.id, OperationEvent.SEND)
    clock.now = seen.updated_at
    await journal.advance(seen.id, OperationEvent.SETTLE, reference=seen.reference)


def receipt_record(row: ReceiptRow) -> ReceiptRecord:
    """A receipt of a charge as history keeps it."""
    return _record_of(PastReceipt(row=row, fields=receipt_fields(row), trace={}))


def _record_of(paid: PastReceipt) -> ReceiptRecord:
    row = paid.row
    return ReceiptRecord(
        id=row.id,
        direction=row.direction,
        operation_id=row.operation_id,
        received_at=row.at,
        origin=row.origin,
        url=row.url,
        method=row.method,
        intent=row.intent,
        amount=row.amount or 0,
        currency=row.currency or PATH,
        network=row.network,
        reference=row.reference,
        status=row.status,
        challenge_id=row.challenge_id,
        external_id=None,
        payer=row.payer,
        recipient=row.recipient,
        raw=paid.fields,
    )


def _request(row: RequestRow) -> RequestRecord:
    return RequestRecord(
        id=row.id,
        at=row.at,
        method=row.method,
        path=row.path,
        status=row.status,
        outcome=row.outcome,
        amount=row.amount,
        currency=row.currency,
        payer=row.payer,
        reference=row.reference,
        challenge_id=row.challenge_id,
        message=row.message,
        microseconds=None if row.milliseconds is None else round(row.milliseconds * 1000),
    )
