"""The client's side of one paid request, as a table: which state follows which event.

The table is the whole machine: no I/O, no clock, no memory. A client keeps the state beside the request and refuses
to act when an event is illegal, which is how "at most one payment a request" is kept.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from .errors import MppError

__all__ = ["ExchangeEvent", "ExchangeState", "IllegalTransition", "advance"]


class IllegalTransition(MppError):
    """An event that cannot happen in this state: a fault in the program, stopped before it can cost money."""

    default_code: ClassVar[str] = "illegal-transition"


class ExchangeState(StrEnum):
    """Where a paid request stands."""

    IDLE = "idle"
    REQUESTED = "requested"
    CHALLENGED = "challenged"
    AUTHORIZING = "authorizing"
    SENT = "sent"
    SERVED = "served"
    """Final: the resource came without a payment."""
    SETTLED = "settled"
    """Final: paid and served."""
    REFUSED = "refused"
    """Final: the server refused the credential, and nothing was taken."""
    UNKNOWN = "unknown"
    """The credential left and its fate is not known; only the rail can say. Never pay again from here."""
    DECLINED = "declined"
    """Final: our side stopped before a credential left."""

    @property
    def is_final(self) -> bool:
        return not any(state is self for state, _ in _TRANSITIONS)


class ExchangeEvent(StrEnum):
    """What happens to a paid request."""

    REQUEST = "request"
    SERVE = "serve"
    CHALLENGE = "challenge"
    AUTHORIZE = "authorize"
    DECLINE = "decline"
    SEND = "send"
    SETTLE = "settle"
    REFUSE = "refuse"
    LOSE = "lose"


_S, _E = ExchangeState, ExchangeEvent

_TRANSITIONS: Final[dict[tuple[ExchangeState, ExchangeEvent], ExchangeState]] = {
    (_S.IDLE, _E.REQUEST): _S.REQUESTED,
    (_S.REQUESTED, _E.SERVE): _S.SERVED,
    (_S.REQUESTED, _E.CHALLENGE): _S.CHALLENGED,
    (_S.REQUESTED, _E.DECLINE): _S.DECLINED,
    (_S.CHALLENGED, _E.AUTHORIZE): _S.AUTHORIZING,
    (_S.CHALLENGED, _E.DECLINE): _S.DECLINED,
    (_S.AUTHORIZING, _E.SEND): _S.SENT,
    (_S.AUTHORIZING, _E.DECLINE): _S.DECLINED,
    (_S.SENT, _E.SETTLE): _S.SETTLED,
    (_S.SENT, _E.REFUSE): _S.REFUSED,
    (_S.SENT, _E.LOSE): _S.UNKNOWN,
    (_S.UNKNOWN, _E.SETTLE): _S.SETTLED,
    (_S.UNKNOWN, _E.REFUSE): _S.REFUSED,
}


def advance(state: ExchangeState, event: ExchangeEvent) -> ExchangeState:
    """The state after `event`. Raises IllegalTransition."""
    try:
        return _TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a paid request that is {state} cannot {event}") from None
