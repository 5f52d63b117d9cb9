"""`balance`, `fund`, `receive`: what an account holds and how more gets there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.context import EXIT_CODES, App, pass_app
from mpp_console.cli.output import amount_json, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mpp_console.services import Console
    from mpp_console.services.models import AccountView, BalanceView

__all__ = ["balance", "fund", "receive"]


@click.command()
@pass_app
def balance(app: App) -> None:
    """What the account holds of each token. A dash means that it could not be asked; ends with 3 when none could."""

    async def work(console: Console) -> tuple[AccountView, tuple[BalanceView, ...]]:
        account = await console.accounts.get(app.account)
        return account, await console.balances(account=app.account)

    account, found = app.run(work)
    if app.json:
        print_json(
            {"account": account.name, "address": account.address, "balances": [balance_json(item) for item in found]}
        )
    else:
        say(f"{account.name}  {account.address}")
        _print_balances(found)
    if found and all(item.available is None for item in found):
        sys.exit(EXIT_CODES["network"])


@click.command()
@pass_app
def fund(app: App) -> None:
    """Get test money from the network's faucet (sandbox and Moderato)."""
    done = app.run(lambda console: console.fund(account=app.account))
    if app.json:
        print_json(
            {
                "address": done.address,
                "references": list(done.references),
                "balances": [balance_json(item) for item in done.balances],
            }
        )
        return
    say(f"funded {done.address}")
    _print_balances(done.balances)


@click.command()
@pass_app
def receive(app: App) -> None:
    """Show the account's address, as text and as a QR code."""
    view = app.run(lambda console: console.receive(account=app.account))
    if app.json:
        print_json({"address": view.address, "uri": view.uri, "note": view.note})
        return
    for row in view.qr_rows:
        # Readers want dark on light, whatever the terminal's own colours are.
        say(click.style(row, fg="black", bg="bright_white"))
    click.echo(view.address)
    if view.note:
        say(view.note)


def balance_json(view: BalanceView) -> dict[str, Any]:
    return {**amount_json(view.available, view.currency), "at": view.at, "error": view.error}


def _print_balances(found: Iterable[BalanceView]) -> None:
    from mpp_console.protocol import format_units

    rows = [
        (
            view.currency.symbol,
            "—" if view.available is None else format_units(view.available, view.currency.decimals),
            view.currency.id,
            view.error or "",
        )
        for view in found
    ]
    print_table(("token", "available", "address", ""), rows, right=frozenset({"available"}))
