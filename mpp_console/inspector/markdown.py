"""A report as Markdown, to put into an issue or a pull request.

Everything that came from a server stands inside code, in spans and fences that are longer than any run of backticks in
it, so that it can neither become markup nor end the block it is in. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from mpp_console.inspector.decode import Decoded
from mpp_console.inspector.report import InspectReport
from mpp_console.inspector.rule import InspectFinding
from mpp_console.protocol import FindingLevel, format_timestamp, inert

__all__ = ["decoded_markdown", "markdown"]

UNPAID: Final = "Unpaid request; nothing was signed and nothing was spent."
_HEADINGS: Final = {
    FindingLevel.FAIL: "✗ Fail",
    FindingLevel.WARN: "! Warn",
    FindingLevel.INFO: "· Info",
    FindingLevel.PASS: "✓ Pass",
}
_TICKS: Final = re.compile("`+")
_LINE_LIMIT: Final = 2000


def markdown(report: InspectReport) -> str:
    """The whole report, ending in a line break."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: InspectReport) -> Iterator[str]:
    yield "# Payment inspection"
    yield ""
    yield f"- request: {_span(f'{report.http_method} {report.url}')}"
    yield f"- answer: {_span(f'{report.status} {report.reason}'.strip())} in {report.milliseconds:.0f} ms"
    yield f"- at: {format_timestamp(report.at)}"
    yield f"- findings: {', '.join(f'{count} {level}' for level, count in reversed(report.counts.items()))}"
    yield ""
    yield UNPAID
    for level, heading in _HEADINGS.items():
        found = report.of_level(level)
        if found:
            yield from ("", f"## {heading}", "")
            yield from (line for finding in found for line in _finding(finding))
    for offer in report.offers:
        yield from ("", f"## Offer {offer.number}", "")
        yield from _fence(json.dumps(offer.to_dict(), indent=2, ensure_ascii=True), "json")
    for unreadable in report.unreadable:
        yield from ("", f"## Offer {unreadable.number}, which cannot be read", "")
        yield from _fence(json.dumps(unreadable.to_dict(), indent=2, ensure_ascii=True), "json")
    yield from ("", "## Header", "")
    yield from _fence("\n".join(f"{name}: {value}" for name, value in report.headers))
    if report.body:
        yield from ("", f"## Body ({report.body_bytes} bytes)", "")
        yield from _fence(report.body)


def decoded_markdown(decoded: Decoded) -> str:
    """A pasted text that holds no answer: what it is, what it says, what is wrong with it."""
    lines = ["# Decoded", "", f"- it is {_span(decoded.note)}", "", "Decoded only; no request was made."]
    for level, heading in _HEADINGS.items():
        found = [finding for finding in decoded.findings if finding.level is level]
        if found:
            lines += ["", f"## {heading}", "", *(line for finding in found for line in _finding(finding))]
    if decoded.value is not None:
        lines += ["", "## Value", "", *_fence(json.dumps(decoded.value, indent=2, ensure_ascii=True), "json")]
    return "\n".join(lines) + "\n"


def _finding(finding: InspectFinding) -> Iterator[str]:
    place = "" if finding.offer is None else f" (offer {finding.offer})"
    yield f"- **{finding.id}**{place}: {_span(finding.text)}"
    if finding.spec:
        yield f"  - rule: {finding.spec}"
    if finding.fix and finding.level is not FindingLevel.PASS:
        yield f"  - fix: {_span(finding.fix)}"


def _span(text: str) -> str:
    """`text` as one code span: one line, with more backticks around it than in it."""
    line = inert(text, limit=_LINE_LIMIT) or " "
    ticks = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def _fence(text: str, language: str = "") -> Iterator[str]:
    """`text` as a fenced block whose fence is longer than any run of backticks in it."""
    body = inert(text, keep_newlines=True)
    fence = "`" * max(3, max((len(run) for run in _TICKS.findall(body)), default=0) + 1)
    yield f"{fence}{language}"
    yield from body.split("\n")
    yield fence
