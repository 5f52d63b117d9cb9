"""One of a few, on a line: `● CSV  ○ JSON  ○ Markdown`. Arrows, space or a click choose; what cannot be chosen says
why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from mpp_console.protocol import inert
from mpp_console.tui.display import MUTED
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.facts import Laid

__all__ = ["Pick", "PickOption"]

_META = "pick"
_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PickOption:
    """`note` follows the label, dimmed. With a `reason` it cannot be chosen now."""

    id: str
    label: str
    note: str = ""
    reason: str = ""


class Pick(Laid, can_focus=True):
    """Shows its options beside one another, in as many lines as they need."""

    DEFAULT_CSS = """
    Pick { color: $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
    ]

    class Changed(Message):
        """Another option was chosen."""

        def __init__(self, pick: Pick, value: str) -> None:
            super().__init__()
            self.pick = pick
            self.value = value

        @property
        def control(self) -> Widget:
            return self.pick

    def __init__(self, options: Sequence[PickOption], value: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._options = tuple(options)
        self.value = value

    def choose(self, value: str) -> None:
        """Chooses an option; one that cannot be chosen says why instead."""
        option = next(option for option in self._options if option.id == value)
        if option.reason:
            app_of(self).say(option.reason, warn=True)
        elif value != self.value:
            self.value = value
            self.changed()
            self.post_message(self.Changed(self, value))

    def action_step(self, by: int) -> None:
        able = [option.id for option in self._options if not option.reason]
        self.choose(able[(able.index(self.value) + by) % len(able)])

    def on_click(self, event: events.Click) -> None:
        if (value := event.style.meta.get(_META)) is not None:
            self.choose(value)

    def on_focus(self) -> None:
        self.changed()

    def on_blur(self) -> None:
        self.changed()

    def lay(self, width: int) -> Content:
        lines: list[list[Content]] = [[]]
        used = 0
        for option in self._options:
            text = self._draw(option)
            if lines[-1] and used + _GAP + text.cell_length > width:
                lines.append([])
                used = 0
            used += text.cell_length + (_GAP if lines[-1] else 0)
            lines[-1].append(text)
        return Content("\n").join(Content(" " * _GAP).join(line) for line in lines)

    def _draw(self, option: PickOption) -> Content:
        lens = app_of(self).view.lens
        chosen = option.id == self.value
        tone = MUTED if option.reason or not chosen else "bold $primary"
        ground = " on $block-cursor-background" if chosen and self.has_focus else ""
        style = Style.parse(f"{tone}{ground}".strip()) + Style.from_meta({_META: option.id})
        text = f"{lens.plain('●' if chosen else '○')} {inert(option.label)}"
        return Content.assemble((text, style), (f" {lens.plain(option.note)}" if option.note else "", MUTED))
