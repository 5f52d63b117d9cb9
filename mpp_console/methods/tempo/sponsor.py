"""Paying other people's fees without being robbed: what a sponsor checks before it signs.

The payer writes the transaction, so every field that can raise its cost or its reach is limited here. Pure; the payee
simulates and broadcasts. The limits are those that the other implementations use (`SponsorPolicy`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mpp_console.protocol import Challenge, FormatError, VerificationFailed

from .keys import Signer, to_checksum
from .matching import match_calls
from .schema import ChargeRequest
from .transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, TempoTransaction

__all__ = ["SponsorPolicy", "check_sponsorable", "check_sponsored_envelope", "cosign"]

GWEI: Final = 10**9
MODERATO_CHAIN_ID: Final = 42431

MIN_REMAINING: Final = 3
"""Seconds that must be left to broadcast; with less the fee would buy nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SponsorPolicy:
    """Who pays fees, in which tokens, and how much at most for one payment.

    `fee_tokens` are tried in their order. Prices are 1e-18 dollars per gas, `max_total_fee` 1e-18 dollars, times
    seconds. `max_priority_fee_per_gas` None takes the network's default: 10 gwei, 50 on Moderato, whose nodes ask for
    more. Raises FormatError without a fee token.
    """

    signer: Signer
    fee_tokens: tuple[str, ...]
    max_gas: int = 2_000_000
    max_fee_per_gas: int = 100 * GWEI
    max_priority_fee_per_gas: int | None = None
    max_total_fee: int = 50_000_000 * GWEI
    max_window: int = 15 * 60
    expiry_grace: int = 60

    def __post_init__(self) -> None:
        if not self.fee_tokens:
            raise FormatError("a sponsor needs at least one token to pay fees in", code="no-fee-token")
        object.__setattr__(self, "fee_tokens", tuple(to_checksum(token) for token in self.fee_tokens))

    def priority_limit(self, chain_id: int) -> int:
        if self.max_priority_fee_per_gas is not None:
            return self.max_priority_fee_per_gas
        return (50 if chain_id == MODERATO_CHAIN_ID else 10) * GWEI


def check_sponsorable(
    tx: TempoTransaction,
    request: ChargeRequest,
    challenge: Challenge | None,
    policy: SponsorPolicy,
    now: datetime,
) -> None:
    """That `policy` allows to pay the fee of `tx`, and that it pays exactly what was asked. Raises VerificationFailed.

    `challenge` None leaves out what only a challenge can tell: the memo's binding and the expiry.
    """
    check_sponsored_envelope(tx, request.chain_id, challenge, policy, now)
    match_calls(tx.calls, request, challenge)


def check_sponsored_envelope(
    tx: TempoTransaction, chain_id: int, challenge: Challenge | None, policy: SponsorPolicy, now: datetime
) -> None:
    """Everything but the calls, which the caller judges by what they are for. Raises VerificationFailed."""
    _check_envelope(tx, chain_id)
    _check_prices(tx, policy)
    _check_window(tx, challenge, policy, int(now.timestamp()))


def cosign(
    tx: TempoTransaction,
    request: ChargeRequest,
    challenge: Challenge | None,
    policy: SponsorPolicy,
    now: datetime,
    *,
    fee_token: str | None = None,
) -> TempoTransaction:
    """The complete 0x76 transaction with the sponsor's signature, after all checks. Raises VerificationFailed.

    `fee_token` must be one of the policy's; without it the first one pays.
    """
    check_sponsorable(tx, request, challenge, policy, now)
    token = to_checksum(fee_token or policy.fee_tokens[0])
    if token not in policy.fee_tokens:
        raise FormatError("the fee token is not one of the sponsor's", code="fee-token-not-allowed")
    return tx.cosign(policy.signer, token)


def _fail(reason: str, code: str) -> VerificationFailed:
    return VerificationFailed(f"Invalid transaction: {reason}", code=code)


def _check_envelope(tx: TempoTransaction, chain_id: int) -> None:
    """Fields that would let the payer choose what the sponsor's signature means."""
    if tx.chain_id != chain_id:
        raise _fail(f"chain {tx.chain_id} is not the challenge's chain {chain_id}", "wrong-chain")
    if not isinstance(tx.fee_payer_slot, AwaitingSponsor):
        raise _fail("fee payer envelope does not leave the fee to a sponsor", "not-awaiting-sponsor")
    if tx.fee_token is not None:
        raise _fail("fee payer envelope must not include fee_token: the server chooses it", "fee-token-set")
    # The nonce beside an expiring key is free (TIP-1106): viem draws it to tell equal transactions apart.
    if tx.nonce_key != EXPIRING_NONCE_KEY:
        raise _fail("fee payer envelope must use expiring nonce key", "wrong-nonce-key")
    if tx.access_list:
        raise _fail("access list is not allowed", "access-list")
    if tx.authorization_list or tx.key_authorization is not None:
        raise _fail("authorizations are not allowed", "authorization-list")
    if any(call.value for call in tx.calls):
        raise _fail("call values are not allowed", "call-value")


def _check_prices(tx: TempoTransaction, policy: SponsorPolicy) -> None:
    if not 0 < tx.gas <= policy.max_gas:
        raise _fail("gas limit exceeds sponsor policy", "gas-limit")
    if not 0 < tx.max_fee_per_gas <= policy.max_fee_per_gas:
        raise _fail("max fee per gas exceeds sponsor policy", "max-fee")
    if tx.max_priority_fee_per_gas > policy.priority_limit(tx.chain_id):
        raise _fail("max priority fee per gas exceeds sponsor policy", "priority-fee")
    if tx.gas * tx.max_fee_per_gas > policy.max_total_fee:
        raise _fail("total fee budget exceeds sponsor policy", "total-fee")


def _check_window(tx: TempoTransaction, challenge: Challenge | None, policy: SponsorPolicy, now: int) -> None:
    if tx.valid_before is None:
        raise _fail("fee payer envelope must include valid_before", "no-valid-before")
    if tx.valid_before < now + MIN_REMAINING or (tx.valid_after or 0) > now:
        raise _fail("the transaction is not valid now, or not for long enough", "validity-window")
    if tx.valid_before > now + policy.max_window:
        raise _fail("validity window exceeds sponsor policy", "validity-window")
    expires_at = challenge.expires_at if challenge is not None else None
    if expires_at is not None and tx.valid_before > int(expires_at.timestamp()) + policy.expiry_grace:
        raise _fail("validity window exceeds sponsor policy: it outlives the challenge", "validity-window")
