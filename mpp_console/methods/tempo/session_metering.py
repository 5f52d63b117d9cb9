"""Charges a channel little by little, while something is delivered over one long answer.

Every sum is on disk before the delivery that it pays for (tempo session draft, "Crash Safety"); what the accepted
vouchers do not cover is told as a shortfall, and a voucher that arrives by another request is waited for in the store.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mpp_console.methods.base import Clock
from mpp_console.protocol import Receipt, format_timestamp

from .session_problems import ChannelNotFound
from .session_receipts import SessionReceiptFacts, session_receipt
from .session_record import ChannelRecord, ChannelStore, charge, require_usable

__all__ = ["ChannelMeter", "Shortfall", "Taken"]


class Fresh(Protocol):
    async def __call__(self, record: ChannelRecord, now: datetime, *, needed: int) -> ChannelRecord:
        """The record with a recent word of the chain. Raises InternalPayment when that cannot be had."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`count` times the cost were charged, and are on disk."""

    count: int
    record: ChannelRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Nothing was charged. `required` is the voucher to ask for, base units in all; `least` the smallest that helps."""

    required: int
    least: int
    record: ChannelRecord


class ChannelMeter:
    """Charges one channel for one delivery. `min_delta` is what a voucher has to add at least, by the offer.

    `fresh` asks the chain where its last word is too old, so that a payer who has left is noticed.
    """

    def __init__(
        self, *, store: ChannelStore, channel_id: str, clock: Clock, fresh: Fresh, min_delta: int | None = None
    ) -> None:
        self.channel_id = channel_id
        self._store = store
        self._clock = clock
        self._fresh = fresh
        self._min_delta = min_delta or 0
        self._record: ChannelRecord | None = None

    async def take(self, cost: int, *, count: int = 1, units: int = 1, wish: int | None = None) -> Taken | Shortfall:
        """Charges `cost` base units up to `count` times, as often as the vouchers cover, in one change of the store.

        `units` are those of one time. When nothing is covered, the shortfall is over `wish` times the cost where the
        deposit has room for that, else over one. Raises ChannelFinalized, ChannelNotFound, SessionRefused, and
        InternalPayment when the chain cannot be asked for too long.
        """
        await self._look()
        now = self._clock()

        def change(known: ChannelRecord | None) -> tuple[ChannelRecord, int]:
            if known is None:
                raise ChannelNotFound(details={"channelId": self.channel_id})
            require_usable(known)
            self._record = known
            times = min(count, known.available // cost)
            if times <= 0:
                return known, 0
            self._record = charge(known, times * cost, units=times * units, now=now)
            return self._record, times

        times = await self._store.update(self.channel_id, change)
        record = self._known()
        if times:
            return Taken(count=times, record=record)
        required = self._required(record, cost, wish or 1)
        return Shortfall(required=required, least=record.spent + cost, record=record)

    async def wait(self, shortfall: Shortfall, seconds: float) -> bool:
        """Whether a voucher that covers it came within `seconds`. Raises ChannelFinalized as soon as none can."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        kept = await self._store.get(self.channel_id)
        while True:
            if kept is None:
                raise ChannelNotFound(details={"channelId": self.channel_id})
            self._record = kept.record
            if kept.record.accepted >= shortfall.least:
                return True
            require_usable(kept.record)
            left = until - loop.time()
            if left <= 0:
                return False
            kept = await self._store.wait_for_change(self.channel_id, kept.version, left)

    async def receipt(self, *, challenge_id: str, units: int) -> Receipt:
        """What stands in the books now, for `units` delivered in this one answer."""
        kept = await self._store.get(self.channel_id)
        record = self._known() if kept is None else kept.record
        facts = SessionReceiptFacts(
            channel_id=record.channel_id,
            challenge_id=challenge_id,
            accepted=record.accepted,
            spent=record.spent,
            units=units,
        )
        return session_receipt(facts, timestamp=format_timestamp(self._clock()))

    def _required(self, record: ChannelRecord, cost: int, wish: int) -> int:
        least = max(record.spent + cost, record.accepted + self._min_delta)
        wished = record.spent + cost * wish
        # More at once saves round trips, but nobody should have to put money aside for it.
        return max(least, min(wished, record.deposit))

    async def _look(self) -> None:
        """Asks the chain again where its word is old. Cheap: what this process knows decides whether to ask."""
        if self._record is None:
            kept = await self._store.get(self.channel_id)
            if kept is None:
                raise ChannelNotFound(details={"channelId": self.channel_id})
            self._record = kept.record
        self._record = await self._fresh(self._record, self._clock(), needed=0)

    def _known(self) -> ChannelRecord:
        assert self._record is not None  # noqa: S101 - every way here has looked before
        return self._record
