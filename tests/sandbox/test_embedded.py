"""A server inside the running loop: ports, quiet, clean stops."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mpp_console.sandbox import embedded
from mpp_console.sandbox.embedded import EmbeddedServer, PortTaken, ServerFailed


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


async def test_it_serves_until_it_is_stopped() -> None:
    server = EmbeddedServer(APP)
    url = await server.start()
    assert url == server.url == f"http://127.0.0.1:{server.port}"
    assert server.port > 0
    assert server.running
    assert await server.start() == url
    answer = await get(url)
    assert (answer.text, "server" in answer.headers) == ("hello", False)
    await server.stop()
    await server.stop()
    with pytest.raises(httpx.ConnectError):
        await get(url)


async def test_answers_are_dated_by_the_clock_it_is_given() -> None:
    async with EmbeddedServer(APP, clock=lambda: datetime(2026, 3, 14, 12, 4, 30, tzinfo=UTC)) as server:
        answer = await get(server.url)
    assert answer.headers.get_list("date") == ["Sat, 14 Mar 2026 12:04:30 GMT"]
    async with EmbeddedServer(APP) as server:
        assert len((await get(server.url)).headers.get_list("date")) == 1


async def test_it_starts_again_on_the_port_it_had() -> None:
    async with EmbeddedServer(APP) as first:
        port = first.port
    async with EmbeddedServer(APP, port=port) as second:
        assert second.port == port
        assert (await get(second.url)).status_code == 200


async def test_a_taken_port_is_an_error_with_advice() -> None:
    async with EmbeddedServer(APP) as first:
        with pytest.raises(PortTaken, match=str(first.port)) as refused:
            await EmbeddedServer(APP, port=first.port).start()
        assert refused.value.hint


async def test_an_address_that_is_not_here_is_an_error() -> None:
    with pytest.raises(ServerFailed):
        await EmbeddedServer(APP, host="192.0.2.1").start()


async def test_the_signals_of_the_process_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with EmbeddedServer(APP):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("this must not reach the screen")

    async with EmbeddedServer(Starlette(routes=[Route("/", broken)])) as server:
        assert (await get(server.url)).status_code == 500
    assert capfd.readouterr() == ("", "")


async def test_an_application_that_cannot_start_is_an_error() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(ServerFailed):
        await EmbeddedServer(app).start()


async def test_a_request_that_never_ends_does_not_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.05)
    entered = asyncio.Event()

    async def stuck(request: Request) -> Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")

    server = EmbeddedServer(Starlette(routes=[Route("/", stuck)]))
    asking = asyncio.create_task(get(await server.start()))
    await entered.wait()
    await asyncio.wait_for(server.stop(), 5)
    with pytest.raises(httpx.HTTPError):
        (await asking).raise_for_status()
