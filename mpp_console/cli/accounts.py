"""`accounts`: the wallet's accounts from the shell. A private key is printed by `export` alone, and only when asked
twice.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.asking import typed_word
from mpp_console.cli.context import App, ask_passphrase, pass_app
from mpp_console.cli.output import print_json, print_table, say, time_text

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import AccountView

__all__ = ["accounts"]

_KEY_LIMIT = 1024


@click.group()
def accounts() -> None:
    """Create, import, watch, rename, export accounts."""


@accounts.command("list")
@pass_app
def list_(app: App) -> None:
    """Every account of this profile."""

    async def work(console: Console) -> tuple[AccountView, ...]:
        return await console.accounts.list()

    found = app.run(work)
    if app.json:
        print_json([account_json(account) for account in found])
        return
    rows = [
        ("*" if account.is_default else "", account.name, account.address, account.kind, time_text(account.created_at))
        for account in found
    ]
    print_table(("", "name", "address", "kind", "created"), rows)
    if not found:
        say("No accounts yet. Make one: mpp-console accounts create main")


@accounts.command()
@click.argument("name")
@pass_app
def create(app: App, *, name: str) -> None:
    """Make a new key, kept in the system's keyring or an encrypted file."""
    _told(app, app.run(lambda console: console.accounts.create(name)), "created")


@accounts.command("import")
@click.argument("name")
@click.option("--keystore", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Encrypted key file.")
@click.option("--key-file", type=click.File("r", errors="replace"), help="File with a private key in hex; - is stdin.")
@pass_app
def import_(app: App, *, name: str, keystore: Path | None, key_file: Any) -> None:
    """Take in a private key: asked for without echo, or read from a file. Keys are never taken
    from the command line.
    """
    from mpp_console.protocol import Secret

    if keystore is not None and key_file is not None:
        raise click.UsageError("--keystore and --key-file exclude each other")
    if keystore is not None:
        given = os.environ.get("MPP_CONSOLE_PASSPHRASE") or ask_passphrase(f"Passphrase of {keystore.name}")
        passphrase = Secret(given)
        account = app.run(lambda console: console.accounts.import_keystore(name, keystore, passphrase))
    else:
        key = Secret((_asked_key() if key_file is None else key_file.read(_KEY_LIMIT)).strip())
        account = app.run(lambda console: console.accounts.import_key(name, key))
    _told(app, account, "imported")


@accounts.command()
@click.argument("name")
@click.argument("address")
@pass_app
def watch(app: App, *, name: str, address: str) -> None:
    """Watch an address without its key."""
    _told(app, app.run(lambda console: console.accounts.watch(name, address)), "watching")


@accounts.command()
@click.argument("name")
@pass_app
def default(app: App, *, name: str) -> None:
    """Use this account when none is named."""
    _told(app, app.run(lambda console: console.accounts.set_default(name)), "default is")


@accounts.command()
@click.argument("name")
@click.argument("new_name")
@pass_app
def rename(app: App, *, name: str, new_name: str) -> None:
    """Give an account another name."""
    _told(app, app.run(lambda console: console.accounts.rename(name, new_name)), "renamed to")


@accounts.command()
@click.argument("name")
@click.option("--confirm", metavar="NAME", help="The account's name again, to do it without a question.")
@pass_app
def delete(app: App, *, name: str, confirm: str | None) -> None:
    """Take an account off the list. Its key goes to the trash, from where `restore` brings it back."""

    async def warn(console: Console) -> str:
        return await console.accounts.deletion_warning(name)

    if confirm is None:
        say(app.run(warn))
    typed = _confirmed(name, confirm)
    kept = app.run(lambda console: console.accounts.delete(name, typed))
    if app.json:
        print_json({"deleted": name, "key_kept": kept})
    else:
        say(f"deleted {name}" + (f"; its key stays in {kept}" if kept else ""))


@accounts.command()
@click.argument("name")
@pass_app
def restore(app: App, *, name: str) -> None:
    """Bring back the account that was last deleted under this name."""
    _told(app, app.run(lambda console: console.accounts.restore(name)), "restored")


@accounts.command()
@click.argument("name")
@click.option("--confirm", metavar="NAME", help="The account's name again, to do it without a question.")
@pass_app
def export(app: App, *, name: str, confirm: str | None) -> None:
    """Print an account's private key. Whoever sees it can take everything the account holds."""
    if confirm is None:
        say("Whoever sees this key can take everything the account holds.")
    typed = _confirmed(name, confirm)
    key = app.run(lambda console: console.accounts.export(name, typed))
    if app.json:
        print_json({"name": name, "private_key": key.reveal()})
    else:
        click.echo(key.reveal())


def _asked_key() -> str:
    return ask_passphrase(
        "Private key (hex)", what="private key", instead="name its file by --key-file, which takes - for stdin"
    )


def account_json(account: AccountView) -> dict[str, Any]:
    return {
        "name": account.name,
        "address": account.address,
        "kind": account.kind,
        "is_default": account.is_default,
        "created_at": account.created_at,
    }


def _told(app: App, account: AccountView, what: str) -> None:
    if app.json:
        print_json(account_json(account))
    else:
        say(f"{what} {account.name}")
        click.echo(account.address)


def _confirmed(name: str, confirm: str | None) -> str:
    """What somebody typed as the account's name; the service compares it."""
    if confirm is not None:
        return confirm
    if not sys.stdin.isatty():
        raise click.UsageError(f"this needs a confirmation: --confirm {name}")
    return typed_word("Type the account's name to go on")
