"""The charging half of Tempo sessions: opens, vouchers, top ups and closes of channels, of the reserve (v2) and of the
escrow contract that older clients know (v1).

The gate has authenticated the challenge; here the payload is judged against it and against the channel. A sum is on
disk before anybody is served for it, a transaction is journaled before it is broadcast, and what a channel is worth is
the chain's word, never the payer's (tempo session draft, "Verification Procedure", "Server-Side Accounting").
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from weakref import WeakValueDictionary

import msgspec

from mpp_console.methods.base import ClaimStore, Clock
from mpp_console.protocol import (
    Credential,
    InternalPayment,
    InvalidPayload,
    ParseError,
    PaymentProblem,
    Receipt,
    format_timestamp,
)

from .chain import Chain
from .channels import MAX_RESERVE_AMOUNT, RESERVE, ZERO_ADDRESS, Descriptor
from .client_channel import ChannelProtocol
from .keys import Signer, parse_address, to_checksum
from .networks import Network
from .offers import ImpossibleOffer
from .session_checks import read_request, read_source, voucher_signature
from .session_closing import LIFE, SessionSettlement
from .session_escrow import Escrow
from .session_funding import Funding
from .session_handed import check_descriptor, read_open, read_top_up
from .session_metering import ChannelMeter
from .session_payloads import ClosePayload, OpenPayload, TopUpPayload, VoucherPayload, decode_session_payload
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
    Dispatch,
    DispatchKind,
    accept,
    arrived,
    change_known,
    charge,
    finish,
    observe,
    require_usable,
)
from .session_schema import (
    METHOD,
    SESSION_INTENT,
    SessionRequest,
    Snapshot,
    decode_session_request,
    encode_session_request,
)
from .session_signing import domain_of
from .session_snapshot import snapshot_of
from .settle import Settlement
from .sponsor import SponsorPolicy
from .vouchers import VoucherDomain

__all__ = ["SessionOutcome", "TempoSessionPayee"]

FRESH: Final = timedelta(seconds=5)
"""How old the chain's word on a channel may be before it is asked again; what other servers use."""

STALE: Final = timedelta(seconds=60)
"""How long a chain that cannot be asked is borne with. A payer needs 15 minutes to withdraw, so nothing is lost in
one."""

