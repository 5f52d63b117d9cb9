"""How the local server is doing, in four tiles: what it earned, what succeeded, how much is asked, how quick it is."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Sparkline, Static

from mpp_console.services.models import ServerStats, ServerView
from mpp_console.tui.display import BAD, GOOD, MUTED, UNKNOWN, WARN, Lens
from mpp_console.tui.widgets.pane import Pane

__all__ = ["ServerTiles", "stats_line"]

_FINE = 0.99
_POOR = 0.9


def _success(stats: ServerStats, lens: Lens) -> Content:
    if stats.success is None:
        return Content.styled(lens.plain(UNKNOWN), MUTED)
    tone = GOOD if stats.success >= _FINE else WARN if stats.success >= _POOR else BAD
    # Never rounded up to all of it.
    percent = int(stats.success * 1000) / 10
    return Content.styled(f"{percent:.1f} %" if percent < 100 else "100 %", f"bold {tone}")


def _span(milliseconds: float | None, lens: Lens) -> str:
    if milliseconds is None:
        return lens.plain(UNKNOWN)
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"


def _latency(stats: ServerStats, lens: Lens) -> Content:
    return Content.assemble(
        ("p50 ", MUTED), (_span(stats.p50, lens), "bold"), ("   p95 ", MUTED), (_span(stats.p95, lens), "bold")
    )


def _revenue(server: ServerView, lens: Lens) -> Content:
    if not server.revenue:
        return Content.styled("nothing yet", MUTED)
    return Content.styled(lens.sum(server.revenue[:1]), f"bold {GOOD}")


def _more_revenue(server: ServerView, lens: Lens) -> Content:
    """The second currency below the first, as there is no room beside it, and how many others there are."""
    others = server.revenue[1:]
    if not others:
        return Content.styled("since the start", MUTED)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return Content.assemble(("+ ", MUTED), (lens.sum(others[:1]), GOOD), (more, MUTED))


def stats_line(server: ServerView, lens: Lens) -> Content:
    """The same on one line, where there is no room for tiles."""
    stats = server.stats
    return Content.assemble(
        _success(stats, lens),
        (" ok  ", MUTED),
        (f"{stats.per_second:.1f}/s", ""),
        (lens.plain("  p95 ") + _span(stats.p95, lens), MUTED),
    )


def _carried(values: Sequence[float | None]) -> list[float]:
    """A minute in which nothing was decided stands where the one before it stood: it was no failure."""
    carried, last = [], 0.0
    for value in values:
        last = last if value is None else value
        carried.append(last)
    return carried


class Tile(Pane):
    """A value, a line that explains it, and the last half hour below."""

    DEFAULT_CSS = """
    Tile {
        height: 6;
        width: 1fr;
        Static { height: 1; width: 1fr; }
        Sparkline { height: 2; width: 1fr; }
        &.-good Sparkline > .sparkline--max-color, &.-good Sparkline > .sparkline--min-color { color: $success; }
        Sparkline > .sparkline--max-color, Sparkline > .sparkline--min-color { color: $primary; }
    }
    """
    ALLOW_MAXIMIZE = False

    def __init__(self, title: str, *, classes: str = "") -> None:
        super().__init__(title=title, classes=classes)
        self._shown: tuple[str, str, tuple[float, ...]] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", classes="value", markup=False)
        yield Static("", classes="note", markup=False)
        yield Sparkline([0.0])

    def show(self, value: Content, note: Content, data: Sequence[float], lens: Lens) -> None:
        look = (str(value) + str(value.spans), str(note), tuple(data))
        if look == self._shown:
            return
        self._shown = look
        self.query_one(".value", Static).update(value)
        self.query_one(".note", Static).update(note)
        line = self.query_one(Sparkline)
        line.display = not lens.ascii
        line.data = list(data) or [0.0]


class ServerTiles(Container):
    """The four tiles: beside one another, or below one another in the third column of a very wide terminal."""

    def compose(self) -> ComposeResult:
        yield Tile("Revenue", classes="-good")
        yield Tile("Success", classes="-good")
        yield Tile("Requests")
        yield Tile("Latency")

    def look(self, server: ServerView, lens: Lens) -> None:
        stats = server.stats
        revenue, success, requests, latency = self.query(Tile)
        minutes = stats.minutes
        delivered, failed = sum(each.delivered for each in minutes), sum(each.failed for each in minutes)
        revenue.show(_revenue(server, lens), _more_revenue(server, lens), [each.earned for each in minutes], lens)
        success.show(
            _success(stats, lens),
            Content.styled(lens.plain(f"{delivered} delivered · {failed} failed"), MUTED),
            _carried([each.success for each in minutes]),
            lens,
        )
        count = f"{server.requests:,}".replace(",", " ")
        requests.show(
            Content.assemble((f"{stats.per_second:.1f}", "bold"), (" a second", MUTED)),
            Content.styled(f"{count} in all", MUTED),
            [float(each.requests) for each in minutes],
            lens,
        )
        slowest = max((each.slowest for each in minutes), default=0.0)
        latency.show(
            _latency(stats, lens),
            Content.styled(f"slowest {_span(slowest or None, lens)}", MUTED),
            [each.slowest for each in minutes],
            lens,
        )
