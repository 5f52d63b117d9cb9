"""The shape of the history file, as an append-only list of steps. A step that has been released is never edited.

Steps are applied through sqlite-utils, all pending ones in one transaction, after a copy of the old file was kept.
sqlite-utils is imported only when a step is pending, because a command that pays once should not wait for it.

Columns: amounts are TEXT holding canonical decimal base units (they pass 2^63); times are INTEGER microseconds since
1970, UTC; `seq` is the order in which rows were committed, whichever process wrote them. No column holds a
credential, a key or a header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mpp_console.history.channel_tables import CHANNEL_TABLES
from mpp_console.history.searching import index_text

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["MIGRATIONS", "MIGRATION_SET"]

MIGRATION_SET = "history"

_AMOUNT = "CHECK ({0} NOT GLOB '*[^0-9]*' AND length({0}) BETWEEN 1 AND 78 AND ({0} = '0' OR substr({0}, 1, 1) <> '0'))"

_OPERATIONS = f"""
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'settled', 'refused', 'unknown')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    url TEXT NOT NULL,
    http_method TEXT NOT NULL,
    method TEXT NOT NULL,
    intent TEXT NOT NULL,
    amount TEXT NOT NULL {_AMOUNT.format("amount")},
    currency_id TEXT NOT NULL COLLATE NOCASE,
    currency_symbol TEXT NOT NULL,
    currency_decimals INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    payer TEXT,
    network TEXT NOT NULL,
    chain_id INTEGER,
    challenge_id TEXT,
    mode TEXT NOT NULL,
    idempotency_key TEXT,
    reference TEXT,
    trace TEXT NOT NULL,
    error TEXT
) STRICT
"""

_RECEIPTS = f"""
CREATE TABLE receipts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    direction TEXT NOT NULL CHECK (direction IN ('sent', 'received')),
    operation_id TEXT,
    at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    url TEXT NOT NULL,
    method TEXT NOT NULL,
    intent TEXT NOT NULL,
    amount TEXT NOT NULL {_AMOUNT.format("amount")},
    currency_id TEXT NOT NULL COLLATE NOCASE,
    currency_symbol TEXT NOT NULL,
    currency_decimals INTEGER NOT NULL,
    network TEXT NOT NULL,
    reference TEXT NOT NULL,
    status TEXT NOT NULL,
    challenge_id TEXT,
    external_id TEXT,
    payer TEXT,
    recipient TEXT,
    fields TEXT NOT NULL
) STRICT
"""

_REQUESTS = f"""
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    amount TEXT {_AMOUNT.format("amount")},
    currency_id TEXT COLLATE NOCASE,
    currency_symbol TEXT,
    currency_decimals INTEGER,
    payer TEXT,
    reference TEXT,
    challenge_id TEXT,
    message TEXT NOT NULL,
    microseconds INTEGER
) STRICT
"""

# Each list index ends with the time, so that one index both selects and orders, and a page reads only the rows that it
# shows. The spend indices hold every column that a budget check reads, so that it never touches the table.
_INDICES = (
    "CREATE INDEX operations_by_time ON operations (created_at)",
    "CREATE INDEX operations_spend ON operations (kind, currency_id, created_at, state, amount)",
    "CREATE INDEX operations_spend_by_origin ON operations (kind, origin, currency_id, created_at, state, amount)",
    "CREATE INDEX operations_unresolved ON operations (created_at) WHERE state IN ('prepared', 'sent', 'unknown')",
    "CREATE INDEX receipts_by_time ON receipts (at)",
    "CREATE INDEX receipts_by_origin ON receipts (origin, at)",
    "CREATE INDEX receipts_by_currency ON receipts (currency_id, direction, at, amount)",
    "CREATE INDEX receipts_by_currency_time ON receipts (currency_id, at)",
    "CREATE INDEX receipts_by_method ON receipts (method, at)",
    "CREATE INDEX receipts_by_status ON receipts (status, at)",
    "CREATE INDEX receipts_by_direction ON receipts (direction, at)",
    "CREATE INDEX receipts_by_operation ON receipts (operation_id) WHERE operation_id IS NOT NULL",
    "CREATE INDEX requests_by_time ON requests (at)",
    "CREATE INDEX requests_by_outcome ON requests (outcome, at)",
)


def m001_initial(db: Database) -> None:
    """Operations (the journal), receipts sent and received, requests served."""
    for statement in (_OPERATIONS, _RECEIPTS, _REQUESTS, *_INDICES):
        db.execute(statement)


# `sums.amount_key` makes the same text of a value; a test compares the two.
_AMOUNT_KEY = """
ALTER TABLE receipts ADD COLUMN amount_key TEXT GENERATED ALWAYS AS (
    CASE amount WHEN '0' THEN '0'
    ELSE printf('%04d', 1000 + length(amount) - currency_decimals) || rtrim(amount, '0') END
) VIRTUAL
"""


def m002_amount_order(db: Database) -> None:
    """Receipts in the order of their amounts, and amounts compared by value: see `sums.amount_key`."""
    db.execute(_AMOUNT_KEY)
    db.execute("CREATE INDEX receipts_by_amount ON receipts (amount_key)")


def m003_text_search(db: Database) -> None:
    """An index of every three letters in a row, so that a word which is nowhere is known to be nowhere at once; and
    how far it has come. See `searching`.
    """
    db.execute(
        "CREATE VIRTUAL TABLE receipts_text USING fts5(text, content='', columnsize=0, detail=none, tokenize='trigram')"
    )
    db.execute("CREATE TABLE receipts_text_until (seq INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO receipts_text_until VALUES (0)")
    index_text(db.conn, rows=None)


def m004_channels(db: Database) -> None:
    """Payment channels as their payer knows them, what happened to each, who may sign for them now, and how far the
    chain was searched.
    """
    for statement in CHANNEL_TABLES:
        db.execute(statement)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    m001_initial,
    m002_amount_order,
    m003_text_search,
    m004_channels,
)
"""In order of application. Append only; the function's name is what the file remembers."""
