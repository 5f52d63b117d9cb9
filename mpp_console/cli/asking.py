"""Questions on the terminal that a ctrl+c or a signal can end at once: yes or no, and words that nobody may see."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

__all__ = ["confirmed", "hidden_answer", "someone_is_there", "typed_word"]

_GLANCE = 0.1  # seconds between two looks at whether a hidden question is still worth an answer


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


def typed_word(question: str) -> str:
    """Asks for a word that confirms something.

    Looks again and again instead of waiting in one read: a signal just before that read would go unnoticed.
    """
    import select

    click.echo(f"{question}: ", err=True, nl=False)
    while not select.select([sys.stdin], [], [], _GLANCE)[0]:
        pass
    return sys.stdin.readline().rstrip("\r\n")


def hidden_answer(question: str, stopped: threading.Event) -> str | None:
    """Asks without echo, in a worker thread; None once `stopped` is set, or at the end of the input.

    A plain read would go on after a ctrl+c: the program would wait for its thread, and the terminal stay mute.
    """
    import select

    try:
        with _mute():
            click.echo(f"{question}: ", err=True, nl=False)
            while not stopped.is_set():
                if select.select([sys.stdin], [], [], _GLANCE)[0]:
                    line = sys.stdin.readline()  # a terminal hands over whole lines
                    return line.rstrip("\r\n") if line else None
            return None
    finally:
        click.echo(err=True)


@contextmanager
def _mute() -> Iterator[None]:
    """The terminal of stdin without echo."""
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def _yes(line: str) -> bool:
    return line.strip().lower() in {"y", "yes"}
