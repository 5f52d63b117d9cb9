"""What is particular about sessions at a gate: many credentials answer one challenge, and not each asks for content.

Pure, but for asking the payee. A voucher may come by another HTTP method than the request that it pays for (tempo
session draft, "Voucher Submission Transport"), so that the credential and the challenge that it answers decide what a
request is, and never the look of its body alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, TypeGuard, runtime_checkable

from mpp_console.methods.base import Payee
from mpp_console.methods.tempo.session_problems import ChallengeNotFound
from mpp_console.protocol import Challenge, Credential, ParseError, PaymentProblem, Receipt
from mpp_console.server.binding import method_of
from mpp_console.server.requests import GateRequest
from mpp_console.server.streams import Meter

__all__ = [
    "INSUFFICIENT_BALANCE",
    "SESSION_INTENT",
    "MeteredPayee",
    "Outcome",
    "RequestKind",
    "SessionPayee",
    "SnapshotPayee",
    "challenge_refused",
    "is_session",
    "kind_of",
    "takes_sessions",
]

SESSION_INTENT = "session"
INSUFFICIENT_BALANCE = "session/insufficient-balance"

RequestKind = Literal["content", "management"]
_MANAGED = ("topUp", "close")


class Outcome(Protocol):
    """What a payee did with a credential. `charged` in base units of the offer's currency."""

    @property
    def receipt(self) -> Receipt: ...
    @property
    def action(self) -> str: ...
    @property
    def management(self) -> bool: ...
    @property
    def charged(self) -> int: ...


@runtime_checkable
class SessionPayee(Payee, Protocol):
    """A payee that charges over channels."""

    async def handle(
        self, credential: Credential, *, kind: RequestKind, cost: int, now: datetime, units: int = 1
    ) -> Outcome:
        """Accepts, and for content charges `cost`, durably, before it returns. Raises a PaymentProblem."""
        ...


@runtime_checkable
class MeteredPayee(SessionPayee, Protocol):
    """A payee that can go on charging while an answer is delivered."""

    def meter(self, credential: Credential) -> Meter:
        """Charges the channel of a credential that `handle` accepted."""
        ...


class Remembered(Protocol):
    """What a payee knows of a channel; see `session_schema.Snapshot`."""

    def to_wire(self) -> dict[str, Any]: ...


@runtime_checkable
class SnapshotPayee(Protocol):
    """A payee that tells a client what it remembers of a channel (tempo session draft, "Session Snapshot")."""

    async def snapshot(self, channel_id: str, request: Mapping[str, Any], *, cost: int) -> Remembered | None:
        """None for a channel that could not pay this request."""
        ...


def takes_sessions(payee: Payee) -> TypeGuard[SessionPayee]:
    """Whether this payee charges over channels."""
    return payee.intent == SESSION_INTENT and isinstance(payee, SessionPayee)


def is_session(credential: Credential) -> bool:
    return credential.challenge.intent == SESSION_INTENT


def kind_of(request: GateRequest, credential: Credential) -> RequestKind:
    """Whether a request with a session's credential wants content, or only brings a voucher or manages the channel.

    Management: top ups and closes, HEAD, and an empty POST. An empty POST with a query is one only where the challenge
    it answers was for another method or for a body: it may be the resource itself otherwise.
    """
    if _action(credential.payload) in _MANAGED or request.method == "HEAD":
        return "management"
    if request.method != "POST" or request.body:
        return "content"
    if not request.query:
        return "management"
    challenge = credential.challenge
    asked = _asked_method(challenge)
    return "management" if challenge.digest is not None or asked not in (None, "POST") else "content"


def challenge_refused(credential: Credential, problem: PaymentProblem) -> PaymentProblem:
    """The problem of a challenge that does not hold, as this credential's intent names it (tempo session draft,
    "TopUp Payload").
    """
    if is_session(credential) and _action(credential.payload) == "topUp":
        return ChallengeNotFound(problem.message, code=problem.code)
    return problem


def _action(payload: Mapping[str, Any]) -> str | None:
    action = payload.get("action")
    return action if isinstance(action, str) else None


def _asked_method(challenge: Challenge) -> str | None:
    try:
        return method_of(challenge.opaque)
    except ParseError:
        return None
