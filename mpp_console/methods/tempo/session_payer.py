"""The paying half of Tempo sessions: quote, sign vouchers, open and top up channels, and keep account of them.

Holds one account, one chain and a channel book. Whatever locks money is written to the book before it leaves, one
process at a time signs for a channel, and nothing that a server says about the chain is believed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from mpp_console.methods.base import (
    Check,
    Clock,
    Conclusion,
    Ending,
    Mode,
    Outcome,
    PaymentRefused,
    Place,
    Prepared,
    Quote,
    Step,
    Transfer,
    refuse_unless_payable,
)
from mpp_console.protocol import (
    Challenge,
    Credential,
    ParseError,
    format_account_did,
    inert,
)

from .calls import valid_before
from .chain import Chain, ChainError
from .channels import ZERO_ADDRESS
from .client_channel import ChannelBook, ChannelEntry, ClientChannel, Lease
from .keys import Signer, to_checksum
from .networks import Network
from .quote import judge_time, refusal
from .reserve_abi import OpenCall
from .schema import ChargeRequest
from .session_account import REUSED, Account, SessionTrace
from .session_dialect import dialect_of
from .session_payloads import OpenPayload, VoucherPayload
from .session_plan import DEFAULT_DEPOSITS, DepositPolicy, PlanKind, SessionPlan
from .session_planner import Planner, scope_of, unknown_currency
from .session_ports import Held, Leases, Management
from .session_quote import judge_session
from .session_schema import METHOD, SESSION_INTENT, SessionRequest, decode_session_request
from .session_signing import Lifetime, domain_of, open_call, sign_open, sign_top_up
from .session_stream import StreamPayer
from .session_topup import top_up
from .survey import Survey, Surveyor

__all__ = ["SessionPayer"]

_MAX_TEXT: Final = 500
_PAST: Final = 60
"""Seconds that `validAfter` lies back at least, so that a chain whose clock lags a little takes the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signing:
    """What signing needs beyond the quote."""

    request: SessionRequest
    plan: SessionPlan
    lease: Lease
    signer: Signer
    ref: str


