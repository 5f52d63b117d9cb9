"""The payer's side of one payment channel, as a table: what is known of the money that was locked for a payee.

The table is the whole machine: no I/O, no clock. What a server says is no event here: only our own acts and what the
chain shows move a channel, so that nobody can talk a wallet out of a deposit. Time is an argument, and it is the
chain's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .exchange import IllegalTransition

__all__ = ["WITHDRAW_CUSHION", "ChannelFact", "ChannelState", "advance_channel", "channel_standing"]

WITHDRAW_CUSHION: Final = 60
"""Seconds past the grace period before a payer withdraws: 16 minutes for 15 (session draft, "Forced Close")."""


class ChannelState(StrEnum):
    """Where a channel stands."""

    OPENING = "opening"
    """Its row is written; the transaction that opens it may leave, or has left."""
    ACTIVE = "active"
    CLOSING = "closing"
    """A close was requested on the chain, and the payee still has time to claim what it is owed."""
    FINALIZABLE = "finalizable"
    """The grace period is over: the rest can be withdrawn. Never stored; see `channel_standing`."""
    FINALIZED = "finalized"
    """Nothing of ours is locked in it any more, or ever was. Final; the row is kept."""
    ORPHANED = "orphaned"
    """Found on the chain without a row of ours: nobody here knows which server it belongs to."""
    UNKNOWN = "unknown"
    """Something that opens or changes it left, and nobody said what became of it. Only the chain can say."""
    DAMAGED = "damaged"
    """Its row cannot be believed. Nothing is signed for it until the chain has been asked."""

    @property
    def holds_money(self) -> bool:
        """Whether something of ours may be locked in it."""
        return self is not ChannelState.FINALIZED


class ChannelFact(StrEnum):
    """What becomes known of a channel."""

    LOST = "lost"
    """A transaction of ours for it left, and no answer came."""
    OPEN = "open"
    """The chain has it, and no close is requested."""
    CLOSE_REQUESTED = "close-requested"
    """The chain has it with a requested close."""
    GONE = "gone"
    """The chain had it and has it no more: it is closed, and what was left came back."""
    NEVER_OPENED = "never-opened"
    """The transaction that would have opened it is certainly dead."""
    ADOPT = "adopt"
    """A server proved that an orphan is its channel, or our own row of it was found."""
    MALFORMED = "malformed"
    """Its row cannot be read, or contradicts the chain."""


_S, _F = ChannelState, ChannelFact

_TRANSITIONS: Final[dict[tuple[ChannelState, ChannelFact], ChannelState]] = {
    (_S.OPENING, _F.LOST): _S.UNKNOWN,
    (_S.OPENING, _F.OPEN): _S.ACTIVE,
    (_S.OPENING, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.OPENING, _F.GONE): _S.FINALIZED,
    (_S.OPENING, _F.NEVER_OPENED): _S.FINALIZED,
    (_S.OPENING, _F.MALFORMED): _S.DAMAGED,
    (_S.ACTIVE, _F.LOST): _S.UNKNOWN,
    (_S.ACTIVE, _F.OPEN): _S.ACTIVE,
    (_S.ACTIVE, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.ACTIVE, _F.GONE): _S.FINALIZED,
    (_S.ACTIVE, _F.ADOPT): _S.ACTIVE,
    (_S.ACTIVE, _F.MALFORMED): _S.DAMAGED,
    # A top up cancels a requested close (TIP-1034), also when its grace period is over.
    (_S.CLOSING, _F.LOST): _S.CLOSING,
    (_S.CLOSING, _F.OPEN): _S.ACTIVE,
    (_S.CLOSING, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.CLOSING, _F.GONE): _S.FINALIZED,
    (_S.CLOSING, _F.MALFORMED): _S.DAMAGED,
    (_S.FINALIZABLE, _F.LOST): _S.CLOSING,
    (_S.FINALIZABLE, _F.OPEN): _S.ACTIVE,
    (_S.FINALIZABLE, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.FINALIZABLE, _F.GONE): _S.FINALIZED,
    (_S.FINALIZABLE, _F.MALFORMED): _S.DAMAGED,
    (_S.ORPHANED, _F.LOST): _S.ORPHANED,
    (_S.ORPHANED, _F.OPEN): _S.ORPHANED,
    (_S.ORPHANED, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.ORPHANED, _F.GONE): _S.FINALIZED,
    (_S.ORPHANED, _F.ADOPT): _S.ACTIVE,
    (_S.ORPHANED, _F.MALFORMED): _S.DAMAGED,
    (_S.UNKNOWN, _F.LOST): _S.UNKNOWN,
    (_S.UNKNOWN, _F.OPEN): _S.ACTIVE,
    (_S.UNKNOWN, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.UNKNOWN, _F.GONE): _S.FINALIZED,
    (_S.UNKNOWN, _F.NEVER_OPENED): _S.FINALIZED,
    (_S.UNKNOWN, _F.MALFORMED): _S.DAMAGED,
    # The chain mends a row; who the channel was for is then no longer known.
    (_S.DAMAGED, _F.OPEN): _S.ORPHANED,
    (_S.DAMAGED, _F.CLOSE_REQUESTED): _S.CLOSING,
    (_S.DAMAGED, _F.GONE): _S.FINALIZED,
    (_S.DAMAGED, _F.MALFORMED): _S.DAMAGED,
}


def advance_channel(state: ChannelState, fact: ChannelFact) -> ChannelState:
    """The state after `fact`. Raises IllegalTransition."""
    try:
        return _TRANSITIONS[state, fact]
    except KeyError:
        raise IllegalTransition(f"a channel that is {state} cannot be {fact}") from None


def channel_standing(
    state: ChannelState, *, grace_ends: int | None, chain_time: int, cushion: int = WITHDRAW_CUSHION
) -> ChannelState:
    """The state as it is to be shown and acted on at `chain_time` (Unix seconds of the chain, never of this machine).

    `grace_ends` is when the chain lets the payer withdraw, None while no close is requested.
    """
    if state not in (_S.CLOSING, _S.FINALIZABLE):
        return state
    return _S.FINALIZABLE if grace_ends is not None and chain_time >= grace_ends + cushion else _S.CLOSING
