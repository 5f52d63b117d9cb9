"""The findings as a list: rows, columns and which levels are shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpp_console.protocol import FindingLevel, inert
from mpp_console.services.inspect import InspectFinding
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.widgets.inspect_view import LEVELS, Shown, level_sign, said

__all__ = ["FILTERS", "FINDINGS", "FindingRow", "finding_cells", "finding_rows"]

FINDINGS = (
    Column(title="LEVEL", width=6, keep=9),
    Column(title="RULE", width=22, keep=8),
    Column(title="WHAT", width=14, grow=3, keep=7),
    Column(title="OFFER", width=5, right=True, keep=2),
    Column(title="SPECIFICATION", width=26, keep=1),
)
FILTERS: tuple[tuple[str, frozenset[FindingLevel]], ...] = (
    ("all", frozenset(LEVELS)),
    ("all but PASS", frozenset(LEVELS[:3])),
    ("FAIL and WARN", frozenset(LEVELS[:2])),
    ("FAIL", frozenset(LEVELS[:1])),
)
"""What is shown, from everything to the gravest alone."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as a row."""

    id: str
    finding: InspectFinding


def finding_rows(shown: Shown, levels: frozenset[FindingLevel]) -> list[FindingRow]:
    """The gravest first, as the engine orders them."""
    return [
        FindingRow(f"{number}", finding) for number, finding in enumerate(shown.findings) if finding.level in levels
    ]


def finding_cells(row: FindingRow, lens: Lens) -> Sequence[Cell]:
    finding = row.finding
    sign = level_sign(finding.level, lens)
    quiet = MUTED if finding.level is FindingLevel.PASS else ""
    return (
        (sign.text, sign.tone),
        (inert(finding.id, limit=40), quiet),
        (said(finding, lens), quiet),
        ("" if finding.offer is None else str(finding.offer), MUTED),
        (inert(finding.spec, limit=60), MUTED),
    )
