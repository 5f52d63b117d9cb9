"""Files that only their owner may read: made with those modes from the first byte, replaced whole or not at all.

Knows nothing of keys or accounts. Every name in here blocks on the disk; call it from a worker thread.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from mpp_console.protocol import MppError

__all__ = [
    "FILE_MODE",
    "FOLDER_MODE",
    "FileExists",
    "FileTrouble",
    "create_private_file",
    "open_private_temp",
    "place",
    "private_folder",
    "read_limited",
    "sync_folder",
    "write_private",
]

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class FileTrouble(MppError):
    """A file could not be read or written; the message names it and says why."""

    default_code = "file-trouble"


class FileExists(FileTrouble):
    """Something is already there, and nobody said that it may be replaced."""

    default_code = "file-exists"


def private_folder(path: Path) -> Path:
    """Makes `path` and every missing folder above it, each for the owner only, and gives it back.

    A folder that is already there keeps its modes, unless others may write to it: they could then swap what lies
    inside, so that raises FileTrouble.
    """
    missing = []
    probe = path
    while not probe.exists():
        missing.append(probe)
        probe = probe.parent
    try:
        for folder in reversed(missing):
            with suppress(FileExistsError):  # another process was quicker
                folder.mkdir(mode=FOLDER_MODE)
        found = path.stat()
    except OSError as error:
        raise FileTrouble(f"cannot make the folder {path}: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise FileTrouble(f"{path} is not a folder", hint="move it away or choose another folder")
    if os.name == "posix" and found.st_mode & _WRITABLE_BY_OTHERS and not found.st_mode & stat.S_ISVTX:
        raise FileTrouble(f"others may write to the folder {path}", hint=f"run: chmod 700 {path}")
    return path


def create_private_file(path: Path) -> bool:
    """Makes an empty file for the owner only; False when one is already there (it is left as it is)."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), FILE_MODE))
    except FileExistsError:
        return False
    except OSError as error:
        raise FileTrouble(f"cannot make {path}: {error.strerror or error}") from error
    return True


def open_private_temp(target: Path) -> tuple[IO[bytes], Path]:
    """Opens a new file beside `target`, for the owner only, to be given its name later by `place`."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise FileTrouble(f"cannot write in {target.parent}: {error.strerror or error}") from error
    return os.fdopen(handle, "wb"), Path(name)


def place(temporary: Path, target: Path, *, replace: bool) -> None:
    """Gives a finished file its name in one step that a crash cannot split, and makes the name durable.

    Raises FileExists when something is there and `replace` is False; the decision and the act are one, so two writers
    cannot both believe that they were first.
    """
    try:
        if replace:
            temporary.replace(target)
        else:
            _link_new(temporary, target)
        sync_folder(target.parent)
    except FileExistsError as error:
        raise FileExists(f"{target} exists already", hint="choose another name, or move what is there away") from error
    except OSError as error:
        raise FileTrouble(f"cannot write {target}: {error.strerror or error}") from error


def _link_new(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # A file system without hard links: reserve the name, then put the file over the reservation.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
        temporary.replace(target)
    else:
        temporary.unlink()


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Writes `content` so that after a crash there is either the old file or the whole new one, durable before it has
    its name.
    """
    handle, temporary = open_private_temp(path)
    try:
        with handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        place(temporary, path, replace=replace)
    except OSError as error:
        raise FileTrouble(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_limited(path: Path, limit: int) -> bytes:
    """The file's bytes; FileTrouble when it is missing, unreadable or longer than `limit` bytes."""
    try:
        with path.open("rb") as handle:
            content = handle.read(limit + 1)
    except OSError as error:
        raise FileTrouble(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > limit:
        raise FileTrouble(f"{path} is longer than {limit} bytes, which no such file is")
    return content


def sync_folder(folder: Path) -> None:
    """Makes names in `folder` durable; without this a crash may forget a file that was itself written safely."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
