"""Reads an answer for the rules: every Payment challenge in it, also those that no strict parser would take.

The strict parser's own findings are kept and made more precise where the text shows what went wrong. Pure.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mpp_console.inspector.discovery import Document, read_document
from mpp_console.inspector.evidence import Answer, Evidence
from mpp_console.protocol import (
    CHALLENGE_COUNT_LIMIT,
    DISCOVERY_PATH,
    FIELD_LIMIT,
    PROBLEM_JSON,
    PROBLEM_LIMIT,
    TOKEN_LIMIT,
    WWW_AUTHENTICATE,
    Challenge,
    Finding,
    Findings,
    ParseError,
    Problem,
    decode_json_object,
    decode_object,
    parse_challenges,
    parse_problem,
)
from mpp_console.protocol.grammar import Scheme, scan

__all__ = ["Case", "OfferReading", "PlacedFinding", "read_case", "read_offers"]

LINE_LIMIT: Final = 256
"""WWW-Authenticate lines that are looked at; no HTTP library takes more header fields than that."""
_TO_STANDARD: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReading:
    """One Payment challenge as it stands on the wire. `number`, `line` and `line_count` count from 1.

    `params` are the values as written, by lower-case name, the first where a name occurs twice; `places` where each
    starts in the line. `challenge` is None when a strict parser refuses it. `request` is decoded as far as it can be,
    forgivingly; None when it cannot.
    """

    number: int
    line: int
    position: int
    length: int
    scheme: str
    params: Mapping[str, str]
    names: tuple[str, ...]
    places: Mapping[str, int]
    challenge: Challenge | None
    request: Mapping[str, Any] | None

    @property
    def method(self) -> str:
        """In lower case, so that a method that is wrong only in its case is judged as what it means."""
        return self.params.get("method", "").lower()

    @property
    def intent(self) -> str:
        return self.params.get("intent", "")

    @property
    def id(self) -> str:
        return self.params.get("id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFinding:
    """What the parser said, and where: the line (from 1) and the offer, None when it belongs to no offer."""

    finding: Finding
    line: int | None = None
    offer: OfferReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The evidence, read."""

    evidence: Evidence
    lines: tuple[str, ...]
    offers: tuple[OfferReading, ...]
    parser: tuple[PlacedFinding, ...]
    problem: Problem | None
    discovery: Document | None = None

    @property
    def answer(self) -> Answer:
        return self.evidence.answer

    @property
    def asks(self) -> bool:
        """Whether the answer asks for money, well or badly."""
        return self.answer.status == 402 or bool(self.offers)


def read_case(evidence: Evidence) -> Case:
    """Never raises, whatever the answer holds."""
    lines = tuple(evidence.answer.values(WWW_AUTHENTICATE))[:LINE_LIMIT]
    found: list[PlacedFinding] = []
    offers = read_offers(lines, found)
    problem_findings = Findings()
    problem = read_problem(evidence.answer, problem_findings)
    found += (PlacedFinding(finding=finding) for finding in problem_findings)
    return Case(
        evidence=evidence,
        lines=lines,
        offers=offers,
        parser=tuple(found),
        problem=problem,
        discovery=evidence.document or _asked_document(evidence),
    )


def _asked_document(evidence: Evidence) -> Document | None:
    """The answer itself, where the discovery document is what was requested."""
    url, answer = evidence.inquiry.url, evidence.answer
    if answer.status != 200 or not url.partition("?")[0].endswith(DISCOVERY_PATH):
        return None
    return read_document(answer.body, url=url, answer=answer)


def read_problem(answer: Answer, findings: Findings | None = None) -> Problem | None:
    """The problem document of an answer, None when its body is none."""
    if answer.media_type != PROBLEM_JSON or len(answer.body) > PROBLEM_LIMIT or not answer.complete:
        return None
    return parse_problem(answer.body, Findings() if findings is None else findings)


def read_offers(lines: tuple[str, ...], found: list[PlacedFinding] | None = None) -> tuple[OfferReading, ...]:
    """Every Payment challenge in the lines; what the parser says of them is added to `found`."""
    notes: list[PlacedFinding] = [] if found is None else found
    offers: list[OfferReading] = []
    for line_number, line in enumerate(lines, 1):
        schemes = scan(line) if len(line) <= FIELD_LIMIT else []
        ends = [*(scheme.position for scheme in schemes[1:]), len(line)]
        payments = [(scheme, end) for scheme, end in zip(schemes, ends, strict=False) if _is_payment(scheme)]
        if not payments or not _is_payment(schemes[0]):
            # Other schemes and stray text: the parser knows what to say of them.
            rest = line[: payments[0][0].position] if payments else line
            notes += _placed(_parsed(rest)[1], line_number, None, 0, skip="no-challenge")
        for scheme, end in payments[: max(0, CHALLENGE_COUNT_LIMIT - len(offers))]:
            challenge, findings = _parsed(line[scheme.position : end])
            offer = _offer(len(offers) + 1, line_number, end - scheme.position, scheme, challenge)
            offers.append(offer)
            notes += _placed(findings, line_number, offer, scheme.position)
    return tuple(offers)


def _is_payment(scheme: Scheme) -> bool:
    return scheme.name.lower() == "payment"


def _parsed(text: str) -> tuple[Challenge | None, Findings]:
    findings = Findings()
    challenges = parse_challenges(text, findings)
    return (challenges[0] if challenges else None), findings


def _placed(
    findings: Findings, line: int, offer: OfferReading | None, start: int, *, skip: str = ""
) -> list[PlacedFinding]:
    """The parser's positions count from the start of the challenge; readers look at the whole line."""
    return [
        PlacedFinding(finding=_moved(finding, start), line=line, offer=offer)
        for finding in findings
        if finding.code != skip
    ]


def _moved(finding: Finding, start: int) -> Finding:
    return Finding(
        code=finding.code,
        level=finding.level,
        message=finding.message,
        spec=finding.spec,
        position=None if finding.position is None else finding.position + start,
        fix=finding.fix,
    )


def _offer(number: int, line: int, length: int, scheme: Scheme, challenge: Challenge | None) -> OfferReading:
    params: dict[str, str] = {}
    places: dict[str, int] = {}
    for param in scheme.params:
        if param.name not in params:
            params[param.name] = param.value
            places[param.name] = param.position
    return OfferReading(
        number=number,
        line=line,
        position=scheme.position,
        length=length,
        scheme=scheme.name,
        params=params,
        names=tuple(param.name for param in scheme.params),
        places=places,
        challenge=challenge,
        request=_forgiving(params.get("request", "")),
    )


def _forgiving(text: str) -> Mapping[str, Any] | None:
    """The request object, also when it is padded, in the standard alphabet, or plain JSON."""
    if not text or len(text) > TOKEN_LIMIT:
        return None
    try:
        return decode_object(text)
    except ParseError:
        pass
    try:
        if text.lstrip().startswith("{"):
            return decode_json_object(text.encode("utf-8"))
        bare = text.translate(_TO_STANDARD).rstrip("=")
        return decode_json_object(binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=False))
    except (ParseError, binascii.Error, ValueError):
        return None
