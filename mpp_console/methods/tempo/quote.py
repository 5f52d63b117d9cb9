"""Looking a charge over before paying it: every fact decoded, every check made, nothing signed and nothing sent.

`judge` needs no chain; `survey` asks the chain what the payment would cost and whether it would work. Each finding
has a stable code and says what to do; `payer` refuses to sign while one of them refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from mpp_console.methods.base import Check, Level, Mode
from mpp_console.protocol import Challenge

from .calls import valid_before
from .networks import Network
from .schema import MAX_SPLITS, ChargeRequest
from .tip20 import is_token_address

__all__ = ["judge", "judge_time", "refusal", "warning"]

MIN_SECONDS: Final = 2
"""A payment that would live shorter than this cannot reach the chain."""

_ZERO_ADDRESS: Final = "0x" + "0" * 40


def refusal(code: str, message: str) -> Check:
    return Check(code=code, level=Level.REFUSE, message=message)


def warning(code: str, message: str) -> Check:
    return Check(code=code, level=Level.WARN, message=message)


def judge(
    request: ChargeRequest,
    challenge: Challenge,
    *,
    network: Network,
    payer: str | None,
    mode: Mode,
    now: datetime,
    allow_unknown_tokens: bool,
) -> list[Check]:
    """Every check that needs only the challenge, our own settings and the time."""
    checks = [*_judge_chain(request, network), *judge_time(challenge, now)]
    checks += (
        refusal(
            "bad-checksum",
            f"The address {text} does not match its checksum (EIP-55) and may be mistyped. Ask the server's operator.",
        )
        for text in request.bad_checksums
    )
    checks += _judge_parties(request, payer, mode)
    checks += _judge_splits(request)
    checks += _judge_mode(request, mode)
    if network.token(request.currency) is None:
        message = f"The token {request.currency} is not in the table of {network.name}"
        if not is_token_address(request.currency):
            checks.append(refusal("not-a-token", f"{request.currency} is not the address of a TIP-20 token."))
        elif allow_unknown_tokens:
            checks.append(warning("unknown-token", f"{message}. Anybody can make a token with any name."))
        else:
            checks.append(refusal("unknown-token", f"{message}. Add it to the settings if you trust it."))
    return checks or [Check(code="request", level=Level.OK, message="The challenge is well formed.")]


def judge_time(challenge: Challenge, now: datetime) -> Iterator[Check]:
    """Whether there is time left to pay. Asked again right before signing."""
    expires_at = challenge.expires_at
    if expires_at is None:
        yield warning("no-expiry", "The challenge does not say when it expires; most servers will not accept it back.")
    elif challenge.is_expired(now):
        yield refusal("expired", f"The challenge expired at {challenge.expires}. Send the request again for a new one.")
    elif valid_before(now, expires_at) < now.timestamp() + MIN_SECONDS:
        yield refusal("expired", "The challenge expires too soon to be paid. Send the request again for a new one.")


def _judge_chain(request: ChargeRequest, network: Network) -> Iterator[Check]:
    if request.chain_id != network.chain_id:
        named = "names no chain, which means" if request.stated_chain_id is None else "asks for payment on"
        yield refusal(
            "wrong-chain",
            f"The challenge {named} chain {request.chain_id}, and this profile pays on {network.name} "
            f"(chain {network.chain_id}). Switch to a profile for that chain.",
        )


def _judge_parties(request: ChargeRequest, payer: str | None, mode: Mode) -> Iterator[Check]:
    if mode is Mode.PROOF:
        return
    for address in (request.recipient, *(split.recipient for split in request.splits)):
        if address == _ZERO_ADDRESS or is_token_address(address):
            yield refusal("invalid-recipient", f"{address} cannot be paid; ask the server's operator.")
    if payer is not None and request.recipient == payer:
        yield refusal(
            "self-payment",
            "The recipient is the paying account itself: the transfer would move nothing and cost a fee, and servers "
            "do not take it for a payment. Pay from another account.",
        )
    elif payer is not None and any(split.recipient == payer for split in request.splits):
        yield warning("split-to-self", "One of the splits goes back to the paying account.")


def _judge_splits(request: ChargeRequest) -> Iterator[Check]:
    if request.has_empty_splits:
        yield refusal("empty-splits", "The challenge lists splits but names none, which the specification forbids.")
    if len(request.splits) > MAX_SPLITS:
        yield refusal("too-many-splits", f"The challenge has {len(request.splits)} splits; {MAX_SPLITS} are the most.")
    if any(split.amount == 0 for split in request.splits):
        yield refusal("zero-split", "One of the splits is of nothing, which the specification forbids.")
    if not request.splits:
        return
    if request.remainder <= 0:
        yield refusal(
            "splits-exceed-amount",
            "The splits take the whole amount or more, so the recipient would get nothing. Ask the server's operator.",
        )
    elif request.remainder * 10 < request.amount:
        yield warning("small-remainder", "The main recipient gets less than a tenth; the splits get the rest.")


def _judge_mode(request: ChargeRequest, mode: Mode) -> Iterator[Check]:
    if mode is Mode.PROOF:
        return
    if mode is Mode.PUSH and request.fee_payer:
        yield refusal(
            "sponsored-push",
            "The server pays the fee of this charge, so the payment must be handed to it (pull), not pushed by us.",
        )
    if not request.supports(mode):
        offered = ", ".join(request.supported_modes or ()) or "none that is known"
        yield refusal(
            "unsupported-mode", f"The server does not take {mode} payments for this challenge (it takes: {offered})."
        )
