"""Receipts: what a server gives for a payment that settled (core draft §"Payment-Receipt Header").

Rails and transports add members of their own; they are kept, in `extra`, and written again. A raw receipt header
counts as sensitive, so the text form is a `Secret`. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, overload

from .canonical import decode_object, encode_object
from .errors import FormatError, ParseError
from .findings import Findings, Reporter
from .headers import TOKEN_LIMIT
from .secret import Secret
from .timestamp import parse_timestamp

__all__ = ["Receipt", "parse_receipt"]

_SPEC: Final = "core §Payment-Receipt Header"
_REQUIRED: Final = ("status", "method", "timestamp", "reference")
_MEMBERS: Final = (*_REQUIRED, "externalId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of a settled payment. Raises FormatError when a field is not what the scheme allows.

    `reference` finds the payment on its rail (a transaction hash, an invoice id); `timestamp` is the RFC 3339 text of
    the wire; `external_id` is the operator's own order number.
    """

    method: str
    reference: str
    timestamp: str
    status: str = "success"
    external_id: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if any(name in _MEMBERS for name in self.extra):
            raise FormatError("an extra member has the name of a known one", code="bad-extra")
        flaw = next(iter(_flaws(self.to_dict())), None)
        if flaw is not None:
            raise FormatError(f"the receipt cannot be built: {flaw[1]}", code=flaw[0])

    @property
    def challenge_id(self) -> str | None:
        """The challenge that was paid, where the transport or the rail says so."""
        value = self.extra.get("challengeId")
        return value if isinstance(value, str) else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the receipt, unknown members included."""
        value: dict[str, Any] = {
            "method": self.method,
            "reference": self.reference,
            "status": self.status,
            "timestamp": self.timestamp,
        }
        if self.external_id is not None:
            value["externalId"] = self.external_id
        return value | dict(self.extra)

    def to_header(self) -> Secret[str]:
        """The value of a `Payment-Receipt` field. Raises FormatError when `extra` holds what JSON cannot."""
        return Secret(encode_object(self.to_dict()))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Receipt:
        """A receipt from its JSON object. Raises ParseError."""
        receipt = _read(value, Reporter(None))
        assert receipt is not None  # noqa: S101 - a strict report raises instead
        return receipt


@overload
def parse_receipt(value: str | bytes) -> Receipt: ...
@overload
def parse_receipt(value: str | bytes, findings: None) -> Receipt: ...
@overload
def parse_receipt(value: str | bytes, findings: Findings) -> Receipt | None: ...
def parse_receipt(value: str | bytes, findings: Findings | None = None) -> Receipt | None:
    """The receipt in a `Payment-Receipt` field value.

    Strict without `findings`: raises ParseError. Lenient with `findings`: never raises, gives None for what is
    unusable and says why.
    """
    report = Reporter(findings)
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    try:
        decoded = decode_object(text.strip(" \t"), TOKEN_LIMIT)
    except ParseError as error:
        report.fail_with(error, spec=_SPEC, position=error.position)
        return None
    return _read(decoded, report)


def _read(value: Mapping[str, Any], report: Reporter) -> Receipt | None:
    flaws = _flaws(value)
    for code, message in flaws:
        report.fail(code, message, spec=_SPEC)
    if flaws:
        return None
    return Receipt(
        method=value["method"],
        reference=value["reference"],
        timestamp=value["timestamp"],
        status=value["status"],
        external_id=value.get("externalId"),
        extra={name: item for name, item in value.items() if name not in _MEMBERS},
    )


def _flaws(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and message of every rule that the members of a receipt break."""
    flaws = [
        ("missing-member", f"the receipt has no {name}")
        for name in _REQUIRED
        if not isinstance(value.get(name), str) or not value[name]
    ]
    if not isinstance(value.get("externalId", ""), str | None):
        flaws.append(("bad-external-id", "the externalId of the receipt is not text"))
    if flaws:
        return flaws
    if value["status"] != "success":
        flaws.append(("bad-status", "the status of a receipt is always success"))
    try:
        parse_timestamp(value["timestamp"])
    except ParseError as error:
        flaws.append((error.code, error.message))
    return flaws
