"""How long the program takes to say its version and to draw its first frame, beside bare Python and bare Textual

Every figure is the best of several runs of a fresh process, timed from its start.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.conftest import Report

BARE_TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("BARE-TEXTUAL-READY")
Bare().run()
"""


def best(measure: Callable[[], float], runs: int = 7) -> float:
    return min(measure() for _ in range(runs))


def seconds_to_finish(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def seconds_to_show(command: list[str], text: bytes, home: Path) -> float:
    """From the start of the process until `text` has reached a 120x36 terminal."""
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        environment = {
            **os.environ,
            "MPP_CONSOLE_HOME": str(home),
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "LINES": "36",
        }
        os.execvpe(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen = b""
    try:
        while text not in seen:
            seen += os.read(terminal, 65536)
        return time.perf_counter() - start
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def test_version(report: Report) -> None:
    bare = best(lambda: seconds_to_finish([sys.executable, "-c", "pass"]))
    ours = best(lambda: seconds_to_finish([str(Path(sys.executable).parent / "mpp-console"), "--version"]))
    report.add(
        "--version",
        "mpp-console",
        f"{ours * 1000:.0f} ms",
        f"bare Python {bare * 1000:.0f} ms, budget 150 ms",
        ours / bare,
    )


def test_first_frame(report: Report, tmp_path: Path) -> None:
    bare = best(lambda: seconds_to_show([sys.executable, "-c", BARE_TEXTUAL], b"BARE-TEXTUAL-READY", tmp_path), 5)
    program = str(Path(sys.executable).parent / "mpp-console")
    ours = best(lambda: seconds_to_show([program], b"SANDBOX", tmp_path), 5)
    report.add(
        "first frame",
        "mpp-console",
        f"{ours * 1000:.0f} ms",
        f"bare Textual {bare * 1000:.0f} ms, budget 700 ms",
        ours / bare,
    )


def test_imports(report: Report) -> None:
    bare = best(lambda: seconds_to_finish([sys.executable, "-c", "pass"]))
    for module in (
        "mpp_console.protocol",
        "mpp_console.client",
        "mpp_console.server",
        "mpp_console.services",
        "textual.app",
    ):
        spent = best(lambda module=module: seconds_to_finish([sys.executable, "-c", f"import {module}"]), 5)  # type: ignore[misc]
        report.add("import", module, f"{(spent - bare) * 1000:.0f} ms")
