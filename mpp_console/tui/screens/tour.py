"""The first-run tour: four steps on the sandbox, in a strip that stands above the keys of every mode.

It watches what really happens and ticks a step off when it was done, by whichever way and in whichever order. Nothing
is locked meanwhile: it takes no key but esc, and that only when esc has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from mpp_console.services.events import CommandLogged, ConsoleEvent, ReceiptRecorded
from mpp_console.tui.display import GOOD, INFO, MUTED, Lens, Sign
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.view import View, app_of, begin
from mpp_console.tui.widgets.receipt import ReceiptPane

if TYPE_CHECKING:
    from textual.app import App

    from mpp_console.services import Console
    from mpp_console.tui.app import ConsoleApp

__all__ = ["STEPS", "Step", "Tour", "TourCard"]

_KEY: Final = "bold $primary"
_LEAVE: Final = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to try. `words` tell how in full, `brief` where there is little room; keys stand in backquotes.

    `{url}` and `{place}` stand for what can be inspected, with and without its scheme; `alone` is said while the test
    server does not run, and there is no such thing.
    """

    id: str
    title: str
    words: str
    brief: str
    alone: str = ""


STEPS: Final = (
    Step(
        id="pay",
        title="Pay",
        words="Press `t`. One request is priced, paid and answered by the local test server, in play money.",
        brief="Press `t` for a test payment.",
    ),
    Step(
        id="read",
        title="Read the receipt",
        words="Press `3`, then `enter` on a receipt: what was paid, what went over the wire, what the chain holds.",
        brief="Press `3`, then `enter`: the receipt.",
    ),
    Step(
        id="inspect",
        title="Inspect a URL",
        words="Press `4`, then `/`, `up`, `enter`: {url} is asked, unpaid, its answer decoded and judged.",
        brief="`4`, `/`, `up`, `enter`: {place}",
        alone="Press `4`, then `/`, and type any URL.",
    ),
    Step(
        id="serve",
        title="See the server",
        words="Press `5`: the server that you paid, its routes and its log. Or `3`, then `x`: export your receipts.",
        brief="Press `5`: the server you paid.",
    ),
)
_OVER: Final = Step(
    id="over",
    title="",
    words="That was the tour. `?` lists every key, `ctrl+p` finds every action, the tour among them.",
    brief="Done. `?` lists every key.",
)


