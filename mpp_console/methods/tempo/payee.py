"""The charging half of Tempo charges: offers, and the verification and settlement of whatever comes back.

The gate has already authenticated the challenge; here the payload is judged against it, claimed, and settled.
Everything that can be found wrong is found before a claim is taken, every claim is taken before anything is
broadcast, and once a transaction may be on its way no error invites the payer to pay again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mpp_console.methods.base import ClaimStore, Clock, Mode
from mpp_console.protocol import (
    Challenge,
    Credential,
    FormatError,
    InternalPayment,
    InvalidPayload,
    MethodUnsupported,
    OutcomeUncertain,
    ParseError,
    PaymentExpired,
    Receipt,
    VerificationFailed,
    format_timestamp,
    parse_account_did,
)

from .chain import Chain, ChainError, TxReceipt
from .claims import Claims, challenge_key, transaction_key
from .keys import parse_address, to_checksum
from .matching import match_receipt
from .networks import Network
from .offers import OfferTerms, build_offer
from .proofs import verify_proof
from .push import Unconfirmed, await_receipt
from .schema import (
    INTENT,
    METHOD,
    ChargeRequest,
    HashPayload,
    ProofPayload,
    TransactionPayload,
    decode_payload,
    decode_request,
)
from .settle import Settlement
from .sponsor import SponsorPolicy

__all__ = ["SponsorPolicy", "TempoChargePayee"]

LOOKUP_SECONDS: Final = 5.0
"""How long a pushed transaction is looked for: the payer saw it included, our node may be a few blocks behind."""

MAX_PUSH_AGE: Final = timedelta(minutes=15)
"""A pushed payment whose memo is not bound to its challenge must be at most this old, or an old payment with the same
memo would pay again. Longer than any challenge should live.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One credential being verified. `source` is the account that says it has paid, checksummed."""

    request: ChargeRequest
    challenge: Challenge
    source: str | None
    claims: Claims
    now: datetime

    async def claim_challenge(self) -> None:
        await self.claims.take(challenge_key(self.challenge.id), "The challenge has already been used.")

    async def claim_transaction(self, tx_hash: str) -> None:
        await self.claims.take(transaction_key(tx_hash), "The transaction has already been used.")


class TempoChargePayee:
    """Charges `tempo/charge` in `token` to `recipient` on one network.

    `modes` are the non-zero modes taken; `sponsor` makes sponsored offers possible. `confirm_seconds` is how long a
    broadcast waits for its receipt, `recovery_seconds` how long the receipt is looked for after an unclear answer.
    `accept_zero_transfers` takes a transfer of nothing as the answer to amount 0, for clients that know no proofs.
    """

    method: Final = METHOD
    intent: Final = INTENT

    def __init__(
        self,
        *,
        chain: Chain,
        network: Network,
        recipient: str,
        clock: Clock,
        token: str | None = None,
        sponsor: SponsorPolicy | None = None,
        modes: Sequence[Mode] = (Mode.PULL, Mode.PUSH),
        accept_zero_transfers: bool = True,
        confirm_seconds: float = 20.0,
        recovery_seconds: float = 15.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not modes or not set(modes) <= {Mode.PULL, Mode.PUSH}:
            raise FormatError("a payee takes pull, push or both", code="bad-modes")
        self._chain = chain
        self._network = network
        self._clock = clock
        self._accept_zero = accept_zero_transfers
        self._sleep = sleep
        self._terms = OfferTerms(
            network=network,
            recipient=parse_address(recipient),
            token=parse_address(token or network.default_token),
            modes=tuple(modes),
            can_sponsor=sponsor is not None,
        )
        self._settlement = Settlement(
            chain=chain,
            network=network,
            sponsor=sponsor,
            confirm_seconds=confirm_seconds,
            recovery_seconds=recovery_seconds,
            sleep=sleep,
        )

    @property
    def network(self) -> Network:
        return self._network

    @property
    def recipient(self) -> str:
        return self._terms.recipient

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The request of a challenge. Options: `splits`, `memo`, `supported_modes`, `fee_payer`, `external_id`,
        `recipient`, `currency`. Raises ImpossibleOffer (a ValueError) for what no honest client could fulfil.
        """
        return build_offer(self._terms, amount, options)

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        """Verifies and settles a credential (spec, "Settlement Procedure"). Raises a PaymentProblem."""
        request = self._request(credential, now)
        source = self._source(credential, request)
        try:
            payload = decode_payload(credential.payload)
        except ParseError as error:
            raise InvalidPayload(error.message, code=error.code) from error
        async with Claims(claims) as taken:
            attempt = _Attempt(request=request, challenge=credential.challenge, source=source, claims=taken, now=now)
            match payload:
                case ProofPayload():
                    reference = await self._verify_proof(payload, attempt)
                case HashPayload():
                    reference = await self._verify_hash(payload, attempt)
                case TransactionPayload():
                    reference = await self._verify_transaction(payload, attempt)
        return Receipt(
            method=METHOD,
            reference=reference,
            timestamp=format_timestamp(self._clock()),
            external_id=request.external_id,
        )

    def _request(self, credential: Credential, now: datetime) -> ChargeRequest:
        challenge = credential.challenge
        if (challenge.method, challenge.intent) != (METHOD, INTENT):
            raise MethodUnsupported(f"{challenge.key} is not charged here.")
        if challenge.expires_at is None or challenge.is_expired(now):
            raise PaymentExpired(f"The challenge expired at {challenge.expires or 'no stated time'}.")
        try:
            request = decode_request(challenge.request)
        except ParseError as error:
            # The gate has authenticated it, so it was we who offered something unreadable.
            raise InternalPayment("The challenge cannot be read back.") from error
        if request.chain_id != self._network.chain_id:
            raise _failed(f"the challenge is for chain {request.chain_id}", "wrong-chain")
        return request

    def _source(self, credential: Credential, request: ChargeRequest) -> str | None:
        """The account that says it has paid (spec, "Credential Structure"), checksummed; None when none is named."""
        if credential.source is None:
            return None
        try:
            did = parse_account_did(credential.source)
            if did.chain_id != request.chain_id:
                raise _failed(f"the source is on chain {did.chain_id}", "source-mismatch")
            return to_checksum(did.address)
        except ParseError as error:
            raise InvalidPayload("The source of the credential is invalid.", code=error.code) from error

    # -- proof

    async def _verify_proof(self, payload: ProofPayload, attempt: _Attempt) -> str:
        request, challenge = attempt.request, attempt.challenge
        if request.amount != 0:
            raise InvalidPayload("A proof answers only a charge of nothing; this one has to be paid.", code="not-zero")
        if attempt.source is None:
            raise InvalidPayload("A proof must name its signer as the source.", code="no-source")
        verify_proof(payload.raw, challenge, request.chain_id, attempt.source)
        await attempt.claim_challenge()
        attempt.claims.keep()
        return challenge.id

    # -- hash

    async def _verify_hash(self, payload: HashPayload, attempt: _Attempt) -> str:
        request = attempt.request
        if request.amount == 0:
            raise InvalidPayload("Zero-amount challenges require a proof credential.", code="proof-required")
        if request.fee_payer:
            raise _failed("a sponsored charge takes a signed transaction, not a hash", "sponsored-push")
        _require_mode(request, Mode.PUSH)
        receipt = await self._find(payload.hash)
        if not receipt.status:
            raise _failed("the transaction reverted", "reverted")
        match_receipt(receipt.logs, request, attempt.challenge, sender=attempt.source or receipt.sender)
        if request.memo is not None:
            await self._require_recent(receipt)
        await attempt.claim_challenge()
        await attempt.claim_transaction(payload.hash)
        attempt.claims.keep()
        return payload.hash

    async def _find(self, tx_hash: str) -> TxReceipt:
        await self._settlement.require_node()
        try:
            receipt = await await_receipt(self._chain, tx_hash, seconds=LOOKUP_SECONDS, sleep=self._sleep)
        except Unconfirmed as error:
            # The payer may well have paid: no fresh challenge.
            raise OutcomeUncertain("The chain cannot be asked now. Send the same credential again later.") from error
        if receipt is None:
            raise _failed(
                "transaction not found",
                "not-found",
                "If you have just sent it, send the same credential again; do not pay again.",
            )
        return receipt

    async def _require_recent(self, receipt: TxReceipt) -> None:
        try:
            block = await self._chain.block(receipt.block_number)
            latest = await self._chain.block()
        except ChainError as error:
            raise OutcomeUncertain("The chain cannot be asked now. Send the same credential again later.") from error
        if latest.timestamp - block.timestamp > MAX_PUSH_AGE.total_seconds():
            raise _failed("the transaction is older than this challenge", "too-old")

    # -- transaction

    async def _verify_transaction(self, payload: TransactionPayload, attempt: _Attempt) -> str:
        request = attempt.request
        if request.amount == 0 and not self._accept_zero:
            raise InvalidPayload("Zero-amount challenges require a proof credential.", code="proof-required")
        if request.amount:
            _require_mode(request, Mode.PULL)
        payment = self._settlement.read(payload.raw, request, attempt.challenge, attempt.source, attempt.now)
        await self._settlement.require_node()
        await attempt.claim_challenge()
        for tx_hash in payment.hashes:
            await attempt.claim_transaction(tx_hash)
        receipt = await self._settlement.settle(payment, attempt.claims, attempt.now)
        try:
            match_receipt(receipt.logs, request, attempt.challenge, sender=payment.sender)
        except VerificationFailed as error:
            # The transaction succeeded, so something was paid: the payer must not be asked to pay again.
            raise OutcomeUncertain(
                "The transaction was included, but the chain's record of it does not show the payment.",
                code="logs-mismatch",
                details={"reference": receipt.hash},
            ) from error
        return receipt.hash


def _require_mode(request: ChargeRequest, mode: Mode) -> None:
    # What the challenge offered decides; a payee that has changed its modes since still honours it.
    if not request.supports(mode):
        raise _failed(f"this challenge does not support {mode} mode", "unsupported-mode")


def _failed(reason: str, code: str, hint: str | None = None) -> VerificationFailed:
    return VerificationFailed(f"Payment verification failed: {reason}", code=code, hint=hint)
