"""Looking a session over before paying for it: the checks that need only the challenge, our settings and the time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mpp_console.methods.base import Check, Level
from mpp_console.protocol import Challenge

from .channels import RESERVE, ZERO_ADDRESS
from .networks import Network
from .quote import judge_time, refusal, warning
from .session_schema import SessionRequest
from .tip20 import is_token_address

__all__ = ["judge_session"]


def judge_session(
    request: SessionRequest,
    challenge: Challenge,
    *,
    network: Network,
    payer: str | None,
    now: datetime,
    trusted_escrows: frozenset[str],
) -> list[Check]:
    """Every check that needs no chain and no channel. `trusted_escrows` in lower case, beside the chain's own."""
    checks = [*_judge_chain(request, network), *judge_time(challenge, now)]
    checks += _judge_escrow(request, network, trusted_escrows)
    checks += _judge_parties(request, payer)
    if not is_token_address(request.currency):
        checks.append(refusal("not-a-token", f"{request.currency} is not the address of a TIP-20 token."))
    elif network.token(request.currency) is None:
        message = f"The token {request.currency} is not in the table of {network.name}"
        checks.append(refusal("unknown-token", f"{message}. Add it to the settings if you trust it."))
    return checks or [Check(code="request", level=Level.OK, message="The challenge is well formed.")]


def _judge_chain(request: SessionRequest, network: Network) -> Iterator[Check]:
    if request.chain_id != network.chain_id:
        yield refusal(
            "wrong-chain",
            f"The session is on chain {request.chain_id}, and {network.name} is chain {network.chain_id}. "
            "Use the profile of that chain.",
        )


def _judge_escrow(request: SessionRequest, network: Network, trusted: frozenset[str]) -> Iterator[Check]:
    """Whoever names the escrow could name one that pays out to itself."""
    escrow, legacy = request.escrow.lower(), request.protocol == "v1"
    known = (network.legacy_escrow or "").lower() if legacy else RESERVE
    if escrow != known and escrow not in trusted:
        what = f"the escrow contract of {network.name}" if legacy else "the chain's channel reserve"
        yield refusal(
            "untrusted-escrow",
            f"The deposit would go to {request.escrow}, which is not {what}. Add it to the settings only if you trust "
            "it with your money.",
        )
    if legacy:
        yield warning(
            "session-v1",
            f"The server speaks sessions of version 1: the deposit goes to the escrow contract {request.escrow}, and a "
            "close pays the recipient the whole of the last voucher.",
        )


def _judge_parties(request: SessionRequest, payer: str | None) -> Iterator[Check]:
    if request.recipient == ZERO_ADDRESS or is_token_address(request.recipient):
        yield refusal("invalid-recipient", f"{request.recipient} cannot be paid; ask the server's operator.")
    elif request.recipient == payer:
        yield refusal("self-payment", "The recipient is the paying account itself.")
    if request.operator != ZERO_ADDRESS:
        yield warning(
            "operator", f"{request.operator} may claim from the channel in place of the recipient {request.recipient}."
        )
