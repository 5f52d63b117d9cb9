"""An inspection report for people: drawn on a terminal, plain lines in a pipe. Decides nothing.

Texts of servers are inert already and never read as markup.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from mpp_console.cli.output import amount_text, time_text

if TYPE_CHECKING:
    from rich.text import Text

    from mpp_console.services.inspect import Decoding, InspectFinding, InspectOffer, InspectReport, UnreadableOffer

__all__ = ["print_decoded", "print_report"]

_LEVELS: Final = {
    "fail": ("✗", "FAIL", "bold red"),
    "warn": ("!", "WARN", "bold yellow"),
    "info": ("·", "INFO", "cyan"),
    "pass": ("✓", "PASS", "green"),
}
_EXCERPT: Final = 72
"""Characters of a header line that are shown around the place of an error."""

Line = list[tuple[str, str]]
"""Pieces of one line, each with its style; a pipe gets the texts alone."""


def print_report(report: InspectReport, *, verbose: bool, head: bool = True) -> None:
    """`verbose` adds what passed, the header section and the body; without `head` there was no answer to tell of."""
    lines = _head(report) if head else []
    for offer in report.offers:
        lines += [[], *_offer(offer)]
    for unreadable in report.unreadable:
        lines += [[], *_unreadable(unreadable)]
    for level in _LEVELS:
        found = [finding for finding in report.findings if finding.level == level]
        if level == "pass" and not verbose:
            continue
        if level == "pass" and found:
            lines.append([])
        for finding in found:
            lines += [[], *_finding(finding, report)] if level != "pass" else _finding(finding, report)
    if verbose:
        lines += [[], [("Header", "bold")], *([(f"{name}: {value}", "")] for name, value in report.headers)]
        lines += [[], [("Body", "bold")], *([(line, "")] for line in report.body.split("\n"))]
    lines += [[], _summary(report)]
    _print(lines)


def print_decoded(decoding: Decoding, *, verbose: bool) -> None:
    """A pasted text: what it is, what it says, and what is wrong with it."""
    decoded, report = decoding.decoded, decoding.report
    _print([[(decoded.note, "bold")]])
    if report is not None:
        print_report(report, verbose=verbose, head=decoded.kind in ("response", "har"))
        return
    import json

    lines: list[Line] = []
    if decoded.value is not None:
        lines += [[(line, "")] for line in json.dumps(decoded.value, indent=2, ensure_ascii=True).split("\n")]
    for finding in decoded.findings:
        lines += [[], *_finding(finding, None)]
    _print(lines)


def _head(report: InspectReport) -> list[Line]:
    if not report.url:
        return [[(f"{report.status} {report.reason}".strip(), "bold"), ("  pasted", "dim")]]
    first: Line = [(f"{report.http_method} {report.url}", "bold")]
    second: Line = [(f"{report.status} {report.reason}".strip(), ""), (f"  {report.milliseconds:.0f} ms", "dim")]
    more: list[Line] = [
        [(f"{leg.status or 'no answer'}  {leg.milliseconds:.0f} ms  {leg.name}", "dim")] for leg in report.legs[1:]
    ]
    problem = report.problem
    told: list[Line] = [[("problem  ", "dim"), (f"{problem.title}: {problem.detail}", "")]] if problem else []
    return [first, second, *more, *told]


def _offer(offer: InspectOffer) -> list[Line]:
    facts = _offer_facts(offer)
    width = max(len(name) for name, _ in facts)
    head: Line = [(f"offer {offer.number}  ", "bold"), (offer.key, "bold")]
    return [head, *([(f"  {name:<{width}}  ", "dim"), (value, "")] for name, value in facts)]


def _offer_facts(offer: InspectOffer) -> list[tuple[str, str]]:
    challenge, quote = offer.challenge, offer.quote
    facts = []
    if quote is None:
        facts.append(("unread", offer.problem))
    else:
        facts.append(("amount", f"{amount_text(quote.amount, quote.currency)}  ({quote.amount} base units)"))
        facts.append(("currency", quote.currency.id))
        for number, transfer in enumerate(quote.transfers):
            share = f"  {amount_text(transfer.amount, quote.currency)}" if len(quote.transfers) > 1 else ""
            facts.append(("recipient" if number == 0 else "and to", f"{transfer.recipient}{share}"))
        facts.append(("network", f"{quote.network} (chain {quote.chain_id})"))
        facts.append(("mode", quote.mode.value + (", the server pays the fee" if quote.sponsored else "")))
    facts.append(("expires", time_text(challenge.expires_at) if challenge.expires else "never said"))
    facts += [("realm", challenge.realm), ("id", challenge.id)]
    if challenge.digest:
        facts.append(("digest", challenge.digest))
    if challenge.description:
        facts.append(("server says", f"“{challenge.description}”"))
    if quote is not None:
        facts += [("check", f"{check.level.value}: {check.message}") for check in quote.checks if check.level != "ok"]
    return facts


def _unreadable(offer: UnreadableOffer) -> list[Line]:
    head: Line = [(f"offer {offer.number}  ", "bold"), ("cannot be read", "bold red")]
    return [head, *([(f"  {name}  ", "dim"), (value[:200], "")] for name, value in offer.parameters)]


def _finding(finding: InspectFinding, report: InspectReport | None) -> list[Line]:
    glyph, word, style = _LEVELS[finding.level.value]
    where = "" if finding.offer is None else f"  offer {finding.offer}"
    lines: list[Line] = [[(f"{glyph} {word}  ", style), (finding.id, "bold"), (where, "dim")]]
    if finding.level == "pass":
        return [[(f"{glyph} {word}  ", style), (finding.id, ""), (f"  {finding.text}", "dim")]]
    lines.append([("  ", ""), (finding.text, "")])
    lines += _excerpt(finding, report)
    if finding.spec:
        lines.append([("  rule  ", "dim"), (finding.spec, "")])
    if finding.fix:
        lines.append([("  fix   ", "dim"), (finding.fix, "")])
    return lines


def _excerpt(finding: InspectFinding, report: InspectReport | None) -> list[Line]:
    """The part of the header line where an error is, with a mark under the place."""
    if report is None or finding.position is None or finding.line is None or finding.level != "fail":
        return []
    line = report.lines[finding.line - 1]
    start = max(0, finding.position - _EXCERPT // 3)
    part = line[start : start + _EXCERPT]
    told = f"line {finding.line}, character {finding.position + 1}"
    return [[("  ", ""), (part, "dim")], [("  " + " " * (finding.position - start) + "^ ", "red"), (told, "dim")]]


def _summary(report: InspectReport) -> Line:
    counts = report.counts
    parts: Line = []
    for level, (glyph, word, style) in _LEVELS.items():
        parts.append((f"{glyph} {counts[level]} {word}   ", style if counts[level] else "dim"))
    return parts


def _print(lines: list[Line]) -> None:
    if not sys.stdout.isatty():
        click.echo("\n".join(_plain(line) for line in lines))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for line in lines:
        if len(line) > 1 and line[0][0].startswith("  "):
            # What does not fit goes on under the text, not under its name.
            row = Table.grid()
            row.add_column(no_wrap=True)
            row.add_column(overflow="fold")
            row.add_row(_text(line[:1]), _text(line[1:]))
            console.print(row)
        else:
            console.print(_text(line), overflow="fold")


def _plain(line: Line) -> str:
    return _inert("".join(text for text, _ in line)).rstrip()


def _text(line: Line) -> Text:
    from rich.text import Text

    return Text.assemble(*((_inert(text), style) for text, style in line))


def _inert(text: str) -> str:
    from mpp_console.protocol import inert

    return inert(text)
