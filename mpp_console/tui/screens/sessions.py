"""Mode 2: payment channels, with what is deposited, spent and left in each, and the repair of those nobody uses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mpp_console.protocol import ChannelState, MppError, inert
from mpp_console.services.events import ConsoleEvent, SessionsChanged
from mpp_console.services.models import PayRequest
from mpp_console.services.session_models import SessionsView
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import WARN, Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.session_acts import SESSION_OFFER, SessionActs
from mpp_console.tui.session_lines import (
    FIRST_ORDER,
    SESSIONS,
    SessionLine,
    columns_for,
    host_of,
    lines_of,
    ordered,
    passes,
    session_cells,
    sign_of,
)
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of, key_text
from mpp_console.tui.widgets.keybar import link, run_clicked
from mpp_console.tui.widgets.session import SessionPane
from mpp_console.tui.widgets.session_intro import SessionsIntro, SessionsLegend
from mpp_console.tui.widgets.session_stats import SessionStats
from mpp_console.tui.widgets.word_filter import WordFilter

__all__ = ["SessionsScreen"]

_READING = "Reading the sessions…"
_NONE_PASSES = "No session passes this filter. Press / to change it, esc to clear it."
_NONE = "No sessions yet."


class SessionFeed(Feed[SessionLine]):
    """The list, whose countdowns go on by themselves."""

    def look(self, lens: Lens) -> None:
        super().look(lens)
        lines = (self.rows.get(index) for index in range(len(self.rows)))
        if any(line is not None and line.counts_down for line in lines):
            self._redraw()


class Banner(Static):
    """Says what money nobody uses, and the key that gets it back."""

    ALLOW_SELECT = False

    async def on_click(self, event: events.Click) -> None:
        await run_clicked(self, event)


class SessionsScreen(SessionActs, ModeScreen):
    MODE = "sessions"
    SCOPE = Scope.SESSIONS
    AUTO_FOCUS = "#sessions-feed"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.SESSIONS)]

    def __init__(self) -> None:
        super().__init__()
        self._view: SessionsView | None = None
        self._text = ""

    def body(self) -> ComposeResult:
        feed = SessionFeed(
            SESSIONS,
            session_cells,
            app_of(self).view.lens,
            empty=_READING,
            follow=False,
            order=FIRST_ORDER,
            marks=True,
            id="sessions-feed",
        )
        with Vertical(id="sessions"):
            yield Banner("", id="sessions-banner", markup=False)
            with Horizontal(id="sessions-body"):
                with (
                    FeedPane(feed, title="Sessions", id="sessions-list"),
                    VerticalScroll(id="sessions-empty"),
                    Horizontal(id="sessions-empty-sides"),
                ):
                    yield SessionsIntro(id="sessions-intro")
                    yield SessionsLegend(id="sessions-legend")
                yield SessionPane(id="sessions-detail")
                yield SessionStats(id="sessions-stats")
        yield WordFilter(placeholder="all sessions", id="sessions-filter")

    @property
    def feed(self) -> Feed[SessionLine]:
        return self.query_one("#sessions-feed", Feed)

    @property
    def pane(self) -> FeedPane[SessionLine]:
        return self.query_one("#sessions-list", FeedPane)

    @property
    def detail(self) -> SessionPane:
        return self.query_one("#sessions-detail", SessionPane)

    @property
    def box(self) -> WordFilter:
        return self.query_one("#sessions-filter", WordFilter)

    # Reading

    def opened(self) -> None:
        begin(self, self._load, group="rows", what="sessions", exclusive=True)

    def reread(self) -> None:
        """Reads the list anew, and the chain if it is being looked at."""
        begin(self, self._load, group="rows", what="sessions", exclusive=True)
        self.detail.ask_again()

    async def _load(self) -> None:
        sessions = console_of(self).sessions
        try:
            await sessions.load()
        except MppError as error:
            self._unreadable(error)
            return
        self._take(sessions.view())
        if any(row.state is ChannelState.CLOSING and row.closes_at is None for row in sessions.view().rows):
            # Countdowns go by the chain's time, which nobody has asked for yet; without it they stay unknown.
            with suppress(MppError):
                await sessions.ask_time()
                self._take(sessions.view())

    def _unreadable(self, error: MppError) -> None:
        """Says in the list's own place why there is none."""
        app = app_of(self)
        app.log_entries.add(app.clock(), "error", inert(f"sessions: {error}"))
        hint = f" {error.hint}" if error.hint else ""
        said = inert(f"✗ The sessions could not be read: {error}.{hint} Press r to try again.", limit=600)
        self.feed.empty = app.view.lens.plain(said)
        self.feed.replace(())
        self.detail.show(None)

    def _take(self, view: SessionsView) -> None:
        self._view = view
        lens = app_of(self).view.lens
        lines = lines_of(view)
        self.set_class(not lines, "-none")
        words = self._text.split()
        shown = ordered([line for line in lines if passes(line, words, lens.now)], self.feed.order or FIRST_ORDER)
        self.pane.use(columns_for(lines))
        self.pane.total = len(lines) if words else None
        self.feed.empty = _NONE_PASSES if lines else _NONE
        before = self.feed.selected
        self.feed.replace(shown)
        self.box.count(len(shown), len(lines))
        after = self.feed.selected
        if after is not None and self.trail:
            self.trail = self.crumbs(after)
        if after is None:
            self.detail.show(None)
        elif before is None or before.id == after.id:
            self._show(after)
        self._draw(lens)

    def hear(self, events: Sequence[ConsoleEvent]) -> None:
        views = [event.view for event in events if isinstance(event, SessionsChanged)]
        if views:
            self._take(views[-1])

    # Drawing

    def look(self, view: View) -> None:
        self._end_of_grace(view.lens.now)
        self.feed.look(view.lens)
        self.detail.look(view.lens)
        self.query_one(SessionsIntro).changed()
        self.query_one(SessionsLegend).changed()
        self._draw(view.lens)

    def _end_of_grace(self, now: datetime) -> None:
        """Another look at the channels when a countdown has come to its end."""
        view = self._view
        if view is None or not any(line.counts_down and _over(line, now) for line in lines_of(view)):
            return
        fresh = console_of(self).sessions.view()
        if fresh.rows != view.rows:
            self._take(fresh)

    def _draw(self, lens: Lens) -> None:
        view = self._view
        if view is None:
            return
        self._draw_banner(view, lens)
        self.query_one(SessionStats).show(view, lens)
        symbols = {row.currency.symbol for row in view.rows}
        unit = f"amounts in {inert(symbols.pop(), limit=12)} · " if len(symbols) == 1 else ""
        self.pane.rest(Content(lens.plain(f"{unit}/ filter · o order") if view.rows else ""))

    def _draw_banner(self, view: SessionsView, lens: Lens) -> None:
        banner = self.query_one("#sessions-banner", Banner)
        count = len(view.stale)
        banner.display = bool(count)
        if not count:
            return
        held = lens.sum(view.stale_held)
        what = f"{count} session holds {held}" if count == 1 else f"{count} sessions hold {held}"
        key = Content.styled(key_text(self, "sessions.close_stale"), link("sessions.close_stale", "bold $primary"))
        for said, way in ((" you are not using — ", " to review closing"), (" unused — ", "")):
            line = Content.assemble(
                (lens.plain(f"! {what}{said}"), f"bold {WARN}"), key, (way, link("sessions.close_stale", WARN))
            )
            if line.cell_length <= self.app.size.width - 4:
                break
        banner.update(line)

    def on_resize(self, _event: events.Resize) -> None:
        self._draw(app_of(self).view.lens)

    # The list and the detail

    def crumbs(self, row: object) -> tuple[str, ...]:
        if isinstance(row, SessionLine):
            lens = app_of(self).view.lens
            who = inert(host_of(row.row), limit=60) if row.row else ""
            return tuple(step for step in (who, sign_of(row, lens).word) if step)
        return super().crumbs(row)

    @on(Feed.Ordered, "#sessions-feed")
    def _ordered(self) -> None:
        if self._view is not None:
            self._take(self._view)

    @on(Feed.Moved, "#sessions-feed")
    def _moved(self, event: Feed.Moved) -> None:
        if isinstance(event.row, SessionLine):
            self._show(event.row)
        else:
            self.detail.show(None)

    def _show(self, line: SessionLine) -> None:
        begin(self, partial(self._show_detail, line), group="detail", what="session", exclusive=True)

    async def _show_detail(self, line: SessionLine) -> None:
        if line.row is None:
            self.detail.show(None, damaged=line)
        else:
            self.detail.show(await console_of(self).sessions.show(line.id))

    @on(Feed.Opened, "#sessions-feed")
    async def _opened_row(self, event: Feed.Opened) -> None:
        if not isinstance(event.row, SessionLine):
            return
        if self.detail.display:
            self.detail.focus_content()
            return
        from mpp_console.tui.screens.session_dialogs import SessionDialog

        await self.app.push_screen(SessionDialog(event.row))

    def do_sessions_tab_next(self) -> None:
        self._step(1)

    def do_sessions_tab_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        if not self.detail.display:
            raise Unavailable("Press enter to open the session first.")
        self.detail.step(by)

    # What is meant

    def chosen(self) -> tuple[SessionLine, ...]:
        lines = self.feed.marked or ((self.feed.selected,) if self.feed.selected else ())
        if not lines:
            raise Unavailable("No session is selected.")
        # What was marked is meant as it stands now.
        fresh = {line.id: line for line in lines_of(self._view or SessionsView())}
        return tuple(fresh.get(line.id, line) for line in lines)

    def do_sessions_open(self) -> None:
        from mpp_console.tui.screens.session_dialogs import OpenDialog

        self.app.push_screen(OpenDialog(), self._open)

    async def _open(self, url: str | None) -> None:
        if url is not None:
            wanted = url if " " in url else PayRequest(url=url, offer=SESSION_OFFER)
            await app_of(self).attempt(app_of(self).pay(wanted))

    # The filter

    def do_sessions_filter(self) -> None:
        if self._view is None or not lines_of(self._view):
            raise Unavailable("There is nothing to filter yet.")
        self.box.open()

    def do_back(self) -> bool:
        """Clears the filter; False when there was nothing to clear."""
        if not self.box.display and not self._text:
            return False
        self.box.shut()
        self._filter("")
        self.feed.focus()
        return True

    @on(WordFilter.Changed)
    def _filtered(self, event: WordFilter.Changed) -> None:
        self._filter(event.text)
        if event.final:
            self.box.display = False
            self.feed.focus()

    def _filter(self, text: str) -> None:
        self._text = text
        title = Content("Sessions")
        if text:
            title = Content.assemble("Sessions ", (inert(text, limit=48), "$primary"))
        self.pane.frame(title=title)
        if self._view is not None:
            self._take(self._view)


def _over(line: SessionLine, now: datetime) -> bool:
    return line.row is not None and line.row.closes_at is not None and line.row.closes_at <= now
