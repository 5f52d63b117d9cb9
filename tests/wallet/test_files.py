"""Private files: their modes, and that they are there whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mpp_console.wallet.files import (
    FileExists,
    FileTrouble,
    create_private_file,
    private_folder,
    read_limited,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_written_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(private_folder(tmp_path / "a" / "b") / "f", b"x")
        assert create_private_file(tmp_path / "a" / "empty")
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/f", "a/empty")] == [0o700, 0o700, 0o600, 0o600]


def test_a_file_that_is_there_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    assert not create_private_file(tmp_path / "f")
    with pytest.raises(FileExists):
        write_private(tmp_path / "f", b"new", replace=False)
    assert (tmp_path / "f").read_bytes() == b"old"
    write_private(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, "replace", full) if step == "replace" else (os, "fsync", full)))
    with pytest.raises(FileTrouble, match="No space left"):
        write_private(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_file_system_without_links_is_no_excuse_to_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    write_private(tmp_path / "f", b"new", replace=False)
    assert mode(tmp_path / "f") == 0o600
    with pytest.raises(FileExists):
        write_private(tmp_path / "f", b"newer", replace=False)
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"theirs")
    (tmp_path / "f").symlink_to(tmp_path / "victim")
    write_private(tmp_path / "f", b"mine")
    assert (tmp_path / "victim").read_bytes() == b"theirs"
    assert not create_private_file(tmp_path / "f")


def test_folders_that_others_may_write_to(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(FileTrouble, match="others may write"):
        private_folder(folder)
    folder.chmod(0o755)
    assert private_folder(folder) == folder
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileTrouble, match="not a folder"):
        private_folder(tmp_path / "file")


def test_reading_has_a_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_limited(tmp_path / "f", 5) == b"12345"
    with pytest.raises(FileTrouble, match="longer than 4"):
        read_limited(tmp_path / "f", 4)
    with pytest.raises(FileTrouble, match="cannot read"):
        read_limited(tmp_path / "nowhere", 4)