Kind = Literal["content", "management"]


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator may set for one offer."""

    unit_type: str | None = None
    suggested_deposit: int | None = None
    min_voucher_delta: int | None = None
    fee_payer: bool = False
    protocol: ChannelProtocol = "v2"


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
class _Attempt:
    """One credential being judged. `cost` is 0 where nothing is to be delivered."""

    request: SessionRequest
    credential: Credential
    source: str | None
    kind: Kind
    cost: int
    units: int
    now: datetime


class TempoSessionPayee:
    """Charges `tempo/session` in `token` to `recipient` on one network.

    `signer` is the recipient's key, or its operator's, which the challenges then name: it closes and settles, and pays
    the fees of that in `fee_token`. v1 knows no operator: `own_key`, the recipient's, closes its channels (it is
    `signer` where that is the recipient); without it, or on a network without a contract, none is offered. `sponsor`
    makes sponsored offers possible. A deposit under `min_deposit` opens no channel (draft, "Denial of Service").
    Sums are base units.
    """

    method: Final = METHOD
    intent: Final = SESSION_INTENT

    def __init__(
        self,
        *,
        chain: Chain,
        network: Network,
        recipient: str,
        signer: Signer,
        store: ChannelStore,
        clock: Clock,
        token: str | None = None,
        fee_token: str | None = None,
        escrow: str = RESERVE,
        legacy_escrow: str | None = None,
        own_key: Signer | None = None,
        sponsor: SponsorPolicy | None = None,
        unit_type: str | None = "request",
        suggested_deposit: int | None = None,
        min_voucher_delta: int | None = None,
        min_deposit: int = 0,
        confirm_seconds: float = 20.0,
        recovery_seconds: float = 15.0,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._network = network
        self._recipient = parse_address(recipient)
        self._token = parse_address(token or network.default_token)
        self._operator = ZERO_ADDRESS if signer.address == self._recipient else signer.address
        self._store = store
        self._clock = clock
        self._min_deposit = min_deposit
        self._defaults = _Options(
            unit_type=unit_type, suggested_deposit=suggested_deposit, min_voucher_delta=min_voucher_delta
        )
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        reserve = Escrow(
            chain=chain,
            address=to_checksum(escrow),
            chain_id=network.chain_id,
            signer=signer,
            fee_token=parse_address(fee_token) if fee_token else self._token,
            settlement=Settlement(
                chain=chain,
                network=network,
                sponsor=sponsor,
                confirm_seconds=confirm_seconds,
                recovery_seconds=recovery_seconds,
                sleep=sleep,
            ),
            sleep=sleep,
            random_bytes=random_bytes,
        )
        self._escrows: dict[ChannelProtocol, Escrow] = {"v2": reserve}
        contract, own_key = legacy_escrow or network.legacy_escrow, own_key or signer
        if contract is not None and own_key.address == self._recipient:
            self._escrows["v1"] = replace(
                reserve,
                address=to_checksum(contract),
                protocol="v1",
                signer=own_key,
                fee_payer=None if own_key is signer else signer,
            )
        self.settlement: Final = SessionSettlement(
            escrow_of=self._escrow_of, store=store, clock=clock, lock=self._lock, refresh=self._observed
        )

    @property
    def network(self) -> Network:
        return self._network

    @property
    def recipient(self) -> str:
        return self._recipient

    @property
    def channels(self) -> ChannelStore:
        return self._store

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The request of a challenge: `amount` base units for one unit. Options: `unit_type`, `suggested_deposit`,
        `min_voucher_delta`, `fee_payer`, `protocol` ("v1" for older clients). Raises ImpossibleOffer for what no honest
        client could fulfil.
        """
        try:
            chosen = msgspec.convert(dict(options or {}), type=_Options)
        except msgspec.ValidationError as error:
            raise ImpossibleOffer(f"The options of this offer are wrong: {error}") from error
        if isinstance(amount, bool) or not 0 < amount <= MAX_RESERVE_AMOUNT:
            raise ImpossibleOffer(f"A unit costs 1 to 2^96-1 base units, not {amount}.")
        escrow = self._escrows.get(chosen.protocol)
        if escrow is None:
            raise ImpossibleOffer("Sessions of version 1 need the recipient's own key, and an escrow contract.")
        if chosen.fee_payer and escrow.sponsor is None:
            raise ImpossibleOffer("A sponsored offer needs a sponsor: configure one, or let the payer pay the fee.")
        defaults = self._defaults
        request = SessionRequest(
            amount=amount,
            currency=self._token,
            recipient=self._recipient,
            chain_id=self._network.chain_id,
            escrow=escrow.address,
            protocol=chosen.protocol,
            unit_type=chosen.unit_type or defaults.unit_type,
            suggested_deposit=chosen.suggested_deposit or defaults.suggested_deposit,
            min_voucher_delta=chosen.min_voucher_delta or defaults.min_voucher_delta,
            operator=self._operator if chosen.protocol == "v2" else ZERO_ADDRESS,
            fee_payer=chosen.fee_payer,
        )
        wire = encode_session_request(request)
        decode_session_request(wire)  # what we ask for must be what we can read back
        return wire

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        """One unit as content, for callers that know nothing of channels; vouchers need no claims."""
        request = self._asked(credential, now)
        return (await self.handle(credential, kind="content", cost=request.amount, now=now)).receipt

    async def handle(
        self, credential: Credential, *, kind: Kind, cost: int, now: datetime, units: int = 1
    ) -> SessionOutcome:
        """Does what the credential asks for, and for content charges `cost` base units for `units`, durably, before
        this returns. Raises a PaymentProblem; an accepted voucher stays accepted also when it does not cover the cost.
        """
        request = self._asked(credential, now)
        try:
            payload = decode_session_payload(credential.payload)
        except ParseError as error:
            raise InvalidPayload(error.message, code=error.code) from error
        attempt = _Attempt(
            request=request,
            credential=credential,
            source=read_source(credential, request),
            kind=kind,
            cost=cost if kind == "content" else 0,
            units=units if kind == "content" else 0,
            now=now,
        )
        match payload:
            case OpenPayload():
                return await self._open(payload, attempt)
            case TopUpPayload():
                return await self._top_up(payload, attempt)
            case VoucherPayload():
                return await self._voucher(payload, attempt)
            case ClosePayload():
                return await self._close(payload, attempt)

    def meter(self, credential: Credential) -> ChannelMeter:
        """Charges the channel of an accepted credential further, while its answer is delivered. Raises ParseError for a
        credential that `handle` would not have accepted.
        """
        payload = decode_session_payload(credential.payload)
        request = decode_session_request(credential.challenge.request)
        return ChannelMeter(
            store=self._store,
            channel_id=payload.channel_id,
            clock=self._clock,
            fresh=self._fresh,
            min_delta=request.min_voucher_delta,
        )

    async def snapshot(self, channel_id: str, request: Mapping[str, Any], *, cost: int) -> Snapshot | None:
        """What is known of a channel that could pay `request`, `cost` base units next; None when it could not. See
        `snapshot_of`.

        Raises ParseError for a request that is none of ours.
        """
        asked = decode_session_request(request)
        kept = await self._store.get(channel_id.lower())
        return None if kept is None else snapshot_of(kept.record, asked, cost=cost)

    async def recover(self) -> tuple[ChannelRecord, ...]:
        """Asks the chain about every channel that was being opened, closed, topped up or settled when the last process
        ended. Gives those that stand differently now; run it before serving. Raises InternalPayment when the chain
        cannot be asked.
        """
        half = frozenset({ChannelState.OPENING, ChannelState.CLOSING})
        resolved = []
        for record in await self._store.list(states=half | {ChannelState.OPEN}):
            if record.state not in half and record.pending is None:
                continue
            async with self._lock(record.channel_id):
                now = await self._observed(record.channel_id)
                if now is not None and now.state is ChannelState.OPEN and now.pending is not None:
                    now = await self._arrived_or_dead(now, now.pending)
                if now is not None and (now.state, now.pending) != (record.state, record.pending):
                    resolved.append(now)
        return tuple(resolved)

    async def _arrived_or_dead(self, record: ChannelRecord, pending: Dispatch) -> ChannelRecord:
        """The record without a top up or settlement that a dead process left: it has arrived, or never will."""
        receipt = await self._escrow_of(record).receipt(pending.tx_hash)
        if receipt is not None and receipt.status:
            return await change_known(self._store, record.channel_id, lambda known: arrived(known, pending))
        if receipt is None and self._clock() <= pending.at + LIFE:
            return record
        return await change_known(self._store, record.channel_id, lambda known: replace(known, pending=None))

    # -- actions

    async def _open(self, payload: OpenPayload, attempt: _Attempt) -> SessionOutcome:
        escrow = self._escrows[attempt.request.protocol]
        challenge, sponsor = attempt.credential.challenge, escrow.sponsor
        handed = read_open(payload, attempt.request, challenge=challenge, sponsor=sponsor, now=attempt.now)
        self._require_source(attempt, handed.descriptor)
        if payload.cumulative > handed.amount:
            raise AmountExceedsDeposit(details={"channelId": payload.channel_id})
        if handed.amount < self._min_deposit:
            raise SessionRefused(f"A deposit is at least {self._min_deposit} base units.", code="deposit-too-small")
        signature = voucher_signature(self._domain(escrow), handed.descriptor, payload)
        async with self._lock(payload.channel_id):
            known = await self._store.get(payload.channel_id)
            if known is None or known.record.state is ChannelState.OPENING:
                funding = Funding(escrow=escrow, store=self._store)
                await funding.open(payload.channel_id, handed, challenge_id=challenge.id, now=attempt.now)
        return await self._accept(payload, signature, attempt, opened=True)

    async def _top_up(self, payload: TopUpPayload, attempt: _Attempt) -> SessionOutcome:
        async with self._lock(payload.channel_id):
            record = await self._known(payload.channel_id, payload.descriptor, attempt)
            handed = read_top_up(
                payload,
                record.descriptor,
                attempt.request,
                challenge=attempt.credential.challenge,
                sponsor=self._escrow_of(record).sponsor,
                now=attempt.now,
            )
            self._require_source(attempt, record.descriptor)
            before = record.delivered(DispatchKind.TOP_UP, handed.content)
            if before is not None:
                return self._outcome(record, attempt, "topUp", tx_hash=before.tx_hash)
            if record.state is not ChannelState.OPEN:
                require_usable(record)
                raise SessionRefused("The channel is not open yet.", code="not-open")
            funding = Funding(escrow=self._escrow_of(record), store=self._store)
            record, tx_hash = await funding.top_up(record, handed, now=attempt.now)
        return self._outcome(record, attempt, "topUp", tx_hash=tx_hash)

    async def _voucher(self, payload: VoucherPayload, attempt: _Attempt) -> SessionOutcome:
        record = await self._known(payload.channel_id, payload.descriptor, attempt)
        self._require_source(attempt, record.descriptor)
        # Cheap first: a lower voucher is refused before its signature is looked at (draft, "Denial of Service").
        if payload.cumulative < record.accepted:
            accept(record, payload.cumulative, "", min_delta=None, now=attempt.now)
        record = await self._fresh(record, attempt.now, needed=payload.cumulative)
        require_usable(record)
        if payload.cumulative > record.deposit:
            accept(record, payload.cumulative, "", min_delta=None, now=attempt.now)
        signature = voucher_signature(self._domain(self._escrow_of(record)), record.descriptor, payload)
        return await self._accept(payload, signature, attempt, opened=False)

    async def _close(self, payload: ClosePayload, attempt: _Attempt) -> SessionOutcome:
        record = await self._known(payload.channel_id, payload.descriptor, attempt)
        self._require_source(attempt, record.descriptor)
        signature = voucher_signature(self._domain(self._escrow_of(record)), record.descriptor, payload)
        closed, tx_hash = await self.settlement.capture(record.channel_id, payload.cumulative, signature)
        return self._outcome(closed, attempt, "close", tx_hash=tx_hash)

    # -- accounting

    async def _accept(
        self, payload: OpenPayload | VoucherPayload, signature: str, attempt: _Attempt, *, opened: bool
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

        result = await self._store.update(payload.channel_id, change)
        if isinstance(result, PaymentProblem):
            raise result
        tx_hash = next((item.tx_hash for item in result.done if item.kind is DispatchKind.OPEN), None)
        return self._outcome(result, attempt, payload.action, tx_hash=tx_hash if opened else None)

    def _outcome(self, record: ChannelRecord, attempt: _Attempt, action: str, *, tx_hash: str | None) -> SessionOutcome:
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
            receipt=session_receipt(facts, timestamp=format_timestamp(self._clock())),
            record=record,
            action=action,
            management=management,
            charged=0 if management else attempt.cost,
            tx_hash=tx_hash,
        )

    # -- checks

    def _asked(self, credential: Credential, now: datetime) -> SessionRequest:
        escrows = {protocol: escrow.address for protocol, escrow in self._escrows.items()}
        return read_request(credential, chain_id=self._network.chain_id, escrows=escrows, now=now)

    def _domain(self, escrow: Escrow) -> VoucherDomain:
        return domain_of(escrow.chain_id, escrow.address, escrow.protocol)

    def _escrow_of(self, record: ChannelRecord) -> Escrow:
        """Raises InternalPayment for a channel of an escrow that is not configured any more."""
        escrow = self._escrows.get(record.protocol)
        if escrow is None or escrow.address != record.escrow:
            raise InternalPayment("The channel is of an escrow that is not used here.", code="foreign-escrow")
        return escrow

    def _require_source(self, attempt: _Attempt, descriptor: Descriptor) -> None:
        if attempt.source not in (None, descriptor.payer, descriptor.voucher_signer):
            raise SessionRefused("The source is neither payer nor signer of the channel.", code="source-mismatch")

    async def _known(self, channel_id: str, stated: Descriptor | None, attempt: _Attempt) -> ChannelRecord:
        kept = await self._store.get(channel_id)
        if kept is None or kept.record.protocol != attempt.request.protocol:
            raise ChannelNotFound(details={"channelId": channel_id})
        if stated is None and kept.record.protocol == "v2":
            raise InvalidPayload("The payload has no descriptor, which protocol v2 demands.", code="no-descriptor")
        if stated not in (None, kept.record.descriptor):
            raise SessionRefused("The descriptor is not that of the channel.", code="descriptor-mismatch")
        check_descriptor(kept.record.descriptor, channel_id, attempt.request)
        return kept.record

    # -- the chain's word

    async def _fresh(self, record: ChannelRecord, now: datetime, *, needed: int) -> ChannelRecord:
        """The record with a recent word of the chain; asked again where more is needed than the deposit known."""
        age = STALE if record.checked_at is None else now - record.checked_at
        if record.finalized or (age < FRESH and needed <= record.deposit):
            return record
        try:
            return await self._observed(record.channel_id) or record
        except InternalPayment:
            if age >= STALE:
                raise
            return record

    async def _observed(self, channel_id: str) -> ChannelRecord | None:
        """Asks the chain and keeps what it says. A channel that is gone is closed by its last event only."""
        kept = await self._store.get(channel_id)
        if kept is None:
            return None
        escrow = self._escrow_of(kept.record)
        (there,) = await escrow.states((channel_id,))
        now = self._clock()
        if there.exists:
            return await change_known(self._store, channel_id, lambda record: self._seen(record, there, now))
        if kept.record.state is ChannelState.CLOSED:
            return kept.record
        ended = await escrow.closing(channel_id, kept.record.opened_block)
        if ended is None:
            if kept.record.state is ChannelState.OPENING:
                return kept.record
            raise InternalPayment("The chain does not show the channel now. Nothing was taken.", code="channel-unseen")
        settled, refunded = ended.values
        return await change_known(
            self._store, channel_id, lambda record: finish(record, settled=settled, refunded=refunded, now=now)
        )

    def _seen(self, record: ChannelRecord, there: Any, now: datetime) -> ChannelRecord:
        seen = observe(
            record,
            deposit=there.deposit,
            settled=there.settled,
            close_requested_at=there.close_requested_at,
            now=now,
        )
        if seen.state is not ChannelState.OPENING:
            return seen
        done = arrived(seen, seen.pending) if seen.pending is not None else seen
        return replace(done, state=ChannelState.OPEN, spent=max(done.spent, done.settled))

    def _lock(self, channel_id: str) -> asyncio.Lock:
        """One transaction at a time for a channel within this process; the store serialises the sums for all."""
        lock = self._locks.get(channel_id)
        if lock is None:
            lock = self._locks[channel_id] = asyncio.Lock()
        return lock
