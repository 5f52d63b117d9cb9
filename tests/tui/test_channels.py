"""The channels of the local server: what is at stake first, and settling and closing through a review."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from mpp_console.tui.display import Lens
from mpp_console.tui.screens.channels import ChannelsDialog, channels_line
from mpp_console.tui.screens.server import ServerScreen
from mpp_console.tui.session_sheet import SessionSheet
from mpp_console.tui.widgets.pane import Pane
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.channels import channels
from tests.tui.seeds import CUSTOMER, NOW
from tests.tui.test_sessions import Clock, Shown

LEAVING, EXPOSED, SECOND, CLOSED = channels()


@asynccontextmanager
async def shown(console: SeededConsole | None = None, *, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Shown]:
    """The channels of the server, at rest."""
    seeded, ticker, clock = console or SeededConsole(), Ticker(), Clock()
    app = seeded_app(seeded, monotonic=ticker, clock=clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        mode = Shown(pilot, app, seeded, ticker, clock)
        await mode.press("c")
        yield mode


async def test_an_alarm_is_said_in_the_server_mode_and_in_the_list() -> None:
    async with shown() as mode:
        assert mode.on(ChannelsDialog)
        assert "! closing" in mode.text
        assert "11:03" in mode.text
        assert "lose 0.064000 pathUSD" in " ".join(mode.facts("#channel-facts").split())
        await mode.press("escape")
        assert mode.on(ServerScreen)
        hint = str(mode.app.screen.query_one("#server-status", Pane).border_subtitle)
        for said in ("3 open", "0.124000 pathUSD", "not settled", "! 1 alarm"):
            assert said in hint


async def test_a_countdown_goes_on() -> None:
    async with shown() as mode:
        mode.clock.now += timedelta(seconds=63)
        mode.app.refresh_view()
        await settle(mode.pilot)
        assert "10:00" in mode.text


async def test_settling_shows_what_is_taken_before_anything_is_sent() -> None:
    async with shown() as mode:
        await mode.press("s")
        assert mode.on(SessionSheet)
        task = mode.console.server.opened.tasks[-1]
        assert mode.console.server.opened.asked[-1] == ("settle", (LEAVING.id,))
        facts = mode.facts("#review-facts")
        for said in ("takes 0.064000 pathUSD", CUSTOMER, "not settled", "0.300000", "0.001240"):
            assert said in facts
        await mode.press("s", "enter")
        assert task.approvals == 0
        await mode.press("s")
        await mode.allow()
        assert "✓ settled" in mode.facts("#result-facts")
        await mode.press("escape")
        mode.app.refresh_view()
        await settle(mode.pilot)
        assert "or lose" not in mode.text


async def test_marked_channels_are_closed_together() -> None:
    async with shown() as mode:
        await mode.press("space", "space", "c")
        assert mode.console.server.opened.asked[-1] == ("close", (LEAVING.id, EXPOSED.id))
        assert "2 channels" in mode.facts("#headline")
        await mode.allow()
        assert mode.facts("#result-facts").count("✓ closed") == 2


async def test_what_is_closed_needs_neither() -> None:
    async with shown() as mode:
        await mode.press("G", "c")
        assert mode.on(ChannelsDialog)
        assert "This channel is closed already." in mode.toasts


async def test_the_chain_is_asked_on_request_and_ids_are_copied() -> None:
    async with shown() as mode:
        assert mode.console.server.opened.chain_asked == 0
        await mode.press("r")
        assert mode.console.server.opened.chain_asked == 1
        await mode.press("y")
        assert mode.app.clipboard == LEAVING.id
        await mode.press("Y")
        assert mode.app.clipboard == "mpp-console channels list"


async def test_without_channels_it_says_how_to_get_one() -> None:
    async with shown(SeededConsole(empty=True)) as mode:
        assert "Nobody has opened a channel to this server yet." in mode.text
        await mode.press("c")
        assert "No channel is selected." in mode.toasts


def test_a_server_whose_channels_are_settled_says_no_more_than_how_many_there_are() -> None:
    console = SeededConsole()
    console.server.opened.rows = (CLOSED,)
    assert channels_line(console.server.channels(), Lens(now=NOW)).plain == "0 open"
    console.server.opened.rows = (SECOND,)
    assert channels_line(console.server.channels(), Lens(now=NOW)).plain == "1 open · 0.020000 pathUSD not settled"
