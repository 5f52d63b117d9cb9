"""Scenes of the first-run tour."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene
from tests.tui.seeded import SeededConsole


def newcomer() -> SeededConsole:
    """Somebody who opens the sandbox for the first time."""
    console = SeededConsole(empty=True)
    console.first_run.due = True
    return console


SCENES: dict[str, Scene] = {
    "tour": Scene(console=newcomer),
    "tour-receipts": Scene(console=newcomer, keys=("t", "3")),
    "tour-inspect": Scene(console=newcomer, keys=("t", "3", "enter", "5", "4")),
}
