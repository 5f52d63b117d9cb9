"""Opens the full-screen console. The only place of the command line that reaches the screens."""

from __future__ import annotations

import sys

import click

from mpp_console.cli.context import App

__all__ = ["open_console"]


def open_console(app: App) -> int:
    """Runs the console until it is left; gives its exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the console needs a terminal; see --help for commands that do not")
    if app.demo is not None:
        from mpp_console.tui.app import run_demo

        return run_demo(app.demo)
    profile = app.profile_name()

    from mpp_console.tui.app import run

    return run(profile, rpc_url=app.rpc_url, account=app.account)
