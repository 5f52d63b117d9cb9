"""Mode 3: payments made and received in one live list, narrowed by a filter, each in full beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input

from mpp_console.protocol import MppError
from mpp_console.services.events import ConsoleEvent, ReceiptRecorded
from mpp_console.services.models import ReceiptDetail, ReceiptFilter, ReceiptRow
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import ReceiptPages, Rows
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.lists import RECEIPTS, receipt_cells
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane

__all__ = ["ReceiptsScreen"]

_EMPTY = "No receipts yet. Press t to make a test payment, or 5 then s to start the test server and be paid."


class ReceiptsScreen(ModeScreen):
    MODE = "receipts"
    SCOPE = Scope.RECEIPTS
    AUTO_FOCUS = "#receipts-feed"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.RECEIPTS)]

    def __init__(self) -> None:
        super().__init__()
        self._filter: ReceiptFilter | None = None
        self._all = 0

    def body(self) -> ComposeResult:
        feed: Feed[ReceiptRow] = Feed(RECEIPTS, receipt_cells, app_of(self).view.lens, empty=_EMPTY, id="receipts-feed")
        with Horizontal(id="receipts"):
            pane = FeedPane(feed, title="Receipts", hint="/ filter", id="receipts-list")
            yield pane
            yield ReceiptPane(id="receipts-detail")
        with Pane(
            title="Filter",
            hint="enter applies · esc clears · words, or origin:api status:success dir:sent",
            id="filter",
        ):
            yield Input(placeholder="all receipts", id="filter-text", compact=True)

    @property
    def feed(self) -> Feed[ReceiptRow]:
        return self.query_one("#receipts-feed", Feed)

    @property
    def detail(self) -> ReceiptPane:
        return self.query_one("#receipts-detail", ReceiptPane)

    def opened(self) -> None:
        self._read()

    def _read(self) -> None:
        begin(self, self._open_rows, group="rows", what="receipts", exclusive=True)

    async def _open_rows(self) -> None:
        rows: Rows[ReceiptRow] = Rows(ReceiptPages(console_of(self).receipts, self._filter))
        await rows.open()
        if self._filter is None:
            self._all = len(rows)
        self.query_one("#receipts-list", FeedPane).total = None if self._filter is None else self._all
        self.feed.empty = "No receipt passes this filter. Press esc to clear it." if self._filter else _EMPTY
        self.feed.show(rows)

    def look(self, view: View) -> None:
        self.feed.look(view.lens)
        self.detail.look(view.lens)

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        receipts = [event.row for event in events if isinstance(event, ReceiptRecorded)]
        if not receipts:
            return
        self._all += len(receipts)
        if self._filter is None:
            self.feed.append(receipts)
        else:
            # Whether a new row passes is the history's to say.
            self._read()

    # What was pressed

    def do_receipts_filter(self) -> None:
        self.query_one("#filter").display = True
        self.query_one("#filter-text", Input).focus()

    def do_receipts_copy(self) -> None:
        app_of(self).copy_text(self._selected().reference, "reference")

    def do_receipts_command(self) -> None:
        app_of(self).copy_text(f"mpp-console receipts show {self._selected().id}", "command")

    def do_receipts_explorer(self) -> None:
        self._selected()
        detail = self.detail.detail
        if detail is None or detail.explorer_url is None:
            raise Unavailable("This network has no explorer to open.")
        self.app.open_url(detail.explorer_url)

    def do_back(self) -> bool:
        """Clears the filter first; False when there was nothing to clear."""
        box = self.query_one("#filter")
        if not box.display and self._filter is None:
            return False
        box.display = False
        self.query_one("#filter-text", Input).value = ""
        self._apply(None)
        self.feed.focus()
        return True

    def _selected(self) -> ReceiptRow:
        if (row := self.feed.selected) is None:
            raise Unavailable("No receipt is selected.")
        return row

    @on(Input.Submitted, "#filter-text")
    def _submit(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        try:
            chosen = console_of(self).receipts.parse_filter(text) if text else None
        except MppError as error:
            app_of(self).tell(error)
            return
        self.query_one("#filter").display = bool(text)
        self._apply(chosen)
        self.feed.focus()

    def _apply(self, chosen: ReceiptFilter | None) -> None:
        if chosen != self._filter:
            self._filter = chosen
            title = Content("Receipts") if chosen is None else Content.assemble("Receipts ", ("filtered", "$primary"))
            self.query_one("#receipts-list", FeedPane).frame(title=title)
            self._read()

    @on(Feed.Moved, "#receipts-feed")
    def _moved(self, event: Feed.Moved) -> None:
        begin(self, partial(self._show, event.row), group="detail", what="receipt", exclusive=True)

    async def _show(self, row: ReceiptRow | None) -> None:
        detail: ReceiptDetail | None = await console_of(self).receipts.get(row.id) if row else None
        self.detail.show(detail)

    @on(Feed.Opened, "#receipts-feed")
    async def _opened_row(self, event: Feed.Opened) -> None:
        if event.row is not None:
            await self._open(event.row.id)

    async def _open(self, receipt_id: str) -> None:
        if self.detail.display:
            self.detail.focus_content()
        else:
            await super().show_receipt(receipt_id)

    async def show_receipt(self, receipt_id: str) -> None:
        self.feed.follow()
        self.feed.select(receipt_id)
        if not self.detail.display:
            await super().show_receipt(receipt_id)
