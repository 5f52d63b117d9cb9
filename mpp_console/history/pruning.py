"""Requests that our server answered are a log: the newest are kept, within bounds. Receipts and operations are money
and are never deleted.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mpp_console.history.rows import to_microseconds

__all__ = ["RequestLimits", "prune_requests"]

_SLACK: Final = 1000  # above the limit, so that most writes delete nothing
_AT_ONCE: Final = 5000  # a few milliseconds; what is left waits for the next write


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How many served requests are kept, and for how long. 0 of `count` keeps every one that is young enough."""

    count: int = 100_000
    age: timedelta = timedelta(days=30)


def prune_requests(connection: sqlite3.Connection, limits: RequestLimits, now: datetime) -> int:
    """Deletes the oldest requests beyond the limits, some thousands at most, and gives how many."""
    too_old = to_microseconds(now - limits.age)
    deleted = connection.execute(
        "DELETE FROM requests WHERE seq IN ("
        "SELECT seq FROM requests INDEXED BY requests_by_time WHERE at < ? ORDER BY at LIMIT ?)",
        (too_old, _AT_ONCE),
    ).rowcount
    first, last = connection.execute(
        "SELECT (SELECT min(seq) FROM requests), (SELECT max(seq) FROM requests)"
    ).fetchone()
    # Places count what was ever written, so that their span is at least the number of rows.
    if limits.count and first is not None and last - first + 1 > limits.count + _SLACK:
        deleted += connection.execute(
            "DELETE FROM requests WHERE seq IN (SELECT seq FROM requests WHERE seq <= ? ORDER BY seq LIMIT ?)",
            (last - limits.count, _AT_ONCE),
        ).rowcount
    return deleted
