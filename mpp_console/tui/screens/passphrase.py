"""Asks for the passphrase of a key file. What is typed is shown as dots and goes to whoever asked, nowhere else."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from mpp_console.protocol import inert
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.widgets.pane import Pane

__all__ = ["PassphraseDialog"]


class PassphraseDialog(Overlay[str | None]):
    """Gives what was typed, None when it was closed."""

    KEYS = (("enter", "Unlock"),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#passphrase"

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = inert(question)

    def compose(self) -> ComposeResult:
        with Pane(title="Unlock", hint="enter unlocks · esc gives up", id="question"):
            yield Static(self._question, markup=False, id="question-text")
            yield Input(password=True, id="passphrase", compact=True)

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted, "#passphrase")
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
