"""Signed transactions of every type that the node takes, as one shape that execution understands.

Tempo's 0x76 is read by the rail's own codec; EIP-1559 (0x02) and legacy transactions carry one call and an ordinary
nonce.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mpp_console.methods.tempo.envelope import (
    Item,
    decode_list,
    encode_list,
    read_bytes,
    read_integer,
    read_optional_address,
)
from mpp_console.methods.tempo.keys import Signature, keccak, recover_address
from mpp_console.methods.tempo.transaction import (
    AccessListItem,
    AwaitingSponsor,
    Call,
    TempoTransaction,
    decode,
    read_access_list,
)
from mpp_console.protocol import FormatError, ParseError

__all__ = ["DYNAMIC_FEE_TYPE", "LEGACY_TYPE", "TEMPO_TYPE", "Envelope", "read_transaction"]

LEGACY_TYPE: Final = 0
DYNAMIC_FEE_TYPE: Final = 2
TEMPO_TYPE: Final = 0x76


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A transaction whose signatures have been checked.

    Prices are attodollars a unit of gas. `replay_hash` is the hash of what the sender signed and of the sender, the
    same for every sponsor's signature: an expiring nonce is remembered by it, and a channel that is opened carries it.
    `tempo` is the decoded 0x76 transaction where it is one.
    """

    kind: int
    hash: str
    raw: bytes
    sender: str
    fee_payer: str
    sponsored: bool
    chain_id: int
    calls: tuple[Call, ...]
    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    nonce_key: int
    nonce: int
    signature: Signature
    valid_before: int | None = None
    valid_after: int | None = None
    fee_token: str | None = None
    access_list: tuple[AccessListItem, ...] = ()
    replay_hash: bytes = b""
    tempo: TempoTransaction | None = None

    def effective_price(self, base_fee: int) -> int:
        """What a unit of gas costs at this base fee (EIP-1559)."""
        return min(self.max_fee_per_gas, base_fee + self.max_priority_fee_per_gas)


@lru_cache(maxsize=512)
def read_transaction(raw: bytes) -> Envelope:
    """Decodes and recovers. Raises ParseError for everything the node cannot run: bad bytes, bad signatures, other
    types.
    """
    if raw[:1] in {b"\x76", b"\x78"}:
        return _tempo(raw)
    if raw[:1] == b"\x02":
        return _dynamic_fee(raw)
    if raw and raw[0] >= 0xC0:
        return _legacy(raw)
    raise ParseError(
        "the transaction is of no type this node takes (0x76, 0x02 or legacy)", code="wrong-transaction-type"
    )


def _tempo(raw: bytes) -> Envelope:
    tx = decode(raw)
    if isinstance(tx.fee_payer_slot, AwaitingSponsor):
        raise ParseError(
            "the transaction awaits its sponsor's signature and cannot be executed", code="awaiting-sponsor"
        )
    if tx.authorization_list or tx.key_authorization is not None:
        raise ParseError("the sandbox does not run transactions that authorise other keys", code="unsupported")
    sender = tx.sender()
    fee_payer = tx.fee_payer()
    if fee_payer == sender:
        raise ParseError("fee payer cannot resolve to sender", code="self-sponsored")
    if not isinstance(tx.sender_signature, Signature):
        raise ParseError("the sender's signature is of an unsupported kind", code="unsupported-signature")
    encoded = tx.encode()
    return Envelope(
        kind=TEMPO_TYPE,
        hash="0x" + keccak(encoded).hex(),
        raw=encoded,
        sender=sender,
        fee_payer=fee_payer or sender,
        sponsored=fee_payer is not None,
        chain_id=tx.chain_id,
        calls=tx.calls,
        gas=tx.gas,
        max_fee_per_gas=tx.max_fee_per_gas,
        max_priority_fee_per_gas=tx.max_priority_fee_per_gas,
        nonce_key=tx.nonce_key,
        nonce=tx.nonce,
        signature=tx.sender_signature,
        valid_before=tx.valid_before,
        valid_after=tx.valid_after,
        fee_token=tx.fee_token,
        access_list=tx.access_list,
        replay_hash=keccak(tx.sender_preimage() + bytes.fromhex(sender[2:])),
        tempo=tx,
    )


def _dynamic_fee(raw: bytes) -> Envelope:
    fields = decode_list(raw[1:])
    if len(fields) != 12:
        raise ParseError(f"an EIP-1559 transaction has 12 fields, this one has {len(fields)}", code="bad-field")
    signature = _signature(read_integer(fields[9], "yParity", 8), fields[10], fields[11])
    payload = encode_list(0x02, fields[:9])
    return _ordinary(
        kind=DYNAMIC_FEE_TYPE,
        raw=raw,
        payload=payload,
        signature=signature,
        chain_id=read_integer(fields[0], "chainId", 64),
        nonce=fields[1],
        priority=read_integer(fields[2], "maxPriorityFeePerGas", 128),
        price=read_integer(fields[3], "maxFeePerGas", 128),
        gas=fields[4],
        call=fields[5:8],
        access_list=fields[8],
    )


def _legacy(raw: bytes) -> Envelope:
    fields = decode_list(raw)
    if len(fields) != 9:
        raise ParseError(f"a legacy transaction has 9 fields, this one has {len(fields)}", code="bad-field")
    v = read_integer(fields[6], "v", 64)
    if v < 35:
        raise ParseError("a legacy transaction must name its chain (EIP-155)", code="no-chain-id")
    chain_id, parity = divmod(v - 35, 2)
    price = read_integer(fields[1], "gasPrice", 128)
    unsigned: tuple[Item, ...] = (*fields[:6], chain_id.to_bytes((chain_id.bit_length() + 7) // 8, "big"), b"", b"")
    return _ordinary(
        kind=LEGACY_TYPE,
        raw=raw,
        payload=encode_list(0, unsigned)[1:],
        signature=_signature(parity, fields[7], fields[8]),
        chain_id=chain_id,
        nonce=fields[0],
        priority=price,
        price=price,
        gas=fields[2],
        call=fields[3:6],
        access_list=(),
    )


def _ordinary(
    *,
    kind: int,
    raw: bytes,
    payload: bytes,
    signature: Signature,
    chain_id: int,
    nonce: Item,
    priority: int,
    price: int,
    gas: Item,
    call: tuple[Item, ...],
    access_list: Item,
) -> Envelope:
    sender = recover_address(keccak(payload), signature)
    return Envelope(
        kind=kind,
        hash="0x" + keccak(raw).hex(),
        raw=raw,
        sender=sender,
        fee_payer=sender,
        sponsored=False,
        chain_id=chain_id,
        calls=(_call(*call),),
        gas=read_integer(gas, "gas", 64),
        max_fee_per_gas=price,
        max_priority_fee_per_gas=priority,
        nonce_key=0,
        nonce=read_integer(nonce, "nonce", 64),
        signature=signature,
        access_list=read_access_list(access_list),
        replay_hash=keccak(payload + bytes.fromhex(sender[2:])),
    )


def _call(to: Item, value: Item, data: Item) -> Call:
    return Call(read_optional_address(to, "to"), read_integer(value, "value", 256), read_bytes(data, "data"))


def _signature(y_parity: int, r: Item, s: Item) -> Signature:
    try:
        return Signature(r=read_integer(r, "r", 256), s=read_integer(s, "s", 256), y_parity=y_parity)
    except FormatError as error:
        raise ParseError(error.message, code=error.code) from error
