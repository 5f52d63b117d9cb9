"""Settings are shown as they are changed, kept on enter, and taken back on esc; how things were left comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpp_console.protocol import MppError
from mpp_console.services.paths import Paths
from mpp_console.services.settings import load_settings
from mpp_console.services.window import ProfileWindow, Window, load_window, save_window, window_file
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.habits import Habits, is_remote, theme_names
from mpp_console.tui.orders import Order
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.screens.settings import SettingRow, SettingsDialog
from mpp_console.tui.screens.wallet import WalletScreen
from mpp_console.tui.themes import DEFAULT_THEME
from tests.tui.drawing import seeded_app, settle


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.under(tmp_path)


def opened(paths: Paths) -> ConsoleApp:
    return seeded_app(theme="", habits=Habits.read(paths))


async def test_a_theme_is_previewed_and_esc_takes_it_back(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        assert isinstance(app.screen, SettingsDialog)
        await pilot.press("right", "down", "right", "j", "space", "down", "right")
        await settle(pilot)
        assert app.theme == theme_names()[1]
        assert app.view.keymap.name == "vim"
        assert app.animation_level == "none"
        assert not app.view.lens.relative
        await pilot.press("escape")
        await settle(pilot)
        assert WalletScreen in type(app.screen).__mro__
        assert app.theme == DEFAULT_THEME
        assert app.view.keymap.name == "default"
        assert {app.view.lens.relative} == {True}
    assert not paths.settings.exists()


async def test_enter_writes_what_was_changed_and_nothing_else(paths: Paths) -> None:
    paths.settings.write_text("# mine\n\n[server]\nport = 4021   # as ever\n")
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2", "left", "down", "right", "right", "left", "up", "enter")
        await settle(pilot)
        assert isinstance(app.screen, WalletScreen)
        assert app.log_entries.after(None)[-1].command == "mpp-console config show"
    text = paths.settings.read_text()
    assert text.startswith("# mine\n\n[server]\nport = 4021   # as ever\n")
    settings = load_settings(paths.settings).console
    assert (settings.theme, settings.keymap) == (theme_names()[-1], "vim")
    assert "animation" not in text
    assert opened(paths).theme == theme_names()[-1]


async def test_nothing_changed_writes_nothing(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2", "right", "left", "enter")
        await settle(pilot)
    assert not paths.settings.exists()


async def test_a_preset_that_ones_own_keys_do_not_allow_is_told_and_not_taken(paths: Paths) -> None:
    paths.settings.write_text('[console.keys]\n"maximize" = "ctrl+w"\n')
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2", "down", "right")
        await settle(pilot)
        assert app.view.keymap.name == "default"
        assert app.screen.query_one("#setting-keymap", SettingRow).value == "default"
        assert "ctrl+w" in app.log_entries.after(None)[-1].text
        await pilot.press("enter")
        await settle(pilot)
    assert "keymap" not in paths.settings.read_text()


async def test_a_file_that_cannot_be_edited_is_told_and_left_alone(paths: Paths) -> None:
    before = 'console = { keymap = "vim" }\n'
    paths.settings.write_text(before)
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2", "down", "right", "enter")
        await settle(pilot)
        assert "not safe to edit" in app.log_entries.after(None)[-1].text
    assert paths.settings.read_text() == before


async def test_it_says_where_the_file_is_and_masks_the_account_in_privacy(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("asterisk", "f2")
        await settle(pilot)
        text = str(app.screen.query_one("#settings-about").render())
        assert str(paths.settings) in text.replace("\n", "").replace(" ", "")
        assert app.view.state is not None
        assert app.view.state.account is not None
        assert app.view.state.account.address not in text


async def test_values_can_be_clicked(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        row = app.screen.query_one("#setting-keymap", SettingRow)
        await pilot.click(row, offset=(str(row.render()).index("emacs"), 0))
        assert app.view.keymap.name == "emacs"


def test_a_theme_that_there_is_not_names_its_line_and_those_there_are(paths: Paths) -> None:
    paths.settings.write_text('[console]\n\ntheme = "console-drak"\n')
    with pytest.raises(MppError, match=r'line 3: there is no theme "console-drak"') as raised:
        Habits.read(paths)
    assert "console-dark" in (raised.value.hint or "")
    assert "nord" in (raised.value.hint or "")


# What is remembered


async def test_mode_theme_order_and_follow_come_back(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        app.screen.query_one("#receipts-feed", Feed).order_by(Order("amount", descending=True))
        app.choose_theme("nord")
        await settle(pilot)
        app.exit(0)
    window, said = load_window(window_file(paths))
    assert said == ""
    assert window.profiles["sandbox"].mode == "receipts"
    again = opened(paths)
    async with again.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert again.theme == "nord"
        assert isinstance(again.screen, ReceiptsScreen)
        assert again.screen.query_one("#receipts-feed", Feed).order == Order("amount", descending=True)


async def test_a_list_that_did_not_follow_does_not_follow_again(paths: Paths) -> None:
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("k")
        app.exit(0)
    again = opened(paths)
    async with again.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        feed = again.screen.query_one("#wallet-feed", Feed)
        assert not feed.following
        await pilot.press("f")
        assert feed.following


async def test_another_profile_has_a_memory_of_its_own(paths: Paths) -> None:
    save_window(window_file(paths), Window(profiles={"mainnet": ProfileWindow(mode="server")}))
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, WalletScreen)
        app.exit(0)
    window, _ = load_window(window_file(paths))
    assert {name: profile.mode for name, profile in window.profiles.items()} == {
        "mainnet": "server",
        "sandbox": "wallet",
    }


async def test_a_damaged_memory_is_a_notice_and_no_more(paths: Paths) -> None:
    window_file(paths).parent.mkdir(parents=True)
    window_file(paths).write_text("{")
    app = opened(paths)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, WalletScreen)
        assert any("damaged" in entry.text for entry in app.log_entries)


@pytest.mark.parametrize(
    ("named", "chosen", "over", "expected"),
    [
        ("", "", "", DEFAULT_THEME),
        ("console-light", "", "", "console-light"),
        ("", "nord", "", "nord"),
        ("console-light", "nord", "console-light", "nord"),
        ("console-light", "nord", "", "console-light"),
        ("", "no-such-theme", "", DEFAULT_THEME),
    ],
)
def test_the_last_word_on_the_theme_wins(paths: Paths, named: str, chosen: str, over: str, expected: str) -> None:
    if named:
        paths.settings.write_text(f'[console]\ntheme = "{named}"\n')
    save_window(window_file(paths), Window(theme=chosen, themed_over=over))
    assert Habits.read(paths).theme(colours=256) == expected


def test_a_terminal_of_sixteen_colours_gets_a_theme_made_of_them() -> None:
    assert Habits().theme(colours=16) == "console-16"


@pytest.mark.parametrize("name", ["SSH_CONNECTION", "SSH_TTY"])
def test_nothing_moves_over_ssh(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert not is_remote({})
    assert is_remote({name: "x"})
    monkeypatch.setenv(name, "x")
    app = seeded_app()
    app.animation_level = "full"
    app.take_settings()
    assert str(app.animation_level) == "none"
