"""What opens above the inspector: a box to paste into, the server's secret, and where to save a report."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Static, TextArea

from mpp_console.protocol import MppError, Secret, inert
from mpp_console.services.inspect import Decoded, Decoding, InspectReport, recognise
from mpp_console.services.inspect_text import save_report
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import BAD, GOOD, MUTED, WARN, fault
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of, begin
from mpp_console.tui.widgets.pane import Pane

__all__ = ["PasteDialog", "SaveDialog", "SecretDialog"]

EDIT_LIMIT = 20_000
"""Characters that can be edited; of a longer text the beginning is shown, and all of it is taken."""
_PAUSE = 0.15
"""Seconds without a change after which the text is read: a long one takes a while."""


class PasteBox(TextArea):
    """A text area that shows only visible characters, and keeps what was pasted for as long as nobody edits it."""

    def __init__(self, text: str) -> None:
        super().__init__("", soft_wrap=True, show_line_numbers=False, id="paste-text", compact=True)
        self._raw = ""
        self._seen = ""
        if text:
            self.take(text)

    def take(self, text: str) -> None:
        """Puts a text in place of all."""
        seen = inert(text[:EDIT_LIMIT], keep_newlines=True)
        self._raw, self._seen = text, seen
        self.read_only = len(text) > EDIT_LIMIT
        self.text = seen

    @property
    def given(self) -> str:
        """What is to be looked at: the text as it was pasted, or as it was edited since."""
        return self._raw if self.text == self._seen and self._raw else self.text

    async def _on_paste(self, event: events.Paste) -> None:
        text = event.text
        if self.text and inert(text, keep_newlines=True) == text and len(self.text) + len(text) <= EDIT_LIMIT:
            return
        event.prevent_default()
        event.stop()
        before = "" if self.text == self.selected_text else self.given
        self.take(before + text)
        self.move_cursor(self.document.end)


class PasteDialog(Overlay[str | None]):
    """Gives what was pasted or typed, None when it was closed."""

    KEYS = (("ctrl+r", "Inspect"),)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        Binding("ctrl+r", "take", "Inspect", show=False, priority=True),
    ]
    AUTO_FOCUS = "#paste-text"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        plain = app_of(self).view.lens.plain
        with Pane(title="Paste", hint=plain("ctrl+r inspects · tab to the buttons · esc closes"), id="paste"):
            yield PasteBox(self._text)
            yield Static("", id="paste-told", markup=False)
            with Horizontal(id="choices"):
                yield Button("Inspect", id="paste-take", compact=True, classes="-armed")
                yield Button("Clear", id="paste-clear", compact=True)
                yield Button("Close", id="paste-close", compact=True)

    def on_mount(self) -> None:
        self._read()

    @property
    def box(self) -> PasteBox:
        return self.query_one(PasteBox)

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self.set_timer(_PAUSE, partial(self._settled, self.box.text))

    def _settled(self, text: str) -> None:
        if self.box.text == text:
            self._read()

    def _read(self) -> None:
        begin(self, self._recognise, group="recognise", what="what was pasted", exclusive=True)

    async def _recognise(self) -> None:
        text = self.box.given
        found = await recognise(text, app_of(self).clock()) if text.strip() else None
        self.query_one("#paste-told", Static).update(self._told(found, len(text)))

    def _told(self, found: Decoded | None, size: int) -> Content:
        plain = app_of(self).view.lens.plain
        if found is None:
            return Content.styled(
                "A header, credential, receipt, response, curl command, HAR or JSON-RPC error.", MUTED
            )
        tone, glyph = (WARN, "!") if found.kind == "unknown" else (GOOD, "✓")
        more = f"  ({size:,} characters)".replace(",", " ") if size > EDIT_LIMIT else ""
        what = "unpaid request: " if found.inquiry is not None else ""
        return Content.assemble(
            (plain(f"{glyph} "), tone), (f"{what}{plain(inert(found.note, limit=400))}", tone), (more, MUTED)
        )

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    def action_take(self) -> None:
        text = self.box.given
        if text.strip():
            self.dismiss(text)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "paste-take":
                self.action_take()
            case "paste-clear":
                self.box.take("")
                self.box.focus()
            case _:
                self.dismiss(None)


class SecretDialog(Overlay[Secret[bytes] | None]):
    """Takes the server's challenge secret, shown as dots. Gives it; an empty one forgets what was given before."""

    KEYS = (("enter", "Use it"),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#secret"

    def compose(self) -> ComposeResult:
        plain = app_of(self).view.lens.plain
        with Pane(
            title="Challenge secret", hint=plain("enter keeps it · empty forgets it · esc closes"), id="question"
        ):
            yield Static(
                "The server's own secret, to check challenge ids with. It stays in memory, is sent to nobody, "
                "and goes with the program.",
                markup=False,
                id="question-text",
            )
            yield Input(password=True, id="secret", compact=True)

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted, "#secret")
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(Secret(event.value.encode("utf-8", "surrogateescape")))


class SaveDialog(Overlay[Path | None]):
    """Saves a report; stays open until that has worked or nobody wants it any more."""

    KEYS = (("enter", "Save"), ("tab", "Next field"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#save-path"

    def __init__(self, shown: InspectReport | Decoding, name: str) -> None:
        super().__init__()
        self._shown = shown
        self._name = name

    def compose(self) -> ComposeResult:
        plain = app_of(self).view.lens.plain
        with Pane(title="Save the report", hint=plain("enter saves · esc closes"), id="question"):
            yield Static(
                "Markdown (.md) or JSON (.json), readable by you only. No file is ever replaced.",
                markup=False,
                id="question-text",
            )
            yield Input(f"{self._name}.md", id="save-path", compact=True)
            yield Static("", markup=False, id="save-told")

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Input.Changed, "#save-path")
    def _changed(self) -> None:
        self.query_one("#save-told", Static).update("")

    @on(Input.Submitted, "#save-path")
    def _submit(self, event: Input.Submitted) -> None:
        begin(self, partial(self._save, event.value), group="save", what="saving the report", exclusive=True)

    async def _save(self, where: str) -> None:
        try:
            path = await save_report(self._shown, where)
        except MppError as error:
            text = app_of(self).view.lens.plain(f"✗ {fault(error)}")
            self.query_one("#save-told", Static).update(Content.styled(text, BAD))
            return
        self.dismiss(path)
