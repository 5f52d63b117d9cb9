"""A long history, made quickly through the real schema: the program makes the file, rows go in below the journal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mpp_console.history.connections import connect_writer
from mpp_console.history.rows import RECEIPT_COLUMNS

__all__ = ["NEWEST", "ROWS", "make_history", "rows"]

ROWS = 1_000_000
NEWEST = 1_790_000_000_000_000
_STEP = 7_000_000  # a receipt every seven seconds: a million of them are 81 days
_ORIGINS = [f"https://{name}.example.com" for name in ("api", "data", "maps", "news", "search", "weather", "llm")]
_ROUTES = ["/report", "/charge", "/v1/chat/completions", "/tiles/12/2200/1343.png", "/quote?symbol=ABC"]
_CURRENCIES = [
    ("0x20C0000000000000000000000000000000000000", "pathUSD", 6),
    ("0x20C0000000000000000000000000000000000001", "AlphaUSD", 6),
    ("sat", "sat", 0),
]


def rows(count: int, *, first: int = 0) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of RECEIPT_COLUMNS, oldest first; the same every time."""
    chance = random.Random(first)
    bits, pick = chance.getrandbits, chance.choice
    people = [f"0x{bits(160):040x}" for _ in range(500)]
    for number in range(first, first + count):
        sent = number % 3 == 0
        origin = pick(_ORIGINS) if sent else ""
        route = pick(_ROUTES)
        currency = _CURRENCIES[0 if number % 10 else bits(8) % 3]
        name, reference, challenge = f"{bits(128):032x}", f"0x{bits(256):064x}", f"{bits(192):048x}"
        yield (
            name if sent else f"received-{challenge}",
            "sent" if sent else "received",
            name if sent else None,
            NEWEST - (ROWS - number) * _STEP,
            origin,
            origin + route if sent else f"GET {route}",
            "tempo",
            "charge",
            str(bits(20) if number % 1000 else bits(70)),
            *currency,
            "sandbox",
            reference,
            "success" if number % 50 else "none",
            challenge,
            None if number % 7 else f"order_{number}",
            pick(people),
            people[0],
            f'{{"method":"tempo","reference":"{reference}","status":"success","timestamp":"2026-05-01T12:00:00.000Z"}}',
        )


def make_history(path: Path, count: int = ROWS) -> None:
    """A history of `count` receipts. Indices are made once at the end, which is what makes it quick."""
    connection = connect_writer(path)
    marks = ", ".join("?" * (RECEIPT_COLUMNS.count(",") + 1))
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'receipts' AND sql IS NOT NULL"
    ).fetchall()
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    connection.executemany(f"INSERT INTO receipts ({RECEIPT_COLUMNS}) VALUES ({marks})", rows(count))
    for _, sql in found:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()
