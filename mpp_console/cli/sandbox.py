"""`sandbox`: what the sandbox holds, a test of it, and a fresh start."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.asking import typed_word
from mpp_console.cli.context import App, error_json, exit_code, fail, pass_app
from mpp_console.cli.output import amount_text, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import RouteOutcome

__all__ = ["sandbox"]


@click.group()
@click.pass_obj
def sandbox(app: App) -> None:
    """Look at the sandbox, test it, start it afresh. Always the sandbox, whatever the profile."""
    app.profile = "sandbox"
    app.rpc_url = None


@sandbox.command()
@pass_app
def status(app: App) -> None:
    """What the sandbox holds."""
    facts = app.run(lambda console: console.sandbox.status())
    if app.json:
        print_json(dict(facts))
    else:
        print_facts((name.replace("_", " "), str(value)) for name, value in facts.items())


@sandbox.command()
@click.option("--all", "every", is_flag=True, help="Call every route of the demo API, the failing ones too.")
@pass_app
def test(app: App, *, every: bool) -> None:
    """Pay the demo API once, or call each of its routes, in play money. Ends with 4 when something went wrong."""
    if every:
        _test_all(app)
        return

    async def work(console: Console) -> Any:
        return await console.payments.test().result()

    from mpp_console.cli.pay_text import result_json

    result = app.run(work)
    if app.json:
        print_json(result_json(result, None))
    elif result.operation is not None and result.paid:
        say(f"paid {amount_text(result.operation.amount, result.operation.currency)}  {result.operation.reference}")
        click.echo(result.receipt_id)
    if result.error is not None:
        if app.json:
            sys.exit(exit_code(result.error))
        fail(result.error)


def _test_all(app: App) -> None:
    async def work(console: Console) -> list[RouteOutcome]:
        return [outcome async for outcome in console.payments.test_all()]

    outcomes = app.run(work)
    if app.json:
        print_json([outcome_json(outcome) for outcome in outcomes])
    else:
        rows = [
            (
                "✓" if outcome.ok else "✗",
                outcome.route.method,
                outcome.route.path,
                str(outcome.status or "—"),
                outcome.outcome,
                f"{outcome.milliseconds:.0f} ms",
                outcome.expected if outcome.ok or outcome.error is None else outcome.error.message,
            )
            for outcome in outcomes
        ]
        print_table(("", "method", "path", "status", "outcome", "took", "meant to be"), rows, right=frozenset({"took"}))
    if not all(outcome.ok for outcome in outcomes):
        sys.exit(4)


def outcome_json(outcome: RouteOutcome) -> dict[str, Any]:
    return {
        "method": outcome.route.method,
        "path": outcome.route.path,
        "ok": outcome.ok,
        "expected": outcome.expected,
        "outcome": outcome.outcome,
        "status": outcome.status,
        "milliseconds": round(outcome.milliseconds, 1),
        "receipt_id": outcome.receipt_id,
        "error": None if outcome.error is None else error_json(outcome.error),
    }


@sandbox.command()
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def reset(app: App, *, yes: bool) -> None:
    """Forget the sandbox: its chain, accounts, server memory and history. Other profiles are not touched."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("this needs a confirmation: --yes")
        say("This forgets the sandbox's chain, accounts, server memory and history. Other profiles are not touched.")
        if typed_word("Type sandbox to go on") != "sandbox":
            raise click.UsageError("nothing was changed")
    removed = app.run(lambda console: console.sandbox.reset())
    if app.json:
        print_json({"kept_in": removed})
    else:
        say(f"the sandbox starts afresh; the old one was moved to {removed}" if removed else "there was no sandbox yet")
