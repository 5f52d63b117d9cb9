"""The form of a route of one's own: what is asked for, what it costs and what it answers. What is wrong is said below
its field, and judged anew as it is typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static, TextArea

from mpp_console.protocol import Currency, MppError, inert
from mpp_console.services.commands import command_line
from mpp_console.services.models import RouteDraft, RouteTrouble
from mpp_console.services.routes import RouteInvalid
from mpp_console.services.server_models import FREE, METHODS
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import BAD, MUTED
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick, PickOption

__all__ = ["RouteDialog"]

_NUMBERS = {"status": "a whole number, such as 200", "expires_in": "a whole number of seconds, such as 300"}


class RouteDialog(Overlay[str | None]):
    """Gives the key of the route that was made or changed; None when nothing was."""

    KEYS = (("enter", "Save"), ("tab", "Next field"))
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        Binding("ctrl+s", "save", "Save", show=False),
    ]
    AUTO_FOCUS = "#route-path"

    def __init__(self, currencies: Sequence[Currency], draft: RouteDraft | None = None, replacing: str | None = None):
        super().__init__()
        self._currencies = tuple(currencies)
        self._draft = draft or RouteDraft()
        self._replacing = replacing
        self._told = False
        self._busy = False

    def compose(self) -> ComposeResult:
        draft = self._draft
        title = "New route" if self._replacing is None else f"Edit {inert(self._replacing, limit=40)}"
        symbols = [PickOption(id=each.symbol, label=inert(each.symbol, limit=12)) for each in self._currencies]
        chosen = next((each.symbol for each in self._currencies if draft.currency in {each.symbol, each.id}), None)
        with Pane(title=title, hint="enter or ctrl+s saves · esc cancels", id="route"):
            with VerticalScroll(id="route-fields", can_focus=False):
                yield from self._pick("method", [PickOption(id=name, label=name) for name in METHODS], draft.method)
                yield from self._line("path", draft.path, "/weather or /weather/{city}")
                yield from self._line("price", draft.price, "0.02, or free, or 0 for a proof of the account")
                yield from self._pick("currency", symbols, chosen or self._currencies[0].symbol)
                yield from self._line("description", draft.description, "what is sold; the client sees it")
                yield from self._line("status", str(draft.status), "200")
                yield from self._line("content_type", draft.content_type, "application/json")
                with Horizontal(classes="route-row"):
                    yield Label("body", markup=False)
                    yield TextArea(draft.body, id="route-body", compact=True, highlight_cursor_line=False)
                yield self._trouble("body")
                yield from self._line("expires_in", str(draft.expires_in), "300")
                modes = (("any", "either"), ("pull", "the server"), ("push", "the client"))
                yield from self._pick("mode", [PickOption(id=name, label=label) for name, label in modes], draft.mode)
                fees = [PickOption(id="no", label="the client"), PickOption(id="yes", label="the server")]
                yield from self._pick("sponsored", fees, "yes" if draft.sponsored else "no")
            yield Static("", id="route-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("Save", id="route-save", compact=True, classes="-armed")
                yield Button("Cancel", id="route-cancel", compact=True)

    def on_mount(self) -> None:
        self._note()

    def _line(self, name: str, value: str, placeholder: str) -> ComposeResult:
        with Horizontal(classes="route-row"):
            yield Label(_LABELS[name], markup=False)
            yield Input(value=value, placeholder=placeholder, id=f"route-{name}", compact=True)
        yield self._trouble(name)

    def _pick(self, name: str, options: Sequence[PickOption], value: str) -> ComposeResult:
        with Horizontal(classes="route-row"):
            yield Label(_LABELS[name], markup=False)
            yield Pick(options, value, id=f"route-{name}")
        yield self._trouble(name)

    def _trouble(self, name: str) -> Static:
        return Static("", id=f"trouble-{name}", classes="trouble", markup=False)

    # What was typed

    def _text(self, name: str) -> str:
        return self.query_one(f"#route-{name}", Input).value.strip()

    def _picked(self, name: str) -> str:
        return self.query_one(f"#route-{name}", Pick).value

    def _typed(self) -> tuple[RouteDraft, list[RouteTrouble]]:
        """The draft, and the fields that hold no number where one belongs."""
        troubles = [
            RouteTrouble(field=name, message=message)
            for name, message in _NUMBERS.items()
            if not (self._text(name).isascii() and self._text(name).isdigit() and len(self._text(name)) < 9)
        ]
        numbers = dict.fromkeys(_NUMBERS, 0)
        numbers |= {name: int(self._text(name)) for name in _NUMBERS if name not in {each.field for each in troubles}}
        price = self._text("price")
        currency = self._picked("currency")
        draft = RouteDraft(
            method=self._picked("method"),
            path=self._text("path"),
            price=FREE if price.lower() == FREE else price,
            currency="" if currency == self._currencies[0].symbol else currency,
            description=self._text("description"),
            status=numbers["status"],
            content_type=self._text("content_type"),
            body=self.query_one("#route-body", TextArea).text,
            expires_in=numbers["expires_in"],
            mode=cast("Literal['any', 'pull', 'push']", self._picked("mode")),
            sponsored=self._picked("sponsored") == "yes",
        )
        return draft, troubles

    def _judge(self) -> tuple[RouteDraft, tuple[RouteTrouble, ...]]:
        draft, own = self._typed()
        mine = {trouble.field for trouble in own}
        theirs = console_of(self).server.check_route(draft, self._replacing)
        return draft, (*own, *(trouble for trouble in theirs if trouble.field not in mine))

    def _show(self, troubles: Sequence[RouteTrouble]) -> None:
        by_field: dict[str, RouteTrouble] = {}
        for trouble in troubles:
            by_field.setdefault(trouble.field, trouble)
        glyph = app_of(self).view.lens.plain("✗ ")
        for box in self.query(".trouble").results(Static):
            field = (box.id or "").removeprefix("trouble-")
            box.display = field in by_field
            if field in by_field:
                trouble = by_field.pop(field)
                box.update(Content.assemble((glyph + inert(trouble.message, limit=300), BAD), (_hint(trouble), MUTED)))
        self._note(next(iter(by_field.values()), None))

    def _note(self, trouble: RouteTrouble | None = None) -> None:
        """What is wrong with the whole, or the command that serves the same route."""
        box = self.query_one("#route-note", Static)
        if trouble is not None:
            box.update(Content.styled(inert(f"{trouble.message}{_hint(trouble)}", limit=200), BAD))
            return
        draft, _ = self._typed()
        command = command_line(app_of(self).view.called, "serve", "--route", draft.text) if draft.path else ""
        box.update(Content.styled(inert(command, limit=300), MUTED))

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Pick.Changed)
    def _changed(self) -> None:
        if self._told:
            self._show(self._judge()[1])
        else:
            self._note()

    # Saving

    @on(Input.Submitted)
    @on(Button.Pressed, "#route-save")
    def action_save(self) -> None:
        draft, troubles = self._judge()
        self._told = True
        self._show(troubles)
        if troubles:
            self._lead_to(troubles[0].field)
        elif not self._busy:
            self._busy = True
            begin(self, lambda: self._save(draft), group="route", what="saving the route")

    async def _save(self, draft: RouteDraft) -> None:
        server = console_of(self).server
        try:
            if self._replacing is None:
                await server.add_route(draft)
            else:
                await server.edit_route(self._replacing, draft)
        except RouteInvalid as error:
            self._show(error.troubles)
            return
        except MppError as error:
            self._note(RouteTrouble(field="", message=error.message, hint=error.hint or ""))
            return
        finally:
            self._busy = False
        self.dismiss(draft.key)

    def _lead_to(self, field: str) -> None:
        found = self.query(f"#route-{field}") if field else None
        if found:
            widget: Widget = found.first()
            widget.focus()
            widget.scroll_visible(animate=False)

    def key_enter(self, event: events.Key) -> None:
        """On a choice as well, enter saves; in the body it is a new line."""
        if isinstance(self.focused, Pick):
            event.stop()
            self.action_save()

    @on(Button.Pressed, "#route-cancel")
    def do_dialog_close(self) -> None:
        self.dismiss(None)


_LABELS = {
    "method": "method",
    "path": "path",
    "price": "price",
    "currency": "currency",
    "description": "description",
    "status": "status",
    "content_type": "content type",
    "expires_in": "expires in s",
    "mode": "who sends it",
    "sponsored": "who pays fees",
}


def _hint(trouble: RouteTrouble) -> str:
    return f" · {inert(trouble.hint, limit=300)}" if trouble.hint else ""
