"""A short menu above a screen: one line a choice, each with a letter of its own, picked by letter, enter or click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mpp_console.protocol import inert
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import MUTED
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.pane import Pane

__all__ = ["Choice", "MenuDialog"]

_LETTERS = "abcdefghilmnoprstuvwxyz0123456789"
"""Letters that choices are given: not `j` and `k`, which move, nor `q`, which leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of a menu. `key` is the letter that picks it (one is found if it has none); with a `reason` it cannot
    be picked now.
    """

    id: str
    label: str
    note: str = ""
    key: str = ""
    reason: str = ""


def lettered(choices: Sequence[Choice]) -> dict[str, Choice]:
    """The choices under their letters: their own, else one of their label's, else any that is free."""
    taken = {choice.key for choice in choices if choice.key}
    letters: dict[str, Choice] = {}
    for choice in choices:
        wanted = [choice.key] if choice.key else [*choice.label.lower(), *_LETTERS]
        for letter in wanted:
            if choice.key or (letter in _LETTERS and letter not in taken):
                letters[letter] = choice
                taken.add(letter)
                break
    return letters


class MenuDialog(Overlay[str | None]):
    """Gives the id of the choice that was picked, or None."""

    KEYS = (("enter", "Pick"), ("↑ ↓", "Move"))
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]
    AUTO_FOCUS = "#menu-choices"

    def __init__(self, title: str, choices: Sequence[Choice], *, at: str = "") -> None:
        super().__init__()
        self._title = title
        self._at = at
        self._letters = lettered(choices)

    def compose(self) -> ComposeResult:
        width = max((cell_len(choice.label) for choice in self._letters.values()), default=0)
        options = [
            Option(self._line(letter, choice, width), id=choice.id, disabled=bool(choice.reason))
            for letter, choice in self._letters.items()
        ]
        with Pane(title=self._title, hint="a letter or enter picks · esc closes", id="menu"):
            yield OptionList(*options, id="menu-choices", compact=True)

    def _line(self, letter: str, choice: Choice, width: int) -> Content:
        plain = app_of(self).view.lens.plain
        label = inert(choice.label, limit=80)
        said = (choice.reason and f"not now: {choice.reason}") or choice.note
        return Content.assemble(
            (f"{letter}  ", MUTED if choice.reason else "bold $primary"),
            (label + " " * max(width - cell_len(label), 0), MUTED if choice.reason else ""),
            (f"   {plain(inert(said, limit=200))}" if said else "", MUTED),
        )

    def on_mount(self) -> None:
        box = self.query_one(OptionList)
        if any(choice.id == self._at for choice in self._letters.values()):
            box.highlighted = box.get_option_index(self._at)

    def on_key(self, event: events.Key) -> None:
        choice = self._letters.get(event.character or "")
        if choice is not None:
            event.stop()
            if choice.reason:
                app_of(self).say(choice.reason)
            else:
                self.dismiss(choice.id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()

    def do_dialog_close(self) -> None:
        self.dismiss(None)