class SessionPayer:
    """Pays `tempo/session` challenges from one account.

    `signer` None watches only: it quotes, for `address` if there is one. `trusted_escrows` are escrows besides the
    chain's own reserve that the owner vouches for. Without `management` a channel is never topped up by itself.
    `deposits` may be a function of the token's address.
    `delegate` signs the vouchers of the channels that are opened here, in place of the payer, who still signs whatever
    locks money.
    """

    method: Final = METHOD
    intent: Final = SESSION_INTENT

    def __init__(
        self,
        *,
        signer: Signer | None,
        chain: Chain,
        network: Network,
        clock: Clock,
        book: ChannelBook,
        leases: Leases,
        management: Management | None = None,
        address: str | None = None,
        deposits: DepositPolicy | Callable[[str], DepositPolicy] = DEFAULT_DEPOSITS,
        trusted_escrows: frozenset[str] = frozenset(),
        delegate: Signer | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        address = address if signer is None else signer.address
        self._signer = signer
        self._delegate = delegate
        self._address = None if address is None else to_checksum(address)
        self._chain = chain
        self._network = network
        self._clock = clock
        self._book = book
        self._leases = leases
        self._management = management
        self._trusted = frozenset(escrow.lower() for escrow in trusted_escrows)
        self._random_bytes = random_bytes
        self._sleep = sleep
        self._account = Account(book=book, chain=chain, clock=clock)
        self._held: dict[str, Held] = {}
        self._signing: dict[str, _Signing] = {}
        self._planner = Planner(
            network=network,
            chain=chain,
            book=book,
            account=self._account,
            clock=clock,
            deposits=deposits,
            delegate=None if delegate is None else delegate.address,
        )

    @property
    def address(self) -> str | None:
        """The paying account, checksummed."""
        return self._address

    def at(self, place: Place) -> SessionPayer:
        """This payer for what is asked for at `place`; it shares everything else with this one."""
        situated = copy(self)
        situated._planner = replace(self._planner, place=place)
        return situated

    def with_key(self, signer: Signer) -> SessionPayer:
        """This payer, able to sign; it shares everything else with this one. Raises PaymentRefused for a key of
        another account than the one it quotes for.
        """
        if signer.address != self._address:
            raise PaymentRefused("The key belongs to another account.", code="foreign-key")
        able = copy(self)
        able._signer = signer
        return able

    # -- quote

    async def quote(self, challenge: Challenge) -> Quote:
        """Decodes and checks a challenge and plans the payment; signs and writes nothing. Raises ParseError.

        A voucher on an open channel asks the chain nothing.
        """
        request = _decode(challenge)
        checks = judge_session(
            request,
            challenge,
            network=self._network,
            payer=self._address,
            now=self._clock(),
            trusted_escrows=self._trusted,
        )
        plan: SessionPlan | Check | None = None
        survey = Survey(checks=(), token=self._network.token(request.currency))
        if not any(check.level == "refuse" for check in checks):
            try:
                plan = await self._planner.plan(request, self._address)
                if isinstance(plan, SessionPlan) and plan.kind is not PlanKind.VOUCHER:
                    survey = await self._survey(request, plan, challenge)
            except ChainError as error:
                plan = refusal(error.code, f"{error.message} {error.hint or ''}".strip())
        if isinstance(plan, Check):
            checks.append(plan)
        known = plan if isinstance(plan, SessionPlan) else None
        return self._quoted(request, challenge, known, survey, (*checks, *survey.checks))

    def _quoted(
        self,
        request: SessionRequest,
        challenge: Challenge,
        plan: SessionPlan | None,
        survey: Survey,
        checks: tuple[Check, ...],
    ) -> Quote:
        locks = plan is not None and plan.kind is not PlanKind.VOUCHER
        fee = survey.plan
        token = survey.token
        return Quote(
            challenge=challenge,
            amount=request.amount,
            currency=token.currency if token is not None else unknown_currency(request.currency),
            transfers=(Transfer(recipient=request.recipient, amount=request.amount),),
            network=self._network.name,
            chain_id=request.chain_id,
            payer=self._address,
            mode=Mode.PULL,
            expires_at=challenge.expires_at,
            checks=checks,
            fee=0 if not locks or request.fee_payer else fee.amount if fee is not None else None,
            fee_currency=fee.token.currency if fee is not None and fee.token is not None else None,
            sponsored=locks and request.fee_payer,
            balance=survey.balance,
            details=self._details(request, challenge, plan, survey),
        )

    def _details(
        self, request: SessionRequest, challenge: Challenge, plan: SessionPlan | None, survey: Survey
    ) -> Mapping[str, Any]:
        details: dict[str, Any] = {
            "realm": inert(challenge.realm, limit=_MAX_TEXT),
            "mainnet": self._network.kind == "mainnet",
            "escrow": request.escrow,
            "protocol": request.protocol,
            "unit": None if request.unit_type is None else inert(request.unit_type, limit=_MAX_TEXT),
        }
        if plan is not None:
            channel = plan.channel
            details |= {
                "plan": str(plan.kind),
                "channel_id": None if channel is None else channel.channel_id,
                "voucher": plan.cumulative,
                "voucher_before": plan.before,
                "locks": plan.locks,
                "deposit_before": 0 if channel is None else channel.deposit,
                "deposit": plan.locks if channel is None else channel.deposit + plan.locks,
            }
        if survey.plan is not None:
            gas = survey.plan.gas
            details["gas"] = gas.limit
            details["max_fee_per_gas"] = gas.max_fee_per_gas
            details["max_priority_fee_per_gas"] = gas.max_priority_fee_per_gas
        return details

    async def _survey(self, request: SessionRequest, plan: SessionPlan, challenge: Challenge) -> Survey:
        """What locking the money costs, and whether the chain would take it."""
        spoken, channel = dialect_of(request.protocol), plan.channel
        if channel is None:
            calls = spoken.open_calls(self._opening(request, plan.locks, "0x" + "01" * 32), request.escrow)
        else:
            calls = spoken.top_up_calls(channel.channel_id, channel.descriptor, request.escrow, plan.locks)
        priced = ChargeRequest(
            amount=plan.locks,
            currency=request.currency,
            recipient=request.recipient,
            chain_id=request.chain_id,
            fee_payer=request.fee_payer,
        )
        surveyor = Surveyor(chain=self._chain, network=self._network, payer=self._address)
        return await surveyor.survey(priced, (), challenge, self._clock(), with_plan=True, calls=calls)

    def _opening(self, request: SessionRequest, deposit: int, salt: str) -> OpenCall:
        return open_call(request, deposit, salt, ZERO_ADDRESS if self._delegate is None else self._delegate.address)

    # -- prepare

    async def prepare(self, quote: Quote) -> Prepared:
        """Waits for its turn on the channel, plans anew, writes the channel's row, signs. Raises PaymentRefused.

        Never locks more than was quoted. The turn is held until `concluded`.
        """
        refuse_unless_payable(quote)
        signer = self._signer
        if signer is None:
            raise PaymentRefused(
                "This account is watched only: its key is not here, so it cannot pay.",
                code="watch-only",
                hint="Choose an account with a key.",
            )
        if quote.payer != signer.address or quote.network != self._network.name:
            raise PaymentRefused(
                "The quote was made for another account or network. Ask for a new one.", code="foreign-quote"
            )
        request = _decode(quote.challenge)
        held = await self._leases.hold(scope_of(request, signer.address))
        ref = self._random_bytes(16).hex()
        try:
            plan = await self._replan(quote, request, held.lease)
            self._require_time(quote.challenge)
            signing = _Signing(request=request, plan=plan, lease=held.lease, signer=signer, ref=ref)
            prepared = await self._sign(quote, signing)
        except ChainError as error:
            await held.release()
            raise PaymentRefused(error.message, code=error.code, hint=error.hint) from error
        except BaseException:
            await held.release()
            raise
        self._held[ref], self._signing[ref] = held, signing
        return prepared

    async def _replan(self, quote: Quote, request: SessionRequest, lease: Lease) -> SessionPlan:
        """The plan as things stand now that nobody else changes them."""
        plan = await self._planner.plan(request, quote.payer, lease)
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
            block = await self._chain.block()
            if block.base_fee > quoted["max_fee_per_gas"]:
                raise PaymentRefused("Fees have risen since this was quoted. Ask for a new quote.", code="fee-rose")
        return plan

    def _require_time(self, challenge: Challenge) -> None:
        for check in judge_time(challenge, self._clock()):
            if check.level == "refuse":
                raise PaymentRefused(check.message, code=check.code)

    async def _sign(self, quote: Quote, signing: _Signing) -> Prepared:
        if signing.plan.kind is PlanKind.OPEN:
            return await self._open(quote, signing)
        return await self._raise(quote, signing)

    async def _open(self, quote: Quote, signing: _Signing) -> Prepared:
        request, plan, now = signing.request, signing.plan, self._clock()
        lifetime = self._lifetime(quote)
        block = await self._chain.block()
        if block.timestamp >= lifetime.before:
            raise PaymentRefused("This machine's clock is behind the chain's. Set the clock.", code="clock-behind")
        salt = "0x" + self._random_bytes(32).hex()
        made = sign_open(quote, self._opening(request, plan.locks, salt), request, lifetime, signing.signer)
        row = replace(
            self._planner.blank(request, made.descriptor),
            deposit=plan.locks,
            signed=plan.cumulative,
            dies_at=lifetime.before,
            from_block=block.number,
            open_hash=made.tx_hash,
            voucher_ref=signing.ref,
        )
        entry = ChannelEntry(at=now, kind="opening", amount=plan.locks, reference=made.tx_hash)
        await self._book.add(row, lease=signing.lease, entry=entry)
        payload = OpenPayload(
            channel_id=made.channel_id,
            transaction=made.raw,
            cumulative=plan.cumulative,
            signature=self._voucher(row, plan.cumulative, signing.signer),
            descriptor=row.stated,
            authorized_signer=made.descriptor.authorized_signer,
        )
        return self._prepared(quote, signing, row, payload.to_wire())

    async def _raise(self, quote: Quote, signing: _Signing) -> Prepared:
        plan, now = signing.plan, self._clock()
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
        row = await self._book.update(
            channel.channel_id,
            lambda row: replace(
                row.learned(now, signed=plan.cumulative), **self._planner.placed(), **locks, voucher_ref=signing.ref
            ),
            lease=signing.lease,
            entry=self._line(signing, channel),
        )
        payload = self._voucher_payload(row, plan.cumulative, signing.signer)
        return self._prepared(quote, signing, row, payload, raw)

    def _line(self, signing: _Signing, channel: ClientChannel) -> ChannelEntry | None:
        """What the channel's history says of a voucher about to leave: only what is out of the ordinary."""
        plan, now = signing.plan, self._clock()
        if plan.cumulative == channel.signed and channel.voucher_ref not in (None, signing.ref):
            return ChannelEntry(at=now, kind=REUSED, amount=plan.cumulative, reference=channel.voucher_ref)
        if plan.kind is PlanKind.TOP_UP:
            return ChannelEntry(at=now, kind="topping up", amount=plan.locks)
        return None

    def _voucher_payload(self, row: ClientChannel, cumulative: int, signer: Signer) -> Mapping[str, Any]:
        payload = VoucherPayload(
            channel_id=row.channel_id,
            cumulative=cumulative,
            signature=self._voucher(row, cumulative, signer),
            descriptor=row.stated,
        )
        return payload.to_wire()

    def _lifetime(self, quote: Quote) -> Lifetime:
        """25 seconds from now at most, and a random moment in the past, so that no two top ups are alike."""
        now = self._clock()
        before = valid_before(now, quote.challenge.expires_at)
        span = max(int(now.timestamp()) - _PAST, 2)
        after = 1 + int.from_bytes(self._random_bytes(8), "big") % (span - 1)
        return Lifetime(after=min(after, before - 1), before=before)

    def _voucher(self, row: ClientChannel, cumulative: int, signer: Signer) -> str:
        delegate = self._delegate
        by = delegate if delegate is not None and row.voucher_signer == delegate.address else signer
        return domain_of(row.chain_id, row.escrow, row.protocol).sign(by, row.channel_id, cumulative)

    def _prepared(
        self, quote: Quote, signing: _Signing, row: ClientChannel, payload: Mapping[str, Any], raw: bytes = b""
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

    # -- send and afterwards

    async def send(self, prepared: Prepared) -> Credential:
        """Tops the channel up first where that was planned; gives the credential. Raises PaymentRefused: then the
        voucher has not left, and the book says what is known of the top up.
        """
        trace = SessionTrace.read(prepared.trace)
        if trace.plan == PlanKind.TOP_UP:
            held = self._held.get(trace.ref)
            if self._management is None or held is None:
                raise PaymentRefused("The channel has to be topped up, and nothing here can ask the server to.")
            await top_up(prepared, trace, self._management, self._account, held.lease, sleep=self._sleep)
        return prepared.credential

    async def concluded(self, prepared: Prepared, ending: Ending) -> Conclusion:
        """Writes what the ending says of the channel, and gives the turn on it to the next."""
        trace = SessionTrace.read(prepared.trace)
        held = self._held.pop(trace.ref, None)
        self._signing.pop(trace.ref, None)
        try:
            return await self._account.conclude(trace, ending)
        finally:
            if held is not None:
                await held.release()

    def ongoing(self, prepared: Prepared) -> StreamPayer | None:
        """See `methods.base.Metered`."""
        trace = SessionTrace.read(prepared.trace)
        signing = self._signing.get(trace.ref)
        if signing is None or self._management is None:
            return None
        return StreamPayer(
            prepared,
            request=signing.request,
            book=self._book,
            account=self._account,
            management=self._management,
            hold=lambda: self._leases.hold(scope_of(signing.request, signing.signer.address)),
            advance=partial(self._advance, signing),
            voucher=lambda row: self._voucher_payload(row, row.signed, signing.signer),
            clock=self._clock,
        )

    async def _advance(
        self,
        first: _Signing,
        channel: ClientChannel,
        target: int,
        *,
        challenge: Challenge,
        lease: Lease,
        check: Callable[[Step], Awaitable[None]],
    ) -> Step:
        """See `session_stream.Advance`. Raises PaymentRefused, ChainError."""
        request = first.request
        plan = await self._planner.further(request, channel, target)
        if isinstance(plan, Check):
            raise PaymentRefused(plan.message, code=plan.code)
        survey = Survey(checks=(), token=self._network.token(request.currency))
        if plan.kind is not PlanKind.VOUCHER:
            survey = await self._survey(request, plan, challenge)
        quote = self._quoted(request, challenge, plan, survey, survey.checks)
        refuse_unless_payable(quote)
        amount, held = target - channel.signed, channel.deposit + plan.locks
        step = Step(amount=amount, total=target, held=held, locks=plan.locks)
        await check(step)
        signing = replace(first, plan=plan, lease=lease)
        if plan.kind is PlanKind.TOP_UP:
            await self._top_up_alone(quote, signing, channel)
            signing = replace(signing, plan=replace(plan, kind=PlanKind.VOUCHER))
        await self._raise(quote, signing)
        return step

    async def _top_up_alone(self, quote: Quote, signing: _Signing, channel: ClientChannel) -> None:
        """A top up that raises no voucher yet, so that one that fails promises nothing."""
        assert self._management is not None  # noqa: S101 - without it no payment goes on
        still = replace(signing.plan, cumulative=channel.signed)
        prepared = await self._raise(quote, replace(signing, plan=still, ref=channel.voucher_ref or signing.ref))
        trace = SessionTrace.read(prepared.trace)
        await top_up(prepared, trace, self._management, self._account, signing.lease, sleep=self._sleep)

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        """What became of a payment by session, from the book and the chain. Never pays."""
        return await self._account.resolve(trace)


def _decode(challenge: Challenge) -> SessionRequest:
    if (challenge.method, challenge.intent) != (METHOD, SESSION_INTENT):
        raise ParseError(f"{challenge.key} is not a {METHOD}/{SESSION_INTENT} challenge", code="wrong-method")
    return decode_session_request(challenge.request)
