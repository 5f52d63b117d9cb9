"""What a payment looks like before anything is signed: what was asked for, what may be paid, and somebody's answer.

Values only. A `Review` is the dry run: everything a person is shown, with nothing signed and nothing sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mpp_console.client.offers import Ranking, Terms
from mpp_console.client.origin import Origin
from mpp_console.client.policy import PaymentFacts, Verdict
from mpp_console.methods.base import Metered, Quote
from mpp_console.protocol import Challenge, Problem, inert

__all__ = ["Approval", "Approver", "Demand", "Review", "facts_of", "reject_unattended"]

TEXT_LIMIT = 500
"""Characters of a server's text that are shown. A description is one sentence; more is somebody filling a screen."""


class Approval(StrEnum):
    ONCE = "once"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One request that was answered with challenges. `body` is what was sent with it, and will be sent again.

    `malformed` says of each challenge that could not be read why. `problem` is what the server said, made inert.
    """

    origin: Origin
    url: str
    http_method: str
    challenges: tuple[Challenge, ...]
    malformed: tuple[str, ...] = ()
    body: bytes = b""
    idempotency_key: str | None = None
    problem: Problem | None = None
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A payment that could be made now. Its `id` becomes the id of the operation, so that one review pays once."""

    id: str
    at: datetime
    demand: Demand
    ranking: Ranking
    quote: Quote
    verdict: Verdict

    @property
    def origin(self) -> Origin:
        return self.demand.origin

    @property
    def url(self) -> str:
        return self.demand.url

    @property
    def http_method(self) -> str:
        return self.demand.http_method

    @property
    def challenge(self) -> Challenge:
        return self.quote.challenge

    @property
    def description(self) -> str | None:
        """What the server says it sells, inert. Not a fact to rely on (core spec, "Amount Verification")."""
        text = self.challenge.description
        return None if text is None else inert(text, limit=TEXT_LIMIT)

    @property
    def realm(self) -> str:
        return inert(self.challenge.realm, limit=TEXT_LIMIT)

    @property
    def insecure_loopback(self) -> bool:
        """The origin is a test server on this machine without TLS: allowed, and to be shown as such."""
        return self.origin.scheme == "http"

    @property
    def goes_on(self) -> bool:
        """Whether the payment may go on while the answer comes."""
        return self.ranking.chosen is not None and isinstance(self.ranking.chosen.payer, Metered)

    @property
    def expires_at(self) -> datetime | None:
        return self.quote.expires_at if self.quote.expires_at is not None else self.challenge.expires_at


Approver = Callable[[Review], Awaitable[Approval]]
"""Asked before anything is signed, when the policy wants somebody's word. May take as long as a person does."""


def facts_of(demand: Demand, quote: Quote, now: datetime) -> PaymentFacts:
    """What the policy may know of paying `quote` for `demand`."""
    return PaymentFacts(
        origin=demand.origin,
        method=quote.challenge.method,
        intent=quote.challenge.intent,
        amount=quote.amount,
        currency=quote.currency,
        recipients=tuple(transfer.recipient for transfer in quote.transfers),
        network=quote.network,
        chain_id=quote.chain_id,
        loopback=demand.origin.is_loopback,
        now=now,
    )


async def reject_unattended(review: Review) -> Approval:
    """The approver when nobody is there: a payment that needs confirmation is not made."""
    return Approval.REJECT
