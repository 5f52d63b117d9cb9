"""The pane of one session in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from mpp_console.services.session_models import SessionDetail
from mpp_console.tui.display import BAD, MUTED, Lens
from mpp_console.tui.session_lines import SessionLine, sign_of
from mpp_console.tui.view import after_paint, app_of
from mpp_console.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from mpp_console.tui.widgets.session_tabs import SessionTabs

__all__ = ["SessionPane"]

_NOTHING = "Nothing is selected."
_DAMAGED = (
    "The row of this channel cannot be read. It is kept, and nothing is signed for it. Its id finds it on the chain, "
    "and whoever runs its server knows it too."
)


class SessionPane(Pane):
    """Shows one channel, or says that none is selected, or that its row cannot be read."""

    DEFAULT_CSS = """
    SessionPane {
        .empty { color: $text-muted; padding: 1 0; }
        &.-empty SessionTabs { display: none; }
        &.-filled .empty { display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Session", id=id, classes="-empty")
        self._shown: SessionDetail | None = None
        self._damaged: SessionLine | None = None
        self._look: tuple[object, ...] | None = None
        self._tabs: SessionTabs | None = None

    def compose(self) -> ComposeResult:
        yield Static(_NOTHING, classes="empty", markup=False)

    @property
    def detail(self) -> SessionDetail | None:
        return self._shown

    @property
    def tabs(self) -> SessionTabs | None:
        return self._tabs if self._shown is not None else None

    def show(self, detail: SessionDetail | None, *, damaged: SessionLine | None = None) -> None:
        """Shows a channel, one that cannot be read, or that nothing is selected."""
        if (detail, damaged) != (self._shown, self._damaged):
            self._shown, self._damaged, self._look = detail, damaged, None
        self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws what is shown through `lens`, when that changes anything."""
        shown = self._shown
        passing = lens.now if shown and SessionLine(shown.row.id, shown.row).counts_down else None
        look = (shown, self._damaged, passing, lens.privacy, lens.ascii, lens.relative)
        if look == self._look:
            return
        self._look = look
        self.set_class(shown is None, "-empty")
        self.set_class(shown is not None, "-filled")
        self._frame(lens)
        if shown is None:
            said = Content.styled(_DAMAGED, BAD) if self._damaged else Content.styled(_NOTHING, MUTED)
            self.query_one(".empty", Static).update(said)
        elif self._tabs is None:
            self._make_tabs()
        elif self._tabs.is_mounted:
            self._tabs.show(shown, lens)

    def focus_content(self) -> None:
        """Puts the focus on what there is to know, so that it can be scrolled."""
        if self._tabs is not None:
            self._tabs.focus_content()

    def step(self, by: int) -> None:
        """Opens the tab that many places on."""
        if self._tabs is not None and self._shown is not None:
            self._tabs.step(by)

    def ask_again(self) -> None:
        """Asks the chain anew, when that is what is being looked at."""
        if self._tabs is not None and self._tabs.is_mounted:
            self._tabs.ask_again()

    def _make_tabs(self) -> None:
        # Many widgets, which the first frame does without.
        from mpp_console.tui.widgets.session_tabs import SessionTabs

        self._tabs = SessionTabs()
        self.mount(self._tabs)
        after_paint(self, self._fill_tabs)

    def _fill_tabs(self) -> None:
        self._look = None
        self.look(app_of(self).view.lens)

    def _frame(self, lens: Lens) -> None:
        row = self._shown.row if self._shown else None
        line = SessionLine(row.id, row) if row else self._damaged
        if line is None:
            self.frame(title=Content("Session"), badge=Content(""))
        else:
            self.frame(title=Content(f"Session {lens.reference(line.id)}"), badge=sign_of(line, lens).content)
