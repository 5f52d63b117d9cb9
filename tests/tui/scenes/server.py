"""Scenes of the server mode."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene, empty

MODE = Scene(keys=("5",))
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {
    "server-off": Scene(console=empty, keys=("5",)),
    "server-receipt": Scene(keys=("5", "t")),
    "outcomes": Scene(keys=("T",)),
}
