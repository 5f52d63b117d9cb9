"""Whether a credential answers a challenge of this route, for this request, in time. Pure: the rail is asked
afterwards.

The order is the one that every server of the field keeps, so that a client gets the same problem everywhere: id,
realm, method and intent, request, opaque, body, expiry. The id comes first because until it is authentic every other
value is a stranger's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from mpp_console.protocol import Challenge, InvalidChallenge, ParseError, PaymentExpired
from mpp_console.server.binding import body_matches, method_of, place_matches, scope_matches
from mpp_console.server.offers import Offer
from mpp_console.server.requests import GateRequest
from mpp_console.server.snapshots import bare_request

__all__ = ["Binder", "answered_offer"]


class Binder(Protocol):
    """Says whether a challenge's id is ours: `ChallengeBinder`, with every secret that is still in rotation."""

    def verify(self, challenge: Challenge) -> bool: ...


def answered_offer(
    challenge: Challenge,
    *,
    request: GateRequest,
    offers: Sequence[Offer],
    realm: str,
    binder: Binder,
    carried_in: str,
    now: datetime,
    kind: Literal["charge", "content", "management"] = "charge",
) -> Offer:
    """The offer that an echoed challenge belongs to. `carried_in` is the header field that brought the credential.

    Raises InvalidChallenge for a challenge that is not ours, not this route's or not this request's, PaymentExpired
    for one that came too late. The messages name what differs and never what was expected. `kind` says what a
    session's credential is for; every other one is a `charge`.
    """
    if not binder.verify(challenge):
        raise InvalidChallenge("The challenge was not issued by this server, or was changed.")
    if challenge.realm != realm:
        raise InvalidChallenge("The challenge is for another realm.")
    offer = _matching(challenge, offers)
    if (
        carried_in.lower() != challenge.credential_header.lower()
        or challenge.credential_header != offer.credential_header
    ):
        raise InvalidChallenge("The credential came in another header field than its challenge asks for.")
    _check_scope(challenge, request, kind)
    # A voucher or a close changes nothing at the resource: it needs no body, and the channel is what it is bound to.
    if kind != "management" and not body_matches(challenge.digest, request):
        raise InvalidChallenge("The request body is not the one that the challenge was issued for.")
    _check_time(challenge, now)
    return offer


def _check_scope(challenge: Challenge, request: GateRequest, kind: str) -> None:
    opaque = _opaque(challenge)
    # A session's client may ask with HEAD what a GET will cost (tempo session draft, "TopUp Payload").
    probed = kind == "content" and request.method == "GET" and method_of(opaque) == "HEAD"
    matches = place_matches if kind == "management" or probed else scope_matches
    if not matches(opaque, request):
        raise InvalidChallenge("The challenge was issued for another method, path or query.")


def _matching(challenge: Challenge, offers: Sequence[Offer]) -> Offer:
    same_kind = [offer for offer in offers if (offer.method, offer.intent) == (challenge.method, challenge.intent)]
    if not same_kind:
        raise InvalidChallenge("This route does not take the payment method and intent of the challenge.")
    asked = bare_request(challenge)
    for offer in same_kind:
        if offer.request_b64 == asked:
            return offer
    raise InvalidChallenge("The challenge's amount, currency, recipient or terms are not what this route asks for.")


def _opaque(challenge: Challenge) -> dict[str, str] | None:
    try:
        return challenge.opaque
    except ParseError as error:
        raise InvalidChallenge("The challenge's opaque value cannot be read.") from error


def _check_time(challenge: Challenge, now: datetime) -> None:
    try:
        expires_at = challenge.expires_at
    except ParseError as error:
        raise InvalidChallenge("The challenge's expiry is not an RFC 3339 time with a zone.") from error
    if expires_at is None:
        raise InvalidChallenge("The challenge has no expiry.")
    if expires_at <= now:
        raise PaymentExpired("The challenge expired before the credential arrived.")
