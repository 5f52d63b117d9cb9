"""How far something long has come: one line on a terminal's stderr that writes over itself, nothing anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["Line", "Meter"]

_EVERY = 0.1  # seconds between two lines; a terminal is slower than what it is told about
_QUIET = 0.3  # what is done sooner needs no meter


class Line:
    """One line of stderr that is written over; nothing at all unless it is `wanted`."""

    def __init__(self, *, wanted: bool | None = None) -> None:
        self.wanted = sys.stderr.isatty() if wanted is None else wanted
        self._drawn = 0

    def draw(self, text: str) -> None:
        if self.wanted:
            sys.stderr.write(f"\r{text:<{self._drawn}}")
            sys.stderr.flush()
            self._drawn = len(text)

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\r{'':<{self._drawn}}\r")
            sys.stderr.flush()
            self._drawn = 0


class Meter:
    """Use it as a context; `show` may be called from any one thread, as often as one likes."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wanted: bool | None = None) -> None:
        self._clock = clock
        self._line = Line(wanted=wanted)
        self._next = clock() + _QUIET

    def show(self, rows: int, total: int | None, size: int) -> None:
        """`total` None is not known yet; `size` is in bytes."""
        now = self._clock()
        if not self._line.wanted or now < self._next:
            return
        self._next = now + _EVERY
        of = "" if not total else f" of {total:,} ({min(rows * 100 // total, 100)} %)"
        self._line.draw(f"{rows:,}{of} receipts, {size / 1e6:,.1f} MB")

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()
