"""Tempo transactions: type 0x76 as the chain takes it, and 0x78 as a payer hands it to a sponsor.

Values and their bytes only: nothing here asks a node or a clock. Sources: tempo charge spec ("Transaction payload",
"Fee sponsorship") and the Tempo transaction specification; the tests check it byte for byte against other
implementations.

    0x76 ‖ rlp([chainId, maxPriorityFeePerGas, maxFeePerGas, gas, [[to, value, data]…], accessList, nonceKey, nonce,
                validBefore, validAfter, feeToken, feePayer, authorizationList, keyAuthorization?, senderSignature])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mpp_console.methods.tempo.envelope import (
    Item,
    decode_list,
    encode_list,
    read_address,
    read_bytes,
    read_integer,
    read_list,
    read_optional_address,
    write_integer,
)
from mpp_console.methods.tempo.keys import Signature, Signer, address_bytes, keccak, recover_address, to_checksum
from mpp_console.protocol import FormatError, ParseError

__all__ = [
    "EXPIRING_NONCE_KEY",
    "HANDOFF_TYPE",
    "TRANSACTION_TYPE",
    "AccessListItem",
    "AwaitingSponsor",
    "Call",
    "FeePayerSlot",
    "ForeignSignature",
    "TempoTransaction",
    "decode",
    "read_access_list",
]

TRANSACTION_TYPE: Final = 0x76
HANDOFF_TYPE: Final = 0x78
"""Prefix of what a sponsor signs, and of the envelope in which a payer hands a transaction to a sponsor."""

EXPIRING_NONCE_KEY: Final = 2**256 - 1
"""The nonce lane without an order: a transaction in it is used once by its hash and dies at `valid_before`."""

_FOREIGN_KINDS: Final = {1: "p256", 2: "webauthn", 3: "keychain v1", 4: "keychain v2", 5: "multisig"}
_FOREIGN_LENGTHS: Final = {
    1: range(130, 131),
    2: range(129, 2_050),
    3: range(86, 2_071),
    4: range(86, 2_071),
    5: range(2, 16_385),
}
_SLOT_MARKER: Final = b"\x00"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the batch. `to` is checksummed, None creates a contract; `value` is native units, 0 on Tempo."""

    to: str | None
    value: int = 0
    data: bytes = b""

    def __post_init__(self) -> None:
        if self.to is not None:
            object.__setattr__(self, "to", to_checksum(self.to))
        _require_bits("a call's value", self.value, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessListItem:
    """EIP-2930: storage that the transaction announces. Keys are 32 bytes each."""

    address: str
    storage_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitingSponsor:
    """The fee payer's place is kept free. `sender` is what a 0x78 envelope states there, None for the 0x76 marker."""

    sender: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSignature:
    """A sender's signature of a kind whose account we do not recover (passkeys, access keys), kept as it came.

    `kind` names it for people; `stated_sender` is the account that an access-key envelope claims to act for, unproven.
    """

    raw: bytes

    @property
    def kind(self) -> str:
        return _FOREIGN_KINDS.get(self.raw[0], "unknown")

    @property
    def stated_sender(self) -> str | None:
        return to_checksum("0x" + self.raw[1:21].hex()) if self.raw[0] in {3, 4} and len(self.raw) > 21 else None


FeePayerSlot = Signature | AwaitingSponsor | None
"""None: the sender pays. AwaitingSponsor: handed over, not yet accepted. Signature: a sponsor has signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoTransaction:
    """A Tempo transaction, signed or not.

    Fees are attodollars a unit of gas; `valid_before` (exclusive) and `valid_after` (inclusive) are Unix seconds, None
    for unbounded; `fee_token` is the TIP-20 in which the fee is paid, None to leave it to the chain or to the sponsor.
    `authorization_list` and `key_authorization` are kept as raw RLP. Raises FormatError for what no chain can take.
    """

    chain_id: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas: int
    calls: tuple[Call, ...]
    access_list: tuple[AccessListItem, ...] = ()
    nonce_key: int = 0
    nonce: int = 0
    valid_before: int | None = None
    valid_after: int | None = None
    fee_token: str | None = None
    fee_payer_slot: FeePayerSlot = None
    authorization_list: tuple[Item, ...] = ()
    key_authorization: tuple[Item, ...] | None = None
    sender_signature: Signature | ForeignSignature | None = None

    def __post_init__(self) -> None:
        for name, bits in (("chain_id", 64), ("gas", 64), ("nonce", 64), ("nonce_key", 256)):
            _require_bits(name, getattr(self, name), bits)
        for name in ("max_priority_fee_per_gas", "max_fee_per_gas"):
            _require_bits(name, getattr(self, name), 128)
        for name in ("valid_before", "valid_after"):
            value = getattr(self, name)
            if value == 0:
                raise FormatError(f"{name} is zero; leave it out instead", code="bad-transaction")
            _require_bits(name, value or 0, 64)
        if self.fee_token is not None:
            object.__setattr__(self, "fee_token", to_checksum(self.fee_token))
        self._require_calls()
        if self.valid_before is not None and self.valid_after is not None and self.valid_before <= self.valid_after:
            raise FormatError("valid_before is not after valid_after", code="bad-transaction")

    def _require_calls(self) -> None:
        if not self.calls:
            raise FormatError("a transaction needs at least one call", code="bad-transaction")
        creates = [index for index, call in enumerate(self.calls) if call.to is None]
        if creates not in ([], [0]) or (creates and self.authorization_list):
            raise FormatError("only the first call may create a contract", code="bad-transaction")

    @property
    def is_sponsored(self) -> bool:
        """Whether somebody other than the sender is meant to pay the fee, signed yet or not."""
        return self.fee_payer_slot is not None

    @property
    def is_expiring(self) -> bool:
        """Whether it lives in the expiring-nonce lane."""
        return self.nonce_key == EXPIRING_NONCE_KEY

    # -- what gets signed

    def sender_preimage(self) -> bytes:
        """The bytes whose hash the sender signs. With a sponsor they leave the fee token open and mark the place."""
        if self.is_sponsored:
            return encode_list(TRANSACTION_TYPE, self._fields(fee_token=b"", slot=_SLOT_MARKER))
        return encode_list(TRANSACTION_TYPE, self._fields(fee_token=_optional_address(self.fee_token), slot=b""))

    def sender_digest(self) -> bytes:
        return keccak(self.sender_preimage())

    def sponsor_digest(self, fee_token: str | None, sender: str) -> bytes:
        """What a sponsor signs to pay the fee of `sender`'s transaction in `fee_token`."""
        fields = self._fields(fee_token=_optional_address(fee_token), slot=address_bytes(sender))
        return keccak(encode_list(HANDOFF_TYPE, fields))

    def sign(self, signer: Signer) -> TempoTransaction:
        """This transaction with the sender's signature."""
        return replace(self, sender_signature=signer.sign(self.sender_digest()))

    def cosign(self, signer: Signer, fee_token: str) -> TempoTransaction:
        """This transaction with a sponsor's signature, the fee to be taken from the sponsor in `fee_token`.

        Raises FormatError when the sender did not leave the fee to a sponsor, ParseError when the sender cannot be
        recovered.
        """
        if not isinstance(self.fee_payer_slot, AwaitingSponsor):
            raise FormatError("the sender did not leave the fee to a sponsor", code="not-awaiting-sponsor")
        signature = signer.sign(self.sponsor_digest(fee_token, self.sender()))
        return replace(self, fee_token=fee_token, fee_payer_slot=signature)

    # -- who signed

    def sender(self) -> str:
        """The sender recovered from the signature, checksummed.

        Raises ParseError when it is unsigned, of a kind that we do not recover (`unsupported-signature`), or not the
        sender that a 0x78 envelope states (`sender-mismatch`).
        """
        signature = self.sender_signature
        if signature is None:
            raise ParseError("the transaction is not signed", code="unsigned")
        if isinstance(signature, ForeignSignature):
            raise ParseError(
                f"the sender signed with a {signature.kind} key, which is not supported here",
                code="unsupported-signature",
                hint="Pay from an account with a secp256k1 key.",
            )
        sender = recover_address(self.sender_digest(), signature)
        slot = self.fee_payer_slot
        if isinstance(slot, AwaitingSponsor) and slot.sender is not None and slot.sender != sender:
            raise ParseError("the envelope's sender is not who signed it", code="sender-mismatch")
        return sender

    def fee_payer(self) -> str | None:
        """The sponsor recovered from its signature, None when none has signed. Raises ParseError as `sender` does."""
        if not isinstance(self.fee_payer_slot, Signature):
            return None
        return recover_address(self.sponsor_digest(self.fee_token, self.sender()), self.fee_payer_slot)

    # -- bytes

    def encode(self) -> bytes:
        """The signed 0x76 transaction. While it awaits a sponsor this is the marked form, which no chain executes."""
        signature = _signature_bytes(self.sender_signature)
        slot = self.fee_payer_slot
        field: Item = b"" if slot is None else slot.to_rlp() if isinstance(slot, Signature) else _SLOT_MARKER
        fields = self._fields(fee_token=_optional_address(self.fee_token), slot=field)
        return encode_list(TRANSACTION_TYPE, (*fields, signature))

    def encode_handoff(self) -> bytes:
        """The 0x78 envelope for a sponsor: as 0x76, with the sender's address in the fee payer's place."""
        slot = self.fee_payer_slot
        if not isinstance(slot, AwaitingSponsor):
            raise FormatError("only a transaction that awaits a sponsor is handed over", code="not-awaiting-sponsor")
        signature = _signature_bytes(self.sender_signature)
        sender = slot.sender if slot.sender is not None else self.sender()
        fields = self._fields(fee_token=_optional_address(self.fee_token), slot=address_bytes(sender))
        return encode_list(HANDOFF_TYPE, (*fields, signature))

    def hash(self) -> str:
        """The transaction hash, `0x…`. Raises FormatError while it is unsigned or awaits a sponsor: not fixed yet."""
        if isinstance(self.fee_payer_slot, AwaitingSponsor):
            raise FormatError("the hash is not fixed before the sponsor signs", code="awaiting-sponsor")
        return "0x" + keccak(self.encode()).hex()

    def _fields(self, *, fee_token: bytes, slot: Item) -> tuple[Item, ...]:
        fields: tuple[Item, ...] = (
            write_integer(self.chain_id),
            write_integer(self.max_priority_fee_per_gas),
            write_integer(self.max_fee_per_gas),
            write_integer(self.gas),
            tuple((_optional_address(call.to), write_integer(call.value), call.data) for call in self.calls),
            tuple((address_bytes(item.address), item.storage_keys) for item in self.access_list),
            write_integer(self.nonce_key),
            write_integer(self.nonce),
            write_integer(self.valid_before or 0),
            write_integer(self.valid_after or 0),
            fee_token,
            slot,
            self.authorization_list,
        )
        return fields if self.key_authorization is None else (*fields, self.key_authorization)


def decode(raw: bytes) -> TempoTransaction:
    """Reads a signed 0x76 transaction or a 0x78 hand-off.

    Strict: canonical RLP, minimal integers, exact field count, low-s signatures. Raises ParseError for everything else.
    A recovery id of 0 or 1 is read too and written back as 27 or 28.
    """
    if not raw or raw[0] not in {TRANSACTION_TYPE, HANDOFF_TYPE}:
        kind = f"0x{raw[0]:02x}" if raw else "nothing"
        raise ParseError(f"not a Tempo transaction (0x76 or 0x78): {kind}", code="wrong-transaction-type")
    fields = decode_list(raw[1:])
    if len(fields) not in {14, 15}:
        raise ParseError(f"a signed transaction has 14 or 15 fields, this one has {len(fields)}", code="bad-field")
    try:
        return TempoTransaction(
            chain_id=read_integer(fields[0], "chainId", 64),
            max_priority_fee_per_gas=read_integer(fields[1], "maxPriorityFeePerGas", 128),
            max_fee_per_gas=read_integer(fields[2], "maxFeePerGas", 128),
            gas=read_integer(fields[3], "gas", 64),
            calls=tuple(_read_call(item) for item in read_list(fields[4], "calls")),
            access_list=read_access_list(fields[5]),
            nonce_key=read_integer(fields[6], "nonceKey", 256),
            nonce=read_integer(fields[7], "nonce", 64),
            valid_before=read_integer(fields[8], "validBefore", 64) or None,
            valid_after=read_integer(fields[9], "validAfter", 64) or None,
            fee_token=read_optional_address(fields[10], "feeToken"),
            fee_payer_slot=_read_handoff_slot(fields[11]) if raw[0] == HANDOFF_TYPE else _read_slot(fields[11]),
            authorization_list=read_list(fields[12], "authorizationList"),
            key_authorization=read_list(fields[13], "keyAuthorization") if len(fields) == 15 else None,
            sender_signature=_read_signature(fields[-1]),
        )
    except FormatError as error:
        raise ParseError(error.message, code=error.code) from error


def _read_call(item: Item) -> Call:
    parts = read_list(item, "a call")
    if len(parts) != 3:
        raise ParseError(f"a call has 3 fields, this one has {len(parts)}", code="bad-field")
    return Call(
        read_optional_address(parts[0], "a call's target"),
        read_integer(parts[1], "a call's value", 256),
        read_bytes(parts[2], "a call's data"),
    )


def read_access_list(item: Item) -> tuple[AccessListItem, ...]:
    """Reads an EIP-2930 access list. Raises ParseError."""
    return tuple(_read_access(entry) for entry in read_list(item, "accessList"))


def _read_access(item: Item) -> AccessListItem:
    parts = read_list(item, "an access list entry")
    if len(parts) != 2:
        raise ParseError("an access list entry has 2 fields", code="bad-field")
    keys = tuple(read_bytes(key, "a storage key") for key in read_list(parts[1], "storage keys"))
    if any(len(key) != 32 for key in keys):
        raise ParseError("a storage key has 32 bytes", code="bad-field")
    return AccessListItem(address=read_address(parts[0], "an access list address"), storage_keys=keys)


def _read_handoff_slot(item: Item) -> AwaitingSponsor:
    return AwaitingSponsor(sender=read_address(item, "the sender of a 0x78 envelope"))


def _read_slot(item: Item) -> FeePayerSlot:
    if item == b"":
        return None
    if item == _SLOT_MARKER:
        return AwaitingSponsor()
    parts = read_list(item, "feePayerSignature")
    if len(parts) != 3:
        raise ParseError("feePayerSignature has 3 fields", code="bad-field")
    return Signature(
        y_parity=read_integer(parts[0], "yParity", 8),
        r=read_integer(parts[1], "r", 256),
        s=read_integer(parts[2], "s", 256),
    )


def _read_signature(item: Item) -> Signature | ForeignSignature:
    raw = read_bytes(item, "senderSignature")
    if len(raw) == 65:
        return Signature.from_bytes65(raw)
    if not raw or len(raw) not in _FOREIGN_LENGTHS.get(raw[0], ()):
        raise ParseError("the sender's signature is of no known kind", code="bad-signature")
    return ForeignSignature(raw=raw)


def _signature_bytes(signature: Signature | ForeignSignature | None) -> bytes:
    if signature is None:
        raise FormatError("sign the transaction before encoding it", code="unsigned")
    return signature.raw if isinstance(signature, ForeignSignature) else signature.to_bytes65()


def _optional_address(address: str | None) -> bytes:
    return b"" if address is None else address_bytes(address)


def _require_bits(name: str, value: int, bits: int) -> None:
    if not 0 <= value < 1 << bits:
        raise FormatError(f"{name} does not fit {bits} bits", code="bad-transaction")
