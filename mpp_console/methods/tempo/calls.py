"""What a payer signs for a charge: which transfers, in which mode, for how long.

Pure: time, randomness and the node's numbers come in as arguments, so that `quote` can show exactly what `payer` will
sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mpp_console.methods.base import Mode, Transfer
from mpp_console.protocol import Challenge, ParseError

from .attribution import encode_memo
from .schema import INTENT, METHOD, ChargeRequest, decode_request
from .tip20 import encode_transfer
from .transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, Call, TempoTransaction

__all__ = [
    "GAS_MARGIN",
    "VALID_SECONDS",
    "Gas",
    "build_calls",
    "build_transaction",
    "choose_mode",
    "decode_charge",
    "planned_transfers",
    "random_valid_after",
    "valid_before",
]

VALID_SECONDS: Final = 25
"""How long a signed payment lives at most: enough for a slow server, short enough that a lost one is soon certainly
dead.
"""

GAS_MARGIN: Final = 5_000
"""Added to the node's estimate, which leaves out the cost of reading some signatures."""

_OLDEST_START: Final = 60
"""`validAfter` lies at least this many seconds back, so that a chain whose clock lags a little still takes the
payment.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """Gas limit, and prices in 1e-18 dollars per gas."""

    limit: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int


def decode_charge(challenge: Challenge) -> ChargeRequest:
    """The charge that a challenge asks for. Raises ParseError (`wrong-method`, and those of `decode_request`)."""
    if (challenge.method, challenge.intent) != (METHOD, INTENT):
        raise ParseError(f"{challenge.key} is not a {METHOD}/{INTENT} challenge", code="wrong-method")
    return decode_request(challenge.request)


def choose_mode(request: ChargeRequest, wanted: Mode | None) -> Mode:
    """Proof for nothing, else the mode asked for, else pull if the payee takes it (spec, "Submission Modes").

    The result may be one that the request does not support; `quote` refuses it then, and says so.
    """
    if request.amount == 0:
        return Mode.PROOF
    if wanted in {Mode.PULL, Mode.PUSH}:
        return wanted
    return Mode.PUSH if request.supports(Mode.PUSH) and not request.supports(Mode.PULL) else Mode.PULL


def planned_transfers(
    request: ChargeRequest, challenge: Challenge, mode: Mode, client_id: str | None
) -> tuple[Transfer, ...]:
    """The primary transfer, then the splits in their order (spec, "Ordering").

    The primary carries the request's own memo, or the attribution memo that binds it to the challenge. A proof moves
    nothing and has no memo.
    """
    if mode is Mode.PROOF:
        return (Transfer(recipient=request.recipient, amount=0),)
    memo = (
        request.memo or "0x" + encode_memo(realm=challenge.realm, challenge_id=challenge.id, client_id=client_id).hex()
    )
    primary = Transfer(recipient=request.recipient, amount=max(request.remainder, 0), memo=memo)
    return (primary, *(Transfer(recipient=s.recipient, amount=s.amount, memo=s.memo) for s in request.splits))


def build_calls(currency: str, transfers: Sequence[Transfer]) -> tuple[Call, ...]:
    return tuple(
        Call(
            to=currency,
            data=encode_transfer(
                transfer.recipient,
                transfer.amount,
                None if transfer.memo is None else bytes.fromhex(transfer.memo[2:]),
            ),
        )
        for transfer in transfers
    )


def valid_before(now: datetime, expires_at: datetime | None) -> int:
    """Unix seconds at which the payment dies: 25 s from now, never after the challenge (spec, "Submission Modes")."""
    latest = int(now.timestamp()) + VALID_SECONDS
    return latest if expires_at is None else min(latest, int(expires_at.timestamp()))


def random_valid_after(random_bytes: Callable[[int], bytes], now: datetime) -> int:
    """A moment in the past by chance, so that two equal payments never have the same hash."""
    span = max(int(now.timestamp()) - _OLDEST_START, 2)
    return 1 + int.from_bytes(random_bytes(8), "big") % (span - 1)


def build_transaction(
    *,
    chain_id: int,
    calls: tuple[Call, ...],
    gas: Gas,
    valid_before: int,
    valid_after: int,
    fee_token: str | None,
    sponsored: bool,
) -> TempoTransaction:
    """An unsigned payment in the expiring lane. A sponsored one leaves the fee token and the fee payer's place open."""
    return TempoTransaction(
        chain_id=chain_id,
        max_priority_fee_per_gas=gas.max_priority_fee_per_gas,
        max_fee_per_gas=gas.max_fee_per_gas,
        gas=gas.limit,
        calls=calls,
        nonce_key=EXPIRING_NONCE_KEY,
        nonce=0,
        valid_before=valid_before,
        valid_after=valid_after,
        fee_token=None if sponsored else fee_token,
        fee_payer_slot=AwaitingSponsor() if sponsored else None,
    )
