"""What the front ends see of the past: receipts, requests served, and what was spent.

Plain frozen values; see `models`, which gives all of them out. Nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mpp_console.protocol import Currency
from mpp_console.services.payment_models import OperationView

ReceiptDirection = Literal["sent", "received"]


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
class ReceiptFilter:
    """Which receipts. Empty fields do not restrict; `text` matches origin, URL, reference, route and addresses, any
    case.
    """

    text: str = ""
    direction: ReceiptDirection | None = None
    origin: str | None = None
    method: str | None = None
    intent: str | None = None
    status: str | None = None
    currency: str | None = None
    network: str | None = None
    since: datetime | None = None
    until: datetime | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage:
    """Newest first. `next` continues the list (None at its end); `total` counts the whole filter."""

    rows: tuple[ReceiptRow, ...]
    next: str | None
    total: int


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
