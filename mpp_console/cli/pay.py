"""`pay`: requests a URL like curl would, and pays when it asks for money and that is allowed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.asking import confirmed, someone_is_there
from mpp_console.cli.context import App, error_json, exit_code, fail, pass_app
from mpp_console.cli.live_stream import LiveStream, stream_text
from mpp_console.cli.outfile import check_target, write_whole
from mpp_console.cli.output import (
    amount_json,
    amount_text,
    print_checks,
    print_facts,
    print_json,
    say,
    time_text,
    write_bytes,
)
from mpp_console.cli.request_options import RequestOptions, request_options

if TYPE_CHECKING:
    from mpp_console.protocol import Currency
    from mpp_console.services import Console
    from mpp_console.services.models import (
        Check,
        OfferView,
        PayResult,
        ReviewView,
        SessionPlanView,
        StreamView,
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
    target = None if wishes.output is None else check_target(wishes.output)

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
                say("  " + command_line(console.profile.name, "receipts", "recover"))
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
        _say_review(review)
    if consent or review.verdict == "allow":
        task.approve()
    elif someone_is_there():
        if not verbose:
            _say_review(review)
        question = f"Pay {_price(review.offer)} to {review.offer.recipient}?"
        if await confirmed(question):
            if not task.approve():
                say("Too late: the offer has expired. Nothing was paid.")
                task.reject()
        else:
            task.reject()
    else:
        say(f"{_price(review.offer)}: your policy wants a confirmation, and there is no terminal to ask on.")
        say("  Use --yes, or --max-amount AMOUNT.")
        task.reject()


def _price(offer: OfferView) -> str:
    return offer.price.text if offer.price else "an unknown amount"


def _say_review(review: ReviewView) -> None:
    offer = review.offer
    assert offer is not None  # noqa: S101 - the caller looked
    facts = [("origin", review.origin + ("  (LOOPBACK TEST: no TLS)" if review.insecure_loopback else ""))]
    facts += _offer_facts(offer)
    if review.server_says:
        facts.append(("server says", f"“{review.server_says}”"))
    print_facts(facts, err=True)
    print_checks((*offer.checks, *review.reasons))


def _offer_facts(offer: OfferView) -> list[tuple[str, str]]:
    facts = [("pays", f"{_price(offer)} by {offer.key}")]
    for number, transfer in enumerate(offer.transfers):
        share = (
            ""
            if len(offer.transfers) == 1 or offer.currency is None
            else f"  {amount_text(transfer.amount, offer.currency)}"
        )
        facts.append(("to" if number == 0 else "and to", f"{transfer.recipient}{share}"))
    facts.append(("network", f"{offer.network} (chain {offer.chain_id})"))
    facts.append(("from", offer.payer or "no account"))
    if offer.session is not None and offer.currency is not None:
        facts += _session_facts(offer.session, offer.currency)
    if offer.sponsored:
        facts.append(("fee", "none, the server pays it"))
    elif offer.fee is not None and offer.fee_currency is not None:
        facts.append(("fee", f"at most {amount_text(offer.fee, offer.fee_currency)}"))
    if offer.currency is not None and offer.balance is not None:
        facts.append(("balance", amount_text(offer.balance, offer.currency)))
    facts.append(("expires", time_text(offer.expires_at)))
    return facts


def _session_facts(plan: SessionPlanView, currency: Currency) -> list[tuple[str, str]]:
    """How it is paid over a channel, and what is put aside for that."""

    def money(amount: int) -> str:
        return amount_text(amount, currency)

    what = {"open": "opens a channel", "top-up": "tops the channel up", "voucher": "uses the channel"}[plan.plan]
    facts = [("session", what + (f" {plan.channel_id}" if plan.channel_id else ""))]
    if plan.protocol == "v1":
        told = f"1, over the escrow contract {plan.escrow}: a close pays out all of the last voucher"
        facts.append(("version", told))
    facts.append(("voucher", f"{money(plan.voucher_before)} → {money(plan.voucher)} in all"))
    if plan.locks:
        facts.append(("locks", f"{money(plan.locks)} (deposit {money(plan.deposit_before)} → {money(plan.deposit)})"))
    return facts


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
        facts = _offer_facts(offer) if offer.price else [("offers", offer.key)]
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


def checks_json(checks: Iterable[Check]) -> list[dict[str, str]]:
    return [{"code": check.code, "level": check.level.value, "text": check.message} for check in checks]


def offer_json(offer: OfferView) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "method": offer.method,
        "intent": offer.intent,
        "usable": offer.usable,
        "chosen": offer.chosen,
        "reason": offer.reason,
        "recipient": offer.recipient,
        "network": offer.network,
        "chain_id": offer.chain_id,
        "mode": None if offer.mode is None else offer.mode.value,
        "payer": offer.payer,
        "sponsored": offer.sponsored,
        "expires_at": offer.expires_at,
        "checks": checks_json(offer.checks),
    }
    if offer.currency is not None:
        facts |= amount_json(offer.amount, offer.currency)
    if offer.fee_currency is not None:
        facts |= amount_json(offer.fee, offer.fee_currency, "fee_")
    if offer.session is not None:
        facts["session"] = _plan_json(offer.session)
    return facts


def _plan_json(plan: SessionPlanView) -> dict[str, Any]:
    return {
        "plan": plan.plan,
        "channel": plan.channel_id,
        "escrow": plan.escrow,
        "unit": plan.unit,
        **{
            f"{name}_base_units": str(getattr(plan, name))
            for name in ("voucher_before", "voucher", "locks", "deposit_before", "deposit")
        },
    }


def result_json(result: PayResult, target: Path | None) -> dict[str, Any]:
    operation, receipt = result.operation, result.receipt
    facts: dict[str, Any] = {
        "url": result.url,
        "method": result.http_method,
        "status": result.status,
        "stage": result.stage.value,
        "paid": result.paid,
        "receipt_id": result.receipt_id,
        "doubts": list(result.doubts),
        "receipt": None
        if receipt is None
        else {
            "method": receipt.method,
            "reference": receipt.reference,
            "status": receipt.status,
            "timestamp": receipt.timestamp,
            "external_id": receipt.external_id,
            "challenge_id": receipt.challenge_id,
        },
        "operation": None
        if operation is None
        else {
            "id": operation.id,
            "state": operation.state,
            "reference": operation.reference,
            "recipient": operation.recipient,
            "payer": operation.payer,
            "network": operation.network,
            **amount_json(operation.amount, operation.currency),
        },
        "problem": None
        if result.problem is None
        else {"type": result.problem.type, "title": result.problem.title, "detail": result.problem.detail},
        "stream": None if result.stream is None else _stream_json(result.stream),
        "error": None if result.error is None else error_json(result.error),
        "timings_ms": {leg.leg: round(leg.milliseconds, 1) for leg in result.timings},
        "headers": [list(header) for header in result.headers],
        "body_bytes": len(result.body),
    }
    if target is not None:
        facts["body_file"] = str(target)
    else:
        facts |= _body_json(result.body)
    return facts


def _stream_json(stream: StreamView) -> dict[str, Any]:
    return {
        "events": stream.events,
        "events_per_second": None if stream.rate is None else round(stream.rate, 1),
        "voucher_base_units": str(stream.voucher.amount),
        "deposit_base_units": str(stream.held.amount),
        **amount_json(stream.spent.amount, stream.spent.currency),
    }


def _body_json(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        import base64

        return {"body_base64": base64.b64encode(body).decode("ascii")}
