"""How a mode gives way to another: what is drawn, when, and from what."""

from __future__ import annotations

from typing import Any

import pytest
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.screens.dialogs import HelpDialog
from tests.tui.drawing import seeded_app, settle

Pictures = list[tuple[str, CompositorUpdate]]


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Pictures:
    """What reaches the terminal, each with the mode it was drawn in."""
    shown: Pictures = []
    display = ConsoleApp._display

    def note(app: ConsoleApp, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate) and not app._batch_count:
            shown.append((app.current_mode, renderable))
        display(app, screen, renderable)

    monkeypatch.setattr(ConsoleApp, "_display", note)
    return shown


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modes for which Textual held pictures back for a while."""
    delayed: list[str] = []
    delay_update = App.delay_update

    def note(app: ConsoleApp, delay: float = 0.05) -> None:
        delayed.append(app.current_mode)
        delay_update(app, delay)

    monkeypatch.setattr(App, "delay_update", note)
    return delayed


async def test_a_mode_that_was_shown_before_comes_back_whole_and_without_a_delay(
    pictures: Pictures, delays: list[str]
) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await walk(pilot, "3", "1")
        await released(pilot)
        delays.clear()
        for key, mode in (("3", "receipts"), ("1", "wallet"), ("3", "receipts")):
            pictures.clear()
            await walk(pilot, key)
            assert delays == []
            first = next(picture for drawn_in, picture in pictures if drawn_in == mode)
            # A part of it would be drawn over the mode before.
            assert isinstance(first, LayoutUpdate)


async def test_a_new_mode_is_shown_when_it_is_made(pictures: Pictures, delays: list[str]) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await walk(pilot, "5")
        assert len(delays) == 1
        await released(pilot)
        assert any(isinstance(picture, LayoutUpdate) for mode, picture in pictures if mode == "server")


async def test_keys_that_come_faster_than_pictures_leave_the_last_mode_shown(pictures: Pictures) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await walk(pilot, "3", "5", "1")
        await released(pilot)
        pictures.clear()
        for mode in ("receipts", "server", "wallet", "receipts", "wallet", "server"):
            await app.switch_mode(mode)
        await settle(pilot)
        await released(pilot)
        assert [mode for mode, picture in pictures if isinstance(picture, LayoutUpdate)][-1] == "server"


async def test_a_mode_that_was_left_with_a_dialog_open_comes_back_with_it(pictures: Pictures) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await walk(pilot, "3", "question_mark")
        assert isinstance(app.screen, HelpDialog)
        await app.switch_mode("wallet")
        await settle(pilot)
        await released(pilot)
        pictures.clear()
        await app.switch_mode("receipts")
        await settle(pilot)
        await released(pilot)
        assert isinstance(app.screen, HelpDialog)
        assert any(isinstance(picture, LayoutUpdate) for _, picture in pictures)


async def test_a_theme_chosen_elsewhere_is_there_when_a_mode_comes_back() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await walk(pilot, "3")
        dark = rules_of(app)
        await walk(pilot, "1")
        app.theme = "console-light"
        await walk(pilot, "3")
        light = rules_of(app)
        assert light != dark
        app.stylesheet.update(app.screen)
        assert rules_of(app) == light


async def test_a_size_taken_elsewhere_is_there_when_a_mode_comes_back() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await walk(pilot, "3", "1")
        await pilot.resize_terminal(80, 24)
        await walk(pilot, "3")
        assert app.screen.size == (80, 24)
        assert app.screen.has_class("-normal", "-short")
        assert not app.screen.has_class("-wide")
        narrow = rules_of(app)
        app.stylesheet.update(app.screen)
        assert rules_of(app) == narrow


async def test_a_new_mode_does_not_read_the_style_sheets_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        read: list[str] = []
        monkeypatch.setattr(app, "refresh_css", lambda animate=True: read.append(app.current_mode))
        await walk(pilot, "3", "1", "5", "3")
        assert read == []
        fresh = rules_of(app)
        app.stylesheet.update(app.screen)
        assert rules_of(app) == fresh


async def walk(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def released(pilot: Pilot[Any]) -> None:
    """Waits until no picture is held back any more."""
    while pilot.app._batch_count:
        await pilot.pause()
    await settle(pilot)


def rules_of(app: ConsoleApp) -> list[dict[str, Any]]:
    """How everything on the screen is styled."""
    return [dict(node.styles.base.get_rules()) for node in app.screen.walk_children(with_self=True)]
