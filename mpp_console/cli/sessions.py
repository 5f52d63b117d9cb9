"""`sessions`: the payment channels of this wallet, from open to refund, and the repair of stale ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.output import amount_text, print_json, print_table, say
from mpp_console.cli.pay import PayWishes, pay_url
from mpp_console.cli.request_options import RequestOptions, request_options
from mpp_console.cli.session_acts import FAILED, carry_out, require_targets
from mpp_console.cli.session_text import (
    chain_json,
    detail_json,
    print_channels,
    print_detail,
    row_json,
    say_totals,
    totals_json,
)

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import (
        ImportResult,
        RecoverResult,
        SessionChainView,
        SessionDetail,
        SessionRow,
        SyncResult,
    )

__all__ = ["sessions"]

_CHANNEL_HELP = "A CHANNEL is named by its id, or by as many of its first characters as no other id begins with."
_OVER = frozenset({"finalized"})


@click.group()
def sessions() -> None:
    """Payment channels: pay many requests from one deposit, and get what is left back."""


@sessions.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--stale", is_flag=True, help="Only those that somebody should look at.")
@pass_app
def list_(app: App, *, everything: bool, stale: bool) -> None:
    """Channels and what they hold, those that want looking at first. Asks the chain only about those on their way."""
    view = app.run(lambda console: console.sessions.refresh())
    rows = [row for row in view.rows if everything or row.state.value not in _OVER]
    rows = [row for row in rows if row.stale or not stale]
    if app.json:
        print_json(
            {
                "sessions": [row_json(row) for row in rows],
                "totals": totals_json(view.totals),
                "stale": list(view.stale),
                "damaged": list(view.damaged),
            }
        )
        return
    print_channels(rows, brief=sys.stdout.isatty())
    say_totals(view)


@sessions.command(epilog=_CHANNEL_HELP)
@click.argument("channel")
@click.option("--chain", "ask_chain", is_flag=True, help="Ask the chain about it too.")
@click.option("--dispute", is_flag=True, help="Print what to send to the operator of a server that denies the channel.")
@pass_app
def show(app: App, *, channel: str, ask_chain: bool, dispute: bool) -> None:
    """One channel: what it holds, what happened to it, and what was paid over it."""
    if dispute:
        text = app.run(lambda console: console.sessions.dispute(channel))
        if app.json:
            print_json({"dispute": text})
        else:
            click.echo(text)
        return

    async def work(console: Console) -> tuple[SessionDetail, SessionChainView | None]:
        chain = await console.sessions.chain(channel) if ask_chain else None
        return await console.sessions.show(channel), chain

    detail, chain = app.run(work)
    if app.json:
        print_json({**detail_json(detail), **({} if chain is None else {"chain": chain_json(chain)})})
    else:
        print_detail(detail, chain)


@sessions.command("open")
@request_options
@click.option("--max-amount", metavar="AMOUNT", help="Pay up to this a request without a question, and never more.")
@click.option("--yes", "-y", is_flag=True, help="Pay without a question, within the spending policy.")
@click.option("--dry-run", is_flag=True, help="Say what would be locked and paid, and do nothing. Needs no account.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is offered, checked and paid.")
@click.option("-o", "--output", metavar="FILE", help="Write the body to FILE.")
@pass_app
def open_(
    app: App,
    *,
    request: RequestOptions,
    max_amount: str | None,
    yes: bool,
    dry_run: bool,
    verbose: bool,
    output: str | None,
) -> None:
    """Request URL and pay by session: opens a channel when there is none, and uses it when there is."""
    wishes = PayWishes(
        max_amount=max_amount, yes=yes, dry_run=dry_run, offer="tempo/session", output=output, verbose=verbose
    )
    pay_url(app, request, wishes)


@sessions.command(epilog=_CHANNEL_HELP)
@click.argument("channels", metavar="CHANNEL...", nargs=-1, required=True)
@click.option("--amount", metavar="AMOUNT", help="How much to add (0.50); 0 only takes a requested close back.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it costs; sign nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def topup(app: App, *, channels: tuple[str, ...], amount: str | None, dry_run: bool, yes: bool) -> None:
    """Add to a channel's deposit. That also takes a requested close back."""

    async def targets(console: Console) -> tuple[str, ...]:
        return channels

    carry_out(app, "topup", targets, amount=amount, dry_run=dry_run, yes=yes)


