"""What a client is told of the channel that it names, so that it can go on with it (tempo session draft, "Session
Snapshot"): in the challenge, and in two header fields.

A channel is named by the `Payment-Session` field of an unpaid request, or by the credential of a refused one. A
snapshot is a hint: a challenge with one answers the same offer as one without, and a client has to verify it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mpp_console.protocol import Challenge, Credential, MppError, ParseError, encode_object
from mpp_console.server.offers import Offer
from mpp_console.server.requests import GateRequest
from mpp_console.server.sessions import SnapshotPayee

__all__ = ["NO_SNAPSHOTS", "PAYMENT_SESSION", "PAYMENT_SESSION_SNAPSHOT", "Snapshots", "bare_request", "look_up"]

_log = logging.getLogger(__name__)

PAYMENT_SESSION: Final = "Payment-Session"
PAYMENT_SESSION_SNAPSHOT: Final = "Payment-Session-Snapshot"
_MEMBER: Final = "sessionSnapshot"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Snapshots by the offer (its encoded request) whose challenge they belong to. All are of one channel."""

    by_offer: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def request_of(self, offer: Offer) -> Mapping[str, Any]:
        """The request of a challenge for an offer, with what is known of the channel."""
        snapshot = self.by_offer.get(offer.request_b64)
        if snapshot is None:
            return offer.request
        details = {**offer.request.get("methodDetails", {}), _MEMBER: snapshot}
        return {**offer.request, "methodDetails": details}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The header fields that say the same."""
        snapshot = next(iter(self.by_offer.values()), None)
        if snapshot is None:
            return []
        return [(PAYMENT_SESSION, snapshot["channelId"]), (PAYMENT_SESSION_SNAPSHOT, encode_object(snapshot))]


NO_SNAPSHOTS: Final = Snapshots()


async def look_up(request: GateRequest, offers: Sequence[Offer], credential: Credential | None = None) -> Snapshots:
    """What the payees of these offers know of the channel that a request names. Never raises: without a hint a client
    can do all that it could with one.
    """
    channel_id = _named(request, credential)
    if channel_id is None:
        return NO_SNAPSHOTS
    found: dict[str, Mapping[str, Any]] = {}
    for offer in offers:
        if isinstance(offer.payee, SnapshotPayee):
            # A HEAD asks for nothing that costs something.
            cost = 0 if request.method == "HEAD" else offer.amount
            try:
                snapshot = await offer.payee.snapshot(channel_id, offer.request, cost=cost)
            except MppError:
                _log.exception("a channel could not be looked up for a snapshot")
                continue
            if snapshot is not None:
                found[offer.request_b64] = snapshot.to_wire()
    return Snapshots(found)


def bare_request(challenge: Challenge) -> str:
    """The encoded request of a challenge without the snapshot that was put into it."""
    try:
        request = challenge.request
    except ParseError:
        return challenge.request_b64
    details = request.get("methodDetails")
    if not isinstance(details, Mapping) or _MEMBER not in details:
        return challenge.request_b64
    kept = {name: value for name, value in details.items() if name != _MEMBER}
    return encode_object({**request, "methodDetails": kept})


def _named(request: GateRequest, credential: Credential | None) -> str | None:
    if credential is not None:
        named = credential.payload.get("channelId")
        return named if isinstance(named, str) else None
    values = request.values(PAYMENT_SESSION)
    return values[0].strip() if len(values) == 1 else None
