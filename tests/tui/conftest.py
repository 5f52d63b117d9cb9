"""Keeps the terminal, the clock and the person's own settings out of the tests of the screens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from textual.widgets import Input

from mpp_console.tui.memory import collect_seldom
from tests.tui.drawing import SCRUBBED, Ticker


@pytest.fixture(scope="session", autouse=True)
def seldom_collected() -> None:
    """As in the program: an app is tens of thousands of objects that die together, and looking for dead ones among
    them while it lives takes a third of the time of these tests.
    """
    collect_seldom()


@pytest.fixture(autouse=True)
def quiet_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plain terminal in UTC, a cursor that does not blink, and a home of its own."""
    for name in SCRUBBED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("MPP_CONSOLE_HOME", str(tmp_path))
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _self: None)
    time.tzset()


@pytest.fixture
def ticker() -> Ticker:
    """A monotonic clock that stands still until it is pushed."""
    return Ticker()