class Tour:
    """Which steps are done, shared by the strips of all modes. `leave` ends it, finished or not, for good."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._app: App[int] | None = None
        self._cards: dict[ModeScreen, TourCard] = {}
        self.done: set[str] = set()

    @property
    def current(self) -> Step:
        """The first step that is not done."""
        return next((step for step in STEPS if step.id not in self.done), _OVER)

    @property
    def over(self) -> bool:
        return self.current is _OVER

    def begin(self, app: App[int]) -> None:
        """Shows itself on the mode that is in sight, and on every other when it comes in sight."""
        self._app = app
        app.screen_change_signal.subscribe(app, self._screen_changed)
        self._screen_changed(app.screen)

    def leave(self) -> None:
        """Takes itself off every screen, and is not offered again."""
        app, self._app = self._app, None
        if app is None:
            return
        cast("ConsoleApp", app).tour = None
        for card in self._cards.values():
            card.remove()
        begin(app, self._console.first_run.toured, group="tour", what="the tour")

    def tick(self, step: str) -> None:
        """A step was done."""
        if self._app is None or step in self.done:
            return
        self.done.add(step)
        if self.over:
            begin(self._app, self._console.first_run.toured, group="tour", what="the tour")
        for card in self._cards.values():
            card.draw()

    def hear(self, batch: Sequence[ConsoleEvent]) -> None:
        """Ticks off what these events say was done."""
        for event in batch:
            if isinstance(event, ReceiptRecorded) and event.row.direction == "sent":
                self.tick("pay")
            elif isinstance(event, CommandLogged):
                words = event.command.split()[:4]
                if "inspect" in words:
                    self.tick("inspect")
                if "export" in words:
                    self.tick("serve")

    def _screen_changed(self, screen: Screen[object]) -> None:
        # The signal keeps telling after the tour was left: what it is told by belongs to the app, not to the tour.
        if self._app is None:
            return
        if isinstance(screen, ModeScreen):
            if screen not in self._cards:
                self._cards[screen] = TourCard(self)
                screen.mount(self._cards[screen])
            if screen.MODE == "server":
                self.tick("serve")
        elif getattr(screen, "asked", False):
            # A receipt that somebody opened, in whichever mode.
            self.tick("read")


class TourCard(Widget):
    """The strip: which step is next and how it is done. `Skip` can be clicked."""

    DEFAULT_CSS = """
    TourCard {
        height: 4;
        padding: 0 1;
        border: round $primary 60%;
        border-title-color: $primary;
        border-title-style: bold;
    }
    .-short TourCard { height: 1; border: none; background: $primary 16%; }
    """
    SCOPED_CSS = False
    ALLOW_SELECT = False

    def __init__(self, tour: Tour) -> None:
        super().__init__()
        self._tour = tour
        self._server_url: str | None = None

    def on_mount(self) -> None:
        self.draw()
        app_of(self).batches.subscribe(self, self._tour.hear)
        self.watch(self.app, "view", self._look)
        self.watch(self.screen, "focused", self._focus_moved)

    def draw(self) -> None:
        """Shows where the tour stands."""
        self.border_title = Content(f"Tour {app_of(self).view.lens.plain('·')} {self._place}")
        self.refresh()

    @property
    def _place(self) -> str:
        tour = self._tour
        return "done" if tour.over else f"{STEPS.index(tour.current) + 1} of {len(STEPS)}"

    def _look(self, view: View) -> None:
        url = view.state.server.url if view.state else None
        if url != self._server_url:
            self._server_url = url
            self.draw()

    def _focus_moved(self, focused: Widget | None) -> None:
        screen = self.screen
        if focused is None or not isinstance(screen, ModeScreen) or screen.MODE != "receipts":
            return
        if any(isinstance(node, ReceiptPane) for node in focused.ancestors_with_self):
            self._tour.tick("read")

    def on_click(self, event: events.Click) -> None:
        if event.style.meta.get("tour") == _LEAVE:
            event.stop()
            self._tour.leave()

    def render(self) -> Content:
        lens, tour, width = app_of(self).view.lens, self._tour, self.size.width
        step, ending = tour.current, _ending(tour)
        words, brief = (step.words, step.brief) if self._server_url or not step.alone else (step.alone, step.alone)
        if self.size.height == 1:
            lead = Content.styled(f"{self._place}  ", _KEY)
            return _spread(Content.assemble(lead, self._told(brief)), ending, width)
        told = self._told(words)
        if told.cell_length > width:
            told = self._told(brief)
        return Content("\n").join([_spread(_steps(tour, lens, width - ending.cell_length - 2), ending, width), told])

    def _told(self, words: str) -> Content:
        url = f"{(self._server_url or '').rstrip('/')}/charge"
        parts = words.format(url=url, place=url.removeprefix("http://")).split("`")
        return Content.assemble(*((part, _KEY if number % 2 else "") for number, part in enumerate(parts)))


def _ending(tour: Tour) -> Content:
    word = "Close" if tour.over else "Skip"
    click = Style.from_meta({"tour": _LEAVE})
    return Content.assemble(("esc", Style.parse(_KEY) + click), (f" {word}", Style.parse(MUTED) + click))


def _sign(step: Step, tour: Tour, lens: Lens) -> Sign:
    if step.id in tour.done:
        return Sign(lens.plain("✓"), step.title, GOOD)
    if step is tour.current:
        return Sign(lens.plain("●"), step.title, f"bold {INFO}")
    return Sign(lens.plain("○"), step.title, MUTED)


def _steps(tour: Tour, lens: Lens, room: int) -> Content:
    """All steps by name where there is room, else their glyphs and the name of the one that is next."""
    signs = [_sign(step, tour, lens) for step in STEPS]
    line = Content("    ").join([sign.content for sign in signs])
    if line.cell_length <= room:
        return line
    glyphs = Content(" ").join([Content.styled(sign.glyph, sign.tone) for sign in signs])
    return Content.assemble(glyphs, "   ", (tour.current.title, f"bold {INFO}"))


def _spread(left: Content, right: Content, width: int) -> Content:
    gap = width - left.cell_length - right.cell_length
    if gap < 1:
        return Content.assemble(left.truncate(max(width - right.cell_length - 1, 0)), " ", right)
    return Content.assemble(left, " " * gap, right)
