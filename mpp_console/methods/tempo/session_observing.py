"""Holding a payee's records of channels against the chain: how recent its word must be, and what it says is kept.

What a channel is worth is the chain's word, never the payer's. Sends no transaction and charges nothing: it writes only
what the chain showed, and drops of what a dead process left only what the chain certainly never took (tempo session
draft, "Chain Reorganization", "Forced Close").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from mpp_console.methods.base import Clock
from mpp_console.protocol import InternalPayment

from .reserve_abi import OnChainChannel
from .session_closing import LIFE
from .session_escrows import Escrows
from .session_problems import ChannelNotFound, ChannelUnseen
from .session_record import (
    ChannelRecord,
    ChannelState,
    ChannelStore,
    Dispatch,
    arrived,
    change_known,
    finish,
    observe,
)

__all__ = ["ChannelLocks", "Observer"]

_log = logging.getLogger(__name__)

FRESH: Final = timedelta(seconds=5)
"""How old the chain's word on a channel may be before it is asked again; what other servers use."""

UNSEEN: Final = "channel-unseen"
"""The code of a channel that the chain does not show, and shows no end of."""

STALE: Final = timedelta(seconds=60)
"""How long a chain that cannot be asked is borne with. A payer needs 15 minutes to withdraw, so nothing is lost in
one."""


class ChannelLocks:
    """One transaction at a time for a channel within this process; the store serialises the sums for all."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, channel_id: str) -> asyncio.Lock:
        lock = self._locks.get(channel_id)
        if lock is None:
            lock = self._locks[channel_id] = asyncio.Lock()
        return lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """The chain's word on the channels of one payee. `lock` gives a channel's lock, which only `recover` takes."""

    escrows: Escrows
    store: ChannelStore
    clock: Clock
    lock: Callable[[str], asyncio.Lock]

    async def fresh(self, record: ChannelRecord, now: datetime, *, needed: int) -> ChannelRecord:
        """The record with a recent word of the chain; asked again where more is needed than the deposit known. Raises
        InternalPayment when that cannot be had, ChannelNotFound for a channel that the chain has not shown for too long
        (draft, "Chain Reorganization").
        """
        # Either way: a clock that was set back must not keep a word fresh until it has caught up.
        age = STALE if record.checked_at is None else abs(now - record.checked_at)
        if record.finalized or (age < FRESH and needed <= record.deposit):
            return record
        try:
            return await self.observed(record.channel_id) or record
        except ChannelUnseen as error:
            if age < STALE:
                return record
            if error.code != UNSEEN:
                raise
            _log.error("channel %s is not on the chain any more: its opening was taken back", record.channel_id)
            raise ChannelNotFound(
                "The chain does not show this channel any more.", details={"channelId": record.channel_id}
            ) from error
        except InternalPayment:
            if age >= STALE:
                raise
            return record

    async def observed(self, channel_id: str) -> ChannelRecord | None:
        """Asks the chain and keeps what it says; None for a channel that is not known here. One that is gone is closed
        by its last event only. Raises InternalPayment, ChannelUnseen.
        """
        kept = await self.store.get(channel_id)
        if kept is None:
            return None
        escrow = self.escrows.of(kept.record)
        (there,) = await escrow.states((channel_id,))
        now = self.clock()
        if there.exists:
            opening = kept.record.state is ChannelState.OPENING
            landed = await escrow.landed(kept.record.pending) if opening else None
            return await change_known(self.store, channel_id, lambda record: _seen(record, there, landed, now))
        if kept.record.state is ChannelState.CLOSED:
            return kept.record
        ended = await escrow.closing(channel_id, kept.record.opened_block)
        if ended is None:
            if kept.record.state is ChannelState.OPENING:
                return kept.record
            raise ChannelUnseen("The chain does not show the channel now. Nothing was taken.", code=UNSEEN)
        settled, refunded = ended.values
        return await change_known(
            self.store, channel_id, lambda record: finish(record, settled=settled, refunded=refunded, now=now)
        )

    async def recover(self) -> tuple[ChannelRecord, ...]:
        """Asks the chain about every channel that was being opened, closed, topped up or settled when the last process
        ended, and gives those that stand differently now. What nothing can be learned of stays as it was. Raises
        InternalPayment when the chain cannot be asked.
        """
        half = frozenset({ChannelState.OPENING, ChannelState.CLOSING})
        resolved = []
        for record in await self.store.list(states=half | {ChannelState.OPEN}):
            if record.state not in half and record.pending is None:
                continue
            try:
                now = await self._resolved(record.channel_id)
            except (ChannelUnseen, ChannelNotFound):
                continue  # the others are to be served all the same
            if now is not None and (now.state, now.pending) != (record.state, record.pending):
                resolved.append(now)
        return tuple(resolved)

    async def _resolved(self, channel_id: str) -> ChannelRecord | None:
        async with self.lock(channel_id):
            now = await self.observed(channel_id)
            if now is not None and now.state is ChannelState.OPEN and now.pending is not None:
                now = await self._arrived_or_dead(now, now.pending)
            return now

    async def _arrived_or_dead(self, record: ChannelRecord, pending: Dispatch) -> ChannelRecord:
        """The record without a top up or settlement that a dead process left: it has arrived, or never will."""
        receipt = await self.escrows.of(record).receipt(pending.tx_hash)
        if receipt is not None and receipt.status:
            return await change_known(self.store, record.channel_id, lambda known: arrived(known, pending))
        if receipt is None and self.clock() <= pending.at + LIFE:
            return record
        return await change_known(self.store, record.channel_id, lambda known: replace(known, pending=None))


def _seen(record: ChannelRecord, there: OnChainChannel, landed: Dispatch | None, now: datetime) -> ChannelRecord:
    """The record once the chain showed the channel, which is there. An opening that it shows has arrived, and `landed`
    is its transaction where that is known.
    """
    seen = observe(
        record,
        deposit=there.deposit,
        settled=there.settled,
        close_requested_at=there.close_requested_at,
        now=now,
    )
    if seen.state is not ChannelState.OPENING:
        return seen
    done = replace(seen, pending=None) if landed is None else arrived(seen, landed)
    return replace(done, state=ChannelState.OPEN, spent=max(done.spent, done.settled))
