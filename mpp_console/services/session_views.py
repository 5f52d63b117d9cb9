"""Channels for people: rows with what they hold and whether somebody should look at them. Pure; text leaves inert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import WITHDRAW_CUSHION, ChannelState, Currency, inert
from mpp_console.services.models import (
    Money,
    ReceiptRow,
    SessionDetail,
    SessionEntryView,
    SessionRow,
    SessionsView,
    SessionTotal,
)

if TYPE_CHECKING:
    from mpp_console.methods.tempo.client_channel import ChannelEntry, ClientChannel

__all__ = [
    "ARCHIVED",
    "DISPUTED",
    "Lens",
    "dispute_text",
    "session_detail",
    "session_row",
    "session_totals",
    "sessions_view",
    "standing_now",
]

ARCHIVED = 50
"""How many finalized channels are listed beside the others, the last used first."""

DISPUTED = "its server says that it is gone"
"""Why somebody should look at a channel whose server denies it. The chain has it, so that it is kept."""

TEXT_LIMIT = 500
_LOOK_AT: Final = {
    ChannelState.FINALIZABLE: "its rest can be withdrawn",
    ChannelState.ORPHANED: "no server here is known for it",
    ChannelState.UNKNOWN: "nobody said what became of it",
    ChannelState.DAMAGED: "its row cannot be believed",
}
"""States that want somebody's attention, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """By what moment channels are seen: this machine's time, and how far the chain's clock is ahead of it.

    `ahead` None: the chain was not asked yet, so that nothing is said of when a close ends. A channel that was not used
    for `idle` is stale.
    """

    now: datetime
    ahead: timedelta | None
    idle: timedelta

    def chain_time(self) -> int | None:
        """Unix seconds of the chain, None while unknown."""
        return None if self.ahead is None else int((self.now + self.ahead).timestamp())


def session_row(channel: ClientChannel, lens: Lens) -> SessionRow:
    """One channel as it stands now."""
    chain_time = lens.chain_time()
    state = channel.state if chain_time is None else channel.standing(chain_time)
    over = state is ChannelState.FINALIZED
    return SessionRow(
        id=channel.channel_id,
        state=state,
        protocol=channel.protocol,
        network=inert(channel.network, limit=64),
        origin=inert(channel.origin, limit=TEXT_LIMIT),
        url=inert(channel.url, limit=2 * TEXT_LIMIT),
        payer=channel.payer,
        payee=channel.payee,
        currency=_shown_currency(channel.currency),
        deposit=channel.deposit,
        signed=channel.signed,
        accepted=channel.accepted,
        # Once it is closed the chain has the last word: what was not settled came back, whatever a server counted.
        spent=channel.settled if over else channel.owed,
        settled=channel.settled,
        left=0 if over else channel.left,
        locked=channel.locked,
        at_risk=channel.at_risk,
        created_at=channel.created_at,
        last_used_at=channel.last_used_at,
        pending_deposit=channel.pending_deposit,
        refunded=channel.refunded,
        closes_at=_closes_at(channel, lens),
        stale=_stale(channel, state, lens),
        note=inert(channel.note, limit=TEXT_LIMIT),
    )


def sessions_view(channels: Sequence[ClientChannel], damaged: Sequence[str], lens: Lens) -> SessionsView:
    """All of them; `channels` last used first, archived ones included."""
    rows = [session_row(channel, lens) for channel in channels]
    open_rows = [row for row in rows if row.state is not ChannelState.FINALIZED]
    closed = [row for row in rows if row.state is ChannelState.FINALIZED]
    stale = [row for row in open_rows if row.stale]
    others = [row for row in open_rows if not row.stale]
    return SessionsView(
        rows=(*stale, *others, *closed[:ARCHIVED]),
        totals=session_totals(channels),
        stale=tuple(row.id for row in stale),
        stale_held=_held(stale),
        damaged=tuple(damaged),
        finalized=max(len(closed) - ARCHIVED, 0),
        at=lens.now,
    )


def standing_now(view: SessionsView, now: datetime) -> bool:
    """Whether a view still says what is so at `now`: no close has come to its end meanwhile."""
    return not any(
        row.state is ChannelState.CLOSING and row.closes_at is not None and row.closes_at <= now for row in view.rows
    )


def session_totals(channels: Iterable[ClientChannel]) -> tuple[SessionTotal, ...]:
    from mpp_console.client.sessions.totals import channel_totals

    return tuple(
        SessionTotal(
            currency=_shown_currency(total.currency),
            locked=total.locked,
            at_risk=total.at_risk,
            pending_refund=total.pending_refund,
        )
        for total in channel_totals(channels)
    )


def session_detail(
    channel: ClientChannel, entries: Iterable[ChannelEntry], payments: tuple[ReceiptRow, ...], lens: Lens
) -> SessionDetail:
    return SessionDetail(
        row=session_row(channel, lens),
        escrow=channel.escrow,
        chain_id=channel.chain_id,
        salt=channel.salt,
        operator=channel.operator,
        authorized_signer=channel.authorized_signer,
        open_hash=channel.open_hash,
        close_hash=channel.close_hash,
        entries=tuple(
            SessionEntryView(
                at=entry.at,
                kind=inert(entry.kind, limit=64),
                amount=entry.amount,
                reference=None if entry.reference is None else inert(entry.reference, limit=TEXT_LIMIT),
                text=inert(entry.text, limit=TEXT_LIMIT),
            )
            for entry in entries
        ),
        payments=payments,
    )


def dispute_text(detail: SessionDetail) -> str:
    """A channel's facts and receipts for whoever runs its server, as plain lines."""
    row = detail.row

    def money(amount: int) -> str:
        return Money(amount=amount, currency=row.currency).text

    lines = [
        f"Payment channel {row.id}",
        f"on chain {detail.chain_id}, escrow {detail.escrow}",
        f"from {row.payer} to {row.payee}, used at {row.url or row.origin or 'an unknown address'}",
        f"opened {row.created_at:%Y-%m-%d %H:%M:%S} UTC" + (f" by {detail.open_hash}" if detail.open_hash else ""),
        f"deposit {money(row.deposit)}, of which {money(row.settled)} was settled",
        f"highest voucher signed: {money(row.signed)}; highest accepted by a receipt: {money(row.accepted)}",
        f"state by the chain: {row.state}",
    ]
    lines += [f"note: {row.note}"] if row.note else []
    lines += [
        f"receipt {paid.at:%Y-%m-%d %H:%M:%S} UTC  {'' if paid.amount is None else money(paid.amount)}  "
        f"challenge {paid.challenge_id or '-'}  {paid.url}"
        for paid in detail.payments
    ]
    return "\n".join(lines)


