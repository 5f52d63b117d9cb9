"""Answers while they come: heads before bodies, events one by one, and what stopping them does to a payment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.services import Console, live_body
from mpp_console.services.event_stream import EVENT_LIMIT, KEPT_EVENTS, EventStream
from mpp_console.services.events import BodyArrived
from mpp_console.services.models import PayRequest, Stage
from tests.services.conftest import Heard

NOW = datetime(2026, 3, 14, tzinfo=UTC)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"


class Faucet:
    """A server that answers with the head it is given, and then with what a test lets through."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.url = ""
        self.left = asyncio.Event()
        self._flow: asyncio.Queue[bytes | None] = asyncio.Queue()

    def pour(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self._flow.put_nowait(chunk)

    def end(self) -> None:
        self._flow.put_nowait(None)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.head)
        gone = asyncio.ensure_future(reader.read())
        try:
            while True:
                turn = asyncio.ensure_future(self._flow.get())
                await asyncio.wait({turn, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done() or (chunk := turn.result()) is None:
                    turn.cancel()
                    break
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            gone.cancel()
            self.left.set()
            writer.close()


@asynccontextmanager
async def faucet(head: bytes) -> AsyncIterator[Faucet]:
    running = Faucet(head)
    server = await asyncio.start_server(running.answer, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield running


async def test_the_head_is_here_before_the_body_ends(console: Console) -> None:
    heard = Heard(console)
    async with faucet(STREAM) as server:
        task = console.payments.start(PayRequest(url=server.url))
        assert await task.review() is None, "a free stream leaves nothing to decide, though it never ends"
        head = task.head()
        assert head is not None
        assert (head.status, head.reason, head.body) == (200, "OK", b"")
        assert (task.reading, task.stage.final) == (True, False)
        server.pour(b"data: one\n\n")
        await heard.until(lambda: task.event_count == 1)
        server.pour(b"data: tw", b"o\n\ndata: half")
        await heard.until(lambda: task.size == 32)
        assert [event.data for event in task.events()] == ["one", "two"]
        assert [event.data for event in task.events(after=1)] == ["two"]
        assert task.body(11) == b"data: two\n\ndata: half"
        server.end()
        result = await task.result()
    assert (result.stage, result.body_end, result.body) == (Stage.DONE, "whole", task.body())
    assert (task.reading, task.head()) == (False, result)
    assert [leg.leg for leg in result.timings] == ["answer", "body", "total"]


async def test_stopping_a_stream_keeps_what_came(console: Console) -> None:
    heard = Heard(console)
    async with faucet(STREAM) as server:
        task = console.payments.start(PayRequest(url=server.url))
        server.pour(b"data: one\n\n")
        await heard.until(lambda: task.event_count == 1)
        assert task.stop()
        assert not task.stop()
        result = await task.result()
        await server.left.wait()
    assert (result.stage, result.body_end, result.error) == (Stage.DONE, "stopped", None)
    assert result.body == b"data: one\n\n"


async def test_a_paid_stream_is_on_record_before_it_ends_and_stays_paid(console: Console) -> None:
    heard = Heard(console)
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/stream"))
    await task.review()
    assert task.head() is None
    assert not task.stop()
    task.approve()
    await heard.until(lambda: task.event_count >= 1)
    assert task.stage is Stage.ACCEPTED
    head = task.head()
    assert head is not None
    assert head.paid
    assert head.receipt is not None
    assert [leg.leg for leg in task.timings()] == ["challenge", "review", "sign", "pay", "total"]
    assert task.cancel()
    result = await task.result()
    assert (result.stage, result.paid, result.body_end) == (Stage.DONE, True, "stopped")
    assert result.receipt_id == head.receipt_id
    assert task.events()[0].event == "reading"
    assert (await console.receipts.page()).rows


async def test_a_whole_paid_stream(console: Console) -> None:
    view = await console.server.start()
    task = console.payments.start(PayRequest(url=f"{view.url}/stream"))
    await task.review()
    task.approve()
    result = await task.result()
    assert (result.stage, result.paid, result.body_end) == (Stage.DONE, True, "whole")
    assert [event.event for event in task.events()] == ["reading"] * 5 + ["end"]
    assert result.receipt is not None
    assert result.receipt.reference in task.events()[-1].data


async def test_closing_the_console_does_not_wait_for_a_stream(console: Console) -> None:
    async with faucet(STREAM) as server:
        task = console.payments.start(PayRequest(url=server.url))
        await task.review()
        await console.close()
        assert (await task.result()).body_end == "stopped"
        await server.left.wait()


async def test_a_body_that_rests_too_long_is_given_up(console: Console) -> None:
    async with faucet(PLAIN) as server:
        server.pour(b"so far")
        result = await console.payments.start(PayRequest(url=server.url, idle_timeout=0.5)).result()
        await server.left.wait()
    assert (result.stage, result.status, result.body, result.body_end) == (Stage.FAILED, 200, b"so far", "broken")
    assert result.error is not None
    assert result.error.code == "body-lost"


async def test_a_body_that_breaks_off_is_told(console: Console) -> None:
    async with faucet(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") as server:
        server.pour(b"half")
        server.end()
        result = await console.payments.start(PayRequest(url=server.url)).result()
    assert (result.stage, result.body, result.body_end) == (Stage.FAILED, b"half", "broken")


async def test_no_more_is_kept_than_fits(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_body, "BODY_LIMIT", 5)
    async with faucet(PLAIN) as server:
        server.pour(b"abc", b"defgh")
        result = await console.payments.start(PayRequest(url=server.url)).result()
        await server.left.wait()
    assert (result.body, result.body_end) == (b"abcde", "cut")


async def test_a_fast_body_is_told_of_a_few_times(console: Console) -> None:
    heard = Heard(console)
    async with faucet(PLAIN) as server:
        task = console.payments.start(PayRequest(url=server.url))
        for _ in range(500):
            server.pour(b"x" * 100)
        server.end()
        result = await task.result()
    told = [event.size for event in heard.of(BodyArrived)]
    assert len(result.body) == told[-1] == 50_000
    assert told[0] == 0
    assert told == sorted(told)
    assert len(told) < 100


async def test_bodies_of_old_tasks_are_not_kept_for_ever(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    from mpp_console.services import payments

    monkeypatch.setattr(payments, "BODY_LIMIT", 25)
    for _ in range(4):
        async with faucet(PLAIN) as server:
            server.pour(b"0123456789")
            server.end()
            await console.payments.start(PayRequest(url=server.url)).result()
    console.payments.start(PayRequest(url="http://127.0.0.1:1/"))
    assert [task.size for task in console.payments.tasks] == [10, 10, 0]


async def test_a_402_that_cannot_be_paid_keeps_its_head(console: Console) -> None:
    view = await console.server.start()
    result = await console.payments.start(PayRequest(url=f"{view.url}/charge", max_amount="0.0001")).result()
    assert (result.stage, result.status, result.paid) == (Stage.FAILED, 402, False)
    assert "www-authenticate" in {name.lower() for name, _ in result.headers}
    assert b"payment-required" in result.body


# The grammar of event streams ----------------------------------------------------------------------------------------


def read(*chunks: bytes) -> EventStream:
    stream = EventStream(lambda: NOW)
    for chunk in chunks:
        stream.feed(chunk)
    return stream


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data:a\r\rdata: b\r\n\r\n", [("message", "a"), ("message", "b")]),
        (b"\xef\xbb\xbfevent: tick\ndata: a\ndata: b\n\n", [("tick", "a\nb")]),
        (b": comment\nevent: x\n\ndata: a\n\n", [("message", "a")]),
        (b"data\n\ndata: never ended", [("message", "")]),
        (b"retry: 5\nid: 1\nnonsense\ndata:  two blanks\n\n", [("message", " two blanks")]),
        (b"data: \x1b[31m[red]\xe2\x80\xae\n\n", [("message", "[red]")]),
    ],
)
def test_events_of_a_stream(text: bytes, events: list[tuple[str, str]]) -> None:
    assert [(event.event, event.data) for event in read(text).after(0)] == events


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_pieces_make_no_difference(noise: bytes, cuts: list[int]) -> None:
    text = b"data: x\r\n\r\n" + noise + b"\n\nevent: \xc3\xa9\ndata: y\n\n"
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert read(*pieces).after(0) == read(text).after(0)


@pytest.mark.parametrize(
    "grow",
    [
        lambda: [b"data: " + b"x" * 10_000 + b"\n"] * 100,
        lambda: [b"data: "] + [b"x" * 10_000] * 100,
        lambda: [b"x" * 10_000] * 100,
        lambda: [b"data\n" * 1000] * 100,
    ],
)
def test_an_event_without_an_end_is_not_kept(grow: Callable[[], list[bytes]]) -> None:
    stream = read(*grow(), b"\n\n")
    assert sum(len(event.data) for event in stream.after(0)) <= EVENT_LIMIT + 1
    assert len(stream._line) <= EVENT_LIMIT


def test_the_latest_events_are_kept_and_all_are_counted() -> None:
    stream = read(*[b"data: x\n\n"] * (KEPT_EVENTS + 5))
    assert stream.count == KEPT_EVENTS + 5
    assert stream.after(0)[0].number == 6
    assert [event.number for event in stream.after(KEPT_EVENTS + 3)] == [KEPT_EVENTS + 4, KEPT_EVENTS + 5]
