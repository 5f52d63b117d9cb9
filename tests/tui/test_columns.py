"""Columns: what fits, laid out in cells, never cutting an amount."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mpp_console.tui.columns import Column, cut, fit, line_of
from mpp_console.tui.screens.channels import CHANNELS
from mpp_console.tui.screens.lists import RECEIPTS, REQUESTS, ROUTES
from mpp_console.tui.widgets.inspect_offers import OFFERS

WIDE = st.text(st.sampled_from("aé漢字🙂 x"), max_size=40)


@given(width=st.integers(12, 300), columns=st.sampled_from([RECEIPTS, REQUESTS, ROUTES]), data=st.data())
def test_a_line_fills_exactly_its_width(width: int, columns: tuple[Column, ...], data: st.DataObject) -> None:
    fitted = fit(columns, width)
    cells = [("" if column.whole else data.draw(WIDE), "") for column in columns]
    line = "".join(text for text, _ in line_of(fitted, cells))
    total = sum(column.width for column in fitted) + 2 * (len(fitted) - 1) + 2
    assert cell_len(line) == total <= max(width, 12)


@given(width=st.integers(40, 200), amount=st.integers(0, 10**30))
def test_an_amount_is_never_cut(width: int, amount: int) -> None:
    text = f"{amount:,}.000000"
    cells = [(text if column.whole else "word", "") for column in RECEIPTS]
    line = "".join(part for part, _ in line_of(fit(RECEIPTS, width), cells))
    assert text in line


@pytest.mark.parametrize("columns", [RECEIPTS, REQUESTS, ROUTES, CHANNELS, OFFERS])
def test_no_amount_is_without_its_unit(columns: tuple[Column, ...]) -> None:
    for width in range(12, 200):
        shown = [columns[column.place] for column in fit(columns, width)]
        assert any(column.whole for column in shown) == any(column.unit for column in shown)


def test_the_smallest_terminal_has_room_for_what_matters_and_the_unit() -> None:
    """Of 60 columns a list has 55: the frame, its blanks and the bar take the rest."""
    assert _titles(RECEIPTS, 55) == ["TIME", "ORIGIN", "AMOUNT", "UNIT", "STATUS"]
    assert _titles(ROUTES, 55) == ["", "ROUTE", "PRICE", "UNIT", "HITS"]
    assert _titles(CHANNELS, 55) == ["STATE", "PAYER", "EXPOSURE", "UNIT", "CLOSES IN"]


def _titles(columns: tuple[Column, ...], width: int) -> list[str]:
    return [columns[column.place].title for column in fit(columns, width)]


def test_what_matters_least_goes_first() -> None:
    columns = (
        Column(title="A", width=4, keep=9),
        Column(title="B", width=4, keep=1),
        Column(title="C", width=4, keep=5),
    )
    assert [column.place for column in fit(columns, 18)] == [0, 1, 2]
    assert [column.place for column in fit(columns, 15)] == [0, 2]
    assert [column.place for column in fit(columns, 9)] == [0]


@given(WIDE, st.integers(1, 30))
def test_cut_text_has_room(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    if cell_len(text) <= width:
        assert cut(text, width) == text
