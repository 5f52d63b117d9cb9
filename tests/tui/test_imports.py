"""The first frame comes early: nothing heavy is loaded before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("httpx", "web3", "eth_account", "starlette", "uvicorn", "sqlite_utils", "coincurve", "keyring", "segno")

_IMPORT = f"""
import sys
import mpp_console.tui.app
print([name for name in {HEAVY!r} if name in sys.modules])
"""

_FIRST_FRAME = f"""
import asyncio, sys
from mpp_console.tui.app import ConsoleApp

async def never():
    await asyncio.Event().wait()

class FirstFrame(ConsoleApp):
    def _start(self):
        drawn = "\\n".join(strip.text for strip in self.screen._compositor.render_strips())
        assert "SANDBOX" in drawn and "Balance" in drawn, drawn
        print([name for name in {HEAVY!r} if name in sys.modules])
        self.exit(0)

async def main():
    async with FirstFrame(never).run_test(size=(120, 36)) as pilot:
        await pilot.pause()

asyncio.run(main())
"""


def run_file(code: str, folder: Path) -> str:
    """Textual looks for styles beside the file of the class, so the class needs one."""
    path = folder / "first.py"
    path.write_text(code, encoding="utf-8")
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True).stdout.strip()


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_app_loads_nothing_heavy() -> None:
    assert run(_IMPORT) == "[]"


def test_the_first_frame_is_drawn_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    assert run_file(_FIRST_FRAME, tmp_path) == "[]"


def test_only_the_mode_that_is_shown_is_imported() -> None:
    code = (
        "import sys, mpp_console.tui.app; print([m for m in sys.modules if m.startswith('mpp_console.tui.screens.')])"
    )
    assert run(code) == "[]"
