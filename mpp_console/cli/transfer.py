"""`transfer`: sends tokens, after a dry run that somebody confirmed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.asking import confirmed, someone_is_there
from mpp_console.cli.context import App, error_json, exit_code, fail, pass_app
from mpp_console.cli.output import amount_json, amount_text, print_checks, print_facts, print_json, say

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import TransferResult, TransferReview
    from mpp_console.services.transfers import TransferTask

__all__ = ["transfer"]


@click.command()
@click.argument("amount")
@click.argument("recipient")
@click.option("--token", metavar="TOKEN", help="Symbol or address; the network's own token by default.")
@click.option("--memo", metavar="HEX", help="32 bytes to attach, as 0x and 64 hex digits.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost and whether it would work; send nothing.")
@click.option("--yes", "-y", is_flag=True, help="Send without a question.")
@pass_app
def transfer(
    app: App, *, amount: str, recipient: str, token: str | None, memo: str | None, dry_run: bool, yes: bool
) -> None:
    """Send AMOUNT of a token to RECIPIENT and wait for the receipt."""

    async def work(console: Console) -> tuple[TransferReview | None, TransferResult]:
        from mpp_console.services.models import TransferRequest

        task = console.transfers.start(
            TransferRequest(to=recipient, amount=amount, token=token, memo=memo, account=app.account)
        )
        review = await task.review()
        if review is not None:
            await _decide(task, review, dry_run=dry_run, yes=yes, quiet=app.json)
        return review, await task.result()

    review, result = app.run(work)
    if review is not None and not app.json and (dry_run or not review.sendable):
        say("Nothing has been sent.")
    if dry_run and review is not None:
        if app.json:
            print_json({"dry_run": True, **review_json(review)})
        sys.exit(exit_code_of(review))
    if app.json:
        print_json(result_json(result))
    elif result.error is None:
        click.echo(result.reference or "")
        if result.explorer_url:
            say(result.explorer_url)
    if result.error is not None:
        if app.json:
            sys.exit(exit_code(result.error))
        fail(result.error)


async def _decide(task: TransferTask, review: TransferReview, *, dry_run: bool, yes: bool, quiet: bool) -> None:
    if not quiet:
        _say_review(review)
    if dry_run or not review.sendable:
        task.reject()
    elif yes:
        task.approve()
    elif someone_is_there():
        question = f"Send {amount_text(review.amount, review.currency)} to {review.recipient}?"
        if await confirmed(question):
            task.approve()
        else:
            task.reject()
    else:
        say("Sending needs --yes where there is no terminal to ask on.")
        task.reject()


def exit_code_of(review: TransferReview) -> int:
    return 0 if review.sendable else 4


def _say_review(review: TransferReview) -> None:
    facts = [
        ("sends", amount_text(review.amount, review.currency)),
        ("to", review.recipient),
        ("from", review.sender),
        ("network", f"{review.network} (chain {review.chain_id})"),
    ]
    if review.fee is not None and review.fee_currency is not None:
        facts.append(("fee", f"at most {amount_text(review.fee, review.fee_currency)}"))
    if review.balance is not None:
        facts.append(("balance", amount_text(review.balance, review.currency)))
    print_facts(facts, err=True)
    print_checks(review.checks)


def review_json(review: TransferReview) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "sender": review.sender,
        "recipient": review.recipient,
        "network": review.network,
        "chain_id": review.chain_id,
        "sendable": review.sendable,
        "checks": [{"code": check.code, "level": check.level.value, "text": check.message} for check in review.checks],
        **amount_json(review.amount, review.currency),
    }
    if review.fee_currency is not None:
        facts |= amount_json(review.fee, review.fee_currency, "fee_")
    return facts


def result_json(result: TransferResult) -> dict[str, Any]:
    return {
        "stage": result.stage.value,
        "reference": result.reference,
        "operation": None if result.operation is None else {"id": result.operation.id, "state": result.operation.state},
        "review": None if result.review is None else review_json(result.review),
        "error": None if result.error is None else error_json(result.error),
        "timings_ms": {leg.leg: round(leg.milliseconds, 1) for leg in result.timings},
    }
