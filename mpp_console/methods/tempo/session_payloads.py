"""The payloads of session credentials, on the wire and as checked values: open, topUp, voucher, close. Pure.

Decoding looks at wire names and types only and ignores unknown fields (tempo session draft, "Credential Schema"). It
touches no channel and checks no signature: a payload is judged in `session_checks` and `session_handed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mpp_console.protocol import ParseError

from .channels import Descriptor, parse_bytes32
from .session_fields import read_address, read_amount, read_signature, read_transaction

__all__ = [
    "ClosePayload",
    "OpenPayload",
    "SessionPayload",
    "TopUpPayload",
    "VoucherPayload",
    "decode_session_payload",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPayload:
    """Opens a channel: the signed transaction for the server to broadcast, and the first voucher."""

    action: ClassVar[str] = "open"
    channel_id: str
    transaction: bytes = field(repr=False)
    cumulative: int
    signature: str = field(repr=False)
    descriptor: Descriptor | None = None
    authorized_signer: str | None = None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "action": "open",
            "type": "transaction",
            "channelId": self.channel_id,
            "transaction": "0x" + self.transaction.hex(),
            "signature": self.signature,
        }
        _describe(wire, self.descriptor)
        wire["cumulativeAmount"] = str(self.cumulative)
        if self.authorized_signer is not None:
            wire["authorizedSigner"] = self.authorized_signer.lower()
        return wire


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpPayload:
    """Adds `additional` base units to a channel by a signed transaction that the server broadcasts."""

    action: ClassVar[str] = "topUp"
    channel_id: str
    transaction: bytes = field(repr=False)
    additional: int
    descriptor: Descriptor | None = None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "action": "topUp",
            "type": "transaction",
            "channelId": self.channel_id,
            "transaction": "0x" + self.transaction.hex(),
        }
        _describe(wire, self.descriptor)
        wire["additionalDeposit"] = str(self.additional)
        return wire


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A voucher over `cumulative` base units in all, and what is asked with it."""

    action: ClassVar[str]
    channel_id: str
    cumulative: int
    signature: str = field(repr=False)
    descriptor: Descriptor | None = None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"action": self.action, "channelId": self.channel_id}
        _describe(wire, self.descriptor)
        return wire | {"cumulativeAmount": str(self.cumulative), "signature": self.signature}


class VoucherPayload(_Claim):
    """Pays by a voucher, or brings one."""

    __slots__ = ()
    action = "voucher"


class ClosePayload(_Claim):
    """Asks the server to close: the last voucher, of which it may take what was spent."""

    __slots__ = ()
    action = "close"


SessionPayload = OpenPayload | TopUpPayload | VoucherPayload | ClosePayload


def decode_session_payload(payload: Mapping[str, Any]) -> SessionPayload:
    """Reads a credential's payload; unknown fields are ignored. Raises ParseError (`malformed-payload`)."""
    try:
        return _payload(payload)
    except ParseError as error:
        raise ParseError(f"the payload is not valid: {error.message}", code="malformed-payload") from error


def _payload(payload: Mapping[str, Any]) -> SessionPayload:
    action = payload.get("action")
    channel_id = parse_bytes32(payload.get("channelId"), "channelId")
    stated = payload.get("descriptor")
    if stated is not None and not isinstance(stated, Mapping):
        raise ParseError("descriptor is no object")
    descriptor = None if stated is None else Descriptor.from_wire(stated)
    if action in ("open", "topUp") and payload.get("type") != "transaction":
        raise ParseError("type is not transaction")
    if action == "topUp":
        return TopUpPayload(
            channel_id=channel_id,
            transaction=read_transaction(payload.get("transaction")),
            additional=read_amount(payload, "additionalDeposit"),
            descriptor=descriptor,
        )
    cumulative, signature = read_amount(payload, "cumulativeAmount"), read_signature(payload.get("signature"))
    if action == "open":
        signer = payload.get("authorizedSigner")
        return OpenPayload(
            channel_id=channel_id,
            transaction=read_transaction(payload.get("transaction")),
            cumulative=cumulative,
            signature=signature,
            descriptor=descriptor,
            authorized_signer=None if signer is None else read_address(signer, "authorizedSigner"),
        )
    kinds: dict[str, type[VoucherPayload] | type[ClosePayload]] = {"voucher": VoucherPayload, "close": ClosePayload}
    kind = kinds.get(action) if isinstance(action, str) else None
    if kind is None:
        raise ParseError("action is none of open, topUp, voucher, close")
    return kind(channel_id=channel_id, cumulative=cumulative, signature=signature, descriptor=descriptor)


def _describe(wire: dict[str, Any], descriptor: Descriptor | None) -> None:
    if descriptor is not None:
        wire["descriptor"] = descriptor.to_wire()
