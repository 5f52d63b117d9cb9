"""What stands around a feed: its frame, which counts and says whether it follows, and the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic

from textual import events
from textual.content import Content
from textual.widget import Widget

from mpp_console.tui.columns import Column, fit, line_of
from mpp_console.tui.display import Lens
from mpp_console.tui.orders import Order
from mpp_console.tui.rows import R
from mpp_console.tui.view import key_text
from mpp_console.tui.widgets.keybar import ACTION_META, link
from mpp_console.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from mpp_console.tui.feed import Feed

__all__ = ["FeedHeading", "FeedPane"]


class FeedHeading(Widget):
    """The column names above a feed, laid out exactly as the feed lays its columns out. An arrow marks the one that it
    is ordered by; a click orders by another one.
    """

    DEFAULT_CSS = """
    FeedHeading { height: 1; color: $text-muted; background: $background; }
    """
    ALLOW_SELECT = False

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self._arrow: tuple[str, str] = ("", "")

    def show(self, order: Order | None, lens: Lens) -> None:
        """Moves the arrow."""
        arrow = (order.key, lens.plain(order.arrow)) if order else ("", "")
        if arrow != self._arrow:
            self._arrow = arrow
            self.refresh()

    def use(self, columns: Sequence[Column]) -> None:
        """Names other columns."""
        self._columns = tuple(columns)
        self.refresh()

    def render(self) -> Content:
        # The feed keeps one cell for its scrollbar.
        fitted = fit(self._columns, self.size.width - 1)
        return Content.assemble(*line_of(fitted, [self._title(column) for column in self._columns]))

    def _title(self, column: Column) -> tuple[str, str]:
        key, arrow = self._arrow
        return (f"{column.title} {arrow}", "$primary") if column.order and column.order == key else (column.title, "")

    def on_click(self, event: events.Click) -> None:
        left = 0
        for text, place in self._places():
            if left <= event.x < left + text and place is not None:
                feed = self.parent.feed if isinstance(self.parent, FeedPane) else None
                if feed is not None and self._columns[place].order:
                    feed.order_by_key(self._columns[place].order)
                return
            left += text

    def _places(self) -> list[tuple[int, int | None]]:
        """Widths from the left, each with the place of the column that it shows (None: a gap)."""
        places: list[tuple[int, int | None]] = [(1, None)]
        for column in fit(self._columns, self.size.width - 1):
            places += [(column.width, column.place), (2, None)]
        return places


class FeedPane(Pane, Generic[R]):
    """A feed in its frame: what it counts, what is marked and whether it follows in the badge, new rows in the hint."""

    def __init__(self, feed: Feed[R], *, title: str, hint: str = "", id: str | None = None) -> None:  # noqa: A002
        self.heading = FeedHeading(feed.columns)
        super().__init__(self.heading, feed, title=title, hint=hint, id=id)
        self.feed = feed
        self._resting_hint = Content(hint)
        self.total: int | None = None

    def use(self, columns: Sequence[Column]) -> None:
        """Lays the list out by other columns. They must be as many, and mean the same cells."""
        if tuple(columns) != self.feed.columns:
            self.feed.use(columns)
            self.heading.use(columns)

    def rest(self, hint: Content) -> None:
        """What the hint says while nothing is unseen."""
        self._resting_hint = hint
        self._say()

    def on_feed_changed(self, event: Any) -> None:
        event.stop()
        self._say()

    def _say(self) -> None:
        self.heading.show(self.feed.order, self.feed.lens)
        self.frame(badge=self._badge_text(), hint=self._pill() or self._resting_hint)

    def _badge_text(self) -> Content:
        feed, plain = self.feed, self.feed.lens.plain
        count = f"{len(feed.rows):,}".replace(",", " ")
        if self.total is not None and self.total != len(feed.rows):
            count = f"{count} of {self.total:,}".replace(",", " ")
        parts = [Content(count)]
        if feed.selecting:
            parts.append(Content.styled(f"selecting {len(feed.marks)}", "bold $primary"))
        elif len(feed.marks):
            parts.append(Content.styled(f"{len(feed.marks)} marked", "bold $primary"))
        if feed.paused:
            parts.append(Content.styled(plain("paused ‖"), "$warning"))
        elif feed.follows:
            on = feed.following
            parts.append(Content.styled(plain("follow ●"), "$primary") if on else Content(plain("follow ○")))
        return Content(plain(" · ")).join(parts)

    def _pill(self) -> Content | None:
        """What waits to be seen, and the key that shows it."""
        feed, plain = self.feed, self.feed.lens.plain
        if feed.paused:
            said = f"{feed.unseen} new · " if feed.unseen else ""
            text = f"‖ paused · {said}{key_text(self, 'list.pause')} goes on"
            return Content.styled(plain(text), link("list.pause", "bold $warning"))
        if feed.unseen:
            text = f"▼ {feed.unseen} new — {key_text(self, 'list.follow')} to follow"
            return Content.styled(plain(text), link("list.follow", "bold $primary"))
        return None

    async def on_click(self, event: events.Click) -> None:
        name = event.style.meta.get(ACTION_META)
        if name in {"list.pause", "list.follow"}:
            event.stop()
            (self.feed.do_list_pause if name == "list.pause" else self.feed.do_list_follow)()
