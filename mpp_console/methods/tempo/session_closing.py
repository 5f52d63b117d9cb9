"""What a payee does with its channels on its own: settle what was earned, close, and see what is at stake.

A close captures `max(spent, settled)` and never more (tempo session draft, "Cooperative Close"), where the escrow can
take less than a voucher is over, which that of v1 cannot: the sum is fixed in the store first, from when on nothing is
served, then the transaction is journaled, then it is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from mpp_console.methods.base import Clock
from mpp_console.protocol import InternalPayment, PaymentProblem

from .chain import fee_in_token
from .keys import keccak
from .reserve_abi import GRACE_SECONDS, ChannelEventKind
from .session_escrow import Escrow, NotTaken
from .session_problems import ChannelNotFound, ChannelUnseen, SessionRefused
from .session_record import (
    ChannelRecord,
    ChannelState,
    ChannelStore,
    Dispatch,
    DispatchKind,
    arrived,
    change_known,
    finish,
    freeze,
    observe,
    thaw,
)

__all__ = ["LIFE", "Exposure", "SessionSettlement"]


_BATCH: Final = 100
"""Channels that are asked about in one call."""
LIFE: Final = timedelta(seconds=120)
"""After this a close that we sent is certainly dead: it is valid for 25 seconds of the chain's time, and clocks differ.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What is at stake in one channel, in base units of its token.

    `accepted` less `settled` is `at_risk`: promised, and lost if the payer withdraws first. `earned` is what of it was
    delivered. `withdrawable_at` is when the payer may withdraw, in Unix seconds of the chain, None while it has not
    asked to close.
    """

    channel_id: str
    state: ChannelState
    deposit: int
    accepted: int
    spent: int
    settled: int
    at_risk: int
    earned: int
    withdrawable_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettlement:
    """Settles and closes the channels of one payee. `escrow_of`, `lock` and `refresh` are the payee's own."""

    escrow_of: Callable[[ChannelRecord], Escrow]
    store: ChannelStore
    clock: Clock
    lock: Callable[[str], asyncio.Lock]
    refresh: Callable[[str], Awaitable[ChannelRecord | None]]

    async def exposure(self) -> tuple[Exposure, ...]:
        """Every channel that still holds money, those whose payer wants to leave first, then by what is at stake."""
        alive = frozenset({ChannelState.OPEN, ChannelState.CLOSING})
        rows = [_exposed(record) for record in await self.store.list(states=alive)]
        return tuple(sorted(rows, key=lambda row: (row.withdrawable_at or 2**64, -row.at_risk)))

    async def refresh_all(self) -> tuple[ChannelRecord, ...]:
        """Asks the chain about every channel that is not closed, and gives them as they are now. A channel that cannot
        be asked about stays as it was.
        """
        seen = []
        for record in await self.store.list(states=frozenset(ChannelState) - {ChannelState.CLOSED}):
            try:
                seen.append(await self.refresh(record.channel_id) or record)
            except InternalPayment:
                seen.append(record)
        return tuple(seen)

    async def watch(self) -> tuple[ChannelRecord, ...]:
        """Holds every channel that is not closed against the chain, many at a time, and gives those that it knew
        something new of. Writes nothing for the others, nor for those that nothing can be learned of. Raises
        InternalPayment when the chain cannot be asked.
        """
        records = await self.store.list(states=frozenset(ChannelState) - {ChannelState.CLOSED})
        by_escrow: dict[str, list[ChannelRecord]] = {}
        for record in records:
            by_escrow.setdefault(record.escrow, []).append(record)
        found = []
        for group in by_escrow.values():
            for start in range(0, len(group), _BATCH):
                found += await self._watch_batch(group[start : start + _BATCH])
        return tuple(found)

    async def _watch_batch(self, batch: Sequence[ChannelRecord]) -> list[ChannelRecord]:
        try:
            escrow = self.escrow_of(batch[0])
        except ChannelUnseen:
            return []
        states = await escrow.states([record.channel_id for record in batch])
        found = []
        for record, there in zip(batch, states, strict=True):
            known = (record.deposit, record.settled, record.close_requested_at)
            if there.exists and known == (there.deposit, there.settled, there.close_requested_at):
                continue
            if not there.exists and record.state is ChannelState.OPENING:
                continue  # its transaction is on its way, or was never taken
            try:
                async with self.lock(record.channel_id):
                    found.append(await self.refresh(record.channel_id) or record)
            except (ChannelUnseen, ChannelNotFound):
                continue  # one that nobody can tell of must not hide that another payer wants to leave
        return found

    async def settle(self, channel_id: str) -> tuple[ChannelRecord, str | None]:
        """Takes what was earned, by the highest voucher that is fully spent; the channel stays open. Gives the record
        and the transaction's hash, None when there was nothing to take.

        Raises ChannelNotFound, SessionRefused, InternalPayment (nothing happened), OutcomeUncertain.
        """
        async with self.lock(channel_id):
            record = await self._require(channel_id)
            if record.state is not ChannelState.OPEN or record.earned <= record.settled:
                return record, None
            now, amount, escrow = self.clock(), record.earned, self.escrow_of(record)
            signature = bytes.fromhex(record.earned_signature[2:])
            tx = await escrow.own(escrow.dialect.settle(channel_id, record.descriptor, amount, signature), now)
            dispatch = _dispatch(DispatchKind.SETTLE, tx.hash(), amount, now)
            await change_known(self.store, channel_id, lambda known: replace(known, pending=dispatch))
            try:
                receipt = await escrow.deliver(tx)
            except NotTaken:
                await change_known(self.store, channel_id, lambda known: replace(known, pending=None))
                raise
            settled = escrow.event(receipt, ChannelEventKind.SETTLED, channel_id)
            total = amount if settled is None else settled.values[2]

            def note(known: ChannelRecord) -> ChannelRecord:
                seen = observe(
                    known,
                    deposit=known.deposit,
                    settled=total,
                    close_requested_at=known.close_requested_at,
                    now=now,
                )
                return arrived(seen, dispatch)

            return await change_known(self.store, channel_id, note), receipt.hash

    async def price(self, channel_id: str, act: Literal["settle", "close"]) -> int:
        """The most that settling or closing now costs, in base units of the fee token: a dry run, which signs nothing.
        Raises SessionRefused for what cannot be done now, and what the act itself would raise.
        """
        record = await self._require(channel_id)
        escrow = self.escrow_of(record)
        if act == "settle":
            if record.state is not ChannelState.OPEN or record.earned <= record.settled:
                raise SessionRefused("Nothing was earned since the last time.", code="nothing-earned")
            signature = bytes.fromhex(record.earned_signature[2:])
            data = escrow.dialect.settle(channel_id, record.descriptor, record.earned, signature)
        else:
            cumulative, signed = record.accepted, record.accepted_signature
            partial = escrow.dialect.partial
            fixed = freeze(record, cumulative, signed, now=self.clock(), partial=partial)
            data = _close_data(escrow, fixed, cumulative, signed)
        tx = await escrow.planned(data, self.clock())
        return fee_in_token(tx.gas, tx.max_fee_per_gas)

    async def close(self, channel_id: str) -> tuple[ChannelRecord, str]:
        """Closes with the highest voucher accepted, taking what was delivered; the rest goes back to the payer."""
        record = await self._require(channel_id)
        return await self.capture(channel_id, record.accepted, record.accepted_signature)

    async def capture(self, channel_id: str, cumulative: int, signature: str) -> tuple[ChannelRecord, str]:
        """Closes with this voucher, whose signature holds. A channel that we closed before gives what it gave then.

        Raises ChannelNotFound, ChannelFinalized, SessionRefused, AmountExceedsDeposit, InternalPayment (nothing
        happened), OutcomeUncertain.
        """
        async with self.lock(channel_id):
            record = await self.refresh(channel_id)
            if record is None:
                raise ChannelNotFound(details={"channelId": channel_id})
            before = record.closed_by()
            if record.finalized and before is not None:
                return record, before.tx_hash
            partial = self.escrow_of(record).dialect.partial
            frozen = await change_known(
                self.store,
                channel_id,
                lambda known: freeze(known, cumulative, signature, now=self.clock(), partial=partial),
            )
            try:
                return await self._send_close(frozen, cumulative, signature)
            except (NotTaken, InternalPayment) as problem:
                return await self._after_refusal(frozen, problem)

    async def _after_refusal(self, frozen: ChannelRecord, problem: PaymentProblem) -> tuple[ChannelRecord, str]:
        """A close that did not happen now: one that was sent before may have, or may yet."""
        known = await self.refresh(frozen.channel_id) or frozen
        before = known.closed_by()
        if known.finalized and before is not None:
            return known, before.tx_hash
        earlier = frozen.pending
        if earlier is None or self.clock() > earlier.at + LIFE:
            await change_known(self.store, frozen.channel_id, thaw)
        # The payer did nothing wrong, and must not be asked to pay for it.
        raise InternalPayment(f"The channel could not be closed. {problem.message}", code=problem.code) from problem

    async def _send_close(self, record: ChannelRecord, cumulative: int, signature: str) -> tuple[ChannelRecord, str]:
        now, escrow = self.clock(), self.escrow_of(record)
        tx = await escrow.own(_close_data(escrow, record, cumulative, signature), now)
        capture = record.owed if record.capture is None else record.capture
        dispatch = _dispatch(DispatchKind.CLOSE, tx.hash(), capture, now)
        await change_known(self.store, record.channel_id, lambda known: replace(known, pending=dispatch))
        receipt = await escrow.deliver(tx)
        ended = escrow.event(receipt, ChannelEventKind.CLOSED, record.channel_id)
        settled, refunded = (capture, record.deposit - capture) if ended is None else ended.values

        def close(known: ChannelRecord) -> ChannelRecord:
            return finish(replace(known, pending=dispatch), settled=settled, refunded=refunded, now=now)

        return await change_known(self.store, record.channel_id, close), receipt.hash

    async def _require(self, channel_id: str) -> ChannelRecord:
        kept = await self.store.get(channel_id)
        if kept is None:
            raise ChannelNotFound(details={"channelId": channel_id})
        return kept.record


