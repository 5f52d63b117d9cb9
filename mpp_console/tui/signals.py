"""Signals that end a program. The console leaves for one as it does for a person: a loop that is cut short would keep
its terminal in disarray, and threads that read it for ever.
"""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

__all__ = ["HUNG_UP", "heed", "hung_up", "put_back"]

HUNG_UP: Final = 129
"""The exit code of a program that a hangup ended: 128 and the number of the signal."""

_NAMES: Final = ("SIGTERM", "SIGHUP")


def heed(leave: Callable[[int], object]) -> None:
    """Calls `leave` with 128 and the number of a signal, which is the exit code that shells expect, in the running
    loop. Does nothing where signals are somebody else's: outside the main thread, or on a system without them.
    """
    loop = asyncio.get_running_loop()
    for number in _numbers():
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, leave, 128 + number)


@contextmanager
def put_back() -> Iterator[None]:
    """What signals did before, they do again afterwards: a loop that ends leaves the system's own behaviour."""
    before = {number: signal.getsignal(number) for number in _numbers()}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError, TypeError):
                signal.signal(number, handler)


def hung_up(descriptor: int | None = None) -> bool:
    """Whether nobody is at the other end of a terminal any more: the one we read from unless another is named."""
    if descriptor is None:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    if descriptor < 0 or not hasattr(select, "poll"):
        return False
    watch = select.poll()
    watch.register(descriptor, 0)
    return any(flags & select.POLLHUP for _, flags in watch.poll(0))


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
