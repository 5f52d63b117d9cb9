"""What the chain says of a charge before it is paid: balance, prices, gas, and whether it would go through.

Reads only. Trouble with the chain becomes a refusal in the quote rather than an error, so that a challenge can be
shown and judged even when no node answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mpp_console.methods.base import Check, Transfer
from mpp_console.protocol import Challenge, format_units

from .calls import GAS_MARGIN, Gas, build_calls, build_transaction, valid_before
from .chain import Block, Chain, ChainError, Fees, Reverted, fee_in_token
from .networks import Network, Token, UnknownToken
from .quote import refusal
from .schema import ChargeRequest
from .transaction import Call

__all__ = ["FeePlan", "Survey", "Surveyor", "shortage"]

MAX_FEE: Final = 1_000_000
"""Base units (one dollar) of fee beyond which the node's prices are not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePlan:
    """What the payment will cost at most: `amount` base units of `token` (0 and None when the payee sponsors it)."""

    gas: Gas
    amount: int
    token: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the chain says of a payment. None stands for what could not be asked."""

    checks: tuple[Check, ...]
    token: Token | None = None
    balance: int | None = None
    plan: FeePlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    chain_id: int
    block: Block
    fees: Fees
    token: Token
    balance: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyor:
    """Asks `chain` about payments of one account. `payer` None asks what can be asked without an account."""

    chain: Chain
    network: Network
    payer: str | None

    async def survey(
        self,
        request: ChargeRequest,
        transfers: Sequence[Transfer],
        challenge: Challenge,
        now: datetime,
        *,
        with_plan: bool,
        calls: tuple[Call, ...] | None = None,
    ) -> Survey:
        """Balance, what speaks against paying and, `with_plan`, gas and fee. Never raises a ChainError.

        `calls` are what will be signed where that is not the transfers themselves.
        """
        known = self.network.token(request.currency)
        try:
            reading = await self._read(request.currency, known)
        except UnknownToken as error:
            return Survey(
                checks=(refusal("unknown-token", f"{error.message} Ask the server's operator."),), token=known
            )
        except ChainError as error:
            return Survey(checks=(_from_error(error),), token=known)
        dies_at = valid_before(now, challenge.expires_at)
        checks = [*self._judge(reading, request, dies_at)]
        plan: FeePlan | None = None
        if with_plan and self.payer is not None and not checks:
            try:
                made = build_calls(request.currency, transfers) if calls is None else calls
                found = await self._plan(request, made, reading, self.payer, dies_at)
            except ChainError as error:
                found = _from_error(error)
            if isinstance(found, FeePlan):
                plan = found
            else:
                checks.append(found)
        return Survey(checks=tuple(checks), token=reading.token, balance=reading.balance, plan=plan)

    async def _read(self, currency: str, known: Token | None) -> _Reading:
        async def token() -> Token:
            return known if known is not None else await self.chain.token(currency)

        async def balance() -> int | None:
            return None if self.payer is None else await self.chain.balance(currency, self.payer)

        # Waits for all, so that no question is left running when one of them fails.
        questions: tuple[Awaitable[Any], ...] = (
            self.chain.chain_id(),
            self.chain.block(),
            self.chain.fees(),
            token(),
            balance(),
        )
        answers: list[Any] = await asyncio.gather(*questions, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return _Reading(
            chain_id=answers[0],
            block=answers[1],
            fees=answers[2],
            token=answers[3],
            balance=answers[4],
        )

    def _judge(self, reading: _Reading, request: ChargeRequest, dies_at: int) -> Iterator[Check]:
        if reading.chain_id != self.network.chain_id:
            yield refusal(
                "wrong-node",
                f"The node answers for chain {reading.chain_id}, and {self.network.name} is chain "
                f"{self.network.chain_id}. Mend the RPC address.",
            )
            return
        if reading.block.timestamp >= dies_at:
            yield refusal(
                "clock-behind",
                "This machine's clock is behind the chain's, so the payment would be born expired. Set the clock.",
            )
        if reading.balance is not None and reading.balance < request.amount:
            yield shortage(request.amount, reading.balance, reading.token)

    async def _plan(
        self, request: ChargeRequest, calls: tuple[Call, ...], reading: _Reading, payer: str, dies_at: int
    ) -> FeePlan | Check:
        """Raises ChainError."""
        draft = build_transaction(
            chain_id=self.network.chain_id,
            calls=calls,
            gas=Gas(limit=0, max_fee_per_gas=0, max_priority_fee_per_gas=0),
            valid_before=dies_at,
            valid_after=1,
            fee_token=None,
            sponsored=request.fee_payer,
        )
        gas = Gas(
            limit=await self.chain.estimate_gas(draft, payer) + GAS_MARGIN,
            max_fee_per_gas=reading.fees.max_fee_per_gas,
            max_priority_fee_per_gas=reading.fees.max_priority_fee_per_gas,
        )
        if request.fee_payer:
            return FeePlan(gas=gas, amount=0, token=None)
        fee = fee_in_token(gas.limit, gas.max_fee_per_gas)
        if fee > MAX_FEE:
            return refusal("fee-too-high", f"The node asks for a fee of {fee} base units, which is beyond reason.")
        token = await self._fee_token(request, reading, fee, payer)
        return token if isinstance(token, Check) else FeePlan(gas=gas, amount=fee, token=token)

    async def _fee_token(self, request: ChargeRequest, reading: _Reading, fee: int, payer: str) -> Token | Check:
        """The currency itself if it takes fees and there is enough of it, else the first fee token that covers the
        fee.
        """
        own, balance = self.network.takes_fees_in(request.currency), reading.balance or 0
        if own and balance >= request.amount + fee:
            return reading.token
        for address in self.network.fee_tokens:
            other = self.network.token(address)
            if other is None or other.address.lower() == reading.token.address.lower():
                continue
            try:
                if await self.chain.balance(other.address, payer) >= fee:
                    return other
            except UnknownToken:
                continue  # listed in the table, but not made on this chain
        if own:
            return shortage(request.amount + fee, balance, reading.token, "amount and fee")
        named = ", ".join(token.symbol for token in self.network.tokens if self.network.takes_fees_in(token.address))
        return refusal(
            "insufficient-fee-balance",
            f"{reading.token.symbol} does not pay fees, and the account holds too little of what does ({named}).",
        )


def shortage(needed: int, balance: int, token: Token, what: str = "amount") -> Check:
    return refusal(
        "insufficient-balance",
        f"The account holds {format_units(balance, token.decimals)} {token.symbol}, and the {what} would take "
        f"{format_units(needed, token.decimals)}. Fund the account or pay from another.",
    )


def _from_error(error: ChainError) -> Check:
    if isinstance(error, Reverted):
        code = "insufficient-balance" if error.name == "InsufficientBalance" else "would-revert"
        return refusal(code, f"The chain would refuse this payment. {error.message}")
    return refusal(error.code, f"{error.message} {error.hint or ''}".strip())
