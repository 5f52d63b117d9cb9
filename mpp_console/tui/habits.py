"""What a person wants of the console, and how they left it: the settings' part of the screens, and the window's memory.

Reading happens before the first frame and writing after the last one, or in a thread: nothing here is awaited by a
widget.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec
from textual.theme import BUILTIN_THEMES

from mpp_console.services.paths import Paths
from mpp_console.services.settings import ConsoleSettings, load_settings, mistake
from mpp_console.services.window import ProfileWindow, Window, load_window, save_window, window_file
from mpp_console.tui.keymaps import DEFAULT, Keymap, check_keymap
from mpp_console.tui.themes import DEFAULT_THEME, SIXTEEN, THEMES

__all__ = ["Habits", "check_settings", "is_remote", "theme_names"]


def theme_names() -> tuple[str, ...]:
    """Every theme there is: our own first, then Textual's."""
    return (*(theme.name for theme in THEMES), *sorted(BUILTIN_THEMES))


def is_remote(environ: Mapping[str, str] | None = None) -> bool:
    """Whether what we draw travels through SSH, where nothing should move for its own sake."""
    found = os.environ if environ is None else environ
    return bool(found.get("SSH_CONNECTION") or found.get("SSH_TTY"))


@dataclass(slots=True)
class Habits:
    """`settings_path` and `window_path` are where changes are kept; None keeps them nowhere. `notice` is what to tell
    once the console is there.
    """

    settings: ConsoleSettings = field(default_factory=ConsoleSettings)
    keymap: Keymap = DEFAULT
    window: Window = field(default_factory=Window)
    settings_path: Path | None = None
    window_path: Path | None = None
    notice: str = ""

    @classmethod
    def read(cls, paths: Paths) -> Self:
        """The person's own. Raises SettingsError, with the line, for settings that do not hold; a window's memory that
        cannot be read is a notice.
        """
        settings = load_settings(paths.settings).console
        keymap = check_settings(settings, paths.settings)
        window, notice = load_window(window_file(paths))
        return cls(settings, keymap, window, paths.settings, window_file(paths), notice)

    def theme(self, *, colours: int) -> str:
        """The theme to begin with: the one chosen last, unless the settings name another one since; on a terminal of 16
        colours one that is made of them.
        """
        named = self.settings.theme or ""
        chosen = self.window.theme
        if chosen in theme_names() and self.window.themed_over == named:
            return chosen
        return named or (SIXTEEN.name if colours <= 16 else DEFAULT_THEME)

    def chose_theme(self, name: str) -> None:
        self._window(theme=name, themed_over=self.settings.theme or "")

    def of(self, profile: str) -> ProfileWindow:
        return self.window.profiles.get(profile, ProfileWindow())

    def leave(self, profile: str, mode: str, memory: Mapping[str, dict[str, str]]) -> None:
        """Notes how a profile's modes are left; one that was not entered keeps what it had."""
        kept = self.of(profile).memory | dict(memory)
        self._window(profiles=self.window.profiles | {profile: ProfileWindow(mode=mode, memory=kept)})

    def change(self, **changes: object) -> None:
        """Other settings are in force from now on."""
        self.settings = msgspec.structs.replace(self.settings, **changes)

    def save_window(self) -> None:
        """Writes the window's memory. Raises MppError. Blocks on the disk."""
        if self.window_path is not None:
            save_window(self.window_path, self.window)

    def _window(self, **changes: object) -> None:
        self.window = msgspec.structs.replace(self.window, **changes)


def check_settings(settings: ConsoleSettings, path: Path) -> Keymap:
    """Holds the settings to the themes and the actions there are. Raises SettingsError with the line of a mistake."""
    if settings.theme is not None and settings.theme not in theme_names():
        hint = "there are " + ", ".join(theme_names())
        raise mistake(path, ("console", "theme"), f'there is no theme "{settings.theme}"', hint)
    return check_keymap(settings, path)
