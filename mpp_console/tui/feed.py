"""The list of the console: rows drawn on demand from a view model, however many there are.

`DataTable` repaints every visible cell for each change and loads rows by the thousand in seconds; this draws only the
lines in view, one cached strip each. Whether it follows new rows is explicit state, not a guess from the scroll
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.choosing import Choosing
from mpp_console.tui.columns import Cell, Column, fit, line_of
from mpp_console.tui.display import INFO, MUTED, Lens, fold
from mpp_console.tui.feed_pane import FeedHeading, FeedPane
from mpp_console.tui.orders import Order
from mpp_console.tui.rows import R, Rows
from mpp_console.tui.view import after_paint, begin

__all__ = ["Feed", "FeedHeading", "FeedPane"]

Draw = Callable[[R, Lens], Sequence[Cell]]
_FLASH_SECONDS = 0.6


class Feed(Choosing[R], can_focus=True):
    """Rows with a cursor. Follows the newest row until somebody moves away from it; then counts what they have not
    seen.

    `follow` makes it a list of what happens, which can be paused. `order` is the one it begins with; without one it
    cannot be ordered. `marks` lets its rows be marked; `marked` gives them.
    """

    DEFAULT_CSS = """
    Feed {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        background: $background;
        & > .feed--cursor { background: $block-cursor-blurred-background; }
        & > .feed--flash { background: $block-cursor-background; }
        & > .feed--marked { background: $primary 14%; }
        &:focus > .feed--cursor { background: $block-cursor-background; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"feed--cursor", "feed--flash", "feed--marked"}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LIST)]

    class Moved(Message):
        """The cursor is on another row, or on none."""

        def __init__(self, feed: Feed[Any], row: Any) -> None:
            super().__init__()
            self.feed = feed
            self.row = row

        @property
        def control(self) -> Widget:
            return self.feed

    class Opened(Moved):
        """A row was chosen by enter or a second click."""

    def __init__(
        self,
        columns: Sequence[Column],
        draw: Draw[R],
        lens: Lens,
        *,
        empty: str,
        follow: bool = True,
        order: Order | None = None,
        marks: bool = False,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(columns, streams=follow, order=order, marks=marks, id=id)
        self.empty = empty
        self._row_cells = draw
        self._lens = lens
        self._fresh: set[str] = set()
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(1024)
        self.set_reactive(Feed.following, follow)

    # What it shows

    def show(self, rows: Rows[R]) -> None:
        """Shows another view model from its newest row on (its first, for a list that does not follow). Marks stay."""
        self.rows = rows
        self._held.clear()
        self._end_range()
        self._strips.clear()
        self.set_reactive(Feed.cursor, -1)
        self.unseen = 0
        self.following = self.follows and self._begins_following
        self._resize_rows()
        self.cursor = len(rows) - 1 if self.follows else min(0, len(rows) - 1)
        self.refresh()
        self.post_message(self.Changed(self))

    def replace(self, rows: Sequence[R]) -> None:
        """Gives a short list whole; the cursor stays on its row as long as that exists."""
        current = self.selected
        self._end_range()
        self.rows.replace(rows)
        self._strips.clear()
        self._resize_rows()
        index = self.rows.index_of(current.id) if current else None
        self.cursor = index if index is not None else min(max(self.cursor, 0), len(rows) - 1)
        self.refresh()
        self.post_message(self.Changed(self))

    def append(self, rows: Iterable[R]) -> None:
        """Adds rows that just happened, oldest first. While the list is paused they wait; in another order than its
        first they are only counted, since their place is not the end.
        """
        rows = tuple(rows)
        if self.paused:
            self._held += rows
            self.unseen += len(rows)
        elif self._streams and not self.follows:
            self.unseen += len(rows)
        else:
            self._take_in(rows)
        self.post_message(self.Changed(self))

    def use(self, columns: Sequence[Column]) -> None:
        """Lays the rows out by other columns."""
        self.columns = tuple(columns)
        self._redraw()

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def _take_in(self, rows: Sequence[R]) -> None:
        count = self.rows.append(rows)
        if not count:
            return
        self._resize_rows()
        if self.following:
            self._to_end()
        else:
            self.unseen += count
        if self.app.animation_level != "none":
            fresh = {row.id for row in rows}
            self._fresh |= fresh
            self.set_timer(_FLASH_SECONDS, partial(self._fade, fresh))
        self.refresh()

    def look(self, lens: Lens) -> None:
        """Draws through another lens. The passing of time costs nothing but at midnight, or a second at a time where
        the age of rows is shown.
        """
        before, self._lens = self._lens, lens
        if _seen(before) != _seen(lens):
            self._strips.clear()
            self.refresh()

    @property
    def lens(self) -> Lens:
        return self._lens

    def select(self, row_id: str) -> bool:
        """Puts the cursor on that row; False when it is not here."""
        index = self.rows.index_of(row_id)
        if index is None:
            return False
        self._move_to(index)
        return True

    # Moving

    def do_list_down(self) -> None:
        self._move_to(self.cursor + 1)

    def do_list_up(self) -> None:
        self._move_to(self.cursor - 1)

    def do_list_first(self) -> None:
        self._move_to(0)

    def do_list_last(self) -> None:
        self._move_to(len(self.rows) - 1)

    def do_list_page_down(self) -> None:
        self._move_to(self.cursor + max(self.size.height - 1, 1))

    def do_list_page_up(self) -> None:
        self._move_to(self.cursor - max(self.size.height - 1, 1))

    def do_list_open(self) -> None:
        if (row := self.selected) is not None:
            self.post_message(self.Opened(self, row))

    def do_list_follow(self) -> None:
        self._require("list.follow")
        if not self.follows and self._first_order is not None:
            # New rows have their place at the end of the first order only.
            self.following = True
            self.order_by(self._first_order)
            return
        catching_up = self.paused
        self.pause(False)
        self.follow(catching_up or not self.following)

    def follow(self, on: bool = True) -> None:
        """Follows from now on, or stops. Lists in a fixed order never follow."""
        if not self.follows:
            return
        self.following = on
        if on:
            self._begins_following = True
            self.unseen = 0
            self._to_end()
        self.post_message(self.Changed(self))

    def _move_to(self, index: int) -> None:
        last = len(self.rows) - 1
        self.cursor = max(min(index, last), min(0, last))
        if self.selecting:
            self._stretch()
        if self.follows and self.following != (self.cursor == last):
            self.following = self.cursor == last
            if self.following and not self.paused:
                self.unseen = 0
            self.post_message(self.Changed(self))

    def _to_end(self) -> None:
        self.cursor = len(self.rows) - 1
        self.scroll_end(animate=False, immediate=True, x_axis=False)

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_line(old)
        self.refresh_line(new)
        if new >= 0:
            self.scroll_to_region(Region(0, new, 1, 1), animate=False, force=True, immediate=True, x_axis=False)
        self.post_message(self.Moved(self, self.selected))

    def on_resize(self, _event: events.Resize) -> None:
        self._resize_rows()
        # Only after the new size is in force does the scroll know its end.
        after_paint(self, self._keep_in_view)

    def _keep_in_view(self) -> None:
        if self.following and self.follows:
            self._to_end()
        elif self.cursor >= 0:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True, immediate=True)

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        if self.following and self.max_scroll_y > 0:
            self.follow(False)

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if not 0 <= index < len(self.rows):
            return
        if index == self.cursor:
            self.do_list_open()
        else:
            self._move_to(index)

    # Drawing

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if not len(self.rows):
            return self._empty_line(y, width)
        index = y + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows.get(index)
        if row is None:
            self._want(index)
            return Strip.blank(width, self.rich_style)
        at_cursor, fresh = index == self.cursor, row.id in self._fresh
        key = (row, width, at_cursor, fresh, self.has_focus, row.id in self.marks)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row_line(row, width, at_cursor=at_cursor, fresh=fresh)
        return strip

    def _row_line(self, row: R, width: int, *, at_cursor: bool, fresh: bool) -> Strip:
        base = self.visual_style
        marked = row.id in self.marks
        if at_cursor:
            base = self.get_visual_style("feed--cursor")
        elif marked:
            base = self.get_visual_style("feed--marked")
        elif fresh:
            base = self.get_visual_style("feed--flash")
        line = line_of(fit(self.columns, width), self._row_cells(row, self._lens))
        if marked:
            line[0] = ("▌", INFO)
        if self._lens.ascii:
            line = [(self._lens.plain(text), tone) for text, tone in line]
        return Strip([Segment(text, (base + Style.parse(tone)).rich_style) for text, tone in line]).adjust_cell_length(
            width, base.rich_style
        )

    def _empty_line(self, y: int, width: int) -> Strip:
        lines = _wrap(self.empty, max(width - 2, 8))
        if not 1 <= y <= len(lines):
            return Strip.blank(width, self.rich_style)
        style = (self.visual_style + Style.parse(MUTED)).rich_style
        return Strip([Segment(" " + lines[y - 1], style)]).adjust_cell_length(width, self.rich_style)

    def _resize_rows(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows))

    def _fade(self, fresh: set[str]) -> None:
        self._fresh -= fresh
        self.refresh()

    def _want(self, index: int) -> None:
        begin(self, partial(self._load, index), group="pages", what="older rows")

    async def _load(self, index: int) -> None:
        if await self.rows.load(index):
            self.refresh()
            self.post_message(self.Moved(self, self.selected))


def _seen(lens: Lens) -> tuple[object, ...]:
    """What of a lens makes a difference to rows."""
    passing = int(lens.now.timestamp()) if lens.relative else lens.now.astimezone().toordinal()
    return (lens.privacy, lens.ascii, lens.relative, passing)


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        for part in fold(word, width):
            joined = f"{lines[-1]} {part}".strip()
            if len(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(part)
    return lines
