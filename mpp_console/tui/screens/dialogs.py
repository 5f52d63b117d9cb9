"""What opens above a mode and closes with esc: a receipt in full, every key, the event log, the outcomes of a test run,
and the question before quitting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from mpp_console.protocol import inert
from mpp_console.services.models import ReceiptRow, RequestRow, RouteOutcome
from mpp_console.tui.actions import ACTIONS, Action, Scope, action, bindings
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, GOOD, MUTED, WARN, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.screens.receipt_acts import ReceiptActs
from mpp_console.tui.view import Unavailable, View, after_paint, app_of, begin, console_of
from mpp_console.tui.widgets.facts import hanging
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.receipt import ReceiptPane

__all__ = ["HelpDialog", "OutcomesDialog", "QuitDialog", "ReadingDialog", "ReceiptDialog"]


_RECEIPT_ACTS = ("copy", "command", "again", "explorer", "tab_next", "tab_previous")
"""What can be done with a receipt on a screen of its own as well."""
_READING_ACTS = (
    *(f"mode.{mode}" for mode in ("wallet", "sessions", "receipts", "inspect", "server")),
    "privacy",
    "time",
    "log",
    "help",
)
"""What works everywhere and takes nothing from what is only read."""


class Dialog(Overlay[None]):
    """Anything that esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]

    def do_dialog_close(self) -> None:
        self.dismiss(None)


class ReadingDialog(Dialog):
    """One in which nothing is typed or decided. The keys that change the mode or the looks work in it as they do below
    it, where they are learned; a change of mode closes it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [action(name).binding() for name in _READING_ACTS]


class ReceiptDialog(ReadingDialog, ReceiptActs):
    """A receipt, or one served request, on a screen of its own. Another test payment shows its receipt here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        action(name).binding() for name in ("test.one", *(f"receipts.{act}" for act in _RECEIPT_ACTS))
    ]

    def __init__(self, shown: str | RequestRow, *, asked: bool = True) -> None:
        """`asked` tells a receipt that somebody chose from one that comes by itself."""
        super().__init__()
        self._shown = shown
        self.asked = asked

    def compose(self) -> ComposeResult:
        yield ReceiptPane(id="dialog-receipt")

    async def on_mount(self) -> None:
        pane = self.query_one(ReceiptPane)
        pane.frame(hint=Content(app_of(self).view.lens.plain("← → tabs · y copy · esc closes")))
        self.watch(self.app, "view", self._look)
        if isinstance(self._shown, str):
            await self.show_receipt(self._shown)
        else:
            pane.show(self._shown)

    async def show_receipt(self, receipt_id: str) -> None:
        self.query_one(ReceiptPane).show(await console_of(self).receipts.get(receipt_id))

    def selected(self) -> ReceiptRow:
        if (detail := self.query_one(ReceiptPane).detail) is None:
            raise Unavailable("There is no receipt here.")
        return detail.row

    def do_receipts_tab_next(self) -> None:
        self.query_one(ReceiptPane).step(1)

    def do_receipts_tab_previous(self) -> None:
        self.query_one(ReceiptPane).step(-1)

    def _look(self, view: View) -> None:
        self.query_one(ReceiptPane).look(view.lens)


class HelpDialog(Dialog):
    """Every action with its keys, by scope, narrowed by what is typed; what cannot be done now says why."""

    KEYS = (("type", "Search"), ("↑ ↓", "Scroll"))
    AUTO_FOCUS = "#help-search"

    def compose(self) -> ComposeResult:
        with Pane(title="Keys and actions", hint="type to search · esc closes", id="dialog"):
            yield Input(placeholder="search", id="help-search", compact=True)
            with VerticalScroll(id="dialog-body"):
                yield Static("", id="help-list", markup=False)

    def on_mount(self) -> None:
        self._draw("")

    @on(Input.Changed, "#help-search")
    def _search(self, event: Input.Changed) -> None:
        self._draw(event.value.strip().lower())

    def on_resize(self) -> None:
        self._draw(self.query_one("#help-search", Input).value.strip().lower())

    def _draw(self, words: str) -> None:
        lines: list[Content] = []
        width = self.query_one("#dialog-body").scrollable_content_region.width or 80
        scope: Scope | None = None
        for entry in ACTIONS:
            shown = app_of(self).view.lens.plain(app_of(self).view.keymap.text(entry))
            if words not in f"{entry.label} {entry.help} {shown} {entry.id}".lower():
                continue
            if entry.scope is not scope:
                scope = entry.scope
                lines += (
                    [Content(""), Content.styled(scope.value, "bold")]
                    if lines
                    else [Content.styled(scope.value, "bold")]
                )
            reason = app_of(self).reason(entry)
            text = (f"{entry.help} Not now: {reason}", MUTED) if reason else entry.help
            keys = (f"{shown or 'palette':<13}", f"{MUTED if reason else 'bold $primary'}")
            lines += hanging(Content.assemble(keys, f"{entry.label:<18}"), Content.assemble(text), width)
        self.query_one("#help-list", Static).update(
            Content("\n").join(lines or [Content.styled("Nothing matches.", MUTED)])
        )


