"""The shape of a rule, and how one is applied. The rules themselves are tables in the `rules_*` files.

A rule that does not apply says nothing; one that applies and has nothing to say passes. Levels: FAIL for a broken
"MUST" and for what no client can pay, WARN for a broken "SHOULD" and for what breaks some clients, INFO for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpp_console.protocol import FindingLevel, inert

if TYPE_CHECKING:
    from mpp_console.inspector.reading import Case, OfferReading

__all__ = ["Hit", "InspectFinding", "Rule", "each_offer"]

TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectFinding:
    """One judgement. `id` is stable and kebab-case, `spec` names the rule it rests on, `fix` says what the server
    should do.

    `offer` is the number of the offer it is about, from 1; `line` the number of the WWW-Authenticate line, from 1, and
    `position` the character in that line. None where there is no one place.
    """

    id: str
    level: FindingLevel
    text: str
    spec: str = ""
    fix: str = ""
    offer: int | None = None
    line: int | None = None
    position: int | None = None

    def to_dict(self) -> dict[str, str | int | None]:
        return {
            "id": self.id,
            "level": self.level.value,
            "text": self.text,
            "spec": self.spec,
            "fix": self.fix,
            "offer": self.offer,
            "line": self.line,
            "position": self.position,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule has found. `level` None is the rule's own level."""

    text: str
    level: FindingLevel | None = None
    offer: int | None = None
    line: int | None = None
    position: int | None = None


Check = Callable[["Case"], "Iterable[Hit | str] | None"]
"""Gives what is wrong, nothing when all is well, None when there is nothing to check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of a table. `good` is what a pass says; a rule without it says nothing when it holds."""

    id: str
    level: FindingLevel
    good: str
    spec: str
    fix: str
    check: Check

    def apply(self, case: Case) -> Iterator[InspectFinding]:
        hits = self.check(case)
        if hits is None:
            return
        quiet = True
        for hit in hits:
            quiet = False
            yield self._finding(hit if isinstance(hit, Hit) else Hit(hit))
        if quiet and self.good:
            yield InspectFinding(id=self.id, level=FindingLevel.PASS, text=self.good, spec=self.spec)

    def _finding(self, hit: Hit) -> InspectFinding:
        level = hit.level or self.level
        return InspectFinding(
            id=self.id,
            level=level,
            text=inert(hit.text, limit=TEXT_LIMIT),
            spec=self.spec,
            fix=self.fix,
            offer=hit.offer,
            line=hit.line,
            position=hit.position,
        )


def each_offer(check: Callable[[Case, OfferReading], Iterable[Hit | str] | None]) -> Check:
    """A check of every offer: it does not apply when it applies to none of them."""

    def over_offers(case: Case) -> Iterable[Hit | str] | None:
        found: list[Hit | str] = []
        applies = False
        for offer in case.offers:
            hits = check(case, offer)
            if hits is None:
                continue
            applies = True
            found += (_placed(hit, offer) for hit in hits)
        return found if applies else None

    return over_offers


def _placed(hit: Hit | str, offer: OfferReading) -> Hit:
    if isinstance(hit, str):
        hit = Hit(hit)
    return Hit(hit.text, hit.level, offer.number, offer.line, hit.position)
