"""Files that commands write to: checked before anything is paid for, written whole or not at all,
never through a link.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import click

__all__ = ["check_target", "write_whole"]


def check_target(text: str, option: str = "-o", *, nowhere: bool = False) -> Path:
    """The file to write. Ends the command when it is no plain file, or when a relative name leads out of this folder,
    with an error that names `option`.

    Checked before the request: a payment whose answer cannot be kept is money lost. With `nowhere` the null device is
    allowed: whoever names it, as with curl, does not want the answer.
    """
    path = Path(text)
    if nowhere and text == os.devnull:
        return path
    here = Path.cwd().resolve()
    if not path.is_absolute() and not (here / path.parent).resolve().is_relative_to(here):
        raise _bad(f"{text} leads out of this folder", "give its absolute path if that is meant", option)
    if not path.parent.is_dir():
        raise _bad(f"there is no folder {path.parent}", "make it first", option)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        raise _bad(f"{text} is a link, folder or device", "name a plain file", option)
    if not os.access(path.parent, os.W_OK):
        raise _bad(f"{path.parent} may not be written to", "choose another folder", option)
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file in one step, so that nobody ever reads half of it. The null device is left alone."""
    if str(path) == os.devnull:
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        else:
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _bad(message: str, hint: str, option: str) -> click.BadParameter:
    return click.BadParameter(f"{message}; {hint}", param_hint=option)
