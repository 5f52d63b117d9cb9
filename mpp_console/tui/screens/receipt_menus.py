"""The menus of the receipts mode that need its list and its filter: exporting, and the saved filters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, Static

from mpp_console.protocol import inert
from mpp_console.services.models import ReceiptFilter, ReceiptRow, SavedFilter
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.screens.export import ExportDialog, ExportScope
from mpp_console.tui.screens.menu import Choice, MenuDialog
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.screens.receipt_acts import ReceiptActs
from mpp_console.tui.view import Unavailable, app_of, begin, console_of
from mpp_console.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from mpp_console.tui.feed import Feed

__all__ = ["NameDialog", "ReceiptMenus"]

_SAVE, _FORGET = "save", "forget"
_NAME_HINT = "enter saves · esc closes"


class ReceiptMenus(ReceiptActs):
    """The menus of the receipts mode; the screen below gives them its list and its filter."""

    _forgotten: SavedFilter | None = None

    if TYPE_CHECKING:

        @property
        def feed(self) -> Feed[ReceiptRow]: ...
        @property
        def filter_in_force(self) -> ReceiptFilter | None: ...
        @property
        def filter_text(self) -> str: ...
        @property
        def all_receipts(self) -> int: ...
        def use_filter(self, text: str) -> None: ...

    def chosen_rows(self) -> tuple[ReceiptRow, ...]:
        return self.feed.marked or super().chosen_rows()

    def selected(self) -> ReceiptRow:
        if (row := self.feed.selected) is None:
            raise Unavailable("No receipt is selected.")
        return row

    def do_receipts_export(self) -> None:
        feed, marked = self.feed, self.feed.marked
        row, chosen = feed.selected, self.filter_in_force
        none = "There are no receipts yet."
        scopes = (
            ExportScope(
                id="filter",
                label="this filter",
                what=chosen or ReceiptFilter(),
                count=len(feed.rows),
                words=_words(self.filter_text),
                reason="No filter is in force; / sets one." if chosen is None else "",
            ),
            ExportScope(id="selected", label="selected", what=(row.id,) if row else (), reason="" if row else none),
            ExportScope(
                id="marked",
                label="marked",
                what=tuple(one.id for one in marked),
                count=len(marked),
                reason="" if marked else "No receipt is marked; space marks one.",
            ),
            ExportScope(id="all", label="all", what=ReceiptFilter(), count=self.all_receipts, words=()),
        )
        at = "marked" if marked else "filter" if chosen is not None else "all"
        self.app.push_screen(ExportDialog(scopes, at))

    # Saved filters

    def do_receipts_saved(self) -> None:
        begin(self, self._saved_menu, group="saved", what="saved filters", exclusive=True)

    async def _saved_menu(self) -> None:
        saved = await console_of(self).receipts.saved()
        text = self.filter_text
        choices = [Choice(id=f"use {number}", label=one.name, note=one.text) for number, one in enumerate(saved)]
        choices += [
            Choice(
                id=_SAVE,
                label="save the filter in force…",
                key="s",
                note=text,
                reason="" if text else "no filter is in force; / sets one",
            ),
            Choice(id=_FORGET, label="forget one…", key="d", reason="" if saved else "none is saved"),
        ]

        async def picked(name: str | None) -> None:
            if name == _SAVE:
                await self.app.push_screen(NameDialog(text, [one.name for one in saved]), partial(self._named, saved))
            elif name == _FORGET:
                await self._forget_menu(saved)
            elif name is not None:
                self.use_filter(saved[int(name.split()[1])].text)

        await self.app.push_screen(MenuDialog("Saved filters", choices), picked)

    def _named(self, saved: tuple[SavedFilter, ...], name: str | None) -> None:
        if name is not None:
            replaced = next((one for one in saved if one.name == name), None)
            one = SavedFilter(name=name, text=self.filter_text)
            begin(self, partial(self._save, one, replaced), group="saved", what="saved filters")

    async def _save(self, one: SavedFilter, replaced: SavedFilter | None) -> None:
        await console_of(self).receipts.save(one.name, one.text)
        self._forgotten = replaced
        app_of(self).say(f"Saved as {one.name}; F chooses it.")

    async def _forget_menu(self, saved: tuple[SavedFilter, ...]) -> None:
        choices = [Choice(id=str(number), label=one.name, note=one.text) for number, one in enumerate(saved)]

        def picked(number: str | None) -> None:
            if number is not None:
                begin(self, partial(self._forget, saved[int(number)]), group="saved", what="saved filters")

        await self.app.push_screen(MenuDialog("Forget a filter", choices), picked)

    async def _forget(self, one: SavedFilter) -> None:
        await console_of(self).receipts.forget(one.name)
        self._forgotten = one
        app_of(self).say(f"Forgot {one.name}; u brings it back.")

    def do_receipts_undo(self) -> None:
        if self._forgotten is None:
            raise Unavailable("There is nothing to undo here. Payments cannot be undone.")
        begin(self, partial(self._bring_back, self._forgotten), group="saved", what="saved filters")
        self._forgotten = None

    async def _bring_back(self, one: SavedFilter) -> None:
        await console_of(self).receipts.save(one.name, one.text)
        app_of(self).say(f"{one.name} is back.")


class NameDialog(Overlay[str | None]):
    """Asks under what name a filter is kept. Gives the name, None when it was closed."""

    KEYS = (("enter", "Save"),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#filter-name"

    def __init__(self, text: str, taken: list[str]) -> None:
        super().__init__()
        self._text = text
        self._taken = taken

    def compose(self) -> ComposeResult:
        with Pane(title="Save filter", hint=_NAME_HINT, id="question"):
            yield Static(inert(self._text), markup=False, id="question-text")
            yield Input(placeholder="a name", id="filter-name", compact=True, max_length=40)

    def do_dialog_close(self) -> None:
        self.dismiss(None)

    @on(Input.Changed, "#filter-name")
    def _typed(self, event: Input.Changed) -> None:
        taken = event.value.strip() in self._taken
        hint = Content.styled("enter replaces the filter of that name", "$warning") if taken else Content(_NAME_HINT)
        self.query_one(Pane).frame(hint=hint)

    @on(Input.Submitted, "#filter-name")
    def _submit(self, event: Input.Submitted) -> None:
        if name := event.value.strip():
            self.dismiss(name)


def _words(text: str) -> tuple[str, ...]:
    """A filter as arguments of a command: its words, or one argument when quotes keep some together."""
    return (text,) if '"' in text else tuple(text.split())
