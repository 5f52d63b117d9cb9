"""Scenes of the receipts mode."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene, empty

MODE = Scene(keys=("3",))
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {
    "receipts-empty": Scene(console=empty, keys=("3",)),
    "receipts-wire": Scene(keys=("3", "enter", "shift+tab", "right")),
    "receipts-filter": Scene(keys=("3", "slash")),
    "receipts-moved": Scene(keys=("3", "k", "k", "t")),
}
