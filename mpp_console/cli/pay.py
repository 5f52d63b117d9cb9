"""`pay`: requests a URL like curl would, and pays when it asks for money and that is allowed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mpp_console.cli.asking import confirmed, someone_is_there
from mpp_console.cli.context import App, exit_code, fail, pass_app
from mpp_console.cli.live_stream import LiveStream, stream_text
from mpp_console.cli.outfile import check_target, write_whole
from mpp_console.cli.output import (
    amount_text,
    print_facts,
    print_json,
    say,
    write_bytes,
)
from mpp_console.cli.pay_text import offer_facts, offer_json, price_text, result_json, say_offer_review
from mpp_console.cli.request_options import RequestOptions, request_options

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import (
        PayResult,
        ReviewView,
    )
    from mpp_console.services.payments import PaymentTask

__all__ = ["PayWishes", "pay", "pay_url"]


@click.command()
@request_options
@click.option("--max-amount", metavar="AMOUNT", help="Pay up to this without a question, and never more (0.05).")
@click.option("--yes", "-y", is_flag=True, help="Pay without a question, within the spending policy.")
@click.option("--dry-run", is_flag=True, help="Say what would be paid, and pay nothing. Needs no account.")
@click.option("--offer", metavar="WHICH", help="Pay this offer: its number, a currency, or method/intent.")
@click.option("-i", "--include", is_flag=True, help="Print the answer's status and header fields too.")
@click.option("-o", "--output", metavar="FILE", help="Write the body to FILE.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is offered, checked and paid.")
@pass_app
def pay(
    app: App,
    *,
    request: RequestOptions,
    max_amount: str | None,
    yes: bool,
    dry_run: bool,
    offer: str | None,
    include: bool,
    output: str | None,
    verbose: bool,
) -> None:
    """Request URL and pay for it when it asks for money.

    The body goes to stdout. Payments that the spending policy does not allow by itself are asked about on a terminal;
    elsewhere they need --yes or --max-amount. In the sandbox nothing is asked.

    A URL without a scheme is https, or http on this machine.
    """
    pay_url(
        app,
        request,
        PayWishes(
            max_amount=max_amount,
            yes=yes,
            dry_run=dry_run,
            offer=offer,
            include=include,
            output=output,
            verbose=verbose,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayWishes:
    """The options of `pay` beside the request's own."""

    max_amount: str | None = None
    yes: bool = False
    dry_run: bool = False
    offer: str | None = None
    include: bool = False
    output: str | None = None
    verbose: bool = False


def pay_url(app: App, request: RequestOptions, wishes: PayWishes) -> None:
    """Requests, pays, prints, and ends with the exit code of how it went."""
    target = None if wishes.output is None else check_target(wishes.output, nowhere=True)

    async def work(console: Console) -> tuple[PayResult, int]:
        import asyncio

        from mpp_console.services.commands import command_line
        from mpp_console.services.models import PayRequest

        task = console.payments.start(
            PayRequest(
                url=request.url,
                method=request.method,
                headers=request.headers,
                body=request.body,
                mode="quote" if wishes.dry_run else "review",
                max_amount=wishes.max_amount,
                offer=wishes.offer,
                follow_redirects=request.follow_redirects,
                timeout=request.timeout,
            )
        )
        try:
            if not wishes.dry_run:
                await _decide(task, consent=wishes.yes or wishes.max_amount is not None, verbose=wishes.verbose)
            live = LiveStream(task, body=not (app.json or wishes.include or target))
            async with live.printing():
                result = await task.result()
            return result, live.printed
        except asyncio.CancelledError:
            if task.progress.may_have_left:
                say("Stopped after the payment was sent: it may have been taken. Do not pay again before you know:")
                say("  " + command_line(console.profile.called, "receipts", "recover"))
            raise

    result, printed = app.run(work)
    if wishes.dry_run and result.review is not None:
        _print_quote(app, result.review)
    else:
        _print_result(app, result, include=wishes.include, target=target, verbose=wishes.verbose, printed=printed)
    if result.error is not None:
        if app.json:
            sys.exit(exit_code(result.error))
        fail(result.error)


