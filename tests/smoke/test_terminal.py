"""The real program in a real terminal, driven by keys as a person drives it. Skipped where there is no tmux, unless
`MPP_SMOKE=required`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "mpp-console"
PATIENCE = 90.0
"""Seconds until a screen must have come; on a busy machine opening the first time takes a while."""
POLL = 0.05
MODES = ("Wallet", "Sessions", "Receipts", "Inspect", "Server")
_STYLE = re.compile(r"\x1b\[([0-9;:]*)m")


@pytest.fixture(autouse=True)
def tmux() -> None:
    if shutil.which("tmux") is None:
        if os.environ.get("MPP_SMOKE") == "required":
            pytest.fail("tmux is not there, and MPP_SMOKE=required")
        pytest.skip("tmux is not there: apt-get install tmux")


class Terminal:
    """One program in a tmux of its own, which ends with it."""

    def __init__(self, size: tuple[int, int], home: Path, *words: str, **more: str) -> None:
        self._socket = f"mpp-{uuid.uuid4().hex[:12]}"
        environment = {
            "MPP_CONSOLE_HOME": str(home / "console"),
            "TMPDIR": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TZ": "UTC",
            "COLORTERM": "truecolor",
            **more,
        }
        scrubbed = (word for name in ("NO_COLOR", "COLUMNS", "LINES") for word in ("-u", name))
        command = ["env", *scrubbed, *(f"{name}={value}" for name, value in environment.items()), *words]
        (home / "tmux.conf").write_text("set -g remain-on-exit on\nset -g status off\nset -s escape-time 0\n")
        width, height = map(str, size)
        start = ["-f", str(home / "tmux.conf"), "new-session", "-d", "-x", width, "-y", height]
        self._ended, self._began = home / "exit-code", home / "process"
        known = f'sh -c \'echo $$ > "$0"; exec "$@"\' {shlex.quote(str(self._began))} {shlex.join(command)}'
        self._tmux(*start, f"{known}; echo $? > {shlex.quote(str(self._ended))}")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def mode(self) -> str:
        """The mode that the second line shows as the current one: the part of it that is bold."""
        line = self._tmux("capture-pane", "-p", "-e").splitlines()[1]
        bold, found, place = False, "", 0
        for style in [*_STYLE.finditer(line), None]:
            end = style.start() if style else len(line)
            found += line[place:end] if bold else ""
            if style:
                place = style.end()
                codes = re.split("[;:]", style[1] or "0")
                bold = codes[0] == "1" or (bold and codes[0] not in {"0", "22"})
        return found.strip()

    def until(self, reached: Callable[[], object], what: str) -> None:
        """Looks again and again until it is so. Fails with the screen that is there instead."""
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, f"never saw {what}:\n{self.screen}"
            time.sleep(POLL)

    def see(self, *texts: str) -> None:
        self.until(lambda: all(text in self.screen for text in texts), " and ".join(map(repr, texts)))

    @property
    def exit_code(self) -> int | None:
        """None while the program runs."""
        # tmux itself does not always know it.
        written = self._ended.read_text() if self._ended.exists() else ""
        return int(written) if written.endswith("\n") else None

    @property
    def process(self) -> int:
        return int(self._began.read_text())

    @property
    def is_over(self) -> bool:
        """Whether the program's process is gone, whoever has waited for it."""
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        return False

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)


def patiently(reached: Callable[[], object], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, otherwise
        time.sleep(POLL)


Open = Callable[..., Terminal]


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[Open]:
    """Opens the program in a fresh home; whatever is still open at the end is closed."""
    opened: list[Terminal] = []

    def open_terminal(size: tuple[int, int], *words: str, **more: str) -> Terminal:
        opened.append(Terminal(size, tmp_path, str(PROGRAM), *words, **more))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_newcomer_pays_reads_looks_around_and_leaves(opens: Open, size: tuple[int, int], tmp_path: Path) -> None:
    terminal = opens(size)
    terminal.see("SANDBOX", "main 0x", "1 of 4")
    assert terminal.mode == "1 Wallet"

    terminal.press("t")
    terminal.see("0.010000 pathUSD", "✓ settled", "Overview")
    if size[0] < 120:
        terminal.press("Escape")  # the receipt fills the screen
    terminal.see("2 of 4")

    for number, name in enumerate(MODES, 1):
        terminal.press(str(number))
        terminal.until(lambda number=number, name=name: terminal.mode == f"{number} {name}", name)  # type: ignore[misc]
    terminal.press("3")
    terminal.see("0.010000", "settled")

    terminal.press("?")
    terminal.see("Everywhere", "Test payment")
    terminal.press("Escape")
    terminal.until(lambda: "Everywhere" not in terminal.screen, "the end of the help")

    terminal.press("q")
    terminal.see("Quit?", "server is running")
    terminal.press("Tab", "Enter")
    terminal.until(lambda: terminal.exit_code is not None, "the end")
    assert terminal.exit_code == 0
    assert "Traceback" not in terminal.screen
    assert (tmp_path / "console" / "data" / "sandbox" / "history.db").stat().st_mode & 0o777 == 0o600


def test_the_demo_opens_with_its_past_and_leaves_nothing_when_its_terminal_closes(opens: Open, tmp_path: Path) -> None:
    terminal = opens((120, 36), "--demo")
    terminal.see("DEMO", "999,999.487698 pathUSD", "server :")
    terminal.press("2")
    terminal.until(lambda: terminal.mode == "2 Sessions", "Sessions")
    (home,) = tmp_path.glob("mpp-console-demo-*")
    terminal.close()
    patiently(lambda: terminal.is_over, "the program still runs")
    assert not home.exists()
    assert not (tmp_path / "console").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("words", [(), ("--demo",)], ids=["sandbox", "demo"])
def test_a_signal_ends_it_and_gives_the_terminal_back(
    opens: Open, tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    terminal = opens((120, 36), *words)
    terminal.see("1 Wallet", "pathUSD")
    os.kill(terminal.process, number)
    terminal.until(lambda: terminal.exit_code is not None, "the end")
    assert terminal.exit_code == 128 + number
    assert "Wallet" not in terminal.screen
    assert "Traceback" not in terminal.screen
    assert not list(tmp_path.glob("mpp-console-demo-*"))


def test_a_terminal_that_closes_ends_it(opens: Open) -> None:
    terminal = opens((120, 36))
    terminal.see("1 Wallet", "pathUSD")
    terminal.close()
    patiently(lambda: terminal.is_over, "the program still runs")


def test_it_goes_on_after_it_was_stopped(opens: Open) -> None:
    terminal = opens((120, 36), "--demo")
    terminal.see("1 Wallet", "server :")
    os.kill(terminal.process, signal.SIGSTOP)
    os.kill(terminal.process, signal.SIGCONT)
    terminal.press("2")
    terminal.until(lambda: terminal.mode == "2 Sessions", "Sessions")
    terminal.press("C-q", "Tab", "Enter")  # the server runs, so it is asked
    terminal.until(lambda: terminal.exit_code is not None, "the end")
    assert terminal.exit_code == 0


def test_the_linux_console_gets_nothing_but_ascii_scrollbars_included(opens: Open) -> None:
    terminal = opens((120, 36), "--demo", TERM="linux")
    terminal.see("DEMO", "999,999.487698 pathUSD", "server :")
    for number, name in enumerate(MODES, 1):
        terminal.press(str(number))
        terminal.until(lambda number=number, name=name: terminal.mode == f"{number} {name}", name)  # type: ignore[misc]
        terminal.until(lambda: max(terminal.screen) < "\x7f", "nothing but ASCII")
