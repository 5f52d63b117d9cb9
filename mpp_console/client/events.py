"""What a payment reports while it happens, for progress on a screen and for logs. Values only; none holds a credential.

`review_id` is also the id of the operation, from the moment there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mpp_console.client.journal import Operation, ReceiptRecord
from mpp_console.client.review import Review

__all__ = [
    "ChallengeReceived",
    "CredentialSent",
    "Observer",
    "OutcomeLost",
    "PaymentDeclinedEvent",
    "PaymentEvent",
    "PaymentPrepared",
    "PaymentRefusedEvent",
    "PaymentSettled",
    "Reviewed",
    "StreamPaid",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeReceived:
    """Money was asked for, and an offer can be paid. Nothing is decided."""

    review_id: str
    at: datetime
    review: Review


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """The payment may go on: by the policy alone when `automatic`, else because somebody said so."""

    review_id: str
    at: datetime
    automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDeclinedEvent:
    """Somebody said no. Nothing was signed."""

    review_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPrepared:
    """Signed, and still on this machine."""

    review_id: str
    at: datetime
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSent:
    """The journal says `sent`: from here on the payment may have happened."""

    review_id: str
    at: datetime
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """Paid. `record` is the receipt as history keeps it; `doubts` are what does not fit in what the server wrote."""

    review_id: str
    at: datetime
    operation: Operation
    record: ReceiptRecord
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPaid:
    """An answer is charged for as it comes, and was paid on: by `operation.amount` in all. `total` is what the payee
    was promised over all answers, `held` what the rail holds for it (base units). The first one tells that the answer
    has begun; `PaymentSettled` follows when it is over.
    """

    review_id: str
    at: datetime
    operation: Operation
    total: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefusedEvent:
    """Certainly not paid; `operation.error` says why."""

    review_id: str
    at: datetime
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLost:
    """A credential left and the answer proves nothing. Another event follows once the rail has spoken."""

    review_id: str
    at: datetime
    operation: Operation


PaymentEvent: TypeAlias = (
    ChallengeReceived
    | Reviewed
    | PaymentDeclinedEvent
    | PaymentPrepared
    | CredentialSent
    | PaymentSettled
    | StreamPaid
    | PaymentRefusedEvent
    | OutcomeLost
)

Observer = Callable[[PaymentEvent], None]
"""Called in the middle of payments: it must be quick. What it raises is logged and changes nothing."""
