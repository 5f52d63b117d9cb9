"""The first-run tour ticks off what was really done, takes nothing away, and comes back only when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mpp_console.services.events import CommandLogged, ReceiptRecorded
from mpp_console.tui.actions import action
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.screens.tour import STEPS, TourCard
from mpp_console.tui.widgets.keybar import KeyBar
from tests.tui.drawing import seeded_app, settle
from tests.tui.scenes.tour import newcomer
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET, NOW, receipt_row

INSPECTED = CommandLogged(command="mpp-console inspect https://api.example.com/paid", at=NOW)


@asynccontextmanager
async def touring(
    console: SeededConsole | None = None, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any], SeededConsole]]:
    seeded = console or newcomer()
    app = seeded_app(seeded)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield app, pilot, seeded


def card(app: ConsoleApp) -> TourCard:
    return app.screen.query_one(TourCard)


def text(app: ConsoleApp) -> str:
    return str(card(app).render())


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def touring_now(app: ConsoleApp) -> bool:
    return app.tour is not None


def maximized(app: ConsoleApp) -> bool:
    return app.screen.maximized is not None


def done(app: ConsoleApp) -> list[str]:
    """Steps that were done, in the order in which they stand."""
    assert app.tour is not None
    return [step.id for step in STEPS if step.id in app.tour.done]


async def test_a_newcomer_is_led_through_all_four_steps() -> None:
    async with touring() as (app, pilot, console):
        assert "Press t" in text(app)
        await press(pilot, "t")
        assert done(app) == ["pay"]
        assert "✓ Pay" in text(app)
        await press(pilot, "3")
        assert done(app) == ["pay"]
        assert "then enter" in text(app)
        await press(pilot, "enter")
        assert done(app) == ["pay", "read"]
        await press(pilot, "4")
        assert "type any URL" in text(app)
        console.events.publish(INSPECTED)
        await settle(pilot)
        assert done(app) == ["pay", "read", "inspect"]
        assert console.first_run.times_toured == 0
        await press(pilot, "5")
        assert done(app) == [step.id for step in STEPS]
        assert "That was the tour" in text(app)
        assert console.first_run.times_toured == 1
        await press(pilot, "escape")
        assert app.tour is None
        assert not app.screen.query(TourCard)


async def test_steps_may_be_done_in_any_order_and_by_any_way() -> None:
    async with touring() as (app, pilot, console):
        await press(pilot, "5")
        assert done(app) == ["serve"]
        console.events.publish(INSPECTED)
        await settle(pilot)
        assert done(app) == ["inspect", "serve"]
        assert "Press t" in text(app)
        await press(pilot, "1")
        assert "✓ See the server" in text(app)


async def test_an_export_counts_as_the_last_step() -> None:
    async with touring() as (app, pilot, console):
        console.events.publish(CommandLogged(command="mpp-console receipts export --format csv -o a.csv", at=NOW))
        await settle(pilot)
        assert done(app) == ["serve"]


async def test_only_a_payment_of_ones_own_counts() -> None:
    async with touring() as (app, pilot, console):
        console.events.publish(ReceiptRecorded(row=receipt_row(50, NOW, direction="received")))
        console.events.publish(CommandLogged(command="mpp-console balance", at=NOW))
        await settle(pilot)
        assert done(app) == []


async def test_a_receipt_that_opens_by_itself_is_not_read_yet() -> None:
    async with touring(size=(80, 24)) as (app, pilot, _):
        await press(pilot, "t")
        assert len(app.screen_stack) == 2
        await press(pilot, "escape")
        assert done(app) == ["pay"]
        assert "2 of 4" in text(app)
        await press(pilot, "3", "enter")
        assert done(app) == ["pay", "read"]


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_receipt_that_is_opened_in_the_wallet_is_read_too(size: tuple[int, int]) -> None:
    async with touring(size=size) as (app, pilot, _):
        await press(pilot, "t", "escape")
        if app.tour is None:  # Nothing had opened above the wallet, and esc skipped the tour.
            await app.action_do("tour")
            await settle(pilot)
        assert "read" not in done(app)
        app.screen.query_one("#wallet-feed", Feed).focus()
        await press(pilot, "enter")
        assert "read" in done(app)


@pytest.mark.parametrize("way", ["escape", "click"])
async def test_it_can_be_skipped_for_good(way: str) -> None:
    async with touring() as (app, pilot, console):
        await press(pilot, "3", "1")
        if way == "escape":
            await press(pilot, "escape")
        else:
            await pilot.click(TourCard, offset=(card(app).outer_size.width - 4, 1))
            await settle(pilot)
        assert app.tour is None
        assert console.first_run.times_toured == 1
        for key in ("1", "3", "5"):
            await press(pilot, key)
            assert not app.screen.query(TourCard)


async def test_escape_does_what_else_it_can_first() -> None:
    async with touring() as (app, pilot, _):
        await press(pilot, "m")
        assert maximized(app)
        await press(pilot, "escape")
        assert not maximized(app)
        assert touring_now(app)
        await press(pilot, "question_mark")
        await press(pilot, "escape")
        assert touring_now(app)
        await press(pilot, "escape")
        assert not touring_now(app)


async def test_nobody_else_is_offered_it_and_all_can_have_it() -> None:
    async with touring(SeededConsole()) as (app, pilot, _):
        assert app.tour is None
        assert not app.screen.query(TourCard)
        await app.action_do("tour")
        await settle(pilot)
        assert done(app) == []
        await press(pilot, "5")
        assert done(app) == ["serve"]
        await app.action_do("tour")
        await settle(pilot)
        assert len(app.screen.query(TourCard)) == 1
        assert done(app) == ["serve"]  # begun anew on the server's own screen
        await press(pilot, "1")
        assert len(app.screen.query(TourCard)) == 1


async def test_outside_the_sandbox_there_is_none() -> None:
    console = SeededConsole(profile=MAINNET)
    async with touring(console) as (app, pilot, _):
        assert app.reason(action("tour"))
        await app.action_do("tour")
        await settle(pilot)
        assert app.tour is None


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_screen_stays_usable_beside_it(size: tuple[int, int]) -> None:
    async with touring(size=size) as (app, pilot, _):
        for key in ("1", "2", "3", "4", "5"):
            await press(pilot, key)
            strip, bar = card(app).region, app.screen.query_one(KeyBar).region
            assert strip.width == size[0]
            assert strip.bottom == bar.y
            assert strip.height == (1 if size[1] < 30 else 4)
            for line in text(app).splitlines():
                assert len(line) <= card(app).size.width
            for feed in app.screen.query(Feed):
                assert not feed.region.intersection(strip).area
        await press(pilot, "3")
        assert isinstance(app.focused, Feed)


async def test_the_address_to_inspect_fits_a_small_terminal() -> None:
    async with touring(size=(60, 20)) as (app, pilot, console):
        await console.server.start()
        await press(pilot, "t", "escape", "3", "enter", "escape", "4")
        assert "4, /, up, enter: 127.0.0.1:4021/charge" in text(app)
        assert text(app).rstrip().endswith("esc Skip")
        await press(pilot, "slash", "up")
        assert app.screen.query_one("#inspect-url", Input).value == "http://127.0.0.1:4021/charge"


async def test_it_is_drawn_in_ascii_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with touring() as (app, pilot, _):
        await press(pilot, "t")
        assert text(app).isascii()
        assert str(card(app).border_title).isascii()
