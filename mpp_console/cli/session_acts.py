"""What `sessions topup`, `close` and `withdraw` have in common: which channels, a dry run, a question, outcomes."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mpp_console.cli.asking import confirmed, someone_is_there
from mpp_console.cli.context import App, error_json, exit_code, fail
from mpp_console.cli.output import print_json, say
from mpp_console.cli.session_text import outcome_json, print_outcomes, review_json, say_review

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import ErrorView, SessionAct, SessionResult, SessionReview
    from mpp_console.services.sessions import SessionTask

__all__ = ["FAILED", "Targets", "carry_out", "require_targets"]

FAILED = 1
"""The exit code when any of the channels failed."""

_MISSAID = frozenset({"usage", "bad-amount", "too-many-decimals"})
"""Codes of an amount that was not given or does not hold: the caller's words, whatever the channels are like."""

_WORDS: dict[str, str] = {
    "topup": "Top up",
    "close": "Close",
    "force-close": "Close by the chain",
    "withdraw": "Withdraw",
    "settle": "Settle",
}

Targets = Callable[["Console"], Awaitable[tuple[str, ...]]]
"""Finds the channels that are meant."""


@dataclass(frozen=True, slots=True)
class _Done:
    targets: tuple[str, ...]
    review: SessionReview | None = None
    result: SessionResult | None = None


def carry_out(
    app: App,
    act: SessionAct,
    targets: Targets,
    *,
    amount: str | None = None,
    url: str | None = None,
    dry_run: bool,
    yes: bool,
    paid: bool = False,
    none: str = "There is no such channel.",
) -> None:
    """Reviews, asks where somebody has to be asked, does it, prints an outcome for each, and ends with 1 when one
    failed. `paid` tells that the channels are those of the local server, and not our own; `none` is said when none is
    meant.
    """

    async def work(console: Console) -> _Done:
        channels = await targets(console)
        if not channels:
            return _Done(channels)
        task = _start(console, act, channels, amount, url, paid=paid)
        review = await task.review()
        if review is not None:
            consent = yes or console.profile.kind == "sandbox"
            await _decide(task, review, dry_run=dry_run, consent=consent, quiet=app.json)
        return _Done(channels, review, await task.result())

    done = app.run(work)
    if done.result is None:
        _print_nothing(app, none)
    elif dry_run and done.review is not None:
        _print_dry_run(app, done.review)
    else:
        _print_result(app, done.result)


def _start(
    console: Console, act: SessionAct, channels: tuple[str, ...], amount: str | None, url: str | None, *, paid: bool
) -> SessionTask:
    if paid:
        return console.server.review_channels("settle" if act == "settle" else "close", channels)
    return console.sessions.start(act, channels, amount=amount, url=url)


async def _decide(task: SessionTask, review: SessionReview, *, dry_run: bool, consent: bool, quiet: bool) -> None:
    if not quiet:
        say_review(review)
    if dry_run or not review.sendable:
        task.reject()
    elif consent:
        task.approve()
    elif someone_is_there():
        able = sum(row.error is None for row in review.rows)
        what = f"channel {review.rows[0].row.id}" if len(review.rows) == 1 else f"{able} channels"
        if await confirmed(f"{_WORDS[review.act]} {what}?"):
            task.approve()
        else:
            task.reject()
    else:
        say("This needs --yes where there is no terminal to ask on.")
        task.reject()


def _print_nothing(app: App, none: str) -> None:
    if app.json:
        print_json({"outcomes": []})
    else:
        say(none)


def _print_dry_run(app: App, review: SessionReview) -> None:
    if app.json:
        print_json({"dry_run": True, "act": review.act, "rows": review_json(review), "command": review.command})
    else:
        say("Nothing has been signed or sent.")
    errors = [row.error for row in review.rows if row.error is not None]
    if errors:
        sys.exit(_failed(errors))


def _print_result(app: App, result: SessionResult) -> None:
    if app.json:
        print_json(
            {
                "act": result.act,
                "stage": result.stage.value,
                "outcomes": [outcome_json(outcome) for outcome in result.outcomes],
                "error": None if result.error is None else error_json(result.error),
                "timings_ms": {leg.leg: round(leg.milliseconds, 1) for leg in result.timings},
            }
        )
    elif result.outcomes:
        print_outcomes(result.outcomes)
    if result.error is None:
        return
    if result.outcomes:
        sys.exit(_failed([outcome.error for outcome in result.outcomes if outcome.error is not None]))
    if app.json:
        sys.exit(exit_code(result.error))
    fail(result.error)


def _failed(errors: Sequence[ErrorView]) -> int:
    """The exit code where some of the channels failed."""
    missaid = next((error for error in errors if error.code in _MISSAID), None)
    return FAILED if missaid is None else exit_code(missaid)


def require_targets(channels: tuple[str, ...], flags: Mapping[str, bool]) -> None:
    """Raises click.UsageError unless channels are named in one way: by ids, or by one of the options, which are `flags`
    by their names.
    """
    if sum((bool(channels), *flags.values())) != 1:
        choices = next(iter(flags)) if len(flags) == 1 else f"one of {', '.join(flags)}"
        raise click.UsageError(f"name channels, or {choices}")
