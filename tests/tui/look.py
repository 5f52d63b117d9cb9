"""Draws any scene to a file, to look at while working: `python -m tests.tui.look wallet 120x36 [dark] > wallet.svg`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from tests.tui.drawing import SCRUBBED
from tests.tui.scenes import MODES, OTHERS
from tests.tui.screenshots import draw


def main(name: str, size: str = "120x36", theme: str = "dark") -> int:
    for scrubbed in SCRUBBED:
        os.environ.pop(scrubbed, None)
    os.environ.update(TZ="UTC", TERM="xterm-256color")
    time.tzset()
    width, _, height = size.partition("x")
    scene = (MODES | OTHERS)[name].in_theme(theme)
    sys.stdout.write(asyncio.run(draw(scene, size=(int(width), int(height)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
