"""Keys are data: presets, a person's own over them, and what may not be."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from mpp_console.services.errors import SettingsError
from mpp_console.services.settings import ConsoleSettings
from mpp_console.tui.actions import ACTIONS, Scope, action
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.habits import Habits
from mpp_console.tui.keymaps import DEFAULT, PRESETS, KeyMistake, check_keymap, keymap_of, together
from mpp_console.tui.screens.dialogs import HelpDialog
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.widgets.keybar import KeyBar
from tests.tui.drawing import seeded_app, settle


def with_keys(keymap: str = "default", **keys: str) -> ConsoleSettings:
    own = {name.replace("__", "."): key for name, key in keys.items()}
    return ConsoleSettings(keymap=keymap, keys=own)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PRESETS)
def test_no_key_of_a_preset_means_two_things_at_once(name: str) -> None:
    keymap = keymap_of(with_keys(name))
    for scopes in together():
        entries = [entry for entry in ACTIONS if entry.scope in scopes]
        for one, other in combinations(entries, 2):
            if one.over == other.id or other.over == one.id:
                continue
            shared = set(keymap.keys(one)) & set(keymap.keys(other))
            assert not shared, f"{one.id} and {other.id} in {name}"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_actions_that_there_are(name: str) -> None:
    assert set(PRESETS[name]) <= {entry.id for entry in ACTIONS}


def test_every_scope_works_with_some_others() -> None:
    assert frozenset().union(*together()) == set(Scope)


@pytest.mark.parametrize(
    ("written", "textual", "shown"),
    [
        ("z", "z", "z"),
        ("Z", "Z", "Z"),
        ("shift+z", "Z", "Z"),
        ("?", "question_mark", "?"),
        ("+", "plus", "+"),
        ("ctrl+,", "ctrl+comma", "ctrl+,"),
        ("F5", "f5", "F5"),
        ("Ctrl+P", "ctrl+p", "ctrl+p"),
        ("alt+<", "alt+less_than_sign", "alt+<"),
        ("pagedown", "pagedown", "pgdn"),
        ("space", "space", "space"),
        ("ctrl++", "ctrl+plus", "ctrl++"),
    ],
)
def test_keys_are_written_as_people_write_them(written: str, textual: str, shown: str) -> None:
    # Whoever has that key already gets out of its way.
    others = {entry.id: "f11" for entry in ACTIONS if textual in DEFAULT.keys(entry)}
    keymap = keymap_of(ConsoleSettings(keys=others | {"maximize": written}))
    assert keymap.keys(action("maximize")) == (textual,)
    assert keymap.text(action("maximize")) == shown
    assert keymap.bindings["maximize"] == textual


@pytest.mark.parametrize(
    ("keys", "culprit", "what", "hint"),
    [
        ({"maximise": "z"}, "maximise", "no action `maximise`", "maximize"),
        ({"maximize": "t"}, "maximize", "Test payment (test.one) already", '"test.one" = '),
        ({"list.mark": "r"}, "list.mark", "Refresh", ""),
        ({"maximize": "ctrl+i"}, "maximize", "is tab to a terminal", ""),
        ({"maximize": "ctrl+["}, "maximize", "is esc to a terminal", ""),
        ({"maximize": "shift+tab"}, "maximize", "moves between panes", ""),
        ({"maximize": "crtl+x"}, "maximize", "no key `crtl+x`", ""),
        ({"maximize": "nope"}, "maximize", "no key `nope`", ""),
        ({"quit": "x"}, "quit", "what somebody types", "function key"),
        ({"jump": "space"}, "jump", "what somebody types", ""),
        ({"help": ""}, "help", "must keep a key", ""),
        ({"review.approve": "enter"}, "review.approve", "both ask for a payment and approve it", ""),
        ({"review.approve": "space"}, "review.approve", "both ask for a payment and approve it", ""),
        ({"review.approve": "n"}, "review.approve", "both ask for a payment and approve it", ""),
        ({"wallet.pay": "A"}, "wallet.pay", "both ask for a payment and approve it", ""),
    ],
)
def test_what_may_not_be_is_said_with_a_way_out(keys: dict[str, str], culprit: str, what: str, hint: str) -> None:
    with pytest.raises(KeyMistake) as raised:
        keymap_of(ConsoleSettings(keys=keys))
    assert raised.value.action_id == culprit
    assert what in raised.value.what
    assert hint in raised.value.hint
    assert raised.value.hint


def test_two_actions_may_change_keys_with_one_another() -> None:
    keymap = keymap_of(with_keys(test__one="m", maximize="t"))
    assert keymap.keys(action("test.one")) == ("m",)
    assert keymap.keys(action("maximize")) == ("t",)


def test_a_mistake_names_the_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[console]\nkeymap = "vim"\n\n[console.keys]\n"refresh" = "f5"\n"maximize" = "t"\n')
    with pytest.raises(SettingsError, match=r"settings.toml, line 6: `t` is Test payment"):
        check_keymap(with_keys("vim", refresh="f5", maximize="t"), path)


def app_with(settings: ConsoleSettings) -> ConsoleApp:
    return seeded_app(habits=Habits(settings=settings))


async def test_a_key_of_ones_own_works_and_the_old_one_does_nothing() -> None:
    app = app_with(with_keys(mode__receipts="ctrl+r", privacy="f9"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "asterisk")
        assert not isinstance(app.screen, ReceiptsScreen)
        assert not app.view.lens.privacy
        await pilot.press("ctrl+r", "f9")
        await settle(pilot)
        assert isinstance(app.screen, ReceiptsScreen)
        assert app.view.lens.privacy


async def test_keys_in_force_are_shown_everywhere() -> None:
    app = app_with(with_keys("vim", list__follow="F9", help="f12"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        foot = str(app.screen.query_one(KeyBar).render())
        assert "F9 Follow" in foot
        assert "F12 Help" in foot
        await pilot.press("f12")
        await settle(pilot)
        assert isinstance(app.screen, HelpDialog)
        text = str(app.screen.query_one("#help-list").render())
        assert "ctrl+f ctrl+d pgdn" in text
        assert ": ctrl+p" in text


def dim_in_foot(app: ConsoleApp) -> dict[str, bool]:
    """What the last line names, and whether that is dim."""
    parts = [part for side in app.screen.query_one(KeyBar)._parts() for part in side]
    return {part.plain: any("dim" in str(span.style) for span in part.spans) for part in parts}


async def test_a_letter_is_dim_in_the_last_line_while_somebody_types() -> None:
    app = app_with(ConsoleSettings())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        before = dim_in_foot(app)
        assert not any(before[name] for name in ("x Export", "E Events", "? Help"))
        await pilot.press("slash", "x")
        await settle(pilot)
        assert isinstance(app.screen, ReceiptsScreen)  # the letter was text
        typing = dim_in_foot(app)
        assert all(typing[name] for name in ("x Export", "E Events", "? Help"))
        await pilot.press("enter")
        await settle(pilot)
        assert not dim_in_foot(app)["? Help"]


async def test_an_action_without_keys_is_in_the_palette_only() -> None:
    app = app_with(with_keys(test__one=""))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        before = len(app.log_entries)
        await pilot.press("t")
        await settle(pilot)
        assert len(app.log_entries) == before
        assert "Test payment" not in str(app.screen.query_one(KeyBar).render())


@pytest.mark.parametrize(("preset", "keys"), [("vim", ["g", "ctrl+f"]), ("emacs", ["alt+less_than_sign", "ctrl+v"])])
async def test_presets_move_through_lists_in_their_own_way(preset: str, keys: list[str]) -> None:
    app = app_with(with_keys(preset))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        feed = app.screen.query_one("#receipts-feed", Feed)
        await pilot.press(*keys)
        assert feed.cursor == feed.size.height - 1
        if preset == "emacs":
            await pilot.press("ctrl+n", "ctrl+p", "ctrl+p")
            assert feed.cursor == feed.size.height - 2
            await pilot.press("alt+x")
            await settle(pilot)
            assert app.screen.is_modal


async def test_letters_that_are_typed_are_never_keys() -> None:
    app = app_with(with_keys("emacs", maximize="z"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", "z", "colon", "q")
        await settle(pilot)
        assert isinstance(app.screen, HelpDialog)
        from textual.widgets import Input

        assert app.screen.query_one("#help-search", Input).value == "z:q"
