"""What a request of the local server says, as facts in the order in which a person asks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.models import RequestDetail
from mpp_console.tui.display import BAD, INFO, MUTED, WARN, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.widgets.facts import GAP_FACT, Fact

__all__ = ["answer_facts", "overview_facts", "payment_facts", "request_facts"]

_DEPTH = 5
_MASKED = "masked: privacy is on, * shows it"
_GONE = "not kept: only the latest 200 requests are, in memory"


def overview_facts(detail: RequestDetail, lens: Lens) -> list[Fact]:
    row = detail.row
    facts = [
        Fact("outcome", lens.outcome(row.outcome).content),
        Fact("answer", Content.styled(f"HTTP {row.status}", BAD if row.status >= 500 else "")),
    ]
    if row.message:
        facts.append(Fact("why", Content.styled(masked(inert(row.message), lens), WARN)))
    if row.amount is not None:
        facts.append(Fact("amount", Content.styled(lens.money(row.amount, row.currency), "bold")))
    facts += [
        GAP_FACT,
        Fact("time", lens.moment(row.at)),
        Fact("", Content.styled(f"{lens.age(row.at)} ago", MUTED)),
        *_timings(detail, lens),
        GAP_FACT,
    ]
    if row.payer:
        facts.append(Fact("payer", lens.address(row.payer, whole=True)))
    if row.reference:
        facts.append(Fact("reference", lens.reference(row.reference, whole=True)))
    if row.challenge_id:
        facts.append(Fact("challenge", inert(row.challenge_id)))
    if detail.kept:
        sizes = f"{_size(detail.request_size)} in · {_size(detail.answer_size)} out"
        facts.append(Fact("bodies", Content.styled(lens.plain(sizes), MUTED)))
    return facts


def request_facts(detail: RequestDetail, lens: Lens) -> list[Fact]:
    row = detail.row
    facts = [Fact("line", Content.styled(inert(f"{row.method} {row.path}"), "bold"))]
    if not detail.kept:
        return [*facts, Fact("", Content.styled(_GONE, MUTED))]
    if detail.query:
        facts.append(Fact("query", Content.styled(_MASKED, MUTED) if lens.privacy else inert(detail.query)))
    return [*facts, GAP_FACT, *_headers(detail.request_headers, lens), *_body(detail.request_body, lens)]


def answer_facts(detail: RequestDetail, lens: Lens) -> list[Fact]:
    tone = BAD if detail.row.status >= 500 else "bold"
    facts = [Fact("status", Content.styled(f"HTTP {detail.row.status}", tone))]
    if not detail.kept:
        return [*facts, Fact("", Content.styled(_GONE, MUTED))]
    return [*facts, GAP_FACT, *_headers(detail.answer_headers, lens), *_body(detail.answer_body, lens)]


def payment_facts(detail: RequestDetail, lens: Lens) -> list[Fact]:
    """The challenges that were given, the credential that came and the receipt that left, decoded."""
    if not detail.kept:
        return [Fact("", Content.styled(_GONE, MUTED))]
    facts: list[Fact] = []
    if detail.problem is not None:
        facts += _part("problem", {"title": detail.problem.title, "detail": detail.problem.detail}, lens)
    for number, challenge in enumerate(detail.challenges, start=1):
        count = f" {number} of {len(detail.challenges)}" if len(detail.challenges) > 1 else ""
        facts += _part(f"challenge{count}", challenge, lens)
    if detail.credential is not None:
        facts += _part("credential", detail.credential, lens)
    if detail.receipt is not None:
        facts += _part("receipt", detail.receipt, lens)
    return facts[1:] or [Fact("", Content.styled("No payment was asked for or made.", MUTED))]


def _timings(detail: RequestDetail, lens: Lens) -> list[Fact]:
    row = detail.row
    if not detail.timings:
        return [] if row.milliseconds is None else [Fact("took", f"{row.milliseconds:.0f} ms")]
    legs = lens.plain(" · ").join(f"{timing.leg} {timing.milliseconds:.1f} ms" for timing in detail.timings)
    return [Fact("took", legs)]


def _part(title: str, fields: Mapping[str, Any], lens: Lens) -> list[Fact]:
    facts = [GAP_FACT, Fact("", Content.styled(title, f"bold {INFO}"))]
    if lens.privacy:
        return [*facts, Fact("", Content.styled(_MASKED, MUTED))]
    return facts + [Fact(name, _value(value)) for name, value in _flat(fields)]


def _value(text: str) -> Content:
    return Content.styled(text, MUTED) if text == "(hidden)" else Content(text)


def _flat(fields: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Nested fields under dotted names; what is absent is left out."""
    for name, value in fields.items():
        where = f"{path}.{inert(str(name), limit=40)}".lstrip(".")
        if isinstance(value, Mapping) and value and depth < _DEPTH:
            yield from _flat(value, where, depth + 1)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield where, inert(text, limit=2000)


def _headers(headers: tuple[tuple[str, str], ...], lens: Lens) -> list[Fact]:
    facts = []
    for name, value in headers:
        # A challenge's request names amounts and addresses.
        hidden = lens.privacy and name.lower() == "www-authenticate"
        shown = Content.styled(_MASKED, MUTED) if hidden else _value(inert(value, limit=2000))
        facts.append(Fact(inert(name, limit=28).lower(), shown))
    return facts


def _body(body: str, lens: Lens) -> list[Fact]:
    if not body:
        return [GAP_FACT, Fact("body", Content.styled("empty", MUTED))]
    if lens.privacy:
        return [GAP_FACT, Fact("body", Content.styled(_MASKED, MUTED))]
    text = body
    if body.lstrip()[:1] in {"{", "["}:
        try:
            text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            text = body
    lines = inert(text, keep_newlines=True).splitlines() or [""]
    return [GAP_FACT, *(Fact("body" if number == 0 else "", line) for number, line in enumerate(lines[:400]))]


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KB"
