"""What the front ends see of one payment or transfer: its request, its review, how far it is, and how it ended.

Plain frozen values; see `models`, which gives all of them out. Nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from mpp_console.methods.base import Check, Level, Mode, Transfer
from mpp_console.protocol import Currency, format_units

if TYPE_CHECKING:
    from mpp_console.services.session_models import SessionPlanView

PayMode = Literal["review", "auto", "quote"]
ErrorKind = Literal["general", "usage", "network", "payment"]
VerdictAction = Literal["allow", "confirm", "refuse"]
BodyEnd = Literal["whole", "stopped", "cut", "broken"]
"""How a body ended: by itself, on request, at the limit of what is kept, or before its time."""


class Stage(StrEnum):
    """Where a payment or transfer stands. A task only ever moves forward through this list; the last four are final."""

    REQUESTING = "requesting"
    REVIEW = "review"
    SIGNED = "signed"
    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    DECLINED = "declined"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        return self in _FINAL

    @property
    def position(self) -> int:
        """Order of progress; every final stage shares the last place."""
        return _PROGRESS.index(self) if self in _PROGRESS else len(_PROGRESS)


_PROGRESS = (Stage.REQUESTING, Stage.REVIEW, Stage.SIGNED, Stage.SENT, Stage.ACCEPTED)
_FINAL = frozenset({Stage.DONE, Stage.DECLINED, Stage.FAILED, Stage.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in base units of a currency."""

    amount: int
    currency: Currency

    @property
    def text(self) -> str:
        """`0.010000 pathUSD`: every decimal the currency has, no grouping."""
        return f"{format_units(self.amount, self.currency.decimals)} {self.currency.symbol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """An error for people: a stable kebab-case code, what happened, and what to do next (may be empty).

    `kind` is what the command line makes its exit code of.
    """

    code: str
    message: str
    hint: str = ""
    kind: ErrorKind = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """A server's RFC 9457 problem body, inert. `slug` is the last segment of its type."""

    type: str
    slug: str
    title: str
    status: int | None
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """One decoded challenge of a 402 answer. `reason` says why it was not taken (empty for the chosen one).

    Decoded facts are None when the offer is of a rail this program cannot read; `usable` is False then. `session` is
    how an offer of the intent `session` would be paid: over which channel, and what would be locked.
    """

    challenge_id: str
    method: str
    intent: str
    usable: bool
    chosen: bool
    reason: str
    amount: int | None = None
    currency: Currency | None = None
    recipient: str | None = None
    transfers: tuple[Transfer, ...] = ()
    network: str | None = None
    chain_id: int | None = None
    mode: Mode | None = None
    payer: str | None = None
    expires_at: datetime | None = None
    fee: int | None = None
    fee_currency: Currency | None = None
    sponsored: bool = False
    balance: int | None = None
    checks: tuple[Check, ...] = ()
    description: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    session: SessionPlanView | None = None

    @property
    def key(self) -> str:
        return f"{self.method}/{self.intent}"

    @property
    def price(self) -> Money | None:
        if self.amount is None or self.currency is None:
            return None
        return Money(amount=self.amount, currency=self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """Everything somebody needs before saying yes; nothing has been signed or sent when it exists.

    `offer` is the one that would be paid, None when none of `offers` can be. `verdict` is the spending policy's word
    and `reasons` its grounds. `server_says` is the server's own description, inert, never to be relied upon. `command`
    does the same from a shell. `error` is set when nothing can be paid.
    """

    id: str
    origin: str
    url: str
    http_method: str
    realm: str
    offer: OfferView | None
    offers: tuple[OfferView, ...]
    verdict: VerdictAction
    reasons: tuple[Check, ...]
    server_says: str
    insecure_loopback: bool
    command: str
    error: ErrorView | None = None

    @property
    def expires_at(self) -> datetime | None:
        return self.offer.expires_at if self.offer else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """A receipt as the server sent it, decoded. `extra` holds fields beyond the specification's."""

    method: str
    reference: str
    status: str
    timestamp: str
    external_id: str | None = None
    challenge_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """One journal row: something that moved, or might have moved, money. `state` is prepared, sent, settled, refused
    or unknown.
    """

    id: str
    kind: str
    state: str
    created_at: datetime
    updated_at: datetime
    origin: str
    url: str
    method: str
    intent: str
    amount: int
    currency: Currency
    recipient: str
    payer: str
    network: str
    chain_id: int | None
    mode: str
    reference: str | None
    challenge_id: str | None
    error: str | None
    explorer_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegTiming:
    """How long one leg took, in milliseconds. Each begins where the one before ended; `total` spans them all.

    Paid: `challenge` (until the 402), `review`, `sign`, `pay` (until the paid answer's head), `body`. Free: `answer`,
    `body`.
    """

    leg: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """An answer that is charged for as it comes: what was promised for it so far, the highest voucher that the payee
    has (over all answers), and what the channel holds. `rate` is server-sent events a second, None when unknown.
    """

    spent: Money
    voucher: Money
    held: Money
    events: int
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayRequest:
    """What to request and how far to go.

    `mode`: `review` always asks before paying; `auto` pays when the policy allows and declines when it would ask;
    `quote` never signs and needs no key. `max_amount` is a decimal in the offer's currency (`"0.05"`); a dearer offer
    is not paid. `offer` picks among several: a 1-based number, `method/intent`, a currency symbol or address, or a
    challenge id. `timeout` is for the head of the first answer, for each read of the paid one, and for each pause in
    the body, seconds; `idle_timeout` takes its place for the body: a body that keeps coming is never cut off, one that
    rests for longer is.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    mode: PayMode = "review"
    max_amount: str | None = None
    offer: str | None = None
    follow_redirects: bool = False
    timeout: float = 30.0
    idle_timeout: float | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayResult:
    """How a payment ended. Never an exception: `stage` says how, `error` why not.

    `status`, `headers` and `body` are the server's last answer (None/empty when there was none). Header values that are
    credentials or receipts are masked. `paid` is True only when money certainly left (or a proof was accepted).
    `doubts` says what does not fit in the server's receipt. `body_end` says whether that is all of the body. `stream`
    is what an answer cost that was charged for as it came.
    """

    stage: Stage
    url: str
    http_method: str
    paid: bool
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    receipt: ReceiptView | None
    receipt_id: str | None
    operation: OperationView | None
    review: ReviewView | None
    timings: tuple[LegTiming, ...]
    problem: ProblemView | None
    error: ErrorView | None
    doubts: tuple[str, ...] = ()
    reason: str = ""
    body_end: BodyEnd = "whole"
    stream: StreamView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest:
    """Send `amount` (decimal, in the token's units) to an address. `token` is a symbol or address; None is the default
    token.
    """

    to: str
    amount: str
    token: str | None = None
    memo: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReview:
    """A transfer quoted: nothing has been signed or sent. `balance` is before it, in base units."""

    id: str
    sender: str
    recipient: str
    amount: int
    currency: Currency
    fee: int | None
    fee_currency: Currency | None
    balance: int | None
    network: str
    chain_id: int | None
    checks: tuple[Check, ...]
    command: str
    balance_after: int | None = None
    new_recipient: bool = False
    memo: str | None = None

    @property
    def sendable(self) -> bool:
        return all(check.level is not Level.REFUSE for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    stage: Stage
    reference: str | None
    operation: OperationView | None
    review: TransferReview | None
    timings: tuple[LegTiming, ...]
    error: ErrorView | None
    explorer_url: str | None = None
