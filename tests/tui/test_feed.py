"""The list: any number of rows at the same price, explicit following, cells not characters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from mpp_console.tui.actions import Action
from mpp_console.tui.columns import Cell, Column
from mpp_console.tui.display import Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.orders import Order
from mpp_console.tui.rows import PAGE, Rows
from mpp_console.tui.view import Unavailable, View
from tests.tui.seeds import NOW

LENS = Lens(now=NOW)
COLUMNS = (
    Column(title="NUMBER", width=8, keep=9, order="number"),
    Column(title="TEXT", width=8, grow=1, keep=5, order="text", largest_first=True),
)


@dataclass(frozen=True)
class Line:
    id: str
    text: str = "text"


DRAWN: list[str] = []
"""Every row that was drawn since a test cleared it: what drawing costs, whatever the machine."""


def cells(line: Line, lens: Lens) -> Sequence[Cell]:
    DRAWN.append(line.id)
    return ((line.id, ""), ("hidden" if lens.privacy else line.text, "$text-muted"))


class Book:
    """A history of `total` lines."""

    def __init__(self, total: int) -> None:
        self.total = total

    async def page(self, number: int) -> tuple[Sequence[Line], int]:
        first = self.total - 1 - number * PAGE
        return [Line(str(index)) for index in range(first, max(first - PAGE, -1), -1)], self.total


class FeedApp(App[None]):
    """One list, and the keys that the real app would pass on to it."""

    animation_level = "none"
    view = View(lens=LENS, profile_name="")

    def __init__(
        self, rows: Rows[Line], *, follow: bool = True, order: Order | None = None, marks: bool = False
    ) -> None:
        super().__init__()
        self.start = rows
        self.feed: Feed[Line] = Feed(
            COLUMNS, cells, LENS, empty="Nothing here yet.", follow=follow, order=order, marks=marks
        )
        self.refused: list[str] = []
        self.orders: list[Order] = []
        self.moved: list[str | None] = []
        self.opened: list[str] = []

    def compose(self) -> ComposeResult:
        yield FeedPane(self.feed, title="Lines", hint="resting")

    def on_mount(self) -> None:
        self.feed.show(self.start)
        self.feed.focus()

    async def action_do(self, name: str) -> None:
        try:
            getattr(self.feed, "do_" + name.replace(".", "_"))()
        except Unavailable as reason:
            self.refused.append(str(reason))

    def reason(self, entry: Action) -> str | None:
        """Nothing is out of reach here."""
        return None

    async def attend(self, work: Callable[[], Awaitable[object]], _what: str) -> None:
        await work()

    def on_feed_moved(self, event: Feed.Moved) -> None:
        self.moved.append(event.row.id if event.row else None)

    def on_feed_ordered(self, event: Feed.Ordered) -> None:
        self.orders.append(event.order)

    def on_feed_opened(self, event: Feed.Opened) -> None:
        self.opened.append(event.row.id)


async def book(total: int) -> Rows[Line]:
    rows: Rows[Line] = Rows(Book(total))
    await rows.open()
    return rows


def drawn(feed: Feed[Line]) -> list[str]:
    return [feed.render_line(y).text for y in range(feed.size.height)]


async def rest(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.pause()


async def test_it_opens_at_its_newest_row_whatever_its_length() -> None:
    app = FeedApp(await book(1_000_000))
    DRAWN.clear()
    async with app.run_test(size=(60, 20)) as pilot:
        await rest(pilot)
        assert 0 < len(DRAWN) < 200
        DRAWN.clear()
        app.feed.refresh()
        await pilot.pause()
        assert len(DRAWN) <= 20
        assert app.feed.selected == Line("999999")
        assert "999999" in drawn(app.feed)[-1]


async def test_moving_to_the_oldest_loads_its_page_and_only_that() -> None:
    app = FeedApp(await book(1_000_000))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("g")
        await rest(pilot)
        assert drawn(app.feed)[0].split()[0] == "0"
        assert app.feed.selected == Line("0")
        assert app.feed.rows.get(500_000) is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["k"], 98),
        (["up", "k", "j"], 98),
        (["g"], 0),
        (["g", "down", "j"], 2),
        (["g", "G"], 99),
        (["home", "end"], 99),
        (["g", "ctrl+d"], 15),
        (["ctrl+u"], 84),
        (["g", "k"], 0),
        (["j"], 99),
    ],
)
async def test_keys_move_the_cursor(keys: list[str], expected: int) -> None:
    app = FeedApp(await book(100))
    async with app.run_test(size=(60, 19)) as pilot:
        await pilot.press(*keys)
        await rest(pilot)
        assert app.feed.size.height == 16
        assert app.feed.cursor == expected
        assert app.moved[-1] == str(expected)


async def test_following_shows_new_rows_and_stops_when_somebody_moves_away() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(60, 20)) as pilot:
        app.feed.append([Line("a"), Line("b")])
        await rest(pilot)
        assert app.feed.selected == Line("b")
        await pilot.press("k")
        app.feed.append([Line("c")])
        app.feed.append([Line("d"), Line("d")])
        await rest(pilot)
        pane = app.query_one(FeedPane)
        assert app.feed.selected == Line("a")
        assert app.feed.unseen == 2
        assert "▼ 2 new" in str(pane.border_subtitle)
        await pilot.press("f")
        await rest(pilot)
        assert app.feed.selected == Line("d")
        assert (app.feed.unseen, app.feed.following) == (0, True)
        assert str(pane.border_subtitle) == "resting"


async def test_coming_back_to_the_end_follows_again() -> None:
    app = FeedApp(await book(50))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("k")
        assert not app.feed.following
        await pilot.press("G")
        assert app.feed.following


async def test_scrolling_up_by_wheel_stops_following() -> None:
    app = FeedApp(await book(500))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot._post_mouse_events([_wheel_up()], widget=app.feed)
        assert not app.feed.following


def _wheel_up() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_a_list_in_a_fixed_order_never_follows() -> None:
    rows: Rows[Line] = Rows()
    app = FeedApp(rows, follow=False)
    async with app.run_test(size=(60, 20)) as pilot:
        app.feed.replace([Line("a"), Line("b"), Line("c")])
        await pilot.press("j", "f", "p")
        assert app.feed.selected == Line("b")
        assert app.refused == ["Nothing new arrives in this list."] * 2
        app.feed.replace([Line("new"), Line("a"), Line("b", "changed")])
        await rest(pilot)
        assert app.feed.selected == Line("b", "changed")
        assert "changed" in drawn(app.feed)[2]


async def test_resizing_keeps_the_row_and_the_follow_state() -> None:
    app = FeedApp(await book(300))
    async with app.run_test(size=(60, 30)) as pilot:
        await pilot.resize_terminal(40, 8)
        await rest(pilot)
        assert "299" in drawn(app.feed)[-1]
        await pilot.press("k", "k")
        await pilot.resize_terminal(90, 30)
        await rest(pilot)
        assert app.feed.selected == Line("297")
        assert not app.feed.following


async def test_every_line_is_as_wide_as_the_list_even_with_wide_characters() -> None:
    rows: Rows[Line] = Rows()
    rows.append([Line("漢字漢字漢字漢字", "🙂" * 60), Line("b", "plain"), Line("c", "é" * 200)])
    app = FeedApp(rows)
    async with app.run_test(size=(61, 12)) as pilot:
        await rest(pilot)
        width = app.feed.scrollable_content_region.width
        assert {app.feed.render_line(y).cell_length for y in range(5)} == {width}


async def test_markup_and_links_in_a_row_are_drawn_as_text() -> None:
    text = "[@click=app.quit]x[/] [red]y[/]"
    rows: Rows[Line] = Rows()
    rows.append([Line("a", text)])
    app = FeedApp(rows)
    async with app.run_test(size=(70, 12)) as pilot:
        await rest(pilot)
        strip = app.feed.render_line(0)
        assert text in strip.text
        assert all(not (segment.style and segment.style.meta) for segment in strip)


async def test_a_change_of_theme_or_privacy_redraws() -> None:
    app = FeedApp(await book(5))
    async with app.run_test(size=(60, 12)) as pilot:
        await rest(pilot)
        before = app.feed.render_line(0)
        app.theme = "textual-light"
        await rest(pilot)
        assert app.feed.render_line(0) != before
        app.feed.look(replace(LENS, privacy=True))
        assert "hidden" in app.feed.render_line(0).text


async def test_an_empty_list_says_what_to_do() -> None:
    app = FeedApp(Rows())
    async with app.run_test(size=(60, 12)) as pilot:
        await rest(pilot)
        assert "Nothing here yet." in drawn(app.feed)[1]
        await pilot.press("j", "k", "g", "G", "enter")
        assert app.feed.selected is None
        assert app.opened == []


async def test_enter_and_a_second_click_open_a_row() -> None:
    app = FeedApp(await book(10))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("enter")
        await pilot.click(app.feed, offset=(5, 2))
        assert app.feed.selected == Line("2")
        await pilot.click(app.feed, offset=(5, 2))
        await rest(pilot)
        assert app.opened == ["9", "2"]


async def test_a_flood_costs_one_paint_a_batch() -> None:
    app = FeedApp(await book(100_000))
    async with app.run_test(size=(120, 36)) as pilot:
        await rest(pilot)
        DRAWN.clear()
        for batch in range(20):
            app.feed.append([Line(f"{batch}.{number}") for number in range(100)])
            await pilot.pause()
        assert len(app.feed.rows) == 102_000
        # Of two thousand new rows only those in view at a paint were drawn; a line may be drawn twice for its cursor.
        assert len(DRAWN) <= 20 * 36 * 2
