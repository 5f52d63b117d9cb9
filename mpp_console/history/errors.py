"""What can go wrong with the history, each with what to do next; sqlite3's own errors never leave this package."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mpp_console.protocol import MppError

__all__ = [
    "DuplicateRow",
    "HistoryBusy",
    "HistoryClosed",
    "HistoryDamaged",
    "HistoryError",
    "HistoryTooNew",
    "MalformedRow",
    "UnknownRow",
    "translated",
]


class HistoryError(MppError):
    """The history could not do what was asked. Nothing was written."""

    default_code = "history-error"


class HistoryBusy(HistoryError):
    """Another process held the file for longer than we are willing to wait."""

    default_code = "history-busy"


class HistoryDamaged(HistoryError):
    """The file is not a database, or a damaged one."""

    default_code = "history-damaged"


class HistoryTooNew(HistoryError):
    """A newer version of this program has changed the file in ways that this one does not know."""

    default_code = "history-too-new"


class HistoryClosed(HistoryError):
    """The history was closed before, or while, this was asked."""

    default_code = "history-closed"


class DuplicateRow(HistoryError):
    """A row with this id exists already; ids are given once."""

    default_code = "duplicate-row"


class UnknownRow(HistoryError):
    """No row has this id."""

    default_code = "unknown-row"


class MalformedRow(HistoryError):
    """A stored row does not hold what it should: something other than this program wrote to the file."""

    default_code = "malformed-row"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns sqlite3's errors into ours. `doing` says what was tried, as in "record a receipt"."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if "UNIQUE" in str(error):
            raise DuplicateRow(f"cannot {doing}: this id is in the history already") from error
        raise HistoryError(f"cannot {doing}: {error}") from error
    except sqlite3.OperationalError as error:
        raise _operational(doing, error) from error
    except (sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError) as error:
        raise HistoryError(f"cannot {doing}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise HistoryDamaged(
            f"cannot {doing}: {error}",
            hint="move the history file away; a new one is made, and the old one can be looked at with sqlite3",
        ) from error
    except sqlite3.Error as error:
        raise HistoryError(f"cannot {doing}: {error}") from error


def _operational(doing: str, error: sqlite3.OperationalError) -> HistoryError:
    text = str(error)
    if "locked" in text or "busy" in text:
        return HistoryBusy(
            f"cannot {doing}: another program is using the history",
            hint="close other programs that write to it, then try again",
        )
    if "full" in text:
        return HistoryError(f"cannot {doing}: the disk is full", hint="make room, then try again")
    if "readonly" in text:
        return HistoryError(
            f"cannot {doing}: the history file is read-only", hint="check who owns it and its permissions"
        )
    return HistoryError(f"cannot {doing}: {text}")
