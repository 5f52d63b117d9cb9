"""The root command: global options, the table of commands, and the console when no command is given.

A command's module is imported when that command runs, not before: `--help` shows the table's own words.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource

from mpp_console import __version__
from mpp_console.cli.context import EXIT_CODES_HELP, INTERRUPTED, App

__all__ = ["cli", "run"]

_COMMANDS: dict[str, tuple[str, str]] = {
    "pay": ("pay", "Request a URL and pay for it when it asks for money."),
    "inspect": ("inspect", "Decode every offer of a URL. Nothing is paid."),
    "serve": ("serve", "Serve the demo API: a local paid server in the sandbox."),
    "accounts": ("accounts", "Create, import, watch, rename, export accounts."),
    "balance": ("funds", "What an account holds."),
    "fund": ("funds", "Get test money from the network's faucet."),
    "receive": ("funds", "Address and QR code to be paid at."),
    "transfer": ("transfer", "Send tokens to an address."),
    "sessions": ("sessions", "Payment channels: list, open, top up, close, get money back."),
    "channels": ("channels", "Channels opened to the local server: list, settle, close."),
    "receipts": ("receipts", "List, show, export and follow receipts."),
    "sandbox": ("sandbox", "Look at the sandbox, test it, start it afresh."),
    "config": ("config", "Settings: where they are, what they say."),
    "completion": ("completion", "Print shell completion for bash, zsh or fish."),
}

_EPILOG = f"""\b
Exit codes:
{EXIT_CODES_HELP}

\b
Without a command the console opens. Environment:
  MPP_CONSOLE_HOME        keep settings and data under this folder
  MPP_CONSOLE_PROFILE     as --profile
  MPP_CONSOLE_RPC_URL     as --rpc-url
  MPP_CONSOLE_ACCOUNT     as --account
  MPP_CONSOLE_PASSPHRASE  opens encrypted key files without a question
"""


_OF_OTHER_WORLDS = ("profile", "rpc_url", "account")


def _demo(ctx: click.Context) -> App:
    """The demo's own world, whatever the environment says; what was asked for beside it cannot be had."""
    for name in _OF_OTHER_WORLDS:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"{option} does not go with --demo: the demo is a sandbox of its own", ctx)
    from mpp_console.services.demo.opening import demo_home

    return App(profile="sandbox", demo=ctx.with_resource(demo_home()))


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"mpp_console.cli.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above and the modules agree
        return command

    def invoke(self, ctx: click.Context) -> None:
        """Gives nothing, so that `run` takes no value of a command for an exit code."""
        super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and "://" in args[0]:
            raise click.UsageError(f"to pay for a URL: mpp-console pay {args[0]}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, invoke_without_command=True, epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.option(
    "--profile", "-p", envvar="MPP_CONSOLE_PROFILE", help="sandbox (default), moderato, mainnet, or your own."
)
@click.option("--rpc-url", envvar="MPP_CONSOLE_RPC_URL", help="Use this node instead of the profile's.")
@click.option("--account", "-a", envvar="MPP_CONSOLE_ACCOUNT", help="Use this account instead of the default one.")
@click.option("--demo", is_flag=True, help="Try everything on a made-up sandbox, always the same, gone at the end.")
@click.version_option(__version__, "--version", "-V", prog_name="mpp-console", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, profile: str | None, rpc_url: str | None, account: str | None, demo: bool) -> None:
    """Wallet and operator console for the Machine Payments Protocol (HTTP 402, Payment scheme)."""
    ctx.obj = _demo(ctx) if demo else App(profile=profile, rpc_url=rpc_url, account=account)
    if ctx.invoked_subcommand is None:
        from mpp_console.cli.console import open_console

        ctx.exit(open_console(ctx.obj))


def run() -> int:
    """Runs what was asked for on the command line; gives the exit code.

    click alone would end a program that a ctrl+c stopped with 1, as one that failed; shells expect 130.
    """
    try:
        code: Any = cli.main(prog_name="mpp-console", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as stop:
        # click has ended the line on which the terminal showed the ^C.
        if isinstance(stop.__cause__, EOFError):
            click.echo("Aborted!", err=True)
            return 1
        return INTERRUPTED
    return code or 0
