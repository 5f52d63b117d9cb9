"""What a Tempo session is asked for by: the `request` of its challenge and the snapshot in it, as checked values. Pure.

Decoding looks at wire names and types only (tempo session draft, "Request Schema", "Session Snapshot"); unknown fields
are ignored, as the draft demands. What a request means for a payer is judged in `session_quote`, for a payee in
`session_checks`. Credentials and receipts are read in `session_payloads` and `session_receipts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from mpp_console.protocol import ParseError

from .channels import MAX_RESERVE_AMOUNT, ZERO_ADDRESS, Descriptor, parse_bytes32
from .session_fields import (
    read_address,
    read_amount,
    read_chain_id,
    read_number,
    read_optional,
    read_signature,
)
from .vouchers import MAX_LEGACY_AMOUNT

__all__ = [
    "METHOD",
    "SESSION_INTENT",
    "SessionRequest",
    "Snapshot",
    "decode_session_request",
    "encode_session_request",
    "verify_snapshot",
]

METHOD: Final = "tempo"
SESSION_INTENT: Final = "session"

DEFAULT_SESSION_CHAIN_ID: Final = 4217
"""The chain of a session that names none (session draft, "Method Details")."""

SessionVersion = Literal["v1", "v2"]


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
        sums = {name: read_amount(value, name) for name in ("deposit", "settled", "acceptedCumulative", "spent")}
        units, requested = value.get("units"), value.get("closeRequestedAt")
        channel_id = parse_bytes32(value.get("channelId"), "channelId")
        return cls(
            channel_id=channel_id,
            chain_id=read_chain_id(value.get("chainId"), "chainId"),
            escrow=read_address(value.get("escrow"), "escrow"),
            descriptor=Descriptor.from_wire(descriptor),
            deposit=sums["deposit"],
            settled=sums["settled"],
            accepted=sums["acceptedCumulative"],
            spent=sums["spent"],
            required=read_amount(value, "requiredCumulative"),
            close_requested_at=0 if requested is None else read_number(requested, "closeRequestedAt"),
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
    amount = read_amount(request, "amount", limit)
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
        currency=read_address(request.get("currency"), "currency"),
        recipient=read_address(request.get("recipient"), "recipient"),
        chain_id=DEFAULT_SESSION_CHAIN_ID if chain_id is None else read_chain_id(chain_id, "methodDetails.chainId"),
        escrow=read_address(details.get("escrowContract"), "methodDetails.escrowContract"),
        protocol=protocol,
        unit_type=unit,
        suggested_deposit=read_optional(request, "suggestedDeposit", limit),
        min_voucher_delta=read_optional(details, "minVoucherDelta", limit),
        channel_id=None if channel_id is None else parse_bytes32(channel_id, "methodDetails.channelId"),
        operator=ZERO_ADDRESS if operator is None else read_address(operator, "methodDetails.operator"),
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
    return read_amount(value, "cumulativeAmount"), read_signature(value.get("signature"))
