"""Jump mode: a letter on everything that can have the focus; pressing one goes there, any other key leaves."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from mpp_console.tui.widgets.pane import Pane

__all__ = ["JumpOverlay", "targets_of"]

_LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""The home row first: what is at the top left is under the strongest fingers."""

_WIDE = 2
"""Cells of a label."""


def targets_of(screen: Screen[object]) -> list[tuple[Widget, Offset]]:
    """What can be focused on a screen and is in sight, in reading order, each with the place of its letter."""
    found: list[tuple[Widget, Offset]] = []
    for widget in screen.focus_chain:
        region = widget.region.intersection(screen.region)
        if region.area:
            found.append((widget, _corner(widget)))
    found.sort(key=lambda target: (target[1].y, target[1].x))
    return found[: len(_LETTERS)]


def _corner(widget: Widget) -> Offset:
    """The corner of the pane that it fills, else just before its own start: a letter hides no text."""
    pane = next((node for node in widget.ancestors if isinstance(node, Pane)), None)
    if pane is not None and sum(1 for node in pane.query("*") if node.focusable) == 1:
        return pane.region.offset
    return Offset(max(widget.region.x - _WIDE, 0), widget.region.y)


class JumpOverlay(ModalScreen[Widget | None]):
    """The letters over the screen below. Gives the widget whose letter was pressed."""

    DEFAULT_CSS = """
    JumpOverlay { align: left top; background: $background 40%; layers: letters; }
    JumpOverlay .jump {
        layer: letters;
        position: absolute;
        width: 2;
        height: 1;
        background: $primary;
        color: $background;
        text-style: bold;
    }
    JumpOverlay #jump-hint {
        layer: letters;
        dock: bottom;
        width: 100%;
        height: 1;
        background: $surface;
        color: $text-muted;
        padding: 0 1;
    }
    """
    AUTO_FOCUS = ""

    def __init__(self, targets: Sequence[tuple[Widget, Offset]]) -> None:
        super().__init__()
        self._targets = dict(zip(_LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        for letter, (_, offset) in self._targets.items():
            label = Static(Content(f" {letter}"), markup=False, classes="jump")
            label.styles.offset = offset
            yield label
        yield Static(Content("a letter goes there · esc stays here"), markup=False, id="jump-hint")

    def on_mount(self) -> None:
        self._began_at = self.app.size

    def on_resize(self, _event: events.Resize) -> None:
        # What the letters stood on is elsewhere now.
        if self.app.size != self._began_at:
            # A terminal tells of one change more than once.
            self._began_at = self.app.size
            self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        target = self._targets.get(event.character or "")
        self.dismiss(target[0] if target else None)

    def on_click(self, event: events.Click) -> None:
        for widget, offset in self._targets.values():
            if event.screen_offset.y == offset.y and 0 <= event.screen_offset.x - offset.x < _WIDE:
                self.dismiss(widget)
                return
        self.dismiss(None)
