"""Scenes of the sessions mode."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from textual.pilot import Pilot

from mpp_console.protocol import MppError
from mpp_console.services.models import ErrorView
from tests.tui.drawing import settle
from tests.tui.scenes.scene import Scene, empty, mainnet
from tests.tui.scenes.shell import Ascii
from tests.tui.seeded import SeededConsole

MODE = Scene(keys=("2",))
"""The mode as it is entered; drawn at every size."""


def unreadable() -> SeededConsole:
    console = SeededConsole()
    console.sessions.failure = MppError(
        "the history file is locked by another program", code="locked", hint="Close the other program."
    )
    return console


def without_node() -> SeededConsole:
    console = SeededConsole()
    console.sessions.chain_failure = MppError(
        "the node at http://127.0.0.1:4100 does not answer", code="rpc", hint="Is the network up?"
    )
    return console


def troubled() -> SeededConsole:
    """Of the stale channels one cannot be closed, and another fails."""
    console = SeededConsole()
    orphan, unknown = console.sessions.rows[1], console.sessions.rows[3]
    console.sessions.unable[unknown.id] = ErrorView(
        code="outcome-unknown", message="nobody knows yet whether it was opened", hint="s asks the chain"
    )
    console.sessions.failing[orphan.id] = ErrorView(
        code="rpc", message="the node did not take the transaction", hint="nothing was lost: try again"
    )
    return console


def closing_slowly() -> SeededConsole:
    console = SeededConsole()
    console.sessions.ends_at_once = False
    return console


@dataclass(frozen=True)
class Sheet(Scene):
    """An act's sheet, its choices armed; `typed` into its box, then `approve`; `steps` channels done so far."""

    typed: str = ""
    steps: int = 0

    async def reach(self, pilot: Pilot[Any]) -> None:
        await replace(self, approve=False).walk(pilot)
        app: Any = pilot.app
        app.monotonic.now += 5
        await pilot.pause(0.15)
        if self.typed:
            app.screen.query_one("#typed").value = self.typed
            app.monotonic.now += 5
            await pilot.pause(0.15)
        if self.approve:
            await pilot.press("a")
            await settle(pilot)
        for _ in range(self.steps):
            app.services.sessions.tasks[-1].step()
        await settle(pilot)
        app.clear_notifications()
        await settle(pilot)

    async def walk(self, pilot: Pilot[Any]) -> None:
        await Scene.reach(self, pilot)


@dataclass(frozen=True)
class Loading(Scene):
    """The history is still being read."""

    async def reach(self, pilot: Pilot[Any]) -> None:
        await settle(pilot)
        app: Any = pilot.app
        app.services.sessions.loading = asyncio.Event()
        await pilot.press("2")
        await pilot.pause(0.1)


OPEN = ("2", *"jjjj")
"""The channel at the LLM, in use."""
CLOSING = ("2", *"jjjjjjj")

SCENES: dict[str, Scene] = {
    "sessions-empty": Scene(console=empty, keys=("2",)),
    "sessions-loading": Loading(),
    "sessions-unreadable": Scene(console=unreadable, keys=("2",)),
    "sessions-mainnet": Scene(console=mainnet, keys=("2",)),
    "sessions-open": Scene(keys=OPEN),
    "sessions-closing": Scene(keys=CLOSING),
    "sessions-damaged": Scene(keys=("2", *"jjjj")),
    "sessions-payments": Scene(keys=(*OPEN, "j", "right")),
    "sessions-events": Scene(keys=(*CLOSING, "right", "right")),
    "sessions-chain": Scene(keys=(*CLOSING, "left")),
    "sessions-chain-failed": Scene(console=without_node, keys=(*CLOSING, "left")),
    "sessions-filter": Scene(keys=("2", "slash", *"example !stale")),
    "sessions-filtered-empty": Scene(keys=("2", "slash", *"nothing", "enter")),
    "sessions-ordered": Scene(keys=("2", "o", "l")),
    "sessions-marked": Scene(keys=("2", "space", "space", "j", "v", "j")),
    "sessions-new": Scene(keys=("2", "n")),
    "sessions-topup": Scene(keys=(*OPEN, "j", "plus", *"2.5")),
    "sessions-import": Scene(keys=("2", "i", *"channels.db", "enter")),
    "sessions-copy": Scene(keys=("2", "y")),
    "sessions-review-topup": Sheet(keys=(*OPEN, "j", "plus", *"2.5", "enter")),
    "sessions-review-close": Sheet(keys=(*OPEN, "j", "c")),
    "sessions-review-force": Sheet(keys=(*OPEN, "j", "F")),
    "sessions-review-stale": Sheet(console=troubled, keys=("2", "C")),
    "sessions-closing-stale": Sheet(console=closing_slowly, keys=("2", "C"), typed="4.210000", approve=True, steps=2),
    "sessions-closed-stale": Sheet(console=troubled, keys=("2", "C"), typed="4.210000", approve=True),
    "sessions-closed": Sheet(keys=(*OPEN, "j", "c"), approve=True),
    "sessions-forced": Sheet(keys=(*OPEN, "j", "F"), typed="5.000000", approve=True),
    "sessions-privacy": Scene(keys=("2", "asterisk")),
    "sessions-ascii": Ascii(keys=OPEN),
}
