"""One request of the local server on a screen of its own, where there is no room beside the lists."""

from __future__ import annotations

from textual.app import ComposeResult

from mpp_console.services.models import RequestDetail
from mpp_console.tui.screens.dialogs import ReadingDialog
from mpp_console.tui.view import View
from mpp_console.tui.widgets.exchange import ExchangePane

__all__ = ["ExchangeDialog"]


class ExchangeDialog(ReadingDialog):
    """Its tabs, and esc to close."""

    def __init__(self, detail: RequestDetail) -> None:
        super().__init__()
        self._detail = detail

    def compose(self) -> ComposeResult:
        yield ExchangePane(hint="left and right turn the tabs · esc closes", id="exchange-dialog")

    def on_mount(self) -> None:
        self.query_one(ExchangePane).show(self._detail)
        self.watch(self.app, "view", self._look)

    def _look(self, view: View) -> None:
        self.query_one(ExchangePane).look(view.lens)
