"""Reading the transactions that a session's payer hands over: one call of the reserve, in its one canonical form. Pure.

Nothing is broadcast, and no fee is paid, for a transaction that could mean anything else (tempo session draft, "Open
Verification", "TopUp Verification").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mpp_console.protocol import Challenge, InvalidPayload, ParseError

from .channels import Descriptor
from .keys import address_bytes, keccak
from .reserve_abi import decode_open, decode_top_up
from .session_problems import SessionRefused
from .session_schema import OpenPayload, SessionRequest, TopUpPayload
from .sponsor import SponsorPolicy, check_sponsored_envelope
from .transaction import AwaitingSponsor, Call, TempoTransaction, decode

__all__ = ["HandedTransaction", "check_descriptor", "read_open", "read_top_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedTransaction:
    """A signed transaction that does what its payload says. `amount` is the deposit or the addition in base units.

    `content` is what the reserve makes the channel's id of: the hash of the signed content and its sender.
    """

    tx: TempoTransaction
    sender: str
    content: str
    descriptor: Descriptor
    amount: int

    @property
    def needs_sponsor(self) -> bool:
        return isinstance(self.tx.fee_payer_slot, AwaitingSponsor)


def read_open(
    payload: OpenPayload, request: SessionRequest, *, challenge: Challenge, sponsor: SponsorPolicy | None, now: datetime
) -> HandedTransaction:
    """Judges an opening. Raises InvalidPayload or a VerificationFailed."""
    stated = _descriptor_of(payload.descriptor)
    tx, sender, call = _read(payload.transaction, request, challenge, sponsor, now)
    opening = decode_open(call.data)
    if opening is None:
        raise _refused("it does not call open of the channel reserve in canonical form", "not-open")
    if not tx.is_expiring:
        raise _refused("a channel is opened with an expiring nonce", "not-expiring")
    content = _content(tx, sender)
    descriptor = opening.descriptor(payer=sender, expiring_nonce_hash=content)
    check_descriptor(descriptor, payload.channel_id, request)
    if stated != descriptor:
        raise _refused("the descriptor is not that of the transaction", "descriptor-mismatch")
    if payload.authorized_signer not in (None, descriptor.authorized_signer):
        raise _refused("the authorized signer is not that of the descriptor", "descriptor-mismatch")
    if opening.deposit < request.amount:
        raise _refused(f"the deposit of {opening.deposit} does not cover one unit", "deposit-too-small")
    return HandedTransaction(tx=tx, sender=sender, content=content, descriptor=descriptor, amount=opening.deposit)


def read_top_up(
    payload: TopUpPayload,
    known: Descriptor,
    request: SessionRequest,
    *,
    challenge: Challenge,
    sponsor: SponsorPolicy | None,
    now: datetime,
) -> HandedTransaction:
    """Judges a top up of the channel that is `known`. Raises InvalidPayload or a VerificationFailed."""
    if _descriptor_of(payload.descriptor) != known:
        raise _refused("the descriptor is not that of the channel", "descriptor-mismatch")
    tx, sender, call = _read(payload.transaction, request, challenge, sponsor, now)
    added = decode_top_up(call.data)
    if added is None:
        raise _refused("it does not call topUp of the channel reserve in canonical form", "not-top-up")
    if added.descriptor != known:
        raise _refused("it tops up another channel", "descriptor-mismatch")
    if added.additional != payload.additional or not added.additional:
        raise _refused("it does not add what the payload says", "amount-mismatch")
    if sender != known.payer:
        raise _refused("only the payer tops a channel up", "source-mismatch")
    return HandedTransaction(
        tx=tx, sender=sender, content=_content(tx, sender), descriptor=known, amount=added.additional
    )


def check_descriptor(descriptor: Descriptor, channel_id: str, request: SessionRequest) -> None:
    """That a channel is one that this challenge asks for (draft, "Channel Descriptor"). Raises a VerificationFailed."""
    told = (
        ("payee", descriptor.payee, request.recipient),
        ("token", descriptor.token, request.currency),
        ("operator", descriptor.operator, request.operator),
        ("channel id", descriptor.channel_id(escrow=request.escrow, chain_id=request.chain_id), channel_id),
    )
    for name, mine, asked in told:
        if mine != asked:
            raise _refused(f"the channel's {name} is not the one asked for", "descriptor-mismatch")


def _descriptor_of(stated: Descriptor | None) -> Descriptor:
    if stated is None:
        raise InvalidPayload("The payload has no descriptor, which protocol v2 demands.", code="no-descriptor")
    return stated


def _read(
    raw: bytes, request: SessionRequest, challenge: Challenge, sponsor: SponsorPolicy | None, now: datetime
) -> tuple[TempoTransaction, str, Call]:
    try:
        tx = decode(raw)
        sender = tx.sender()
    except ParseError as error:
        raise InvalidPayload(f"Invalid transaction: {error.message}", code=error.code, hint=error.hint) from error
    if tx.chain_id != request.chain_id:
        raise _refused(f"chain {tx.chain_id} is not the challenge's chain {request.chain_id}", "wrong-chain")
    call = tx.calls[0]
    if len(tx.calls) != 1 or call.to != request.escrow or call.value:
        raise _refused("it must be exactly one call of the channel's escrow", "not-one-call")
    if isinstance(tx.fee_payer_slot, AwaitingSponsor):
        if not request.fee_payer or sponsor is None:
            raise _refused("the fee is not sponsored; set a fee token and pay it", "not-sponsored")
        check_sponsored_envelope(tx, request.chain_id, challenge, sponsor, now)
    elif tx.valid_before is not None and tx.valid_before <= int(now.timestamp()):
        raise _refused("its validity window has passed", "validity-window")
    return tx, sender, call


def _content(tx: TempoTransaction, sender: str) -> str:
    return "0x" + keccak(tx.sender_preimage() + address_bytes(sender)).hex()


def _refused(reason: str, code: str) -> SessionRefused:
    return SessionRefused(f"Invalid transaction: {reason}", code=code)
