"""What opens above the sessions: a channel on a screen of its own, whom to open one with, how much to add to one, and
which file to take channels from.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from mpp_console.protocol import MppError, inert, parse_units
from mpp_console.services.session_models import ImportResult, SessionRow
from mpp_console.tui.actions import Scope, action, bindings
from mpp_console.tui.display import BAD, MUTED, WARN, Lens, fault
from mpp_console.tui.screens.dialogs import ReadingDialog
from mpp_console.tui.screens.overlay import FIELDS, Overlay
from mpp_console.tui.screens.session_acts import SessionActs
from mpp_console.tui.session_lines import SessionLine, host_of
from mpp_console.tui.view import View, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.session import SessionPane
from mpp_console.tui.widgets.url_box import UrlBox

__all__ = ["AmountDialog", "ImportDialog", "OpenDialog", "SessionDialog"]

_ON_ITS_OWN = (
    "topup",
    "again",
    "close",
    "force",
    "withdraw",
    "sync",
    "copy",
    "command",
    "explorer",
    "tab_next",
    "tab_previous",
)
"""What can be done with a channel on a screen of its own as well."""


class SessionDialog(SessionActs, ReadingDialog):
    """A channel on a screen of its own, where there is no room for it beside the list."""

    BINDINGS: ClassVar[list[BindingType]] = [action(f"sessions.{name}").binding() for name in _ON_ITS_OWN]

    def __init__(self, line: SessionLine) -> None:
        super().__init__()
        self._line = line

    def compose(self) -> ComposeResult:
        yield SessionPane(id="dialog-session")

    def on_mount(self) -> None:
        self.pane.frame(hint=Content("esc closes"))
        self.watch(self.app, "view", self._look)
        self.reread()

    @property
    def pane(self) -> SessionPane:
        return self.query_one(SessionPane)

    def reread(self) -> None:
        begin(self, self._read, group="detail", what="session", exclusive=True)

    async def _read(self) -> None:
        if self._line.row is None:
            self.pane.show(None, damaged=self._line)
        else:
            detail = await console_of(self).sessions.show(self._line.id)
            self._line = SessionLine(self._line.id, detail.row)
            self.pane.show(detail)

    def _look(self, view: View) -> None:
        self.pane.look(view.lens)

    def chosen(self) -> tuple[SessionLine, ...]:
        return (self._line,)

    def do_sessions_tab_next(self) -> None:
        self.pane.step(1)

    def do_sessions_tab_previous(self) -> None:
        self.pane.step(-1)


class OpenDialog(Overlay[str | None]):
    """Asks whom to open a session with. Gives the URL, or None; nothing is asked of anybody yet."""

    KEYS = FIELDS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#session-url"

    def compose(self) -> ComposeResult:
        with Pane(
            title="New session", hint="enter asks for the price · nothing is put aside before you allow it", id="form"
        ):
            said = (
                "The URL is asked for a session. If it offers one, the review shows what a request costs and which "
                "deposit is put aside; later requests to the same server are paid from it."
            )
            yield Static(Content.styled(said, MUTED), id="form-text", markup=False)
            with Horizontal(classes="field"):
                yield Label("url")
                yield UrlBox(placeholder="https://…", id="session-url", compact=True)
            yield Static("", id="form-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("Ask", id="submit", compact=True, classes="-armed")

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(UrlBox.Pasted)
    def _pasted(self, event: UrlBox.Pasted) -> None:
        self.dismiss(event.text)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#submit")
    @on(Input.Submitted, "#session-url")
    def _ask(self) -> None:
        url = self.query_one("#session-url", Input).value.strip()
        if url:
            self.dismiss(url)
        else:
            self.query_one("#form-note", Static).update(Content.styled("Type a URL first.", BAD))


class AmountDialog(Overlay[str | None]):
    """Asks how much is added to a channel's deposit. Gives the amount as decimal text, or None."""

    KEYS = FIELDS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#session-amount"

    def __init__(self, row: SessionRow) -> None:
        super().__init__()
        self._row = row

    def compose(self) -> ComposeResult:
        with Pane(title="Top up", hint="enter goes on to the review · nothing is sent before you allow it", id="form"):
            yield Static("", id="form-text", markup=False)
            with Horizontal(classes="field"):
                yield Label("amount")
                yield Input(placeholder="0.00", id="session-amount", compact=True, restrict=r"[0-9.]*")
            yield Static("", id="form-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("Review", id="submit", compact=True, classes="-armed")

    def on_mount(self) -> None:
        self.watch(self.app, "view", self._look)

    def _look(self, view: View) -> None:
        self.query_one("#form-text", Static).update(self._text(view.lens))

    def _text(self, lens: Lens) -> Content:
        row = self._row
        parts = [
            Content.assemble(("to the channel with ", MUTED), (host_of(row) or "a server nobody here knows", "bold")),
            Content.assemble(
                ("deposit ", MUTED),
                lens.money(row.deposit, row.currency),
                (", left ", MUTED),
                lens.money(row.left, row.currency),
            ),
        ]
        if row.closes_at is not None:
            parts.append(Content.styled("It is being closed; a top up takes that back.", WARN))
        return Content("\n").join(parts)

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#submit")
    @on(Input.Submitted, "#session-amount")
    def _go(self) -> None:
        text = self.query_one("#session-amount", Input).value.strip()
        try:
            units = parse_units(text, self._row.currency.decimals) if text else 0
        except MppError as error:
            self._say(fault(error))
            return
        if units:
            self.dismiss(text)
        else:
            self._say("Nothing would be added. Give an amount above zero.")

    def _say(self, text: str) -> None:
        self.query_one("#form-note", Static).update(Content.styled(inert(text, limit=300), BAD))


class ImportDialog(Overlay[ImportResult | None]):
    """Reads another wallet's file twice: first to show what it holds, then, when that was seen, to take it in. Gives
    what was added, or None.
    """

    KEYS = FIELDS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#session-path"

    def __init__(self) -> None:
        super().__init__()
        self._seen: str | None = None
        """The path whose contents are on the screen."""
        self._busy = False

    def compose(self) -> ComposeResult:
        with Pane(title="Import channels", hint="the file is only read; what is known stays as it is", id="form"):
            said = (
                "The channels that another wallet keeps: a channels.db of the tempo wallet or of mppx, or the folder "
                "of mppx's sessions. Each channel is held against the chain afterwards."
            )
            yield Static(Content.styled(said, MUTED), id="form-text", markup=False)
            with Horizontal(classes="field"):
                yield Label("file")
                yield Input(placeholder="~/.tempo/wallet/channels.db", id="session-path", compact=True)
            yield Static("", id="form-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("Look into it", id="submit", compact=True, classes="-armed")

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Changed, "#session-path")
    def _typed(self) -> None:
        self._seen = None
        self._label("Look into it")

    @on(Button.Pressed, "#submit")
    @on(Input.Submitted, "#session-path")
    def _go(self) -> None:
        path = self.query_one("#session-path", Input).value.strip()
        if not path:
            self._say(Content.styled("Say which file.", BAD))
        elif not self._busy:
            self._busy = True
            begin(self, lambda: self._read(path), group="form", what="import")

    async def _read(self, path: str) -> None:
        looking = path != self._seen
        try:
            found = await console_of(self).sessions.import_file(_path_of(path), dry_run=looking)
        except MppError as error:
            self._say(Content.styled(fault(error), BAD))
            return
        finally:
            self._busy = False
        if not looking:
            self.dismiss(found)
            return
        self._say(_found(found, app_of(self).view.lens))
        if found.added:
            self._seen = path
            self._label(f"Take {len(found.added)} in")

    def _label(self, text: str) -> None:
        button = self.query_one("#submit", Button)
        if str(button.label) != text:
            button.label = Content(text)
            # A label is measured once.
            button.refresh(layout=True)

    def _say(self, text: Content) -> None:
        self.query_one("#form-note", Static).update(text)


_SHOWN = 3
_LINE = 54


def _path_of(text: str) -> Path:
    return Path(text).expanduser()


def _found(found: ImportResult, lens: Lens) -> Content:
    lines = [Content.styled(f"{len(found.added)} new, {found.known} known already", "bold")]
    for row in found.added[:_SHOWN]:
        held = lens.money(row.deposit, row.currency)
        host = lens.id(host_of(row), 20, 12)
        lines.append(Content.assemble((lens.reference(row.id), MUTED), "  ", held, ("  ", ""), (host, MUTED)))
    if len(found.added) > _SHOWN:
        lines.append(Content.styled(f"and {len(found.added) - _SHOWN} more", MUTED))
    lines += [Content.styled(_left_out(said, lens), WARN) for said in found.skipped[:_SHOWN]]
    if len(found.skipped) > _SHOWN:
        lines.append(Content.styled(lens.plain(f"! and {len(found.skipped) - _SHOWN} more left out"), WARN))
    return Content("\n").join(lines)


def _left_out(said: str, lens: Lens) -> str:
    """One row with the reason, for which a whole id would leave no room."""
    name, bracket, why = said.partition(" (")
    shown = lens.reference(name) if name.startswith("0x") else inert(name, limit=_LINE)
    return lens.plain(f"! left out: {shown}") + inert(bracket + why, limit=2 * _LINE)
