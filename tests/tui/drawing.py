"""Builds the app over a seeded console with fixed clocks, and lets it come to rest: for snapshots and screenshots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from mpp_console.services import Console
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.habits import Habits
from tests.tui.seeded import SeededConsole, as_console
from tests.tui.seeds import NOW

SCRUBBED = (
    "NO_COLOR",
    "COLORTERM",
    "TERM_PROGRAM",
    "FORCE_COLOR",
    "TEXTUAL_THEME",
    "TEXTUAL_FILTERS",
    "TEXTUAL_ANIMATIONS",
)

PATIENT = ("review", "export")
"""Groups of workers that tests may keep waiting."""


class Ticker:
    """A monotonic clock that tests push forward."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def seeded_app(
    console: SeededConsole | None = None,
    *,
    theme: str = "console-dark",
    clock: Callable[[], datetime] = lambda: NOW,
    monotonic: Callable[[], float] | None = None,
    habits: Habits | None = None,
) -> ConsoleApp:
    """The app over `console`, without animation and without a blinking cursor."""
    seeded = console if console is not None else SeededConsole()

    async def open_console() -> Console:
        return as_console(seeded)

    app = ConsoleApp(
        open_console,
        profile=seeded.profile.name,
        clock=clock,
        monotonic=monotonic or Ticker(),
        theme=theme,
        habits=habits,
    )
    app.animation_level = "none"
    return app


async def settle(pilot: Pilot[Any]) -> None:
    """Waits until everything that was begun is drawn."""
    quiet = 0
    while quiet < 2:
        await pilot.pause()
        # A review waits for a person and an export may be held, so their workers never come to rest.
        working = [worker for worker in pilot.app.workers if worker.group not in PATIENT and not worker.is_finished]
        quiet += 1
        if working:
            quiet = 0
            await pilot.app.workers.wait_for_complete(working)
        elif isinstance(pilot.app, ConsoleApp) and pilot.app.waiting_events:
            quiet = 0
            pilot.app.drain()
    for box in pilot.app.screen.query(Input):
        box.cursor_blink = False
