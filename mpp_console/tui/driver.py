"""Textual's driver of terminals, for terminals that go away: a hangup comes with a signal to go on, for which Textual
starts its threads a second time, and the first ones read a dead terminal for ever; and the thread that writes ends with
the first write that fails, after which whoever writes waits for it for ever. Overrides private parts of Textual, whose
version is pinned.
"""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver

from mpp_console.tui.signals import heed, hung_up

__all__ = ["TerminalDriver"]


class _Patient:
    """A terminal's file that takes what is written to it even when nobody is there to see it any more."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Drives one terminal until it is given back or gone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file: Any = _Patient(self._file)
        self._given_back = False

    def start_application_mode(self) -> None:
        # Before anything is started that a signal would leave running.
        heed(self._app.exit)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self._given_back = True

    def resume_application_mode(self) -> None:
        self._given_back = False
        super().resume_application_mode()

    def _sigcont_application(self, *_: object) -> None:
        if not self._auto_restart or hung_up(self.fileno):
            return
        if not self._given_back:  # stopped by what no program can hear, and the shell has had the terminal since
            self.suspend_application_mode()
        self.resume_application_mode()
