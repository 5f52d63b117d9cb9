"""Scenes of the inspect mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from textual.pilot import Pilot

from mpp_console.protocol import Credential, Secret
from mpp_console.services.inspect import Inspection
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.screens.inspect import InspectScreen
from mpp_console.tui.widgets.inspect_bar import UrlInput
from tests.tui.drawing import settle
from tests.tui.scenes.scene import Scene, empty
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.inspect import BROKEN, SEARCH, SECRET, challenge
from tests.tui.seeds import PAYER

CURL = """curl -i 'https://api.example.com/v1/search?q=tempo' \\
  -X POST \\
  -H 'Accept: application/json' \\
  -d '{"limit": 20}'"""


@dataclass(frozen=True)
class InspectScene(Scene):
    """`text` is inspected, then `tab` is turned to and `then` pressed. `typed` only stands in the bar."""

    text: str = ""
    typed: str = ""
    tab: str = ""
    then: tuple[str, ...] = ()
    secret: bool = False
    prepare: Callable[[SeededConsole], None] | None = None

    async def reach(self, pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await settle(pilot)
        await pilot.press("4")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, InspectScreen)
        if self.prepare is not None:
            self.prepare(cast("SeededConsole", app.services))
        if self.secret:
            screen._switch(Inspection(secret=Secret(SECRET), twice=True))
        if self.text:
            await screen.show_url(self.text)
            await (pilot.pause(0.1) if self.prepare else settle(pilot))
        if self.tab:
            screen.tabs.active = self.tab
            await settle(pilot)
        if self.typed:
            screen.query_one(UrlInput).focus()
            screen.query_one(UrlInput).value = self.typed
            await settle(pilot)
        for key in self.then:
            await pilot.press(key)
            await settle(pilot)
        app.clear_notifications()
        await (pilot.pause(0.1) if self.prepare else settle(pilot))


def never_answers(console: SeededConsole) -> None:
    console.inspector.waiting = asyncio.Event()


def credential() -> str:
    """One of a payer, with a proof that must not be shown."""
    payload = {"type": "transaction", "signature": "0x" + "5e" * 60}
    made = Credential(challenge=challenge(1), payload=payload, source=f"did:pkh:eip155:1337:{PAYER}")
    return f"Authorization: {made.to_header().reveal()}"


MODE = InspectScene(text=SEARCH)
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {
    "inspect-empty": Scene(console=empty, keys=("4",)),
    "inspect-loading": InspectScene(text=SEARCH, prepare=never_answers),
    "inspect-error": InspectScene(text="http://127.0.0.1:9/nobody"),
    "inspect-challenges": InspectScene(text=SEARCH, tab="challenges", secret=True),
    "inspect-unreadable": InspectScene(text=SEARCH, tab="challenges", then=("G",)),
    "inspect-headers": InspectScene(text=SEARCH, tab="headers"),
    "inspect-body": InspectScene(text=SEARCH, tab="body"),
    "inspect-problem": InspectScene(text=SEARCH, tab="problem"),
    "inspect-timeline": InspectScene(text=SEARCH, tab="timeline", secret=True),
    "inspect-findings": InspectScene(text=SEARCH, tab="findings"),
    "inspect-levels": InspectScene(text=SEARCH, then=("F", "F")),
    "inspect-broken": InspectScene(text=f"WWW-Authenticate: {BROKEN}"),
    "inspect-credential": InspectScene(text=credential()),
    "inspect-typed": InspectScene(typed=CURL.replace("\\\n", "")),
    "inspect-paste": InspectScene(then=("V",)),
    "inspect-copy": InspectScene(text=SEARCH, then=("y",)),
    "inspect-save": InspectScene(text=SEARCH, then=("x",)),
    "inspect-secret": InspectScene(then=("H",)),
    "inspect-privacy": InspectScene(text=SEARCH, tab="challenges", then=("asterisk",)),
}