async def _decide(task: PaymentTask, *, consent: bool, verbose: bool) -> None:
    review = await task.review()
    if review is None or review.offer is None or task.decided:
        return
    if verbose:
        say_offer_review(review)
    if consent or review.verdict == "allow":
        task.approve()
    elif someone_is_there():
        if not verbose:
            say_offer_review(review)
        question = f"Pay {price_text(review.offer)} to {review.offer.recipient}?"
        if await confirmed(question):
            if not task.approve():
                say("Too late: the offer has expired. Nothing was paid.")
                task.reject()
        else:
            task.reject()
    else:
        say(f"{price_text(review.offer)}: your policy wants a confirmation, and there is no terminal to ask on.")
        say("  Use --yes, or --max-amount AMOUNT.")
        task.reject()


# Printing -------------------------------------------------------------------------------------------------------------


def _print_quote(app: App, review: ReviewView) -> None:
    if app.json:
        print_json(
            {
                "dry_run": True,
                "paid": False,
                "url": review.url,
                "origin": review.origin,
                "verdict": review.verdict,
                "offer": None if review.offer is None else offer_json(review.offer),
                "offers": [offer_json(offer) for offer in review.offers],
                "reasons": [
                    {"code": check.code, "level": check.level.value, "text": check.message} for check in review.reasons
                ],
                "error": None if review.error is None else {"code": review.error.code, "message": review.error.message},
            }
        )
        return
    for number, offer in enumerate(review.offers, start=1):
        mark = "→" if offer.chosen else " "
        facts = offer_facts(offer) if offer.price else [("offers", offer.key)]
        print_facts([(f"{mark} offer {number}", offer.reason), *facts])
    say(f"Policy: {review.verdict}. Nothing has been signed or sent.")


def _print_result(
    app: App, result: PayResult, *, include: bool, target: Path | None, verbose: bool, printed: int
) -> None:
    """`printed` bytes of the body are on stdout already."""
    # A 402 that nobody paid is not what was asked for: it must not pass for the resource in a pipe or a file.
    delivered = result.status is not None and not (result.status == 402 and result.operation is None)
    if target is not None and delivered:
        write_whole(target, result.body)
    if verbose or (result.paid and not app.json):
        _say_outcome(result, verbose=verbose)
    if app.json:
        print_json(result_json(result, target if delivered else None))
        return
    if result.status is None:
        return
    if include:
        click.echo(f"HTTP {result.status}")
        for name, value in result.headers:
            click.echo(f"{name}: {value}")
        click.echo()
    if target is None and (delivered or include) and (not printed or result.body[printed:]):
        write_bytes(result.body[printed:])


def _say_outcome(result: PayResult, *, verbose: bool) -> None:
    operation = result.operation
    if operation is not None:
        amount = amount_text(operation.amount, operation.currency)
        state = "paid" if result.paid else operation.state
        say(f"{state} {amount} to {operation.recipient}  {operation.reference or ''}".rstrip())
    if result.stream is not None:
        say(f"stream   {stream_text(result.stream)}")
    for doubt in result.doubts:
        say(f"! {doubt}")
    if result.paid and result.receipt is None and not result.doubts:
        say("The server gave no receipt; the payment is on record all the same.")
    if verbose:
        if result.receipt_id:
            say(f"receipt  {result.receipt_id}  (mpp-console receipts show {result.receipt_id[:12]})")
        if operation is not None and operation.explorer_url:
            say(f"explorer {operation.explorer_url}")
        say("  ".join(f"{leg.leg} {leg.milliseconds:.0f} ms" for leg in result.timings))
    if result.problem is not None:
        say(f"server says: {result.problem.title}: {result.problem.detail}")
