"""The chart of spending: heights that compare, an axis that says what they are, times under their bars."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mpp_console.tui.bars import Bars, axis_top, bar_at, chart_content, heights, plot_of
from mpp_console.tui.display import Lens
from tests.tui.seeds import NOW, PATH

LENS = Lens(now=NOW)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def hours(*amounts: int) -> Bars:
    start = NOW.replace(minute=0, second=0) - (len(amounts) - 1) * HOUR
    return Bars(start=start, width=HOUR, amounts=amounts, currency=PATH)


def days(*amounts: int) -> Bars:
    start = NOW.replace(hour=0, minute=0, second=0) - (len(amounts) - 1) * DAY
    return Bars(start=start, width=DAY, amounts=amounts, currency=PATH)


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (5, 5), (6, 10), (80_000, 100_000), (110_000, 200_000)]
)
def test_the_axis_ends_at_a_round_amount(largest: int, top: int) -> None:
    assert axis_top(largest) == top


@given(st.lists(st.integers(0, 10**30), min_size=1, max_size=40), st.integers(1, 20))
def test_heights_keep_the_order_and_hide_nothing(amounts: list[int], rows: int) -> None:
    found = heights(amounts, axis_top(max(amounts)), rows)
    assert all(0 <= height <= rows * 8 for height in found)
    assert [height > 0 for height in found] == [amount > 0 for amount in amounts]
    pairs = sorted(zip(amounts, found, strict=True))
    assert [height for _, height in pairs] == sorted(height for _, height in pairs)


@given(st.integers(10, 200), st.integers(1, 12), st.sampled_from([24, 30]))
def test_every_bar_has_a_cell_of_its_own(width: int, label: int, count: int) -> None:
    plot = plot_of(width, label, count)
    ends = [plot.left, *(end for _, end in plot.edges)]
    assert len(plot.edges) == count
    assert all(before <= start < end for before, (start, end) in zip(ends, plot.edges, strict=False))
    assert plot.edges[-1][1] <= max(width, label + 2 + count)
    assert [bar_at(plot, start) for start, _ in plot.edges] == list(range(count))
    assert bar_at(plot, plot.left - 1) is None
    assert bar_at(plot, plot.edges[-1][1] + 1) is None


def test_bars_are_equally_wide_where_there_is_room() -> None:
    assert {end - start for start, end in plot_of(80, 4, 24).edges} == {2}
    assert {end - start for start, end in plot_of(60, 4, 24).edges} == {1}


def test_the_tallest_bar_reaches_the_amount_on_the_axis() -> None:
    lines = chart_content(hours(*[0] * 20, 50_000, 100_000, 0, 25_000), LENS, width=60, height=10, cursor=None).plain
    rows = lines.split("\n")
    assert len(rows) == 10
    assert rows[0].startswith(" 0.1 ┤")
    assert rows[4].startswith("0.05 ┤")
    assert rows[8].startswith("   0 └")
    columns = {place: [row[place] for row in rows[:8]] for place in range(6, len(rows[0]))}
    filled = [sum(cell == "█" for cell in cells) for cells in columns.values() if "█" in cells]
    assert filled == [4, 8, 2]


def test_times_stand_under_their_bars() -> None:
    rows = chart_content(hours(*[1] * 24), LENS, width=60, height=8, cursor=None).plain.split("\n")
    plot = plot_of(60, len("0.000001"), 24)
    bars = hours(*[1] * 24)
    for text in ("18:00", "00:00", "06:00"):
        column = rows[-1].index(text)
        place = bar_at(plot, column)
        assert place is not None
        assert bars.name(place).startswith(text)


def test_days_are_named_by_their_date() -> None:
    rows = chart_content(days(*[1] * 30), LENS, width=80, height=8, cursor=None).plain.split("\n")
    assert rows[-1].split("  ")[-1].strip() == "Mar 14"
    assert days(*[1] * 30).name(29) == "Sat Mar 14"


def test_a_bar_is_named_by_its_stretch() -> None:
    assert hours(0, 0, 5).name(2) == "12:00–13:00"


@pytest.mark.parametrize("width", [20, 36, 42, 54, 70, 120])
@pytest.mark.parametrize("amounts", [(0,) * 24, (123_456_789_012,) * 24, tuple(range(30))])
def test_no_line_is_wider_than_there_is_room(width: int, amounts: tuple[int, ...]) -> None:
    bars = hours(*amounts) if len(amounts) == 24 else days(*amounts)
    content = chart_content(bars, LENS, width=width, height=9, cursor=3)
    needed = max(width, len(amounts) + 12)
    assert all(cell_len(line) <= needed for line in content.plain.split("\n"))


def test_privacy_shows_no_amount_and_a_plain_terminal_gets_plain_characters() -> None:
    bars = hours(*[0] * 22, 70_000, 3)
    masked = chart_content(bars, Lens(now=NOW, privacy=True), width=60, height=9, cursor=None).plain
    assert "0.1" not in masked
    plain = chart_content(bars, Lens(now=NOW, ascii=True), width=60, height=9, cursor=None).plain
    assert plain.isascii()
    assert "#" in plain
