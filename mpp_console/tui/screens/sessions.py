"""Mode 2: payment channels, with what is deposited, spent and left in each."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.widgets.pane import Pane

__all__ = ["SessionsScreen"]

_EMPTY = "No payment channels. A session deposits once and then pays per request."


class SessionsScreen(ModeScreen):
    MODE = "sessions"
    SCOPE = Scope.SESSIONS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.SESSIONS)]

    def body(self) -> ComposeResult:
        with Pane(title="Sessions", id="sessions"):
            yield Static(_EMPTY, id="sessions-empty", markup=False)
