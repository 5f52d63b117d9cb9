"""The index of text: every three letters that are somewhere in a receipt, so that a word which is nowhere costs nothing
to look for.

It holds neither the text nor where in it the letters stand: it proposes rows, and the columns themselves decide. One
row at a time it would cost more to write than the receipt itself, so rows enter it by the hundred, and the newest few
that are not in it yet are always proposed. Receipts are never changed or deleted, so adding is all there is.
"""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["PROPOSED", "TEXT_FIELDS", "catch_up", "index_text", "trigrams"]

TEXT_FIELDS: Final = (
    "origin", "url", "reference", "method", "intent", "status", "network", "id", "operation_id", "challenge_id",
    "external_id", "payer", "recipient", "currency_symbol",
)  # fmt: skip
"""The columns that are searched."""

PROPOSED: Final = (
    "SELECT rowid FROM receipts_text WHERE receipts_text MATCH ? "
    "UNION ALL SELECT seq FROM receipts WHERE seq > (SELECT seq FROM receipts_text_until)"
)
"""Takes an expression of FTS5; gives the `seq` of all that may match."""

_BEHIND: Final = 500  # rows that a search reads in less than a millisecond
_AT_ONCE: Final = 4000  # a tenth of a second, in a thread that payments wait for
_COUNTED: Final = 24  # of one word at most: more narrow a search no further, and each costs a look
_LIMIT: Final = 200

# Line ends, so that no three letters span two columns.
_TEXT: Final = " || char(10) || ".join(f"coalesce({name}, '')" for name in TEXT_FIELDS)
_UNTIL: Final = "SELECT seq FROM receipts_text_until"


def catch_up(connection: sqlite3.Connection, newest: int) -> None:
    """Called within the transaction that wrote the receipt `newest`; now and then indexes those since the last time."""
    if newest - _until(connection) >= _BEHIND:
        index_text(connection, rows=_AT_ONCE)


def index_text(connection: sqlite3.Connection, *, rows: int | None) -> None:
    """Indexes the next `rows` receipts (None: all)."""
    since = _until(connection)
    (until,) = connection.execute(
        "SELECT max(seq) FROM (SELECT seq FROM receipts WHERE seq > ? ORDER BY seq LIMIT ?)",
        (since, -1 if rows is None else rows),
    ).fetchone()
    if until is not None:
        insert = f"INSERT INTO receipts_text (rowid, text) SELECT seq, {_TEXT} FROM receipts"  # noqa: S608 - constants
        connection.execute(f"{insert} WHERE seq > ? AND seq <= ?", (since, until))
        connection.execute("UPDATE receipts_text_until SET seq = ?", (until,))


def trigrams(text: str) -> list[str]:
    """Threes of letters that a text holding `text` cannot be without. Empty when it is too short to have any.

    Every one of a short text, since the rare one may begin anywhere; of a long one so many, evenly spread.
    """
    text = text[:_LIMIT]
    if "\0" in text:
        return []
    found = list(dict.fromkeys(text[start : start + 3] for start in range(len(text) - 2)))
    return found[:: -(-len(found) // _COUNTED)] if found else []


def _until(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_UNTIL).fetchone()[0])
