"""The tables of payment channels, as the migration makes them. Released text: never edited.

Sums are TEXT of canonical decimal base units (they pass 2^63), and triggers keep the two promises that a deposit
depends on, whatever program writes: no row is deleted, and no sum falls.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CHANNEL_TABLES"]

_AMOUNT = (
    "TEXT NOT NULL CHECK ({0} NOT GLOB '*[^0-9]*' AND length({0}) BETWEEN 1 AND 39 "
    "AND ({0} = '0' OR substr({0}, 1, 1) <> '0'))"
)
_GROWING = ("deposit", "signed", "accepted", "spent", "settled")
_SUMS = ",\n    ".join(f"{name} {_AMOUNT.format(name)}" for name in (*_GROWING, "pending_deposit"))

_CHANNELS = f"""
CREATE TABLE channels (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    protocol TEXT NOT NULL,
    state TEXT NOT NULL,
    network TEXT NOT NULL,
    chain_id INTEGER NOT NULL,
    escrow TEXT NOT NULL,
    payer TEXT NOT NULL,
    payee TEXT NOT NULL,
    operator TEXT NOT NULL,
    token TEXT NOT NULL,
    salt TEXT NOT NULL,
    authorized_signer TEXT NOT NULL,
    expiring_nonce_hash TEXT NOT NULL,
    currency_symbol TEXT NOT NULL,
    currency_decimals INTEGER NOT NULL,
    origin TEXT NOT NULL,
    url TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    {_SUMS},
    dies_at INTEGER NOT NULL,
    from_block INTEGER NOT NULL,
    close_requested_at INTEGER NOT NULL,
    refunded TEXT,
    open_hash TEXT,
    close_hash TEXT,
    voucher_ref TEXT,
    note TEXT NOT NULL
) STRICT
"""

_FALLS = " OR ".join(
    f"length(NEW.{name}) < length(OLD.{name}) OR (length(NEW.{name}) = length(OLD.{name}) AND NEW.{name} < OLD.{name})"
    for name in _GROWING
)

CHANNEL_TABLES: Final = (
    _CHANNELS,
    "CREATE INDEX channels_by_scope ON channels (scope, last_used_at)",
    "CREATE INDEX channels_by_use ON channels (chain_id, last_used_at)",
    "CREATE TRIGGER channels_stay BEFORE DELETE ON channels "
    "BEGIN SELECT RAISE(ABORT, 'a channel is archived, never deleted'); END",
    f"CREATE TRIGGER channels_grow BEFORE UPDATE ON channels WHEN {_FALLS} "
    "BEGIN SELECT RAISE(ABORT, 'a sum of a channel would fall'); END",
    """
CREATE TABLE channel_entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount TEXT,
    reference TEXT,
    text TEXT NOT NULL
) STRICT
""",
    "CREATE INDEX channel_entries_by_channel ON channel_entries (channel_id, seq)",
    """
CREATE TABLE channel_leases (
    scope TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    fence INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT
""",
    "CREATE TABLE channel_cursors (name TEXT PRIMARY KEY, block INTEGER NOT NULL) STRICT",
)
