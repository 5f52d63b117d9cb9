"""The first tab of the inspector: what came back, how it was judged, what is offered, and what to mend first. Pure."""

from __future__ import annotations

import json

from textual.content import Content

from mpp_console.protocol import FindingLevel, inert
from mpp_console.services.inspect import InspectFinding, InspectOffer, InspectReport
from mpp_console.tui.columns import Column, cut, fit, line_of
from mpp_console.tui.display import BAD, GOOD, MUTED, STRONG, Lens, Sign
from mpp_console.tui.widgets.facts import hanging
from mpp_console.tui.widgets.inspect_view import (
    MASKED,
    Lines,
    Shown,
    bulleted,
    caret,
    counted,
    heading,
    key_of,
    level_sign,
    said,
    veiled,
)

__all__ = ["finding_lines", "offer_state", "summary"]

_EMPTY = (
    (("inspect.url",), "a URL: one unpaid request, every offer decoded, every finding told"),
    (("inspect.paste",), "paste a header, credential, receipt, response, curl command, HAR or JSON-RPC error"),
    (
        ("inspect.malformed", "inspect.twice", "inspect.discovery"),
        "more unpaid requests: a malformed credential, a second time, the price list",
    ),
    (("inspect.secret",), "the server's own secret, to check challenge ids with"),
)
_RECENT = 5
_FIXES = 3
_TABLE_WIDTH = 110
_VALUE_LINES = 400

_OFFERS = (
    Column(title="#", width=2, right=True),
    Column(title="OFFER", width=13, keep=8, grow=1),
    Column(title="AMOUNT", width=9, right=True, keep=9, whole=True),
    Column(title="UNIT", width=8, unit=True),
    Column(title="TO", width=11, keep=4),
    Column(title="NETWORK", width=10, keep=3),
    Column(title="STATE", width=13, keep=9),
    Column(title="LEFT", width=7, right=True, keep=6),
)


def summary(shown: Shown, lens: Lens, width: int) -> Content:
    """The whole tab."""
    match shown.stage:
        case "empty":
            lines = _empty(shown, lens, width)
        case "asking":
            lines = _asking(shown, lens, width)
        case "failed":
            lines = _failed(shown, lens, width)
        case _:
            lines = _done(shown, lens, width)
    return Content("\n").join(lines)


def _empty(shown: Shown, lens: Lens, width: int) -> Lines:
    lines = [heading("What does a URL ask for?"), Content("")]
    for names, text in _EMPTY:
        label = Content.styled(f"{' '.join(key_of(name) for name in names):<7}", "bold $primary")
        lines += hanging(label, Content.styled(lens.plain(text), MUTED), width)
    if shown.recent:
        lines += [Content(""), heading("Lately")]
        for visited in shown.recent[:_RECENT]:
            label = Content.styled(f"{inert(visited.method, limit=7):<7}", MUTED)
            lines.append(Content.assemble(label, lens.plain(cut(inert(visited.url), max(width - 7, 8)))))
    return [*lines, Content(""), _unspent("Nothing is signed or spent here, whatever is asked.", lens)]


def _asking(shown: Shown, lens: Lens, width: int) -> Lines:
    age = "" if shown.since is None else lens.age(shown.since)
    return [
        *hanging(Content.styled(lens.plain("◐ "), "$primary"), Content(f"asking {inert(shown.what)}"), width),
        Content.styled(f"  {age}", MUTED),
        Content(""),
        _unspent("Unpaid request; nothing is signed and nothing is spent. esc gives up.", lens),
    ]


def _failed(shown: Shown, lens: Lens, width: int) -> Lines:
    error = shown.error
    lines = [Content.styled(inert(shown.what), MUTED), Content("")] if shown.what else []
    if error is not None:
        lines += bulleted(Sign(lens.plain("✗"), "", BAD), inert(error.message), width, BAD)
        if error.hint:
            lines += hanging(Content("  "), Content.styled(inert(error.hint), MUTED), width)
    again = Content.assemble((key_of("inspect.again"), "bold $primary"), (" tries again", MUTED))
    return [*lines, Content(""), again, Content(""), _unspent("Nothing was signed and nothing was spent.", lens)]


