"""The event log: what happened since the start, as it happens, the selected line in full below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content

from mpp_console.protocol import inert
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import BAD, GOOD, MUTED, WARN, Lens
from mpp_console.tui.events import LogEntry
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.rows import Rows
from mpp_console.tui.screens.dialogs import ReadingDialog
from mpp_console.tui.view import Unavailable, View, app_of, key_text
from mpp_console.tui.widgets.facts import Fact, Facts

__all__ = ["LogDialog"]

_LOG = (
    Column(title="TIME", width=8, keep=8),
    Column(title="LEVEL", width=7, keep=7),
    Column(title="WHAT", width=20, grow=3, keep=9),
    Column(title="COMMAND", width=20, grow=2, keep=6),
)
_LEVELS = {"info": ("✓ info", MUTED), "warn": ("! warn", WARN), "error": ("✗ error", BAD), "action": ("● do", GOOD)}
_LOOK_SECONDS = 0.25


def _log_cells(entry: LogEntry, lens: Lens) -> Sequence[Cell]:
    level, tone = _LEVELS[entry.level]
    return (
        (lens.clock(entry.at), MUTED),
        (lens.plain(level), tone),
        (inert(entry.text), BAD if entry.level == "error" else ""),
        (inert(entry.command), MUTED),
    )


class LogDialog(ReadingDialog):
    """Errors never vanish from here. `y` copies the command of the selected line, or its text when it has none."""

    SCOPE = Scope.LOG
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LOG)]

    def compose(self) -> ComposeResult:
        feed: Feed[LogEntry] = Feed(
            _LOG, _log_cells, app_of(self).view.lens, empty="Nothing has happened yet.", id="log-feed"
        )
        with Vertical(id="dialog"):
            yield FeedPane(feed, title="Events", id="log-pane")
            yield Facts(id="log-entry")

    @property
    def feed(self) -> Feed[LogEntry]:
        return self.query_one("#log-feed", Feed)

    def on_mount(self) -> None:
        hint = f"{key_text(self, 'log.copy')} copies the command · esc closes"
        self.query_one("#log-pane", FeedPane).rest(Content(app_of(self).view.lens.plain(hint)))
        rows: Rows[LogEntry] = Rows()
        rows.append(app_of(self).log_entries)
        self.feed.show(rows)
        self.watch(self.app, "view", self._look)
        self.set_interval(_LOOK_SECONDS, self.read_on)

    def _look(self, view: View) -> None:
        self.feed.look(view.lens)

    def read_on(self) -> None:
        """Takes in what was noted since."""
        last = self.feed.rows.get(len(self.feed.rows) - 1) if len(self.feed.rows) else None
        new = app_of(self).log_entries.after(last)
        if new:
            self.feed.append(new)

    @on(Feed.Moved, "#log-feed")
    def _moved(self, event: Feed.Moved) -> None:
        entry: LogEntry | None = event.row
        facts = [Fact("", "")]
        if entry is not None:
            lens = app_of(self).view.lens
            facts = [Fact("what", Content(inert(entry.text))), Fact("when", lens.moment(entry.at))]
            if entry.command:
                facts.insert(1, Fact("command", Content.styled(inert(entry.command), "$primary")))
        self.query_one("#log-entry", Facts).show(facts)

    def do_log_copy(self) -> None:
        entry = self.feed.selected
        if entry is None:
            raise Unavailable("Nothing has happened yet.")
        app_of(self).copy_text(entry.command or entry.text, "the command" if entry.command else "the text")
