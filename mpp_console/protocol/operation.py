"""The life of one journal row, as a table: an act that may move money, from before it leaves to its outcome.

A row is written as `prepared` before any byte leaves. `settled` and `refused` are final; an `unknown` row is resolved
against the rail and never paid again. The table is the whole machine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .exchange import IllegalTransition

__all__ = ["OperationEvent", "OperationState", "advance_operation"]


class OperationState(StrEnum):
    """What the journal knows of an act that may move money."""

    PREPARED = "prepared"
    """Signed, and certainly not sent."""
    SENT = "sent"
    """About to leave or gone; no outcome yet."""
    SETTLED = "settled"
    REFUSED = "refused"
    """Certainly not taken."""
    UNKNOWN = "unknown"
    """Gone, and nobody said what became of it."""

    @property
    def is_final(self) -> bool:
        return self in (OperationState.SETTLED, OperationState.REFUSED)


class OperationEvent(StrEnum):
    """What happens to it."""

    SEND = "send"
    SETTLE = "settle"
    REFUSE = "refuse"
    LOSE = "lose"


_S, _E = OperationState, OperationEvent

_TRANSITIONS: Final[dict[tuple[OperationState, OperationEvent], OperationState]] = {
    (_S.PREPARED, _E.SEND): _S.SENT,
    (_S.PREPARED, _E.REFUSE): _S.REFUSED,
    # After a crash nobody can prove that the mark "sent" was lost and not the sending; doubt may always be recorded.
    (_S.PREPARED, _E.LOSE): _S.UNKNOWN,
    (_S.SENT, _E.SETTLE): _S.SETTLED,
    (_S.SENT, _E.REFUSE): _S.REFUSED,
    (_S.SENT, _E.LOSE): _S.UNKNOWN,
    (_S.UNKNOWN, _E.SETTLE): _S.SETTLED,
    (_S.UNKNOWN, _E.REFUSE): _S.REFUSED,
    (_S.UNKNOWN, _E.LOSE): _S.UNKNOWN,
}


def advance_operation(state: OperationState, event: OperationEvent) -> OperationState:
    """The state after `event`. Raises IllegalTransition."""
    try:
        return _TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"an operation that is {state} cannot {event}") from None
