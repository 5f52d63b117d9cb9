"""Mode 3: payments made and received in one live list, narrowed by a filter, each in full beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from mpp_console.protocol import MppError, inert
from mpp_console.services.events import ConsoleEvent, ReceiptRecorded
from mpp_console.services.models import ReceiptDetail, ReceiptFilter, ReceiptRow
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.receipt_pages import FIRST_ORDER, receipt_rows
from mpp_console.tui.rows import Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.lists import RECEIPTS, receipt_cells
from mpp_console.tui.screens.receipt_menus import ReceiptMenus
from mpp_console.tui.view import Unavailable, View, after_paint, app_of, begin, console_of
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.receipt_filter import FilterBox
from mpp_console.tui.widgets.receipt_stats import ReceiptStats, StatsPane, outcomes_of, totals_line

__all__ = ["ReceiptsScreen"]

_READING = "Reading the history…"
_EMPTY = "No receipts yet. Press t to make a test payment, or 5 then s to start the test server and be paid."
_NONE_PASSES = "No receipt passes this filter. Press / to change it, esc to clear it."
_RESTING = "/ filter · o order"
_OUTCOMES = 200
"""How many of our latest payments the success rate is of."""

_LEISURE = 4.0
"""Sums are read again after this many times as long as they took, so that a long history is not summed all the time."""


class ReceiptsScreen(ModeScreen, ReceiptMenus):
    MODE = "receipts"
    SCOPE = Scope.RECEIPTS
    AUTO_FOCUS = "#receipts-feed"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.RECEIPTS)]

    def __init__(self) -> None:
        super().__init__()
        self._filter: ReceiptFilter | None = None
        self._text = ""
        self._all = 0
        self._stats: ReceiptStats | None = None
        self._stale = self._summing = False

    def body(self) -> ComposeResult:
        lens = app_of(self).view.lens
        feed: Feed[ReceiptRow] = Feed(
            RECEIPTS, receipt_cells, lens, empty=_READING, order=FIRST_ORDER, marks=True, id="receipts-feed"
        )
        with Horizontal(id="receipts"):
            yield FeedPane(feed, title="Receipts", hint=_RESTING, id="receipts-list")
            yield ReceiptPane(id="receipts-detail")
            yield StatsPane(id="receipts-stats")
        yield FilterBox(self._known_values, id="filter")

    @property
    def feed(self) -> Feed[ReceiptRow]:
        return self.query_one("#receipts-feed", Feed)

    @property
    def pane(self) -> FeedPane[ReceiptRow]:
        return self.query_one("#receipts-list", FeedPane)

    @property
    def detail(self) -> ReceiptPane:
        return self.query_one("#receipts-detail", ReceiptPane)

    @property
    def box(self) -> FilterBox:
        return self.query_one("#filter", FilterBox)

    @property
    def filter_in_force(self) -> ReceiptFilter | None:
        return self._filter

    @property
    def filter_text(self) -> str:
        return self._text

    @property
    def all_receipts(self) -> int:
        return self._all

    def opened(self) -> None:
        self._read()

    def reread(self) -> None:
        """Reads the list anew, and the chain if it is being looked at; the cursor stays where it was."""
        self._read(keep=True)
        self.detail.ask_again()

    # Reading

    def _read(self, *, keep: bool = False) -> None:
        row = self.feed.selected if keep and not self.feed.following else None
        work = partial(self._open_rows, row.id if row else None)
        begin(self, work, group="rows", what="receipts", exclusive=True)

    async def _open_rows(self, keep: str | None = None) -> None:
        receipts, chosen = console_of(self).receipts, self._filter
        rows = receipt_rows(receipts, chosen, self.feed.order or FIRST_ORDER)
        try:
            await rows.open()
            self._all = len(rows) if chosen is None else await receipts.count()
        except MppError as error:
            self._unreadable(error)
            return
        self.pane.total = None if chosen is None else self._all
        self.feed.empty = _EMPTY if chosen is None else _NONE_PASSES
        self.feed.show(rows)
        if keep is not None:
            self.feed.select(keep)
        if not len(rows):
            self.detail.show(None)
        self.box.count(len(rows), self._all)
        self._sum()

    def _unreadable(self, error: MppError) -> None:
        """Says in the list's own place why there is none."""
        app = app_of(self)
        app.log_entries.add(app.clock(), "error", inert(f"receipts: {error}"))
        hint = f" {error.hint}" if error.hint else ""
        said = inert(f"✗ The history could not be read: {error}.{hint} Press r to try again.", limit=600)
        self.feed.empty = app.view.lens.plain(said)
        self.feed.show(Rows())
        self.detail.show(None)

    def _sum(self) -> None:
        """Sums what passes; while that is going on, only notes that it has to be done again."""
        self._stale = True
        if not self._summing:
            begin(self, self._keep_summing, group="sums", what="totals")

    async def _keep_summing(self) -> None:
        self._summing = True
        loop = asyncio.get_running_loop()
        try:
            while self._stale:
                self._stale = False
                began = loop.time()
                self._stats = await self._read_stats()
                self._draw_stats()
                if self._stale:
                    await asyncio.sleep(max(1.0, _LEISURE * (loop.time() - began)))
        finally:
            self._summing = False

    async def _read_stats(self) -> ReceiptStats:
        receipts, chosen = console_of(self).receipts, self._filter
        totals = await receipts.totals(chosen)
        wide = self.query_one(StatsPane).display
        origins = await receipts.origins(chosen) if wide else ()
        operations = await receipts.operations(_OUTCOMES) if wide else ()
        return ReceiptStats(
            count=sum(total.count for total in totals),
            totals=totals,
            origins=origins,
            outcomes=outcomes_of(operations),
            filtered=chosen is not None,
        )

    def _draw_stats(self) -> None:
        if self._stats is None:
            return
        lens = app_of(self).view.lens
        line = totals_line(self._stats.totals, lens, max(self.pane.size.width - 2, 0))
        self.pane.rest(line if line.cell_length else Content(lens.plain(_RESTING)))
        self.query_one(StatsPane).show(self._stats, lens)

    def on_resize(self, _event: events.Resize) -> None:
        # Another width has room for other sums, and perhaps for the statistics.
        after_paint(self, self._resized)

    def _resized(self) -> None:
        self._draw_stats()
        if self._stats is not None and self.query_one(StatsPane).display:
            self._sum()

    def look(self, view: View) -> None:
        self.feed.look(view.lens)
        self.detail.look(view.lens)
        self._draw_stats()

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        receipts = [event.row for event in events if isinstance(event, ReceiptRecorded)]
        if not receipts:
            return
        self._all += len(receipts)
        if self._filter is not None:
            self.pane.total = self._all
            passes, chosen = console_of(self).receipts.passes, self._filter
            receipts = [row for row in receipts if passes(chosen, row)]
        self.feed.append(receipts)
        self.box.count(len(self.feed.rows), self._all)
        self._sum()

    # The filter

    def do_receipts_filter(self) -> None:
        self.box.open()

    def use_filter(self, text: str) -> None:
        """Narrows the list by a filter as it would be typed. Raises MppError for one that is not understood."""
        chosen = console_of(self).receipts.parse_filter(text, app_of(self).clock()) if text else None
        self.box.put(text)
        self._apply(text, chosen)

    def do_back(self) -> bool:
        """Clears the filter first; False when there was nothing to clear."""
        if not self.box.display and self._filter is None:
            return False
        self.box.display = False
        self.box.put("")
        self._apply("", None)
        self.feed.focus()
        return True

    @on(FilterBox.Chosen)
    def _chosen(self, event: FilterBox.Chosen) -> None:
        self._apply(event.text, event.chosen)
        if event.final:
            self.box.display = False
            self.feed.focus()

    def _apply(self, text: str, chosen: ReceiptFilter | None) -> None:
        self._text = text
        title = Content("Receipts")
        if chosen is not None:
            title = Content.assemble("Receipts ", (inert(text, limit=48), "$primary"))
        self.pane.frame(title=title)
        if chosen != self._filter:
            self._filter = chosen
            self._read()

    def _known_values(self) -> Mapping[str, Sequence[str]]:
        """What may follow a key, as far as it is in sight."""
        rows = [row for index in range(len(self.feed.rows))[-200:] if (row := self.feed.rows.get(index)) is not None]
        symbols = {row.currency.symbol for row in rows if row.currency}
        return {
            "origin": sorted({row.origin.partition("://")[2] for row in rows if "://" in row.origin}),
            "currency": sorted(symbols),
            "method": sorted({name for row in rows for name in (row.method, f"{row.method}/{row.intent}")}),
            "network": sorted({row.network for row in rows}),
        }

    # The list and the detail

    @on(Feed.Ordered, "#receipts-feed")
    def _ordered(self) -> None:
        self._read(keep=True)

    @on(Feed.Moved, "#receipts-feed")
    def _moved(self, event: Feed.Moved) -> None:
        begin(self, partial(self._show, event.row), group="detail", what="receipt", exclusive=True)

    async def _show(self, row: ReceiptRow | None) -> None:
        detail: ReceiptDetail | None = await console_of(self).receipts.get(row.id) if row else None
        self.detail.show(detail)

    @on(Feed.Opened, "#receipts-feed")
    async def _opened_row(self, event: Feed.Opened) -> None:
        if event.row is None:
            return
        if self.detail.display:
            self.detail.focus_content()
        else:
            await self.open_receipt(event.row.id)

    def do_receipts_tab_next(self) -> None:
        self._step(1)

    def do_receipts_tab_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        if not self.detail.display:
            raise Unavailable("Press enter to open the receipt first.")
        self.detail.step(by)

    async def show_receipt(self, receipt_id: str) -> None:
        """Puts the cursor on the receipt, clearing a filter or an order that hides it, and shows it in full."""
        feed = self.feed
        feed.pause(False)
        feed.follow()
        if not feed.select(receipt_id) and (self._filter is not None or feed.order != FIRST_ORDER):
            self.box.display = False
            self.box.put("")
            feed.order_by(FIRST_ORDER)
            self._apply("", None)
            await self._open_rows()
            feed.select(receipt_id)
        if not self.detail.display:
            await super().show_receipt(receipt_id)
        elif feed.selected is None or feed.selected.id != receipt_id:
            # Older than what is loaded: the list stays where it is, and its receipt is shown all the same.
            self.detail.show(await console_of(self).receipts.get(receipt_id))
