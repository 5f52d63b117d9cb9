"""The review sheet's invariants: what pays, and above all what does not."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Button, Input

from mpp_console.services.models import Check, Level, ProfileView, ReviewView, Stage
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.response import ResponseScreen
from mpp_console.tui.screens.wallet import WalletScreen
from mpp_console.tui.sheet import SpendSheet, _pressed_at
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.pane import Pane
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole, SeededTask
from tests.tui.seeds import MAINNET, NOW, PAYEE, SANDBOX, STRANGER, offer, refused_result, review

URL = f"{STRANGER}/v1/search?q=tempo"


class Clock:
    """The wall clock, set by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Sheet:
    """An open sheet, and everything a test may push."""

    pilot: Pilot[Any]
    app: ConsoleApp
    console: SeededConsole
    ticker: Ticker
    clock: Clock

    @property
    def task(self) -> SeededTask:
        return self.console.payments.tasks[-1]

    @property
    def open(self) -> bool:
        return isinstance(self.app.screen, ReviewSheet)

    async def wait(self, seconds: float) -> None:
        self.ticker.now += seconds
        await settle(self.pilot)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def click(self, selector: str) -> None:
        """Where the widget comes to rest: what was drawn last may still push it about."""
        widget, place = self.app.screen.query_one(selector), None
        while place != widget.region:
            place = widget.region
            await settle(self.pilot)
        await self.pilot.click(selector)
        await settle(self.pilot)

    def text(self, selector: str) -> str:
        widget = self.app.screen.query_one(selector)
        return str(widget.render())


