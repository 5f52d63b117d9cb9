"""What a session's credential must be before its channel is looked at: challenge, source, signature. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mpp_console.protocol import (
    Credential,
    FormatError,
    InternalPayment,
    InvalidPayload,
    MethodUnsupported,
    ParseError,
    PaymentExpired,
    parse_account_did,
)

from .channels import Descriptor
from .client_channel import ChannelProtocol
from .keys import recover_address, to_checksum
from .session_payloads import ClosePayload, OpenPayload, VoucherPayload
from .session_problems import InvalidSignature, SessionRefused, SignerMismatch
from .session_schema import METHOD, SESSION_INTENT, SessionRequest, decode_session_request
from .vouchers import VoucherDomain, parse_signature

__all__ = ["read_request", "read_source", "voucher_signature"]


def read_request(
    credential: Credential, *, chain_id: int, escrows: Mapping[ChannelProtocol, str], now: datetime
) -> SessionRequest:
    """What the challenge of a credential asks for; `escrows` are ours. Raises MethodUnsupported, PaymentExpired,
    SessionRefused.
    """
    challenge = credential.challenge
    if (challenge.method, challenge.intent) != (METHOD, SESSION_INTENT):
        raise MethodUnsupported(f"{challenge.key} is not charged here.")
    if challenge.expires_at is None or challenge.is_expired(now):
        raise PaymentExpired(f"The challenge expired at {challenge.expires or 'no stated time'}.")
    try:
        request = decode_session_request(challenge.request)
    except ParseError as error:
        # The gate has authenticated it, so it was we who offered something unreadable.
        raise InternalPayment("The challenge cannot be read back.") from error
    if request.chain_id != chain_id or request.escrow != escrows.get(request.protocol):
        raise SessionRefused("The challenge is for another chain, escrow or protocol.", code="wrong-escrow")
    return request


def read_source(credential: Credential, request: SessionRequest) -> str | None:
    """The account that a credential names, checksummed. Raises InvalidPayload, SessionRefused."""
    if credential.source is None:
        return None
    try:
        did = parse_account_did(credential.source)
        if did.chain_id != request.chain_id:
            raise SessionRefused(f"The source is on chain {did.chain_id}.", code="source-mismatch")
        return to_checksum(did.address)
    except ParseError as error:
        raise InvalidPayload("The source of the credential is invalid.", code=error.code) from error


def voucher_signature(
    domain: VoucherDomain, descriptor: Descriptor, payload: OpenPayload | VoucherPayload | ClosePayload
) -> str:
    """The voucher's signature in 65 bytes, as the reserve takes it. Raises InvalidSignature, SignerMismatch."""
    where = {"channelId": payload.channel_id}
    try:
        signature = parse_signature(payload.signature)
        signer = recover_address(domain.digest(payload.channel_id, payload.cumulative), signature)
    except (ParseError, FormatError) as error:
        raise InvalidSignature(f"The voucher's signature is not valid: {error.message}", details=where) from error
    if signer != descriptor.voucher_signer:
        raise SignerMismatch(details=where)
    return "0x" + signature.to_bytes65().hex()
