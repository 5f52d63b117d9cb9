"""Settling a signed transaction that a payer handed over: read, judge, simulate, cosign, broadcast, confirm.

Once `settle` has begun to broadcast, its claims stay, and every way out is either a receipt, a certain failure of the
payment, or OutcomeUncertain, which no payer takes as an invitation to pay again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mpp_console.protocol import (
    Challenge,
    InternalPayment,
    InvalidPayload,
    OutcomeUncertain,
    ParseError,
    PaymentInsufficient,
    PaymentProblem,
    VerificationFailed,
)

from .chain import Chain, ChainError, Reverted, TxReceipt, fee_in_token
from .claims import Claims, transaction_key
from .keys import keccak
from .matching import match_calls
from .networks import Network, UnknownToken
from .push import Unconfirmed, Undelivered, deliver
from .schema import ChargeRequest
from .sponsor import SponsorPolicy, check_sponsorable
from .transaction import AwaitingSponsor, TempoTransaction, decode

__all__ = ["HandedPayment", "Settlement"]

EXPIRY_GRACE: Final = 60
"""Seconds by which a payment may outlive its challenge: clocks differ."""

_NO_CHAIN: Final = "The chain cannot be asked now. Nothing was taken."


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedPayment:
    """A signed transaction that pays a challenge as far as it can be told without a chain. `hashes` are to be
    claimed.
    """

    tx: TempoTransaction
    sender: str
    request: ChargeRequest
    challenge: Challenge
    hashes: tuple[str, ...]

    @property
    def needs_sponsor(self) -> bool:
        return isinstance(self.tx.fee_payer_slot, AwaitingSponsor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Settles on one chain, sponsoring fees when there is a policy for it."""

    chain: Chain
    network: Network
    sponsor: SponsorPolicy | None
    confirm_seconds: float
    recovery_seconds: float
    sleep: Callable[[float], Awaitable[None]]

    async def require_node(self) -> None:
        """That the node speaks for our chain: another one would show payments that are worth nothing."""
        try:
            chain_id = await self.chain.chain_id()
        except ChainError as error:
            raise InternalPayment(_NO_CHAIN) from error
        if chain_id != self.network.chain_id:
            raise InternalPayment(f"{_NO_CHAIN} (The node is of another chain.)", code="wrong-node")

    def read(
        self, raw: bytes, request: ChargeRequest, challenge: Challenge, source: str | None, now: datetime
    ) -> HandedPayment:
        """Decodes and judges a transaction (spec, "Transaction Verification"). Raises InvalidPayload,
        VerificationFailed.
        """
        try:
            tx = decode(raw)
            sender = tx.sender()
        except ParseError as error:
            raise InvalidPayload(f"Invalid transaction: {error.message}", code=error.code, hint=error.hint) from error
        if tx.chain_id != request.chain_id:
            raise _failed(f"chain {tx.chain_id} is not the challenge's chain {request.chain_id}", "wrong-chain")
        if source is not None and source != sender:
            raise _failed("the source is not who signed it", "source-mismatch")
        payment = HandedPayment(
            tx=tx, sender=sender, request=request, challenge=challenge, hashes=_hashes(tx, raw, sender)
        )
        if payment.needs_sponsor:
            if not request.fee_payer or self.sponsor is None:
                raise _failed("the fee of this charge is not sponsored; set a fee token and pay it", "not-sponsored")
            check_sponsorable(tx, request, challenge, self.sponsor, now)
        else:
            _check_window(tx, challenge, int(now.timestamp()))
            match_calls(tx.calls, request, challenge, dex=self.network.stablecoin_dex)
        return payment

    async def settle(self, payment: HandedPayment, claims: Claims, now: datetime) -> TxReceipt:
        """Simulates, cosigns where asked, broadcasts and waits. Raises a PaymentProblem; gives only a successful
        receipt.
        """
        tx = payment.tx
        await self.simulate(tx, payment.sender)
        if payment.needs_sponsor:
            tx = await self._sponsor(payment, claims, now)
        tx_hash = tx.hash()
        claims.keep()
        try:
            receipt = await deliver(
                self.chain,
                tx.encode(),
                tx_hash,
                timeout=self.confirm_seconds,
                recovery=self.recovery_seconds,
                sleep=self.sleep,
            )
        except Undelivered as error:
            claims.may_release()
            if error.unreachable:
                # The details name our node, which is not for payers.
                raise InternalPayment(_NO_CHAIN) from error
            raise _failed(f"the chain did not take the transaction. {error.message}", "not-taken") from error
        except Unconfirmed as error:
            raise OutcomeUncertain(
                "The payment was sent to the chain and its outcome is not known yet. Do not pay again before checking.",
                details={"reference": tx_hash},
            ) from error
        if not receipt.status:
            raise VerificationFailed("Payment verification failed: the transaction reverted", code="reverted")
        return receipt

    async def _sponsor(self, payment: HandedPayment, claims: Claims, now: datetime) -> TempoTransaction:
        policy = self.sponsor
        if policy is None:
            raise _failed("the fee of this charge is not sponsored", "not-sponsored")
        check_sponsorable(payment.tx, payment.request, payment.challenge, policy, now)
        token = await self.fee_token(policy, fee_in_token(payment.tx.gas, payment.tx.max_fee_per_gas))
        tx = payment.tx.cosign(policy.signer, token)
        await claims.take(transaction_key(tx.hash()), "The transaction has already been used.")
        await self.simulate(tx, payment.sender, sponsor=policy.signer.address)
        return tx

    async def fee_token(self, policy: SponsorPolicy, fee: int) -> str:
        """The first allowed token of which the sponsor holds enough (spec, "Fee Token Exhaustion")."""
        for token in policy.fee_tokens:
            try:
                if await self.chain.balance(token, policy.signer.address) >= fee:
                    return token
            except UnknownToken:
                continue
            except ChainError as error:
                raise InternalPayment(_NO_CHAIN) from error
        raise InternalPayment("The sponsor cannot pay fees now. Nothing was taken.", code="sponsor-empty")

    async def simulate(self, tx: TempoTransaction, sender: str, *, sponsor: str | None = None) -> None:
        """Fails closed: what cannot be tried is not broadcast."""
        try:
            await self.chain.simulate(tx, sender, sponsor=sponsor)
        except Reverted as error:
            raise _reverting(error) from error
        except ChainError as error:
            raise InternalPayment(_NO_CHAIN) from error


