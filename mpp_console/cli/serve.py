"""`serve`: the demo API on a port, until it is told to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.output import amount_json, amount_text, print_json, print_table, say, time_text

if TYPE_CHECKING:
    from mpp_console.services import Console
    from mpp_console.services.events import ConsoleEvent
    from mpp_console.services.models import ReceiptRow, RequestRow, ServerView

__all__ = ["serve"]


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0 takes any free one (the default).")
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="ROUTE",
    help="Serve a route of your own in this run: 'GET /weather=0.02', '/news=0.1 AlphaUSD', 'POST /notes=free'.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="Switch a fault on: 'slow' for every route, 'GET /charge=slow' for one.",
)
@pass_app
def serve(app: App, *, port: int | None, routes: tuple[str, ...], faults: tuple[str, ...]) -> None:
    """Serve the demo API: a local paid server in the sandbox, on 127.0.0.1 only.

    Routes made in the console are served too. Faults: expired, wrong-amount, bad-recipient, replay, slow,
    server-error, no-receipt, lost; for routes that channels pay also lost-state, lying-410, refused-close,
    stalled-stream, voucher-loop, high-receipt.

    With --json the first line is {"event":"ready","url":…,"rpc_url":…,"chain_id":…,"recipient":…,"routes":[…]}, then
    one line for each request and each receipt. Ends cleanly on ctrl+c and SIGTERM.
    """

    async def work(console: Console) -> None:
        import asyncio
        import signal

        from mpp_console.services.routes import parse_fault, parse_route

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # not on every system
                loop.add_signal_handler(number, stop.set)
        view = await console.server.start(
            port,
            routes=[parse_route(text) for text in routes],
            faults=[parse_fault(text) for text in faults],
        )
        tell = _tell_json if app.json else _tell_text

        def on_event(event: ConsoleEvent) -> None:
            try:
                tell(event)
            except BrokenPipeError:
                # Whoever read us is gone; there is nobody left to serve for.
                stop.set()

        console.events.subscribe(on_event)
        if app.json:
            print_json(ready_json(view))
        else:
            _say_ready(view)
        await stop.wait()
        if not app.json:
            say("stopping")

    app.run(work)


def ready_json(view: ServerView) -> dict[str, Any]:
    return {
        "event": "ready",
        "url": view.url,
        "rpc_url": view.rpc_url,
        "chain_id": view.chain_id,
        "recipient": view.recipient,
        "routes": [
            {
                "method": route.method,
                "path": route.path,
                "rail": route.rail,
                "intent": route.intent,
                "amount": str(route.amount),
                "currency": route.currency.symbol,
                "fault": route.fault,
                "faults": list(route.faults),
                "own": route.own,
                "note": route.note,
            }
            for route in view.routes
        ],
    }


def _tell_json(event: ConsoleEvent) -> None:
    from mpp_console.services import events

    match event:
        case events.RequestServed():
            print_json({"event": "request", **request_json(event.row)})
        case events.ReceiptRecorded() if event.row.direction == "received":
            print_json({"event": "receipt", **receipt_json(event.row)})
        case events.Notice():
            print_json({"event": "notice", "level": event.level, "text": event.text})
        case _:
            pass


def request_json(row: RequestRow) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": row.id,
        "at": row.at,
        "method": row.method,
        "path": row.path,
        "status": row.status,
        "outcome": row.outcome,
        "payer": row.payer,
        "reference": row.reference,
        "challenge_id": row.challenge_id,
        "message": row.message,
        "milliseconds": row.milliseconds,
    }
    return facts if row.currency is None else facts | amount_json(row.amount, row.currency)


def receipt_json(row: ReceiptRow) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": row.id,
        "at": row.at,
        "direction": row.direction,
        "origin": row.origin,
        "url": row.url,
        "method": row.method,
        "intent": row.intent,
        "network": row.network,
        "status": row.status,
        "reference": row.reference,
        "challenge_id": row.challenge_id,
        "operation_id": row.operation_id,
        "payer": row.payer,
        "recipient": row.recipient,
    }
    return facts if row.currency is None else facts | amount_json(row.amount, row.currency)


def _say_ready(view: ServerView) -> None:
    click.echo(f"{view.url}  (LOOPBACK TEST: no TLS, play money)")
    print_table(
        ("method", "path", "price", "note"),
        [
            (
                route.method,
                route.path,
                amount_text(route.amount, route.currency) if route.rail else "free",
                f"fault: {', '.join(route.faults)}" if route.faults else route.note,
            )
            for route in view.routes
        ],
        right=frozenset({"price"}),
    )
    say(f"node {view.rpc_url}, chain {view.chain_id}, paid to {view.recipient}")
    say(f"try: mpp-console pay {view.url}/charge      ctrl+c stops")


def _tell_text(event: ConsoleEvent) -> None:
    from mpp_console.services import events

    match event:
        case events.RequestServed():
            row = event.row
            amount = "" if row.currency is None else amount_text(row.amount, row.currency)
            line = f"{time_text(row.at)}  {row.status} {row.method} {row.path}  {row.outcome}  {amount}  {row.message}"
            click.echo(line.rstrip())
        case events.Notice():
            say(event.text)
        case _:
            pass
