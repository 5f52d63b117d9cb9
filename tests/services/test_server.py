"""The local paid server: its table, its tail, its receipts, and its memory of what was paid."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from mpp_console.protocol import MppError
from mpp_console.services import Console
from mpp_console.services.errors import ServerUnavailable
from mpp_console.services.events import ReceiptRecorded, RequestServed, ServerChanged
from mpp_console.services.models import PayRequest, RouteView
from mpp_console.services.settings import ServerSettings, Settings
from tests.services.conftest import Devnet, Heard, OpenConsole


def route(console: Console, path: str) -> RouteView:
    return next(route for route in console.server.view().routes if route.path == path)


async def test_started_twice_it_is_one_server(console: Console) -> None:
    heard = Heard(console)
    first, second = await console.server.start(), await console.server.start()
    assert first.url == second.url
    assert first.running
    assert first.rpc_url is not None
    assert len(heard.of(ServerChanged)) == 1
    stopped = await console.server.stop()
    assert (stopped.running, stopped.url) == (False, None)
    assert await console.server.stop() == stopped
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{first.url}/free")


async def test_every_request_is_told_kept_and_counted(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    async with httpx.AsyncClient() as client:
        await client.get(f"{view.url}/free")
        await client.get(f"{view.url}/charge?key=s3cret")
        await client.get(f"{view.url}/charge", headers={"Authorization": "Payment bm9uc2Vuc2U"})
        await client.get(f"{view.url}/nothing")
    task = console.payments.start(PayRequest(url=f"{view.url}/charge"))
    await task.review()
    task.approve()
    await task.result()
    rows = await heard.until(lambda: heard.of(RequestServed) if len(heard.of(RequestServed)) == 6 else None)
    assert [(event.row.path, event.row.status, event.row.outcome) for event in rows] == [
        ("/free", 200, "free"),
        ("/charge", 402, "challenged"),
        ("/charge", 402, "rejected"),
        ("/nothing", 404, "free"),
        ("/charge", 402, "challenged"),
        ("/charge", 200, "paid"),
    ]
    account = await console.accounts.get()
    paid = rows[-1].row
    assert (paid.amount, paid.payer) == (10_000, account.address)
    assert (route(console, "/charge").hits, route(console, "/charge").revenue) == (4, 10_000)
    assert (route(console, "/free").hits, console.server.view().requests) == (1, 6)
    assert [money.text for money in console.server.view().revenue] == ["0.010000 pathUSD"]
    assert [row.id for row in console.server.requests()] == [event.row.id for event in reversed(rows)]
    assert "s3cret" not in json.dumps([str(event.row) for event in rows])


async def test_what_was_served_outlives_the_server(open_console: OpenConsole) -> None:
    first = await open_console()
    await first.payments.test().result()
    await first.close()
    second = await open_console()
    assert [row.outcome for row in await second.receipts.requests()] == ["paid", "challenged"]


async def test_a_credential_used_before_a_restart_is_still_used(open_console: OpenConsole) -> None:
    """Challenges stay valid over a restart, so what was paid must stay remembered."""
    first = await open_console()
    view = await first.server.start()
    sent: list[str] = []

    async def note(request: httpx.Request) -> None:
        if "authorization" in request.headers:
            sent.append(request.headers["authorization"])

    http = await first._engine.http.get()
    http.event_hooks["request"].append(note)
    await first.payments.test().result()
    port = httpx.URL(view.url or "").port
    await first.close()
    second = await open_console()
    again = await second.server.start(port)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{again.url}/charge", headers={"Authorization": sent[0]})
    assert answer.status_code == 402
    assert second.server.requests()[0].outcome == "rejected"
    assert (await second.receipts.page()).total == 2


async def test_receipts_of_both_sides_agree(console: Console) -> None:
    heard = Heard(console)
    await console.payments.test().result()
    await heard.until(lambda: len(heard.of(ReceiptRecorded)) == 2)
    sent, received = sorted(
        (event.row for event in heard.of(ReceiptRecorded)), key=lambda row: row.direction == "received"
    )
    assert (sent.challenge_id, sent.reference, sent.amount) == (
        received.challenge_id,
        received.reference,
        received.amount,
    )
    assert received.payer == sent.payer
    assert received.url == "GET /charge"


async def test_a_taken_port_is_told(console: Console) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MppError, match="taken"):
            await console.server.start(taken.getsockname()[1])
    assert not console.server.view().running
    assert (await console.server.start()).running


async def test_the_port_of_the_settings(open_console: OpenConsole) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    console = await open_console(settings=Settings(server=ServerSettings(port=port)))
    assert (await console.server.start()).url == f"http://127.0.0.1:{port}"


async def test_outside_the_sandbox_there_is_no_server(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    with pytest.raises(ServerUnavailable):
        await console.server.start()
    assert console.server.view().unavailable is not None