def _hashes(tx: TempoTransaction, raw: bytes, sender: str) -> tuple[str, ...]:
    """Every name under which this payment could come again.

    The bytes as they came and as we would write them differ in the signature's recovery id; the signed content with
    its sender is the same however the signature, or a sponsor's, is written.
    """
    signed = "0x" + keccak(tx.sender_digest() + bytes.fromhex(sender[2:])).hex()
    received = "0x" + keccak(raw).hex()
    hashes = [received, signed] if isinstance(tx.fee_payer_slot, AwaitingSponsor) else [received, tx.hash(), signed]
    return tuple(dict.fromkeys(hashes))


def _check_window(tx: TempoTransaction, challenge: Challenge, now: int) -> None:
    if tx.valid_before is not None and tx.valid_before <= now:
        raise _failed("its validity window has passed", "validity-window")
    if (tx.valid_after or 0) > now:
        raise _failed("it is not valid yet", "validity-window")
    latest = None if challenge.expires_at is None else int(challenge.expires_at.timestamp()) + EXPIRY_GRACE
    if latest is not None and tx.valid_before is not None and tx.valid_before > latest:
        raise _failed("its validity window outlives the challenge", "validity-window")


def _reverting(error: Reverted) -> PaymentProblem:
    if error.name == "InsufficientBalance":
        return PaymentInsufficient(f"Payment verification failed: {error.message}", code="insufficient-balance")
    return _failed(f"it would fail on the chain. {error.message}", "would-revert")


def _failed(reason: str, code: str) -> VerificationFailed:
    return VerificationFailed(f"Invalid transaction: {reason}", code=code)
