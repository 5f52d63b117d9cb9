"""What an inspection found, as values: offers, findings, headers, body. No I/O and no judgement of its own.

A report is made without paying and holds no secret: credential and receipt headers are masked before they get here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mpp_console.inspector.rule import InspectFinding
from mpp_console.inspector.timing import LegPhase
from mpp_console.methods.base import Quote
from mpp_console.protocol import Challenge, FindingLevel, Problem, format_timestamp, format_units, inert

__all__ = ["InspectFinding", "InspectLeg", "InspectOffer", "InspectReport", "LegPhase", "UnreadableOffer", "visible"]

SCHEMA = "mpp-console/inspect/1"
"""Names the shape of `InspectReport.to_dict`. Members may be added under the same name; a change of meaning needs
another."""
HIDDEN_CHARACTER = "\ufffd"


def visible(text: str) -> str:
    """`text` with every character that a terminal might obey or not show replaced by one that it shows.

    Unlike `inert` it keeps positions, so that a place in the text can be pointed at.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if each == "\t" else each if inert(each) == each else HIDDEN_CHARACTER for each in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectOffer:
    """One challenge, decoded. `quote` holds its facts when a rail here can read it; `problem` says why not otherwise.

    `request` is the decoded request object (None when it does not decode).
    """

    number: int
    challenge: Challenge
    quote: Quote | None
    request: dict[str, Any] | None
    problem: str = ""

    @property
    def key(self) -> str:
        return self.challenge.key

    @property
    def payable(self) -> bool:
        """Whether a rail here can read it and has nothing to say against it."""
        return self.quote is not None and self.quote.payable

    def to_dict(self) -> dict[str, Any]:
        """JSON form; amounts both in base units (`amount_base_units`, a string) and in the currency's units
        (`amount`).
        """
        challenge = self.challenge
        facts: dict[str, Any] = {
            "number": self.number,
            "id": challenge.id,
            "realm": challenge.realm,
            "method": challenge.method,
            "intent": challenge.intent,
            "expires": challenge.expires,
            "description": challenge.description,
            "digest": challenge.digest,
            "header": challenge.credential_header,
            "opaque": challenge.opaque_b64,
            "request": self.request,
            "problem": self.problem or None,
        }
        return {**facts, **_quote_facts(self.quote)} if self.quote else facts


def _quote_facts(quote: Quote) -> dict[str, Any]:
    return {
        "amount": format_units(quote.amount, quote.currency.decimals),
        "amount_base_units": str(quote.amount),
        "currency": quote.currency.symbol,
        "currency_id": quote.currency.id,
        "recipient": quote.recipient,
        "transfers": [
            {"recipient": transfer.recipient, "amount_base_units": str(transfer.amount), "memo": transfer.memo}
            for transfer in quote.transfers
        ],
        "network": quote.network,
        "chain_id": quote.chain_id,
        "mode": quote.mode.value,
        "sponsored": quote.sponsored,
        "checks": [{"code": check.code, "level": check.level.value, "text": check.message} for check in quote.checks],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableOffer:
    """A challenge that no strict parser takes. `parameters` are what could be read of it, made visible."""

    number: int
    line: int
    position: int
    parameters: tuple[tuple[str, str], ...]
    request: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "line": self.line,
            "position": self.position,
            "parameters": dict(self.parameters),
            "request": self.request,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectLeg:
    """One request of the inspection: `request`, `second request`, `malformed credential` or `discovery`. Status 0 is
    no answer.

    `phases` are its parts as far as they were measured.
    """

    name: str
    status: int
    milliseconds: float
    phases: tuple[LegPhase, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "milliseconds": round(self.milliseconds, 1),
            "phases": [phase.to_dict() for phase in self.phases],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectReport:
    """What unpaid requests to `url` brought. Nothing was paid or signed to make it.

    `payment_required` tells whether the answer asks for money. `body` is inert text, cut at 20,000 characters;
    `body_bytes` counts what was seen of it. `lines` are the WWW-Authenticate lines, made visible, for the places that
    findings name.
    """

    url: str
    http_method: str
    at: datetime
    milliseconds: float
    status: int
    reason: str
    payment_required: bool
    offers: tuple[InspectOffer, ...]
    headers: tuple[tuple[str, str], ...]
    body: str
    body_bytes: int
    problem: Problem | None
    findings: tuple[InspectFinding, ...]
    unreadable: tuple[UnreadableOffer, ...] = ()
    lines: tuple[str, ...] = ()
    legs: tuple[InspectLeg, ...] = ()

    @property
    def worst(self) -> FindingLevel:
        """The gravest level among the findings, PASS when there are none."""
        order = (FindingLevel.FAIL, FindingLevel.WARN, FindingLevel.INFO)
        return next((level for level in order if any(f.level is level for f in self.findings)), FindingLevel.PASS)

    def of_level(self, level: FindingLevel) -> tuple[InspectFinding, ...]:
        return tuple(finding for finding in self.findings if finding.level is level)

    @property
    def best(self) -> InspectOffer | None:
        """The offer that a payer here would take: the server's first of those that can be paid and have not expired
        when the answer came; None when there is none.
        """
        return next((offer for offer in self.offers if offer.payable and not offer.challenge.is_expired(self.at)), None)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each level, by its name."""
        return {level.value: len(self.of_level(level)) for level in FindingLevel}

    def to_dict(self) -> dict[str, Any]:
        """JSON form, stable: the command line prints it and exports hold it."""
        return {
            "schema": SCHEMA,
            "url": self.url,
            "method": self.http_method,
            "at": format_timestamp(self.at),
            "milliseconds": round(self.milliseconds, 1),
            "status": self.status,
            "reason": self.reason,
            "payment_required": self.payment_required,
            "paid": False,
            "worst": self.worst.value,
            "counts": self.counts,
            "offers": [offer.to_dict() for offer in self.offers],
            "unreadable": [offer.to_dict() for offer in self.unreadable],
            "challenge_lines": list(self.lines),
            "headers": [list(header) for header in self.headers],
            "problem": _problem_facts(self.problem),
            "body": self.body,
            "body_bytes": self.body_bytes,
            "requests": [leg.to_dict() for leg in self.legs],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def _problem_facts(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {"type": problem.type, "title": problem.title, "status": problem.status, "detail": problem.detail}
