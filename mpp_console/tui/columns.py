"""Columns of a list: which fit a width, and a row laid out over them. Pure, and counted in cells, never in
characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

__all__ = ["GAP", "Cell", "Column", "Fitted", "cut", "fit", "line_of"]

GAP = 2
"""Blank cells between two columns."""

_EDGE = 1
"""Blank cells at either end of a line."""

Cell = tuple[str, str]
"""A text and the tone it is drawn in (a Textual style such as `$success`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`width` is what it needs at least, in cells; one that grows shares what is left. The lowest `keep` is dropped
    first.

    A `whole` column is never cut: a longer text takes its room from a growing column of that row. A `unit` says what
    the amounts are in, and goes with the last of the whole columns, never before. A list can be ordered by a column
    that names an `order`; with `largest_first` it begins at the largest.
    """

    title: str
    width: int
    right: bool = False
    grow: int = 0
    keep: int = 9
    whole: bool = False
    unit: bool = False
    order: str = ""
    largest_first: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A column that is shown: its place in the row's cells, and its width."""

    place: int
    width: int
    right: bool
    whole: bool = False
    grows: bool = False


def fit(columns: Sequence[Column], width: int) -> tuple[Fitted, ...]:
    """The columns that `width` cells have room for, widened to fill them."""
    shown = list(range(len(columns)))
    room = width - 2 * _EDGE

    def needed() -> int:
        return sum(columns[place].width for place in shown) + GAP * (len(shown) - 1)

    while len(shown) > 1 and needed() > room:
        amounts = any(columns[place].whole for place in shown)
        # Of equals the rightmost goes.
        held = [place for place in shown if not (columns[place].unit and amounts)]
        shown.remove(min(reversed(held), key=lambda place: columns[place].keep))
        if amounts and not any(columns[place].whole for place in shown):
            shown = [place for place in shown if not columns[place].unit]
    spare = max(room - needed(), 0)
    shares = sum(columns[place].grow for place in shown)
    fitted = []
    for place in shown:
        column = columns[place]
        extra = spare * column.grow // shares if shares else 0
        fitted.append(
            Fitted(place, min(column.width + extra, max(room, 1)), column.right, column.whole, bool(column.grow))
        )
    return tuple(fitted)


def _row_widths(fitted: Sequence[Fitted], cells: Sequence[Cell]) -> list[int]:
    """The widths for one row: what a whole column needs beyond its own is taken from the first growing one."""
    widths = [column.width for column in fitted]
    giver = next((number for number, column in enumerate(fitted) if column.grows and not column.whole), None)
    for number, column in enumerate(fitted):
        need = cell_len(cells[column.place][0]) - column.width
        if column.whole and need > 0:
            widths[number] += need
            if giver is not None:
                widths[giver] = max(widths[giver] - need, 3)
    return widths


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells, ending in `…` when something was cut off."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"


def line_of(fitted: Sequence[Fitted], cells: Sequence[Cell]) -> list[Cell]:
    """One line: each shown cell cut or padded to its column, with the gaps between."""
    line: list[Cell] = [(" " * _EDGE, "")]
    for number, (column, width) in enumerate(zip(fitted, _row_widths(fitted, cells), strict=True)):
        text, tone = cells[column.place]
        text = cut(text, width)
        padding = " " * (width - cell_len(text))
        if number:
            line.append((" " * GAP, ""))
        line.append((padding + text if column.right else text + padding, tone))
    line.append((" " * _EDGE, ""))
    return line
