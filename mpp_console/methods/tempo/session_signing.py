"""What a session payer signs: the transactions that lock money, and vouchers. Pure but for the signer.

The id of a channel of v2 is made of the very transaction that opens it (TIP-1034), so that nothing of it may change
after the id is computed. In both protocols the id is known before anything leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mpp_console.methods.base import Quote

from .calls import Gas, build_transaction
from .channels import ZERO_ADDRESS, Descriptor
from .client_channel import ChannelProtocol
from .keys import Signer, address_bytes, keccak
from .reserve_abi import OpenCall
from .session_dialect import dialect_of
from .session_schema import SessionRequest
from .transaction import Call, TempoTransaction
from .vouchers import VoucherDomain

__all__ = ["Lifetime", "SignedOpen", "domain_of", "open_call", "sign_open", "sign_top_up"]

NO_SALT: Final = "0x" + "00" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When a transaction may be included, in Unix seconds of the chain: from `after`, before `before`."""

    after: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOpen:
    """An opening that has not left: the transaction's bytes, and the channel that it would make."""

    raw: bytes
    tx_hash: str | None
    descriptor: Descriptor
    channel_id: str


@lru_cache(maxsize=32)
def domain_of(chain_id: int, escrow: str, protocol: ChannelProtocol = "v2") -> VoucherDomain:
    """The world of a channel's vouchers, hashed once."""
    return dialect_of(protocol).domain(chain_id, escrow)


def open_call(
    request: SessionRequest, deposit: int, salt: str = NO_SALT, authorized_signer: str = ZERO_ADDRESS
) -> OpenCall:
    """What the opening asks for; without an authorized signer the payer signs the vouchers itself."""
    return OpenCall(
        payee=request.recipient,
        operator=request.operator,
        token=request.currency,
        deposit=deposit,
        salt=salt,
        authorized_signer=authorized_signer,
    )


def sign_open(quote: Quote, call: OpenCall, request: SessionRequest, lifetime: Lifetime, signer: Signer) -> SignedOpen:
    """Signs an opening transaction and derives the channel from it."""
    spoken = dialect_of(request.protocol)
    tx = _build(quote, spoken.open_calls(call, request.escrow), lifetime)
    # A sponsor's signature is no part of what is hashed, so that it cannot change the id afterwards.
    content = "0x" + keccak(tx.sender_preimage() + address_bytes(signer.address)).hex()
    descriptor = call.descriptor(payer=signer.address, expiring_nonce_hash=content if request.protocol == "v2" else "")
    signed = tx.sign(signer)
    return SignedOpen(
        raw=signed.encode_handoff() if quote.sponsored else signed.encode(),
        tx_hash=None if quote.sponsored else signed.hash(),
        descriptor=descriptor,
        channel_id=spoken.channel_id(descriptor, escrow=request.escrow, chain_id=tx.chain_id),
    )


def sign_top_up(quote: Quote, calls: tuple[Call, ...], lifetime: Lifetime, signer: Signer) -> bytes:
    """The bytes of a signed top up."""
    signed = _build(quote, calls, lifetime).sign(signer)
    return signed.encode_handoff() if quote.sponsored else signed.encode()


def _build(quote: Quote, calls: tuple[Call, ...], lifetime: Lifetime) -> TempoTransaction:
    details: Mapping[str, Any] = quote.details
    return build_transaction(
        chain_id=quote.chain_id or 0,
        calls=calls,
        gas=Gas(
            limit=details["gas"],
            max_fee_per_gas=details["max_fee_per_gas"],
            max_priority_fee_per_gas=details["max_priority_fee_per_gas"],
        ),
        valid_before=lifetime.before,
        valid_after=lifetime.after,
        fee_token=quote.fee_currency.id if quote.fee_currency is not None else None,
        sponsored=quote.sponsored,
    )
