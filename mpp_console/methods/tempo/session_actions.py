"""Doing what one credential of a session asks for: open, topUp, voucher or close, and the charge for what is delivered.

The challenge has been read when a credential comes here. A sum is on disk before anybody is served for it; what goes to
the chain is journaled and sent by `session_funding` and `session_closing`, never from here (tempo session draft,
"Verification Procedure", "Server-Side Accounting").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from mpp_console.methods.base import Clock
from mpp_console.protocol import Credential, InvalidPayload, PaymentProblem, Receipt, format_timestamp

from .channels import Descriptor
from .session_checks import voucher_signature
from .session_closing import SessionSettlement
from .session_dialect import dialect_of
from .session_escrow import Escrow
from .session_escrows import Escrows
from .session_funding import Funding
from .session_handed import check_descriptor, read_open, read_top_up
from .session_observing import Observer
from .session_payloads import ClosePayload, OpenPayload, SessionPayload, TopUpPayload, VoucherPayload
from .session_problems import (
    AmountExceedsDeposit,
    ChannelNotFound,
    InsufficientBalance,
    SessionRefused,
)
from .session_receipts import SessionReceiptFacts, session_receipt
from .session_record import (
    ChannelRecord,
    ChannelState,
    ChannelStore,
    DispatchKind,
    accept,
    charge,
    require_usable,
)
from .session_schema import SessionRequest
from .session_signing import domain_of
from .vouchers import VoucherDomain

__all__ = ["Attempt", "Kind", "SessionActions", "SessionOutcome"]

Kind = Literal["content", "management"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOutcome:
    """What became of a credential. `management`: there is nothing to deliver, answer 204. `charged` in base units."""

    receipt: Receipt
    record: ChannelRecord
    action: str
    management: bool
    charged: int = 0
    tx_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One credential being judged. `cost` is 0 where nothing is to be delivered."""

    request: SessionRequest
    credential: Credential
    source: str | None
    kind: Kind
    cost: int
    units: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionActions:
    """The actions of one payee; `lock` is its own. A deposit under `min_deposit` base units opens no channel."""

    escrows: Escrows
    store: ChannelStore
    observer: Observer
    settlement: SessionSettlement
    lock: Callable[[str], asyncio.Lock]
    clock: Clock
    min_deposit: int

    async def perform(self, payload: SessionPayload, attempt: Attempt) -> SessionOutcome:
        """Raises a PaymentProblem; an accepted voucher stays accepted also when it does not cover the cost."""
        match payload:
            case OpenPayload():
                return await self._open(payload, attempt)
            case TopUpPayload():
                return await self._top_up(payload, attempt)
            case VoucherPayload():
                return await self._voucher(payload, attempt)
            case ClosePayload():
                return await self._close(payload, attempt)

    async def _open(self, payload: OpenPayload, attempt: Attempt) -> SessionOutcome:
        escrow = self.escrows.by_protocol[attempt.request.protocol]
        challenge, sponsor = attempt.credential.challenge, escrow.sponsor
        handed = read_open(payload, attempt.request, challenge=challenge, sponsor=sponsor, now=attempt.now)
        _require_source(attempt, handed.descriptor)
        if payload.cumulative > handed.amount:
            raise AmountExceedsDeposit(details={"channelId": payload.channel_id})
        if handed.amount < self.min_deposit:
            raise SessionRefused(f"A deposit is at least {self.min_deposit} base units.", code="deposit-too-small")
        signature = voucher_signature(_domain(escrow), handed.descriptor, payload)
        async with self.lock(payload.channel_id):
            known = await self.store.get(payload.channel_id)
            if known is None or known.record.state is ChannelState.OPENING:
                funding = Funding(escrow=escrow, store=self.store)
                await funding.open(payload.channel_id, handed, challenge_id=challenge.id, now=attempt.now)
        return await self._accept(payload, signature, attempt, opened=True)

    async def _top_up(self, payload: TopUpPayload, attempt: Attempt) -> SessionOutcome:
        async with self.lock(payload.channel_id):
            record = await self._known(payload.channel_id, payload.descriptor, attempt)
            handed = read_top_up(
                payload,
                record.descriptor,
                attempt.request,
                challenge=attempt.credential.challenge,
                sponsor=self.escrows.of(record).sponsor,
                now=attempt.now,
            )
            _require_source(attempt, record.descriptor)
            before = record.delivered(DispatchKind.TOP_UP, handed.content)
            if before is not None:
                return self._outcome(record, attempt, "topUp", tx_hash=before.tx_hash)
            if record.state is not ChannelState.OPEN:
                require_usable(record)
                raise SessionRefused("The channel is not open yet.", code="not-open")
            funding = Funding(escrow=self.escrows.of(record), store=self.store)
            record, tx_hash = await funding.top_up(record, handed, now=attempt.now)
        return self._outcome(record, attempt, "topUp", tx_hash=tx_hash)

    async def _voucher(self, payload: VoucherPayload, attempt: Attempt) -> SessionOutcome:
        record = await self._known(payload.channel_id, payload.descriptor, attempt)
        _require_source(attempt, record.descriptor)
        # Cheap first: what cannot be is refused before a signature is looked at (draft, "Denial of Service"), and the
        # chain is asked only for what the channel's own signer wants.
        if not record.accepted <= payload.cumulative <= dialect_of(record.protocol).maximum:
            accept(record, payload.cumulative, "", min_delta=None, now=attempt.now)
        signature = voucher_signature(_domain(self.escrows.of(record)), record.descriptor, payload)
        record = await self.observer.fresh(record, attempt.now, needed=payload.cumulative)
        require_usable(record)
        if payload.cumulative > record.deposit:
            accept(record, payload.cumulative, "", min_delta=None, now=attempt.now)
        return await self._accept(payload, signature, attempt, opened=False)

    async def _close(self, payload: ClosePayload, attempt: Attempt) -> SessionOutcome:
        record = await self._known(payload.channel_id, payload.descriptor, attempt)
        _require_source(attempt, record.descriptor)
        signature = voucher_signature(_domain(self.escrows.of(record)), record.descriptor, payload)
        closed, tx_hash = await self.settlement.capture(record.channel_id, payload.cumulative, signature)
        return self._outcome(closed, attempt, "close", tx_hash=tx_hash)

    async def _known(self, channel_id: str, stated: Descriptor | None, attempt: Attempt) -> ChannelRecord:
        kept = await self.store.get(channel_id)
        if kept is None or kept.record.protocol != attempt.request.protocol:
            raise ChannelNotFound(details={"channelId": channel_id})
        if stated is None and kept.record.protocol == "v2":
            raise InvalidPayload("The payload has no descriptor, which protocol v2 demands.", code="no-descriptor")
        if stated not in (None, kept.record.descriptor):
            raise SessionRefused("The descriptor is not that of the channel.", code="descriptor-mismatch")
        check_descriptor(kept.record.descriptor, channel_id, attempt.request)
        return kept.record

    # -- accounting

    async def _accept(
        self, payload: OpenPayload | VoucherPayload, signature: str, attempt: Attempt, *, opened: bool
    ) -> SessionOutcome:
        # The first voucher may be of any size: the client may well not want to promise more than one unit.
        min_delta = None if opened else attempt.request.min_voucher_delta

        def change(known: ChannelRecord | None) -> tuple[ChannelRecord, ChannelRecord | PaymentProblem]:
            if known is None:
                raise ChannelNotFound(details={"channelId": payload.channel_id})
            record = accept(known, payload.cumulative, signature, min_delta=min_delta, now=attempt.now)
            if record.accepted > known.accepted:
                record = replace(record, voucher_challenge_id=attempt.credential.challenge.id)
            if attempt.kind == "management":
                return record, record
            try:
                record = charge(record, attempt.cost, units=attempt.units, now=attempt.now)
            except InsufficientBalance as problem:
                # The voucher counts all the same: its money is ours to earn.
                return record, problem
            return record, record

        result = await self.store.update(payload.channel_id, change)
        if isinstance(result, PaymentProblem):
            raise result
        tx_hash = next((item.tx_hash for item in result.done if item.kind is DispatchKind.OPEN), None)
        return self._outcome(result, attempt, payload.action, tx_hash=tx_hash if opened else None)

    def _outcome(self, record: ChannelRecord, attempt: Attempt, action: str, *, tx_hash: str | None) -> SessionOutcome:
        management = attempt.kind == "management" or action in ("topUp", "close")
        facts = SessionReceiptFacts(
            channel_id=record.channel_id,
            challenge_id=attempt.credential.challenge.id,
            accepted=record.accepted,
            spent=record.spent,
            units=None if management else attempt.units,
            tx_hash=tx_hash,
        )
        return SessionOutcome(
            receipt=session_receipt(facts, timestamp=format_timestamp(self.clock())),
            record=record,
            action=action,
            management=management,
            charged=0 if management else attempt.cost,
            tx_hash=tx_hash,
        )


def _domain(escrow: Escrow) -> VoucherDomain:
    return domain_of(escrow.chain_id, escrow.address, escrow.protocol)


def _require_source(attempt: Attempt, descriptor: Descriptor) -> None:
    if attempt.source not in (None, descriptor.payer, descriptor.voucher_signer):
        raise SessionRefused("The source is neither payer nor signer of the channel.", code="source-mismatch")
