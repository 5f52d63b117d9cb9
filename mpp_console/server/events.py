"""What a gate tells an operator while it works: decoded facts for a live tail, never a credential."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from mpp_console.protocol import Receipt

__all__ = [
    "AnswerReplayed",
    "ChallengeIssued",
    "ChannelManaged",
    "Circumstances",
    "DeliveryFailed",
    "GateEvent",
    "OfferedFacts",
    "PaymentRejected",
    "PaymentVerified",
    "RateLimited",
    "StreamCharged",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFacts:
    """One challenge in a 402. `amount` in base units of `currency`, which is the rail's own name for it."""

    challenge_id: str
    method: str
    intent: str
    amount: int
    currency: str | None
    recipient: str | None


class Circumstances(TypedDict):
    """What every event says: when, who asked, and for what."""

    at: datetime
    client: str
    http_method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    at: datetime
    client: str
    http_method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeIssued(_Fact):
    """A request without a credential got a 402."""

    offers: tuple[OfferedFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentVerified(_Fact):
    """The rail settled a payment. The handler has not run yet.

    `payer` is the credential's `source`, which not every rail proves; `receipt` is what the client gets on success.
    """

    offer: OfferedFacts
    payer: str | None
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelManaged(_Fact):
    """A session's channel was opened, topped up, paid into or closed, and nothing was delivered for it."""

    offer: OfferedFacts
    payer: str | None
    action: str
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCharged(_Fact):
    """A stream has ended that was charged for while it was delivered.

    `amount` base units beyond what its request was charged, `units` delivered in all, `receipt` as the books stood at
    the end.
    """

    offer: OfferedFacts
    payer: str | None
    receipt: Receipt
    amount: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRejected(_Fact):
    """A credential was refused. `code` is the problem's, `status` what the client got; nothing was delivered."""

    status: int
    code: str
    reason: str
    challenge_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(_Fact):
    """The payment was taken and the handler did not deliver: somebody is owed a refund or another try."""

    status: int
    challenge_id: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReplayed(_Fact):
    """A retry with an `Idempotency-Key` got the answer of the first time; nothing ran and nothing was charged."""

    status: int
    challenge_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(_Fact):
    """A client asked too often. `kind` is `challenges`, `failures` or `management`; `retry_after` in seconds."""

    kind: str
    retry_after: int


GateEvent = (
    ChallengeIssued
    | PaymentVerified
    | ChannelManaged
    | StreamCharged
    | PaymentRejected
    | DeliveryFailed
    | AnswerReplayed
    | RateLimited
)
