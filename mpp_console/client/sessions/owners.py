"""Who holds a lease: a name that tells which process of this machine it is, so that a dead one is noticed at once."""

from __future__ import annotations

import os
import secrets

__all__ = ["is_alive", "new_owner"]


def new_owner() -> str:
    """A name that no other holder has, and that begins with the process's id."""
    return f"{os.getpid()}.{secrets.token_hex(8)}"


def is_alive(owner: str) -> bool:
    """False only when the process that the name begins with is certainly gone. A reused id counts as alive: its lease
    then ends by time.
    """
    number, _, _ = owner.partition(".")
    if not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's process, or a system that does not tell
    return True
