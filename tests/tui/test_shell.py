"""What is there in every mode: jumping, help, where one is, pictures, the palette, the log, plain terminals."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.scrollbar import ScrollBar
from textual.widgets import Button, Input

from mpp_console.protocol import MppError
from mpp_console.services.settings import ConsoleSettings
from mpp_console.tui.app import ConsoleApp, PlainBar
from mpp_console.tui.feed import Feed
from mpp_console.tui.habits import Habits
from mpp_console.tui.palette import looks_like_url
from mpp_console.tui.screens.dialogs import QuitDialog
from mpp_console.tui.screens.inspect import InspectScreen
from mpp_console.tui.screens.jump import JumpOverlay, targets_of
from mpp_console.tui.screens.log import LogDialog
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.screens.wallet import WalletScreen
from mpp_console.tui.widgets.helppanel import HelpPanel
from mpp_console.tui.widgets.topbar import TopBar
from tests.tui.drawing import seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import PAYER


def drawn(app: ConsoleApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def letter_of(app: ConsoleApp, selector: str) -> str:
    overlay = app.screen
    assert isinstance(overlay, JumpOverlay)
    below = app.screen_stack[-2].query_one(selector)
    return next(letter for letter, (widget, _) in overlay._targets.items() if widget is below)


# Jumping


@pytest.mark.parametrize("size", [(60, 20), (120, 36), (200, 50)])
async def test_a_letter_goes_to_what_it_stands_on(size: tuple[int, int]) -> None:
    app = seeded_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+o")
        await press(pilot, letter_of(app, "#pay-url"))
        assert isinstance(app.screen, WalletScreen)
        assert app.focused is app.screen.query_one("#pay-url")
        # While something is typed, too.
        await press(pilot, "ctrl+o")
        await press(pilot, letter_of(app, "#wallet-feed"))
        assert app.focused is app.screen.query_one("#wallet-feed")
        assert app.screen.query_one("#pay-url", Input).value == ""


async def test_esc_or_another_letter_leaves_all_as_it_was_and_does_nothing_else() -> None:
    console = SeededConsole()
    app = seeded_app(console)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        before = app.focused
        for key in ("escape", "1", "question_mark"):
            await press(pilot, "ctrl+o", key)
            assert isinstance(app.screen, WalletScreen)
            assert app.focused is before
        assert console.payments.tasks == []


async def test_jumping_works_in_a_dialog_and_reaches_nothing_below_it() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "q", "ctrl+o")
        overlay = app.screen
        assert isinstance(overlay, JumpOverlay)
        assert {widget.id for widget, _ in overlay._targets.values()} == {"stay", "quit"}
        await press(pilot, letter_of(app, "#quit"))
        assert isinstance(app.screen, QuitDialog)
        assert app.focused is app.screen.query_one("#quit", Button)
        assert app.is_running


async def test_a_letter_hides_no_title() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        offsets = [offset for _, offset in targets_of(app.screen)]
        assert len(offsets) >= 4
        assert len(set(offsets)) == len(offsets)
        await press(pilot, "ctrl+o")
        assert "Pay a URL" in drawn(app)
        assert "Receipts" in drawn(app)


# Help


async def test_the_panel_explains_what_has_the_focus_and_goes_again() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "3", "f1")
        text = drawn(app)
        assert "Lists" in text
        assert "Select a range" in text
        await press(pilot, "1", "n", "f1")
        text = drawn(app)
        assert "Type; enter takes it." in text
        assert "Select a range" not in text
        await press(pilot, "f1")
        assert not app.screen.query(HelpPanel)


async def test_the_panel_stands_where_the_focus_is_not() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "3", "f1")
        panel = app.screen.query_one(HelpPanel)
        assert panel.region.x > app.screen.query_one("#receipts-feed").region.x
        await press(pilot, "enter")
        assert panel.region.x == 0


async def test_the_panel_says_why_an_action_does_nothing_now() -> None:
    app = seeded_app(SeededConsole(empty=True))
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "1", "f1")
        assert "Rows of this list cannot be marked" not in drawn(app)
        assert "Follow" in drawn(app)


# Where one is


async def test_the_bar_says_where_one_is_and_follows_the_cursor() -> None:
    app = seeded_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        feed = app.screen.query_one("#receipts-feed", Feed)
        bar = app.screen.query_one(TopBar)
        before = str(bar.render())
        assert feed.selected is not None
        assert f"Receipts › 127.0.0.1:4021 › {feed.selected.reference[:6]}" in before
        await press(pilot, "k", "k")
        assert feed.selected is not None
        assert feed.selected.reference[:6] in str(bar.render())
        assert str(bar.render()) != before


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
async def test_the_bar_never_spills(width: int) -> None:
    app = seeded_app()
    async with app.run_test(size=(width, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        lines = str(app.screen.query_one(TopBar).render()).split("\n")
        assert len(lines) == 2
        assert all(len(line) <= width or width < 80 for line in lines)
        assert ("chain 1337" in lines[0]) == (width >= 160)


async def test_time_is_told_in_two_ways() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        feed = app.screen.query_one("#receipts-feed", Feed)
        last = feed.size.height - 1
        assert feed.render_line(last).text.split()[:2] == ["1", "min"]
        await press(pilot, "ctrl+t")
        assert feed.render_line(last).text.split()[0] == "12:03:11"
        await press(pilot, "ctrl+t")
        assert feed.render_line(last).text.split()[:2] == ["1", "min"]


# Pictures


async def test_a_screenshot_is_a_file_and_says_where_and_is_masked_as_the_screen_is(tmp_path: Path) -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "asterisk", "f8", "f8")
        pictures = sorted((tmp_path / "pictures").iterdir())
        assert len(pictures) == 2
        text = pictures[0].read_text()
        assert text.lstrip().startswith("<svg")
        assert PAYER[-4:] not in text
        assert "999,999" not in text
        assert any(str(pictures[0]) in entry.text for entry in app.log_entries)


# The palette


async def search(pilot: Pilot[Any], text: str) -> CommandPalette:
    await press(pilot, "ctrl+p")
    palette = pilot.app.screen
    assert isinstance(palette, CommandPalette)
    palette.query_one(Input).value = text
    await found(pilot, palette)
    return palette


async def found(pilot: Pilot[Any], palette: CommandPalette) -> None:
    """Textual looks for commands by itself, after a pause of its own."""
    async with asyncio.timeout(30):
        while not any(commands.option_count for commands in palette.query(CommandList)):
            await asyncio.sleep(0.02)
            await pilot.pause()
    await settle(pilot)


async def test_a_receipt_is_found_by_its_reference_and_shown() -> None:
    console = SeededConsole()
    wanted = console.receipts.rows[5]
    app = seeded_app(console)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await search(pilot, wanted.reference[:20])
        await press(pilot, "down", "enter")
        await settle(pilot)
        assert isinstance(app.screen, ReceiptsScreen)
        assert app.screen.query_one("#receipts-feed", Feed).selected == wanted


async def test_a_url_can_be_inspected_from_anywhere() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await search(pilot, "https://api.example.com/paid")
        await press(pilot, "enter")
        await settle(pilot)
        assert isinstance(app.screen, InspectScreen)


async def test_a_history_that_cannot_be_asked_is_noted_and_the_palette_goes_on() -> None:
    console = SeededConsole()

    async def fails(*_: object, **__: object) -> object:
        raise MppError("the history is locked", code="history")

    console.receipts.page = fails  # type: ignore[method-assign, assignment]
    app = seeded_app(console)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await search(pilot, "Privacy")
        assert any("looking for receipts: the history is locked" in entry.text for entry in app.log_entries)
        await press(pilot, "down", "enter")
        assert app.view.lens.privacy


@pytest.mark.parametrize(
    ("text", "is_url"),
    [
        ("https://api.example.com", True),
        ("http://127.0.0.1:4021/charge", True),
        ("api.example.com/paid", True),
        ("localhost.test:8080", True),
        ("ftp://x.example/", False),
        ("https://", False),
        ("receipts", False),
        ("a.b", False),
        ("two words.example/x", False),
        ("0x8f3c/21", False),
        (".../x", False),
    ],
)
def test_what_means_a_url(text: str, is_url: bool) -> None:
    assert looks_like_url(text) == is_url


async def test_themes_are_shown_while_they_are_looked_at() -> None:
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        before = app.theme
        await app.run_action("do('theme')")
        assert isinstance(app.screen, CommandPalette)
        await found(pilot, app.screen)
        await press(pilot, "down", "down", "down")
        assert app.theme != before
        await press(pilot, "escape")
        assert app.theme == before


@pytest.mark.parametrize("theme", ["nord", "textual-light", "ansi-dark"])
async def test_themes_of_textual_draw_every_mode(theme: str) -> None:
    app = seeded_app(theme=theme)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key in "12345":
            await press(pilot, key)
            assert "SANDBOX" in drawn(app)


# The log


async def test_the_log_goes_on_while_it_is_open_and_gives_commands() -> None:
    console = SeededConsole()
    app = seeded_app(console)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "plus", "E")
        dialog = app.screen
        assert isinstance(dialog, LogDialog)
        app.tell(MppError("the node does not answer", code="node", hint="try again"))
        dialog.read_on()
        await settle(pilot)
        assert "the node does not answer try again" in drawn(app)
        app.clear_notifications()
        await settle(pilot)
        assert "the node does not answer try again" in drawn(app), "it stays when the toast is gone"
        await press(pilot, "y")
        assert app.clipboard == "the node does not answer try again"
        await press(pilot, "k", "y")
        assert app.clipboard == "mpp-console fund"


async def test_what_cannot_be_done_now_is_told_but_no_event() -> None:
    app = seeded_app(SeededConsole(empty=True))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        before = len(app.log_entries)
        await press(pilot, "space")
        assert [note.message for note in app._notifications] == ["Rows of this list cannot be marked."]
        assert len(app.log_entries) == before


# Plain terminals


def plain_app() -> ConsoleApp:
    return seeded_app(habits=Habits(settings=ConsoleSettings(ascii=True)))


@pytest.mark.parametrize("keys", [("space",), ("f2",), ("E",), ("q",), ("question_mark",), ("p",), ("o",), ("f1",)])
async def test_a_terminal_with_nothing_but_ascii_gets_nothing_else_from_the_shell(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    monkeypatch.setattr(ScrollBar, "renderer", PlainBar)
    app = plain_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "3", *keys)
        assert {character for character in drawn(app) if not character.isascii()} == set()


def test_the_linux_console_is_such_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not seeded_app().view.lens.ascii
    monkeypatch.setenv("TERM", "linux")
    app = seeded_app()
    assert app.view.lens.ascii
    assert app.has_class("-ascii")


async def test_states_keep_glyph_and_word_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "3", "k", "space")
        text = drawn(app)
        assert "✓ settled" in text
        assert "1 marked" in text
        assert "▌" in text
