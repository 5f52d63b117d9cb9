"""Going back and going away: what esc, q, ctrl+q and ctrl+c do, and what is asked before anything is cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.protocol import inert
from mpp_console.tui.looking import Looking

if TYPE_CHECKING:
    from mpp_console.tui.screens.tour import Tour

__all__ = ["Leaving"]

_TWICE_SECONDS = 1.5


class Leaving(Looking):
    """Handlers of the actions that leave something."""

    tour: Tour | None = None
    """The tour that is on, if one is."""

    _interrupted_at = float("-inf")

    def do_back(self) -> None:
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.screen.focused is not None and not hasattr(self.screen.focused, "do_list_open"):
            # Out of an input, back to the list.
            self.screen.set_focus(None)
            self.screen.focus_next("Feed")
        elif self.tour is not None:
            self.tour.leave()

    async def do_leave(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            await self._ask_to_quit(self._at_stake())

    async def do_quit(self) -> None:
        if reasons := self._at_stake():
            await self._ask_to_quit(reasons)
        else:
            self.exit(0)

    async def do_copy(self) -> None:
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.say("Sent to the clipboard: the selected text")
            return
        now, before = self.monotonic(), self._interrupted_at
        self._interrupted_at = now
        if now - before <= _TWICE_SECONDS:
            await self.do_quit()
        else:
            self.say("Press ctrl+c again to quit.")

    def _at_stake(self) -> list[str]:
        """What quitting now would cut short."""
        state = self.view.state
        reasons = []
        if state and state.in_flight:
            noun = "A payment is" if state.in_flight == 1 else f"{state.in_flight} payments are"
            reasons.append(f"{noun} in flight. What left is journaled and never paid twice.")
        if state and state.server.running:
            reasons.append(f"The local server is running at {inert(state.server.url or '', limit=60)}.")
        return reasons

    async def _ask_to_quit(self, reasons: list[str]) -> None:
        from mpp_console.tui.screens.dialogs import QuitDialog

        if isinstance(self.screen, QuitDialog):
            self.exit(0)
            return
        await self.push_screen(QuitDialog(reasons), self._answered)

    def _answered(self, quit_now: bool | None) -> None:
        if quit_now:
            self.exit(0)
