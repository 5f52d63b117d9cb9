"""What a lenient parse noticed: a list of findings, each with the rule that it rests on.

The same parser serves the strict path, which raises the first serious flaw, and the inspector, which passes a
`Findings` here and gets them all. Pure data; texts inside may quote a stranger, so screens make them inert first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import LimitError, ParseError
from .headers import FINDING_LIMIT

__all__ = ["Finding", "FindingLevel", "Findings", "Reporter"]


class FindingLevel(StrEnum):
    """How serious a finding is. FAIL is what the strict parser would have refused."""

    PASS = "pass"  # noqa: S105 - a level, not a password
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation. `code` is stable and kebab-case, `spec` names the section it rests on, `fix` what to change.

    `position` counts characters from the start of the value that was parsed, None when no single place is to blame.
    """

    code: str
    level: FindingLevel
    message: str
    spec: str = ""
    position: int | None = None
    fix: str = ""


class Findings(list[Finding]):
    """A collector handed to a parser to make it lenient. Stops growing at FINDING_LIMIT entries."""

    def add(
        self,
        code: str,
        level: FindingLevel,
        message: str,
        *,
        spec: str = "",
        position: int | None = None,
        fix: str = "",
    ) -> None:
        """Notes one finding."""
        if len(self) < FINDING_LIMIT:
            self.append(Finding(code=code, level=level, message=message, spec=spec, position=position, fix=fix))

    @property
    def failed(self) -> bool:
        """Whether a strict parse would have raised."""
        return any(finding.level is FindingLevel.FAIL for finding in self)


class Reporter:
    """How a parser speaks of flaws: strict without a collector (raises), lenient with one (collects and goes on).

    `prefix` goes before every message, to tell one field line from another.
    """

    __slots__ = ("findings", "prefix")

    def __init__(self, findings: Findings | None, prefix: str = "") -> None:
        self.findings = findings
        self.prefix = prefix

    @property
    def lenient(self) -> bool:
        return self.findings is not None

    def fail(self, code: str, message: str, *, spec: str = "", position: int | None = None, fix: str = "") -> None:
        """A flaw that makes the value unusable. Strict: raises ParseError, or LimitError for the code `too-large`."""
        if self.findings is None:
            kind = LimitError if code == LimitError.default_code else ParseError
            raise kind(self.prefix + message, code=code, hint=fix or None, position=position)
        self.findings.add(code, FindingLevel.FAIL, self.prefix + message, spec=spec, position=position, fix=fix)

    def fail_with(self, error: ParseError, *, spec: str = "", position: int | None = None) -> None:
        """The same for an error that a decoder raised; `position` replaces the error's own, which counts from
        elsewhere."""
        self.fail(error.code, error.message, spec=spec, position=position, fix=error.hint or "")

    def warn(self, code: str, message: str, *, spec: str = "", position: int | None = None, fix: str = "") -> None:
        """A flaw that leaves the value usable."""
        if self.findings is not None:
            self.findings.add(code, FindingLevel.WARN, self.prefix + message, spec=spec, position=position, fix=fix)

    def info(self, code: str, message: str, *, spec: str = "", position: int | None = None) -> None:
        """Something worth knowing that is no flaw."""
        if self.findings is not None:
            self.findings.add(code, FindingLevel.INFO, self.prefix + message, spec=spec, position=position)
