"""What a list lets people choose: its order, a pause, and the rows that are marked. How it draws is the feed's."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Generic

from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.widget import Widget

from mpp_console.tui.columns import Column
from mpp_console.tui.orders import MARK_LIMIT, Marks, Order, orders_of
from mpp_console.tui.rows import R, Rows
from mpp_console.tui.view import Unavailable, begin

__all__ = ["Choosing"]

_HELD = 10_000
"""Rows that a pause holds back at most; of more, the newest. The history has them all."""


class Choosing(ScrollView, Generic[R]):
    """The state of a list besides its rows, and the actions that change it."""

    cursor: reactive[int] = reactive(-1, repaint=False)
    following: reactive[bool] = reactive(True, repaint=False)
    unseen: reactive[int] = reactive(0, repaint=False)
    paused: reactive[bool] = reactive(False, repaint=False)

    class Ordered(Message, namespace="feed"):
        """Somebody wants another order. Whoever fills the list shows other rows, or the same ones anew."""

        def __init__(self, feed: Choosing[Any], order: Order) -> None:
            super().__init__()
            self.feed = feed
            self.order = order

        @property
        def control(self) -> Widget:
            return self.feed

    class Changed(Message, namespace="feed"):
        """The number of rows, what is unseen or marked, or whether the list follows has changed."""

        def __init__(self, feed: Choosing[Any]) -> None:
            super().__init__()
            self.feed = feed

        @property
        def control(self) -> Widget:
            return self.feed

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        streams: bool,
        order: Order | None,
        marks: bool,
        id: str | None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.rows: Rows[R] = Rows()
        self._streams = streams
        self._first_order = self.order = order
        self._can_mark = marks
        self.marks: Marks[R] = Marks()
        self._anchor: int | None = None
        self._begins_following = True
        self._held: deque[R] = deque(maxlen=_HELD)

    @property
    def selected(self) -> R | None:
        """The row under the cursor, as far as it is loaded."""
        return self.rows.get(self.cursor) if 0 <= self.cursor < len(self.rows) else None

    @property
    def follows(self) -> bool:
        """Whether new rows go to its end, so that it can follow them: a list of what happens, in its first order."""
        return self._streams and self.order == self._first_order

    @property
    def selecting(self) -> bool:
        """Whether a range is being selected."""
        return self._anchor is not None

    @property
    def marked(self) -> tuple[R, ...]:
        """The marked rows, a range that is being selected included; none when nothing is marked."""
        return self.marks.rows

    # Pausing, ordering, marking

    def lacks(self, name: str) -> str | None:
        """Why this list does not know an action of lists; None when it does."""
        if name in {"list.follow", "list.pause"} and not self._streams:
            return "Nothing new arrives in this list."
        if name in {"list.order", "list.reverse"} and self.order is None:
            return "This list has one order only."
        if name in {"list.mark", "list.range"} and not self._can_mark:
            return "Rows of this list cannot be marked."
        return None

    def _require(self, name: str) -> None:
        if reason := self.lacks(name):
            raise Unavailable(reason)

    def do_list_pause(self) -> None:
        self._require("list.pause")
        self.pause(not self.paused)

    def pause(self, on: bool = True) -> None:
        """Holds new rows back, or lets in what was held back meanwhile."""
        if on == self.paused:
            return
        self.paused = on
        if not on:
            self.unseen = max(self.unseen - len(self._held), 0)
            held = tuple(self._held)
            self._held.clear()
            self._take_in(held)
        self.post_message(self.Changed(self))

    def do_list_order(self) -> None:
        self._require("list.order")
        from mpp_console.tui.screens.menu import Choice, MenuDialog

        choices = [
            Choice(
                id=key,
                label=column.title.lower(),
                note=self.order.arrow if self.order and self.order.key == key else "",
            )
            for key, column in orders_of(self.columns).items()
        ]
        self.app.push_screen(
            MenuDialog("Order by", choices, at=self.order.key if self.order else ""), self._picked_order
        )

    def _picked_order(self, key: str | None) -> None:
        if key is not None:
            self.order_by_key(key)

    def order_by_key(self, key: str) -> None:
        """Orders by a column as that column likes it; by the one that it is ordered by already, the other way round."""
        if self.order is None:
            return
        if key == self.order.key:
            self.order_by(self.order.reversed)
        elif self._first_order is not None and key == self._first_order.key:
            self.order_by(self._first_order)
        else:
            self.order_by(Order(key, orders_of(self.columns)[key].largest_first))

    def do_list_reverse(self) -> None:
        self._require("list.reverse")
        if self.order is not None:
            self.order_by(self.order.reversed)

    def order_by(self, order: Order) -> None:
        """Asks for another order; one that no column has, as an old file may name, is left alone."""
        if self.order is None or order == self.order or order.key not in orders_of(self.columns):
            return
        self.order = order
        self.paused = False
        self.post_message(self.Ordered(self, order))
        self.post_message(self.Changed(self))

    def begin_as(self, order: Order | None, *, follow: bool = True) -> None:
        """Begins as it was left: whoever fills the list looks at `order`; it follows when it is first shown, or not."""
        if order is not None and self.order is not None and order.key in orders_of(self.columns):
            self.order = order
        self._begins_following = follow

    def do_list_mark(self) -> None:
        self._require("list.mark")
        if self.selecting:
            self.marks.keep()
            self._end_range()
        elif (row := self.selected) is not None:
            self.marks.toggle(row)
            # Down, so that holding the key marks one row after another; and nothing moves away under it.
            self.cursor = min(self.cursor + 1, len(self.rows) - 1)
            self.following = False
        self._marks_changed()

    def do_list_range(self) -> None:
        """Selects from here on; pressed again, keeps what was selected."""
        self._require("list.range")
        if self.selecting:
            self.marks.keep()
            self._end_range()
        elif self.cursor >= 0:
            self._anchor = self.cursor
            self.following = False
            self._stretch()
        self._marks_changed()

    def unmark(self) -> None:
        """Forgets every mark."""
        self._end_range()
        self.marks.clear()
        self._marks_changed()

    def do_back(self) -> bool:
        """Ends the range, then takes the marks away; False when there was neither."""
        if self.selecting:
            self._end_range()
            self._marks_changed()
        elif len(self.marks):
            self.unmark()
        else:
            return False
        return True

    def _end_range(self) -> None:
        self._anchor = None
        self.marks.stretch(())

    def _stretch(self) -> None:
        """Selects what lies between where it began and the cursor, reading what is not here yet."""
        begin(self, self._select_range, group="range", what="selecting rows", exclusive=True)

    async def _select_range(self) -> None:
        if self._anchor is None:
            return
        first, last = sorted((self._anchor, self.cursor))
        if last - first >= MARK_LIMIT:
            raise Unavailable(f"At most {MARK_LIMIT} rows can be selected; a filter and an export of it have no limit.")
        rows: list[R] = []
        for index in range(first, last + 1):
            row = self.rows.get(index)
            if row is None and await self.rows.load(index):
                row = self.rows.get(index)
            if row is not None:
                rows.append(row)
        self.marks.stretch(rows)
        self._marks_changed()

    def _marks_changed(self) -> None:
        self._redraw()
        self.post_message(self.Changed(self))

    # What the list itself does

    def _take_in(self, rows: Sequence[R]) -> None:
        """Adds rows at the end."""
        raise NotImplementedError

    def _redraw(self) -> None:
        """Draws every row anew."""
        raise NotImplementedError
