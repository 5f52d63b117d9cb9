"""The findings engine: every rule applied to one captured exchange, in a stable order. Pure.

The rules are the tables of the `rules_*` files and what the strict parser says; this file only joins them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mpp_console.inspector.evidence import Evidence
from mpp_console.inspector.reading import Case, read_case
from mpp_console.inspector.rule import InspectFinding, Rule
from mpp_console.inspector.rules_answer import ANSWER_RULES
from mpp_console.inspector.rules_challenge import CHALLENGE_RULES
from mpp_console.inspector.rules_discovery import DISCOVERY_RULES
from mpp_console.inspector.rules_parser import parser_finding
from mpp_console.inspector.rules_probes import PROBE_RULES
from mpp_console.inspector.rules_session import SESSION_RULES
from mpp_console.inspector.rules_tempo import TEMPO_RULES
from mpp_console.protocol import FindingLevel

__all__ = ["RULES", "gravest_first", "judge", "judge_case"]

RULES: Final[tuple[Rule, ...]] = (
    *ANSWER_RULES,
    *CHALLENGE_RULES,
    *TEMPO_RULES,
    *SESSION_RULES,
    *PROBE_RULES,
    *DISCOVERY_RULES,
)

_ORDER: Final = (FindingLevel.FAIL, FindingLevel.WARN, FindingLevel.INFO, FindingLevel.PASS)


def judge(evidence: Evidence) -> tuple[InspectFinding, ...]:
    """Every finding, the gravest first. Never raises, whatever a server sent."""
    return judge_case(read_case(evidence))


def judge_case(case: Case, rules: tuple[Rule, ...] = RULES) -> tuple[InspectFinding, ...]:
    """The same for an answer that is read already; pasted parts of one are judged by fewer rules."""
    found = [parser_finding(placed) for placed in case.parser]
    for rule in rules:
        found += rule.apply(case)
    return gravest_first(dict.fromkeys(found))


def gravest_first(findings: Iterable[InspectFinding]) -> tuple[InspectFinding, ...]:
    return tuple(sorted(findings, key=lambda finding: _ORDER.index(finding.level)))
