"""What the front ends see of the past: receipts, requests served, and what was spent.

Plain frozen values; see `models`, which gives all of them out. Nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from mpp_console.protocol import Currency
from mpp_console.services.payment_models import Money, OperationView

ReceiptDirection = Literal["sent", "received"]
AmountOp = Literal["<", "<=", ">", ">=", "="]
ReceiptOrderKey = Literal["time", "amount", "origin", "status"]
ChainStatus = Literal["success", "reverted", "pending", "voucher", "unknown"]
ExportFormat = Literal["csv", "json", "jsonl", "md"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request that the local server answered.

    `outcome` is `free`, `challenged`, `paid`, `rejected`, `replayed`, `limited` or `failed`; money fields are set when
    known.
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
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountBound:
    """A limit for amounts in the currency's own units, as they are shown: `amount>0.5` holds for any currency."""

    op: AmountOp
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFilter:
    """Which receipts. Empty fields do not restrict; what is set must all hold. `receipt_filter` reads what people type.

    Every one of `words` is found somewhere in origin, URL, reference, route, ids or addresses, in any letter case.
    `origin` with a scheme is exact, else a part of it; `currency` is a symbol or id; `reference` a part of it; `method`
    is a method or, as in `tempo/session`, a method with an intent.
    `status` is `settled` for whatever was paid, `success` with a receipt, `none` without one. Nothing that passes a
    filter of `without` passes this one.
    """

    words: tuple[str, ...] = ()
    direction: ReceiptDirection | None = None
    origin: str | None = None
    method: str | None = None
    intent: str | None = None
    status: str | None = None
    currency: str | None = None
    network: str | None = None
    reference: str | None = None
    amounts: tuple[AmountBound, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    without: tuple[ReceiptFilter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptOrder:
    """How a list is ordered. Amounts as they are shown, whatever the currency; origin and status by their letters,
    the newest first within each.
    """

    key: ReceiptOrderKey = "time"
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """A line of the receipts list. `sent` = a payment we made, `received` = one we were paid."""

    id: str
    at: datetime
    direction: ReceiptDirection
    origin: str
    url: str
    method: str
    intent: str
    amount: int | None
    currency: Currency | None
    network: str
    status: str
    reference: str
    challenge_id: str | None = None
    operation_id: str | None = None
    payer: str | None = None
    recipient: str | None = None
    external_id: str | None = None

    @property
    def by_voucher(self) -> bool:
        """Whether a channel paid, so that the reference is the channel and no transaction."""
        return self.intent == "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage:
    """Part of a list in its order. `next` continues it (None at its end); `total` counts the whole filter, None when
    that was not asked for.
    """

    rows: tuple[ReceiptRow, ...]
    next: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptDetail:
    """A receipt with its operation. `fields` is the receipt object as it was on the wire, decoded and inert."""

    row: ReceiptRow
    fields: Mapping[str, Any]
    external_id: str | None
    operation: OperationView | None
    explorer_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendBucket:
    """What was spent of one currency from `start` on, for a bucket's width."""

    start: datetime
    amount: int
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptTotal:
    """What a filter's receipts sum to in one direction and currency: base units, exact, and how many receipts."""

    direction: ReceiptDirection
    currency: Currency
    amount: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginCount:
    """How many receipts are of an origin; empty for those that were paid to us."""

    origin: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """One event log of a transaction: the contract, the event's name (empty when unknown) and its decoded facts."""

    address: str
    name: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """What the chain says of a receipt's reference, as of now.

    The status `voucher` is of a payment over a channel, which has no transaction of its own: the reference is the
    channel. `confirmations` counts the transaction's own block. `fee` None is unknown. `note` says why there is nothing
    more to show, empty when there is.
    """

    reference: str
    explorer_url: str | None
    status: ChainStatus
    block: int | None = None
    confirmations: int | None = None
    timestamp: datetime | None = None
    sender: str | None = None
    fee_payer: str | None = None
    fee: Money | None = None
    gas_used: int | None = None
    logs: tuple[LogView, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is. `total` None is not counted yet; `bytes` are those written."""

    rows: int
    total: int | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDone:
    """How an export ended. Nothing is at `path` when it was cancelled. `skipped` rows could not be read."""

    path: Path
    rows: int
    bytes: int
    cancelled: bool
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFilter:
    """A filter somebody gave a name, as it was typed."""

    name: str
    text: str
