"""What a JSON-RPC message says of payment: challenges in an error, a credential or a receipt in `_meta` (MCP transport
draft). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mpp_console.inspector.rule import TEXT_LIMIT, InspectFinding
from mpp_console.protocol import Challenge, MppError, format_challenge, inert
from mpp_console.protocol import FindingLevel as L

__all__ = ["RpcParts", "payment_parts"]

PAYMENT_REQUIRED: Final = -32042
VERIFICATION_FAILED: Final = -32043
_CREDENTIAL: Final = "org.paymentauth/credential"
_RECEIPT: Final = "org.paymentauth/receipt"
_REQUIRED: Final = "org.paymentauth/payment-required"
_PROBLEM_MEMBERS: Final = ("type", "title", "status", "detail")
_CHALLENGE_SPEC: Final = "MCP transport §Challenge Structure"
_RECEIPT_SPEC: Final = "MCP transport §Receipt Structure"
_CAPABILITY_SPEC: Final = "MCP transport §Capability Advertisement"
_NOTIFICATION_SPEC: Final = "MCP transport §Notifications"
_SIGNAL_SPEC: Final = "MCP transport §Signaling Payment Required"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcParts:
    """`lines` are the challenges as WWW-Authenticate would carry them, `advertises` the methods of a capability."""

    asks: bool = False
    lines: tuple[str, ...] = ()
    findings: tuple[InspectFinding, ...] = ()
    credential: Mapping[str, Any] | None = None
    receipt: Mapping[str, Any] | None = None
    advertises: tuple[str, ...] = ()


def payment_parts(message: Mapping[str, Any]) -> RpcParts:
    """Never raises."""
    params, result, error = (_mapping(message.get(name)) for name in ("params", "result", "error"))
    for meta in (_mapping(part.get("_meta")) for part in (message, params, result)):
        for name in (_CREDENTIAL, _RECEIPT):
            if isinstance(meta.get(name), Mapping):
                return _carrying(message, meta[name], name)
        if isinstance(meta.get(_REQUIRED), Mapping):
            return _asking(meta[_REQUIRED])
    data = _mapping(error.get("data"))
    if error.get("code") in (PAYMENT_REQUIRED, VERIFICATION_FAILED) or "challenges" in data:
        return _asking(data, error)
    # Servers advertise in the result of `initialize`, clients in its params.
    return next((found for found in map(_advertising, (result, params)) if found.advertises), RpcParts())


def _carrying(message: Mapping[str, Any], value: Mapping[str, Any], name: str) -> RpcParts:
    """A credential or a receipt, and whether the message is one that may carry it."""
    findings: list[InspectFinding] = []
    if name == _CREDENTIAL:
        if "method" in message and "id" not in message:
            text = "a notification carries a credential: nothing can answer it, so servers must not serve it"
            findings.append(_finding("rpc-notification", L.FAIL, text, _NOTIFICATION_SPEC, "send it with an id"))
        return RpcParts(credential=value, findings=tuple(findings))
    if "error" in message:
        text = "an error carries a receipt, as if it had been paid for"
        findings.append(
            _finding("rpc-receipt-on-error", L.FAIL, text, _RECEIPT_SPEC, "send receipts with results only")
        )
    if not isinstance(value.get("challengeId"), str):
        text = "the receipt does not name its challenge"
        findings.append(_finding("rpc-receipt-challenge", L.FAIL, text, _RECEIPT_SPEC, "send challengeId"))
    return RpcParts(receipt=value, findings=tuple(findings))


def _advertising(part: Mapping[str, Any]) -> RpcParts:
    """What `initialize` or the answer to it says of payment: methods, each with its intents."""
    experimental = _mapping(_mapping(part.get("capabilities")).get("experimental"))
    if "payment" not in experimental:
        return RpcParts()
    methods = _mapping(experimental["payment"]).get("methods")
    findings: list[InspectFinding] = []
    if not isinstance(methods, Mapping) or not methods:
        text = "the payment capability names no methods"
        findings.append(_finding("rpc-capability", L.FAIL, text, _CAPABILITY_SPEC, "send methods, each with intents"))
        return RpcParts(advertises=("",), findings=tuple(findings))
    for name, method in methods.items():
        intents = _mapping(method).get("intents")
        if not isinstance(intents, list) or not all(isinstance(each, str) for each in intents) or not intents:
            text = f"the capability {name!r:.60} lists no intents"
            findings.append(_finding("rpc-capability", L.FAIL, text, _CAPABILITY_SPEC, 'send intents: ["charge"]'))
    return RpcParts(advertises=tuple(str(name) for name in methods), findings=tuple(findings))


def _asking(data: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> RpcParts:
    findings: list[InspectFinding] = []
    if error is not None and error.get("code") not in (PAYMENT_REQUIRED, VERIFICATION_FAILED):
        text = f"challenges come with the code {error.get('code')!r:.40}, not with {PAYMENT_REQUIRED}"
        findings.append(_finding("rpc-code", L.FAIL, text, _SIGNAL_SPEC, f"use the code {PAYMENT_REQUIRED}"))
    if data.get("httpStatus") != 402:
        text = "data.httpStatus is not 402"
        findings.append(_finding("rpc-status", L.WARN, text, _SIGNAL_SPEC, "send httpStatus: 402"))
    findings += _problem(data)
    challenges = data.get("challenges")
    lines = []
    for number, echo in enumerate(challenges if isinstance(challenges, list) else (), 1):
        found = _line(echo, number, findings)
        if found:
            lines.append(found)
    if not isinstance(challenges, list) or not challenges:
        text = "the error carries no challenge"
        findings.append(_finding("rpc-no-challenge", L.FAIL, text, _CHALLENGE_SPEC, "send at least one challenge"))
    return RpcParts(asks=True, lines=tuple(lines), findings=tuple(findings))


def _problem(data: Mapping[str, Any]) -> list[InspectFinding]:
    """The optional problem document beside the challenges: what it has to have, and whether it is about one of them."""
    if "problem" not in data:
        return []
    problem = data["problem"]
    missing = [name for name in _PROBLEM_MEMBERS if name not in _mapping(problem)]
    if missing:
        text = f"the problem has no {' and no '.join(missing)}" if isinstance(problem, Mapping) else "it is no object"
        return [_finding("rpc-problem", L.WARN, text, _CHALLENGE_SPEC, "send type, title, status and detail")]
    challenges, named = data.get("challenges"), problem.get("challengeId")
    ids = {str(_mapping(each).get("id")) for each in (challenges if isinstance(challenges, list) else ())}
    if named is None or str(named) in ids:
        return []
    text = f"the problem names challenge {named!r:.80}, which is none of those that are offered"
    return [_finding("rpc-problem", L.WARN, text, _CHALLENGE_SPEC, "name the challenge that is sent")]


def _line(echo: object, number: int, findings: list[InspectFinding]) -> str | None:
    if not isinstance(echo, Mapping):
        findings.append(_finding("rpc-challenge", L.FAIL, f"challenge {number} is no object", _CHALLENGE_SPEC, ""))
        return None
    if isinstance(echo.get("request"), str):
        text = f"challenge {number} has its request encoded; this transport carries the object itself"
        findings.append(_finding("rpc-request-encoded", L.FAIL, text, _CHALLENGE_SPEC, "send the request as an object"))
    try:
        return format_challenge(Challenge.from_echo(echo))
    except MppError as error:
        text = f"challenge {number} cannot be read: {error.message}"
        findings.append(_finding("rpc-challenge", L.FAIL, text, _CHALLENGE_SPEC, "send every required member"))
        return None


def _finding(name: str, level: L, text: str, spec: str, fix: str) -> InspectFinding:
    return InspectFinding(id=name, level=level, text=inert(text, limit=TEXT_LIMIT), spec=spec, fix=fix)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
