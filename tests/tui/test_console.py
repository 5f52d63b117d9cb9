"""The screens over the real console: real HTTP, real signatures, the sandbox's own node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from mpp_console.services import Console
from mpp_console.services.paths import Paths
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.dialogs import OutcomesDialog
from mpp_console.tui.widgets.receipt import ReceiptPane
from tests.tui.drawing import settle


@asynccontextmanager
async def sandbox(home: Path) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any]]]:
    async def open_console() -> Console:
        return await Console.open("sandbox", paths=Paths.under(home))

    app = ConsoleApp(open_console, profile="sandbox")
    app.animation_level = "none"
    async with app.run_test(size=(120, 36)) as pilot:
        # Opening goes on to load heavy libraries; a person could press keys before that has ended.
        await until(pilot, lambda: app.view.state is not None and app.view.state.started)
        await settle(pilot)
        yield app, pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object], patience: float = 120.0) -> None:
    """Lets the app run until something is so; fails when it takes longer than anybody would wait."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0)
        await pilot.pause()


async def test_t_makes_a_real_payment_and_its_receipt_is_on_screen_at_once(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as (app, pilot):
        state = app.view.state
        assert state is not None
        before = state.balances[0].available
        await pilot.press("t")
        await until(pilot, lambda: app.screen.query_one(ReceiptPane).detail is not None)
        await pilot.press("t")
        await until(pilot, lambda: len(app.screen.query_one("#wallet-feed", Feed).rows) == 4)
        sent = [row for row in rows_of(app, "#wallet-feed") if row.direction == "sent"]
        await until(pilot, lambda: detail_of(app) == sent[-1])
        assert len({row.reference for row in sent}) == 2
        assert all(row.status == "success" and row.amount == 10_000 for row in sent)
        await until(pilot, lambda: before is not None and balance_of(app) < before)
        await pilot.press("3")
        await settle(pilot)
        assert len(rows_of(app, "#receipts-feed")) == 4
        await pilot.press("5")
        await settle(pilot)
        assert [row.outcome for row in rows_of(app, "#requests")] == ["challenged", "paid"] * 2


async def test_a_url_is_paid_after_review_and_once(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as (app, pilot):
        await pilot.press("5", "s")
        await until(pilot, lambda: app.view.state is not None and app.view.state.server.url)
        assert app.view.state is not None
        url = f"{app.view.state.server.url}/split"
        await pilot.press("1", "n")
        app.screen.query_one("#pay-url", Input).value = url
        await pilot.press("enter")
        await until(pilot, lambda: "pay to" in drawn(app))
        assert "LOOPBACK TEST" in drawn(app)
        assert "nothing has been sent" in drawn(app)
        await asyncio.sleep(0.5)
        await pilot.press("a", "a")
        await until(pilot, lambda: "receipt stored" in drawn(app) and "HTTP 200" in drawn(app))
        assert isinstance(app.screen, ReviewSheet)
        await pilot.press("escape")
        await settle(pilot)
        sent = [row for row in rows_of(app, "#wallet-feed") if row.direction == "sent"]
        assert [row.url for row in sent] == [url]


async def test_every_route_does_what_it_is_meant_to_do(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as (app, pilot):
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, OutcomesDialog))
        await until(pilot, lambda: "as meant" in drawn(app), patience=90)
        wrong = [row.outcome for row in rows_of(app, "#outcome-feed") if not row.outcome.ok]
        assert wrong == []
        assert len(rows_of(app, "#outcome-feed")) >= 15


def rows_of(app: ConsoleApp, feed: str) -> list[Any]:
    rows = app.screen.query_one(feed, Feed).rows
    return [rows.get(index) for index in range(len(rows))]


def detail_of(app: ConsoleApp) -> object:
    detail = app.screen.query_one(ReceiptPane).detail
    return detail.row if detail else None


def balance_of(app: ConsoleApp) -> int:
    state = app.view.state
    return (state.balances[0].available or 0) if state else 0


def drawn(app: ConsoleApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
