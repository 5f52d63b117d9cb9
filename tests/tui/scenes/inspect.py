"""Scenes of the inspect mode."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene

MODE = Scene(keys=("4",))
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {}
