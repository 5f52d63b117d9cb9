"""Pausing, ordering and marking in a list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import OptionList

from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.orders import MARK_LIMIT, Marks, Order
from mpp_console.tui.rows import Rows
from mpp_console.tui.screens.menu import Choice, lettered
from tests.tui.test_feed import FeedApp, Line, book, drawn, rest
from tests.tui.test_rows import Book as Pages
from tests.tui.test_rows import Line as PageLine

NUMBER = Order("number")


def badge(app: FeedApp) -> str:
    return str(app.query_one(FeedPane).border_title)


def hint(app: FeedApp) -> str:
    return str(app.query_one(FeedPane).border_subtitle)


def ids(feed: Feed[Line]) -> list[str]:
    return [row.id for row in feed.marked]


# Pausing


async def test_a_pause_holds_rows_back_and_counts_them() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("p")
        app.feed.append([Line("a"), Line("b")])
        await rest(pilot)
        assert len(app.feed.rows) == 50
        assert "paused ‖" in badge(app)
        assert "2 new · p goes on" in hint(app)
        await pilot.press("p")
        await rest(pilot)
        assert app.feed.selected == Line("b")
        assert "follow ●" in badge(app)
        assert hint(app) == "resting"


async def test_after_a_pause_the_cursor_is_where_somebody_put_it() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("p", "k")
        app.feed.append([Line("a")])
        await pilot.press("p")
        await rest(pilot)
        assert app.feed.selected == Line("48")
        assert app.feed.unseen == 1


async def test_f_ends_a_pause_at_the_newest_row() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("p")
        app.feed.append([Line("a")])
        await pilot.press("f")
        await rest(pilot)
        assert app.feed.selected == Line("a")
        assert (app.feed.paused, app.feed.following, app.feed.unseen) == (False, True, 0)


async def test_the_pill_can_be_clicked() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("k")
        app.feed.append([Line("a")])
        await rest(pilot)
        assert "1 new — f to follow" in hint(app)
        await pilot.click(FeedPane, offset=(6, app.query_one(FeedPane).size.height + 1))
        await rest(pilot)
        assert app.feed.selected == Line("a")


# Ordering


async def test_a_list_without_orders_says_so() -> None:
    app = FeedApp(await book(5))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("o", "O")
        assert app.refused == ["This list has one order only."] * 2


async def test_the_menu_offers_the_columns_and_the_arrow_moves() -> None:
    app = FeedApp(await book(5), order=NUMBER)
    async with app.run_test(size=(80, 20)) as pilot:
        await rest(pilot)
        heading = app.query_one(FeedPane).heading
        assert "NUMBER ▲" in str(heading.render())
        await pilot.press("o")
        await rest(pilot)
        assert app.screen.query_one(OptionList).option_count == 2
        await pilot.press("t")
        await rest(pilot)
        assert app.orders == [Order("text", descending=True)]
        assert "TEXT ▼" in str(heading.render())
        assert "▲" not in str(heading.render())
        await pilot.press("O")
        assert app.orders[-1] == Order("text")


async def test_a_click_on_a_heading_orders_and_another_reverses() -> None:
    app = FeedApp(await book(5), order=NUMBER)
    async with app.run_test(size=(80, 20)) as pilot:
        await rest(pilot)
        await pilot.click("FeedHeading", offset=(13, 0))
        await pilot.click("FeedHeading", offset=(13, 0))
        await pilot.click("FeedHeading", offset=(2, 0))
        await rest(pilot)
        assert app.orders == [Order("text", descending=True), Order("text"), NUMBER]


async def test_in_another_order_new_rows_are_counted_and_f_goes_back_to_them() -> None:
    app = FeedApp(await book(5), order=NUMBER)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("O")
        top: Rows[Line] = Rows()
        app.feed.show(top)
        app.feed.append([Line("new")])
        await rest(pilot)
        assert len(top) == 0
        assert "1 new — f to follow" in hint(app)
        assert "follow" not in badge(app)
        await pilot.press("f")
        assert app.orders[-1] == NUMBER
        app.feed.show(await book(6))
        await rest(pilot)
        assert app.feed.selected == Line("5")


async def test_an_order_of_an_old_file_that_no_column_has_is_left_alone() -> None:
    app = FeedApp(await book(5), order=NUMBER)
    async with app.run_test(size=(80, 20)):
        app.feed.order_by(Order("colour"))
        assert app.feed.order == NUMBER


async def test_rows_read_downwards_begin_with_their_first_page() -> None:
    pages = Pages(1_000)
    rows: Rows[PageLine] = Rows(pages, downwards=True)
    await rows.open()
    assert [getattr(rows.get(index), "id", None) for index in (0, 199, 200)] == ["999", "800", None]
    assert rows.index_of("998") == 1
    assert await rows.load(999)
    assert pages.read == [0, 4]
    assert getattr(rows.get(999), "id", None) == "0"


@given(st.builds(Order, st.from_regex(r"[a-z]+", fullmatch=True), st.booleans()))
def test_an_order_is_written_and_read_back(order: Order) -> None:
    assert Order.parse(order.text) == order
    assert order.reversed.reversed == order


# Marking


async def test_a_list_whose_rows_have_no_use_for_marks_says_so() -> None:
    app = FeedApp(await book(5))
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("space", "v")
        assert app.refused == ["Rows of this list cannot be marked."] * 2
        assert app.feed.marked == ()


async def test_space_marks_row_after_row_and_esc_takes_all_away() -> None:
    app = FeedApp(await book(9), marks=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("g", "space", "space", "j", "space")
        await rest(pilot)
        assert ids(app.feed) == ["0", "1", "3"]
        assert "3 marked" in badge(app)
        assert [line[0] for line in drawn(app.feed)[:5]] == ["▌", "▌", " ", "▌", " "]
        await pilot.press("g", "space")
        assert ids(app.feed) == ["1", "3"]
        assert app.feed.do_back()
        assert app.feed.marked == ()
        assert not app.feed.do_back()


async def test_marking_lets_nothing_move_away() -> None:
    app = FeedApp(await book(9), marks=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("space")
        app.feed.append([Line("new")])
        await rest(pilot)
        assert app.feed.selected == Line("8")
        assert app.feed.unseen == 1


async def test_a_range_grows_and_shrinks_with_the_cursor_and_is_kept_by_v() -> None:
    app = FeedApp(await book(9), marks=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("g", "v", "j", "j", "j", "k")
        await rest(pilot)
        assert ids(app.feed) == ["0", "1", "2"]
        assert "selecting 3" in badge(app)
        await pilot.press("v", "G")
        await rest(pilot)
        assert ids(app.feed) == ["0", "1", "2"]
        assert "3 marked" in badge(app)


async def test_esc_drops_a_range_and_keeps_older_marks() -> None:
    app = FeedApp(await book(9), marks=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("g", "space", "v", "j")
        await rest(pilot)
        assert app.feed.do_back()
        assert ids(app.feed) == ["0"]


async def test_a_range_over_rows_that_were_never_shown_holds_them_all() -> None:
    app = FeedApp(await book(900), marks=True)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("v", "g")
        await rest(pilot)
        assert len(app.feed.marked) == 900


async def test_a_range_has_an_end() -> None:
    app = FeedApp(await book(MARK_LIMIT * 3), marks=True)
    told: list[str] = []

    async def attend(work: object, what: str) -> None:
        try:
            await work()  # type: ignore[operator]
        except Exception as error:
            told.append(str(error))

    app.attend = attend  # type: ignore[assignment]
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.press("v", "g")
        await rest(pilot)
        assert len(app.feed.marked) <= 1
        assert any("At most 10000 rows" in text for text in told)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_marks_are_what_was_toggled_oddly_often_and_a_range(toggled: list[int], stretch: list[int]) -> None:
    marks: Marks[Line] = Marks()
    for number in toggled:
        marks.toggle(Line(str(number)))
    odd = {str(number) for number in toggled if toggled.count(number) % 2}
    marks.stretch([Line(str(number)) for number in stretch])
    both = odd | {str(number) for number in stretch}
    assert {row.id for row in marks.rows} == both
    assert len(marks) == len(both)
    marks.keep()
    marks.stretch([])
    assert {row.id for row in marks.rows} == both


# Menus


@pytest.mark.parametrize(
    ("labels", "letters"),
    [(["time", "amount"], "ta"), (["origin", "offers"], "of"), (["jk", "q"], "ab"), (["a", "a", "a"], "abc")],
)
def test_choices_get_letters_of_their_own(labels: list[str], letters: str) -> None:
    choices = [Choice(id=str(number), label=label) for number, label in enumerate(labels)]
    assert "".join(lettered(choices)) == letters


def test_a_choice_keeps_the_letter_it_asks_for() -> None:
    choices = [Choice(id="a", label="copy"), Choice(id="b", label="curl", key="c")]
    assert {letter: choice.id for letter, choice in lettered(choices).items()} == {"o": "a", "c": "b"}
