"""The frame around everything: a round border, title at the left, badge at the right, hint below.

Textual draws one text in a border's top line. Title and badge share it, with border characters between them, which
must then be drawn in the border's own colour and measured anew whenever the pane is resized or focused.
"""

from __future__ import annotations

from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from mpp_console.tui.display import in_ascii
from mpp_console.tui.view import after_paint

__all__ = ["Pane"]


class Pane(Vertical):
    """A titled region of a screen. `frame` sets what its border says."""

    DEFAULT_CSS = """
    Pane {
        border: round $panel;
        border-title-align: left;
        border-title-color: $text-muted;
        border-subtitle-align: left;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        &:focus-within {
            border: round $primary;
            border-title-color: $foreground;
            border-title-style: bold;
        }
    }
    """

    ALLOW_MAXIMIZE = True

    def __init__(
        self,
        *children: Widget,
        title: str,
        hint: str = "",
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(*children, id=id, classes=classes)
        self._title = Content(title)
        self._badge = Content("")
        self._hint = Content(hint)

    def on_mount(self) -> None:
        self._draw()

    def frame(self, *, title: Content | None = None, badge: Content | None = None, hint: Content | None = None) -> None:
        """Changes what the border says; None leaves a part as it is."""
        before = (self._title, self._badge, self._hint)
        self._title = self._title if title is None else title
        self._badge = self._badge if badge is None else badge
        self._hint = self._hint if hint is None else hint
        if not all(old.is_same(new) for old, new in zip(before, (self._title, self._badge, self._hint), strict=True)):
            self._draw()

    def on_resize(self, _event: events.Resize) -> None:
        self._draw()

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        after_paint(self, self._draw)

    def on_descendant_blur(self, _event: events.DescendantBlur) -> None:
        after_paint(self, self._draw)

    @property
    def title(self) -> Content:
        """What it is called, without badge."""
        return self._title

    def _draw(self) -> None:
        # Two corners, and the blank that Textual puts on either side of a title.
        room = self.size.width + self.styles.gutter.width - 2 - 4
        plain = self.app.has_class("-ascii")
        title, badge, hint = (in_ascii(part) if plain else part for part in (self._title, self._badge, self._hint))
        fill = room - title.cell_length - badge.cell_length - 2
        if not badge.cell_length or fill < 1:
            self.border_title = title
        else:
            focused = self.has_pseudo_class("focus-within")
            rule = "-" if plain else "─"
            line = Content.styled(rule * fill, "not bold $primary" if focused else "not bold $panel")
            self.border_title = Content.assemble(title, " ", line, " ", badge)
        self.border_subtitle = hint