class QuitDialog(Overlay[bool]):
    """Asks before something would be cut short. Gives True to quit."""

    KEYS = (("esc", "Stay"), ("tab", "Next"), ("enter", "Choose"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#stay"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__()
        self._reasons = tuple(reasons)

    def compose(self) -> ComposeResult:
        with Pane(title="Quit?", hint="esc stays", id="question"):
            yield Static(Content("\n".join(self._reasons or ("Leave the console?",))), markup=False, id="question-text")
            with Horizontal(id="choices"):
                yield Button("Stay", id="stay", compact=True)
                yield Button("Quit", id="quit", compact=True, classes="-armed")

    def foot(self) -> Sequence[Action]:
        return ()

    def do_dialog_close(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#stay")
    def _stay(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#quit")
    def _quit(self) -> None:
        self.dismiss(True)


_OUTCOMES = (
    Column(title="ROUTE", width=26, keep=9),
    Column(title="RESULT", width=8, keep=9),
    Column(title="EXPECTED", width=16, grow=3, keep=7),
    Column(title="GOT", width=19, grow=1, keep=8),
    Column(title="CODE", width=4, right=True, keep=5),
    Column(title="TOOK", width=8, right=True, keep=4),
)


class OutcomeRow:
    """An outcome as a row of a list."""

    __slots__ = ("id", "outcome")

    def __init__(self, outcome: RouteOutcome) -> None:
        self.id = f"{outcome.route.method} {outcome.route.path}"
        self.outcome = outcome


def _outcome_cells(row: OutcomeRow, lens: Lens) -> Sequence[Cell]:
    outcome = row.outcome
    return (
        (inert(f"{outcome.route.method:<4} {outcome.route.path}", limit=120), ""),
        (lens.plain("✓ ok"), GOOD) if outcome.ok else (lens.plain("✗ wrong"), BAD),
        (inert(outcome.expected, limit=120), MUTED),
        (inert(outcome.outcome, limit=120), "" if outcome.ok else BAD),
        (str(outcome.status) if outcome.status is not None else lens.plain("—"), MUTED),
        (f"{outcome.milliseconds:.0f} ms", MUTED),
    )


class OutcomesDialog(ReadingDialog):
    """Every demo route called once, the table growing as they answer."""

    def __init__(self, outcomes: AsyncIterator[RouteOutcome]) -> None:
        super().__init__()
        self._outcomes = outcomes

    def compose(self) -> ComposeResult:
        feed: Feed[OutcomeRow] = Feed(
            _OUTCOMES,
            _outcome_cells,
            app_of(self).view.lens,
            empty="Calling every route of the local server…",
            id="outcome-feed",
        )
        with Vertical(id="dialog"):
            yield FeedPane(
                feed, title="Test of every route", hint="enter opens its receipt · esc closes", id="outcomes"
            )

    def on_mount(self) -> None:
        begin(self, self._run, group="test", what="test of every route")

    async def _run(self) -> None:
        feed = self.query_one("#outcome-feed", Feed)
        good = total = 0
        async for outcome in self._outcomes:
            good, total = good + outcome.ok, total + 1
            feed.append([OutcomeRow(outcome)])
        badge = Content.styled(
            app_of(self).view.lens.plain(f"✓ {good} of {total} as meant"), GOOD if good == total else WARN
        )
        after_paint(self, self.query_one("#outcomes", FeedPane).frame, badge=badge)

    @on(Feed.Opened, "#outcome-feed")
    async def _open(self, event: Feed.Opened) -> None:
        row = event.row
        if isinstance(row, OutcomeRow) and row.outcome.receipt_id:
            await self.app.push_screen(ReceiptDialog(row.outcome.receipt_id))
        elif isinstance(row, OutcomeRow) and row.outcome.error:
            app_of(self).toast(row.outcome.error.message)
