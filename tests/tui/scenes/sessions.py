"""Scenes of the sessions mode."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene, mainnet

MODE = Scene(keys=("2",))
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {
    "sessions-mainnet": Scene(console=mainnet, keys=("2",)),
}
