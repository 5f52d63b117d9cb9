"""What there is to know of a session, in four tabs: overview, payments by voucher, its own history, and the chain.
Made when first needed.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TabbedContent, TabPane, Tabs

from mpp_console.services.session_models import SessionDetail
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.session_facts import ENTRIES, PAYMENTS, entry_cells, overview_facts, payment_cells
from mpp_console.tui.view import after_paint
from mpp_console.tui.widgets.facts import Facts, Lines
from mpp_console.tui.widgets.session_chain import SessionChain

__all__ = ["SessionTabs"]


class SessionTabs(Vertical):
    """The tabs of one channel."""

    DEFAULT_CSS = """
    SessionTabs {
        height: 1fr;
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { padding: 0; height: 1fr; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-top: 1; }
        .none { color: $text-muted; height: auto; }
    }
    """
    TABS: ClassVar[tuple[str, ...]] = ("session-overview", "session-payments", "session-events", "session-chain")

    def __init__(self) -> None:
        super().__init__()
        self._shown: SessionDetail | None = None

    def compose(self) -> ComposeResult:
        with TabbedContent():
            with TabPane("Overview", id="session-overview"), VerticalScroll():
                yield Facts(id="session-facts")
            with TabPane("Payments", id="session-payments"), VerticalScroll():
                yield Static("", id="session-payments-note", classes="none", markup=False)
                yield Lines(PAYMENTS, id="session-payment-lines")
            with TabPane("Events", id="session-events"), VerticalScroll():
                yield Static("", id="session-events-note", classes="none", markup=False)
                yield Lines(ENTRIES, id="session-entry-lines")
            with TabPane("Chain", id="session-chain"):
                yield SessionChain(id="session-chain-body")

    @property
    def active(self) -> str:
        """The tab that is open, one of `TABS`."""
        return self.query_one(TabbedContent).active

    @property
    def chain(self) -> SessionChain:
        return self.query_one(SessionChain)

    def show(self, detail: SessionDetail, lens: Lens) -> None:
        self._shown = detail
        # The line under the open tab is measured when the tabs are mounted, at times before they have a width.
        after_paint(self, self._underline)
        self.query_one("#session-facts", Facts).show(overview_facts(detail, lens))
        self._table("payments", "payment", payment_cells(detail, lens), "No payment by voucher is known here.")
        self._table("events", "entry", entry_cells(detail, lens), "Nothing was noted of it yet.")
        self._show_chain()
        self.chain.look(lens)

    def _table(self, tab: str, lines: str, cells: list, nothing: str) -> None:  # type: ignore[type-arg]
        note, table = self.query_one(f"#session-{tab}-note", Static), self.query_one(f"#session-{lines}-lines", Lines)
        note.display, table.display = not cells, bool(cells)
        note.update(Content.styled(nothing, MUTED))
        table.show(cells)

    def step(self, by: int) -> None:
        """Opens the tab that many places on, around the ends."""
        place = self.TABS.index(self.active) + by
        self.query_one(TabbedContent).active = self.TABS[place % len(self.TABS)]

    def ask_again(self) -> None:
        """Asks the chain anew, when its tab is open."""
        if self.active == "session-chain":
            self.chain.ask()

    def focus_content(self) -> None:
        """Puts the focus on the body of the open tab, so that it can be scrolled."""
        pane = self.query_one(TabbedContent).get_pane(self.active)
        pane.query(VerticalScroll).first().focus()

    @on(TabbedContent.TabActivated)
    def _show_chain(self) -> None:
        if self._shown is not None:
            self.chain.want(self._shown.row, seen=self.active == "session-chain")

    def _underline(self) -> None:
        tabs = self.query_one(Tabs)
        if tabs.is_mounted:
            tabs._highlight_active(animate=False)
