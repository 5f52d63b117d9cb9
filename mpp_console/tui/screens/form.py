"""A few fields above a screen, and what to do with what was typed into them. What goes wrong is said below the fields,
which stay as they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from mpp_console.protocol import MppError, inert
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import BAD, MUTED, fault
from mpp_console.tui.screens.overlay import FIELDS, Overlay
from mpp_console.tui.view import app_of, begin
from mpp_console.tui.widgets.pane import Pane

__all__ = ["Field", "FormDialog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line to fill in. A `secret` one shows dots."""

    id: str
    label: str
    placeholder: str = ""
    value: str = ""
    secret: bool = False


class FormDialog(Overlay[None]):
    """Asks for `fields`, then awaits `submit` with what was typed; closes when that raises nothing."""

    KEYS = FIELDS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        submit: Callable[[Mapping[str, str]], Awaitable[object]],
        *,
        button: str,
        text: str = "",
        grave: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._submit = submit
        self._button = button
        self._text = text
        self._tone = BAD if grave else MUTED
        self._busy = False

    def compose(self) -> ComposeResult:
        with Pane(title=self._title, hint="enter goes on · esc cancels", id="form"):
            if self._text:
                yield Static(Content.styled(inert(self._text, limit=600), self._tone), id="form-text", markup=False)
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Label(field.label, markup=False)
                    yield Input(
                        value=field.value,
                        placeholder=app_of(self).view.lens.placeholder(field.placeholder),
                        password=field.secret,
                        id=field.id,
                        compact=True,
                    )
            yield Static("", id="form-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button(self._button, id="submit", compact=True, classes="-armed")

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        """Enter leads to the next field, and from the last one on."""
        boxes = list(self.query(Input))
        place = boxes.index(event.input)
        if place + 1 < len(boxes):
            boxes[place + 1].focus()
        else:
            self._go()

    @on(Button.Pressed, "#submit")
    def _go(self) -> None:
        if not self._busy:
            self._busy = True
            begin(self, self._carry_out, group="form", what=self._title.lower())

    async def _carry_out(self) -> None:
        self.query_one("#form-note", Static).update(Content.styled("one moment…", MUTED))
        try:
            await self._submit({box.id or "": box.value for box in self.query(Input)})
        except MppError as error:
            self.query_one("#form-note", Static).update(Content.styled(fault(error), BAD))
            return
        finally:
            self._busy = False
        self.dismiss(None)
