"""Channels of the local server for people: what each holds, what is at stake, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import ChannelState, Currency
from mpp_console.services.models import Money, PayeeChannelRow, PayeeChannels, SessionRow

if TYPE_CHECKING:
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.methods.tempo.session_record import ChannelRecord

__all__ = ["CLOSED_SHOWN", "payee_channels", "session_row_of", "short"]

CLOSED_SHOWN: Final = 50
"""How many closed channels are listed, the last used first."""

_STATES: Final = {
    "opening": ChannelState.OPENING,
    "open": ChannelState.ACTIVE,
    "closing": ChannelState.CLOSING,
    "closed": ChannelState.FINALIZED,
}


def payee_channels(
    records: Iterable[ChannelRecord],
    network: Network,
    *,
    now: datetime,
    ahead: timedelta,
    troubles: Mapping[str, str],
) -> PayeeChannels:
    """All channels, those with an alarm first, then the most exposed, the closed ones last.

    `ahead` is how far the chain's clock is ahead of ours, `troubles` what went wrong with some by their id.
    """
    rows = [_row(record, network, ahead, troubles.get(record.channel_id, "")) for record in records]
    alive = [row for row in rows if row.state != "closed"]
    closed = [row for row in rows if row.state == "closed"]
    alive.sort(key=lambda row: (not row.alarm, -row.exposure, -row.last_used_at.timestamp()))
    closed.sort(key=lambda row: -row.last_used_at.timestamp())
    sums: dict[str, Money] = {}
    for row in alive:
        if row.exposure:
            before = sums.get(row.currency.id)
            sums[row.currency.id] = Money(amount=row.exposure + (before.amount if before else 0), currency=row.currency)
    return PayeeChannels(
        rows=(*alive, *closed[:CLOSED_SHOWN]),
        exposure=tuple(sums.values()),
        alarms=sum(bool(row.alarm) for row in alive),
        at=now,
    )


def session_row_of(record: ChannelRecord, network: Network, *, url: str, ahead: timedelta) -> SessionRow:
    """The channel as reviews of acts show channels, seen from the side that is paid."""
    return SessionRow(
        id=record.channel_id,
        state=_STATES[record.state.value],
        protocol=record.protocol,
        network=network.name,
        origin="this server",
        url=url,
        payer=record.payer,
        payee=record.payee,
        currency=_currency(record, network),
        deposit=record.deposit,
        signed=record.accepted,
        accepted=record.accepted,
        spent=record.owed,
        settled=record.settled,
        left=max(record.deposit - record.accepted, 0),
        locked=0 if record.finalized else record.deposit - record.settled,
        at_risk=0 if record.finalized else record.exposure,
        created_at=record.created_at,
        last_used_at=record.last_used,
        refunded=record.refunded,
        closes_at=_closes_at(record, ahead),
    )


def short(channel_id: str) -> str:
    """An id for a sentence."""
    return f"{channel_id[:10]}…{channel_id[-4:]}"


def _row(record: ChannelRecord, network: Network, ahead: timedelta, trouble: str) -> PayeeChannelRow:
    currency = _currency(record, network)
    return PayeeChannelRow(
        id=record.channel_id,
        state=record.state.value,
        payer=record.payer,
        currency=currency,
        deposit=record.deposit,
        accepted=record.accepted,
        spent=record.spent,
        settled=record.settled,
        exposure=0 if record.finalized else record.exposure,
        units=record.units,
        created_at=record.created_at,
        last_used_at=record.last_used,
        closes_at=_closes_at(record, ahead),
        alarm="" if record.finalized else _alarm(record, currency, trouble),
    )


def _alarm(record: ChannelRecord, currency: Currency, trouble: str) -> str:
    if record.close_requested_at and record.owed > record.settled:
        owed = Money(amount=record.owed - record.settled, currency=currency)
        return f"its payer asked the chain to close it: close it before the grace period ends, or lose {owed.text}"
    return trouble


def _closes_at(record: ChannelRecord, ahead: timedelta) -> datetime | None:
    """When the payer may withdraw, by this machine's clock."""
    from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS

    if record.finalized or not record.close_requested_at:
        return None
    return datetime.fromtimestamp(record.close_requested_at + GRACE_SECONDS, UTC) - ahead


def _currency(record: ChannelRecord, network: Network) -> Currency:
    token = network.token(record.token)
    return token.currency if token is not None else Currency(id=record.token, symbol="?", decimals=0)
