"""`balance`, `fund`, `receive`: what an account holds and how more gets there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.context import EXIT_CODES, App, pass_app
from mpp_console.cli.output import amount_json, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mpp_console.services import Console
    from mpp_console.services.models import AccountView, BalanceView, SessionTotal

__all__ = ["balance", "fund", "receive"]


@click.command()
@pass_app
def balance(app: App) -> None:
    """What the account holds of each token, and has locked in payment channels.

    A dash means that it could not be asked; ends with 3 when none could.
    """

    async def work(console: Console) -> tuple[AccountView, tuple[BalanceView, ...], tuple[SessionTotal, ...]]:
        account = await console.accounts.get(app.account)
        await console.sessions.refresh()
        found = await console.balances(account=app.account)
        return account, found, console.sessions.held(account.address)

    account, found, held = app.run(work)
    sums = {total.currency.id: total for total in held}
    if app.json:
        balances = [balance_json(item) | held_json(sums.get(item.currency.id)) for item in found]
        print_json({"account": account.name, "address": account.address, "balances": balances})
    else:
        say(f"{account.name}  {account.address}")
        _print_balances(found, sums)
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


def held_json(total: SessionTotal | None) -> dict[str, Any]:
    """What of a token is in channels, in base units."""
    names = ("locked", "at_risk", "pending_refund")
    return {f"{name}_base_units": None if total is None else str(getattr(total, name)) for name in names}


def _print_balances(found: Iterable[BalanceView], held: Mapping[str, SessionTotal] | None = None) -> None:
    """With what is locked, where anything is."""
    from mpp_console.protocol import format_units

    sums = held or {}
    locked = any(total.locked for total in sums.values())
    rows = []
    for view in found:
        units = view.currency.decimals
        total = sums.get(view.currency.id)
        cells = [view.currency.symbol, "—" if view.available is None else format_units(view.available, units)]
        if locked:
            cells.append("—" if total is None else format_units(total.locked, units))
        rows.append((*cells, view.currency.id, view.error or ""))
    columns = ("token", "available", *(("locked",) if locked else ()), "address", "")
    print_table(columns, rows, right=frozenset({"available", "locked"}))
