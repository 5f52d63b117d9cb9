"""The command line. This file is what the installed script starts, so it imports next to nothing."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        # Asked for by scripts and prompts all the time: answered before anything else is loaded.
        from mpp_console import __version__

        sys.stdout.write(f"mpp-console {__version__}\n")
        return
    try:
        from mpp_console.cli.root import run

        code = run()
    except KeyboardInterrupt:  # before a command begins, or when it is over
        code = 130
    sys.exit(code)
