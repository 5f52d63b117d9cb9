"""Looks after a payee's channels on its own: takes what was earned in time, notices who wants to leave, ends what is
idle.

What must be done is worked out from the records alone (`SettlementPolicy`), so that a new process goes on where the
last one ended (tempo session draft, "Settlement Timing", "Forced Close").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from mpp_console.methods.base import Clock
from mpp_console.protocol import MppError, OutcomeUncertain

from .session_closing import LIFE, SessionSettlement
from .session_record import ChannelRecord, ChannelState, ChannelStore

__all__ = ["RunnerEvent", "SettlementPolicy", "SettlementRunner"]

_log = logging.getLogger(__name__)

Why = Literal["amount", "units", "time", "idle", "close-requested", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPolicy:
    """When a payee acts without being asked; None turns a rule off.

    Settled is when `amount` base units, or something of `units` units, or anything `every` so long, was earned since
    the last time. A channel that was not used for `idle` is closed. `watch` is how often the chain is asked who wants
    to leave, `tick` how often the records are looked at. A payer who wants to leave is always answered by a close, as
    long as something is owed.
    """

    amount: int | None = None
    units: int | None = None
    every: timedelta | None = None
    idle: timedelta | None = None
    watch: timedelta = timedelta(seconds=30)
    tick: timedelta = timedelta(seconds=5)

    def due(self, record: ChannelRecord, now: datetime) -> Why | None:
        """Why an open channel should be settled now."""
        earned = record.earned - record.settled
        if earned <= 0:
            return None
        if self.amount is not None and earned >= self.amount:
            return "amount"
        if self.units is not None and record.units - record.settled_units >= self.units:
            return "units"
        if self.every is not None and now - (record.settled_at or record.created_at) >= self.every:
            return "time"
        return None

    def idles(self, record: ChannelRecord, now: datetime) -> bool:
        return self.idle is not None and now - record.last_used >= self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerEvent:
    """What the runner saw or did. `close-requested` is an alarm: the payer can withdraw at the end of the grace period.
    `blind`: the chain or the store cannot be asked.

    `tx_hash` None where nothing had to be sent; `error` with `failed`, which is tried again.
    """

    kind: Literal["close-requested", "settled", "closed", "ended", "failed", "blind"]
    record: ChannelRecord | None = None
    why: Why | None = None
    tx_hash: str | None = None
    error: MppError | None = None


FIRST_RETRY: Final = timedelta(seconds=10)
LAST_RETRY: Final = timedelta(minutes=2)
"""The grace period is a quarter of an hour: what failed is tried often enough within it."""


class SettlementRunner:
    """One round is `step`; `run` makes rounds until it is cancelled. `tell` must be quick."""

    def __init__(
        self,
        *,
        settlement: SessionSettlement,
        store: ChannelStore,
        policy: SettlementPolicy,
        clock: Clock,
        tell: Callable[[RunnerEvent], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settlement = settlement
        self._store = store
        self._policy = policy
        self._clock = clock
        self._tell = tell
        self._sleep = sleep
        self._watched_at: datetime | None = None
        self._blind = False
        self._alarmed: dict[str, int] = {}
        self._troubles: dict[str, tuple[datetime, timedelta]] = {}

    async def run(self) -> None:
        """Rounds without end. A store that fails, or a defect, is told or logged, and the next round is made all the
        same: as long as this runs, nobody's grace period passes unseen.
        """
        while True:
            try:
                await self.step()
            except MppError as error:
                self._see_nothing(error)
            except Exception:
                _log.exception("a round of looking after channels failed")
            await self._sleep(self._policy.tick.total_seconds())

    async def step(self) -> None:
        """Asks the chain where that is due, then does for each channel what its record calls for. Never raises for the
        chain or for one channel: what failed is told and tried again later.
        """
        now = self._clock()
        # Either way, here and below: a clock that was set back must not keep it from acting until it has caught up.
        if self._watched_at is None or abs(now - self._watched_at) >= self._policy.watch:
            self._watched_at = now
            await self._watch()
        for record in await self._store.list(states=frozenset({ChannelState.OPEN, ChannelState.CLOSING})):
            self._alarm(record)
            if (wanted := self._wanted(record, now)) is not None:
                await self._act(record, *wanted)

    async def _watch(self) -> None:
        try:
            changed = await self._settlement.watch()
        except MppError as error:
            self._see_nothing(error)
            return
        self._blind = False
        for record in changed:
            if record.state is ChannelState.CLOSED:
                self._tell(RunnerEvent(kind="ended", record=record))

    def _see_nothing(self, error: MppError) -> None:
        # Said once: a chain that is away for long is away in every round.
        if not self._blind:
            self._tell(RunnerEvent(kind="blind", error=error))
        self._blind = True

    def _alarm(self, record: ChannelRecord) -> None:
        asked = record.close_requested_at
        if asked and self._alarmed.get(record.channel_id) != asked:
            self._alarmed[record.channel_id] = asked
            self._tell(RunnerEvent(kind="close-requested", record=record))
        elif not asked:
            self._alarmed.pop(record.channel_id, None)

    def _wanted(self, record: ChannelRecord, now: datetime) -> tuple[Literal["settle", "close"], Why] | None:
        after = self._troubles.get(record.channel_id)
        if after is not None and after[0] - after[1] <= now < after[0]:
            return None
        if record.state is ChannelState.CLOSING:
            # A close that somebody waits for has its own process; this one was left by a process that died.
            begun = record.last_used if record.pending is None else record.pending.at
            return ("close", "unfinished") if abs(now - begun) > LIFE else None
        if record.close_requested_at:
            return ("close", "close-requested") if record.owed > record.settled else None
        if self._policy.idles(record, now):
            return "close", "idle"
        due = self._policy.due(record, now)
        return None if due is None else ("settle", due)

    async def _act(self, record: ChannelRecord, act: Literal["settle", "close"], why: Why) -> None:
        channel_id = record.channel_id
        try:
            if act == "settle":
                done, tx_hash = await self._settlement.settle(channel_id)
            else:
                done, tx_hash = await self._settlement.close(channel_id)
        except MppError as error:
            self._later(channel_id, error)
            self._tell(RunnerEvent(kind="failed", record=record, why=why, error=error))
            return
        except Exception:
            # A defect in one channel must not keep the others from what they are owed.
            _log.exception("channel %s could not be looked after", channel_id)
            self._later(channel_id, None)
            return
        self._troubles.pop(channel_id, None)
        kind: Literal["settled", "closed"] = "settled" if act == "settle" else "closed"
        self._tell(RunnerEvent(kind=kind, record=done, why=why, tx_hash=tx_hash))

    def _later(self, channel_id: str, error: MppError | None) -> None:
        before = self._troubles.get(channel_id)
        pause = FIRST_RETRY if before is None else min(before[1] * 2, LAST_RETRY)
        if isinstance(error, OutcomeUncertain):
            pause = max(pause, LIFE)  # it may still arrive; a second one would only cost a fee
        self._troubles[channel_id] = (self._clock() + pause, pause)
