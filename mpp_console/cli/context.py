"""What every command shares: the opened console, errors turned into exit codes, and a clean end on a signal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import ErrorView
    from mpp_console.services.settings import Settings

__all__ = ["EXIT_CODES_HELP", "INTERRUPTED", "App", "error_json", "exit_code", "fail", "pass_app"]

T = TypeVar("T")

EXIT_CODES = {"general": 1, "usage": 2, "network": 3, "payment": 4}
EXIT_CODES_HELP = """\
  0  done
  1  general error
  2  usage: an option, setting, name or amount does not hold
  3  network: no answer, or the server answered with an HTTP error
  4  payment: refused, declined, failed, or its outcome is unknown"""
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


@dataclass(slots=True)
class App:
    """The global options, and how a command gets its console. `demo` is the folder of the demo state, if that is
    wanted.
    """

    profile: str | None = None
    rpc_url: str | None = None
    account: str | None = None
    demo: Path | None = None
    json: bool = field(default=False)

    def settings(self) -> Settings:
        """The person's settings. Ends the command when they do not hold."""
        from mpp_console.protocol import MppError
        from mpp_console.services.paths import Paths
        from mpp_console.services.settings import load_settings

        try:
            return load_settings(Paths.find().settings)
        except MppError as error:
            self.fail(error)

    def profile_name(self) -> str:
        return self.profile or self.settings().profile

    def run(self, work: Callable[[Console], Awaitable[T]]) -> T:
        """Opens the console, does `work` with it, closes it. Errors end the command with their exit code."""
        import asyncio

        from mpp_console.protocol import MppError

        try:
            return asyncio.run(self._with_console(work))
        except MppError as error:
            self.fail(error)
        except asyncio.CancelledError:  # a SIGTERM; a ctrl+c is answered where all commands are run
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read us has enough (`| head`). Python would complain once more when it flushes at exit.
            sys.stderr.close()
            sys.exit(0)

    async def _with_console(self, work: Callable[[Console], Awaitable[T]]) -> T:
        import asyncio
        import signal

        stopped = threading.Event()
        console = await self._open(partial(ask_passphrase, stopped=stopped))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine of a task
        # The default for SIGTERM ends the process on the spot; a payment under way must get to its journal first.
        with suppress(NotImplementedError):  # not on every system
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await work(console)
        finally:
            stopped.set()
            await console.close()

    async def _open(self, passphrase: Callable[[str], str]) -> Console:
        if self.demo is not None:
            from mpp_console.services.demo.opening import open_demo

            return await open_demo(self.demo, passphrase=passphrase)
        from mpp_console.services import Console

        settings = self.settings()
        return await Console.open(
            self.profile or settings.profile,
            settings=settings,
            rpc_url=self.rpc_url,
            account=self.account,
            passphrase=passphrase,
        )

    def fail(self, error: Any) -> NoReturn:
        """Says what went wrong and ends with the code of its kind."""
        from mpp_console.services.views import error_view

        fail(error_view(error), json=self.json)


def fail(error: ErrorView, *, json: bool = False) -> NoReturn:
    """Talk goes to stderr; with --json the error is data too."""
    click.echo(f"mpp-console: {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    if json:
        from mpp_console.cli.output import print_json

        print_json({"error": error_json(error)})
    sys.exit(exit_code(error))


def error_json(error: ErrorView) -> dict[str, str]:
    return {"code": error.code, "kind": error.kind, "message": error.message, "hint": error.hint}


def exit_code(error: ErrorView) -> int:
    return EXIT_CODES[error.kind]


def ask_passphrase(
    prompt: str,
    *,
    stopped: threading.Event | None = None,
    what: str = "passphrase",
    instead: str = "set MPP_CONSOLE_PASSPHRASE",
) -> str:
    """Asks on the terminal, without echo; services call it in a thread. Without a terminal there is nobody to ask.

    Raises UsageError for that, with `instead` as the way out, and for a question that nobody answered before `stopped`
    was set. `what` is asked for.
    """
    from mpp_console.cli.asking import hidden_answer
    from mpp_console.services.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(f"a {what} is needed and there is no terminal to ask on", hint=instead)
    if os.name != "posix":
        typed: str = click.prompt(prompt, hide_input=True, err=True)
        return typed
    answer = hidden_answer(prompt, stopped or threading.Event())
    if answer is None:
        raise UsageError(f"no {what} was given")
    return answer


def pass_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command its `App`, adds `--json`, and ends it with the code of what went wrong outside a console."""
    import functools

    from mpp_console.protocol import MppError

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_obj
    @functools.wraps(command)
    def wrapped(app: App, /, *args: Any, as_json: bool, **options: Any) -> Any:
        app.json = as_json
        try:
            return command(app, *args, **options)
        except MppError as error:
            app.fail(error)

    return wrapped
