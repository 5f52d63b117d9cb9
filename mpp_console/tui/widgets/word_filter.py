"""A filter of plain words over a list that is in memory: what is typed narrows it at once."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.pane import Pane

__all__ = ["WordFilter"]

_HINT = "enter keeps it · esc clears it · !word leaves out"


class WordFilter(Pane):
    """One line to type words into. Shown by `open`."""

    class Changed(Message):
        """Other words are in force. `final` when enter said so."""

        def __init__(self, box: WordFilter, text: str, *, final: bool) -> None:
            super().__init__()
            self.box = box
            self.text = text
            self.final = final

        @property
        def control(self) -> Widget:
            return self.box

    def __init__(self, *, placeholder: str, id: str) -> None:  # noqa: A002
        super().__init__(title="Filter", id=id)
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        yield Input(placeholder=self._placeholder, compact=True)

    @property
    def text(self) -> str:
        return self.query_one(Input).value.strip()

    def open(self) -> None:
        """Shows the box with the words in force, ready to type."""
        self.display = True
        self.frame(hint=Content(app_of(self).view.lens.plain(_HINT)))
        self.query_one(Input).focus()

    def shut(self) -> None:
        """Takes the words away, and the box."""
        self.display = False
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""

    def count(self, shown: int, total: int) -> None:
        """Says how many pass."""
        said = f"{shown:,} of {total:,}".replace(",", " ")
        self.frame(badge=Content.styled(said, "$primary" if shown else "$warning"))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value.strip(), final=False))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value.strip(), final=True))
