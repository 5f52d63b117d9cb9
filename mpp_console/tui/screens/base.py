"""What all modes share: the bar on top, the keys below, and one way to hear of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from mpp_console.protocol import inert
from mpp_console.services.events import ConsoleEvent
from mpp_console.services.models import ReceiptRow, RequestRow
from mpp_console.tui.actions import Scope
from mpp_console.tui.display import shorten
from mpp_console.tui.feed import Feed
from mpp_console.tui.orders import Order
from mpp_console.tui.view import View, after_paint, app_of
from mpp_console.tui.widgets.keybar import KeyBar
from mpp_console.tui.widgets.topbar import TopBar

__all__ = ["ModeScreen"]


class ModeScreen(Screen[None]):
    """The base screen of a mode. `look` gets every view, `hear` every batch of events, `opened` is called once."""

    MODE: ClassVar[str]
    SCOPE: ClassVar[Scope]

    trail: reactive[tuple[str, ...]] = reactive((), repaint=False)
    """What the bar on top shows after the mode's name."""

    _opened = False
    _trailed: Feed[Any] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._held = ExitStack()
        # Textual would read all sheets again for a new screen, three times over, though it is styled as it is made.
        self._css_update_count = self.app._css_update_count

    def compose(self) -> ComposeResult:
        yield TopBar(self.MODE)
        yield from self.body()
        yield KeyBar(self.SCOPE, Scope.APP)

    def body(self) -> ComposeResult:
        """The panes of this mode."""
        raise NotImplementedError

    def on_mount(self) -> None:
        app = app_of(self)
        app.mode_screens[self.MODE] = self
        app.batches.subscribe(self, self.hear)
        self.recall(app.habits.of(app.view.profile_name).memory.get(self.MODE, {}))
        self.watch(self.app, "view", self._receive)
        self.watch(self, "focused", self._focus_moved, init=False)

    def hold(self) -> None:
        """Draws nothing, of this screen or another, until this one is resumed. Only for one that is about to be."""
        self._held.enter_context(self.app.batch_update())

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # Classes and themes that changed while it was hidden were applied then. To style it all anew would take as long
        # as to draw it, and would throw away what is drawn already.
        event.refresh_styles = False
        self._held.close()

    def _receive(self, view: View) -> None:
        if not self._opened and view.state is not None and view.state.started and app_of(self).services is not None:
            self._opened = True
            self.opened()
        self.look(view)

    def opened(self) -> None:
        """The console is open: start reading."""

    def look(self, view: View) -> None:
        """Something changed: draw the new view. Must not wait."""

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        """What happened since the last batch. Must not wait."""

    def memory(self) -> dict[str, str]:
        """What is to be as it was at the next start: here the order of every list, and whether it followed."""
        kept: dict[str, str] = {}
        for feed in self.query(Feed):
            if feed.id and feed.order is not None:
                kept[f"{feed.id}.order"] = feed.order.text
            if feed.id and feed.follows and not feed.following:
                kept[f"{feed.id}.follow"] = "no"
        return kept

    def recall(self, memory: Mapping[str, str]) -> None:
        """Takes what `memory` gave in an earlier run; called once, before anything is read."""
        for feed in self.query(Feed):
            order = memory.get(f"{feed.id}.order")
            feed.begin_as(Order.parse(order) if order else None, follow=f"{feed.id}.follow" not in memory)

    # Where one is

    def _focus_moved(self, focused: Widget | None) -> None:
        # A window that is looked away from has no focus either, and gives it back itself.
        if focused is None and self.app.app_focus:
            after_paint(self, self._keep_focus)

    def _keep_focus(self) -> None:
        """What had the focus is gone, as a detail is in a smaller terminal: without it no key would move a list."""
        if self.focused is None and self.app.app_focus:
            feed = next((widget for widget in self.focus_chain if isinstance(widget, Feed)), None)
            self.set_focus(feed)

    @on(Feed.Moved)
    def _walked(self, event: Feed.Moved) -> None:
        if event.feed.has_focus or self.trail == () or event.feed is self._trailed:
            self._trailed = event.feed
            self.trail = self.crumbs(event.row)

    @on(events.DescendantFocus)
    def _looked(self) -> None:
        if isinstance(self.focused, Feed) and self.focused is not self._trailed:
            self._trailed = self.focused
            self.trail = self.crumbs(self.focused.selected)

    def crumbs(self, row: object) -> tuple[str, ...]:
        """Where the selected row leads, from the general to the particular; inert, and nothing that privacy masks."""
        if isinstance(row, ReceiptRow):
            place = row.origin.partition("://")[2] or row.url
            return tuple(step for step in (inert(place, limit=60), shorten(inert(row.reference))) if step)
        if isinstance(row, RequestRow):
            return (inert(f"{row.method} {row.path}", limit=64), inert(row.outcome, limit=12))
        return ()

    async def show_receipt(self, receipt_id: str) -> None:
        """Brings the receipt before the person's eyes."""
        await self.open_receipt(receipt_id, asked=False)

    async def open_receipt(self, receipt_id: str, *, asked: bool = True) -> None:
        """Opens the receipt above the mode; `asked` when somebody chose it, not when it comes by itself."""
        from mpp_console.tui.screens.dialogs import ReceiptDialog

        await self.app.push_screen(ReceiptDialog(receipt_id, asked=asked))
