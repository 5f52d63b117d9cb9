"""How the console was left: which mode, theme, orders and filters. A convenience: a file that is damaged is put aside.

Nothing in here is a secret but what somebody typed into a filter, so the file is its owner's only. It holds no money
and decides nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from mpp_console.services.paths import Paths

__all__ = ["ProfileWindow", "Window", "load_window", "save_window", "window_file"]

_LIMIT = 256 * 1024
_LONGEST = 2_000


class ProfileWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to one profile. `memory` is what each mode keeps of itself, under names of its own."""

    mode: str = ""
    memory: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """`theme` was chosen while the settings named `themed_over`: a theme set in the file later goes before it."""

    theme: str = ""
    themed_over: str = ""
    profiles: dict[str, ProfileWindow] = msgspec.field(default_factory=dict)


def window_file(paths: Paths) -> Path:
    return paths.data / "window.json"


def load_window(path: Path) -> tuple[Window, str]:
    """What was remembered, and what to say when it could not be read (empty: nothing to say). Never raises."""
    try:
        with path.open("rb") as handle:
            content = handle.read(_LIMIT + 1)
    except FileNotFoundError:
        return Window(), ""
    except OSError as error:
        return Window(), f"How the console was left could not be read: {error.strerror or error}."
    try:
        if len(content) > _LIMIT:
            raise msgspec.DecodeError("too long")
        return msgspec.json.decode(content, type=Window), ""
    except msgspec.DecodeError:
        return Window(), f"How the console was left is not known: {path} is damaged. It is written anew on leaving."


def save_window(path: Path, window: Window) -> None:
    """Writes it in one step, for its owner only. Raises MppError when that cannot be done. Blocks on the disk."""
    from mpp_console.wallet.files import private_folder, write_private

    kept = {
        name: msgspec.structs.replace(profile, memory={mode: _short(facts) for mode, facts in profile.memory.items()})
        for name, profile in window.profiles.items()
    }
    content = msgspec.json.encode(msgspec.structs.replace(window, profiles=kept))
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return
    private_folder(path.parent)
    write_private(path, content)


def _short(facts: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in facts.items() if len(text) <= _LONGEST}
