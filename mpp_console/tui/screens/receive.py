"""How to be paid: the address of the account in use as text, as a URI and as a QR code."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mpp_console.protocol import inert
from mpp_console.services.models import ReceiveView
from mpp_console.tui.actions import Scope, action, bindings
from mpp_console.tui.display import MUTED, Lens
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of, key_text
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, Facts
from mpp_console.tui.widgets.pane import Pane

__all__ = ["ReceiveDialog"]

_BESIDE = 34
"""Cells that the text needs beside the code."""


class ReceiveDialog(Overlay[None]):
    """Shows one account's address. In privacy there is neither address nor code."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        action("wallet.copy").binding(),
        action("wallet.uri").binding(),
        action("privacy").binding(),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown: ReceiveView | None = None

    def compose(self) -> ComposeResult:
        copies, uri = key_text(self, "wallet.copy"), key_text(self, "wallet.uri")
        hint = f"{copies} copies the address · {uri} the URI · esc closes"
        with Pane(title="Receive", hint=hint, id="receive"), Horizontal(id="receive-sides"):
            yield Static("", id="qr", markup=False)
            with VerticalScroll(id="receive-text"):
                yield Facts(id="receive-facts")

    def on_mount(self) -> None:
        self.watch(self.app, "view", self._look)
        begin(self, self._read, group="receive", what="the address")

    async def _read(self) -> None:
        self._shown = await console_of(self).receive()
        self._draw(app_of(self).view.lens)

    def _look(self, view: View) -> None:
        self._draw(view.lens)

    def on_resize(self, _event: events.Resize) -> None:
        self._draw(app_of(self).view.lens)

    def _draw(self, lens: Lens) -> None:
        shown = self._shown
        if shown is None:
            self.query_one("#receive-facts", Facts).show([Fact("", Content.styled("one moment…", MUTED))])
            return
        code, why = self._code(shown, lens)
        box = self.query_one("#qr", Static)
        box.display = bool(code.cell_length)
        box.update(code)
        state = app_of(self).view.state
        account = state.account.name if state and state.account else ""
        facts = [
            Fact("account", inert(account, limit=32)),
            Fact("address", Content.styled(lens.address(shown.address, whole=True), "bold")),
            Fact("uri", lens.plain("••••••") if lens.privacy else inert(shown.uri)),
            GAP_FACT,
            Fact("", Content.styled(inert(shown.note, limit=1000), "$warning")),
        ]
        if why:
            facts += [GAP_FACT, Fact("", Content.styled(lens.plain(why), MUTED))]
        self.query_one("#receive-facts", Facts).show(facts)

    def _code(self, shown: ReceiveView, lens: Lens) -> tuple[Content, str]:
        """The code, or why there is none. Readers want it dark on light, whatever the theme."""
        width, height = max((len(row) for row in shown.qr_rows), default=0), len(shown.qr_rows)
        if lens.privacy:
            return Content(""), f"Privacy is on: {key_text(self, 'privacy')} shows the address and its code."
        if lens.ascii:
            return Content(""), "This terminal cannot draw the code."
        if width + _BESIDE + 6 > self.size.width or height + 3 > self.size.height:
            return Content(""), f"The code needs a terminal of {width + _BESIDE + 6} columns and {height + 3} lines."
        tone = "$background on $foreground" if self.app.current_theme.dark else "$foreground on $background"
        return Content("\n").join(Content.styled(row, tone) for row in shown.qr_rows), ""

    # What was pressed

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    def do_wallet_copy(self) -> None:
        app_of(self).copy_text(self._known.address, "address")

    def do_wallet_uri(self) -> None:
        app_of(self).copy_text(self._known.uri, "payment URI")

    @property
    def _known(self) -> ReceiveView:
        if self._shown is None:
            raise Unavailable("The address is not known yet.")
        return self._shown
