"""Settings are changed in the person's own file, and nothing else in it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.services.errors import SettingsError
from mpp_console.services.settings import EXAMPLE, load_settings, parse_settings
from mpp_console.services.settings_edit import Value, edited, save_console


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("", {"keymap": "vim"}, '[console]\nkeymap = "vim"\n'),
        ('[console]\nkeymap = "vim"\n', {"keymap": "emacs"}, '[console]\nkeymap = "emacs"\n'),
        (
            '# mine\n[console]   # how\nkeymap = "vim"     # as ever\ntime="absolute"\n\n[server]\nport = 1\n',
            {"keymap": "default", "time": "relative", "privacy": True},
            '# mine\n[console]   # how\nkeymap = "default" # as ever\ntime="relative"\nprivacy = true\n\n[server]\n'
            "port = 1\n",
        ),
        ("[console]\n# theme = 'x'  # old\n\n[server]", {"theme": "nord"}, None),
        ('[console]\nkeymap = "vim"\ntime = "absolute"\n', {"keymap": None}, '[console]\ntime = "absolute"\n'),
        (
            '[console]\r\nkeymap = "vim"\r\n',
            {"time": "absolute"},
            '[console]\r\nkeymap = "vim"\r\ntime = "absolute"\r\n',
        ),
        ('[console.keys]\n"maximize" = "z"\n', {"keymap": "vim"}, None),
        ('console.keymap = "vim" # dotted\n', {"keymap": "emacs"}, 'console.keymap = "emacs" # dotted\n'),
        ('[console]\nkeymap = "vim"', {"time": "absolute"}, '[console]\nkeymap = "vim"\ntime = "absolute"\n'),
        ("[console]\nkeymap = 'vim' # it's \"so\"\n", {"keymap": "emacs"}, None),
    ],
)
def test_lines_are_changed_and_comments_stay(before: str, changes: dict[str, Value], after: str | None) -> None:
    got = edited(before, changes)
    assert after is None or got == after
    assert [part for part in before.split() if part.startswith("#")] == [
        part for part in got.split() if part.startswith("#")
    ]
    wanted = tomllib.loads(before).get("console", {}) | changes
    assert tomllib.loads(got)["console"] == {key: value for key, value in wanted.items() if value is not None}


def test_a_setting_goes_below_its_own_explanation() -> None:
    lines = edited(EXAMPLE, {"theme": "nord"}).splitlines()
    place = lines.index('theme = "nord"')
    assert lines[place - 1].startswith("# theme = ")
    assert parse_settings("\n".join(lines)).console.theme == "nord"


@pytest.mark.parametrize(
    "text",
    [
        'console = { keymap = "vim" }\n',
        '[console]\nkeymap = """\nvim"""\n',
        'console.time = "absolute"\n',
        'note = """\n[console]\nkeymap = "x"\n"""\n',
    ],
)
def test_what_cannot_be_edited_line_by_line_is_left_alone_and_said(text: str) -> None:
    with pytest.raises(SettingsError, match="not safe to edit") as raised:
        edited(text, {"keymap": "emacs"})
    assert "keymap" in (raised.value.hint or "")


_NAMES = st.sampled_from(["theme", "keymap", "animation", "time"])
_LINES = st.sampled_from(
    [
        "# a comment",
        "",
        '"theme" = "quoted"',
        'theme = "a"  # why',
        "keymap = 'vim'",
        "[console]",
        "[console.keys]",
        '"list.mark" = "x"',
        "[server]",
        "port = 4021",
        "[[policy.origins]]",
        'origin = "[console]"',
        'note = """',
        "privacy = true",
    ]
)


@given(st.lists(_LINES, max_size=12), st.dictionaries(_NAMES, st.text(max_size=8) | st.none(), min_size=1))
def test_whatever_comes_out_holds_the_change_and_nothing_else(lines: list[str], changes: dict[str, Value]) -> None:
    before = "\n".join(lines)
    try:
        data = tomllib.loads(before)
    except tomllib.TOMLDecodeError:
        return
    if not isinstance(data.get("console", {}), dict):
        return
    try:
        after = edited(before, changes)
    except SettingsError:
        return
    wanted = {key: value for key, value in (data.pop("console", {}) | changes).items() if value is not None}
    got = tomllib.loads(after)
    assert got.pop("console", {}) == wanted
    assert got == data


def test_a_file_is_made_for_its_owner_only_and_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    save_console(path, {"keymap": "vim"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_settings(path).console.keymap == "vim"
    assert path.read_text().startswith("# ")
    save_console(path, {"keymap": "emacs", "privacy": True})
    assert load_settings(path).console.keymap == "emacs"
    assert load_settings(path).console.privacy


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("# mine\n")
    link = tmp_path / "settings.toml"
    link.symlink_to(real)
    save_console(link, {"time": "absolute"})
    assert link.is_symlink()
    assert real.read_text() == '# mine\n\n[console]\ntime = "absolute"\n'


def test_nothing_is_written_into_a_file_that_does_not_hold_or_would_not(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("profil = 1\n")
    with pytest.raises(SettingsError, match="line 1"):
        save_console(path, {"keymap": "vim"})
    path.write_text("# mine\n")
    with pytest.raises(SettingsError, match="keymap"):
        save_console(path, {"keymap": "nano"})
    assert path.read_text() == "# mine\n"
