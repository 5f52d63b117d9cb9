"""`channels`: the payment channels that others opened to the local server, as its operator sees them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.output import amount_json, amount_text, print_json, print_table, say, time_text
from mpp_console.cli.session_acts import carry_out, require_targets
from mpp_console.cli.session_text import BRIEF

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import PayeeChannelRow, PayeeChannels

__all__ = ["channels"]

_CHANNEL_HELP = "A CHANNEL is named by its id, or by as many of its first characters as no other id begins with."


@click.group()
def channels() -> None:
    """Channels that others opened to the local server: what they owe, settled and closed. Sandbox only."""


@channels.command("list")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@pass_app
def list_(app: App, *, everything: bool) -> None:
    """Channels and what of each is not settled yet, those with an alarm first. Asks the chain about all of them."""
    view: PayeeChannels = app.run(lambda console: console.server.load_channels())
    rows = [row for row in view.rows if everything or row.state != "closed"]
    if app.json:
        print_json(
            {
                "channels": [_row_json(row) for row in rows],
                "exposure": [amount_json(money.amount, money.currency) for money in view.exposure],
                "alarms": view.alarms,
            }
        )
        return
    _print_channels(rows, brief=sys.stdout.isatty())
    held = " + ".join(amount_text(money.amount, money.currency) for money in view.exposure)
    say(f"{held} not settled yet" if held else "everything is settled")


@channels.command(epilog=_CHANNEL_HELP)
@click.argument("names", metavar="[CHANNEL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every channel that owes something.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken; sign nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def settle(app: App, *, names: tuple[str, ...], everything: bool, dry_run: bool, yes: bool) -> None:
    """Take what channels owe. They stay open."""
    require_targets(names, {"--all": everything})

    async def targets(console: Console) -> tuple[str, ...]:
        return names or tuple(row.id for row in await _alive(console) if row.exposure)

    carry_out(app, "settle", targets, dry_run=dry_run, yes=yes, paid=True)


@channels.command(epilog=_CHANNEL_HELP)
@click.argument("names", metavar="[CHANNEL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every channel that is open.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken and given back; sign nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do it without a question.")
@pass_app
def close(app: App, *, names: tuple[str, ...], everything: bool, dry_run: bool, yes: bool) -> None:
    """Take what channels owe, give their payers the rest back, and end them."""
    require_targets(names, {"--all": everything})

    async def targets(console: Console) -> tuple[str, ...]:
        return names or tuple(row.id for row in await _alive(console))

    carry_out(app, "close", targets, dry_run=dry_run, yes=yes, paid=True)


async def _alive(console: Console) -> list[PayeeChannelRow]:
    return [row for row in (await console.server.load_channels()).rows if row.state != "closed"]


def _print_channels(rows: Iterable[PayeeChannelRow], *, brief: bool) -> None:
    columns = ("state", "payer", "exposure", "accepted", "settled", "deposit", "last used", "closes at", "", "id")
    cells = [
        (
            row.state,
            row.payer,
            amount_text(row.exposure, row.currency),
            amount_text(row.accepted, row.currency),
            amount_text(row.settled, row.currency),
            amount_text(row.deposit, row.currency),
            time_text(row.last_used_at),
            time_text(row.closes_at),
            row.alarm,
            row.id[:BRIEF] if brief else row.id,
        )
        for row in rows
    ]
    print_table(columns, cells, right=frozenset({"exposure", "accepted", "settled", "deposit"}))


def _row_json(row: PayeeChannelRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "payer": row.payer,
        "currency": row.currency.symbol,
        "currency_id": row.currency.id,
        "base_units": {
            name: str(getattr(row, name)) for name in ("deposit", "accepted", "spent", "settled", "exposure")
        },
        "units": row.units,
        "created_at": row.created_at.isoformat(),
        "last_used_at": row.last_used_at.isoformat(),
        "closes_at": None if row.closes_at is None else row.closes_at.isoformat(),
        "alarm": row.alarm or None,
    }
