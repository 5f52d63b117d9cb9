"""What a payee tells of a channel to whoever names it (tempo session draft, "Session Snapshot"). Pure."""

from __future__ import annotations

from .session_record import ChannelRecord, ChannelState
from .session_schema import SessionRequest, Snapshot

__all__ = ["snapshot_of"]


def snapshot_of(record: ChannelRecord, asked: SessionRequest, *, cost: int) -> Snapshot | None:
    """The channel, for a client that needs `cost` base units more; None when it could not pay what is asked for.

    The highest voucher is in it only when nothing of it is left to spend: whoever holds one that is not spent could
    spend it here, and an id is known to everybody.
    """
    parties = record.descriptor
    ours = (parties.payee, parties.token, parties.operator, record.escrow, record.protocol)
    if ours != (asked.recipient, asked.currency, asked.operator, asked.escrow, asked.protocol):
        return None
    if record.protocol != "v2" or record.state is not ChannelState.OPEN or record.close_requested_at:
        return None
    return Snapshot(
        channel_id=record.channel_id,
        chain_id=record.chain_id,
        escrow=record.escrow,
        descriptor=parties,
        deposit=record.deposit,
        settled=record.settled,
        accepted=record.accepted,
        spent=record.spent,
        required=record.spent + cost,
        units=record.units,
        voucher=None if record.available else (record.accepted, record.accepted_signature),
    )
