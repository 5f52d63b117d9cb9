"""The parts of a request, as the HTTP library tells of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from mpp_console.inspector.probe import BODY_LIMIT, Wishes, probe
from mpp_console.inspector.report import InspectReport
from mpp_console.inspector.timing import Stopwatch
from tests.inspector.raw_server import raw, serve


async def heard(events: Sequence[tuple[str, float]], end: float) -> list[tuple[str, float, float, int]]:
    now = 0.0
    watch = Stopwatch(lambda: now)
    for name, at in events:
        now = at / 1000
        await watch.trace(name, {})
    now = end / 1000
    return [(phase.name, round(phase.start), round(phase.milliseconds), phase.hop) for phase in watch.phases()]


def exchange(start: float, *, body: float | None = None) -> list[tuple[str, float]]:
    events = [
        ("http11.send_request_headers.started", start),
        ("http11.send_request_headers.complete", start + 1),
        ("http11.send_request_body.started", start + 1),
        ("http11.send_request_body.complete", start + 2),
        ("http11.receive_response_headers.started", start + 2),
        ("http11.receive_response_headers.complete", start + 30),
    ]
    if body is not None:
        events += [
            ("http11.receive_response_body.started", start + 31),
            ("http11.receive_response_body.complete", body),
        ]
    return events


CONNECT = [
    ("connection.connect_tcp.started", 0.0),
    ("connection.connect_tcp.complete", 10.0),
    ("connection.start_tls.started", 10.0),
    ("connection.start_tls.complete", 25.0),
]


async def test_a_request_from_its_connection_to_its_last_byte() -> None:
    assert await heard([*CONNECT, *exchange(25, body=70)], 80) == [
        ("connect", 0, 10, 0),
        ("tls", 10, 15, 0),
        ("send", 25, 2, 0),
        ("wait", 27, 28, 0),
        ("body", 55, 15, 0),
    ]


async def test_a_body_that_was_not_read_to_its_end_counts_until_now() -> None:
    assert (await heard(exchange(0), 90))[-1] == ("body", 30, 60, 0)


async def test_every_redirect_is_a_hop_of_its_own() -> None:
    again = [(name, at + 100) for name, at in CONNECT]
    phases = await heard([*CONNECT, *exchange(25, body=60), *again, *exchange(125, body=160)], 160)
    assert [(name, hop) for name, _, _, hop in phases] == [
        (name, hop) for hop in (0, 1) for name in ("connect", "tls", "send", "wait", "body")
    ]


async def test_a_connection_that_fails_leaves_nothing() -> None:
    assert await heard([("connection.connect_tcp.started", 0), ("connection.connect_tcp.failed", 5)], 9) == []


async def inspect(url: str, *, twice: bool = False) -> InspectReport:
    async with httpx.AsyncClient() as http:
        return await probe(
            url,
            http=http,
            payers=[],
            clock=lambda: datetime.now(UTC),
            counter=time.monotonic,
            wishes=Wishes(twice=twice),
        )


async def test_a_real_request_is_measured() -> None:
    async with serve(raw(402, [("Cache-Control", "no-store")], b"pay")) as url:
        report = await inspect(url, twice=True)
    assert [leg.name for leg in report.legs] == ["request", "second request"]
    for leg in report.legs:
        assert [phase.name for phase in leg.phases] == ["connect", "send", "wait", "body"]
        ends = [phase.start + phase.milliseconds for phase in leg.phases]
        assert ends == sorted(ends)
        assert ends[-1] <= leg.milliseconds
    assert report.to_dict()["requests"][0]["phases"][0]["name"] == "connect"


async def test_a_body_that_unpacks_to_too_much_is_cut() -> None:
    import gzip

    bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000))
    async with serve(raw(402, [("Content-Encoding", "gzip, gzip")], bomb)) as url:
        report = await inspect(url)
    assert report.body_bytes == BODY_LIMIT
