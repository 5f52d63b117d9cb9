"""Says what a pasted text is, and reads it: a URL, a header line, a credential, a receipt, a response, a curl command,
a HAR file, a JSON-RPC error. Pure, and never raises, whatever is pasted.

Secrets in it stay here: a decoded credential has its proof masked, and nothing of the text itself is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from mpp_console.inspector.curl import is_curl, parse_curl
from mpp_console.inspector.discovery import is_openapi, offers_of, read_document
from mpp_console.inspector.evidence import Answer, Evidence, Inquiry
from mpp_console.inspector.findings import RULES, gravest_first, judge_case
from mpp_console.inspector.http_text import har_entries, parse_fields, parse_har_entry, parse_response
from mpp_console.inspector.reading import Case, PlacedFinding, read_case
from mpp_console.inspector.rpc import payment_parts
from mpp_console.inspector.rule import TEXT_LIMIT, InspectFinding, Rule
from mpp_console.inspector.rules_challenge import CHALLENGE_RULES
from mpp_console.inspector.rules_credential import credential_findings, receipt_findings
from mpp_console.inspector.rules_discovery import DISCOVERY_RULES, operations
from mpp_console.inspector.rules_parser import parser_finding
from mpp_console.inspector.rules_session import SESSION_RULES
from mpp_console.inspector.rules_tempo import TEMPO_RULES
from mpp_console.protocol import (
    WWW_AUTHENTICATE,
    Findings,
    MppError,
    ParseError,
    b64url_decode,
    b64url_encode,
    decode_json_object,
    format_challenge,
    inert,
    parse_credential,
    parse_problem,
    parse_receipt,
)
from mpp_console.protocol import Challenge as _Challenge
from mpp_console.protocol import FindingLevel as L

__all__ = ["Decoded", "DecodedKind", "decode"]

SCHEMA: Final = "mpp-console/decoded/1"
PASTE_LIMIT: Final = 8 * 1024 * 1024
"""Characters that are looked at: a HAR file of a long session is larger, and holds more than one wants to judge."""
MASK: Final = "(hidden)"

_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:localhost|\[[0-9a-fA-F:.]+\]|[\w-]+(?:\.[\w-]+)+)(?::\d{1,5})?(?:[/?#]\S*)?")
_HEADER: Final = re.compile(
    r"(?:[<>] )?(www-authenticate|authorization|payment-authorization|payment-receipt):[ \t]*", re.IGNORECASE
)
# A status line, or curl's trace of a connection up to one. Possessive, so that time stays linear.
_RESPONSE: Final = re.compile(r"(?:(?:[>*{}% 0-9][^\n]*+)?+\n)*+(?:< ?)?+HTTP/[0-9.]+ ")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{8,}=*")
_SCHEME: Final = re.compile(r"payment\s+", re.IGNORECASE)
_PUBLIC_PAYLOAD: Final = frozenset({"type", "hash", "action", "channelId", "cumulativeAmount"})


class DecodedKind(StrEnum):
    URL = "url"
    CURL = "curl"
    RESPONSE = "response"
    CHALLENGE = "challenge"
    CREDENTIAL = "credential"
    RECEIPT = "receipt"
    PROBLEM = "problem"
    DISCOVERY = "discovery"
    HAR = "har"
    RPC = "json-rpc"
    OBJECT = "object"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What a text is. `value` is what it says as JSON values, made inert, secrets masked.

    `inquiry` is a request that can be made (a URL, a curl command, a HAR entry without an answer); `case` an answer
    that can be reported on, by `rules`. `note` says in a line what was found, or why nothing was.
    """

    kind: DecodedKind
    note: str
    value: Any = None
    findings: tuple[InspectFinding, ...] = ()
    inquiry: Inquiry | None = None
    follow_redirects: bool = False
    case: Case | None = None
    rules: tuple[Rule, ...] = RULES

    @property
    def worst(self) -> L:
        order = (L.FAIL, L.WARN, L.INFO)
        return next((level for level in order if any(each.level is level for each in self.findings)), L.PASS)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, stable."""
        return {
            "schema": SCHEMA,
            "kind": self.kind.value,
            "note": self.note,
            "worst": self.worst.value,
            "value": self.value,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def decode(text: str, now: datetime) -> Decoded:
    """What `text` is. Never raises. `now` is for challenges that have expired since."""
    if len(text) > PASTE_LIMIT:
        return _unknown(f"the text has {len(text)} characters; at most {PASTE_LIMIT} are read")
    bare = text.replace("\r\n", "\n").replace("\r", "\n").strip().strip("\ufeff")
    for recognises, read in _RECOGNISERS:
        if not recognises(bare):
            continue
        try:
            found = read(bare, now)
        except MppError as error:
            return _unknown(error.message)
        if found is not None:
            return found
    return _unknown(
        "this is no URL, header line, credential, receipt, response, curl command, HAR, discovery "
        "document or JSON-RPC error"
    )


# Recognisers ---------------------------------------------------------------------------------------------------------


def _read_url(text: str, now: datetime) -> Decoded | None:
    inquiry = Inquiry(url=text)
    return Decoded(kind=DecodedKind.URL, note="a URL", inquiry=inquiry, value={"url": inert(inquiry.shown)})


def _read_curl(text: str, now: datetime) -> Decoded | None:
    command = parse_curl(text)
    inquiry = command.inquiry
    note = f"a curl command: {inquiry.method} {inert(inquiry.shown, limit=TEXT_LIMIT)}"
    if command.left_out:
        note += f" (left out: {inert(', '.join(command.left_out), limit=TEXT_LIMIT)})"
    return Decoded(
        kind=DecodedKind.CURL,
        note=note,
        inquiry=inquiry,
        follow_redirects=command.follow_redirects,
        value={"method": inert(inquiry.method), "url": inert(inquiry.shown), "body_bytes": len(inquiry.body)},
    )


def _read_response(text: str, now: datetime) -> Decoded | None:
    inquiry, answer = parse_response(text)
    return _exchange(DecodedKind.RESPONSE, inquiry, answer, now, note=f"a response with status {answer.status}")


def _read_headers(text: str, now: datetime) -> Decoded | None:
    fields = parse_fields([line.removeprefix("< ").removeprefix("> ") for line in text.split("\n")])
    lines = tuple(value for name, value in fields if name.lower() == "www-authenticate")
    if lines:
        return _challenges(lines, now)
    first = next((field for field in fields if _HEADER.match(f"{field[0]}:")), None)
    if first is None:
        return None
    return _receipt(first[1]) if first[0].lower() == "payment-receipt" else _credential(first[1])


def _read_scheme(text: str, now: datetime) -> Decoded | None:
    rest = _SCHEME.sub("", text, count=1).strip()
    if _TOKEN.fullmatch(rest):
        return _credential(text)
    return _challenges(
        tuple(line.strip() for line in re.split(r"\n(?=[ \t]*+payment\s)", text, flags=re.IGNORECASE)), now
    )


def _read_token(text: str, now: datetime) -> Decoded | None:
    try:
        value = decode_json_object(b64url_decode(text.rstrip("=")))
    except ParseError:
        return None
    return _object(value, now)


def _read_json(text: str, now: datetime) -> Decoded | None:
    raw = text.encode("utf-8", "surrogatepass")
    try:
        value = decode_json_object(raw if raw.startswith(b"{") else b'{"log":{"entries":' + raw + b"}}")
    except ParseError as error:
        return _unknown(f"JSON that cannot be read: {error.message}")
    return _object(value, now, raw)


_RECOGNISERS: Final[tuple[tuple[Callable[[str], object], Callable[[str, datetime], Decoded | None]], ...]] = (
    (is_curl, _read_curl),
    (_RESPONSE.match, _read_response),
    (_HEADER.match, _read_headers),
    (_SCHEME.match, _read_scheme),
    (lambda text: text.startswith(("{", "[")), _read_json),
    (_URL.fullmatch, _read_url),
    (_TOKEN.fullmatch, _read_token),
    (_HOST.fullmatch, _read_url),
)
"""How to tell what a text is, and how to read it: the first that recognises it and can read it."""


# Readers -------------------------------------------------------------------------------------------------------------


def _object(value: dict[str, Any], now: datetime, raw: bytes = b"") -> Decoded:
    """A JSON object, by its members."""
    if har_entries(value):
        return _har(value, now)
    if "jsonrpc" in value or isinstance(value.get("error"), Mapping) or "_meta" in value:
        return _rpc(value, now)
    if isinstance(value.get("challenge"), Mapping) and "payload" in value:
        return _credential(f"Payment {_encoded(value)}")
    if {"reference", "status"} <= value.keys():
        return _receipt(_encoded(value))
    if {"id", "realm", "method", "intent"} <= value.keys():
        return _challenges((format_challenge(_Challenge.from_echo(value)),), now)
    return _document(value, raw or _json(value), now)


def _document(value: Mapping[str, Any], raw: bytes, now: datetime) -> Decoded:
    """A discovery document, or whatever else it is."""
    if not is_openapi(value):
        return _problem(value, raw)
    evidence = Evidence(inquiry=Inquiry(), answer=Answer(status=0), now=now, document=read_document(raw), live=False)
    priced = {place: offers_of(operation) for place, operation in operations(value)}
    paid = {place: offers for place, offers in priced.items() if offers is not None}
    noun = "operation" if len(priced) == 1 else "operations"
    note = f"a discovery document: {len(priced)} {noun}, {len(paid)} paid"
    found = judge_case(read_case(evidence), DISCOVERY_RULES)
    return Decoded(kind=DecodedKind.DISCOVERY, note=note, value=_plain(paid), findings=found)


def _problem(value: Mapping[str, Any], raw: bytes) -> Decoded:
    if not {"type", "title"} <= value.keys():
        return Decoded(kind=DecodedKind.OBJECT, note="a JSON object, none that the scheme has", value=_plain(value))
    findings = Findings()
    problem = parse_problem(raw, findings)
    note = inert(f"a problem: {problem.title}" if problem else "a problem", limit=TEXT_LIMIT)
    return Decoded(kind=DecodedKind.PROBLEM, note=note, value=_plain(value), findings=_parsed(findings))


def _exchange(kind: DecodedKind, inquiry: Inquiry, answer: Answer, now: datetime, *, note: str) -> Decoded:
    case = read_case(Evidence(inquiry=inquiry, answer=answer, now=now, live=False))
    return Decoded(kind=kind, note=note, case=case, findings=judge_case(case))


def _challenges(lines: tuple[str, ...], now: datetime) -> Decoded:
    answer = Answer(status=402, fields=tuple((WWW_AUTHENTICATE, line) for line in lines))
    case = read_case(Evidence(inquiry=Inquiry(), answer=answer, now=now, live=False))
    rules = (*CHALLENGE_RULES, *TEMPO_RULES, *SESSION_RULES)
    count = len(case.offers)
    note = "a challenge" if count == 1 else f"{count} challenges"
    found = judge_case(case, rules)
    value = [_plain({"params": offer.params, "request": offer.request}) for offer in case.offers]
    return Decoded(kind=DecodedKind.CHALLENGE, note=note, value=value, findings=found, case=case, rules=rules)


def _credential(text: str) -> Decoded:
    findings = Findings()
    credential = parse_credential(text, findings)
    if credential is None:
        note = "a credential that cannot be read"
        return Decoded(kind=DecodedKind.CREDENTIAL, note=note, findings=_parsed(findings))
    challenge = credential.challenge
    payload = {name: value if name in _PUBLIC_PAYLOAD else MASK for name, value in credential.payload.items()}
    value = {
        "challenge": {**challenge.to_echo(), "request": challenge.request, "opaque": challenge.opaque},
        "source": credential.source,
        "payload": payload,
    }
    note = inert(f"a credential for {challenge.key}, its proof masked", limit=TEXT_LIMIT)
    found = gravest_first((*_parsed(findings), *credential_findings(credential)))
    return Decoded(kind=DecodedKind.CREDENTIAL, note=note, value=_plain(value), findings=found)


def _receipt(text: str) -> Decoded:
    findings = Findings()
    receipt = parse_receipt(text, findings)
    if receipt is None:
        return Decoded(kind=DecodedKind.RECEIPT, note="a receipt that cannot be read", findings=_parsed(findings))
    note = inert(f"a receipt of {receipt.method}: {receipt.reference}", limit=TEXT_LIMIT)
    found = gravest_first((*_parsed(findings), *receipt_findings(receipt)))
    return Decoded(kind=DecodedKind.RECEIPT, note=note, value=_plain(receipt.to_dict()), findings=found)


def _har(value: Mapping[str, Any], now: datetime) -> Decoded:
    """The exchange of most interest: the first that asks for payment, else the first."""
    exchanges = [parse_har_entry(entry) for entry in har_entries(value)]
    asking = [each for each in exchanges if each[1] is not None and each[1].status == 402]
    inquiry, answer = (asking or exchanges)[0]
    where = inert(f"{inquiry.method} {inquiry.shown}", limit=TEXT_LIMIT)
    note = f"a HAR of {len(exchanges)} request{'' if len(exchanges) == 1 else 's'}: {where}"
    if answer is None:
        return Decoded(kind=DecodedKind.HAR, note=note, inquiry=inquiry)
    return _exchange(DecodedKind.HAR, inquiry, answer, now, note=note)


def _rpc(value: Mapping[str, Any], now: datetime) -> Decoded:
    parts = payment_parts(value)
    if parts.credential is not None:
        return _from_rpc(_credential(f"Payment {_encoded(parts.credential)}"), parts.findings)
    if parts.receipt is not None:
        return _from_rpc(_rpc_receipt(parts.receipt), parts.findings)
    if parts.advertises:
        note = inert(f"a payment capability: {', '.join(parts.advertises) or 'no method'}", limit=TEXT_LIMIT)
        return Decoded(kind=DecodedKind.RPC, note=note, findings=gravest_first(parts.findings))
    if not parts.asks:
        return Decoded(kind=DecodedKind.RPC, note="a JSON-RPC message that says nothing of payment")
    found = _challenges(parts.lines, now) if parts.lines else _unknown("")
    note = f"a JSON-RPC error that asks for payment: {found.note or 'no challenge'}"
    return replace(_from_rpc(found, parts.findings), note=note)


def _rpc_receipt(value: Mapping[str, Any]) -> Decoded:
    """This transport leaves the reference to the server (MCP transport §Receipt Structure), HTTP does not."""
    if "reference" in value:
        return _receipt(_encoded(value))
    found = _receipt(_encoded({**value, "reference": "-"}))
    if not isinstance(found.value, Mapping):
        return found
    told = {name: item for name, item in found.value.items() if name != "reference"}
    return replace(found, note="a receipt without a reference", value=told)


def _from_rpc(found: Decoded, findings: tuple[InspectFinding, ...]) -> Decoded:
    return replace(found, kind=DecodedKind.RPC, findings=gravest_first((*findings, *found.findings)))


def _unknown(note: str) -> Decoded:
    return Decoded(kind=DecodedKind.UNKNOWN, note=inert(note, limit=TEXT_LIMIT))


def _parsed(findings: Findings) -> tuple[InspectFinding, ...]:
    return tuple(parser_finding(PlacedFinding(finding=finding)) for finding in findings)


def _encoded(value: Mapping[str, Any]) -> str:
    return b64url_encode(_json(value))


def _json(value: Mapping[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


def _plain(value: Any) -> Any:
    """JSON-like data with every text in it made inert."""
    match value:
        case str():
            return inert(value, limit=8192)
        case Mapping():
            return {inert(str(name), limit=256): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
