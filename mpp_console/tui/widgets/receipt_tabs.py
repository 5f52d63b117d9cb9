"""What a receipt says, in four tabs: the facts, the fields as they were on the wire, raw, and what the chain says.
Made when first needed.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static, TabbedContent, TabPane, Tabs

from mpp_console.services.models import ReceiptDetail, RequestRow
from mpp_console.tui.display import Lens
from mpp_console.tui.view import after_paint
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.receipt_chain import ReceiptChain
from mpp_console.tui.widgets.receipt_facts import raw_text, receipt_facts, request_facts, wire_facts

__all__ = ["ReceiptTabs"]


class ReceiptTabs(Vertical):
    """The tabs of one receipt; of a served request only its facts."""

    DEFAULT_CSS = """
    ReceiptTabs {
        height: 1fr;
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { padding: 0; height: 1fr; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-top: 1; }
        &.-plain Tabs { display: none; }
    }
    """
    TABS: ClassVar[tuple[str, ...]] = ("overview", "wire", "raw", "chain")

    def __init__(self) -> None:
        super().__init__()
        self._shown: ReceiptDetail | RequestRow | None = None

    def compose(self) -> ComposeResult:
        with TabbedContent():
            with TabPane("Overview", id="overview"), VerticalScroll():
                yield Facts(id="overview-facts")
            with TabPane("Wire", id="wire"), VerticalScroll():
                yield Facts(id="wire-facts")
            with TabPane("Raw", id="raw"), VerticalScroll():
                yield Static("", id="raw-text", markup=False)
            with TabPane("Chain", id="chain"):
                yield ReceiptChain(id="chain-body")

    @property
    def active(self) -> str:
        """The tab that is open, one of `TABS`."""
        return self.query_one(TabbedContent).active

    def show(self, shown: ReceiptDetail | RequestRow, lens: Lens) -> None:
        self._shown = shown
        # The line under the open tab is measured when the tabs are mounted, at times before they have a width.
        after_paint(self, self._underline)
        self.set_class(isinstance(shown, RequestRow), "-plain")
        if isinstance(shown, RequestRow):
            self.query_one(TabbedContent).active = "overview"
            self.query_one("#overview-facts", Facts).show(request_facts(shown, lens))
            return
        self.query_one("#overview-facts", Facts).show(receipt_facts(shown, lens))
        self.query_one("#wire-facts", Facts).show(wire_facts(shown, lens))
        self.query_one("#raw-text", Static).update(raw_text(shown, lens))
        self._show_chain()
        self.query_one(ReceiptChain).look(lens)

    def step(self, by: int) -> None:
        """Opens the tab that many places on, around the ends."""
        place = self.TABS.index(self.active) + by
        self.query_one(TabbedContent).active = self.TABS[place % len(self.TABS)]

    def ask_again(self) -> None:
        """Asks the chain anew, when its tab is open."""
        if self.active == "chain":
            self.query_one(ReceiptChain).ask()

    def focus_content(self) -> None:
        """Puts the focus on what the open tab says, so that it can be scrolled."""
        self.query_one(f"#{self.active or 'overview'}", TabPane).query(VerticalScroll).first().focus()

    def _underline(self) -> None:
        for tabs in self.query(Tabs):
            tabs._highlight_active(animate=False)

    @on(TabbedContent.TabActivated)
    def _show_chain(self) -> None:
        if isinstance(self._shown, ReceiptDetail):
            self.query_one(ReceiptChain).want(self._shown.row.id, seen=self.active == "chain")