def _done(shown: Shown, lens: Lens, width: int) -> Lines:
    lines = _head(shown, lens, width)
    nothing = Content.styled("No rule has anything to say of it.", MUTED)
    lines += [Content(""), counted(shown.findings, lens) if shown.findings else nothing]
    report = shown.report
    if report is not None and (report.offers or report.unreadable):
        lines += [Content(""), heading("Offers"), *offer_table(report, lens, width), *_best(report, lens, width)]
    elif report is None and shown.decoded is not None and shown.decoded.value is not None:
        lines += [Content(""), heading("What it says"), *_value(shown.decoded.value, lens, width)]
    lines += _to_fix(shown, lens, width)
    return [*lines, Content(""), _closing(shown, lens)]


def _head(shown: Shown, lens: Lens, width: int) -> Lines:
    report, decoded = shown.report, shown.decoded
    lines: Lines = []
    if decoded is not None:
        lines += hanging(Content.styled("pasted  ", MUTED), Content.styled(veiled(decoded.note, lens), STRONG), width)
    if report is None or not shown.answered:
        return lines
    tone = GOOD if report.status == 402 else BAD if report.status >= 500 else "$warning"
    took = f"   {report.milliseconds:.0f} ms" if report.milliseconds else ""
    when = f"   {lens.moment(report.at)}" if decoded is None else ""
    status = f"{report.status} {inert(report.reason)}".strip()
    lines.append(Content.assemble((status, f"bold {tone}"), (f"{took}{when}", MUTED)))
    if report.url:
        lines += hanging(Content.styled(f"{inert(report.http_method)} ", MUTED), Content(inert(report.url)), width)
    lines += _sent(shown, width)
    if report.problem is not None:
        text = f"{report.problem.title or ''}: {report.problem.detail or ''}".strip(": ")
        lines += hanging(Content.styled("problem ", MUTED), Content(veiled(text, lens)), width)
    return lines


def _sent(shown: Shown, width: int) -> Lines:
    """What else the request held: it comes from a curl command or a HAR, and stands in no box."""
    request = shown.request
    if request is None or not (request.headers or request.body):
        return []
    count = len(request.headers)
    parts = [f"{count} header field{'' if count == 1 else 's'}"] if count else []
    parts += [f"a body of {len(request.body)} bytes"] if request.body else []
    return hanging(Content.styled("with ", MUTED), Content(" and ".join(parts)), width)


def offer_state(offer: InspectOffer, lens: Lens) -> Sign:
    """What can be done with an offer now."""
    if offer.challenge.is_expired(lens.now):
        return Sign(lens.plain("✗"), "expired", BAD)
    if offer.quote is None:
        return Sign(lens.plain("○"), "not ours", MUTED)
    if not offer.payable:
        return Sign(lens.plain("✗"), "not payable", BAD)
    return Sign(lens.plain("✓"), "payable", GOOD)


def offer_table(report: InspectReport, lens: Lens, width: int) -> Lines:
    """Every offer in one line."""
    fitted = fit(_OFFERS, min(width, _TABLE_WIDTH) + 2)
    titles = Content.assemble(*line_of(fitted, [(column.title, MUTED) for column in _OFFERS])[1:-1])
    lines = [titles] if report.offers else []
    for offer in report.offers:
        quote, sign, until = offer.quote, offer_state(offer, lens), offer.challenge.expires_at
        currency = quote.currency if quote else None
        cells = (
            (str(offer.number), MUTED),
            (inert(offer.key, limit=40), ""),
            (lens.column(quote.amount, currency) if quote else lens.plain("—"), STRONG),
            (inert(currency.symbol, limit=12) if currency else "", MUTED),
            (lens.address(quote.recipient) if quote else "", MUTED),
            (inert(quote.network, limit=16) if quote else "", MUTED),
            (sign.text, sign.tone),
            (lens.countdown(until) if until else lens.plain("—"), MUTED),
        )
        lines.append(Content.assemble(*line_of(fitted, cells)[1:-1]))
    for broken in report.unreadable:
        text = f"offer {broken.number} cannot be read: see Challenges"
        lines += bulleted(Sign(lens.plain("✗"), "", BAD), text, width, BAD)
    return lines