@sessions.command(epilog=_CHANNEL_HELP)
@click.argument("channels", metavar="[CHANNEL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every channel that holds something.")
@click.option("--stale", is_flag=True, help="Those that somebody should look at.")
@click.option("--orphaned", is_flag=True, help="Those found on the chain that no server is known for.")
@click.option("--origin", metavar="URL", help="Those of one server: any URL of it, or its host as listed.")
@click.option("--url", metavar="URL", help="Ask the server here: for a URL with a secret, which is not kept.")
@click.option("--force", is_flag=True, help="Ask the chain at once, and leave the server out.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what comes back; sign nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def close(
    app: App,
    *,
    channels: tuple[str, ...],
    everything: bool,
    stale: bool,
    orphaned: bool,
    origin: str | None,
    url: str | None,
    force: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Close channels and get back what is left: by the server where it does, else by the chain, which takes 16 minutes.

    Run it again after that time, or `withdraw`; while the console is open it withdraws by itself. With --url alone,
    the channels of its server are meant.
    """
    if url is not None and force:
        raise click.UsageError("--url asks the server, and --force leaves it out")
    if url is not None and not (channels or everything or stale or orphaned):
        origin = origin or url
    flags = {"--all": everything, "--stale": stale, "--orphaned": orphaned, "--origin": origin is not None}
    require_targets(channels, flags)
    here = _is_of(origin or "")

    def meant(row: SessionRow) -> bool:
        if row.state.value in _OVER:
            return False
        if stale:
            return bool(row.stale)
        if orphaned:
            return row.state.value == "orphaned"
        return everything or here(row.origin)

    async def targets(console: Console) -> tuple[str, ...]:
        return channels or await _those(console, meant)

    carry_out(app, "force-close" if force else "close", targets, url=url, dry_run=dry_run, yes=yes)


@sessions.command(epilog=_CHANNEL_HELP)
@click.argument("channels", metavar="[CHANNEL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every channel whose grace period is over.")
@click.option("--dry-run", is_flag=True, help="Say what would come back; sign nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def withdraw(app: App, *, channels: tuple[str, ...], everything: bool, dry_run: bool, yes: bool) -> None:
    """Take back the rest of channels whose close was requested and whose grace period is over."""
    require_targets(channels, {"--all": everything})

    async def targets(console: Console) -> tuple[str, ...]:
        return channels or await _those(console, lambda row: row.state.value == "finalizable")

    none = "No grace period is over: there is nothing to withdraw yet. See: mpp-console sessions list"
    carry_out(app, "withdraw", targets, dry_run=dry_run, yes=yes, none=none)


@sessions.command(epilog=_CHANNEL_HELP)
@click.argument("channels", metavar="[CHANNEL]...", nargs=-1)
@pass_app
def sync(app: App, *, channels: tuple[str, ...]) -> None:
    """Hold channels against the chain, all that are not closed without any named. Nothing is signed or forgotten."""
    found: SyncResult = app.run(lambda console: console.sessions.sync(channels or None))
    if app.json:
        print_json(
            {
                "sessions": [row_json(row) for row in found.rows],
                "changed": list(found.changed),
                "troubles": [{"channel": channel, "why": why} for channel, why in found.troubles],
            }
        )
    else:
        print_channels(found.rows, brief=sys.stdout.isatty())
        for channel, why in found.troubles:
            say(f"! {channel} could not be asked about: {why}")
        say(f"{len(found.rows)} looked at, {len(found.changed)} changed")
    if found.troubles:
        sys.exit(FAILED)


@sessions.command()
@click.option("--from-block", type=click.IntRange(0), help="Search from this block, and not where the last one ended.")
@pass_app
def recover(app: App, *, from_block: int | None) -> None:
    """Search the chain for channels of this account that the wallet does not know."""
    found: RecoverResult = app.run(lambda console: console.sessions.recover(account=app.account, from_block=from_block))
    if app.json:
        print_json(
            {
                "found": [row_json(row) for row in found.orphans],
                "known": found.known,
                "closed": found.closed,
                "until_block": found.until,
            }
        )
        return
    print_channels(found.orphans, brief=sys.stdout.isatty())
    say(f"{len(found.orphans)} found, {found.known} known, {found.closed} closed; searched until block {found.until}")
    if found.orphans:
        say("Get what they hold back with: mpp-console sessions close --orphaned")


@sessions.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be taken over.")
@pass_app
def import_(app: App, *, path: Path, dry_run: bool) -> None:
    """Take over the channels that another wallet remembers. Its file is only read.

    PATH is a `channels.db` of the tempo wallet or of mppx, or a folder of mppx's sessions (…/mppx/sessions/v1).
    """
    found: ImportResult = app.run(lambda console: console.sessions.import_file(path, dry_run=dry_run))
    if app.json:
        print_json(
            {
                "dry_run": dry_run,
                "added": [row_json(row) for row in found.added],
                "known": found.known,
                "skipped": list(found.skipped),
            }
        )
        return
    print_table(
        ("state", "origin", "deposit", "id"),
        [(row.state.value, row.origin, amount_text(row.deposit, row.currency), row.id) for row in found.added],
        right=frozenset({"deposit"}),
    )
    say(f"{len(found.added)} {'would be added' if dry_run else 'added'}, {found.known} known already")
    for name in found.skipped:
        say(f"! left out: {name}")


def _is_of(named: str) -> Callable[[str], bool]:
    """Whether an origin is the one of a URL, or of a host and port without a scheme."""
    scheme, _, rest = named.strip().lower().rpartition("://")
    host = rest.partition("/")[0].partition("?")[0]
    host = host.removesuffix({"https": ":443", "http": ":80"}.get(scheme, "/"))
    return lambda origin: bool(host) and (origin == f"{scheme}://{host}" if scheme else origin.endswith(f"://{host}"))


async def _those(console: Console, meant: Callable[[SessionRow], bool]) -> tuple[str, ...]:
    """Ids of the channels that are meant, by the chain's time."""
    from mpp_console.protocol import MppError

    await console.sessions.load()
    try:
        await console.sessions.ask_time()
    except MppError as error:
        say(f"The chain does not tell its time: {error}")
    return tuple(row.id for row in console.sessions.view().rows if meant(row))
