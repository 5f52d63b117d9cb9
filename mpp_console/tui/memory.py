"""When the interpreter looks for dead objects: a screen is tens of thousands of them, and each look stops the keys."""

from __future__ import annotations

import gc

__all__ = ["collect_seldom", "keep_what_is_loaded"]


def collect_seldom() -> None:
    """Looks for dead cycles after 20,000 new objects, not after Python's 700: one frame makes several thousand, so that
    the usual threshold took a third of the time from a key to what it shows. What outlived five such looks is gone
    through together: after twenty, with 500 receipts a second, the screen stood still for a quarter of a second.
    """
    gc.set_threshold(20_000, 5, 200)


def keep_what_is_loaded() -> None:
    """What was loaded stays: looking through its 200,000 objects again and again for something to throw away stops
    the screen for a fifth of a second at a time. Only for a process with one console, which is then left as it is.
    """
    gc.freeze()
