"""Builds what a client gets that may not pass: challenges in the order it prefers, and a problem that says why. No
I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from mpp_console.protocol import (
    ACCEPT_PAYMENT,
    PROBLEM_JSON,
    WWW_AUTHENTICATE,
    AcceptPayment,
    Challenge,
    ChallengeBinder,
    MppError,
    ParseError,
    PaymentProblem,
    PaymentRequired,
    format_challenge,
    parse_accept_payment,
)
from mpp_console.server.answers import Challenged
from mpp_console.server.binding import NONCE_BYTES, body_digest, opaque_for
from mpp_console.server.events import OfferedFacts
from mpp_console.server.fields import exposed
from mpp_console.server.offers import Offer
from mpp_console.server.refusals import Refusal
from mpp_console.server.requests import GateRequest
from mpp_console.server.snapshots import NO_SNAPSHOTS, Snapshots, bare_request

__all__ = ["ChallengeTooLarge", "Issuer", "facts_of", "refused"]

CHALLENGE_LIMIT: Final = 4096
"""Bytes of one `WWW-Authenticate` value: the core spec lets a client refuse to read more ("Size Considerations")."""


class ChallengeTooLarge(MppError):
    """An offer's own terms do not fit into a challenge that every client can read: use fewer splits or shorter
    values."""

    default_code = "challenge-too-large"


class Issuer:
    """Issues challenges of one realm."""

    def __init__(self, *, realm: str, binder: ChallengeBinder, random_bytes: Callable[[int], bytes]) -> None:
        self._realm = realm
        self._binder = binder
        self._random_bytes = random_bytes

    def payment_required(
        self, request: GateRequest, offers: Sequence[Offer], now: datetime, snapshots: Snapshots = NO_SNAPSHOTS
    ) -> Challenged:
        """The 402 for a request that brought no credential."""
        said = next((offer.description for offer in offers if offer.description), None)
        problem = PaymentRequired(f"Payment is required ({said})." if said else "Payment is required.")
        return self.refusal(request, offers, now, problem, snapshots)

    def refusal(
        self,
        request: GateRequest,
        offers: Sequence[Offer],
        now: datetime,
        problem: PaymentProblem,
        snapshots: Snapshots = NO_SNAPSHOTS,
    ) -> Challenged:
        """The answer for a refused credential: with fresh challenges, unless the problem says that paying again is
        wrong."""
        issued: list[tuple[Challenge, str]] = []
        if problem.fresh_challenge:
            issued = [self._issue(request, offer, now, snapshots) for offer in preferred(request, offers)]
        body = problem.problem(issued[0][0].id if issued else None)
        fields = [(WWW_AUTHENTICATE, line) for _, line in issued]
        hints = snapshots.fields if issued else []
        return Challenged(
            status=body.status,
            headers=[*fields, *hints, *_common_fields(name for name, _ in hints)],
            body=body.to_json(),
            problem=body,
            challenges=tuple(challenge for challenge, _ in issued),
        )

    def _issue(self, request: GateRequest, offer: Offer, now: datetime, snapshots: Snapshots) -> tuple[Challenge, str]:
        """A challenge and its line, without snapshot or description where all would not fit. Raises
        ChallengeTooLarge.
        """
        opaque = opaque_for(request, self._random_bytes(NONCE_BYTES))
        asked = snapshots.request_of(offer)
        for terms, description in ((asked, offer.description), (asked, None), (offer.request, None)):
            challenge = self._binder.issue(
                realm=self._realm,
                method=offer.method,
                intent=offer.intent,
                request=terms,
                description=description,
                digest=body_digest(request),
                expires=now + offer.expires_in,
                opaque=opaque,
                header=None if offer.credential_header == "Authorization" else offer.credential_header,
            )
            line = format_challenge(challenge)
            if len(line) <= CHALLENGE_LIMIT:
                return challenge, line
        raise ChallengeTooLarge(
            f"The offer for {request.path} makes a challenge of more than {CHALLENGE_LIMIT} bytes.",
            hint="Use fewer splits or shorter options.",
        )


def preferred(request: GateRequest, offers: Sequence[Offer]) -> list[Offer]:
    """The offers in the order of the client's `Accept-Payment`.

    A header that is malformed, or that fits no offer, is ignored, as the core spec allows ("Client Payment
    Preferences").
    """
    values = request.values(ACCEPT_PAYMENT)
    if not values:
        return list(offers)
    try:
        wishes: AcceptPayment = parse_accept_payment(", ".join(values))
    except ParseError:
        return list(offers)
    return wishes.rank(offers, lambda offer: (offer.method, offer.intent)) or list(offers)


def facts_of(challenges: Sequence[Challenge], offers: Sequence[Offer]) -> tuple[OfferedFacts, ...]:
    """The decoded facts of challenges that were issued for these offers."""
    by_request = {(offer.method, offer.intent, offer.request_b64): offer for offer in offers}
    facts = []
    for challenge in challenges:
        offer = by_request[challenge.method, challenge.intent, bare_request(challenge)]
        facts.append(
            OfferedFacts(
                challenge_id=challenge.id,
                method=offer.method,
                intent=offer.intent,
                amount=offer.amount,
                currency=offer.currency_id,
                recipient=offer.recipient,
            )
        )
    return tuple(facts)


def refused(refusal: Refusal) -> Challenged:
    """The answer for a refusal that paying would not cure."""
    problem = refusal.problem()
    fields = _common_fields()
    if refusal.retry_after is not None:
        fields.append(("Retry-After", str(refusal.retry_after)))
    return Challenged(status=problem.status, headers=fields, body=problem.to_json(), problem=problem)


def _common_fields(shown: Iterable[str] = ()) -> list[tuple[str, str]]:
    return [
        ("Content-Type", PROBLEM_JSON),
        ("Cache-Control", "no-store"),
        ("Access-Control-Expose-Headers", exposed(shown)),
    ]
