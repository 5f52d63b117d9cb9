"""Vouchers: what a payer signs off the chain to raise the sum that a channel owes (tempo session draft, "Voucher
Signing Format"). Pure, and the hottest path of a session: everything but channel and amount is hashed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from mpp_console.protocol import FormatError, ParseError

from .channels import MAX_RESERVE_AMOUNT, RESERVE, parse_bytes32
from .keys import Signature, Signer, keccak, recover_address
from .typed_data import domain_separator, type_hash

__all__ = ["LEGACY_VOUCHER_TYPE", "MAX_LEGACY_AMOUNT", "VOUCHER_TYPE", "VoucherDomain", "parse_signature"]

VOUCHER_TYPE: Final = "Voucher(bytes32 channelId,uint96 cumulativeAmount)"
LEGACY_VOUCHER_TYPE: Final = "Voucher(bytes32 channelId,uint128 cumulativeAmount)"
MAX_LEGACY_AMOUNT: Final = 2**128 - 1
"""The escrow contract of v1 keeps amounts in 128 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherDomain:
    """The world in which vouchers hold: one escrow on one chain. Made by `reserve` (v2) or `legacy` (v1).

    `maximum` is the largest cumulative amount in base units that this escrow knows.
    """

    prefix: bytes
    type_hash: bytes
    maximum: int

    @classmethod
    def reserve(cls, chain_id: int, escrow: str = RESERVE) -> Self:
        """Vouchers of the channel reserve (v2)."""
        separator = domain_separator("TIP20 Channel Reserve", "1", chain_id, escrow)
        return cls(prefix=b"\x19\x01" + separator, type_hash=type_hash(VOUCHER_TYPE), maximum=MAX_RESERVE_AMOUNT)

    @classmethod
    def legacy(cls, chain_id: int, escrow: str) -> Self:
        """Vouchers of an escrow contract (v1)."""
        separator = domain_separator("Tempo Stream Channel", "1", chain_id, escrow)
        return cls(prefix=b"\x19\x01" + separator, type_hash=type_hash(LEGACY_VOUCHER_TYPE), maximum=MAX_LEGACY_AMOUNT)

    def digest(self, channel_id: str, cumulative: int) -> bytes:
        """What is signed. `cumulative` in base units. Raises FormatError for an amount that the escrow does not know,
        ParseError for a channel id that is none.
        """
        if not 0 <= cumulative <= self.maximum:
            raise FormatError(f"a voucher over {cumulative} base units does not fit its channel", code="bad-amount")
        channel = bytes.fromhex(parse_bytes32(channel_id, "channelId")[2:])
        return keccak(self.prefix + keccak(self.type_hash + channel + cumulative.to_bytes(32, "big")))

    def sign(self, signer: Signer, channel_id: str, cumulative: int) -> str:
        """A voucher's signature as it goes on the wire: 65 bytes in hexadecimal."""
        return "0x" + signer.sign(self.digest(channel_id, cumulative)).to_bytes65().hex()

    def signed_by(self, signer: str, channel_id: str, cumulative: int, signature: str) -> bool:
        """Whether `signer` (checksummed) signed this. False for a signature that is malformed or malleable."""
        try:
            return recover_address(self.digest(channel_id, cumulative), parse_signature(signature)) == signer
        except (ParseError, FormatError):
            return False


def parse_signature(text: object) -> Signature:
    """A signature from the wire: 65 bytes (r, s, v) or 64 in the compact form of EIP-2098. Raises ParseError.

    High-s signatures are refused (session draft, "Signature Malleability").
    """
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ParseError("the voucher's signature is not hexadecimal", code="bad-signature")
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError as error:
        raise ParseError("the voucher's signature is not hexadecimal", code="bad-signature") from error
    if len(raw) != 64:
        return Signature.from_bytes65(raw)
    packed = int.from_bytes(raw[32:], "big")
    try:
        return Signature(r=int.from_bytes(raw[:32], "big"), s=packed & (1 << 255) - 1, y_parity=packed >> 255)
    except FormatError as error:
        raise ParseError(error.message, code=error.code) from error
