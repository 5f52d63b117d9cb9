"""A bar chart as lines of text: an axis with amounts, bars in eighths of a cell, an axis with times. Pure.

The axis begins at zero and ends at a round amount, so that heights compare. An amount above zero is never invisible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len
from textual.content import Content

from mpp_console.protocol import Currency, format_units
from mpp_console.tui.display import MUTED, Lens

__all__ = ["Bars", "axis_top", "bar_at", "chart_content", "heights", "plot_of"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ASCII = " ....####"
_EVERY = {24: 6, 30: 7}
"""How many bars lie between two times on the axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Amounts in base units of `currency`, one for each stretch of `width` from `start` on."""

    start: datetime
    width: timedelta
    amounts: tuple[int, ...]
    currency: Currency

    @property
    def total(self) -> int:
        return sum(self.amounts)

    def begins(self, place: int) -> datetime:
        """When a bar's stretch begins, in local time."""
        return (self.start + place * self.width).astimezone()

    def name(self, place: int) -> str:
        """A bar's stretch for people: `09:00–10:00`, `Sat Mar 14`."""
        begins = self.begins(place)
        if self.width >= timedelta(days=1):
            return f"{begins:%a %b %d}"
        return f"{begins:%H:%M}–{self.begins(place + 1):%H:%M}"


@dataclass(frozen=True, slots=True)
class Plot:
    """Where the bars lie: the first column, and the bounds of each one's cells."""

    left: int
    edges: tuple[tuple[int, int], ...]


def axis_top(largest: int) -> int:
    """The smallest of 1, 2 or 5 times a power of ten that is not below `largest`; 1 when there is nothing."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= largest:
                return factor * power
        power *= 10


def heights(amounts: Sequence[int], top: int, rows: int) -> list[int]:
    """Eighths of a cell for each amount; at least one for an amount above zero."""
    levels = rows * 8
    return [min(max((amount * levels + top // 2) // top, 1), levels) if amount else 0 for amount in amounts]


def plot_of(width: int, label: int, count: int) -> Plot:
    """Divides what `width` cells leave beside labels of `label` cells among `count` bars. Bars are equally wide, and
    a cell apart where there is room, unless there are fewer cells than would give two to each.
    """
    left = label + 2
    room = max(width - left, count)
    slot = room // count
    if slot == 1:
        edges = [(left + place * room // count, left + (place + 1) * room // count) for place in range(count)]
    else:
        edges = [(left + place * slot, left + place * slot + max(slot - 1, 1)) for place in range(count)]
    return Plot(left, tuple(edges))


def bar_at(plot: Plot, column: int) -> int | None:
    """The bar whose stretch holds a column; its gap belongs to it."""
    starts = [start for start, _ in plot.edges]
    last_end = plot.edges[-1][1] if plot.edges else 0
    if not starts or not starts[0] <= column < last_end + 1:
        return None
    return max(place for place, start in enumerate(starts) if start <= column)


def labels_of(bars: Bars, lens: Lens) -> tuple[str, str]:
    """What stands at the top of the axis and at half its height."""
    top = axis_top(max(bars.amounts, default=0))
    if lens.privacy:
        return lens.plain("•••"), ""
    whole, half = (_short(amount, bars.currency) for amount in (top, top // 2))
    return whole, half if top % 2 == 0 else ""


def chart_content(bars: Bars, lens: Lens, *, width: int, height: int, cursor: int | None) -> Content:
    """The chart in exactly `height` lines of at most `width` cells; the bar at `cursor` stands out."""
    rows = max(height - 2, 1)
    top_label, half_label = labels_of(bars, lens)
    label = max(cell_len(text) for text in (top_label, half_label, "0"))
    plot = plot_of(width, label, len(bars.amounts))
    levels = heights(bars.amounts, axis_top(max(bars.amounts, default=0)), rows)
    side, tick, corner, floor = "|++-" if lens.ascii else "│┤└─"
    lines = []
    for row in range(rows):
        text = top_label if row == 0 else half_label if row * 2 == rows and rows >= 4 else ""
        axis = Content.styled(f"{text:>{label}} {tick if text else side}", MUTED)
        lines.append(Content.assemble(axis, *_row(plot, levels, rows - 1 - row, cursor, ascii_only=lens.ascii)))
    end = plot.edges[-1][1] if plot.edges else plot.left
    lines.append(Content.styled(f"{'0':>{label}} {corner}" + floor * (end - plot.left), MUTED))
    lines.append(Content.styled(_times(bars, plot, end), MUTED))
    return Content("\n").join(lines)


def _row(
    plot: Plot, levels: Sequence[int], above: int, cursor: int | None, *, ascii_only: bool
) -> list[tuple[str, str]]:
    parts = []
    at = plot.left
    blocks = _ASCII if ascii_only else _EIGHTHS
    for place, (start, end) in enumerate(plot.edges):
        level = min(max(levels[place] - above * 8, 0), 8)
        parts.append((" " * (start - at), ""))
        parts.append((blocks[level] * (end - start), "bold $foreground" if place == cursor else "$primary"))
        at = end
    return parts


def _times(bars: Bars, plot: Plot, end: int) -> str:
    """Times under their bars, as many as stand apart."""
    line = ""
    every = _EVERY.get(len(bars.amounts), max(len(bars.amounts) // 4, 1))
    for place in range(len(bars.amounts)):
        begins = bars.begins(place)
        daily = bars.width >= timedelta(days=1)
        marked = (len(bars.amounts) - 1 - place) % every == 0 if daily else begins.hour % every == 0
        text = f"{begins:%b %d}" if daily else f"{begins:%H:%M}"
        start = plot.edges[place][0]
        if daily:
            start = min(start, end - len(text))
        if marked and start >= len(line) + (2 if line else 0) and start + len(text) <= end:
            line = line.ljust(start) + text
    return line


def _short(amount: int, currency: Currency) -> str:
    """The amount whole, without the zeros that say nothing on an axis."""
    text = format_units(amount, currency.decimals, grouping=True)
    return text.rstrip("0").rstrip(".") if "." in text else text
