"""The identity of a payment channel: its descriptor and the ids that the two escrows derive from it. Pure.

v1 is the escrow contract, v2 the channel reserve of the chain itself (tempo session draft, "Contract-Backed" and
"Precompile-Backed Channel State"). An id binds payer, payee, token, escrow and chain, so that neither a voucher nor a
snapshot can be meant for another channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from mpp_console.protocol import ParseError

from .keys import address_bytes, keccak, parse_address

__all__ = ["MAX_RESERVE_AMOUNT", "RESERVE", "ZERO_ADDRESS", "Descriptor", "legacy_channel_id", "parse_bytes32"]

RESERVE: Final = "0x4d50500000000000000000000000000000000000"
"""The channel reserve (TIP-1034), at the same address on every Tempo network."""

ZERO_ADDRESS: Final = "0x0000000000000000000000000000000000000000"
MAX_RESERVE_AMOUNT: Final = 2**96 - 1
"""The reserve keeps amounts in 96 bits; larger ones must be refused (session draft, v2 channel state)."""

_BYTES32: Final = re.compile(r"0x[0-9a-fA-F]{64}")


def parse_bytes32(value: object, name: str) -> str:
    """32 bytes as `0x` and 64 digits, in lower case. Raises ParseError naming the field."""
    if not isinstance(value, str) or not _BYTES32.fullmatch(value):
        raise ParseError(f"{name} is not 32 bytes in hexadecimal", code="bad-bytes32")
    return value.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a v2 channel is made of. Addresses are checksummed, `salt` and `expiring_nonce_hash` lower-case 32 bytes.

    `operator` zero: nobody but the payee settles. `authorized_signer` zero: the payer signs vouchers itself.
    """

    payer: str
    payee: str
    operator: str
    token: str
    salt: str
    authorized_signer: str
    expiring_nonce_hash: str

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Self:
        """From the JSON object of a credential or a snapshot. Raises ParseError naming the field that does not hold."""

        def address(name: str) -> str:
            given = value.get(name)
            if not isinstance(given, str):
                raise ParseError(f"descriptor.{name} is not an address", code="bad-descriptor")
            # In lower case first: the draft has addresses compared so, and writes mixed ones without their checksum.
            return parse_address(given.lower())

        return cls(
            payer=address("payer"),
            payee=address("payee"),
            operator=address("operator"),
            token=address("token"),
            salt=parse_bytes32(value.get("salt"), "descriptor.salt"),
            authorized_signer=address("authorizedSigner"),
            expiring_nonce_hash=parse_bytes32(value.get("expiringNonceHash"), "descriptor.expiringNonceHash"),
        )

    def to_wire(self) -> dict[str, str]:
        """The JSON object, in lower case as the draft demands."""
        return {
            "payer": self.payer.lower(),
            "payee": self.payee.lower(),
            "operator": self.operator.lower(),
            "token": self.token.lower(),
            "salt": self.salt,
            "authorizedSigner": self.authorized_signer.lower(),
            "expiringNonceHash": self.expiring_nonce_hash,
        }

    @property
    def voucher_signer(self) -> str:
        """Who signs vouchers: the authorized signer, or the payer where none is named."""
        return self.payer if self.authorized_signer == ZERO_ADDRESS else self.authorized_signer

    def channel_id(self, *, escrow: str = RESERVE, chain_id: int) -> str:
        """The v2 id: keccak-256 over nine ABI words."""
        parties = (self.payer, self.payee, self.operator, self.token)
        words = [_word(address) for address in parties]
        words += [bytes.fromhex(self.salt[2:]), _word(self.authorized_signer)]
        words += [bytes.fromhex(self.expiring_nonce_hash[2:]), _word(escrow), chain_id.to_bytes(32, "big")]
        return "0x" + keccak(b"".join(words)).hex()


def legacy_channel_id(
    *, payer: str, payee: str, token: str, salt: str, authorized_signer: str, escrow: str, chain_id: int
) -> str:
    """The id of a channel of the escrow contract (v1): keccak-256 over seven ABI words."""
    words = [_word(payer), _word(payee), _word(token), bytes.fromhex(salt[2:]), _word(authorized_signer)]
    words += [_word(escrow), chain_id.to_bytes(32, "big")]
    return "0x" + keccak(b"".join(words)).hex()


def _word(address: str) -> bytes:
    return bytes(12) + address_bytes(address)