def _best(report: InspectReport, lens: Lens, width: int) -> Lines:
    best = report.best
    if best is None or best.quote is None or best.challenge.is_expired(lens.now):
        return []
    money = Content.styled(lens.money(best.quote.amount, best.quote.currency), STRONG)
    text = Content.assemble(f"offer {best.number}, ", money, f" on {inert(best.quote.network)}")
    return hanging(Content.styled("best  ", MUTED), text, width)


def _value(value: object, lens: Lens, width: int) -> Lines:
    if lens.privacy:
        return [Content.styled(MASKED, MUTED)]
    text = inert(json.dumps(value, indent=2, ensure_ascii=False), keep_newlines=True)
    return [part for line in text.split("\n")[:_VALUE_LINES] for part in Content(line).wrap(max(width, 8))]


def _to_fix(shown: Shown, lens: Lens, width: int) -> Lines:
    bad = [each for each in shown.findings if each.level in (FindingLevel.FAIL, FindingLevel.WARN)]
    if not bad:
        return []
    lines = [Content(""), heading("To mend first")]
    for number, finding in enumerate(bad[:_FIXES]):
        lines += [Content("")] if number else []
        lines += finding_lines(finding, shown.report, lens, width)
    if len(bad) > _FIXES:
        lines += [Content(""), Content.styled(f"and {len(bad) - _FIXES} more in Findings", MUTED)]
    return lines


def finding_lines(finding: InspectFinding, report: InspectReport | None, lens: Lens, width: int) -> Lines:
    """One finding in full: what, where, by which rule, and how to mend it."""
    sign = level_sign(finding.level, lens)
    where = "" if finding.offer is None else f"  offer {finding.offer}"
    lines = [Content.assemble((f"{sign.text}  ", f"bold {sign.tone}"), (inert(finding.id), STRONG), (where, MUTED))]
    lines += hanging(Content("  "), Content(said(finding, lens)), width)
    if finding.level is FindingLevel.FAIL:
        lines += place(finding, report, lens, width)
    for label, text in (("rule", finding.spec), ("mend", finding.fix)):
        if text and (label == "rule" or finding.level is not FindingLevel.PASS):
            tone = MUTED if label == "rule" else ""
            lines += hanging(Content.styled(f"  {label}  ", MUTED), Content.styled(inert(text), tone), width)
    return lines


def place(finding: InspectFinding, report: InspectReport | None, lens: Lens, width: int) -> Lines:
    """Where in the header line it is, with a mark under the place."""
    if report is None or finding.position is None or finding.line is None or finding.line > len(report.lines):
        return []
    shown = caret(report.lines[finding.line - 1], finding.position, width - 2, lens)
    told = Content.styled(f"WWW-Authenticate line {finding.line}, character {finding.position + 1}", MUTED)
    return [*(Content.assemble("  ", line) for line in shown), Content.assemble("  ", told)]


def _closing(shown: Shown, lens: Lens) -> Content:
    if shown.request is None:
        return _unspent("Decoded only; no request was made, nothing was signed and nothing was spent.", lens)
    more = shown.report is not None and len(shown.report.legs) > 1
    return _unspent(f"Unpaid request{'s' if more else ''}; nothing was signed and nothing was spent.", lens)


def _unspent(text: str, lens: Lens) -> Content:
    return Content.assemble((lens.plain("✓ "), GOOD), (text, MUTED))


def worst_sign(shown: Shown, lens: Lens) -> Sign:
    """The verdict in a word, for a border."""
    if not shown.findings:
        return Sign(lens.plain("✓"), "read", GOOD)
    for level, word in ((FindingLevel.FAIL, "fails"), (FindingLevel.WARN, "warns")):
        if any(each.level is level for each in shown.findings):
            sign = level_sign(level, lens)
            return Sign(sign.glyph, word, sign.tone)
    return Sign(lens.plain("✓"), "sound", GOOD)