def _closes_at(channel: ClientChannel, lens: Lens) -> datetime | None:
    """When the rest can be withdrawn, the cushion included, told by this machine's clock."""
    ends, chain_time = channel.grace_ends, lens.chain_time()
    if ends is None or chain_time is None or not channel.state.holds_money:
        return None
    return lens.now.replace(microsecond=0) + timedelta(seconds=ends + WITHDRAW_CUSHION - chain_time)


def _stale(channel: ClientChannel, state: ChannelState, lens: Lens) -> str:
    """Why somebody should look at it."""
    if state in _LOOK_AT:
        return _LOOK_AT[state]
    if state is not ChannelState.ACTIVE:
        return ""
    if channel.note.startswith("Disputed"):
        return DISPUTED
    unused = lens.now - channel.last_used_at
    return f"not used for {unused.days} days" if unused >= lens.idle else ""


def _held(rows: Iterable[SessionRow]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for row in rows:
        before = sums.get(row.currency.id)
        sums[row.currency.id] = (
            Money(amount=row.locked, currency=row.currency)
            if before is None
            else replace(before, amount=before.amount + row.locked)
        )
    return tuple(sums.values())


def _shown_currency(currency: Currency) -> Currency:
    symbol = inert(currency.symbol, limit=32)
    return currency if symbol == currency.symbol else replace(currency, symbol=symbol)
