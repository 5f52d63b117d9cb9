"""How the console was left is remembered; a damaged memory is said and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mpp_console.services.pictures import picture_folder, save_picture
from mpp_console.services.window import ProfileWindow, Window, load_window, save_window

KEPT = Window(
    theme="nord",
    themed_over="console-light",
    profiles={"sandbox": ProfileWindow(mode="receipts", memory={"receipts": {"filter": "origin:api"}})},
)


def test_it_comes_back_as_it_was_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "window.json"
    save_window(path, KEPT)
    assert load_window(path) == (KEPT, "")
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_remembered_is_nothing_to_say(tmp_path: Path) -> None:
    assert load_window(tmp_path / "window.json") == (Window(), "")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"theme": 3}', b"\xff\xfe", b"[]", b'{"theme": "' + b"x" * 300_000 + b'"}']
)
def test_a_damaged_file_is_said_and_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.json"
    path.write_bytes(content)
    window, said = load_window(path)
    assert window == Window()
    assert str(path) in said
    save_window(path, KEPT)
    assert load_window(path) == (KEPT, "")


def test_a_memory_of_a_later_version_still_holds(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    path.write_text('{"theme": "nord", "panes": {"left": 3}}')
    assert load_window(path) == (Window(theme="nord"), "")


def test_what_is_unchanged_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    save_window(path, KEPT)
    before = path.stat().st_ino
    save_window(path, KEPT)
    assert path.stat().st_ino == before


def test_an_endless_filter_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "window.json"
    memory = {"receipts": {"filter": "x" * 5_000, "order": "time"}}
    save_window(path, Window(profiles={"sandbox": ProfileWindow(memory=memory)}))
    assert load_window(path)[0].profiles["sandbox"].memory == {"receipts": {"order": "time"}}


def test_pictures_never_replace_one_another_and_are_their_owners_only(tmp_path: Path) -> None:
    at = datetime(2026, 11, 22, 12, 4, 11, tzinfo=UTC)
    folder = picture_folder({"MPP_CONSOLE_HOME": str(tmp_path)})
    first, second = save_picture(folder, "<svg>1</svg>", at), save_picture(folder, "<svg>2</svg>", at)
    assert first.read_text() == "<svg>1</svg>"
    assert second.name == f"{first.stem}-2.svg"
    assert first.stat().st_mode & 0o777 == 0o600
