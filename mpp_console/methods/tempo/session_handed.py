"""Reading the transactions that a session's payer hands over: one call of the escrow, in its one canonical form. Pure.

Nothing is broadcast, and no fee is paid, for a transaction that could mean anything else (tempo session draft, "Open
Verification", "TopUp Verification").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mpp_console.protocol import Challenge, InvalidPayload, ParseError

from .channels import Descriptor
from .keys import address_bytes, keccak
from .legacy_abi import decode_legacy_open, decode_legacy_top_up
from .reserve_abi import decode_open, decode_top_up
from .session_dialect import dialect_of
from .session_payloads import OpenPayload, TopUpPayload
from .session_problems import SessionRefused
from .session_schema import SessionRequest
from .sponsor import SponsorPolicy, check_sponsored_envelope
from .tip20 import encode_approve
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
    legacy = request.protocol == "v1"
    stated = None if legacy else _descriptor_of(payload.descriptor)
    tx, sender, call = _read(payload.transaction, request, challenge, sponsor, now)
    opening = decode_legacy_open(call.data) if legacy else decode_open(call.data)
    if opening is None:
        raise _refused("it does not call open of the escrow in canonical form", "not-open")
    if not legacy and not tx.is_expiring:
        raise _refused("a channel is opened with an expiring nonce", "not-expiring")
    _check_approval(tx, request, opening.deposit)
    content = _content(tx, sender)
    descriptor = opening.descriptor(payer=sender, expiring_nonce_hash="" if legacy else content)
    check_descriptor(descriptor, payload.channel_id, request)
    if stated not in (None, descriptor):
        raise _refused("the descriptor is not that of the transaction", "descriptor-mismatch")
    # v1 clients name the signer that is meant, also where the contract was told none.
    if payload.authorized_signer not in (None, descriptor.authorized_signer, descriptor.voucher_signer):
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
    if request.protocol == "v2" and _descriptor_of(payload.descriptor) != known:
        raise _refused("the descriptor is not that of the channel", "descriptor-mismatch")
    tx, sender, call = _read(payload.transaction, request, challenge, sponsor, now)
    channel_id, additional = _added(call, request)
    if channel_id != payload.channel_id:
        raise _refused("it tops up another channel", "descriptor-mismatch")
    if additional != payload.additional or not additional:
        raise _refused("it does not add what the payload says", "amount-mismatch")
    if sender != known.payer:
        raise _refused("only the payer tops a channel up", "source-mismatch")
    _check_approval(tx, request, additional)
    return HandedTransaction(tx=tx, sender=sender, content=_content(tx, sender), descriptor=known, amount=additional)


def _added(call: Call, request: SessionRequest) -> tuple[str, int]:
    """The channel that a top up is for, and what it adds."""
    if request.protocol == "v1":
        added = decode_legacy_top_up(call.data)
    else:
        read = decode_top_up(call.data)
        spoken = dialect_of(request.protocol)
        added = (
            None
            if read is None
            else (
                spoken.channel_id(read.descriptor, escrow=request.escrow, chain_id=request.chain_id),
                read.additional,
            )
        )
    if added is None:
        raise _refused("it does not call topUp of the escrow in canonical form", "not-top-up")
    return added


def _check_approval(tx: TempoTransaction, request: SessionRequest, amount: int) -> None:
    """That the call before the escrow's, which only v1 has, allows the escrow just what it takes."""
    if len(tx.calls) == 1:
        return
    approval, wanted = tx.calls[0], encode_approve(request.escrow, amount)
    if approval.to != request.currency or approval.value or approval.data != wanted:
        raise _refused("its first call must allow the escrow exactly what it takes", "bad-approval")


def check_descriptor(descriptor: Descriptor, channel_id: str, request: SessionRequest) -> None:
    """That a channel is one that this challenge asks for (draft, "Channel Descriptor"). Raises a VerificationFailed."""
    told = (
        ("payee", descriptor.payee, request.recipient),
        ("token", descriptor.token, request.currency),
        ("operator", descriptor.operator, request.operator),
        (
            "channel id",
            dialect_of(request.protocol).channel_id(descriptor, escrow=request.escrow, chain_id=request.chain_id),
            channel_id,
        ),
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
    # v1 may be preceded by the approval that its contract draws on.
    most, call = 2 if request.protocol == "v1" else 1, tx.calls[-1]
    if len(tx.calls) > most or call.to != request.escrow or call.value:
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
