"""What was spent over time, as bars with their amounts on an axis. The bar under the mouse, or the one that keys moved
to, is named with its amount.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widget import Widget

from mpp_console.protocol import inert
from mpp_console.tui.bars import Bars, bar_at, chart_content, labels_of, plot_of
from mpp_console.tui.display import MUTED, Lens

__all__ = ["SpendChart"]


class SpendChart(Widget):
    """Draws `Bars` in the space it has; its first line says what it shows, or which bar is looked at."""

    DEFAULT_CSS = """
    SpendChart { height: 1fr; min-height: 5; max-height: 14; }
    """
    ALLOW_SELECT = False

    def __init__(self, lens: Lens, *, span: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lens = lens
        self._span = span
        self._bars: Bars | None = None
        self._place: int | None = None
        self._drawn: Content | None = None

    def show(self, bars: Bars) -> None:
        """Shows other amounts; the place that is looked at stays."""
        if self._bars is not None and len(bars.amounts) != len(self._bars.amounts):
            self._place = None
        self._bars = bars
        self._changed()

    def look(self, lens: Lens) -> None:
        self._lens = lens
        self._changed()

    def move(self, step: int) -> None:
        """Looks at the bar `step` further; the first step leads to the last bar."""
        if self._bars is None:
            return
        last = len(self._bars.amounts) - 1
        self._place = last if self._place is None else min(max(self._place + step, 0), last)
        self._changed()

    def release(self) -> None:
        """Looks at no bar in particular."""
        self._place = None
        self._changed()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        place = self._bar_at(event.x)
        if place is not None and place != self._place:
            self._place = place
            self._changed()

    def on_leave(self, _event: events.Leave) -> None:
        self.release()

    def render(self) -> Content:
        self._drawn = self._content()
        return self._drawn

    def _changed(self) -> None:
        if self._drawn is None or not self._content().is_same(self._drawn):
            self.refresh()

    def _bar_at(self, column: int) -> int | None:
        if self._bars is None or not self._bars.total:
            return None
        label = max(len(text) for text in (*labels_of(self._bars, self._lens), "0"))
        return bar_at(plot_of(self.size.width, label, len(self._bars.amounts)), column)

    def _content(self) -> Content:
        bars, lens = self._bars, self._lens
        if bars is None:
            return Content.styled("reading the history…", MUTED)
        readout = self._readout(bars)
        if not bars.total:
            return Content.assemble(readout, "\n\n", (f"Nothing was spent in the last {self._span}.", MUTED))
        chart = chart_content(
            bars, lens, width=self.size.width, height=max(self.size.height - 1, 3), cursor=self._place
        )
        return Content.assemble(readout, "\n", chart)

    def _readout(self, bars: Bars) -> Content:
        lens = self._lens
        if self._place is not None:
            amount = lens.money(bars.amounts[self._place], bars.currency)
            return Content.assemble((lens.plain(bars.name(self._place)), "bold"), "  ", amount)
        unit = "a day" if len(bars.amounts) > 24 else "an hour"
        return Content.styled(f"{inert(bars.currency.symbol, limit=12)} {unit}, last {self._span}", MUTED)
