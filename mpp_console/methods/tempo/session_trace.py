"""What the journal and a channel's history keep of one payment by session, and what became of it by that. Pure.

A payment's own record says what its vouchers were over; the channel's row says what the chain and the receipts showed
since, and its history which voucher paid for something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from mpp_console.methods.base import Outcome, OutcomeState
from mpp_console.protocol import ChannelState, ParseError, parse_base_units

from .channels import parse_bytes32
from .client_channel import ChannelEntry, ClientChannel

__all__ = ["REUSED", "USED_UP", "SessionTrace", "never", "still_open", "verdict"]

REUSED: Final = "voucher reused"
"""Kind of the line in a channel's history that says that a later payment went out with the voucher of an earlier one,
which is named: the server had not counted it.
"""
USED_UP: Final = "voucher used up"
"""And that the server says that it had."""


class SessionTrace(msgspec.Struct, frozen=True):
    """What the journal keeps of a payment by session: JSON values without secrets. Sums as text, in base units."""

    ref: str
    plan: str
    channel_id: str
    chain_id: int
    before: str
    cumulative: str
    amount: str
    locks: str
    previous: str = "0"
    """Of a payment that went on while it was served: what its last voucher but one was over, all of which is used."""

    @classmethod
    def read(cls, trace: Mapping[str, Any]) -> SessionTrace:
        """Raises ParseError."""
        try:
            read = msgspec.convert(dict(trace), type=cls)
        except msgspec.ValidationError as error:
            raise ParseError(f"the record of this payment is damaged: {error}", code="bad-trace") from error
        parse_bytes32(read.channel_id, "channel_id")
        for text in (read.before, read.cumulative, read.amount, read.locks, read.previous):
            parse_base_units(text)
        return read

    def to_dict(self) -> dict[str, Any]:
        result: dict[str, Any] = msgspec.to_builtins(self)
        return result


def verdict(trace: SessionTrace, row: ClientChannel, history: Sequence[ChannelEntry]) -> Outcome:
    """What the channel's row and history say of one of its payments."""
    cumulative, before = int(trace.cumulative), int(trace.before)
    if row.state is ChannelState.FINALIZED:
        if row.settled > before:
            return _taken(trace, row, row.settled, "The payee collected it.")
        return never("The channel is closed, and this was not collected.")
    if _is_reused(trace, history):
        if int(trace.previous) > before:
            return _taken(trace, row, int(trace.previous), "Its last voucher paid for a later request.")
        return never("The same voucher paid for a later request.")
    if row.spent >= cumulative:
        return _taken(trace, row, cumulative, "A later receipt counts it.")
    return still_open("The payee holds a voucher for it; the next receipt, or the close of the channel, will tell.")


def _is_reused(trace: SessionTrace, history: Sequence[ChannelEntry]) -> bool:
    """Whether the last voucher of a payment paid for a later one instead. A server that had counted it says so."""
    lines = {(line.kind, line.reference) for line in history if line.amount == int(trace.cumulative)}
    return (REUSED, trace.ref) in lines and not any(kind == USED_UP for kind, _ in lines)


def _taken(trace: SessionTrace, row: ClientChannel, until: int, message: str) -> Outcome:
    """Settled, as far as the payee got: all but what was promised beyond `until`."""
    beyond = max(int(trace.cumulative) - until, 0)
    amount = max(int(trace.amount) - beyond, 0) if beyond and int(trace.previous) else None
    if amount == 0:
        return never("The payee collected none of it.")
    return Outcome(state=OutcomeState.SETTLED, reference=row.channel_id, message=message, amount=amount)


def never(message: str) -> Outcome:
    """Nothing was taken for it, and nothing will be."""
    return Outcome(state=OutcomeState.NEVER_HAPPENED, message=message)


def still_open(message: str) -> Outcome:
    """Nobody can say yet."""
    return Outcome(state=OutcomeState.STILL_OPEN, message=message)
