"""Scenes of the dialogs and of what is everywhere."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene

SCENES: dict[str, Scene] = {
    "events": Scene(keys=("t", "plus", "E")),
    "help": Scene(keys=("question_mark",)),
    "quit": Scene(keys=("ctrl+q",)),
    "palette": Scene(keys=("ctrl+p",)),
}
