"""Mode 4: what a URL asks for, decoded and judged by an unpaid request; or anything pasted."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.widgets.pane import Pane

__all__ = ["InspectScreen"]


class InspectScreen(ModeScreen):
    MODE = "inspect"
    SCOPE = Scope.INSPECT
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.INSPECT)]

    def body(self) -> ComposeResult:
        with Pane(title="Inspect", id="inspect"):
            yield Static("", id="inspect-empty", markup=False)
