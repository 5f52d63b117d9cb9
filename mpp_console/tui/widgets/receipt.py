"""The pane of a receipt in full, or of one request that the local server answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from mpp_console.protocol import inert
from mpp_console.services.models import ReceiptDetail, RequestRow
from mpp_console.tui.display import Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.view import after_paint, app_of
from mpp_console.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from mpp_console.tui.widgets.receipt_tabs import ReceiptTabs

__all__ = ["ReceiptPane"]


class ReceiptPane(Pane):
    """Shows one receipt or request, or says that none is selected."""

    DEFAULT_CSS = """
    ReceiptPane {
        .empty { color: $text-muted; padding: 1 0; }
        &.-empty ReceiptTabs { display: none; }
        &.-filled .empty { display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Receipt", id=id, classes="-empty")
        self._shown: ReceiptDetail | RequestRow | None = None
        self._look: tuple[object, ...] | None = None
        self._tabs: ReceiptTabs | None = None

    def compose(self) -> ComposeResult:
        yield Static("Nothing is selected.", classes="empty", markup=False)

    @property
    def detail(self) -> ReceiptDetail | None:
        """The receipt shown, if it is one."""
        return self._shown if isinstance(self._shown, ReceiptDetail) else None

    def show(self, shown: ReceiptDetail | RequestRow | None) -> None:
        """Shows a receipt, a request, or that nothing is selected."""
        if shown is not self._shown:
            self._shown = shown
            self._look = None
        self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws what is shown through `lens`, when that changes anything."""
        shown = self._shown
        age = lens.age(shown.row.at if isinstance(shown, ReceiptDetail) else shown.at) if shown else ""
        look = (shown, age, lens.privacy, lens.ascii)
        if look == self._look:
            return
        self._look = look
        self.set_class(shown is None, "-empty")
        self.set_class(shown is not None, "-filled")
        self._frame(shown, lens)
        if shown is None:
            return
        if self._tabs is None:
            self._make_tabs()
        elif self._tabs.is_mounted:
            self._tabs.show(shown, lens)

    def focus_content(self) -> None:
        """Puts the focus on what the receipt says, so that it can be scrolled."""
        if self._tabs is not None:
            self._tabs.focus_content()

    def step(self, by: int) -> None:
        """Opens the tab that many places on."""
        if self._tabs is not None and self.detail is not None:
            self._tabs.step(by)

    def do_receipts_tab_next(self) -> None:
        self.step(1)

    def do_receipts_tab_previous(self) -> None:
        self.step(-1)

    def ask_again(self) -> None:
        """Asks the chain anew, when that is what is being looked at."""
        if self._tabs is not None and self._tabs.is_mounted:
            self._tabs.ask_again()

    def _make_tabs(self) -> None:
        # Many widgets, which the first frame does without.
        from mpp_console.tui.widgets.receipt_tabs import ReceiptTabs

        self._tabs = ReceiptTabs()
        self.mount(self._tabs)
        after_paint(self, self._fill_tabs)

    def _fill_tabs(self) -> None:
        self._look = None
        self.look(app_of(self).view.lens)

    def _frame(self, shown: ReceiptDetail | RequestRow | None, lens: Lens) -> None:
        if isinstance(shown, ReceiptDetail):
            title = Content(f"Receipt {masked(lens.id(shown.row.reference, 8, 4), lens)}")
            self.frame(title=title, badge=lens.status(shown.row.status).content)
        elif isinstance(shown, RequestRow):
            title = Content(inert(f"{shown.method} {shown.path}", limit=48))
            self.frame(title=title, badge=lens.outcome(shown.outcome).content)
        else:
            self.frame(title=Content("Receipt"), badge=Content(""))