def _close_data(escrow: Escrow, record: ChannelRecord, cumulative: int, signature: str) -> bytes:
    """The call that closes a channel whose capture is fixed, with this voucher or the one that is over just that."""
    capture = record.capture
    if capture is None:
        raise SessionRefused("The channel is not being closed.", code="not-closing")
    if not escrow.dialect.partial:
        held = {cumulative: signature, record.accepted: record.accepted_signature}
        held |= {record.earned: record.earned_signature}
        cumulative, signature = capture, "0x" if capture == record.settled else held[capture]
    raw = bytes.fromhex(signature[2:])
    return escrow.dialect.close(record.channel_id, record.descriptor, cumulative, capture, raw)


def _dispatch(kind: DispatchKind, tx_hash: str, amount: int, now: datetime) -> Dispatch:
    content = "0x" + keccak(bytes.fromhex(tx_hash[2:])).hex()
    return Dispatch(kind=kind, content=content, tx_hash=tx_hash, amount=amount, at=now)


def _exposed(record: ChannelRecord) -> Exposure:
    return Exposure(
        channel_id=record.channel_id,
        state=record.state,
        deposit=record.deposit,
        accepted=record.accepted,
        spent=record.spent,
        settled=record.settled,
        at_risk=record.exposure,
        earned=max(record.spent - record.settled, 0),
        withdrawable_at=record.close_requested_at + GRACE_SECONDS if record.close_requested_at else None,
    )
