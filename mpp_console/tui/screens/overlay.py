"""What opens above a screen, with a last line of its own: the keys of the screen below do not work meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.style import Style

from mpp_console.tui.actions import ACTIONS, Action, Scope, in_scope
from mpp_console.tui.display import MUTED
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.keybar import KeyBar

__all__ = ["FIELDS", "DialogBar", "Overlay"]

Keys = tuple[tuple[str, str], ...]
"""Keys that are no actions, as `enter`, each with what it does here."""

_LEAVING = {"dialog.close", "review.close"}

FIELDS: Keys = (("enter", "Go on"), ("tab", "Next field"))
"""The keys of a dialog that is filled in."""


class Overlay(ModalScreen[ScreenResultType]):
    """A dialog, menu or sheet. `KEYS` are those that work in it besides its actions."""

    KEYS: ClassVar[Keys] = ()

    @on(events.Mount)
    def _name_keys(self) -> None:
        self.mount(DialogBar(self))

    def foot(self) -> Sequence[Action]:
        """The actions that the last line names: what this dialog binds, but for the modes, whose keys stand above."""
        names = {
            binding.id
            for kind in type(self).__mro__
            for binding in kind.__dict__.get("BINDINGS", ())
            if isinstance(binding, Binding)
        }
        bound = (entry for entry in ACTIONS if entry.id in names and not entry.id.startswith("mode."))
        # Leaving comes first: it is what must not be cut off. What works everywhere comes last.
        return sorted(bound, key=lambda entry: (entry.id not in _LEAVING, entry.scope is Scope.APP))

    def refresh_foot(self) -> None:
        """Draws the last line anew if it says something else now."""
        for bar in self.query(DialogBar):
            bar.refresh_keys()


class DialogBar(KeyBar):
    """The keys of a dialog. It lies below the dialog, which may need its line in a small terminal."""

    DEFAULT_CSS = """
    DialogBar { layer: keys; }
    """

    def __init__(self, dialog: Overlay[ScreenResultType]) -> None:
        super().__init__()
        self._dialog = dialog

    def _parts(self) -> tuple[list[Content], list[Content]]:
        plain = app_of(self).view.lens.plain
        keys = [
            Content.assemble((plain(key), Style.parse("bold $primary")), (f" {label}", Style.parse(MUTED)))
            for key, label in self._dialog.KEYS
        ]
        entries = [*self._of_list(), *self._dialog.foot()]
        shown = [entry for entry in entries if app_of(self).view.keymap.keys(entry)]
        return [*keys, *(self._key(entry) for entry in shown)], []

    def _is_typed(self, key: str) -> bool:
        return False  # what a dialog binds it has chosen beside its own fields

    def _of_list(self) -> Iterable[Action]:
        focused = self.screen.focused
        if self._dialog.KEYS or not hasattr(focused, "do_list_open"):
            return ()  # a dialog that names keys of its own says what enter does in its list
        lacks = getattr(focused, "lacks", lambda _name: None)
        return [entry for entry in in_scope(Scope.LIST) if entry.hint is not None and not lacks(entry.id)]
