"""What a person does with keys, on the seeded console: modes, tests, funds, copying, leaving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from mpp_console.protocol import MppError
from mpp_console.services import Console
from mpp_console.services.events import Notice
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.screens.dialogs import HelpDialog, OutcomesDialog, QuitDialog, ReceiptDialog
from mpp_console.tui.screens.log import LogDialog
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.screens.server import ServerScreen, curl_of
from mpp_console.tui.screens.wallet import WalletScreen
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.topbar import TopBar
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET, NOW, PAYER, URL, receipt_row, requests, routes


@asynccontextmanager
async def console_app(
    console: SeededConsole | None = None, *, size: tuple[int, int] = (120, 36), ticker: Ticker | None = None
) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any]]]:
    app = seeded_app(console, monotonic=ticker)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        yield app, pilot


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def shown(app: ConsoleApp) -> object:
    """The screen on top; an object, since the type checker would remember the one before."""
    return app.screen


def toasts(app: ConsoleApp) -> list[str]:
    return [note.message for note in app._notifications]


def bar(app: ConsoleApp) -> str:
    return str(app.screen.query_one(TopBar).render())


async def test_digits_switch_modes_but_not_while_typing() -> None:
    async with console_app() as (app, pilot):
        for key, kind in (("3", ReceiptsScreen), ("5", ServerScreen), ("1", WalletScreen)):
            await press(pilot, key)
            assert isinstance(shown(app), kind)
        await press(pilot, "n", "5", "t")
        assert isinstance(shown(app), WalletScreen)
        assert app.screen.query_one("#pay-url", Input).value == "5t"


@pytest.mark.parametrize("size", [(60, 20), (200, 50)])
@pytest.mark.parametrize("profile", [MAINNET, None], ids=["mainnet", "sandbox"])
async def test_the_profile_is_always_on_screen(size: tuple[int, int], profile: object) -> None:
    console = SeededConsole(profile=MAINNET) if profile else SeededConsole()
    async with console_app(console, size=size) as (app, pilot):
        for key in ("1", "3", "5"):
            await press(pilot, key)
            assert console.profile.badge in bar(app)
            assert app.screen.query_one(TopBar).has_class("-mainnet") == (profile is not None)


@pytest.mark.parametrize(
    ("key", "size"),
    [("1", (60, 20)), ("1", (120, 36)), ("3", (60, 20)), ("3", (80, 24)), ("5", (80, 24)), ("5", (120, 36))],
)
async def test_t_pays_and_shows_the_receipt_wherever_one_is(key: str, size: tuple[int, int]) -> None:
    console = SeededConsole()
    async with console_app(console, size=size) as (app, pilot):
        await press(pilot, key)
        await press(pilot, "t")
        receipt = console.receipts.rows[-1]
        panes = [pane for pane in app.screen.query(ReceiptPane) if pane.display]
        assert [pane.detail.row for pane in panes if pane.detail] == [receipt]
        await press(pilot, "escape")
        await press(pilot, "3")
        feed = app.screen.query_one("#receipts-feed", Feed)
        assert feed.selected == receipt


async def test_t_works_again_while_a_receipt_is_open() -> None:
    console = SeededConsole()
    async with console_app(console, size=(60, 20)) as (app, pilot):
        await press(pilot, "t")
        await press(pilot, "t")
        pane = app.screen.query_one(ReceiptPane)
        assert pane.detail is not None
        assert pane.detail.row == console.receipts.rows[-1]
        assert len(app.screen_stack) == 2


async def test_the_keys_of_everywhere_work_on_what_is_only_read() -> None:
    async with console_app(size=(60, 20)) as (app, pilot):
        await press(pilot, "t")
        assert isinstance(shown(app), ReceiptDialog)
        await press(pilot, "asterisk")
        assert app.view.lens.privacy
        await press(pilot, "question_mark")
        assert isinstance(shown(app), HelpDialog)
        await press(pilot, "escape", "E", "E")
        assert isinstance(shown(app), LogDialog)
        assert len(app.screen_stack) == 3
        await press(pilot, "3")
        assert isinstance(shown(app), ReceiptsScreen)
        await press(pilot, "1")
        assert isinstance(shown(app), WalletScreen), "what was read is closed, and not in the way"


async def test_t_is_one_payment_at_a_time() -> None:
    console = SeededConsole()
    console.payments.answers_at_once = False
    async with console_app(console) as (app, pilot):
        await pilot.press("t", "t", "t")
        assert len(console.payments.tasks) == 1
        assert "A test payment is on its way." in toasts(app)
        console.payments.tasks[0].answer()
        await settle(pilot)
        console.payments.answers_at_once = True
        await press(pilot, "t")
        assert len(console.payments.tasks) == 2


@pytest.mark.parametrize("key", ["t", "T", "plus"])
async def test_play_money_keys_say_why_they_do_nothing_on_mainnet(key: str) -> None:
    console = SeededConsole(profile=MAINNET)
    async with console_app(console) as (app, pilot):
        await press(pilot, key)
        assert console.payments.tasks == []
        assert isinstance(shown(app), WalletScreen)
        (toast,) = toasts(app)
        assert "sandbox only" in toast or "no faucet" in toast


async def test_capital_t_calls_every_route_and_shows_the_outcomes() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "T")
        assert isinstance(shown(app), OutcomesDialog)
        feed = app.screen.query_one("#outcome-feed", Feed)
        assert len(feed.rows) == len(routes())
        await settle(pilot)
        assert "14 of 15 as meant" in str(app.screen.query_one("#outcomes", FeedPane).border_title)
        await press(pilot, "g", "j", "enter")
        assert isinstance(shown(app), ReceiptDialog)
        await press(pilot, "escape", "escape")
        assert isinstance(shown(app), WalletScreen)


async def test_plus_funds_and_the_balance_follows() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "plus")
        assert "1,999,999.487698 pathUSD" in bar(app)


async def test_privacy_masks_every_screen() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "asterisk")
        for key in ("1", "3", "5"):
            await press(pilot, key)
            text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "999,999" not in text
            assert "0.010000" not in text
            assert PAYER[-4:] not in text
        await press(pilot, "asterisk")
        assert "999,999.487698" in bar(app)


async def test_a_filter_narrows_and_esc_clears_it() -> None:
    console = SeededConsole()
    async with console_app(console) as (app, pilot):
        await press(pilot, "3", "slash")
        await press(pilot, *"/split", "enter")
        feed = app.screen.query_one("#receipts-feed", Feed)
        assert 0 < len(feed.rows) < 37
        assert "of 37" in str(app.screen.query_one("#receipts-list", FeedPane).border_title)
        assert app.focused is feed
        console.record(receipt_row(200, NOW, url=f"{URL}/split"))
        console.record(receipt_row(201, NOW))
        before = len(feed.rows)
        await settle(pilot)
        assert len(feed.rows) == before + 1
        await press(pilot, "escape")
        assert len(feed.rows) == 39
        assert not app.screen.query_one("#filter").display


async def test_the_server_starts_and_stops_by_key() -> None:
    console = SeededConsole(empty=True)
    async with console_app(console) as (app, pilot):
        await press(pilot, "5")
        assert len(app.screen.query_one("#routes", Feed).rows) == 0
        await press(pilot, "s")
        assert console.server.running
        assert "server :4021" in bar(app)
        assert len(app.screen.query_one("#routes", Feed).rows) == 15
        await press(pilot, "s")
        assert "server off" in bar(app)


async def test_a_route_gives_its_curl_and_its_url() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "5", "g", "j", "Y")
        assert app.clipboard == f"curl -i {URL}/charge"
        await press(pilot, "j", "Y")
        assert app.clipboard == curl_of(URL, routes()[2])
        assert "-d" in app.clipboard
        await press(pilot, "y")
        assert app.clipboard == f"{URL}/echo"


async def test_a_route_is_paid_after_review_only() -> None:
    console = SeededConsole()
    async with console_app(console) as (_, pilot):
        await press(pilot, "5", "g", "j", "j", "enter")
        (task,) = console.payments.tasks
        assert (task.request.url, task.request.method, task.approvals) == (f"{URL}/echo", "POST", 0)


async def test_copying_from_a_server_that_is_off_says_why_not() -> None:
    async with console_app(SeededConsole(empty=True)) as (app, pilot):
        await press(pilot, "5", "Y")
        assert toasts(app) == ["The server is off. Press s to start it."]


async def test_live_requests_and_receipts_arrive_in_one_batch() -> None:
    console = SeededConsole()
    async with console_app(console) as (app, pilot):
        await press(pilot, "5")
        feed = app.screen.query_one("#requests", Feed)
        paints: list[int] = []
        app.batches.subscribe(app.screen, lambda batch: paints.append(len(batch)))
        for number in range(500):
            console.serve(replace(requests()[2], id=f"live{number}"))
        await settle(pilot)
        assert len(feed.rows) == 510
        assert paints == [500]


async def test_enter_opens_a_receipt_on_a_screen_of_its_own_where_there_is_no_room() -> None:
    async with console_app(size=(60, 20)) as (app, pilot):
        await press(pilot, "3", "enter")
        assert isinstance(shown(app), ReceiptDialog)
        await press(pilot, "escape")
        assert isinstance(shown(app), ReceiptsScreen)


async def test_the_cheat_sheet_lists_all_and_says_what_is_off_and_why() -> None:
    async with console_app(SeededConsole(profile=MAINNET)) as (app, pilot):
        await press(pilot, "question_mark")
        assert isinstance(shown(app), HelpDialog)
        text = str(app.screen.query_one("#help-list").render())
        assert "Not now: Test payments use play money" in " ".join(text.split())
        await press(pilot, *"curl")
        text = str(app.screen.query_one("#help-list").render())
        assert "Copy curl" in text
        assert "Maximize" not in text
        await press(pilot, "escape")
        assert isinstance(shown(app), WalletScreen)


async def test_the_event_log_keeps_errors_and_shows_commands() -> None:
    console = SeededConsole()
    async with console_app(console) as (app, pilot):
        console.notice("the node does not answer")
        await press(pilot, "t")
        assert "the node does not answer" in toasts(app)
        await press(pilot, "E")
        assert isinstance(shown(app), LogDialog)
        feed = app.screen.query_one("#log-feed", Feed)
        text = "\n".join(feed.render_line(y).text for y in range(len(feed.rows)))
        assert "✗ error" in text
        assert "the node does not answer" in text
        assert [entry.command for entry in app.log_entries][-1] == f"mpp-console pay {URL}/charge"


async def test_the_palette_carries_actions_out() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "ctrl+p")
        await press(pilot, *"Receipts")
        await pilot.pause(0.3)
        await press(pilot, "enter")
        await settle(pilot)
        assert isinstance(shown(app), ReceiptsScreen)


async def test_maximize_and_back() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "m")
        assert app.screen.maximized is app.screen.query_one("#wallet-receipts")
        await press(pilot, "escape")
        assert app.screen.maximized is None


async def test_esc_never_quits() -> None:
    async with console_app(SeededConsole(empty=True)) as (app, pilot):
        await press(pilot, "escape", "escape", "escape")
        assert app.is_running
        assert isinstance(shown(app), WalletScreen)


async def test_ctrl_q_asks_when_something_is_at_stake_and_focus_is_on_staying() -> None:
    console = SeededConsole()
    console.in_flight = 1
    async with console_app(console) as (app, pilot):
        await press(pilot, "ctrl+q")
        assert isinstance(shown(app), QuitDialog)
        text = str(app.screen.query_one("#question-text").render())
        assert "A payment is in flight" in text
        assert URL in text
        assert app.focused is app.screen.query_one("#stay", Button)
        await press(pilot, "enter")
        assert isinstance(shown(app), WalletScreen)
        await press(pilot, "ctrl+q", "tab", "enter")
    assert console.closed
    assert app.return_value == 0


async def test_ctrl_q_leaves_at_once_when_nothing_is_at_stake() -> None:
    console = SeededConsole(empty=True)
    async with console_app(console) as (app, pilot):
        await pilot.press("ctrl+q")
    assert app.return_value == 0
    assert console.closed


async def test_q_asks_in_a_modes_own_screen() -> None:
    async with console_app(SeededConsole(empty=True)) as (app, pilot):
        await press(pilot, "q")
        assert isinstance(shown(app), QuitDialog)
        await press(pilot, "q")
        assert isinstance(shown(app), WalletScreen)


async def test_ctrl_c_twice_quits_and_once_does_not() -> None:
    ticker = Ticker()
    async with console_app(SeededConsole(empty=True), ticker=ticker) as (app, pilot):
        await press(pilot, "ctrl+c")
        ticker.now += 10
        await press(pilot, "ctrl+c")
        assert app.is_running
        ticker.now += 1
        await pilot.press("ctrl+c")
    assert app.return_value == 0


async def test_a_console_that_will_not_open_says_why_and_what_to_do() -> None:
    async def fails() -> Console:
        raise MppError("the settings do not hold: line 3", code="settings", hint="mpp-console config path")

    app = ConsoleApp(fails, profile="sandbox", clock=lambda: NOW, monotonic=Ticker())
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        assert "the settings do not hold: line 3" in bar(app)
        assert "SANDBOX" in bar(app)
        await press(pilot, "t")
        assert "The console is still opening." in toasts(app)


async def test_a_url_that_cannot_be_is_told_and_nothing_opens() -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "n")
        app.screen.query_one("#pay-url", Input).value = "not a url"
        await press(pilot, "enter")
        assert any("it holds spaces" in told for told in toasts(app))
        assert isinstance(shown(app), WalletScreen)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 50)])
async def test_resizing_never_loses_the_selection(size: tuple[int, int]) -> None:
    async with console_app() as (app, pilot):
        await press(pilot, "3", "k", "k", "k")
        feed = app.screen.query_one("#receipts-feed", Feed)
        chosen = feed.selected
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert feed.selected == chosen
        y = feed.cursor - round(feed.scroll_y)
        assert 0 <= y < feed.size.height


async def test_footer_and_tabs_can_be_clicked() -> None:
    async with console_app() as (app, pilot):
        await pilot.click(TopBar, offset=(28, 1))
        await settle(pilot)
        assert isinstance(shown(app), ReceiptsScreen)
        await pilot.click("KeyBar", offset=(118, 0))
        await settle(pilot)
        assert isinstance(shown(app), HelpDialog)


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (70, 40), (120, 36)])
async def test_the_badge_stays_in_sight_behind_every_dialog(size: tuple[int, int]) -> None:
    async with console_app(size=size) as (app, pilot):
        for key in ("E", "question_mark", "3", "enter"):
            await press(pilot, key)
            assert "SANDBOX" in app.export_screenshot(), key
            if key != "3":
                await press(pilot, "escape")


async def test_the_bar_claims_no_missing_account_before_it_can_know(monkeypatch: pytest.MonkeyPatch) -> None:
    console = SeededConsole()
    async with console_app(console) as (app, pilot):
        state = console.snapshot()
        for started, said in ((False, "opening…"), (True, "no account")):
            # Told by the console itself, which the app asks again whenever its clock ticks.
            told = replace(state, account=None, balances=(), started=started)
            monkeypatch.setattr(console, "snapshot", lambda told=told: told)
            app.refresh_view()
            await settle(pilot)
            assert said in bar(app)


async def test_what_happens_while_the_program_ends_is_noted_and_not_drawn() -> None:
    views = []

    class Late(SeededConsole):
        async def close(self) -> None:
            # A failure here would be lost: nobody is left to raise it to.
            views.append(app.view)
            app.clock = lambda: NOW + timedelta(minutes=1)
            self.events.publish(Notice(level="info", text="too late to be drawn", at=NOW))
            app.drain()
            app.refresh_view()
            views.append(app.view)
            await super().close()

    async with console_app(Late()) as (app, _):
        pass
    before, after = views
    assert before is after
    assert "too late to be drawn" in [entry.text for entry in app.log_entries]
