"""Draws the pictures of the README from the seeded console: `python -m tests.tui.screenshots` (or `make
screenshots`).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path

from mpp_console.tui.app import ConsoleApp
from tests.tui.drawing import SCRUBBED
from tests.tui.scenes import MODES, OTHERS, Scene

FOLDER = Path(__file__).parents[2] / "screenshots"
SIZE = (120, 36)
PICTURES: dict[str, Scene] = {
    **MODES,
    "review": OTHERS["review"],
    "wallet-light": MODES["wallet"].in_theme("light"),
}


async def draw(scene: Scene, size: tuple[int, int] = SIZE) -> str:
    """One picture as SVG, the same on every run."""
    app: ConsoleApp = scene.app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await scene.reach(pilot)
        svg = app.export_screenshot(title="mpp-console")
    # Rich names classes by a hash of the content; a fixed name keeps differences small.
    return re.sub(r"terminal-\d+", "terminal", svg)


def main() -> int:
    for name in SCRUBBED:
        os.environ.pop(name, None)
    os.environ.update(TZ="UTC", TERM="xterm-256color")
    time.tzset()
    FOLDER.mkdir(exist_ok=True)
    for name, scene in PICTURES.items():
        path = FOLDER / f"{name}.svg"
        path.write_text(asyncio.run(draw(scene)), encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(FOLDER.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
