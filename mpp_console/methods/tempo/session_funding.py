"""Putting money into channels: the payer's openings and top ups, journaled, delivered and held against the chain.

A record is written before its transaction leaves, and its deposit only when the chain shows it. What certainly never
happened is taken back; whatever else happens, the record stays, and the same credential again goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from mpp_console.protocol import OutcomeUncertain

from .reserve_abi import ChannelEventKind
from .session_escrow import Escrow, NotTaken
from .session_handed import HandedTransaction
from .session_problems import SessionRefused
from .session_record import (
    ChannelRecord,
    ChannelState,
    ChannelStore,
    Dispatch,
    DispatchKind,
    arrived,
    change_known,
    observe,
)

__all__ = ["Funding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """Opens and tops up in one escrow. The caller holds the channel's lock."""

    escrow: Escrow
    store: ChannelStore

    async def open(self, channel_id: str, handed: HandedTransaction, *, challenge_id: str, now: datetime) -> None:
        """Leaves an open record behind, whose deposit the chain confirmed; or none."""
        escrow = self.escrow
        await escrow.require_node()
        (there,) = await escrow.states((channel_id,))
        block, tx_hash, landed = 0, "", None
        if there.exists:
            kept = await self.store.get(channel_id)
            landed = await escrow.landed(None if kept is None else kept.record.pending)
        else:
            tx = await escrow.complete(handed, now)
            tx_hash = tx.hash()

            def begin(record: ChannelRecord | None) -> tuple[ChannelRecord | None, None]:
                return self._opening(record, handed, tx_hash, challenge_id, now), None

            await self.store.update(channel_id, begin)
            try:
                receipt = await escrow.deliver(tx)
            except NotTaken:
                await self._forget(channel_id)
                raise
            block = receipt.block_number
            opened = escrow.event(receipt, ChannelEventKind.OPENED, channel_id)
            if opened is None or opened.descriptor != handed.descriptor or opened.values != (handed.amount,):
                raise OutcomeUncertain(
                    "The transaction was included, but the chain's record of it does not show this channel.",
                    code="logs-mismatch",
                    details={"reference": receipt.hash},
                )
            (there,) = await escrow.states((channel_id,))
        if there.close_requested_at or there.deposit < handed.amount:
            raise SessionRefused("The channel is not as it was opened.", code="channel-changed")

        def open_it(record: ChannelRecord | None) -> tuple[ChannelRecord | None, None]:
            if record is not None and record.state is not ChannelState.OPENING:
                return record, None
            begun = self._opening(record, handed, tx_hash, challenge_id, now)
            sent = begun.pending if tx_hash else landed
            done = replace(begun, pending=None) if sent is None else arrived(begun, sent)
            seen = observe(done, deposit=there.deposit, settled=there.settled, close_requested_at=0, now=now)
            # What the chain has settled was delivered by somebody, as far as we can know.
            return replace(seen, state=ChannelState.OPEN, opened_block=block, spent=max(seen.spent, seen.settled)), None

        await self.store.update(channel_id, open_it)

    def _opening(
        self, record: ChannelRecord | None, handed: HandedTransaction, tx_hash: str, challenge_id: str, now: datetime
    ) -> ChannelRecord:
        if record is not None and (record.state is not ChannelState.OPENING or not tx_hash):
            return record
        pending = Dispatch(
            kind=DispatchKind.OPEN, content=handed.content, tx_hash=tx_hash, amount=handed.amount, at=now
        )
        if record is not None:
            return replace(record, pending=pending)
        escrow = self.escrow
        return ChannelRecord(
            channel_id=escrow.dialect.channel_id(handed.descriptor, escrow=escrow.address, chain_id=escrow.chain_id),
            protocol=escrow.protocol,
            chain_id=escrow.chain_id,
            escrow=escrow.address,
            descriptor=handed.descriptor,
            created_at=now,
            last_used=now,
            challenge_id=challenge_id,
            pending=pending if tx_hash else None,
        )

    async def _forget(self, channel_id: str) -> None:
        """Drops an opening that certainly never happened."""
        (there,) = await self.escrow.states((channel_id,))

        def drop(record: ChannelRecord | None) -> tuple[ChannelRecord | None, None]:
            gone = record is not None and record.state is ChannelState.OPENING and not there.exists
            return (None if gone else record), None

        await self.store.update(channel_id, drop)

    async def top_up(
        self, record: ChannelRecord, handed: HandedTransaction, *, now: datetime
    ) -> tuple[ChannelRecord, str]:
        """The record with the new deposit, and the transaction's hash. Raises a PaymentProblem."""
        escrow, channel_id, pending = self.escrow, record.channel_id, record.pending
        await escrow.require_node()
        receipt = None
        if pending is not None and pending.content == handed.content:
            receipt = await escrow.receipt(pending.tx_hash)
        if receipt is None:
            tx = await escrow.complete(handed, now)
            pending = Dispatch(
                kind=DispatchKind.TOP_UP,
                content=handed.content,
                tx_hash=tx.hash(),
                amount=handed.amount,
                at=now,
            )
            await change_known(self.store, channel_id, lambda known: replace(known, pending=pending))
            try:
                receipt = await escrow.deliver(tx)
            except NotTaken:
                await change_known(self.store, channel_id, lambda known: replace(known, pending=None))
                raise
        dispatch = pending
        assert dispatch is not None  # noqa: S101 - either journaled now or before
        added = escrow.event(receipt, ChannelEventKind.TOPPED_UP, channel_id)
        if not receipt.status or added is None or added.values[0] != handed.amount:
            raise OutcomeUncertain(
                "The transaction was included, but the chain's record of it does not show the top up.",
                code="logs-mismatch",
                details={"reference": receipt.hash},
            )
        (there,) = await escrow.states((channel_id,))
        grown = await change_known(
            self.store,
            channel_id,
            lambda known: arrived(
                observe(
                    known,
                    deposit=max(there.deposit, added.values[1]) if there.exists else 0,
                    settled=there.settled,
                    close_requested_at=there.close_requested_at,
                    now=now,
                ),
                dispatch,
            ),
        )
        return grown, receipt.hash
