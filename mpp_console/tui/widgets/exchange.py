"""The pane of one request that the local server answered: what came, what was paid, what left, and how long it took."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TabbedContent, TabPane

from mpp_console.protocol import inert
from mpp_console.services.models import RequestDetail
from mpp_console.tui.display import Lens
from mpp_console.tui.view import after_paint, app_of
from mpp_console.tui.widgets.exchange_facts import answer_facts, overview_facts, payment_facts, request_facts
from mpp_console.tui.widgets.facts import Facts
from mpp_console.tui.widgets.pane import Pane

__all__ = ["ExchangePane"]


class ExchangePane(Pane):
    """Shows one request, or says that none is selected. Its tabs are made when first needed."""

    DEFAULT_CSS = """
    ExchangePane {
        .empty { color: $text-muted; padding: 1 0; }
        &.-filled .empty { display: none; }
        &.-empty ExchangeTabs { display: none; }
    }
    """

    def __init__(self, *, hint: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Request", hint=hint, id=id, classes="-empty")
        self._detail: RequestDetail | None = None
        self._look: tuple[object, ...] | None = None
        self._tabs: ExchangeTabs | None = None

    def compose(self) -> ComposeResult:
        yield Static("Nothing is selected.", classes="empty", markup=False)

    @property
    def detail(self) -> RequestDetail | None:
        return self._detail

    def show(self, detail: RequestDetail | None) -> None:
        self._detail = detail
        self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws it through `lens`, when that changes anything."""
        detail = self._detail
        age = lens.age(detail.row.at) if detail else ""
        look = (detail.row.id if detail else None, detail.kept if detail else None, age, lens.privacy, lens.ascii)
        if look == self._look:
            return
        self._look = look
        self.set_class(detail is None, "-empty")
        self.set_class(detail is not None, "-filled")
        if detail is None:
            self.frame(title=Content("Request"), badge=Content(""))
            return
        title = Content(inert(f"{detail.row.method} {detail.row.path}", limit=48))
        self.frame(title=title, badge=lens.outcome(detail.row.outcome).content)
        if self._tabs is None:
            self._make_tabs()
        elif self._tabs.is_mounted:
            self._tabs.show(detail, lens)

    def focus_content(self) -> None:
        """Puts the focus on what the open tab says, so that it can be scrolled."""
        if self._tabs is not None:
            self._tabs.focus_content()

    def _make_tabs(self) -> None:
        self._tabs = ExchangeTabs()
        self.mount(self._tabs)
        after_paint(self, self._fill)

    def _fill(self) -> None:
        self._look = None
        self.look(app_of(self).view.lens)


class ExchangeTabs(Vertical):
    """The tabs of one request."""

    DEFAULT_CSS = """
    ExchangeTabs {
        height: 1fr;
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { padding: 0; height: 1fr; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-top: 1; }
    }
    """
    TABS: ClassVar = (
        ("Overview", overview_facts),
        ("Request", request_facts),
        ("Payment", payment_facts),
        ("Answer", answer_facts),
    )

    def compose(self) -> ComposeResult:
        with TabbedContent():
            for name, _ in self.TABS:
                with TabPane(name, id=f"exchange-{name.lower()}"), VerticalScroll():
                    yield Facts(id=f"exchange-{name.lower()}-facts")

    def show(self, detail: RequestDetail, lens: Lens) -> None:
        for name, facts_of in self.TABS:
            self.query_one(f"#exchange-{name.lower()}-facts", Facts).show(facts_of(detail, lens))

    def focus_content(self) -> None:
        active = self.query_one(TabbedContent).active or "exchange-overview"
        self.query_one(f"#{active}", TabPane).query(VerticalScroll).first().focus()
