"""What all modes share: the bar on top, the keys below, and one way to hear of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from mpp_console.services.events import ConsoleEvent
from mpp_console.tui.actions import Scope
from mpp_console.tui.view import View, app_of
from mpp_console.tui.widgets.keybar import KeyBar
from mpp_console.tui.widgets.topbar import TopBar

__all__ = ["ModeScreen"]


class ModeScreen(Screen[None]):
    """The base screen of a mode. `look` gets every view, `hear` every batch of events, `opened` is called once."""

    MODE: ClassVar[str]
    SCOPE: ClassVar[Scope]

    _opened = False

    def compose(self) -> ComposeResult:
        yield TopBar(self.MODE)
        yield from self.body()
        yield KeyBar(self.SCOPE, Scope.APP)

    def body(self) -> ComposeResult:
        """The panes of this mode."""
        raise NotImplementedError

    def on_mount(self) -> None:
        app_of(self).batches.subscribe(self, self.hear)
        self.watch(self.app, "view", self._receive)

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

    async def show_receipt(self, receipt_id: str) -> None:
        """Brings the receipt before the person's eyes."""
        from mpp_console.tui.screens.dialogs import ReceiptDialog

        await self.app.push_screen(ReceiptDialog(receipt_id))
