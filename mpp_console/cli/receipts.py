"""`receipts`: what was paid and what was earned, listed, shown, exported and followed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.meter import Meter
from mpp_console.cli.output import amount_json, amount_text, print_facts, print_json, print_table, say, time_text
from mpp_console.cli.serve import receipt_json
from mpp_console.services.models import ReceiptOrder

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.models import (
        ExportFormat,
        OperationView,
        ReceiptDetail,
        ReceiptFilter,
        ReceiptOrderKey,
        ReceiptPage,
        ReceiptRow,
    )
    from mpp_console.services.receipts import ExportTask

__all__ = ["receipts"]

_FILTER_HELP = (
    "FILTER words, which must all hold: origin:api status:settled dir:sent 'amount>1' since:7d until:2026-01-31 "
    "currency:pathUSD method:tempo (or method:tempo/session) intent:charge network:sandbox ref:0x8f; !word leaves out; "
    "others search."
)
_DRAW = 0.1
_LOOK_AGAIN = 0.5
_BRIEF = 13


@click.group()
def receipts() -> None:
    """List, show, export and follow receipts; find out what was left open."""


@receipts.command("list", epilog=_FILTER_HELP)
@click.argument("filter_words", metavar="[FILTER]...", nargs=-1)
@click.option(
    "--limit", "-n", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, newest first."
)
@click.option("--after", metavar="CURSOR", help="Go on where an earlier list ended (its `next`).")
@click.option("--order", "order_key", type=click.Choice(["time", "amount", "origin", "status"]), default="time")
@click.option("--ascending", is_flag=True, help="Oldest, smallest or A first.")
@pass_app
def list_(
    app: App,
    *,
    filter_words: tuple[str, ...],
    limit: int,
    after: str | None,
    order_key: ReceiptOrderKey,
    ascending: bool,
) -> None:
    """Receipts, newest first."""

    async def work(console: Console) -> ReceiptPage:
        order = ReceiptOrder(key=order_key, descending=not ascending)
        return await console.receipts.page(_filter(console, filter_words), after, limit, order)

    page = app.run(work)
    if app.json:
        print_json({"receipts": [receipt_json(row) for row in page.rows], "next": page.next, "total": page.total})
        return
    shape = _short_cells if sys.stdout.isatty() else _cells
    print_table(_COLUMNS, [shape(row) for row in page.rows], right=frozenset({"amount"}))
    say(f"{len(page.rows)} of {page.total}" + (f"; go on with --after {page.next}" if page.next else ""))


@receipts.command()
@click.argument("receipt_id")
@pass_app
def show(app: App, *, receipt_id: str) -> None:
    """One receipt with its payment. The first characters of its id are enough when they are unique."""
    detail = app.run(lambda console: console.receipts.get(receipt_id))
    if app.json:
        print_json({**receipt_json(detail.row), "external_id": detail.external_id, "receipt": dict(detail.fields)})
        return
    print_facts(_facts(detail))


@receipts.command(epilog=_FILTER_HELP)
@click.argument("filter_words", metavar="[FILTER]...", nargs=-1)
@click.option("--format", "fmt", type=click.Choice(["csv", "json", "jsonl", "md"]), default="csv", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="A new file, readable by you only; stdout without it.")
@click.option("--ids", metavar="ID,…", help="These receipts, in this order, instead of a filter.")
@pass_app
def export(app: App, *, filter_words: tuple[str, ...], fmt: ExportFormat, output: str | None, ids: str | None) -> None:
    """Write receipts to a file or stdout, streaming. Secrets are never in it."""
    from mpp_console.cli.outfile import check_target

    if ids is not None and filter_words:
        raise click.UsageError("give a filter or --ids, not both")
    target = None if output is None else check_target(output).absolute()

    async def work(console: Console) -> int:
        scope = _filter(console, filter_words) if ids is None else await console.receipts.resolve(_names(ids))
        if target is None:
            with Meter(wanted=sys.stderr.isatty() and not sys.stdout.isatty()) as meter:
                return await console.receipts.export(
                    scope, fmt, sys.stdout, progress=lambda rows, size: meter.show(rows, None, size)
                )
        return await _watched(console.receipts.export_start(scope, fmt, target))

    count = app.run(work)
    if app.json and target is not None:
        print_json({"file": str(target), "format": fmt, "rows": count})
    else:
        say(f"{count} receipts" + (f" in {target}" if target is not None else ""))


async def _watched(task: ExportTask) -> int:
    import asyncio

    ending = asyncio.ensure_future(task.result())
    try:
        with Meter() as meter:
            while not (await asyncio.wait({ending}, timeout=_DRAW))[0]:
                now = task.progress()
                meter.show(now.rows, now.total, now.bytes)
        return (await ending).rows
    except asyncio.CancelledError:
        await task.stop()  # so that no part of a file is left
        raise


def _names(ids: str) -> tuple[str, ...]:
    return tuple(name for name in ids.replace(",", " ").split() if name)


def _filter(console: Console, words: tuple[str, ...]) -> ReceiptFilter:
    """One argument or many: `'amount>1 since:7d'` is what `'amount>1' since:7d` is."""
    return console.receipts.parse_filter(" ".join(words))


@receipts.command()
@pass_app
def recover(app: App) -> None:
    """Ask the network what became of payments and transfers that were left open. Nothing is ever paid again."""

    async def work(console: Console) -> tuple[tuple[OperationView, ...], tuple[OperationView, ...]]:
        ended = (*await console.payments.recover(), *await console.transfers.recover())
        return ended, await console.payments.unresolved()

    ended, still_open = app.run(work)
    if app.json:
        print_json(
            {"ended": [_operation_json(row) for row in ended], "open": [_operation_json(row) for row in still_open]}
        )
        return
    rows = [
        (
            row.kind,
            row.state,
            amount_text(row.amount, row.currency),
            row.recipient,
            row.reference or "",
            row.error or "",
        )
        for row in (*ended, *still_open)
    ]
    print_table(("kind", "state", "amount", "recipient", "reference", ""), rows, right=frozenset({"amount"}))
    say(f"{len(ended)} ended, {len(still_open)} still open")


@receipts.command()
@click.option(
    "--lines", "-n", type=click.IntRange(0, 1000), default=10, show_default=True, help="Begin with the last N."
)
@click.option("--follow/--no-follow", "-f", default=True, help="Go on as new ones arrive, from any process.")
@pass_app
def tail(app: App, *, lines: int, follow: bool) -> None:
    """Follow receipts as they are recorded, until ctrl+c."""

    async def work(console: Console) -> None:
        import asyncio

        place, _ = await console.receipts.since(None)
        if lines:
            page = await console.receipts.page(None, None, lines)
            _tell(app, reversed(page.rows))
        while follow:
            place, rows = await console.receipts.since(place)
            _tell(app, rows)
            await asyncio.sleep(_LOOK_AGAIN)

    app.run(work)


_COLUMNS = ("time", "dir", "amount", "status", "method", "origin", "reference", "id")


def _cells(row: ReceiptRow) -> tuple[str, ...]:
    amount = "—" if row.currency is None else amount_text(row.amount, row.currency)
    direction = "out" if row.direction == "sent" else "in"
    where = row.origin or row.url
    return (time_text(row.at), direction, amount, row.status, row.method, where, row.reference, row.id)


def _short_cells(row: ReceiptRow) -> tuple[str, ...]:
    """For a screen: `receipts show` takes the beginning of an id, and has the reference in full."""
    *cells, reference, number = _cells(row)
    brief = reference if len(reference) <= _BRIEF else f"{reference[:8]}…{reference[-4:]}"
    return (*cells, brief, number[:_BRIEF])


def _tell(app: App, rows: Any) -> None:
    for row in rows:
        if app.json:
            print_json(receipt_json(row))
        else:
            click.echo("  ".join(_cells(row)))
            sys.stdout.flush()


def _operation_json(row: OperationView) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "url": row.url,
        "recipient": row.recipient,
        "reference": row.reference,
        "error": row.error,
        **amount_json(row.amount, row.currency),
    }


def _facts(detail: ReceiptDetail) -> list[tuple[str, str]]:
    row = detail.row
    facts = [
        ("id", row.id),
        ("time", time_text(row.at)),
        ("direction", row.direction),
        ("amount", "—" if row.currency is None else amount_text(row.amount, row.currency)),
        ("status", row.status),
        ("method", f"{row.method}/{row.intent}"),
        ("origin", row.origin),
        ("url", row.url),
        ("network", row.network),
        ("reference", row.reference),
        ("payer", row.payer or ""),
        ("recipient", row.recipient or ""),
        ("challenge", row.challenge_id or ""),
        ("external id", detail.external_id or ""),
    ]
    if detail.operation is not None:
        facts.append(("operation", f"{detail.operation.id}  {detail.operation.state}"))
        facts.append(("remark", detail.operation.error or ""))
    if detail.explorer_url:
        facts.append(("explorer", detail.explorer_url))
    facts += [(f"receipt.{name}", str(value)) for name, value in detail.fields.items()]
    return [(name, value) for name, value in facts if value]
