"""Quoting a session payment: the challenge decoded and judged, the payment planned and, where it locks money, priced.

Asks the book and the chain, and signs and writes nothing. What was judged and what was planned stand side by side in
the quote, so that whoever reads it sees what a signature would promise and lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mpp_console.methods.base import Check, Clock, Mode, Quote, Transfer
from mpp_console.protocol import Challenge, ParseError, inert

from .chain import Chain, ChainError
from .channels import ZERO_ADDRESS
from .networks import Network
from .quote import refusal
from .schema import ChargeRequest
from .session_dialect import dialect_of
from .session_plan import PlanKind, SessionPlan
from .session_planner import Planner, unknown_currency
from .session_quote import judge_session
from .session_schema import METHOD, SESSION_INTENT, SessionRequest, decode_session_request
from .session_signing import open_call
from .survey import Survey, Surveyor

__all__ = ["Quoter", "request_of"]

_MAX_TEXT: Final = 500
_SOME_SALT: Final = "0x" + "01" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoter:
    """Quotes for `address`, None for nobody in particular. `delegate` is the account that would sign the vouchers of a
    new channel in place of the payer; `trusted` are escrows in lower case, besides the chain's own.
    """

    network: Network
    chain: Chain
    planner: Planner
    clock: Clock
    address: str | None
    delegate: str | None
    trusted: frozenset[str]

    async def quote(self, challenge: Challenge) -> Quote:
        """Decodes and checks a challenge and plans the payment. Raises ParseError.

        A voucher on an open channel asks the chain nothing.
        """
        request = request_of(challenge)
        checks = judge_session(
            request,
            challenge,
            network=self.network,
            payer=self.address,
            now=self.clock(),
            trusted_escrows=self.trusted,
        )
        plan: SessionPlan | Check | None = None
        survey = self._nothing_asked(request)
        if not any(check.level == "refuse" for check in checks):
            try:
                plan = await self.planner.plan(request, self.address)
                if isinstance(plan, SessionPlan) and plan.kind is not PlanKind.VOUCHER:
                    survey = await self._survey(request, plan, challenge)
            except ChainError as error:
                plan = refusal(error.code, f"{error.message} {error.hint or ''}".strip())
        if isinstance(plan, Check):
            checks.append(plan)
        known = plan if isinstance(plan, SessionPlan) else None
        return self._quoted(request, challenge, known, survey, (*checks, *survey.checks))

    async def quote_plan(self, request: SessionRequest, challenge: Challenge, plan: SessionPlan) -> Quote:
        """The quote of a payment that is planned already, on a channel that is being paid on. Raises ChainError."""
        survey = self._nothing_asked(request)
        if plan.kind is not PlanKind.VOUCHER:
            survey = await self._survey(request, plan, challenge)
        return self._quoted(request, challenge, plan, survey, survey.checks)

    def _nothing_asked(self, request: SessionRequest) -> Survey:
        return Survey(checks=(), token=self.network.token(request.currency))

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
            network=self.network.name,
            chain_id=request.chain_id,
            payer=self.address,
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
            "mainnet": self.network.kind == "mainnet",
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
            call = open_call(request, plan.locks, _SOME_SALT, self.delegate or ZERO_ADDRESS)
            calls = spoken.open_calls(call, request.escrow)
        else:
            calls = spoken.top_up_calls(channel.channel_id, channel.descriptor, request.escrow, plan.locks)
        priced = ChargeRequest(
            amount=plan.locks,
            currency=request.currency,
            recipient=request.recipient,
            chain_id=request.chain_id,
            fee_payer=request.fee_payer,
        )
        surveyor = Surveyor(chain=self.chain, network=self.network, payer=self.address)
        return await surveyor.survey(priced, (), challenge, self.clock(), with_plan=True, calls=calls)


def request_of(challenge: Challenge) -> SessionRequest:
    """What a challenge asks for. Raises ParseError, also for one that is none of a session (`wrong-method`)."""
    if (challenge.method, challenge.intent) != (METHOD, SESSION_INTENT):
        raise ParseError(f"{challenge.key} is not a {METHOD}/{SESSION_INTENT} challenge", code="wrong-method")
    return decode_session_request(challenge.request)
