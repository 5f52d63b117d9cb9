"""How long a key takes to be seen while receipts pour in, and how long the loop stands still during a payment

The real console over the demo state, headless at 120x36. A key is timed from when it reaches the application until the
compositor's update that shows what it did is ready for the terminal, its escape sequences included. Pictures that
Textual holds back while a mode changes reach no terminal and do not count, and another mode is seen when the whole
screen is drawn, not the part of it that is drawn over the mode before. Every receipt is
written to the history before it is told, as in a real payment. "Own work" is the processor time that the loop's thread
spent meanwhile, which a busy machine does not lengthen.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from textual import events
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.pilot import Pilot

from mpp_console.client.journal import ReceiptRecord
from mpp_console.services import Console
from mpp_console.services.demo.opening import DemoClock, demo_home, open_demo
from mpp_console.services.demo.past import receipt_record
from mpp_console.services.demo.seeds import history
from mpp_console.services.events import ReceiptRecorded
from mpp_console.services.models import Stage
from mpp_console.services.views import receipt_row
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.memory import collect_seldom, keep_what_is_loaded
from tests.bench.conftest import Report
from tests.tui.drawing import settle

RATE = 500
TARGET = "target 50 ms"
KEYS = 150
SWITCHES = 120
MODES = {"2": "sessions", "3": "receipts", "4": "inspect", "5": "server", "1": "wallet"}
"""In the order of the switches, which begin in the last one."""


@dataclass(frozen=True)
class Took:
    """Milliseconds by the wall's clock, and of the thread's own work."""

    wall: float
    work: float

    @classmethod
    def now(cls) -> Took:
        return cls(time.perf_counter() * 1000, time.thread_time() * 1000)

    def since(self, begun: Took) -> Took:
        return Took(self.wall - begun.wall, self.work - begun.work)


class Measured(ConsoleApp):
    """Tells whoever waits when an update is ready for the terminal."""

    waiting: tuple[Callable[[CompositorUpdate], bool], asyncio.Future[Took]] | None = None

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            renderable.render_segments(self.console)  # headless applications leave this out
            if self.waiting is not None and self.waiting[0](renderable) and not self.waiting[1].done():
                self.waiting[1].set_result(Took.now())
        super()._display(screen, renderable)

    async def key_to_paint(self, key: str, seen: Callable[[CompositorUpdate], bool]) -> Took:
        """From the key until an update that `seen` takes for what the key did."""
        painted: asyncio.Future[Took] = asyncio.get_running_loop().create_future()
        self.waiting = (seen, painted)
        begun = Took.now()
        self.post_message(events.Key(key, key if len(key) == 1 else None))
        async with asyncio.timeout(20):
            return (await painted).since(begun)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[Measured, Pilot[Any], Console]]:
    with demo_home() as home:
        clock = DemoClock()

        async def open_console() -> Console:
            return await open_demo(home, clock=clock)

        app = Measured(open_console, profile="demo", clock=clock)
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            assert app.services is not None
            collect_seldom()  # both as the program does when it has a terminal
            keep_what_is_loaded()
            yield app, pilot, app.services


async def pour(console: Console, told: list[float]) -> None:
    """Receipts at RATE a second, in handfuls, for as long as it is let."""
    journal = await console._engine.journal.get()
    samples = [receipt_record(row) for row in history()]
    begun, number = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - begun) * RATE) - number
        records = [_numbered(samples, number + place, console) for place in range(min(due, RATE))]
        number += len(records)
        await asyncio.gather(*(journal.receive(record) for record in records))
        for record in records:
            console.events.publish(ReceiptRecorded(row=receipt_row(record)))
            told.append(time.perf_counter())
        await asyncio.sleep(0.01)


def _numbered(samples: list[ReceiptRecord], number: int, console: Console) -> ReceiptRecord:
    now = console._engine.clock()
    return replace(samples[number % len(samples)], id=f"poured{number:09d}", operation_id=None, received_at=now)


def p95(times: Iterable[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


async def move(app: Measured, count: int) -> list[Took]:
    """Up and down in the list of receipts."""
    feed = app.screen.query_one(Feed)
    times = []
    for number in range(count):
        before = feed.cursor
        times.append(await app.key_to_paint("j" if number % 2 else "k", lambda _, before=before: feed.cursor != before))  # type: ignore[misc]
        await asyncio.sleep(0.013)  # a person's keys come whenever, not in step with the paints
    return times


async def switch(app: Measured, count: int) -> list[Took]:
    """From mode to mode."""
    times = []
    for number in range(count):
        key, name = list(MODES.items())[number % len(MODES)]

        def seen(update: CompositorUpdate, name: str = name) -> bool:
            return app.current_mode == name and isinstance(update, LayoutUpdate)

        times.append(await app.key_to_paint(key, seen))
        await asyncio.sleep(0.013)
    return times


async def test_key_to_paint(report: Report) -> None:
    async with opened() as (app, pilot, console):
        await switch(app, 2 * len(MODES))  # every mode is drawn for the first time once
        await pilot.press("3")
        await settle(pilot)
        quiet = {"a move in the list": await move(app, KEYS), "another mode": await switch(app, SWITCHES)}
        await pilot.press("3")
        await settle(pilot)
        told: list[float] = []
        pouring = asyncio.create_task(pour(console, told))
        await asyncio.sleep(0.5)
        begun, before = time.perf_counter(), len(told)
        busy = {"a move in the list": await move(app, KEYS)}
        await pilot.press("f")
        busy["another mode"] = await switch(app, SWITCHES)
        rate = (len(told) - before) / (time.perf_counter() - begun)
        pouring.cancel()
        with suppress(asyncio.CancelledError):
            await pouring
    for what, times in busy.items():
        for kind, target in (("wall", f"; {TARGET}"), ("work", "")):
            many, few = ([getattr(took, kind) for took in group] for group in (times, quiet[what]))
            who = f"{rate:.0f} receipts/s" if kind == "wall" else "own work"
            beside = f"nothing arriving {p95(few):.1f} ms{target}"
            report.add(f"{what}, p95", who, f"{p95(many):.1f} ms", beside, p95(many) / p95(few))
            middle = statistics.median(many), statistics.median(few)
            report.add(f"{what}, median", who, f"{middle[0]:.1f} ms", f"nothing arriving {middle[1]:.1f} ms")


async def longest_gap(until: asyncio.Future[Any]) -> Took:
    """For how long the loop did not come round to us at most, until something is done."""
    longest, last = Took(0, 0), Took.now()
    while not until.done():
        await asyncio.sleep(0)
        now = Took.now()
        gap, last = now.since(last), now
        longest = Took(max(longest.wall, gap.wall), max(longest.work, gap.work))
    return longest


async def test_the_loop_during_a_payment(report: Report) -> None:
    async with opened() as (_, pilot, console):
        idle = await longest_gap(asyncio.ensure_future(asyncio.sleep(1.0)))
        gaps, took = [], []
        for _ in range(12):
            gc.collect()
            begun = time.perf_counter()
            paying = asyncio.ensure_future(console.payments.test().result())
            gaps.append(await longest_gap(paying))
            took.append((time.perf_counter() - begun) * 1000)
            assert paying.result().stage is Stage.DONE, paying.result().error
            await settle(pilot)
    for kind, target in (("wall", f"; {TARGET}"), ("work", "; own work")):
        calm, first, *later = (getattr(gap, kind) for gap in (idle, *gaps))
        beside = f"idle {calm:.1f} ms{target}"
        report.add("longest gap", "first payment, server started", f"{first:.1f} ms", beside, first / calm)
        middle = statistics.median(later)
        report.add("longest gap", "later payments, median", f"{middle:.1f} ms", beside, middle / calm)
        report.add("longest gap", "later payments, worst", f"{max(later):.1f} ms", beside, max(later) / calm)
    report.add("payment", "later payments, median", f"{statistics.median(took[1:]):.0f} ms")
