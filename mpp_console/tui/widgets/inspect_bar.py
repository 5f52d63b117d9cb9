"""The bar of the inspector: method, URL with history, and the switches; below, what a text is while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.style import Style
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from mpp_console.protocol import inert
from mpp_console.services.inspect import Decoded, Inspection, recognise
from mpp_console.services.url_history import VisitedUrl
from mpp_console.tui.actions import action, keys_text
from mpp_console.tui.display import GOOD, MUTED, WARN, Lens
from mpp_console.tui.view import app_of, begin
from mpp_console.tui.widgets.keybar import ACTION_META, run_clicked
from mpp_console.tui.widgets.pane import Pane

__all__ = ["METHODS", "InspectBar", "MethodSelect", "UrlInput"]

PROMISE = "unpaid requests · nothing is spent"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
TYPED_LIMIT = 4_000
"""Characters that are looked at while somebody types; more is pasted."""


class MethodSelect(Widget, can_focus=True):
    """The method of the request; arrows, enter or a click change it."""

    DEFAULT_CSS = """
    MethodSelect {
        width: 10;
        height: 1;
        color: $primary;
        text-style: bold;
        &:focus { background: $block-cursor-background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter,space", "turn(1)", show=False),
        Binding("up", "turn(-1)", show=False),
    ]
    ALLOW_SELECT = False

    method: var[str] = var("GET")

    def watch_method(self) -> None:
        self.refresh()

    def action_turn(self, step: int) -> None:
        place = METHODS.index(self.method) if self.method in METHODS else 0
        self.method = METHODS[(place + step) % len(METHODS)]

    def on_click(self) -> None:
        self.action_turn(1)

    def render(self) -> Content:
        return Content(app_of(self).view.lens.plain(f"{inert(self.method, limit=7)} ▼"))


class UrlSuggester(Suggester):
    """Goes on with what was inspected before."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.urls: tuple[str, ...] = ()

    async def get_suggestion(self, value: str) -> str | None:
        return next((url for url in self.urls if url.startswith(value) and url != value), None) if value else None


class UrlInput(Input):
    """One line; up and down recall earlier URLs. What does not fit into a line is handed on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(1)", show=False),
        Binding("down", "recall(-1)", show=False),
    ]

    class Recalled(Message):
        """An earlier URL is in the bar."""

        def __init__(self, visited: VisitedUrl) -> None:
            super().__init__()
            self.visited = visited

    class Pasted(Message):
        """Something was pasted that is more than a line of visible characters."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        self._completes = UrlSuggester()
        super().__init__(
            placeholder="https://…, or paste a header, credential, receipt, curl command…",
            id=id,
            compact=True,
            suggester=self._completes,
        )
        self._visited: tuple[VisitedUrl, ...] = ()
        self._at = -1
        self._typed = ""

    def on_mount(self) -> None:
        self.placeholder = app_of(self).view.lens.placeholder(str(self.placeholder))

    def remember(self, visited: Sequence[VisitedUrl]) -> None:
        self._visited = tuple(visited)
        self._completes.urls = tuple(each.url for each in visited)
        self._at = -1

    def action_recall(self, step: int) -> None:
        if not self._visited:
            self._visited = self._at_hand()
        place = min(max(self._at + step, -1), len(self._visited) - 1)
        if place == self._at:
            return
        if self._at < 0:
            self._typed = self.value
        self._at = place
        if place < 0:
            self.value = self._typed
        else:
            self.value = self._visited[place].url
            self.post_message(self.Recalled(self._visited[place]))
        self.cursor_position = len(self.value)

    def _at_hand(self) -> tuple[VisitedUrl, ...]:
        """What can be inspected here while nothing has been: the test server's first paid route."""
        state = app_of(self).view.state
        url = state.server.url if state is not None else None
        return () if url is None else (VisitedUrl(url=f"{url.rstrip('/')}/charge"),)

    def _on_paste(self, event: events.Paste) -> None:
        text = event.text.strip("\r\n")
        if inert(text) != text or len(text) > TYPED_LIMIT:
            # Textual asks every class in turn; the input itself would keep the first line.
            event.prevent_default()
            event.stop()
            self.post_message(self.Pasted(event.text))


