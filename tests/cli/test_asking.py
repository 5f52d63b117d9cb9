"""On a terminal: questions answered without echo, and over at once when somebody stops the program; short tables."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

from tests.cli.conftest import Run, Served, environment, one

CREATE = ["--profile", "moderato", "accounts", "create", "main"]


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, home: Path, words: list[str]) -> None:
        self.controller, self.terminal = pty.openpty()
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mpp_console", *words],
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            env=environment(home, MPP_CONSOLE_PASSPHRASE=""),
            start_new_session=True,
            # A suite that runs in the background ignores ctrl+c, and programs inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def wait_for(self, text: bytes) -> None:
        while text not in self.seen and select.select([self.controller], [], [], 30)[0]:
            self.seen += os.read(self.controller, 65536)
        assert text in self.seen

    def end(self) -> int:
        try:
            return self.process.wait(timeout=20)
        finally:
            self.process.kill()
            os.close(self.controller)
            os.close(self.terminal)


def test_a_passphrase_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home", CREATE)
    for cue in (b"New passphrase", b"again"):
        terminal.wait_for(cue)
        assert not terminal.echoes
        os.write(terminal.controller, b"open sesame\n")
    terminal.wait_for(b"0x")
    assert terminal.echoes
    assert terminal.end() == 0
    assert b"sesame" not in terminal.seen


def test_stopping_a_passphrase_question_ends_it_at_once(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home", CREATE)
    terminal.wait_for(b"New passphrase")
    terminal.process.send_signal(signal.SIGINT)
    terminal.process.wait(timeout=20)
    assert terminal.echoes
    assert terminal.end() == 130


def test_a_list_on_a_screen_names_ids_by_their_beginning(beside: Run, served: Served) -> None:
    paid = one(beside("pay", "--json", f"{served.url}/charge"))
    reference, number = paid["receipt"]["reference"], paid["receipt_id"]
    assert reference in beside("receipts", "list", number).stdout
    terminal = Terminal(served.home, ["receipts", "list", number])
    terminal.wait_for(b"1 of 1")
    assert terminal.end() == 0
    drawn = "".join(re.sub(r"\x1b\[[0-9;]*m|\s", "", terminal.seen.decode()))
    assert number[:6] in drawn
    assert number not in drawn
    assert reference not in drawn
    assert f"id\t{number}" in beside("receipts", "show", number[:13]).stdout


def test_stopping_at_a_question_that_is_typed_out_is_a_stop(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home", ["sandbox", "reset"])
    terminal.wait_for(b"go on")
    os.write(terminal.controller, b"\x03")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    assert b"Traceback" not in terminal.seen


def test_a_wrong_passphrase_is_a_matter_of_usage(alone: Run, tmp_path: Path) -> None:
    alone("--profile", "moderato", "accounts", "create", "main")
    (file,) = (path for path in (tmp_path / "home").rglob("keys/*") if path.is_file())
    failed = alone(
        "--profile", "moderato", "accounts", "import", "other", "--keystore", str(file),
        code=2, MPP_CONSOLE_PASSPHRASE="wrong",
    )  # fmt: skip
    assert "does not open this key" in failed.stderr
