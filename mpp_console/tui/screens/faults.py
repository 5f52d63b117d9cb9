"""The switches of faults: what goes wrong on purpose, for one route or for all, until it is switched off again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from mpp_console.protocol import inert
from mpp_console.services.server_models import FaultInfo, faults_for
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import MUTED, WARN, Lens
from mpp_console.tui.feed import Feed
from mpp_console.tui.feed_pane import FeedHeading
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of, console_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick, PickOption

__all__ = ["FaultsDialog"]

_COLUMNS = (
    Column(title="ON", width=9, keep=9),
    Column(title="FAULT", width=13, keep=9),
    Column(title="WHAT A CLIENT MEETS", width=20, grow=1, keep=8),
)


class FaultRow:
    """A fault as a row: whether it is on here, and whether it is on for all."""

    __slots__ = ("everywhere", "fault", "id", "on")

    def __init__(self, fault: FaultInfo, *, on: bool, everywhere: bool) -> None:
        self.id = fault.name
        self.fault = fault
        self.on = on
        self.everywhere = everywhere


def _cells(row: FaultRow, lens: Lens) -> Sequence[Cell]:
    word = "on" if row.on else "for all" if row.everywhere else "off"
    lit = row.on or row.everywhere
    return (
        (lens.plain(f"{'●' if lit else '○'} {word}"), f"bold {WARN}" if lit else MUTED),
        (row.fault.name, f"bold {WARN}" if lit else ""),
        (row.fault.text, "" if lit else MUTED),
    )


class FaultFeed(Feed[FaultRow]):
    """The list of faults. Space switches as enter does."""

    def lacks(self, name: str) -> str | None:
        return None if name == "list.mark" else super().lacks(name)

    def do_list_mark(self) -> None:
        self.do_list_open()


class FaultsDialog(Overlay[None]):
    """Switches at once; there is nothing to confirm."""

    KEYS = (("enter", "Switch"), ("tab", "For all, all off"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#faults-feed"

    def __init__(self, key: str | None) -> None:
        super().__init__()
        self._key = key

    def compose(self) -> ComposeResult:
        options = [PickOption(id="all", label="every route")]
        if self._key is not None:
            options.insert(0, PickOption(id="one", label=inert(self._key, limit=40)))
        feed = FaultFeed(_COLUMNS, _cells, app_of(self).view.lens, empty="", follow=False, id="faults-feed")
        with Pane(title="Faults", hint="enter switches · tab: for all, all off · esc closes", id="faults"):
            with Horizontal(id="faults-for"):
                yield Static("for", markup=False)
                yield Pick(options, options[0].id, id="faults-scope")
            yield FeedHeading(_COLUMNS)
            yield feed
            yield Static("", id="faults-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("All off", id="faults-off", compact=True)
                yield Button("Close", id="faults-close", compact=True)

    def on_mount(self) -> None:
        self._draw()

    @property
    def _target(self) -> str | None:
        """The route that is switched; None for all."""
        return self._key if self.query_one("#faults-scope", Pick).value == "one" else None

    def _on(self, target: str | None) -> set[str]:
        """What is switched on exactly here: a fault of every route is not one of this route."""
        view = console_of(self).server.view()
        if target is None:
            return set(view.faults)
        route = next((route for route in view.routes if route.key == target), None)
        return set(route.switched) if route is not None else set()

    @on(Pick.Changed, "#faults-scope")
    def _draw(self) -> None:
        here, everywhere = self._on(self._target), self._on(None)
        target, routes = self._target, console_of(self).server.view().routes
        rows = [
            FaultRow(fault, on=fault.name in here, everywhere=target is not None and fault.name in everywhere)
            for fault in faults_for(next((route for route in routes if route.key == target), None))
        ]
        self.query_one("#faults-feed", Feed).replace(rows)
        lens = app_of(self).view.lens
        count = console_of(self).server.view().faulty
        badge = Content.styled(f"! {count} faulty", f"bold {WARN}") if count else Content.styled("none on", MUTED)
        self.query_one("#faults", Pane).frame(badge=badge)
        note = "They last until they are switched off here, or until the console closes."
        self.query_one("#faults-note", Static).update(Content.styled(lens.plain(note), MUTED))

    @on(Feed.Opened, "#faults-feed")
    async def _switch(self, event: Feed.Opened) -> None:
        if isinstance(event.row, FaultRow):
            await self._set(self._target, self._on(self._target) ^ {event.row.id})

    @on(Button.Pressed, "#faults-off")
    async def _all_off(self) -> None:
        view = console_of(self).server.view()
        for route in view.routes:
            if route.switched:
                await self._set(route.key, set())
        await self._set(None, set())

    async def _set(self, key: str | None, names: set[str]) -> None:
        async def switch() -> None:
            console_of(self).server.set_faults(key, names)

        await app_of(self).attempt(switch())
        app_of(self).refresh_view()
        self._draw()

    @on(Button.Pressed, "#faults-close")
    def do_dialog_close(self) -> None:
        self.dismiss(None)