@asynccontextmanager
async def sheet(
    view: ReviewView | None = None,
    *,
    profile: ProfileView = SANDBOX,
    console: SeededConsole | None = None,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[Sheet]:
    """Types a URL and presses enter, as a person would."""
    seeded = console or SeededConsole(profile=profile)
    if view is not None:
        seeded.payments.next_review = view
    ticker, clock = Ticker(), Clock()
    app = seeded_app(seeded, monotonic=ticker, clock=clock)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("n")
        app.screen.query_one("#pay-url", Input).value = URL
        await pilot.press("enter")
        await settle(pilot)
        yield Sheet(pilot, app, seeded, ticker, clock)


async def test_it_shows_the_dry_run_and_says_that_nothing_was_sent() -> None:
    async with sheet() as shown:
        assert shown.open
        facts = shown.text("#review-facts")
        for word in (URL, PAYEE, "tempo/charge", "chain 1337", "0.001240", "999,999.426000", "confirmation"):
            assert word in facts.replace("\n", "")
        assert "0.250000 pathUSD" in shown.text("#headline")
        assert "nothing has been sent" in str(shown.app.screen.query_one("#sheet", Pane).border_subtitle)
        assert shown.task.approvals == 0


async def test_what_the_server_says_of_itself_comes_last_and_quoted() -> None:
    async with sheet() as shown:
        facts = shown.text("#review-facts")
        assert facts.index("pay to") < facts.index("checks") < facts.index("server says")
        assert "“One search" in facts


async def test_the_way_out_says_what_it_does_once_the_price_is_known() -> None:
    async with sheet() as shown:
        button = shown.app.screen.query_one("#cancel", Button)
        # The sheet opens without a price, when the way out is still called "Close" and its button measured for that.
        button.label = "esc Close"
        button.refresh(layout=True)
        await settle(shown.pilot)
        shown.app.screen._draw_choices()  # type: ignore[attr-defined]  # what the price's arrival does
        await settle(shown.pilot)
        assert "esc Cancel" in button.render_line(0).text


async def test_focus_starts_on_cancel_so_that_enter_declines() -> None:
    async with sheet() as shown:
        assert shown.app.focused is shown.app.screen.query_one("#cancel", Button)
        await shown.wait(5)
        await shown.press("enter")
        assert not shown.open
        assert (shown.task.approvals, shown.task.stage) == (0, Stage.DECLINED)


async def test_the_key_that_opened_it_held_down_never_pays() -> None:
    async with sheet() as shown:
        for pause in (0.5, *[0.04] * 10):
            shown.ticker.now += pause
            await shown.pilot.press("enter")
        assert shown.task.approvals == 0
        assert len(shown.console.payments.tasks) == 1, "nor does it ask for the price again and again"


async def test_approval_is_dead_before_the_facts_were_read() -> None:
    async with sheet() as shown:
        await shown.wait(0.39)
        await shown.press("a")
        assert shown.task.approvals == 0
        assert shown.open


async def test_approval_held_from_the_start_never_pays() -> None:
    async with sheet() as shown:
        for pause in (0.1, 0.5, *[0.03] * 20):
            shown.ticker.now += pause
            await shown.pilot.press("a")
        await settle(shown.pilot)
        assert shown.task.approvals == 0


async def test_a_calm_press_pays_once() -> None:
    async with sheet() as shown:
        await shown.wait(1)
        await shown.press("a")
        assert shown.task.approvals == 1
        assert shown.console.allowances == [None]


async def test_approving_twice_is_one_operation() -> None:
    console = SeededConsole()
    console.payments.next_steps = (Stage.SIGNED,)
    console.payments.ends_at_once = False
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a")
        await shown.wait(2)
        await shown.press("a", "A")
        await shown.app.action_do("review.approve")
        assert shown.task.approvals == 1
        assert len(console.payments.tasks) == 1


async def test_a_click_is_armed_like_a_key() -> None:
    async with sheet() as shown:
        # A pressed button is deaf while it flashes, by the real clock; here only the sheet's own rule counts.
        shown.app.screen.query_one("#approve", Button).active_effect_duration = 0
        await shown.click("#approve")
        assert shown.task.approvals == 0
        await shown.wait(1)
        await shown.click("#approve")
        while not shown.task.approvals:  # the press travels through two queues
            await shown.pilot.pause()
        assert shown.task.approvals == 1


async def test_facts_count_from_when_they_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine knows them well before it shows them."""
    draw, late = SpendSheet._draw, [5]

    def slowly(self: Any, lens: Any) -> None:
        draw(self, lens)
        if self._arming is not None and late:
            self.app.monotonic.now += late.pop()  # as long as it takes to paint them

    monkeypatch.setattr(SpendSheet, "_draw", slowly)
    async with sheet() as shown:
        assert not late
        await shown.press("a")
        assert shown.task.approvals == 0
        await shown.wait(2)
        await shown.press("a")
        assert shown.task.approvals == 1


def test_a_key_that_waited_for_its_turn_is_as_old_as_its_press() -> None:
    event = Key("a", "a")
    event.time -= 5
    assert _pressed_at(event, time.monotonic) == event.time
    assert _pressed_at(event, lambda: 7.0) == 7.0


async def test_an_expired_offer_cannot_be_approved() -> None:
    async with sheet() as shown:
        await shown.wait(1)
        shown.clock.now = NOW + timedelta(minutes=4, seconds=32)
        shown.app.refresh_view()
        await shown.press("a")
        assert shown.task.approvals == 0
        assert shown.open
        assert "expired" in shown.text("#note")
        assert "expired" in str(shown.app.screen.query_one("#sheet", Pane).border_title)


@pytest.mark.parametrize("key", ["r", "escape", "q"])
async def test_declining_signs_nothing(key: str) -> None:
    async with sheet() as shown:
        await shown.wait(1)
        await shown.press(key)
        assert not shown.open
        assert (shown.task.approvals, shown.task.stage) == (0, Stage.DECLINED)


async def test_what_the_policy_refuses_cannot_be_approved() -> None:
    refused = Check(code="cap-per-payment", level=Level.REFUSE, message="0.250000 is above the cap of 0.100000")
    async with sheet(review(verdict="refuse", reasons=(refused,))) as shown:
        await shown.wait(1)
        await shown.press("a")
        assert shown.task.approvals == 0
        assert "✗ 0.250000 is above the cap" in shown.text("#review-facts")


async def test_when_nothing_can_be_paid_there_is_no_way_to_approve() -> None:
    async with sheet(review(offer=None, verdict="refuse")) as shown:
        await shown.wait(1)
        assert not shown.app.screen.query_one("#approve").display
        await shown.press("a")
        assert shown.task.approvals == 0


async def test_allowing_an_origin_says_its_bounds_and_passes_them_on() -> None:
    async with sheet() as shown:
        note = shown.text("#note")
        assert STRANGER in note
        assert "0.250000 pathUSD at once, 2.500000 pathUSD in all" in note
        await shown.wait(1)
        await shown.press("A")
        (allowance,) = shown.console.allowances
        assert (getattr(allowance, "per_payment", ""), getattr(allowance, "total", "")) == ("0.250000", "2.500000")


GRAVE = {
    "mainnet": (MAINNET, review()),
    "above policy": (
        SANDBOX,
        review(reasons=(Check(code="confirm-above", level=Level.WARN, message="above 0.100000"),)),
    ),
    "new recipient": (
        SANDBOX,
        review(offer=offer(checks=(Check(code="new-recipient", level=Level.WARN, message="never paid before"),))),
    ),
}


@pytest.mark.parametrize("name", GRAVE)
async def test_what_is_unusual_must_be_typed_out(name: str) -> None:
    profile, view = GRAVE[name]
    async with sheet(view, profile=profile) as shown:
        await shown.wait(1)
        await shown.press("a")
        await shown.app.action_do("review.allow")
        assert shown.task.approvals == 0
        assert not shown.app.screen.query_one("#allow").display
        box = shown.app.screen.query_one("#typed", Input)
        box.focus()
        await shown.press(*"0.25000", "enter")
        assert shown.task.approvals == 0
        assert shown.app.focused is shown.app.screen.query_one("#cancel")
        box.focus()
        await shown.press("end", "0", "enter")
        assert shown.task.approvals == 0, "typing arms the choice, it does not make it"
        assert shown.app.focused is shown.app.screen.query_one("#approve")
        await shown.wait(1)
        await shown.press("a")
        assert shown.task.approvals == 1


async def test_it_becomes_progress_and_then_the_result() -> None:
    console = SeededConsole()
    console.payments.next_steps = (Stage.SIGNED, Stage.SENT)
    console.payments.ends_at_once = False
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a")
        progress = shown.text("#progress")
        assert "✓ signed" in progress
        assert "✓ sent" in progress
        assert "◐ accepted" in progress
        shown.task.end()
        await settle(shown.pilot)
        assert "✓ receipt stored" in shown.text("#progress")
        assert "HTTP 200" in shown.text("#result-facts")
        assert '"title": "Tempo"' in shown.text("#result-body")


async def test_closing_the_sheet_does_not_stop_a_payment_that_was_allowed() -> None:
    console = SeededConsole()
    console.payments.next_steps = (Stage.SIGNED,)
    console.payments.ends_at_once = False
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a")
        await shown.press("escape")
        assert not shown.open
        assert shown.task.stage is Stage.SIGNED


async def test_a_failure_keeps_the_sheet_open_with_the_problem_and_what_to_do() -> None:
    console = SeededConsole()
    console.payments.next_result = refused_result(URL)
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a")
        assert shown.open
        facts = shown.text("#result-facts")
        for word in ("Verification Failed", "another recipient", "ask the URL again"):
            assert word in facts


async def test_a_free_resource_needs_no_decision() -> None:
    console = SeededConsole()
    console.payments.next_review = None
    console.payments.next_result = replace(
        refused_result(URL), stage=Stage.DONE, status=200, problem=None, error=None, body=b"hello"
    )
    async with sheet(console=console) as shown:
        assert not shown.open, "the answer takes its place"
        assert isinstance(shown.app.screen, ResponseScreen)
        assert shown.task.approvals == 0


async def test_the_answer_is_one_key_away_and_the_way_out_another() -> None:
    async with sheet() as shown:
        assert not shown.app.screen.query_one("#more").display
        await shown.app.action_do("review.response")
        assert shown.open
        assert shown.task.approvals == 0
        await shown.wait(1)
        await shown.press("a")
        assert shown.app.focused is shown.app.screen.query_one("#more")
        await shown.press("enter")
        assert isinstance(shown.app.screen, ResponseScreen)
        await shown.press("escape")
        assert isinstance(shown.app.screen, WalletScreen)


async def test_an_impatient_enter_does_not_close_the_sheet_that_leads_to_the_answer() -> None:
    console = SeededConsole()
    console.payments.ends_at_once = False
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a", "enter")
        assert shown.open
        shown.task.end()
        await settle(shown.pilot)
        await shown.press("enter")
        assert isinstance(shown.app.screen, ResponseScreen)


async def test_a_stream_can_be_opened_while_it_comes() -> None:
    console = SeededConsole()
    console.payments.live = True
    async with sheet(console=console) as shown:
        await shown.wait(1)
        await shown.press("a")
        assert shown.task.reading
        await shown.press("enter")
        assert isinstance(shown.app.screen, ResponseScreen)
        assert shown.task.reading


async def test_the_command_that_does_the_same_can_be_copied() -> None:
    async with sheet() as shown:
        await shown.press("Y")
        assert shown.app.clipboard == review().command


async def test_keys_of_the_screens_below_are_dead() -> None:
    async with sheet() as shown:
        before = len(shown.console.payments.tasks)
        await shown.press("t", "3", "plus")
        assert shown.open
        assert len(shown.console.payments.tasks) == before


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_the_choices_are_in_view_at_every_size(size: tuple[int, int]) -> None:
    async with sheet(profile=MAINNET, size=size) as shown:
        for name in ("#cancel", "#approve", "#typed"):
            region = shown.app.screen.query_one(name).region
            assert region.height == 1
            assert region.bottom <= size[1]
            assert region.right <= size[0]
        assert isinstance(shown.app.screen.query_one("#review-facts"), Facts)
