"""The driver of terminals: what it does when one is gone, or was somebody else's for a while."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from mpp_console.tui.driver import TerminalDriver


class Terminal:
    """A driver over a terminal of its own. `did` is what it was made to do, without doing it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.master, slave = pty.openpty()
        self.did: list[str] = []
        self.keyboard, self.screen = os.fdopen(slave, "r"), os.fdopen(os.dup(slave), "w")
        patch.setattr(sys, "__stdin__", self.keyboard)
        patch.setattr(sys, "__stderr__", self.screen)
        for name, word in (("start_application_mode", "start"), ("stop_application_mode", "stop")):
            patch.setattr(LinuxDriver, name, lambda _driver, word=word: self.did.append(word))
        self.driver = TerminalDriver(App[None]())

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.keyboard.close()
        with suppress(OSError):  # what nobody has seen
            self.screen.close()


@pytest.fixture
async def terminal(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Terminal]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
    monkeypatch.setattr("mpp_console.tui.driver.heed", lambda leave: None)
    opened = Terminal(monkeypatch)
    yield opened
    opened.close()
    for number, handler in kept.items():
        signal.signal(number, handler)


async def test_it_goes_on_once_after_it_was_suspended(terminal: Terminal) -> None:
    terminal.driver.suspend_application_mode()
    terminal.driver._sigcont_application()
    assert terminal.did == ["stop", "start"]


async def test_after_a_stop_that_it_did_not_hear_nothing_runs_twice(terminal: Terminal) -> None:
    for _ in range(2):
        terminal.driver._sigcont_application()
    assert terminal.did == ["stop", "start"] * 2


async def test_nothing_is_started_on_a_terminal_that_is_gone(terminal: Terminal) -> None:
    """The system sends the signal to go on together with the hangup."""
    terminal.hang_up()
    terminal.driver._sigcont_application()
    assert terminal.did == []


async def test_writing_to_a_terminal_that_is_gone_ends_no_thread(terminal: Terminal) -> None:
    file = terminal.driver._file
    assert file.write("seen") == 4
    file.flush()
    assert os.read(terminal.master, 10) == b"seen"
    terminal.hang_up()
    assert file.write("nobody sees it") == 14
    file.flush()
    assert file.fileno() == terminal.screen.fileno()