class Told(Widget):
    """The line below the URL: what was typed, or the switches. Switches can be clicked."""

    DEFAULT_CSS = """
    Told { height: 1; width: 1fr; }
    """
    ALLOW_SELECT = False

    text: var[Content] = var(Content(""))

    def watch_text(self) -> None:
        self.refresh()

    def render(self) -> Content:
        return self.text

    async def on_click(self, event: events.Click) -> None:
        await run_clicked(self, event)


class InspectBar(Pane):
    """What to inspect, and how."""

    DEFAULT_CSS = """
    InspectBar { height: 4; }
    InspectBar Horizontal { height: 1; }
    InspectBar UrlInput { width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(title="Inspect", hint="enter inspects · ↑ ↓ earlier ones · V paste", id=id)
        self._decoded: Decoded | None = None
        self._inspection = Inspection()
        self._follows = False
        self._promise = PROMISE

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield MethodSelect(id="inspect-method")
            yield UrlInput(id="inspect-url")
        yield Told(id="inspect-told")

    @property
    def box(self) -> UrlInput:
        return self.query_one("#inspect-url", UrlInput)

    @property
    def method(self) -> str:
        return self.query_one("#inspect-method", MethodSelect).method

    @method.setter
    def method(self, method: str) -> None:
        self.query_one("#inspect-method", MethodSelect).method = method

    def switch(self, inspection: Inspection, *, follows: bool) -> None:
        """Shows how the switches stand."""
        self._inspection, self._follows = inspection, follows
        self.draw()

    def promise(self, text: str = PROMISE) -> None:
        """What is spent by all this: nothing, in the words that fit."""
        self._promise = text
        self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        paste = keys_text(action("inspect.paste"), first=True)
        self.frame(
            badge=Content.assemble((lens.plain("✓ "), GOOD), (lens.plain(self._promise), MUTED)),
            hint=Content(lens.plain(f"enter inspects · ↑ ↓ earlier ones · {paste} paste")),
        )
        self.query_one("#inspect-method").refresh()
        self.draw()

    def on_resize(self, _event: events.Resize) -> None:
        self.draw()

    def draw(self) -> None:
        """Draws the line below the URL."""
        lens = app_of(self).view.lens
        found = self._decoded
        if found is not None and self.box.value.strip():
            tone, glyph = (WARN, "!") if found.kind == "unknown" else ("$primary", "●")
            line = Content.assemble((lens.plain(f"{glyph} "), tone), (lens.plain(inert(found.note, limit=300)), tone))
        else:
            line = self._switches(lens)
        self.query_one("#inspect-told", Told).text = line

    def _switches(self, lens: Lens) -> Content:
        wishes, wide = self._inspection, self.size.width >= 110
        rows = (
            ("malformed", "malformed probe" if wide else "probe", wishes.probe_malformed),
            ("twice", "ask twice" if wide else "twice", wishes.twice),
            ("discovery", "price list" if wide else "prices", wishes.discovery),
            ("redirects", "follow redirects" if wide else "follow", self._follows),
            ("secret", "HMAC secret" if wide else "HMAC", wishes.secret is not None),
        )
        parts = []
        for name, label, on_now in rows:
            key = keys_text(action(f"inspect.{name}"), first=True)
            click = Style.from_meta({ACTION_META: f"inspect.{name}"})
            tone = "$primary" if on_now else MUTED
            glyph = lens.plain("●" if on_now else "○")
            word = f"{label} {'on' if on_now else 'off'}" if self.size.width >= 90 else label
            parts.append(
                Content.assemble(
                    (key, Style.parse("bold $primary") + click), (f" {glyph} {word}", Style.parse(tone) + click)
                )
            )
        return Content("   " if wide else "  ").join(parts)

    @on(Input.Changed, "#inspect-url")
    def _typed(self, event: Input.Changed) -> None:
        begin(self, partial(self._recognise, event.value), group="recognise", what="what was typed", exclusive=True)

    async def _recognise(self, text: str) -> None:
        bare = text.strip()
        found = await recognise(bare[:TYPED_LIMIT], app_of(self).clock()) if bare else None
        # A URL needs no explanation, and one that is being typed is not one yet.
        plain = found is None or found.kind == "url" or (found.kind == "unknown" and " " not in bare)
        self._decoded = None if plain else found
        self.draw()
