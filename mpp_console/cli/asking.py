"""Yes-or-no questions on the terminal that a ctrl+c or a signal can end at once."""

from __future__ import annotations

import sys

import click

__all__ = ["confirmed", "someone_is_there"]


def someone_is_there() -> bool:
    """Whether there is a terminal to ask on; questions go to stderr, so that stdout may be a pipe."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirmed(question: str) -> bool:
    """Asks, and takes nothing but a typed yes for one. The loop goes on meanwhile."""
    import asyncio

    click.echo(f"{question} [y/N]: ", err=True, nl=False)
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        # A terminal hands over whole lines, so that this does not wait.
        if not answered.done():
            answered.set_result(sys.stdin.readline())

    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except (NotImplementedError, OSError):  # a system or a kind of input that cannot be watched
        return _yes(await asyncio.to_thread(sys.stdin.readline))
    try:
        return _yes(await answered)
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _yes(line: str) -> bool:
    return line.strip().lower() in {"y", "yes"}
