"""The answer itself: its header section, its body, its problem document, and where the time went. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.services.inspect import InspectLeg, InspectReport, LegPhase
from mpp_console.tui.display import BAD, GOOD, MUTED, STRONG, WARN, Lens
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, facts_content, hanging
from mpp_console.tui.widgets.inspect_summary import place
from mpp_console.tui.widgets.inspect_view import MASKED, Lines, Shown, heading, key_of, veiled

__all__ = ["body", "headers", "problem", "timeline"]

_NOTES: Final = {
    "www-authenticate": "what is offered",
    "payment-receipt": "a receipt, hidden",
    "authentication-info": "hidden",
    "set-cookie": "hidden",
    "cache-control": "a 402 says no-store, a receipt private",
    "content-type": "a 402 brings application/problem+json",
    "content-encoding": "how the body is packed",
    "access-control-allow-origin": "who may ask from a web page",
    "access-control-expose-headers": "what a web page may read",
    "access-control-allow-credentials": "what a web page may send",
    "date": "the server's clock",
    "retry-after": "when to come back",
    "location": "where it redirects to",
    "server": "who answers",
    "vary": "what a cache must look at",
    "payment-required": "an x402 offer, another protocol",
    "content-digest": "what the body must hash to",
    "link": "where more is said",
}
_OFFERS: Final = frozenset({"www-authenticate", "payment-required"})
_BUFFERS: Final = ((4096, GOOD, "fits into a 4 KB proxy buffer"), (8192, WARN, "does not fit into a 4 KB proxy buffer"))
_NAME_WIDTH: Final = 26
_BODY_LINES: Final = 2_000
_PHASES: Final = {
    "connect": ("connect", "$text-muted"),
    "tls": ("TLS", "$text-muted"),
    "send": ("send", "$text-muted"),
    "wait": ("wait for the head", "$primary"),
    "body": ("body", "$success"),
}
_BAR_LABEL: Final = 20
_BAR_TIME: Final = 10


def _none(shown: Shown, what: str) -> Content:
    """Why a tab has nothing to show."""
    match shown.stage:
        case "asking":
            text = "Asking…"
        case "failed":
            text = "No answer came."
        case "empty":
            url, paste = key_of("inspect.url"), key_of("inspect.paste")
            text = f"Nothing was inspected yet. Press {url} to type a URL, or {paste} to paste something."
        case _:
            text = what
    return Content.styled(text, MUTED)


# Headers -------------------------------------------------------------------------------------------------------------


def headers(shown: Shown, lens: Lens, width: int) -> Content:
    """Every field with its size; those that matter first, each with what it is for."""
    report = shown.report
    if report is None or not report.headers:
        return _none(shown, "There is no header section in what was pasted.")
    # Offers are long, and the other tabs show what is in them.
    marked = sorted((each for each in report.headers if each[0].lower() in _NOTES), key=_is_offer)
    plain = [field for field in report.headers if field[0].lower() not in _NOTES]
    lines = [_size(report, lens)] if shown.answered else []
    broken = [each for each in shown.findings if each.position is not None and each.level == "fail" and each.line]
    for title, fields in (("That matter", marked), ("All others", plain)):
        if fields:
            lines += [Content(""), heading(title)] if lines else [heading(title)]
            lines += [line for name, value in fields for line in _field(name, value, lens, width)]
    if broken:
        lines += [Content(""), heading("Where they cannot be read")]
        for finding in broken:
            lines += [Content.styled(lens.plain(f"✗ {inert(finding.id)}"), BAD), *place(finding, report, lens, width)]
    return Content("\n").join(lines)


def _is_offer(field: tuple[str, str]) -> bool:
    return field[0].lower() in _OFFERS


def _size(report: InspectReport, lens: Lens) -> Content:
    size = sum(len(name) + len(value) + 4 for name, value in report.headers)
    tone, text = next(
        ((tone, text) for limit, tone, text in _BUFFERS if size <= limit),
        (BAD, "does not fit into an 8 KB proxy buffer"),
    )
    glyph = {GOOD: "✓", WARN: "!", BAD: "✗"}[tone]
    about = f"{len(report.headers)} fields, about {_bytes(size)}   "
    return Content.assemble((about, MUTED), (lens.plain(f"{glyph} "), tone), (text, tone))


def _field(name: str, value: str, lens: Lens, width: int) -> Lines:
    key = name.lower()
    note = _NOTES.get(key, "")
    glyph = lens.plain("●" if note else " ")
    told = f"  {_bytes(len(name) + len(value) + 4)}{f', {note}' if note else ''}"
    shown_name = inert(name)
    if lens.privacy and key in _OFFERS:
        value = MASKED
    text = Content.assemble(veiled(value, lens, numbers=False), (lens.plain(told), MUTED))
    label = Content.assemble((f"{glyph} ", "$primary"), (f"{shown_name:<{_NAME_WIDTH}} ", STRONG if note else ""))
    if width < 60 or cell_len(shown_name) > _NAME_WIDTH:
        head = Content.assemble((f"{glyph} ", "$primary"), (shown_name, STRONG if note else ""))
        return [head, *hanging(Content("    "), text, width)]
    return hanging(label, text, width)


def _bytes(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KB"


# Body and problem ----------------------------------------------------------------------------------------------------


def body(shown: Shown, lens: Lens, width: int) -> Content:
    """JSON set out, else the text, up to a limit."""
    report = shown.report
    if report is None or not report.body:
        what = "The answer has no body." if shown.answered else "There is no body in what was pasted."
        return _none(shown, what)
    if lens.privacy:
        return Content.styled(MASKED, MUTED)
    text, kind = _set_out(report.body)
    lines = text.split("\n")
    head = f"{kind}, {_bytes(report.body_bytes)}"
    if len(report.body) < report.body_bytes and kind == "text":
        head += ", the beginning"
    cut = (
        [Content.styled(lens.plain(f"… {len(lines) - _BODY_LINES} lines more"), MUTED)]
        if len(lines) > _BODY_LINES
        else []
    )
    wrapped = (part for line in lines[:_BODY_LINES] for part in (Content(line).wrap(max(width, 8)) or [Content("")]))
    return Content("\n").join([Content.styled(lens.plain(head), MUTED), Content(""), *wrapped, *cut])


def _set_out(text: str) -> tuple[str, str]:
    try:
        value = json.loads(text)
        pretty = json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, (dict, list)) else text
    except (ValueError, RecursionError):
        return text, "text"
    # What was escaped in the JSON is not escaped any more.
    return inert(pretty, keep_newlines=True), "JSON"


def problem(shown: Shown, lens: Lens, width: int) -> Content:
    """The members of the problem document (RFC 9457)."""
    report = shown.report
    found = None if report is None else report.problem
    if found is None:
        asks = report is not None and report.payment_required
        text = "The body is no problem document (RFC 9457), though a 402 should bring one."
        return _none(shown, text if asks and shown.answered else "There is no problem document (RFC 9457) here.")
    facts = [
        Fact("title", Content.styled(veiled(found.title or "—", lens), STRONG)),
        Fact("detail", veiled(found.detail or lens.plain("—"), lens)),
        GAP_FACT,
        Fact("type", inert(found.type, limit=500)),
    ]
    if found.slug:
        facts.append(Fact("", Content.styled(inert(found.slug, limit=80), "$primary")))
    facts.append(Fact("status", str(found.status) if found.status else lens.plain("—")))
    if found.challenge_id:
        facts.append(Fact("challenge", inert(found.challenge_id, limit=300)))
    if found.hint:
        facts.append(Fact("hint", veiled(found.hint, lens)))
    for name, value in found.extra.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, default=str)
        facts.append(Fact(inert(str(name), limit=24), veiled(text[:1000], lens)))
    return facts_content(facts, width)


# Timeline ------------------------------------------------------------------------------------------------------------


def timeline(shown: Shown, lens: Lens, width: int) -> Content:
    """Each request of the inspection as bars over its time; one scale for all, so that they can be compared."""
    report = shown.report
    legs = () if report is None or not shown.answered else report.legs
    if not any(leg.milliseconds for leg in legs):
        return _none(shown, "Nobody measured the time of what was pasted.")
    longest = max(leg.milliseconds for leg in legs)
    lines: Lines = []
    for leg in legs:
        lines += [Content("")] if lines else []
        lines += _leg(leg, longest, lens, width)
    return Content("\n").join([*lines, Content(""), *_legend(legs, lens, width)])


def _leg(leg: InspectLeg, longest: float, lens: Lens, width: int) -> Lines:
    status = str(leg.status) if leg.status else "no answer"
    tone = GOOD if leg.status == 402 else BAD if not leg.status or leg.status >= 500 else ""
    head = Content.assemble((leg.name, STRONG), ("   ", ""), (status, tone), (f"   {leg.milliseconds:.1f} ms", MUTED))
    room = max(width - _BAR_LABEL - _BAR_TIME - 2, 6)
    return [head, *(_bar(phase, longest, room, lens) for phase in leg.phases)]


def _bar(phase: LegPhase, longest: float, room: int, lens: Lens) -> Content:
    word, tone = _PHASES.get(phase.name, (inert(phase.name, limit=16), ""))
    word = f"{word} {phase.hop + 1}" if phase.hop else word
    scale = room / longest if longest else 0.0
    start = min(round(phase.start * scale), room - 1)
    length = max(min(round(phase.milliseconds * scale), room - start), 1)
    bar = ("#" if lens.ascii else "━") * length
    label = f"  {word}"[:_BAR_LABEL]
    return Content.assemble(
        (f"{label:<{_BAR_LABEL}} ", MUTED),
        " " * start,
        (bar, tone),
        " " * (room - start - length),
        (f"{phase.milliseconds:.1f} ms".rjust(_BAR_TIME), MUTED),
    )


def _legend(legs: Sequence[InspectLeg], lens: Lens, width: int) -> Lines:
    phases = [phase.name for leg in legs for phase in leg.phases]
    notes = []
    if not phases:
        notes.append("The transport told nothing of its parts.")
    if "connect" in phases:
        notes.append("connect includes looking the name up.")
    if phases and any("connect" not in {phase.name for phase in leg.phases} for leg in legs if leg.phases):
        notes.append("A request without connect went over a connection that was open already.")
    return [line for note in notes for line in hanging(Content("  "), Content.styled(lens.plain(note), MUTED), width)]
