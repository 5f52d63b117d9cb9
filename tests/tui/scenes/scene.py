"""What a scene is: a console, and the keys that lead from its first screen to what is drawn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from textual.pilot import Pilot

from mpp_console.tui.app import ConsoleApp
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET, STRANGER

URL = f"{STRANGER}/v1/search?q=tempo"
Reach = Callable[[Pilot[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """A console, and the keys (or more) that lead from its first screen to what is drawn."""

    console: Callable[[], SeededConsole] = SeededConsole
    keys: tuple[str, ...] = ()
    pay: bool = False
    approve: bool = False
    theme: str = "console-dark"

    def app(self) -> ConsoleApp:
        return seeded_app(self.console(), theme=self.theme, monotonic=Ticker())

    def in_theme(self, theme: str) -> Scene:
        return replace(self, theme=f"console-{theme}")

    async def reach(self, pilot: Pilot[Any]) -> None:
        """Leads there, and waits until all is drawn and no toast is left over."""
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await settle(pilot)
        for key in self.keys:
            await pilot.press(key)
            await settle(pilot)
        if self.pay:
            await app.pay(URL)
            await settle(pilot)
            assert isinstance(app.monotonic, Ticker)
            # Long enough for the choices to be armed.
            app.monotonic.now += 5
            await pilot.pause(0.15)
        if self.approve:
            await pilot.press("a")
            await settle(pilot)
        app.clear_notifications()
        await settle(pilot)


def empty() -> SeededConsole:
    return SeededConsole(empty=True)


def mainnet() -> SeededConsole:
    return SeededConsole(profile=MAINNET)
