"""Pictures of the screen: where they go, and how they are written. What is on them is the caller's to mask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mpp_console.services.paths import HOME_VARIABLE

__all__ = ["picture_folder", "save_picture"]


def picture_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The person's folder for pictures, or one below `MPP_CONSOLE_HOME`."""
    home = (os.environ if environ is None else environ).get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser().absolute() / "pictures"
    import platformdirs

    return Path(platformdirs.user_pictures_dir()) / "mpp-console"


def save_picture(folder: Path, svg: str, at: datetime) -> Path:
    """Writes a picture named by its time, for its owner only and never over another one; gives its path.

    Raises FileTrouble when it cannot be written. Blocks on the disk.
    """
    from mpp_console.wallet.files import FileExists, private_folder, write_private

    private_folder(folder)
    stem = f"console-{at.astimezone():%Y%m%d-%H%M%S}"
    number = 1
    while True:
        path = folder / (f"{stem}.svg" if number == 1 else f"{stem}-{number}.svg")
        try:
            write_private(path, svg.encode(), replace=False)
        except FileExists:
            number += 1
        else:
            return path
