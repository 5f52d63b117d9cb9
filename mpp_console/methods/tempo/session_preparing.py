"""Preparing a session payment: planned anew once its channel is ours alone, written into the book, then signed.

The channel's row is written before a signature is handed out, and nothing is sent from here: what locks money leaves
only when the payment is sent, and the row then tells how to get it back. Never locks more than was quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mpp_console.methods.base import Check, Clock, PaymentRefused, Prepared, Quote
from mpp_console.protocol import Credential, format_account_did

from .calls import valid_before
from .chain import Chain
from .channels import ZERO_ADDRESS
from .client_channel import ChannelBook, ChannelEntry, ClientChannel, Lease
from .keys import Signer
from .session_dialect import dialect_of
from .session_payloads import OpenPayload, VoucherPayload
from .session_plan import PlanKind, SessionPlan
from .session_planner import Planner
from .session_schema import SessionRequest
from .session_signing import Lifetime, domain_of, open_call, sign_open, sign_top_up
from .session_trace import REUSED, SessionTrace

__all__ = ["Preparer", "Signing"]

_PAST: Final = 60
"""Seconds that `validAfter` lies back at least, so that a chain whose clock lags a little takes the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What signing needs beyond the quote. `ref` names the payment in the channel's row and history."""

    request: SessionRequest
    plan: SessionPlan
    lease: Lease
    signer: Signer
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """Prepares payments for whoever holds the channel's lease. `delegate` signs the vouchers of the channels that are
    opened here, in place of the payer.
    """

    chain: Chain
    book: ChannelBook
    planner: Planner
    clock: Clock
    delegate: Signer | None
    random_bytes: Callable[[int], bytes]

    async def replan(self, quote: Quote, request: SessionRequest, lease: Lease) -> SessionPlan:
        """The plan as things stand now that nobody else changes them. Raises PaymentRefused, ChainError."""
        plan = await self.planner.plan(request, quote.payer, lease)
        if isinstance(plan, Check):
            raise PaymentRefused(plan.message, code=plan.code)
        quoted = quote.details
        if plan.kind is not PlanKind.VOUCHER:
            if plan.kind != quoted["plan"] or "gas" not in quoted:
                raise PaymentRefused(
                    "The channel has changed since this was quoted. Ask for a new quote.", code="plan-changed"
                )
            if plan.locks > quoted["locks"]:
                plan = replace(plan, locks=quoted["locks"])
            if plan.channel is not None and plan.channel.deposit + plan.locks < plan.cumulative:
                raise PaymentRefused(
                    "The channel needs more than was quoted by now. Ask for a new quote.", code="plan-changed"
                )
            block = await self.chain.block()
            if block.base_fee > quoted["max_fee_per_gas"]:
                raise PaymentRefused("Fees have risen since this was quoted. Ask for a new quote.", code="fee-rose")
        return plan

    async def sign(self, quote: Quote, signing: Signing) -> Prepared:
        """The row, then the signatures. Raises PaymentRefused, ChainError, ChannelBookError."""
        if signing.plan.kind is PlanKind.OPEN:
            return await self._open(quote, signing)
        return await self.advance(quote, signing)

    async def _open(self, quote: Quote, signing: Signing) -> Prepared:
        request, plan, now = signing.request, signing.plan, self.clock()
        lifetime = self._lifetime(quote)
        block = await self.chain.block()
        if block.timestamp >= lifetime.before:
            raise PaymentRefused("This machine's clock is behind the chain's. Set the clock.", code="clock-behind")
        salt = "0x" + self.random_bytes(32).hex()
        delegated = ZERO_ADDRESS if self.delegate is None else self.delegate.address
        call = open_call(request, plan.locks, salt, delegated)
        made = sign_open(quote, call, request, lifetime, signing.signer)
        row = replace(
            self.planner.blank(request, made.descriptor),
            deposit=plan.locks,
            signed=plan.cumulative,
            dies_at=lifetime.before,
            from_block=block.number,
            open_hash=made.tx_hash,
            voucher_ref=signing.ref,
        )
        entry = ChannelEntry(at=now, kind="opening", amount=plan.locks, reference=made.tx_hash)
        await self.book.add(row, lease=signing.lease, entry=entry)
        payload = OpenPayload(
            channel_id=made.channel_id,
            transaction=made.raw,
            cumulative=plan.cumulative,
            signature=self._signature(row, plan.cumulative, signing.signer),
            descriptor=row.stated,
            authorized_signer=made.descriptor.authorized_signer,
        )
        return _prepared(quote, signing, row, payload.to_wire())

    async def advance(self, quote: Quote, signing: Signing) -> Prepared:
        """A higher voucher on a channel that is open, with the top up that it needs. Raises as `sign`."""
        plan, now = signing.plan, self.clock()
        channel = plan.channel
        assert channel is not None  # noqa: S101 - only an opening has none
        raw = b""
        locks: dict[str, Any] = {}
        if plan.kind is PlanKind.TOP_UP:
            lifetime = self._lifetime(quote)
            calls = dialect_of(channel.protocol).top_up_calls(
                channel.channel_id, channel.descriptor, channel.escrow, plan.locks
            )
            raw = sign_top_up(quote, calls, lifetime, signing.signer)
            locks = {"pending_deposit": plan.locks, "dies_at": lifetime.before}
        row = await self.book.update(
            channel.channel_id,
            lambda row: replace(
                row.learned(now, signed=plan.cumulative), **self.planner.placed(), **locks, voucher_ref=signing.ref
            ),
            lease=signing.lease,
            entry=self._line(signing, channel),
        )
        payload = self.voucher_payload(row, plan.cumulative, signing.signer)
        return _prepared(quote, signing, row, payload, raw)

    def _line(self, signing: Signing, channel: ClientChannel) -> ChannelEntry | None:
        """What the channel's history says of a voucher about to leave: only what is out of the ordinary."""
        plan, now = signing.plan, self.clock()
        if plan.cumulative == channel.signed and channel.voucher_ref not in (None, signing.ref):
            return ChannelEntry(at=now, kind=REUSED, amount=plan.cumulative, reference=channel.voucher_ref)
        if plan.kind is PlanKind.TOP_UP:
            return ChannelEntry(at=now, kind="topping up", amount=plan.locks)
        return None

    def _lifetime(self, quote: Quote) -> Lifetime:
        """25 seconds from now at most, and a random moment in the past, so that no two top ups are alike."""
        now = self.clock()
        before = valid_before(now, quote.challenge.expires_at)
        span = max(int(now.timestamp()) - _PAST, 2)
        after = 1 + int.from_bytes(self.random_bytes(8), "big") % (span - 1)
        return Lifetime(after=min(after, before - 1), before=before)

    def voucher_payload(self, row: ClientChannel, cumulative: int, signer: Signer) -> Mapping[str, Any]:
        """The payload of a voucher over `cumulative` base units in all, which the row must say already is signed."""
        payload = VoucherPayload(
            channel_id=row.channel_id,
            cumulative=cumulative,
            signature=self._signature(row, cumulative, signer),
            descriptor=row.stated,
        )
        return payload.to_wire()

    def _signature(self, row: ClientChannel, cumulative: int, signer: Signer) -> str:
        delegate = self.delegate
        by = delegate if delegate is not None and row.voucher_signer == delegate.address else signer
        return domain_of(row.chain_id, row.escrow, row.protocol).sign(by, row.channel_id, cumulative)


def _prepared(
    quote: Quote, signing: Signing, row: ClientChannel, payload: Mapping[str, Any], raw: bytes = b""
) -> Prepared:
    source = format_account_did(row.chain_id, signing.signer.address)
    trace = SessionTrace(
        ref=signing.ref,
        plan=str(signing.plan.kind),
        channel_id=row.channel_id,
        chain_id=row.chain_id,
        before=str(signing.plan.before),
        cumulative=str(signing.plan.cumulative),
        amount=str(quote.amount),
        locks=str(signing.plan.locks),
    )
    return Prepared(
        quote=quote,
        credential=Credential(challenge=quote.challenge, payload=payload, source=source),
        reference=row.channel_id,
        trace=trace.to_dict(),
        raw=raw,
    )
