"""How the console tells people things: toasts that pass, and the event log, where warnings and errors stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import App
from textual.notifications import SeverityLevel

from mpp_console.protocol import MppError, inert
from mpp_console.tui.events import EventLog
from mpp_console.tui.view import Unavailable, View

if TYPE_CHECKING:
    from mpp_console.services import Console

__all__ = ["Telling"]


_TOAST = 400
"""Characters of a toast: what strangers say must not cover the screen. The event log has more of it."""


class Telling(App[int]):
    """What every part of the app says things by."""

    services: Console | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    log_entries: EventLog
    view: View

    async def attempt(self, work: Awaitable[object]) -> None:
        """Awaits what somebody asked for. Why it cannot be, or what went wrong, is told, never raised."""
        try:
            await work
        except Unavailable as reason:
            self.toast(str(reason), "warning")
        except MppError as error:
            self.tell(error)

    def say(self, text: str, *, warn: bool = False, error: bool = False) -> None:
        """A toast; warnings and errors stay in the event log."""
        if warn or error:
            self.log_entries.add(self.clock(), "error" if error else "warn", inert(text))
        self.toast(text, "error" if error else "warning" if warn else "information")

    def toast(self, text: str, severity: SeverityLevel = "information") -> None:
        """Shows a text for some seconds and keeps it nowhere."""
        self.notify(inert(text, limit=_TOAST), severity=severity, markup=False, timeout=8 if severity == "error" else 4)

    def tell(self, error: MppError) -> None:
        """An error: a toast with what to do next, and a line in the log."""
        self.say(f"{error} {error.hint}" if error.hint else str(error), error=True)

    async def attend(self, work: Callable[[], Awaitable[object]], what: str) -> None:
        """Like `attempt` for work in the background: even a fault of ours is told and noted, and ends nothing."""
        try:
            await self.attempt(work())
        except Exception as error:
            self.log_entries.add(self.clock(), "error", f"{what}: {type(error).__name__}: {inert(str(error))}")
            self.toast(f"{what} failed: {type(error).__name__}. See the events.", "error")

    def copy_text(self, text: str, what: str) -> None:
        """Sends text to the clipboard. Terminals do not confirm it, so nobody claims more."""
        self.copy_to_clipboard(text)
        self.say(f"Sent to the clipboard: {what}")
