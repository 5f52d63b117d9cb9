"""How one mode gives way to another: without waiting longer than the picture takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.tui.telling import Telling

if TYPE_CHECKING:
    from textual.widget import AwaitMount

    from mpp_console.tui.screens.base import ModeScreen

__all__ = ["Switching"]


class Switching(Telling):
    """Changes the mode.

    Textual draws nothing for 50 ms after a change of mode, so that nobody sees a screen half made. One that is made
    already has nothing to hide, and is drawn whole as soon as it is resumed.
    """

    mode_screens: dict[str, ModeScreen]
    """The screens made so far, by mode."""

    _made = False
    """Whether the mode that is being switched to has been shown before."""

    def switch_mode(self, mode: str) -> AwaitMount:
        screen = self.mode_screens.get(mode)
        # A dialog left open above it is what is resumed then, and knows nothing of this.
        if screen is None or mode == self.current_mode or self.get_screen_stack(mode) != [screen]:
            return super().switch_mode(mode)
        screen.hold()
        self._made = True
        try:
            return super().switch_mode(mode)
        finally:
            self._made = False

    def delay_update(self, delay: float = 0.05) -> None:
        if not self._made:
            super().delay_update(delay)
