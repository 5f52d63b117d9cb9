"""Sessions: the list with what nobody uses first, the sides of a channel, and every act through its review sheet."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Button, Input, TabbedContent

from mpp_console.protocol import ChannelState, MppError
from mpp_console.services.models import ErrorView, Stage
from mpp_console.services.session_models import SessionRow
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.display import Lens
from mpp_console.tui.feed import Feed
from mpp_console.tui.orders import Order
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.menu import MenuDialog
from mpp_console.tui.screens.session_dialogs import AmountDialog, ImportDialog, OpenDialog, SessionDialog, _left_out
from mpp_console.tui.screens.sessions import SessionsScreen
from mpp_console.tui.session_lines import SessionLine, lines_of, ordered, passes
from mpp_console.tui.session_sheet import SessionSheet
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.session import SessionPane
from mpp_console.tui.widgets.session_intro import MEANINGS, SessionsIntro, SessionsLegend
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.sessions import DAMAGED, LLM, MAPS, SeededSessionTask, session, session_plan, sessions, view_of
from tests.tui.seeds import ALPHA, MAINNET, NOW, offer, review


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Shown:
    """The sessions mode, and everything a test may push."""

    pilot: Pilot[Any]
    app: ConsoleApp
    console: SeededConsole
    ticker: Ticker
    clock: Clock

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def wait(self, seconds: float) -> None:
        self.ticker.now += seconds
        await self.pilot.pause(0.15)
        await settle(self.pilot)

    async def allow(self, typed: str = "") -> None:
        """Approves the sheet as a person would: looks, types what has to be typed, presses the key."""
        if typed:
            self.app.screen.query_one("#typed", Input).value = typed
        await self.wait(5)
        await self.press("a")

    async def select(self, row: SessionRow) -> None:
        self.feed.select(row.id)
        await settle(self.pilot)

    @property
    def feed(self) -> Feed[SessionLine]:
        return self.app.get_screen_stack("sessions")[0].query_one("#sessions-feed", Feed)

    @property
    def task(self) -> SeededSessionTask:
        return self.console.sessions.tasks[-1]

    def on(self, kind: type[object]) -> bool:
        """Whether a screen of that kind is on top."""
        return isinstance(self.app.screen, kind)

    @property
    def text(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def facts(self, selector: str) -> str:
        return str(cast("Any", self.app.screen.query_one(selector)).render())

    @property
    def toasts(self) -> list[str]:
        return [note.message for note in self.app._notifications]


@asynccontextmanager
async def shown(console: SeededConsole | None = None, *, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Shown]:
    """The sessions mode, at rest."""
    seeded, ticker, clock = console or SeededConsole(), Ticker(), Clock()
    app = seeded_app(seeded, monotonic=ticker, clock=clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        yield Shown(pilot, app, seeded, ticker, clock)


ROWS = sessions()
STALE, ORPHAN, FINALIZABLE, UNKNOWN, OPEN, LOCAL, CLOSING = ROWS[:7]


EVERY_CHANNEL: tuple[Any, ...] = ("sync", None)


# The list


async def test_what_nobody_uses_comes_first_and_a_banner_says_what_it_holds() -> None:
    async with shown() as mode:
        lines = [mode.feed.rows.get(index) for index in range(len(mode.feed.rows))]
        assert [line.id for line in lines if line][:5] == [*(row.id for row in ROWS[:4]), DAMAGED]
        assert "4 sessions hold 4.210000 pathUSD you are not using — C to review closing" in mode.text


async def test_without_anything_stale_there_is_no_banner() -> None:
    console = SeededConsole()
    console.sessions.rows = (OPEN, LOCAL)
    async with shown(console) as mode:
        assert "you are not using" not in mode.text
        await mode.press("C")
        assert "No channel is stale: each one is in use, or closed." in mode.toasts
        assert mode.on(SessionsScreen)


async def test_every_state_is_a_glyph_and_a_word() -> None:
    async with shown() as mode:
        for said in (
            "! stale", "! orphaned", "◇ finalizable", "! unknown", "✗ damaged", "● open", "◐ closing", "◐ opening",
            "○ finalized",
        ):  # fmt: skip
            assert said in mode.text


async def test_sums_of_one_currency_name_it_once_and_those_of_several_on_each_line() -> None:
    async with shown() as mode:
        assert "amounts in pathUSD" in str(mode.app.screen.query_one("#sessions-list", Pane).border_subtitle)
        assert "UNIT" not in mode.text
        mode.console.sessions.rows = (OPEN, replace(LOCAL, currency=ALPHA))
        mode.console.sessions.changed()
        await settle(mode.pilot)
        assert "UNIT" in mode.text
        assert "AlphaUSD" in mode.text
        assert "amounts in" not in mode.text


async def test_a_countdown_goes_on_and_its_end_is_looked_up() -> None:
    async with shown() as mode:
        assert "12:41" in mode.text
        mode.clock.now += timedelta(seconds=61)
        mode.app.refresh_view()
        await settle(mode.pilot)
        assert "11:40" in mode.text
        mode.clock.now += timedelta(minutes=12)
        over = replace(CLOSING, state=ChannelState.FINALIZABLE, stale="the rest can be withdrawn")
        mode.console.sessions.rows = (over,)
        mode.app.refresh_view()
        await settle(mode.pilot)
        assert "◇ finalizable" in mode.text
        assert "◐ closing" not in mode.text


async def test_a_countdown_does_not_end_a_range_that_is_being_selected() -> None:
    async with shown() as mode:
        await mode.press("v", "j", "j")
        mode.clock.now += timedelta(seconds=1)
        mode.app.refresh_view()
        await settle(mode.pilot)
        assert mode.feed.selecting
        assert len(mode.feed.marked) == 3


async def test_what_changes_is_drawn_and_the_cursor_stays_on_its_channel() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        mode.console.sessions.rows = tuple(
            replace(row, spent=8_000_000, signed=8_000_000, left=2_000_000) if row.id == OPEN.id else row
            for row in reversed(ROWS)
        )
        mode.console.sessions.changed()
        await settle(mode.pilot)
        line = mode.feed.selected
        assert line is not None
        assert line.id == OPEN.id
        assert "80%" in mode.text
        assert "2.000000" in mode.facts("#session-facts")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_each_width_shows_what_it_has_room_for(size: tuple[int, int]) -> None:
    async with shown(size=size) as mode:
        shows = {name: mode.app.screen.query_one(name).display for name in ("#sessions-detail", "#sessions-stats")}
        assert shows == {"#sessions-detail": size[0] >= 80, "#sessions-stats": size[0] >= 160}
        below = mode.app.screen.query_one("#sessions-detail").region
        beside = mode.app.screen.query_one("#sessions-list").region
        if 80 <= size[0] < 120:
            assert below.y == beside.bottom
        elif size[0] >= 120:
            assert below.x == beside.right
        assert "2.190000" in mode.text
        assert mode.text.count("[█") == (0 if size[0] < 80 else mode.text.count("[█"))


async def test_where_there_is_no_room_beside_the_list_the_channel_opens_above_it() -> None:
    async with shown(size=(60, 20)) as mode:
        await mode.press("right")
        assert "Press enter to open the session first." in mode.toasts
        await mode.select(OPEN)
        await mode.press("enter")
        assert mode.on(SessionDialog)
        assert "2.957500" in mode.text
        await mode.press("right")
        assert mode.app.screen.query_one(TabbedContent).active == "session-payments"
        await mode.press("c")
        assert mode.on(SessionSheet)
        await mode.press("escape", "escape")
        assert mode.on(SessionsScreen)


async def test_the_list_narrows_while_typing() -> None:
    async with shown() as mode:
        await mode.press("slash", *"example !stale")
        assert "4 of 11" in str(mode.app.screen.query_one("#sessions-list", Pane).border_title)
        await mode.press("enter")
        assert mode.feed.has_focus
        await mode.press("slash", *(["backspace"] * 20), *"nowhere", "enter")
        assert "No session passes this filter." in mode.text
        await mode.press("escape")
        assert len(mode.feed.rows) == 11


async def test_the_list_is_ordered_by_what_a_column_says_and_turned_round() -> None:
    async with shown() as mode:
        await mode.press("o")
        assert mode.on(MenuDialog)
        await mode.press(*"l")
        assert mode.feed.order == Order("left", descending=True)
        first = mode.feed.rows.get(0)
        assert first is not None
        assert first.id == CLOSING.id
        await mode.press("O")
        assert mode.feed.order == Order("left")


def test_orders_put_what_has_no_value_last_whichever_way_round() -> None:
    lines = lines_of(view_of(ROWS, (DAMAGED,)))
    for descending in (False, True):
        found = ordered(lines, Order("left", descending))
        assert found[-1].id == DAMAGED
        amounts = [line.row.left if line.row.state.holds_money else 0 for line in found if line.row]
        assert amounts == sorted(amounts, reverse=descending)
    assert [line.id for line in ordered(lines, Order("closes in"))][:2] == [FINALIZABLE.id, CLOSING.id]


def test_a_filter_knows_words_and_what_must_not_be_there() -> None:
    line = SessionLine(STALE.id, STALE)
    assert passes(line, ["maps", "stale"], NOW)
    assert not passes(line, ["maps", "!stale"], NOW)
    assert passes(line, ["!", ""], NOW)
    assert not passes(SessionLine(DAMAGED), ["maps"], NOW)


# Until there is one


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_without_channels_it_says_what_one_is_and_how_to_get_it(size: tuple[int, int]) -> None:
    async with shown(SeededConsole(empty=True), size=size) as mode:
        parts = (mode.facts(f"#sessions-{part}") for part in ("intro", "legend"))
        text = " ".join(" ".join(parts).split())
        for said in ("A session pays many requests from one deposit.", "There are none yet", "n asks a URL"):
            assert said in text
        for title, meaning in MEANINGS:
            assert f"{title} {meaning}".strip() in text
        assert not any(character.isdigit() for character in text)
        body = mode.app.screen.query_one("#sessions-empty", VerticalScroll)
        body.scroll_end(animate=False)
        await settle(mode.pilot)
        assert mode.app.screen.query_one(SessionsLegend).region.bottom <= body.region.bottom
        assert body.max_scroll_x == 0
        assert mode.app.screen.query_one(SessionsIntro).region.width > 20


async def test_a_history_that_cannot_be_read_says_so_in_its_place_and_r_asks_again() -> None:
    console = SeededConsole()
    console.sessions.failure = MppError("the file is locked", code="locked", hint="Close the other program.")
    async with shown(console) as mode:
        assert "The sessions could not be read: the file is locked." in mode.text
        console.sessions.failure = None
        await mode.press("r")
        assert "llm.example.com" in mode.text


async def test_it_is_drawn_in_ascii_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    async with shown() as mode:
        # The scrollbar is drawn by the program's own renderer, which a test does not put in.
        assert {character for character in mode.text if not character.isascii()} <= set("▁▂▃▄▅▆▇█")
        assert "[#" in mode.text


# The sides of a channel


async def test_the_overview_says_where_the_money_is() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        facts = "".join(mode.facts("#session-facts").split())
        for said in ("10.000000", "7.032500", "2.957500", "5.000000", "0.010000", f"{LLM}/v1/chat", "sessionv2"):
            assert said in facts


async def test_arrows_turn_the_sides_and_the_chain_is_asked_only_when_looked_at() -> None:
    async with shown() as mode:
        await mode.select(CLOSING)
        tabs = mode.app.screen.query_one(TabbedContent)
        await mode.press("right")
        assert tabs.active == "session-payments"
        assert "/v1/search" in mode.text
        await mode.press("right")
        assert "close requested" in mode.text
        await mode.press("right")
        assert tabs.active == "session-chain"
        assert "ChannelOpened" in mode.facts("#session-chain-facts")
        await mode.press("right")
        assert tabs.active == "session-overview"


async def test_a_node_that_does_not_answer_is_said_where_it_was_asked() -> None:
    console = SeededConsole()
    console.sessions.chain_failure = MppError("the node does not answer", code="rpc", hint="Is the network up?")
    async with shown(console) as mode:
        await mode.press("left")
        assert "the node does not answer" in mode.facts("#session-chain-facts")
        console.sessions.chain_failure = None
        await mode.press("r")
        assert "chain time" in mode.facts("#session-chain-facts")


async def test_a_row_that_cannot_be_read_is_shown_and_nothing_is_signed_for_it() -> None:
    async with shown() as mode:
        mode.feed.select(DAMAGED)
        await settle(mode.pilot)
        assert "cannot be read. It is kept" in " ".join(mode.facts("#sessions-detail .empty").split())
        for key in ("c", "F", "W", "plus", "R"):
            await mode.press(key)
            assert mode.on(SessionsScreen)
        assert mode.console.sessions.tasks == []
        await mode.press("y", "i")
        assert mode.app.clipboard == DAMAGED


# Acts


async def test_closing_shows_what_is_signed_and_what_comes_back_before_anything_is_sent() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        await mode.press("c")
        facts = mode.facts("#review-facts")
        for said in ("signs", "7.032500", "comes back", "2.957500", "asks the server"):
            assert said in facts
        assert "nothing has been sent" in str(mode.app.screen.query_one("#sheet", Pane).border_subtitle)
        assert mode.app.focused is mode.app.screen.query_one("#cancel", Button)
        assert mode.task.approvals == 0
        await mode.allow()
        assert mode.task.approvals == 1
        assert "✓ closed" in mode.facts("#result-facts")
        assert "2.957500" in mode.facts("#result-facts")
        await mode.press("escape")
        assert "○ finalized" in mode.text


async def test_enter_declines_and_the_key_that_asked_never_approves() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        await mode.press("c")
        await mode.press("a")
        assert mode.task.approvals == 0, "too soon"
        await mode.wait(5)
        await mode.press("c", "c")
        assert mode.task.approvals == 0
        await mode.press("enter")
        assert mode.on(SessionsScreen)
        assert (mode.task.stage, mode.task.approvals) == (Stage.DECLINED, 0)


async def test_approving_twice_is_one_act() -> None:
    console = SeededConsole()
    console.sessions.ends_at_once = False
    async with shown(console) as mode:
        await mode.select(OPEN)
        await mode.press("c")
        await mode.allow()
        await mode.press("a", "a")
        assert mode.task.approvals == 1
        assert mode.task.stage is Stage.SENT


async def test_a_forced_close_must_be_typed_out() -> None:
    async with shown() as mode:
        await mode.select(LOCAL)
        await mode.press("F")
        await mode.wait(5)
        await mode.press("a")
        assert mode.task.approvals == 0
        assert "Type 1.000000 to allow" in mode.text
        await mode.press(*"1.00", "enter")
        assert mode.app.screen.query_one("#typed", Input).value == "1.00", "digits find their box by themselves"
        assert mode.app.focused is mode.app.screen.query_one("#cancel", Button)
        await mode.allow()
        assert mode.task.approvals == 0
        await mode.press(*"0000", "enter")
        assert mode.app.focused is mode.app.screen.query_one("#approve", Button)
        assert mode.task.approvals == 0, "typing it arms the choice and does not make it"
        await mode.allow()
        assert mode.task.approvals == 1
        assert "16:00 of the chain's time" in mode.facts("#result-facts")
        await mode.press("escape")
        await mode.select(LOCAL)
        assert "16:00" in mode.text


async def test_a_close_that_leaves_the_server_out_is_typed_out_too() -> None:
    async with shown() as mode:
        await mode.select(ORPHAN)
        await mode.press("c")
        assert mode.app.screen.query_one("#typed").display


async def test_all_stale_ones_are_closed_after_a_typed_confirmation_with_an_outcome_each() -> None:
    console = SeededConsole()
    console.sessions.unable[UNKNOWN.id] = ErrorView(code="not-open", message="its opening may still come")
    console.sessions.failing[ORPHAN.id] = ErrorView(code="rpc", message="the node refused it", hint="try again")
    async with shown(console) as mode:
        await mode.press("C")
        assert mode.on(SessionSheet)
        assert "3 of 4 channels" in mode.facts("#headline")
        assert "its opening may still come" in mode.facts("#review-facts")
        assert "less for each that its server closes" in mode.facts("#review-facts").partition("fees")[2]
        await mode.wait(5)
        await mode.press("a")
        assert mode.task.approvals == 0
        await mode.allow("4.210000")
        assert mode.console.sessions.asked[-1] == ("close", tuple(row.id for row in ROWS[:4]), None, True)
        result = mode.facts("#result-facts")
        assert result.count("✓ closed") == 2
        assert "the node refused it" in result
        assert "try again" in result


async def test_of_several_currencies_the_number_of_channels_is_typed() -> None:
    console = SeededConsole()
    console.sessions.rows = (STALE, replace(ORPHAN, currency=ALPHA))
    async with shown(console) as mode:
        await mode.press("C")
        await mode.wait(5)
        assert "Type 2 to allow" in mode.text
        await mode.allow("2")
        assert mode.task.approvals == 1


async def test_a_bulk_act_says_how_far_it_is() -> None:
    console = SeededConsole()
    console.sessions.ends_at_once = False
    async with shown(console) as mode:
        await mode.press("C")
        await mode.allow("4.210000")
        assert "◐ sent  maps.example.org" in mode.facts("#progress")
        mode.task.step()
        await settle(mode.pilot)
        progress = mode.facts("#progress")
        assert "✓ closed  maps.example.org" in progress
        assert "◐ sent  a server that" in progress
        assert "○ to come  weather.example.net" in progress
        await mode.press("escape")
        assert mode.task.stage is Stage.SENT, "closing the sheet does not stop it"


async def test_marked_channels_are_meant_together() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        await mode.press("space", "space")
        await mode.press("c")
        assert mode.console.sessions.asked[-1][1] == (OPEN.id, LOCAL.id)
        assert "2 channels" in mode.facts("#headline")
        await mode.press("escape")
        await mode.press("plus")
        assert any("one channel at a time" in toast for toast in mode.toasts)


async def test_a_top_up_asks_how_much_and_then_shows_what_is_locked() -> None:
    async with shown() as mode:
        await mode.select(LOCAL)
        await mode.press("plus")
        assert mode.on(AmountDialog)
        await mode.press("enter")
        assert "Nothing would be added" in mode.facts("#form-note")
        await mode.press(*"0.00000001", "enter")
        assert "digits after the point" in mode.facts("#form-note")
        mode.app.screen.query_one("#session-amount", Input).value = "2.5"
        await mode.press("enter")
        facts = mode.facts("#review-facts")
        for said in ("2.500000", "put aside", "3.500000"):
            assert said in facts
        assert mode.console.sessions.asked[-1] == ("topup", (LOCAL.id,), "2.5", True)
        await mode.press("enter")
        assert mode.task.approvals == 0
        assert mode.on(SessionsScreen)


async def test_plus_still_asks_the_faucet_everywhere_else() -> None:
    async with shown() as mode:
        await mode.press("1", "plus")
        assert any("faucet" in toast for toast in mode.toasts)


async def test_the_rest_is_withdrawn_after_the_grace_period() -> None:
    async with shown() as mode:
        await mode.select(FINALIZABLE)
        await mode.press("W")
        await mode.allow()
        assert "✓ withdrawn" in mode.facts("#result-facts")
        assert "0.710000" in mode.facts("#result-facts")


async def test_what_is_closed_needs_no_closing() -> None:
    async with shown() as mode:
        await mode.select(ROWS[8])
        for key in ("c", "W", "F", "plus"):
            await mode.press(key)
            assert mode.on(SessionsScreen)
        assert "This channel is closed already; what was left has come back." in mode.toasts
        assert mode.console.sessions.tasks == []


async def test_what_cannot_be_done_says_why_and_offers_nothing_to_approve() -> None:
    console = SeededConsole()
    console.sessions.unable[OPEN.id] = ErrorView(
        code="not-closing", message="no close of it was requested", hint="close it first"
    )
    async with shown(console) as mode:
        await mode.select(OPEN)
        await mode.press("W")
        assert "no close of it was requested" in mode.facts("#headline")
        assert not mode.app.screen.query_one("#approve").display


async def test_pay_again_asks_the_url_for_the_session_offer() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        await mode.press("R")
        assert mode.on(ReviewSheet)
        request = mode.console.payments.tasks[-1].request
        assert (request.url, request.offer) == (OPEN.url, "tempo/session")
        await mode.press("escape")
        await mode.select(ORPHAN)
        await mode.press("R")
        assert any("Nobody here knows which URL" in toast for toast in mode.toasts)


async def test_pay_again_makes_no_request_whose_secret_was_not_kept() -> None:
    console = SeededConsole()
    console.sessions.rows = (replace(OPEN, url=f"{OPEN.url}?api_key=[redacted]"),)
    async with shown(console) as mode:
        await mode.select(OPEN)
        await mode.press("R")
        assert mode.on(SessionsScreen)
        assert console.payments.tasks == []
        assert any("held a secret, which is not kept" in toast for toast in mode.toasts)


async def test_what_comes_back_of_a_lost_channel_is_no_promise() -> None:
    async with shown() as mode:
        await mode.select(ORPHAN)
        await mode.press("c")
        assert "at most: its vouchers are lost" in mode.facts("#review-facts")
        await mode.press("escape")
        await mode.select(OPEN)
        await mode.press("c")
        assert "at most:" not in mode.facts("#review-facts")


async def test_a_new_session_begins_with_a_url_and_its_review_shows_what_is_locked() -> None:
    console = SeededConsole()
    console.payments.next_review = review(offer=offer(intent="session", session=session_plan()))
    async with shown(console) as mode:
        await mode.press("n")
        assert mode.on(OpenDialog)
        await mode.press("enter")
        assert "Type a URL first." in mode.facts("#form-note")
        await mode.press(*"https://a.example", "enter")
        assert mode.on(ReviewSheet)
        request = mode.console.payments.tasks[-1].request
        assert (request.url, request.offer) == ("https://a.example", "tempo/session")
        facts = mode.facts("#review-facts")
        for said in ("opens a channel", "5.000000", "put aside: no price", "0.000000 → 0.250000"):
            assert said in facts
        assert "per request" in mode.facts("#headline")


async def test_on_mainnet_a_top_up_is_typed_out() -> None:
    async with shown(SeededConsole(profile=MAINNET)) as mode:
        await mode.select(LOCAL)
        await mode.press("plus", *"2.5", "enter")
        await mode.wait(5)
        assert "Type 2.500000 to allow" in mode.text


# Reading


async def test_sync_asks_the_chain_about_the_selected_or_about_all() -> None:
    async with shown() as mode:
        await mode.select(UNKNOWN)
        await mode.press("s")
        assert mode.console.sessions.asked[-1] == ("sync", (UNKNOWN.id,))
        assert "Synced 1 channel: 1 channel changed." in mode.toasts
        await mode.press("S")
        assert mode.console.sessions.asked[-1] == EVERY_CHANNEL
        assert "! unknown" not in mode.text


async def test_what_could_not_be_asked_about_is_said() -> None:
    console = SeededConsole()
    console.sessions.troubles = ((OPEN.id, "the node timed out"),)
    async with shown(console) as mode:
        await mode.press("S")
        assert any("the node timed out" in toast for toast in mode.toasts)


async def test_lost_channels_are_looked_for() -> None:
    async with shown() as mode:
        await mode.press("L")
        assert any("found 1 channel that nobody here knew" in toast for toast in mode.toasts)
        assert "0.750000" in mode.text


async def test_a_file_is_looked_into_before_anything_is_taken_in() -> None:
    async with shown() as mode:
        await mode.press("i", *"channels.db", "enter")
        assert mode.on(ImportDialog)
        note = mode.facts("#form-note")
        assert "1 new, 2 known already" in note
        assert "left out: row 3" in note
        assert [asked[0] for asked in mode.console.sessions.asked] == ["import"]
        await mode.press("enter")
        assert mode.on(SessionsScreen)
        assert mode.console.sessions.asked[-1] == ("import", "channels.db", False)
        assert "imported.exam" in mode.text


def test_a_channel_that_is_left_out_is_told_with_the_reason() -> None:
    whole = "0x" + "ab" * 32
    said = _left_out(f"{whole} (its parties do not make its id)", Lens(now=NOW))
    assert said.endswith("(its parties do not make its id)")
    assert whole not in said
    assert "abab" not in _left_out(f"{whole} (why)", Lens(now=NOW, privacy=True))


async def test_a_file_that_is_none_is_said_and_another_one_is_looked_into_first() -> None:
    async with shown() as mode:
        await mode.press("i", *"nowhere", "enter")
        assert "there is no file" in mode.facts("#form-note")
        await mode.press(*(["backspace"] * 7), *"a", "enter", *"b", "enter")
        assert [asked[2] for asked in mode.console.sessions.asked] == [True, True, True]


async def test_parts_of_a_channel_are_copied() -> None:
    async with shown() as mode:
        await mode.select(OPEN)
        await mode.press("y", "i")
        assert mode.app.clipboard == OPEN.id
        await mode.press("y", "o")
        copied = json.loads(mode.app.clipboard)
        assert copied["base_units"]["spent"] == "7032500"
        assert "signature" not in mode.app.clipboard
        await mode.press("y", "d")
        assert OPEN.id in mode.app.clipboard
        assert mode.app.clipboard == await mode.console.sessions.dispute(OPEN.id)
        await mode.press("Y")
        assert mode.app.clipboard == f"mpp-console sessions show {OPEN.id}"


async def test_the_explorer_is_opened_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown() as mode:
        await mode.press("w")
        assert "This network has no explorer to open." in mode.toasts
    async with shown(SeededConsole(profile=MAINNET)) as mode:
        opened: list[str] = []
        monkeypatch.setattr(mode.app, "open_url", opened.append)
        await mode.press("w")
        assert opened
        assert opened[0].startswith("https://explorer.example/tx/0x")


# In words


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (0.0, "[░░░░░░░░░░]   0%"),
        (0.001, "[█░░░░░░░░░]   1%"),
        (0.7, "[███████░░░]  70%"),
        (0.9999, "[█████████░]  99%"),
        (1.0, "[██████████] 100%"),
    ],
)
def test_a_gauge_is_full_only_when_nothing_is_left(share: float, drawn: str) -> None:
    assert Lens(now=NOW).gauge(share) == drawn
    assert Lens(now=NOW, ascii=True).gauge(share).isascii()


def test_a_gauge_is_never_longer_than_its_column() -> None:
    assert len(Lens(now=NOW).gauge(session(1, deposit=3, spent=2).used)) == 17


async def test_the_pane_says_when_nothing_is_selected() -> None:
    console = SeededConsole()
    console.sessions.rows, console.sessions.damaged = (OPEN,), ()
    async with shown(console) as mode:
        await mode.press("slash", *"nowhere")
        assert mode.app.screen.query_one(SessionPane).detail is None
        assert MAPS not in mode.text
