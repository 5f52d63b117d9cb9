"""A Tempo session on the wire and as checked values: request, credential payloads, receipt and snapshot.

Decoding is the only place that looks at wire names and types (tempo session draft, "Request Schema", "Credential
Schema", "Receipt Generation"); unknown fields are ignored, as the draft demands. Pure. What a request means for a
payer is judged in `session_quote`, for a payee in `session_payee`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Self

from mpp_console.protocol import FormatError, ParseError, Receipt, parse_base_units

from .channels import MAX_RESERVE_AMOUNT, ZERO_ADDRESS, Descriptor, parse_bytes32
from .keys import parse_address
from .vouchers import MAX_LEGACY_AMOUNT

__all__ = [
    "SESSION_INTENT",
    "ClosePayload",
    "OpenPayload",
    "SessionPayload",
    "SessionReceiptFacts",
    "SessionRequest",
    "Snapshot",
    "TopUpPayload",
    "VoucherPayload",
    "decode_session_payload",
    "decode_session_request",
    "encode_session_request",
    "read_session_receipt",
    "session_receipt",
    "verify_snapshot",
]

METHOD: Final = "tempo"
SESSION_INTENT: Final = "session"

DEFAULT_SESSION_CHAIN_ID: Final = 4217
"""The chain of a session that names none (session draft, "Method Details")."""

SessionVersion = Literal["v1", "v2"]

_MAX_TRANSACTION: Final = 2 + 2 * 64 * 1024
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a server remembers of a channel (session draft, "Session Snapshot"). Sums in base units.

    Untrusted until `verify_snapshot`; and what it says of the chain, until the chain was asked.
    """

    channel_id: str
    chain_id: int
    escrow: str
    descriptor: Descriptor
    deposit: int
    settled: int
    accepted: int
    spent: int
    required: int
    close_requested_at: int = 0
    units: int | None = None
    voucher: tuple[int, str] | None = None
    """The highest voucher: cumulative amount and signature."""

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Self:
        """Raises ParseError."""
        descriptor = value.get("descriptor")
        if not isinstance(descriptor, Mapping):
            raise ParseError("the snapshot has no descriptor", code="bad-snapshot")
        sums = {name: _amount(value, name) for name in ("deposit", "settled", "acceptedCumulative", "spent")}
        units, requested = value.get("units"), value.get("closeRequestedAt")
        channel_id = parse_bytes32(value.get("channelId"), "channelId")
        return cls(
            channel_id=channel_id,
            chain_id=_chain_id(value.get("chainId"), "chainId"),
            escrow=_address(value.get("escrow"), "escrow"),
            descriptor=Descriptor.from_wire(descriptor),
            deposit=sums["deposit"],
            settled=sums["settled"],
            accepted=sums["acceptedCumulative"],
            spent=sums["spent"],
            required=_amount(value, "requiredCumulative"),
            close_requested_at=0 if requested is None else _number(requested, "closeRequestedAt"),
            units=units if type(units) is int and units >= 0 else None,
            voucher=_voucher(value.get("highestVoucher"), channel_id),
        )

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "acceptedCumulative": str(self.accepted),
            "chainId": self.chain_id,
            "channelId": self.channel_id,
            "deposit": str(self.deposit),
            "descriptor": self.descriptor.to_wire(),
            "escrow": self.escrow.lower(),
            "requiredCumulative": str(self.required),
            "settled": str(self.settled),
            "spent": str(self.spent),
        }
        if self.close_requested_at:
            wire["closeRequestedAt"] = str(self.close_requested_at)
        if self.units is not None:
            wire["units"] = self.units
        if self.voucher is not None:
            amount, signature = self.voucher
            wire["highestVoucher"] = {
                "channelId": self.channel_id,
                "cumulativeAmount": str(amount),
                "signature": signature,
            }
        return wire


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A decoded session request. `amount` is the price of one unit in base units; addresses are checksummed."""

    amount: int
    currency: str
    recipient: str
    chain_id: int
    escrow: str
    protocol: SessionVersion = "v2"
    unit_type: str | None = None
    suggested_deposit: int | None = None
    min_voucher_delta: int | None = None
    channel_id: str | None = None
    operator: str = ZERO_ADDRESS
    fee_payer: bool = False
    snapshot: Snapshot | None = None


def decode_session_request(request: Mapping[str, Any]) -> SessionRequest:
    """Reads the `request` object of a challenge. Raises ParseError (`malformed-request` and those of the fields)."""
    details = request.get("methodDetails")
    if not isinstance(details, Mapping):
        raise ParseError("methodDetails is missing or no object", code="malformed-request")
    protocol = _protocol(details.get("sessionProtocol"))
    limit = MAX_RESERVE_AMOUNT if protocol == "v2" else MAX_LEGACY_AMOUNT
    amount = _amount(request, "amount", limit)
    if amount == 0:
        raise ParseError("a unit of a session has a price above zero", code="malformed-amount")
    unit, channel_id, operator = request.get("unitType"), details.get("channelId"), details.get("operator")
    if unit is not None and not isinstance(unit, str):
        raise ParseError("unitType is not text", code="malformed-request")
    fee_payer = details.get("feePayer", False)
    if not isinstance(fee_payer, bool):
        raise ParseError("methodDetails.feePayer is neither true nor false", code="malformed-request")
    chain_id = details.get("chainId")
    if chain_id is None and protocol == "v2":
        raise ParseError("methodDetails.chainId is missing, which v2 demands", code="malformed-request")
    return SessionRequest(
        amount=amount,
        currency=_address(request.get("currency"), "currency"),
        recipient=_address(request.get("recipient"), "recipient"),
        chain_id=DEFAULT_SESSION_CHAIN_ID if chain_id is None else _chain_id(chain_id, "methodDetails.chainId"),
        escrow=_address(details.get("escrowContract"), "methodDetails.escrowContract"),
        protocol=protocol,
        unit_type=unit,
        suggested_deposit=_optional(request, "suggestedDeposit", limit),
        min_voucher_delta=_optional(details, "minVoucherDelta", limit),
        channel_id=None if channel_id is None else parse_bytes32(channel_id, "methodDetails.channelId"),
        operator=ZERO_ADDRESS if operator is None else _address(operator, "methodDetails.operator"),
        fee_payer=fee_payer,
        snapshot=_snapshot(details.get("sessionSnapshot")),
    )


def encode_session_request(request: SessionRequest) -> dict[str, Any]:
    """The `request` object of a challenge, addresses in lower case."""
    details: dict[str, Any] = {
        "chainId": request.chain_id,
        "escrowContract": request.escrow.lower(),
    }
    if request.protocol != "v1":
        details["sessionProtocol"] = request.protocol  # v1 is older than the field, and so are its clients
    if request.min_voucher_delta is not None:
        details["minVoucherDelta"] = str(request.min_voucher_delta)
    if request.channel_id is not None:
        details["channelId"] = request.channel_id
    if request.operator != ZERO_ADDRESS:
        details["operator"] = request.operator.lower()
    if request.fee_payer:
        details["feePayer"] = True
    if request.snapshot is not None:
        details["sessionSnapshot"] = request.snapshot.to_wire()
    wire: dict[str, Any] = {
        "amount": str(request.amount),
        "currency": request.currency.lower(),
        "recipient": request.recipient.lower(),
        "methodDetails": details,
    }
    if request.unit_type is not None:
        wire["unitType"] = request.unit_type
    if request.suggested_deposit is not None:
        wire["suggestedDeposit"] = str(request.suggested_deposit)
    return wire


def verify_snapshot(snapshot: Snapshot, request: SessionRequest) -> None:
    """Holds a snapshot against itself and against the request. Raises ParseError (`bad-snapshot`). It does not ask the
    chain.
    """
    parties = snapshot.descriptor
    if parties.channel_id(escrow=snapshot.escrow, chain_id=snapshot.chain_id) != snapshot.channel_id:
        raise ParseError("the snapshot's channel id is not that of its descriptor", code="bad-snapshot")
    told = (
        ("chain", snapshot.chain_id, request.chain_id),
        ("escrow", snapshot.escrow, request.escrow),
        ("payee", parties.payee, request.recipient),
        ("token", parties.token, request.currency),
        ("operator", parties.operator, request.operator),
        ("channel", snapshot.channel_id, request.channel_id or snapshot.channel_id),
    )
    for name, mine, asked in told:
        if mine != asked:
            raise ParseError(f"the snapshot's {name} is not that of the challenge", code="bad-snapshot")
    if not max(snapshot.settled, snapshot.spent) <= snapshot.accepted <= snapshot.deposit:
        raise ParseError("the sums of the snapshot contradict each other", code="bad-snapshot")


# -- credential payloads


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
class VoucherPayload:
    """A voucher over `cumulative` base units in all."""

    action: ClassVar[str] = "voucher"
    channel_id: str
    cumulative: int
    signature: str = field(repr=False)
    descriptor: Descriptor | None = None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"action": self.action, "channelId": self.channel_id}
        _describe(wire, self.descriptor)
        return wire | {"cumulativeAmount": str(self.cumulative), "signature": self.signature}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePayload:
    """Asks the server to close: the last voucher, of which it may take what was spent."""

    action: ClassVar[str] = "close"
    channel_id: str
    cumulative: int
    signature: str = field(repr=False)
    descriptor: Descriptor | None = None

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = {"action": self.action, "channelId": self.channel_id}
        _describe(wire, self.descriptor)
        return wire | {"cumulativeAmount": str(self.cumulative), "signature": self.signature}


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
            transaction=_transaction(payload.get("transaction")),
            additional=_amount(payload, "additionalDeposit"),
            descriptor=descriptor,
        )
    cumulative, signature = _amount(payload, "cumulativeAmount"), _signature(payload.get("signature"))
    if action == "open":
        signer = payload.get("authorizedSigner")
        return OpenPayload(
            channel_id=channel_id,
            transaction=_transaction(payload.get("transaction")),
            cumulative=cumulative,
            signature=signature,
            descriptor=descriptor,
            authorized_signer=None if signer is None else _address(signer, "authorizedSigner"),
        )
    kinds: dict[str, type[VoucherPayload] | type[ClosePayload]] = {"voucher": VoucherPayload, "close": ClosePayload}
    kind = kinds.get(action) if isinstance(action, str) else None
    if kind is None:
        raise ParseError("action is none of open, topUp, voucher, close")
    return kind(channel_id=channel_id, cumulative=cumulative, signature=signature, descriptor=descriptor)


# -- receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReceiptFacts:
    """What a session receipt says, in base units. `units` are those of this one request."""

    channel_id: str
    challenge_id: str | None
    accepted: int
    spent: int
    units: int | None = None
    tx_hash: str | None = None


def session_receipt(facts: SessionReceiptFacts, *, timestamp: str) -> Receipt:
    """The receipt of a session; its `reference` is the channel id."""
    extra: dict[str, Any] = {
        "intent": SESSION_INTENT,
        "channelId": facts.channel_id,
        "acceptedCumulative": str(facts.accepted),
        "spent": str(facts.spent),
    }
    if facts.challenge_id is not None:
        extra["challengeId"] = facts.challenge_id
    if facts.units is not None:
        extra["units"] = facts.units
    if facts.tx_hash is not None:
        extra["txHash"] = facts.tx_hash
    return Receipt(method=METHOD, reference=facts.channel_id, timestamp=timestamp, extra=extra)


def read_session_receipt(receipt: Receipt) -> SessionReceiptFacts:
    """Raises ParseError (`bad-receipt`) for a receipt that is none of a session, or contradicts itself."""
    extra = receipt.extra
    try:
        channel_id = parse_bytes32(extra.get("channelId"), "channelId")
        accepted, spent = _amount(extra, "acceptedCumulative"), _amount(extra, "spent")
        tx_hash = extra.get("txHash")
        facts = SessionReceiptFacts(
            channel_id=channel_id,
            challenge_id=receipt.challenge_id,
            accepted=accepted,
            spent=spent,
            units=units if type(units := extra.get("units")) is int and units >= 0 else None,
            tx_hash=None if tx_hash is None else parse_bytes32(tx_hash, "txHash"),
        )
    except ParseError as error:
        raise ParseError(f"the session receipt is not valid: {error.message}", code="bad-receipt") from error
    if receipt.method != METHOD or extra.get("intent", SESSION_INTENT) != SESSION_INTENT:
        raise ParseError("the receipt is not one of a session", code="bad-receipt")
    if receipt.reference.lower() != channel_id:
        raise ParseError("the receipt's reference is not its channel", code="bad-receipt")
    if spent > accepted:
        raise ParseError("the receipt has more spent than accepted", code="bad-receipt")
    return facts


# -- fields


def _protocol(value: object) -> SessionVersion:
    if value is None or value == "v1":
        return "v1"
    if value == "v2":
        return "v2"
    raise ParseError("sessionProtocol is neither v1 nor v2", code="malformed-request")


def _snapshot(value: object) -> Snapshot | None:
    """A snapshot is only a hint: one that cannot be read counts as none."""
    if not isinstance(value, Mapping):
        return None
    try:
        return Snapshot.from_wire(value)
    except ParseError:
        return None


def _voucher(value: object, channel_id: str) -> tuple[int, str] | None:
    if not isinstance(value, Mapping):
        return None
    if parse_bytes32(value.get("channelId"), "highestVoucher.channelId") != channel_id:
        raise ParseError("the snapshot's voucher is for another channel", code="bad-snapshot")
    return _amount(value, "cumulativeAmount"), _signature(value.get("signature"))


def _amount(value: Mapping[str, Any], name: str, limit: int = MAX_LEGACY_AMOUNT) -> int:
    text = value.get(name)
    if not isinstance(text, str):
        raise ParseError(f"{name} is not a number of base units in text", code="malformed-amount")
    try:
        amount = parse_base_units(text)
    except (ParseError, FormatError) as error:
        raise ParseError(f"{name}: {error.message}", code="malformed-amount") from error
    if amount > limit:
        raise ParseError(f"{name} is more than a channel can hold", code="malformed-amount")
    return amount


def _optional(value: Mapping[str, Any], name: str, limit: int) -> int | None:
    return None if value.get(name) is None else _amount(value, name, limit)


def _number(value: object, name: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise ParseError(f"{name} is not a number", code="malformed-request")


def _chain_id(value: object, name: str) -> int:
    if type(value) is not int or not 0 < value < 2**64:
        raise ParseError(f"{name} is not a positive number", code="malformed-request")
    return value


def _address(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ParseError(f"{name} is not an address", code="malformed-address")
    try:
        # By value: the draft has addresses compared without regard to case, and servers write them as they like.
        return parse_address(value.lower())
    except ParseError as error:
        raise ParseError(f"{name}: {error.message}", code="malformed-address") from error


def _signature(value: object) -> str:
    if not isinstance(value, str) or len(value) > 2 + 2 * 4096 or _HEX.fullmatch(value) is None:
        raise ParseError("signature is not hexadecimal")
    return value


def _transaction(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > _MAX_TRANSACTION or _HEX.fullmatch(value) is None:
        raise ParseError("transaction is not hexadecimal")
    return bytes.fromhex(value[2:])


def _describe(wire: dict[str, Any], descriptor: Descriptor | None) -> None:
    if descriptor is not None:
        wire["descriptor"] = descriptor.to_wire()
