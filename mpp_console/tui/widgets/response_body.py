"""The body of an answer on screen: indented and coloured JSON, wrapped text, or bytes. Draws only the rows in view.

Laying out a long body is done in a thread, so that nothing else waits for it; how many bytes there are makes no
difference to what is painted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from mpp_console.tui.actions import action
from mpp_console.tui.body_layout import TextRows, hex_row, kind_of, lay_out, pretty, readable, size_text
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.view import begin

__all__ = ["BodyView"]

_AT_ONCE = 64 * 1024
"""Bytes that are laid out without a thread: faster than starting one, and without a flicker."""
_LIVE = 256 * 1024
"""Bytes of a body that is still coming that are shown; the rest waits for its end."""
_MOVES = ("list.down", "list.up", "list.first", "list.last", "list.page_down", "list.page_up")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is to be drawn: bytes, what they say they are, and whether more are to come."""

    body: bytes
    media: str
    charset: str
    whole: bool


class BodyView(ScrollView, can_focus=True):
    """Shows one body at a time; `show` replaces it. What it is is in `form` once it is laid out: `JSON`, `text`…"""

    DEFAULT_CSS = """
    BodyView {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        background: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [action(name).binding() for name in _MOVES]

    def __init__(self, lens: Lens, *, empty: str = "The body is empty.", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lens = lens
        self._empty = empty
        self._shown: _Shown | None = None
        self._text: str | None = None
        self._rows: TextRows | None = None
        self._coloured = False
        self._laid_width = 0
        self.form = ""

    def show(self, body: bytes, media: str, charset: str = "", *, whole: bool = True) -> None:
        """Shows these bytes, or the first of them while more are to come."""
        shown = _Shown(body if whole else body[:_LIVE], media, charset, whole)
        if shown != self._shown:
            self._shown, self._text, self._laid_width = shown, None, 0
            self._lay()

    def look(self, lens: Lens) -> None:
        """Draws through another lens."""
        before, self._lens = self._lens, lens
        if (before.privacy, before.ascii) != (lens.privacy, lens.ascii):
            self._resize_rows()
            self.refresh()

    # Moving

    def do_list_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def do_list_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def do_list_first(self) -> None:
        self.scroll_home(animate=False)

    def do_list_last(self) -> None:
        self.scroll_end(animate=False)

    def do_list_page_down(self) -> None:
        self.scroll_page_down(animate=False)

    def do_list_page_up(self) -> None:
        self.scroll_page_up(animate=False)

    # Laying out

    def on_resize(self, _event: events.Resize) -> None:
        self._lay()

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _lay(self) -> None:
        shown, width = self._shown, self._width
        if shown is None or width <= 0 or self._laid_width == width:
            return
        self._laid_width = width
        if kind_of(shown.media, shown.body) in ("binary", "empty"):
            self._take(None, None)
        elif len(shown.body) <= _AT_ONCE:
            self._take(*_laid(shown, width, self._text, self._coloured))
        else:
            begin(self, partial(self._lay_apart, shown, width), group="body", what="the body", exclusive=True)

    async def _lay_apart(self, shown: _Shown, width: int) -> None:
        text, rows = await asyncio.to_thread(_laid, shown, width, self._text, self._coloured)
        if shown is self._shown and width == self._width:
            self._take(text, rows)

    def _take(self, text: str | None, rows: TextRows | None) -> None:
        shown = self._shown
        self._text, self._rows = text, rows
        self._coloured = rows is not None and rows.coloured
        kind = kind_of(shown.media, shown.body) if shown else "empty"
        self.form = {"binary": "bytes", "empty": "", "json": "JSON", "text": "text"}[kind]
        if kind == "json" and not self._coloured:
            self.form = "text"
        self._resize_rows()
        self.refresh()

    def _resize_rows(self) -> None:
        self.virtual_size = Size(self._width, 0 if self._lens.privacy else self._count)

    @property
    def _per_row(self) -> int:
        return 16 if self._width >= 78 else 8

    @property
    def _count(self) -> int:
        if self._rows is not None:
            return len(self._rows)
        if self.form == "bytes" and self._shown is not None:
            return -(-len(self._shown.body) // self._per_row)
        return 0

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, index = self._width, y + self.scroll_offset.y
        pieces: list[tuple[str, str]] = []
        if notice := self._notice():
            pieces = [(notice, MUTED)] if index == 0 else []
        elif index < self._count and self._rows is not None:
            pieces = self._rows.inked(index)
        elif index < self._count and self._shown is not None:
            pieces = hex_row(self._shown.body, index, self._per_row)
        base = self.visual_style
        segments = [Segment(text, (base + Style.parse(tone)).rich_style) for text, tone in pieces]
        return Strip(segments).adjust_cell_length(width, base.rich_style)

    def _notice(self) -> str:
        """What stands there instead of a body."""
        if self._lens.privacy:
            return "masked: privacy is on"
        if self._shown is None or (self._rows is None and not self.form and self._shown.body):
            size = size_text(len(self._shown.body)) if self._shown else ""
            return self._lens.plain(f"reading {size}…".replace("  ", " "))
        if not self._shown.body:
            return self._empty if self._shown.whole else self._lens.plain("nothing yet…")
        return ""


def _laid(shown: _Shown, width: int, text: str | None, coloured: bool) -> tuple[str, TextRows]:
    """The text of a body, and its rows. `text` is the same text, when only the width has changed."""
    if text is None:
        text = readable(shown.body, shown.charset)
        indented = pretty(text) if shown.whole and kind_of(shown.media, shown.body) == "json" else None
        coloured = indented is not None or "ndjson" in shown.media or "jsonl" in shown.media
        text = text if indented is None else indented
    return text, lay_out(text, width, coloured=coloured)
