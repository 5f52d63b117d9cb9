"""Opens the full-screen console. The only place of the command line that reaches the screens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mpp_console.cli.context import App

if TYPE_CHECKING:
    from mpp_console.services.settings import Settings

__all__ = ["check_screens", "open_console"]


def open_console(app: App) -> int:
    """Runs the console until it is left; gives its exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the console needs a terminal; see --help for commands that do not")
    if app.demo is not None:
        from mpp_console.tui.app import run_demo

        return run_demo(app.demo)
    profile = app.profile_name()

    from mpp_console.protocol import MppError
    from mpp_console.tui.app import run

    try:
        return run(profile, rpc_url=app.rpc_url, account=app.account)
    except MppError as error:
        app.fail(error)


def check_screens(settings: Settings, path: Path) -> None:
    """Holds the settings of the screens to the themes and actions there are. Raises SettingsError with the line."""
    from mpp_console.tui.app import check_settings

    check_settings(settings.console, path)
