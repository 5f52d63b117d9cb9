"""What a server knows of one of our channels: asked for without paying, and believed within what we signed.

A server's account can confirm what is at risk and change what a close signs; it moves no channel's state.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.client_channel import ChannelBook, ChannelEntry, ClientChannel
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.session_ports import Management
from mpp_console.methods.tempo.session_schema import SessionRequest, Snapshot, decode_session_request, verify_snapshot
from mpp_console.protocol import Challenge, ParseError

__all__ = ["challenge_for", "close_amount", "close_amounts", "learn_from_server", "snapshot_of"]


async def learn_from_server(
    row: ClientChannel, *, management: Management, book: ChannelBook, clock: Clock
) -> ClientChannel:
    """The row with what its server has accepted and spent by now, as far as we signed for it.

    Raises ManagementFailed when the server cannot be asked; an answer that says nothing of the channel changes nothing,
    and a URL whose secrets were not kept is not asked.
    """
    if not row.askable_url:
        return row
    found = challenge_for(row, await management.probe(row.askable_url, row.channel_id))
    snapshot = None if found is None else snapshot_of(row, found[1])
    if snapshot is None or max(snapshot.accepted, snapshot.spent) > row.signed:
        return row
    now, accepted, spent = clock(), snapshot.accepted, snapshot.spent
    if accepted <= row.accepted and spent <= row.spent:
        return row
    return await book.update(
        row.channel_id,
        lambda known: known.learned(now, accepted=accepted, spent=spent),
        entry=ChannelEntry(at=now, kind="told by the server", amount=accepted),
    )


def close_amounts(row: ClientChannel, request: SessionRequest) -> tuple[int, ...]:
    """What to offer a close for, one after the other as long as the server refuses.

    The escrow contract of v1 pays out the whole voucher, so that what was spent by our account is offered before what
    was accepted.
    """
    amount = close_amount(row, request)
    used = max(row.spent, row.settled)
    return (amount,) if dialect_of(row.protocol).partial or used == amount else (used, amount)


def close_amount(row: ClientChannel, request: SessionRequest) -> int:
    """What a close voucher is over: what is owed by our own account, or what the server counted where that is within
    what we signed. Never less than was spent or settled, never more than was signed before.
    """
    snapshot = snapshot_of(row, request)
    if snapshot is None:
        return row.owed
    told = max(snapshot.accepted, snapshot.spent)
    return max(row.owed, told) if told <= row.signed else row.owed


def snapshot_of(row: ClientChannel, request: SessionRequest) -> Snapshot | None:
    """What a server says it knows of this very channel, where that agrees with what the channel is made of."""
    snapshot = request.snapshot
    if snapshot is None or snapshot.channel_id != row.channel_id:
        return None
    try:
        verify_snapshot(snapshot, request)
    except ParseError:
        return None
    return snapshot


def challenge_for(row: ClientChannel, challenges: Sequence[Challenge]) -> tuple[Challenge, SessionRequest] | None:
    """The challenge that is about this very channel: same payee, token, escrow and chain."""
    for challenge in challenges:
        if (challenge.method, challenge.intent) != ("tempo", "session"):
            continue
        try:
            request = decode_session_request(challenge.request)
        except ParseError:
            continue
        asked = (request.recipient, request.currency, request.escrow, request.chain_id, request.protocol)
        if asked == (row.payee, row.token, row.escrow, row.chain_id, row.protocol):
            return challenge, request
    return None
