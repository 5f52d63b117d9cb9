"""`inspect`: one unpaid request, every offer decoded, every finding told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.output import amount_text, print_facts, print_json, print_table, say, time_text
from mpp_console.cli.request_options import RequestOptions, request_options

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.inspect import InspectOffer, InspectReport

__all__ = ["inspect"]

_GLYPHS = {"pass": "✓", "info": "·", "warn": "!", "fail": "✗"}


@click.command()
@request_options
@click.option("-i", "--include", is_flag=True, help="Print the answer's header fields and body too.")
@click.option("--strict", is_flag=True, help="End with 1 when a finding fails.")
@pass_app
def inspect(app: App, *, request: RequestOptions, include: bool, strict: bool) -> None:
    """Decode every offer of URL. The request is unpaid: nothing is signed, nothing is spent, no account is needed."""

    async def work(console: Console) -> InspectReport:
        return await console.inspect(
            request.url,
            method=request.method,
            headers=request.headers,
            body=request.body,
            follow_redirects=request.follow_redirects,
            patience=request.timeout,
        )

    report = app.run(work)
    if app.json:
        print_json(report.to_dict())
    else:
        _print_report(report, include=include)
    if strict and report.worst == "fail":
        sys.exit(1)


def _print_report(report: InspectReport, *, include: bool) -> None:
    click.echo(f"{report.http_method} {report.url}")
    click.echo(f"{report.status} {report.reason}  {report.milliseconds:.0f} ms")
    for offer in report.offers:
        click.echo()
        print_facts(_offer_facts(offer))
    if report.problem is not None:
        click.echo()
        click.echo(f"problem  {report.problem.title}: {report.problem.detail}")
    if report.findings:
        click.echo()
        print_table(
            ("", "finding", "what", "rule", "fix"),
            [
                (_GLYPHS[finding.level.value], finding.id, finding.text, finding.spec, finding.fix)
                for finding in report.findings
            ],
        )
    if include:
        click.echo()
        for name, value in report.headers:
            click.echo(f"{name}: {value}")
        click.echo()
        click.echo(report.body)
    say("Unpaid request: nothing was signed and nothing was spent.")


def _offer_facts(offer: InspectOffer) -> list[tuple[str, str]]:
    challenge, quote = offer.challenge, offer.quote
    facts = [(f"offer {offer.number}", offer.key), ("id", challenge.id), ("realm", challenge.realm)]
    if quote is None:
        facts.append(("unreadable", offer.problem))
    else:
        facts.append(("amount", f"{amount_text(quote.amount, quote.currency)}  ({quote.amount} base units)"))
        facts.append(("currency", quote.currency.id))
        for number, transfer in enumerate(quote.transfers):
            share = f"  {amount_text(transfer.amount, quote.currency)}" if len(quote.transfers) > 1 else ""
            facts.append(("recipient" if number == 0 else "and to", f"{transfer.recipient}{share}"))
        facts.append(("network", f"{quote.network} (chain {quote.chain_id})"))
        facts.append(("mode", quote.mode.value + (", the server pays the fee" if quote.sponsored else "")))
    facts.append(("expires", time_text(challenge.expires_at) if challenge.expires else "never said"))
    if challenge.digest:
        facts.append(("digest", challenge.digest))
    if challenge.description:
        facts.append(("server says", f"“{challenge.description}”"))
    if quote is not None:
        facts += [("check", f"{check.level.value}: {check.message}") for check in quote.checks if check.level != "ok"]
    return facts
