"""Scenes of answers, and of the form of a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from textual.pilot import Pilot

from mpp_console.services.event_stream import StreamEvent
from mpp_console.services.models import LegTiming, Money, PayRequest, PayResult, ProblemView, Stage, StreamView
from mpp_console.tui.app import ConsoleApp
from tests.tui.drawing import settle
from tests.tui.scenes.scene import URL, Scene
from tests.tui.seeded import SeededTask
from tests.tui.seeds import NOW, paid_result, refused_result, review

BODY = json.dumps(
    {
        "query": "tempo",
        "took_ms": 41,
        "partial": False,
        "cursor": None,
        "results": [
            {
                "title": "Payment channels, settled once",
                "url": "https://docs.example.com/channels",
                "score": 0.97,
                "tags": ["channels", "escrow"],
            },
            {"title": "Tempo: fees in stablecoins", "url": "https://docs.example.com/fees", "score": 0.81, "tags": []},
            {"title": "Grüße, 世界", "url": "https://docs.example.com/wide", "score": 1.2e-05, "tags": ["i18n"]},
        ],
    },
    ensure_ascii=False,
).encode()
TIMINGS = tuple(
    LegTiming(leg=leg, milliseconds=milliseconds)
    for leg, milliseconds in (
        ("challenge", 84.0),
        ("review", 3_240.0),
        ("sign", 19.0),
        ("pay", 212.0),
        ("body", 31.0),
        ("total", 3_586.0),
    )
)
HEADERS = (
    ("Content-Type", "application/json; charset=utf-8"),
    ("Cache-Control", "private"),
    ("Payment-Receipt", "(hidden)"),
    ("Date", "Sat, 14 Mar 2026 12:04:30 GMT"),
    ("X-Request-Id", "7f0c1d52-64bb-4bd5-9d5f-2f6c2e2b0c11"),
)
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)) * 3


def answered(**more: Any) -> PayResult:
    """A paid answer as a good server gives it."""
    values: dict[str, Any] = {"body": BODY, "headers": HEADERS, "timings": TIMINGS, "reason": "OK"}
    return replace(paid_result(URL, review()), **(values | more))


def stream_events(count: int) -> tuple[StreamEvent, ...]:
    """Tokens of an answer, as models send them."""
    words = ("Every request", "is", "paid for", "once", "and", "every payment", "has a receipt", "to check")
    return tuple(
        StreamEvent(
            number=number + 1,
            at=NOW - timedelta(seconds=count - number),
            event="token" if number % 5 else "message",
            data=json.dumps({"index": number, "text": words[number % len(words)]}),
            last_id=str(number),
            size=38,
        )
        for number in range(count)
    )


async def open_task(pilot: Pilot[Any], result: PayResult, *, live: bool = False, count: int = 0) -> SeededTask:
    """Opens the response of a payment that is made, or whose answer still comes."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    console = app.services
    payments: Any = console.payments if console is not None else None
    payments.next_result, payments.next_review, payments.live = result, None if live else payments.next_review, live
    task: SeededTask = payments.start(PayRequest(url=URL))
    task.streamed += stream_events(count)
    if not live:
        task.approve()
    await app.show_response(task)  # type: ignore[arg-type]
    await settle(pilot)
    return task


@dataclass(frozen=True)
class Response(Scene):
    """A scene that opens an answer, and presses its keys there."""

    result: Callable[[], PayResult] = answered
    live: bool = False
    events: int = 0
    then: Callable[[Pilot[Any], SeededTask], Awaitable[None]] | None = None

    async def reach(self, pilot: Pilot[Any]) -> None:
        await settle(pilot)
        task = await open_task(pilot, self.result(), live=self.live, count=self.events)
        if self.then is not None:
            await self.then(pilot, task)
        for key in self.keys:
            await pilot.press(key)
            await settle(pilot)
        pilot.app.clear_notifications()
        await settle(pilot)


@dataclass(frozen=True)
class Form(Scene):
    """The form of a request, filled from a command."""

    command: str = ""

    async def reach(self, pilot: Pilot[Any]) -> None:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await app.open_request(self.command or None)
        await settle(pilot)


def stream() -> PayResult:
    return answered(headers=(("Content-Type", "text/event-stream"), *HEADERS[1:]), body=b"", body_end="whole")


def metered(**more: Any) -> PayResult:
    """A stream that is charged for as it comes, over a channel that others were paid from before."""
    result = stream()
    assert result.operation is not None
    currency = result.operation.currency
    spent, voucher, held = (Money(amount=amount, currency=currency) for amount in (350, 3_650, 100_000))
    live = StreamView(spent=spent, voucher=voucher, held=held, events=7, rate=18.42)
    operation = replace(result.operation, intent="session", amount=spent.amount)
    return replace(result, operation=operation, stream=live, **more)


def broken() -> PayResult:
    result = refused_result(URL)
    problem = ProblemView(
        type="https://paymentauth.org/problems/verification-failed",
        slug="verification-failed",
        title="Verification Failed",
        status=402,
        detail="the transfer pays 0.250000 to another recipient",
        hint="ask for a new challenge",
    )
    body = b'{"type":"https://paymentauth.org/problems/verification-failed","title":"Verification Failed"}'
    return replace(result, problem=problem, body=body, headers=HEADERS[:2], reason="Payment Required", timings=TIMINGS)


def doubtful() -> PayResult:
    return answered(
        doubts=("the receipt names another challenge than the one that was paid",),
        headers=(("Content-Type", "text/plain"),),
        body=("A line of text that goes on. " * 12 + "\n\n").encode() * 3,
    )


def picture() -> PayResult:
    return answered(headers=(("Content-Type", "image/png"), *HEADERS[1:]), body=PICTURE)


def free() -> PayResult:
    legs = (LegTiming(leg="answer", milliseconds=38.0), LegTiming(leg="body", milliseconds=4.0))
    return answered(
        paid=False, receipt=None, receipt_id=None, operation=None, review=None, stage=Stage.DONE,
        timings=(*legs, LegTiming(leg="total", milliseconds=42.0)),
    )  # fmt: skip


COMMAND = """curl -X PATCH https://api.example.com/v1/notes/7 \\
  -H 'Accept: application/json' \\
  -H 'X-Trace: 7f0c1d52' \\
  --json '{"title": "Payment channels", "pinned": true}' -F file=@notes.md"""


SCENES: dict[str, Scene] = {
    "response": Response(),
    "response-headers": Response(keys=("shift+tab", "right")),
    "response-stream": Response(result=stream, live=True, events=7),
    "response-metered": Response(result=metered, live=True, events=7),
    "response-failed": Response(result=broken),
    "response-text": Response(result=doubtful),
    "response-binary": Response(result=picture),
    "response-free": Response(result=free),
    "response-privacy": Response(keys=("asterisk",)),
    "response-save": Response(keys=("s",)),
    "request": Form(),
    "request-curl": Form(command=COMMAND),
}
"""Scenes that are drawn at the hero size."""
