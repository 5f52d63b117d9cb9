"""The list of the console: rows drawn on demand from a view model, however many there are.

`DataTable` repaints every visible cell for each change and loads rows by the thousand in seconds; this draws only the
lines in view, one cached strip each. Whether it follows new rows is explicit state, not a guess from the scroll
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Generic

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.columns import Cell, Column, fit, line_of
from mpp_console.tui.display import MUTED, Lens, fold
from mpp_console.tui.rows import R, Rows
from mpp_console.tui.view import begin
from mpp_console.tui.widgets.pane import Pane

__all__ = ["Feed", "FeedHeading", "FeedPane"]

Draw = Callable[[R, Lens], Sequence[Cell]]
_FLASH_SECONDS = 0.6


class Feed(ScrollView, Generic[R], can_focus=True):
    """Rows with a cursor. Follows the newest row until somebody moves away from it; then counts what they have not
    seen.
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
        &:focus > .feed--cursor { background: $block-cursor-background; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"feed--cursor", "feed--flash"}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LIST)]

    cursor: reactive[int] = reactive(-1, repaint=False)
    following: reactive[bool] = reactive(True, repaint=False)
    unseen: reactive[int] = reactive(0, repaint=False)

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

    class Changed(Message):
        """The number of rows, what is unseen, or whether the list follows has changed."""

        def __init__(self, feed: Feed[Any]) -> None:
            super().__init__()
            self.feed = feed

        @property
        def control(self) -> Widget:
            return self.feed

    def __init__(
        self,
        columns: Sequence[Column],
        draw: Draw[R],
        lens: Lens,
        *,
        empty: str,
        follow: bool = True,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.rows: Rows[R] = Rows()
        self.empty = empty
        self._row_cells = draw
        self._lens = lens
        self.follows = follow
        self._fresh: set[str] = set()
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(1024)
        self.set_reactive(Feed.following, follow)

    # What it shows

    def show(self, rows: Rows[R]) -> None:
        """Shows another view model from its newest row on (its first, for a list that does not follow)."""
        self.rows = rows
        self._strips.clear()
        self.set_reactive(Feed.cursor, -1)
        self.unseen = 0
        self.following = self.follows
        self._resize_rows()
        self.cursor = len(rows) - 1 if self.follows else min(0, len(rows) - 1)
        self.refresh()
        self.post_message(self.Changed(self))

    def replace(self, rows: Sequence[R]) -> None:
        """Gives a short list whole; the cursor stays on its row as long as that exists."""
        current = self.selected
        self.rows.replace(rows)
        self._strips.clear()
        self._resize_rows()
        index = self.rows.index_of(current.id) if current else None
        self.cursor = index if index is not None else min(max(self.cursor, 0), len(rows) - 1)
        self.refresh()
        self.post_message(self.Changed(self))

    def append(self, rows: Iterable[R]) -> None:
        """Adds rows that just happened, oldest first."""
        rows = tuple(rows)
        count = self.rows.append(rows)
        if not count:
            return
        self._resize_rows()
        if self.following:
            self._to_end()
        else:
            self.unseen += count
        if self.app.animation_level != "none":
            self._fresh |= {row.id for row in rows}
            self.set_timer(_FLASH_SECONDS, self._fade)
        self.refresh()
        self.post_message(self.Changed(self))

    def look(self, lens: Lens) -> None:
        """Draws through another lens; the passing of time alone costs nothing but at midnight."""
        before, self._lens = self._lens, lens
        if (before.privacy, before.ascii, _day(before.now)) != (lens.privacy, lens.ascii, _day(lens.now)):
            self._strips.clear()
            self.refresh()

    @property
    def selected(self) -> R | None:
        """The row under the cursor, as far as it is loaded."""
        return self.rows.get(self.cursor) if 0 <= self.cursor < len(self.rows) else None

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
        self.follow(not self.following)

    def follow(self, on: bool = True) -> None:
        """Follows from now on, or stops. Lists in a fixed order never follow."""
        if not self.follows:
            return
        self.following = on
        if on:
            self.unseen = 0
            self._to_end()
        self.post_message(self.Changed(self))

    def _move_to(self, index: int) -> None:
        last = len(self.rows) - 1
        self.cursor = max(min(index, last), min(0, last))
        if self.follows and self.following != (self.cursor == last):
            self.following = self.cursor == last
            if self.following:
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
        self.call_after_refresh(self._keep_in_view)

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
        key = (row, width, at_cursor, fresh, self.has_focus)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row_line(row, width, at_cursor=at_cursor, fresh=fresh)
        return strip

    def _row_line(self, row: R, width: int, *, at_cursor: bool, fresh: bool) -> Strip:
        base = self.visual_style
        if at_cursor:
            base = self.get_visual_style("feed--cursor")
        elif fresh:
            base = self.get_visual_style("feed--flash")
        line = line_of(fit(self.columns, width), self._row_cells(row, self._lens))
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

    def _fade(self) -> None:
        self._fresh.clear()
        self.refresh()

    def _want(self, index: int) -> None:
        begin(self, partial(self._load, index), group="pages", what="older rows")

    async def _load(self, index: int) -> None:
        if await self.rows.load(index):
            self.refresh()
            self.post_message(self.Moved(self, self.selected))


class FeedHeading(Widget):
    """The column names above a feed; it lays columns out exactly as the feed does."""

    DEFAULT_CSS = """
    FeedHeading { height: 1; color: $text-muted; background: $background; }
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = tuple(columns)

    def render(self) -> Content:
        # The feed keeps one cell for its scrollbar.
        fitted = fit(self._columns, self.size.width - 1)
        return Content("".join(text for text, _ in line_of(fitted, [(column.title, "") for column in self._columns])))


class FeedPane(Pane, Generic[R]):
    """A feed in its frame: what it counts and whether it follows in the badge, new rows in the hint."""

    def __init__(self, feed: Feed[R], *, title: str, hint: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(FeedHeading(feed.columns), feed, title=title, hint=hint, id=id)
        self.feed = feed
        self._resting_hint = Content(hint)
        self.total: int | None = None

    def rest(self, hint: Content) -> None:
        """What the hint says while nothing is unseen."""
        self._resting_hint = hint
        if not self.feed.unseen:
            self.frame(hint=hint)

    def on_feed_changed(self, event: Feed.Changed) -> None:
        event.stop()
        feed = self.feed
        count = f"{len(feed.rows):,}".replace(",", " ")
        if self.total is not None and self.total != len(feed.rows):
            count = f"{count} of {self.total:,}".replace(",", " ")
        state = Content("")
        if feed.follows:
            state = Content.styled(" · follow ●", "$primary") if feed.following else Content(" · follow ○")
        self.frame(
            badge=Content.assemble(count, state),
            hint=Content.styled(f"▼ {feed.unseen} new — f to follow", "bold $primary")
            if feed.unseen
            else self._resting_hint,
        )


def _day(at: datetime) -> int:
    return at.astimezone().toordinal()


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
