"""How commands print. Data goes to stdout: JSON when asked, a drawn table on a terminal, tab-separated lines into a
pipe.

Talk goes to stderr. Nothing from a server is ever read as markup or reaches the terminal with its control characters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mpp_console.protocol import Currency
    from mpp_console.services.models import Check, Money

__all__ = ["money_json", "print_facts", "print_json", "print_table", "say", "time_text", "write_bytes"]


def say(text: str = "") -> None:
    """Talk, to stderr."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """One line of JSON, flushed, ASCII only, so that no terminal and no pipe stumbles over it."""
    sys.stdout.write(json.dumps(value, default=_plain, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[str] = frozenset()) -> None:
    """A table on a terminal; a header line and tab-separated lines otherwise. `right` names columns of numbers."""
    if not sys.stdout.isatty():
        lines = ["\t".join(columns), *("\t".join(_cell(cell) for cell in row) for row in rows)]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    Console().print(table)


def print_facts(facts: Iterable[tuple[str, str]], *, err: bool = False) -> None:
    """Name and value, one pair a line, aligned on a terminal and tab-separated in a pipe."""
    pairs = [(name, _cell(value)) for name, value in facts]
    stream = sys.stderr if err else sys.stdout
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"{name:<{width}}  {value}" if stream.isatty() or err else f"{name}\t{value}", err=err)


def print_checks(checks: Iterable[Check]) -> None:
    """What was looked at before paying, to stderr."""
    glyphs = {"ok": "✓", "warn": "!", "refuse": "✗"}
    for check in checks:
        say(f"  {glyphs[check.level.value]} {_cell(check.message)}")


def write_bytes(content: bytes) -> None:
    """A server's answer to stdout: as it is into a pipe, made inert on a terminal, which would obey what is in it."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    if b"\0" in content:
        say(f"({len(content)} bytes that are not text; use -o FILE or a pipe)")
        return
    from mpp_console.protocol import inert

    text = inert(content.decode("utf-8", "replace"), keep_newlines=True)
    click.echo(text, nl=not text.endswith("\n"))


def money_json(money: Money | None, prefix: str = "") -> dict[str, Any]:
    """An amount in units and in base units (text: it may pass 2^53), with its currency."""
    if money is None:
        return {f"{prefix}amount": None}
    return amount_json(money.amount, money.currency, prefix)


def amount_json(amount: int | None, currency: Currency, prefix: str = "") -> dict[str, Any]:
    from mpp_console.protocol import format_units

    return {
        f"{prefix}amount": None if amount is None else format_units(amount, currency.decimals),
        f"{prefix}amount_base_units": None if amount is None else str(amount),
        f"{prefix}currency": currency.symbol,
        f"{prefix}currency_id": currency.id,
    }


def amount_text(amount: int | None, currency: Currency) -> str:
    """`0.010000 pathUSD`; unknown is a dash, never zero."""
    from mpp_console.protocol import format_units

    return "—" if amount is None else f"{format_units(amount, currency.decimals)} {currency.symbol}"


def time_text(moment: datetime | None) -> str:
    """UTC on a terminal and in a pipe alike, so that lines can be compared."""
    return "—" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%SZ")


def _cell(value: str) -> str:
    from mpp_console.protocol import inert

    return inert(value).replace("\t", " ").replace("\n", " ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        from mpp_console.protocol import format_timestamp

        return format_timestamp(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
