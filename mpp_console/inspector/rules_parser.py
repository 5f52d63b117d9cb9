"""The strict parser's findings as rows of the report: what each code means to an operator, and how to mend it.

The parser names the rule that is broken; where the text itself shows the usual mistake behind it, a row here gives
that mistake its own id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mpp_console.inspector.reading import OfferReading, PlacedFinding
from mpp_console.inspector.rule import TEXT_LIMIT, InspectFinding
from mpp_console.protocol import FindingLevel, inert

__all__ = ["parser_finding"]

_FIXES: Final = {
    "bad-base64url": "encode with base64url (RFC 4648 §5) and leave the padding away",
    "bad-digest": 'write digest="sha-256=:<base64>:"',
    "bad-intent": "use a registered intent, such as charge",
    "bad-json": "put a JSON object into the parameter",
    "bad-method": "use a registered method, in lower-case letters",
    "bad-text": "keep control characters out of header values",
    "bad-timestamp": "write expires as 2026-01-29T12:05:00Z",
    "digest-form": 'write digest="sha-256=:<base64>:", with the colons',
    "duplicate-name": "name every member of the object once",
    "duplicate-parameter": "send every parameter once",
    "method-name": "use lower-case letters only",
    "missing-parameter": "send id, realm, method, intent and request, none of them empty",
    "missing-value": "put the value in quotes",
    "not-an-object": "encode a JSON object, not a list or a text",
    "not-canonical": "serialise with RFC 8785 (sorted names, no spaces) before encoding",
    "other-scheme": "",
    "realm-not-ascii": "use the host name as realm",
    "stray-text": "separate parameters by commas and quote their values",
    "text-after-value": "separate parameters by commas, and escape quotes inside a value with a backslash",
    "token68": 'send parameters: Payment id="…", realm="…", …',
    "too-large": "keep a challenge under 4 KB: fewer splits, shorter texts",
    "unterminated-quoted-string": "close the quote, and escape quotes inside a value with a backslash",
    "missing-member": "send type, title, status and detail",
}
_SPECS: Final = {"not-canonical": "core §Required Parameters; RFC 8785", "too-large": "core §Size Considerations"}

# A broken "MUST" that the parser can live with: it reads the value, but peers may compute another id from it.
_STRICTER: Final = {"not-canonical": FindingLevel.FAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refinement:
    """When a code is about `param` and `shows` finds the mistake in its value, the finding is this instead."""

    code: str
    param: str
    shows: Callable[[str], object]
    id: str
    text: str
    spec: str
    fix: str


_REFINEMENTS: Final = (
    _Refinement(
        code="bad-method", param="method", shows=lambda value: re.fullmatch(r"[a-z:_-]*[A-Z][A-Za-z:_-]*", value),
        id="method-capitals", text="the method is written with capitals, which strict clients refuse",
        spec="core §Method Identifier Format", fix="write the method in lower case",
    ),
    _Refinement(
        code="bad-base64url", param="request", shows=lambda value: value.lstrip().startswith("{"),
        id="request-not-encoded", text="the request is plain JSON", spec="core §Required Parameters",
        fix="encode the request with base64url",
    ),
    _Refinement(
        code="bad-base64url", param="request", shows=lambda value: re.search(r"[+/]", value),
        id="base64-standard", text="the request is in the standard base64 alphabet (+ and /)",
        spec="core §Required Parameters", fix="use the base64url alphabet (- and _), without padding",
    ),
    _Refinement(
        code="bad-base64url", param="request", shows=lambda value: value.endswith("="),
        id="base64-padding", text="the request is padded with =", spec="core §Required Parameters",
        fix="leave the padding away",
    ),
    _Refinement(
        code="bad-base64url", param="opaque", shows=lambda value: value.endswith("="),
        id="base64-padding", text="opaque is padded with =", spec="core §Optional Parameters",
        fix="leave the padding away",
    ),
    _Refinement(
        code="bad-header", param="header", shows=bool,
        id="credential-header", text="the challenge wants its credential in a field that clients do not send it in",
        spec="core §Credentials (Authorization)", fix="leave header away, or write Payment-Authorization",
    ),
    _Refinement(
        code="bad-opaque", param="opaque", shows=bool,
        id="opaque-not-flat", text="opaque is not a flat map of text to text", spec="core §Optional Parameters",
        fix="make every value in opaque a text",
    ),
    _Refinement(
        code="bad-timestamp", param="expires", shows=bool,
        id="bad-expires", text="expires is not an RFC 3339 date-time with a zone", spec="core §Optional Parameters",
        fix="write expires as 2026-01-29T12:05:00Z",
    ),
)  # fmt: skip


def parser_finding(placed: PlacedFinding) -> InspectFinding:
    """One row of the report for one finding of a parser."""
    finding = placed.finding
    found = _refined(placed)
    identity = (finding.code, finding.message, finding.spec, finding.fix or _FIXES.get(finding.code, ""))
    code, text, spec, fix = identity if found is None else (found.id, found.text, found.spec, found.fix)
    return InspectFinding(
        id=code,
        level=_STRICTER.get(finding.code, finding.level),
        text=inert(text, limit=TEXT_LIMIT),
        spec=_SPECS.get(code, spec),
        fix=fix,
        offer=None if placed.offer is None else placed.offer.number,
        line=placed.line,
        position=finding.position,
    )


def _refined(placed: PlacedFinding) -> _Refinement | None:
    offer = placed.offer
    if offer is None:
        return None
    for refinement in _REFINEMENTS:
        if refinement.code != placed.finding.code or not _is_about(placed, offer, refinement.param):
            continue
        if refinement.shows(offer.params.get(refinement.param, "")):
            return refinement
    return None


def _is_about(placed: PlacedFinding, offer: OfferReading, param: str) -> bool:
    return param in offer.places and placed.finding.position == offer.places[param]
