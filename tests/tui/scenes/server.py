"""Scenes of the server mode."""

from __future__ import annotations

from mpp_console.services.models import RouteDraft
from tests.tui.scenes.scene import Scene, empty
from tests.tui.scenes.sessions import Sheet
from tests.tui.seeded import SeededConsole

MODE = Scene(keys=("5",))
"""The mode as it is entered; drawn at every size."""

WEATHER = RouteDraft(path="/weather/{city}", price="0.02", description="a forecast for a city")


def own() -> SeededConsole:
    """A server with routes of one's own."""
    console = SeededConsole()
    console.server.drafts = [WEATHER, RouteDraft(method="POST", path="/notes", price="free", description="")]
    return console


def faulty() -> SeededConsole:
    """The same with faults switched on."""
    console = own()
    console.server.switched = {"GET /weather/{city}": {"slow", "no-receipt"}, "GET /charge": {"lost"}}
    return console


SCENES: dict[str, Scene] = {
    "server-off": Scene(console=empty, keys=("5",)),
    "server-receipt": Scene(keys=("5", "t")),
    "server-own": Scene(console=own, keys=("5",)),
    "server-faults": Scene(console=faulty, keys=("5", "j", "j", "j")),
    "server-fault-menu": Scene(console=faulty, keys=("5", "x")),
    "server-new-route": Scene(keys=("5", "n", *"/weather/", "left_curly_bracket", *"city", "right_curly_bracket")),
    "server-route-errors": Scene(keys=("5", "n", *"weather", "tab", "9", "9", "x", "enter")),
    "server-edit-route": Scene(console=own, keys=("5", "e")),
    "server-port": Scene(keys=("5", "P")),
    "server-port-taken": Scene(keys=("5", "P", "end", "backspace", *"4444", "enter")),
    "server-request": Scene(keys=("5", "tab", "k", "k", "enter")),
    "channels": Scene(keys=("5", "c")),
    "channels-empty": Scene(console=empty, keys=("5", "c")),
    "channels-settle": Sheet(keys=("5", "c", "s")),
    "channels-closed": Sheet(keys=("5", "c", "space", "space", "c"), approve=True),
    "outcomes": Scene(keys=("T",)),
}
