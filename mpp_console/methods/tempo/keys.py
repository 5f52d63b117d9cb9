"""secp256k1 keys, signatures and addresses as Tempo uses them.

This is the hot path under every transaction, proof and voucher, so it stands on coincurve and a keccak, and on none
of the heavier account libraries. It does no I/O; a private key lives only inside `Secret`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from mpp_console.protocol import FormatError, ParseError, Secret

if TYPE_CHECKING:
    from coincurve import PrivateKey

__all__ = [
    "CURVE_ORDER",
    "LocalSigner",
    "Signature",
    "Signer",
    "address_bytes",
    "address_from_public_key",
    "keccak",
    "parse_address",
    "recover_address",
    "to_checksum",
]

CURVE_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
HALF_ORDER: Final = CURVE_ORDER // 2

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def keccak(data: bytes) -> bytes:
    """Keccak-256 (the padding that Ethereum uses, not SHA3-256)."""
    from eth_hash.auto import keccak as digest

    return bytes(digest(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A recoverable secp256k1 signature in its one canonical form.

    `s` is in the lower half of the order (EIP-2), so that a signature has no twin and a transaction exactly one hash;
    `y_parity` is 0 or 1. Raises FormatError for anything else.
    """

    r: int
    s: int
    y_parity: int

    def __post_init__(self) -> None:
        if not 0 < self.r < CURVE_ORDER or not 0 < self.s < CURVE_ORDER:
            raise FormatError("the signature is out of the curve's range", code="bad-signature")
        if self.s > HALF_ORDER:
            raise FormatError("the signature is malleable: s is in the upper half", code="high-s")
        if self.y_parity not in {0, 1}:
            raise FormatError(f"the signature's parity is {self.y_parity}, not 0 or 1", code="bad-signature")

    def to_bytes65(self) -> bytes:
        """r, s, and v as 27 or 28."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes((27 + self.y_parity,))

    @classmethod
    def from_bytes65(cls, raw: bytes) -> Signature:
        """Reads r, s, v with v as 0, 1, 27 or 28. Raises ParseError."""
        if len(raw) != 65:
            raise ParseError(f"a secp256k1 signature has 65 bytes, this one has {len(raw)}", code="bad-signature")
        v = raw[64]
        if v not in {0, 1, 27, 28}:
            raise ParseError(f"the signature's v is {v}; it may be 0, 1, 27 or 28", code="bad-signature")
        try:
            return cls(
                r=int.from_bytes(raw[:32], "big"),
                s=int.from_bytes(raw[32:64], "big"),
                y_parity=v if v < 2 else v - 27,
            )
        except FormatError as error:
            raise ParseError(error.message, code=error.code) from error

    def to_rlp(self) -> tuple[bytes, bytes, bytes]:
        """`[yParity, r, s]` as minimal integers: how a sponsor's signature stands inside a 0x76 transaction."""
        return (b"\x01" if self.y_parity else b"", _minimal(self.r), _minimal(self.s))


class Signer(Protocol):
    """Whatever can sign a 32-byte digest for one account: a key in memory here, other custody elsewhere."""

    @property
    def address(self) -> str:
        """The account, with its EIP-55 checksum."""
        ...

    def sign(self, digest: bytes) -> Signature: ...


class LocalSigner:
    """Signs with a private key held in memory. Raises FormatError for a key that is not one."""

    __slots__ = ("_address", "_key")

    _address: str
    _key: Secret[PrivateKey]

    def __init__(self, private_key: Secret[bytes]) -> None:
        from coincurve import PrivateKey

        raw = private_key.reveal()
        # coincurve would pad a short key; a key that lost its zeros is more likely a mistake.
        if len(raw) != 32 or not 0 < int.from_bytes(raw, "big") < CURVE_ORDER:
            raise FormatError("a private key is 32 bytes and within the curve's order", code="bad-private-key")
        key = PrivateKey(raw)
        self._key = Secret(key)
        self._address = address_from_public_key(key.public_key.format(compressed=False))

    @property
    def address(self) -> str:
        return self._address

    def sign(self, digest: bytes) -> Signature:
        """Signs a 32-byte digest (RFC 6979, low s), the same every time."""
        if len(digest) != 32:
            raise FormatError(f"only a digest of 32 bytes can be signed, not {len(digest)}", code="bad-digest")
        return Signature.from_bytes65(self._key.reveal().sign_recoverable(digest, hasher=None))

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"


def recover_address(digest: bytes, signature: Signature) -> str:
    """The account whose key made `signature` over `digest`, checksummed. Raises ParseError when no key can have."""
    from coincurve import PublicKey

    raw = signature.to_bytes65()
    try:
        key = PublicKey.from_signature_and_message(raw[:64] + bytes((signature.y_parity,)), digest, hasher=None)
    except Exception as error:
        # coincurve raises bare Exception and ValueError alike for a point that is not on the curve.
        raise ParseError("no key can have made this signature", code="bad-signature") from error
    return address_from_public_key(key.format(compressed=False))


def address_from_public_key(uncompressed: bytes) -> str:
    """The checksummed address of a 65-byte public key (0x04, x, y)."""
    return to_checksum("0x" + keccak(uncompressed[1:])[12:].hex())


@lru_cache(maxsize=4096)
def to_checksum(address: str) -> str:
    """The EIP-55 form of an address of any letter case. Raises ParseError when it is no address."""
    if not _ADDRESS.fullmatch(address):
        raise ParseError("an address is 0x and 40 hexadecimal digits", code="bad-address")
    lowered = address[2:].lower()
    nibbles = keccak(lowered.encode()).hex()
    cased = (char.upper() if nibble >= "8" else char for char, nibble in zip(lowered, nibbles, strict=False))
    return "0x" + "".join(cased)


def parse_address(text: str, *, require_checksum: bool = False) -> str:
    """Reads an address written by somebody else and gives its EIP-55 form.

    All-lower-case (or all-upper-case) digits carry no checksum and pass unless `require_checksum`; mixed case must be
    the valid checksum. Raises ParseError, with code `bad-checksum` when a letter's case is wrong.
    """
    checksummed = to_checksum(text)
    digits = text[2:]
    uncased = digits in {digits.lower(), digits.upper()}
    if text != checksummed and (require_checksum or not uncased):
        raise ParseError(
            "the letter case of this address does not match its checksum: it may be mistyped",
            code="bad-checksum",
            hint="Copy the address again, or write it all in lower case if you are sure of it.",
        )
    return checksummed


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an address of any letter case. Raises ParseError."""
    if not _ADDRESS.fullmatch(address):
        raise ParseError("an address is 0x and 40 hexadecimal digits", code="bad-address")
    return bytes.fromhex(address[2:])


def _minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
