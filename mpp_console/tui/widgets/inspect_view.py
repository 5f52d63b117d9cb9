"""What the inspector shows, as one value that is replaced as a whole; and how its texts are read in privacy. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rich.cells import cell_len
from textual.content import Content

from mpp_console.protocol import FindingLevel, inert
from mpp_console.services.inspect import Decoded, InspectFinding, InspectReport
from mpp_console.services.models import ErrorView, PayRequest
from mpp_console.services.url_history import VisitedUrl
from mpp_console.tui.actions import action, keys_text
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, WARN, Lens, Sign
from mpp_console.tui.widgets.facts import hanging

__all__ = [
    "LEVELS", "MASKED", "Lines", "Shown", "bulleted", "caret", "compared", "counted", "heading", "key_of", "level_sign",
    "said", "veiled",
]  # fmt: skip

Lines = list[Content]
MASKED = "(masked: privacy is on)"
LEVELS = (FindingLevel.FAIL, FindingLevel.WARN, FindingLevel.INFO, FindingLevel.PASS)
"""The gravest first."""
_SIGNS = {
    FindingLevel.FAIL: Sign("✗", "FAIL", BAD),
    FindingLevel.WARN: Sign("!", "WARN", WARN),
    FindingLevel.INFO: Sign("·", "INFO", INFO),
    FindingLevel.PASS: Sign("✓", "PASS", GOOD),
}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{16,}")
_NUMBER = re.compile(r"(?<![\w.])\d[\d,_]*(?:\.\d+)?")
_MASK = "••••••"
_AMOUNTS = frozenset({"description-amount", "changing-terms"})
"""Findings about no single offer that tell amounts all the same."""
_EXCERPT_LEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`stage` says how far it is. `what` names what is looked at, `request` is it when it is a request; `report` and
    `decoded` are what was found, `error` why nothing was.
    """

    stage: Literal["empty", "asking", "failed", "done"] = "empty"
    what: str = ""
    since: datetime | None = None
    request: PayRequest | None = None
    report: InspectReport | None = None
    decoded: Decoded | None = None
    error: ErrorView | None = None
    with_secret: bool = False
    recent: tuple[VisitedUrl, ...] = ()

    @property
    def findings(self) -> tuple[InspectFinding, ...]:
        if self.report is not None:
            return self.report.findings
        return self.decoded.findings if self.decoded is not None else ()

    @property
    def answered(self) -> bool:
        """Whether there is an answer to tell of; pasted challenges are none."""
        if self.report is None:
            return False
        return self.decoded is None or self.decoded.kind in ("response", "har")


def level_sign(level: FindingLevel, lens: Lens) -> Sign:
    sign = _SIGNS[level]
    return Sign(lens.plain(sign.glyph), sign.word, sign.tone)


def veiled(text: str, lens: Lens, *, numbers: bool = True) -> str:
    """A server's or a rule's text, inert; in privacy without addresses and, unless told otherwise, numbers."""
    plain = inert(text)
    if not lens.privacy:
        return plain
    mask = lens.plain(_MASK)
    plain = _ADDRESS.sub(f"0x{mask}", plain)
    return _NUMBER.sub(mask, plain) if numbers else plain


def said(finding: InspectFinding, lens: Lens) -> str:
    """The text of a finding. Sizes and statuses are no secret; what an offer asks for is."""
    return veiled(finding.text, lens, numbers=finding.offer is not None or finding.id in _AMOUNTS)


def key_of(name: str) -> str:
    """The first key of an action, as people write it."""
    return keys_text(action(name), first=True)


def heading(text: str) -> Content:
    return Content.styled(text, "bold")


def counted(findings: Sequence[InspectFinding], lens: Lens) -> Content:
    """`✗ 2 FAIL   ! 3 WARN   · 1 INFO   ✓ 18 PASS`; what there is none of is dim."""
    parts = []
    for level in LEVELS:
        sign, count = level_sign(level, lens), sum(finding.level is level for finding in findings)
        parts.append(Content.styled(f"{sign.glyph} {count} {sign.word}", f"bold {sign.tone}" if count else MUTED))
    return Content("   ").join(parts)


def caret(line: str, position: int, width: int, lens: Lens) -> Lines:
    """The part of a header line around a place, with a mark under it. Both are counted in cells, since a line may hold
    wide characters.
    """
    if lens.privacy:
        return [Content.styled(MASKED, MUTED)]
    room = max(width - 2, 8)
    start = max(0, position - room // _EXCERPT_LEAD)
    part = inert(line[start : start + room])
    while cell_len(part) > room:
        part = part[:-1]
    before = cell_len(part[: position - start])
    lead = "…" if start else ""
    return [
        Content.styled(lens.plain(lead) + part, "$foreground"),
        Content.styled(" " * (before + len(lead)) + "^", f"bold {BAD}"),
    ]


def bulleted(sign: Sign, text: str, width: int, tone: str = "") -> Lines:
    """A text after its sign, its further lines under its first."""
    return hanging(Content.styled(f"{sign.glyph} ", sign.tone), Content.styled(text, tone), width)


def compared(address: str, lens: Lens) -> Content:
    """An address whole, its first and last six characters bold: what people compare."""
    text = lens.address(address, whole=True)
    if lens.privacy or len(text) < 16:
        return Content(text)
    head = 8 if text.startswith("0x") else 6
    return Content.assemble((text[:head], "bold"), (text[head:-6], MUTED), (text[-6:], "bold"))
