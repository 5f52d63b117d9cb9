"""Receipts: filtering while typing, orders, marks, the four tabs, copying, exporting, asking again, jumping there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ChainView, ExportProgress, ReceiptFilter, ReceiptRow, ReceiptTotal
from mpp_console.services.receipt_filter import KEYS, parse_filter
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.display import Lens
from mpp_console.tui.feed import Feed, FeedPane
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.dialogs import ReceiptDialog
from mpp_console.tui.screens.export import ExportDialog, size_text
from mpp_console.tui.screens.menu import MenuDialog
from mpp_console.tui.screens.receipt_menus import NameDialog
from mpp_console.tui.screens.receipts import ReceiptsScreen
from mpp_console.tui.widgets.pick import Pick
from mpp_console.tui.widgets.receipt import ReceiptPane
from mpp_console.tui.widgets.receipt_chain import chain_facts
from mpp_console.tui.widgets.receipt_filter import FilterBox, completions, without_begun_key
from mpp_console.tui.widgets.receipt_stats import StatsPane, meter, outcomes_of, totals_line
from tests.tui.drawing import seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import ALPHA, MAINNET, NOW, PATH, PAYEE, PAYER, URL, operation, receipt_row
from tests.tui.test_hostile import HOSTILE, MARKUP, assert_inert
from tests.tui.test_hostile import drawn as hostile_drawn


@asynccontextmanager
async def receipts(
    console: SeededConsole | None = None, *, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[ConsoleApp, Pilot[Any]]]:
    """The receipts mode, at rest."""
    app = seeded_app(console)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        await press(pilot, "3")
        yield app, pilot


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def top(app: ConsoleApp) -> object:
    return app.screen


def drawn(app: ConsoleApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def feed_of(app: ConsoleApp) -> Feed[Any]:
    return app.get_screen_stack("receipts")[0].query_one("#receipts-feed", Feed)


def pane_of(app: ConsoleApp) -> FeedPane[Any]:
    return app.get_screen_stack("receipts")[0].query_one("#receipts-list", FeedPane)


def chosen_row(app: ConsoleApp) -> ReceiptRow:
    row = feed_of(app).selected
    assert row is not None
    return cast("ReceiptRow", row)


def toasts(app: ConsoleApp) -> list[str]:
    return [note.message for note in app._notifications]


# Filtering


async def test_the_list_narrows_while_typing_and_says_how_many_pass() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "slash", *"origin:api")
        assert isinstance(app.focused, Input)
        assert len(feed_of(app).rows) == 3
        assert "3 of 37" in str(app.screen.query_one(FilterBox).border_title)
        assert "3 of 37" in str(pane_of(app).border_title)
        assert "origin:api" in str(pane_of(app).border_title)
        assert "out 0.007500 AlphaUSD" in drawn(app)
        await press(pilot, "enter")
        assert feed_of(app).has_focus
        assert not app.screen.query_one(FilterBox).display
        await press(pilot, "slash")
        assert app.screen.query_one(FilterBox).text == "origin:api"
        await press(pilot, "escape")
        assert len(feed_of(app).rows) == 37
        assert "of 37" not in str(pane_of(app).border_title)


async def test_a_mistake_is_said_in_the_box_and_changes_nothing() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "slash")
        # All at once: a slow machine would look for `am` on the way, and find some.
        app.screen.query_one("#filter-text", Input).value = "amount>much"
        await settle(pilot)
        assert "'much' is not an amount" in drawn(app)
        assert toasts(app) == []
        assert len(feed_of(app).rows) == 37
        await press(pilot, "enter")
        assert any("'much' is not an amount" in text for text in toasts(app))
        assert isinstance(app.focused, Input)
        await press(pilot, *(["backspace"] * 4), *"0.02")
        assert not app.screen.query_one("#filter-fault").display
        assert len(feed_of(app).rows) == 6


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_all_of_a_mistake_is_seen_at_every_width(size: tuple[int, int]) -> None:
    async with receipts(size=size) as (app, pilot):
        await press(pilot, "slash", *"colour:red")
        said = " ".join(" ".join(line.strip(" │") for line in drawn(app).splitlines()).split())
        assert "colour:red: 'colour' is nothing to filter by · known: origin dir status amount currency method" in said
        assert "intent network ref since until; other words are searched for" in said


async def test_tab_completes_keys_and_values_that_are_in_sight() -> None:
    async with receipts() as (app, pilot):
        box = app.screen.query_one(FilterBox)
        await press(pilot, "slash", *"!or", "tab")
        assert box.text == "!origin:"
        assert "api.example.com" in str(box.border_subtitle)
        await press(pilot, "a", "tab", "space", *"cur", "tab", "A", "tab")
        assert box.text == "!origin:api.example.com currency:AlphaUSD"
        assert len(feed_of(app).rows) == 0
        assert "No receipt passes this filter" in drawn(app)
        assert "Nothing is selected" in drawn(app)
        await press(pilot, "tab")
        assert not isinstance(app.focused, Input)


async def test_new_receipts_pass_the_filter_or_are_only_counted() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "slash", *"amount>0.02", "enter", "k")
        chosen = feed_of(app).selected
        console.record(receipt_row(300, NOW, amount=900_000))
        console.record(receipt_row(301, NOW))
        await settle(pilot)
        assert len(feed_of(app).rows) == 7
        assert feed_of(app).selected == chosen
        assert "7 of 39" in str(pane_of(app).border_title)
        assert "1 new" in str(pane_of(app).border_subtitle)
        await press(pilot, "f")
        assert "out 1.200000 pathUSD" in drawn(app)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", ()),
        ("or", ("origin:",)),
        ("dir:in am", ("amount>",)),
        ("-st", ("-status:",)),
        ("dir:", ("dir:sent", "dir:received")),
        ("!dir:r", ("!dir:received",)),
        ("since:7", ("since:7d",)),
        ("since:7d", ()),
        ("origin:a", ("origin:api.example",)),
        ("api ", ()),
        ('"dir', ()),
        ("zzz", ()),
    ],
)
def test_completions(text: str, first: tuple[str, ...]) -> None:
    assert completions(text, {"origin": ("api.example", "b.example")}) == first


@given(st.text(alphabet='adimorstu:>"! -', max_size=12))
def test_a_completion_goes_on_where_the_typing_stopped(text: str) -> None:
    for word in completions(text, {}):
        assert word.startswith(text.rsplit(None, 1)[-1])
        assert word.lstrip("!-").rstrip(":>") in KEYS or ":" in word or ">" in word


@pytest.mark.parametrize(
    ("text", "searched"),
    [("api", "api"), ("amou", ""), ("dir:in amou", "dir:in"), ("!stat", ""), ("am", "am"), ("amount>1", "amount>1")],
)
def test_a_half_typed_key_is_not_searched_for(text: str, searched: str) -> None:
    assert without_begun_key(text) == searched


# Saved filters


async def test_a_filter_is_saved_chosen_forgotten_and_brought_back() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "F", "s")
        assert "no filter is in force; / sets one" in toasts(app)
        await press(pilot, "escape", "slash", *"amount>0.02", "enter", "F", "s")
        assert isinstance(top(app), NameDialog)
        await press(pilot, *"large")
        assert "replaces the filter of that name" in drawn(app)
        await press(pilot, *"r", "enter")
        assert console.receipts.kept["larger"] == "amount>0.02"
        await press(pilot, "escape", "F", "e")
        assert chosen_row(app).direction == "received"
        assert len(feed_of(app).rows) == 8
        assert "dir:received since:7d" in str(pane_of(app).border_title)
        await press(pilot, "F", "d", "a")
        assert "larger" not in console.receipts.kept
        await press(pilot, "u")
        assert console.receipts.kept["larger"] == "amount>0.02"
        await press(pilot, "u")
        assert "There is nothing to undo here. Payments cannot be undone." in toasts(app)


# Orders, marks, sizes


async def test_ordering_keeps_the_selection_and_moves_the_arrow() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, *"kkk")
        chosen = feed_of(app).selected
        await press(pilot, "o", "a")
        amounts = [row.amount for index in range(37) if (row := feed_of(app).rows.get(index))]
        assert amounts == sorted(amounts, reverse=True)
        assert feed_of(app).selected == chosen
        assert "AMOUNT ▼" in drawn(app)
        await press(pilot, "O")
        amounts = [row.amount for index in range(37) if (row := feed_of(app).rows.get(index))]
        assert amounts == sorted(amounts)
        await press(pilot, "f")
        assert "TIME ▲" in drawn(app)
        assert feed_of(app).following


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 50)])
async def test_resizing_keeps_the_selection_and_the_filter(size: tuple[int, int]) -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "slash", *"dir:sent", "enter", *"kkkk")
        chosen = feed_of(app).selected
        await pilot.resize_terminal(*size)
        await settle(pilot)
        assert feed_of(app).selected == chosen
        assert len(feed_of(app).rows) == 29
        assert app.screen.query_one(StatsPane).display == (size[0] >= 160)
        if size[0] >= 160:
            assert "our last 29 payments" in drawn(app)
            assert "of this filter" in drawn(app)


async def test_a_list_moves_on_after_its_detail_left_the_screen() -> None:
    async with receipts(size=(120, 36)) as (app, pilot):
        await press(pilot, "enter")
        assert app.focused is not feed_of(app)
        before = feed_of(app).selected
        await pilot.resize_terminal(60, 20)
        await settle(pilot)
        assert app.focused is feed_of(app)
        await press(pilot, "k")
        assert feed_of(app).selected not in (None, before)


async def test_looking_away_from_the_window_moves_no_focus() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "slash")
        box = app.focused
        for focus in (False, True):
            app.app_focus = focus
            await settle(pilot)
        assert app.focused is box is not None


# The tabs


async def test_the_chain_is_asked_when_its_tab_is_opened_and_not_before() -> None:
    console = SeededConsole()
    console.receipts.chain_answers.clear()
    async with receipts(console) as (app, pilot):
        await press(pilot, "right", "right")
        assert console.receipts.chain_asked == []
        await pilot.press("right")
        await pilot.pause()
        assert "asking the network for the transaction" in drawn(app)
        console.receipts.chain_answers.set()
        await settle(pilot)
        assert console.receipts.chain_asked == ["rc0036"]
        text = drawn(app)
        assert "TransferWithMemo" in text
        assert "1,236" in text
        assert "1 confirmation" in text
        await press(pilot, "k")
        assert console.receipts.chain_asked == ["rc0036", "rc0035"]
        assert "2 confirmations" in drawn(app)
        await press(pilot, "r")
        assert console.receipts.chain_asked == ["rc0036", "rc0035", "rc0035"]
        await press(pilot, "left", "k", "k")
        assert console.receipts.chain_asked == ["rc0036", "rc0035", "rc0035"]


async def test_a_node_that_does_not_answer_is_said_in_the_tab_and_asked_again_on_r() -> None:
    console = SeededConsole()
    console.receipts.chain_failure = MppError("the node does not answer", code="rpc", hint="Is the network up?")
    async with receipts(console) as (app, pilot):
        await press(pilot, "left")
        assert app.screen.query_one(TabbedContent).active == "chain"
        assert "the node does not answer" in drawn(app)
        assert "Is the network up?" in drawn(app)
        assert any("the node does not answer" in entry.text for entry in app.log_entries)
        assert toasts(app) == []
        console.receipts.chain_failure = None
        await press(pilot, "r")
        assert "the node does not answer" not in drawn(app)
        assert "1,236" in drawn(app)


async def test_the_wire_tab_never_shows_the_header_and_privacy_masks_every_tab() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "right")
        assert "Payment-Receipt: ••••••" in drawn(app)
        assert "10000 base units · 6 decimals" in drawn(app)
        await press(pilot, "asterisk")
        for _ in range(4):
            text = drawn(app)
            assert "0.010000" not in text
            assert "10000" not in text
            assert PAYER not in text
            assert PAYEE not in text
            assert "0.490000" not in text
            await press(pilot, "right")


async def test_a_receipt_on_a_screen_of_its_own_does_what_it_does_beside_the_list() -> None:
    async with receipts(size=(60, 20)) as (app, pilot):
        await press(pilot, "right")
        assert "Press enter to open the receipt first." in toasts(app)
        await press(pilot, "enter")
        assert isinstance(top(app), ReceiptDialog)
        for name in ("wire", "raw", "chain", "overview"):
            await press(pilot, "right")
            assert app.screen.query_one(TabbedContent).active == name
        await press(pilot, "left", "y", "u")
        assert app.screen.query_one(TabbedContent).active == "chain"
        assert app.clipboard == f"{URL}/charge"
        await press(pilot, "R")
        assert isinstance(top(app), ReviewSheet)


# Copying


async def test_the_copy_menu_copies_each_part() -> None:
    async with receipts() as (app, pilot):
        row = chosen_row(app)
        for key, value in (("i", row.id), ("u", row.url), ("p", PAYER), ("t", PAYEE), ("r", row.reference)):
            await press(pilot, "y", key)
            assert app.clipboard == value
        await press(pilot, "y", "enter")
        assert app.clipboard == row.reference
        await press(pilot, "y", "o")
        found = json.loads(app.clipboard)
        assert found["amount_base_units"] == "10000"
        assert found["receipt"]["reference"] == row.reference


async def test_marks_are_copied_together_and_privacy_masks_the_menu() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "k", "space", "k", "k", "space", "y")
        assert "Copy from 2 marked receipts" in drawn(app)
        await press(pilot, "i")
        assert app.clipboard.splitlines() == ["rc0035", "rc0034"]
        await press(pilot, "y", "o")
        assert [one["id"] for one in json.loads(app.clipboard)] == ["rc0035", "rc0034"]
        await press(pilot, "escape", "asterisk", "y")
        assert isinstance(top(app), MenuDialog)
        assert PAYER not in drawn(app)


async def test_a_receipt_is_copied_as_command_or_curl() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "Y", "enter")
        assert app.clipboard == "mpp-console receipts show rc0036"
        await press(pilot, "Y", "c")
        assert app.clipboard == f"curl -i {URL}/charge"
        await press(pilot, "slash", *"dir:in", "enter", "Y", "c")
        assert any("there is no URL of ours to ask" in text for text in toasts(app))
        assert app.clipboard == f"curl -i {URL}/charge"


# Asking again, and elsewhere


async def test_asking_again_opens_a_review_and_pays_nothing() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "R", "R", "R")
        assert isinstance(top(app), ReviewSheet)
        (task,) = console.payments.tasks
        assert (task.request.url, task.approvals) == (f"{URL}/charge", 0)


async def test_what_was_paid_to_us_cannot_be_asked_again() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "slash", *"dir:in", "enter", "R")
        assert isinstance(top(app), ReceiptsScreen)
        assert console.payments.tasks == []
        assert any("there is no URL of ours to ask" in text for text in toasts(app))


async def test_the_explorer_opens_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(ConsoleApp, "open_url", lambda _app, url: opened.append(url))
    console = SeededConsole(profile=MAINNET)
    async with receipts(console) as (app, pilot):
        await press(pilot, "w")
        assert "This network has no explorer to open." in toasts(app)
        console.receipts.explorer = MAINNET.explorer
        await press(pilot, "w")
        assert opened == [f"{MAINNET.explorer}/tx/{chosen_row(app).reference}"]


async def test_a_payment_by_voucher_is_no_transaction_to_look_at() -> None:
    console = SeededConsole(profile=MAINNET)
    console.receipts.rows[-1] = replace(console.receipts.rows[-1], intent="session", reference="0x" + "ab" * 32)
    async with receipts(console) as (app, pilot):
        await press(pilot, "w")
        assert "A voucher paid this: it has no transaction of its own to look at." in toasts(app)
    view = ChainView(reference="0xabcd", explorer_url=None, status="voucher", note="By its channel.")
    told = chain_facts(view, Lens(now=NOW))
    assert [fact.label for fact in told if "0xabcd" in str(fact.value)] == ["channel"]
    assert "unknown" not in " ".join(str(fact.value) for fact in told)


# Exporting


async def test_an_export_takes_what_is_asked_for_where_it_is_asked_for() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "x")
        assert isinstance(top(app), ExportDialog)
        box = app.screen.query_one("#export-path", Input)
        assert box.value == "~/receipts-2026-03-14.csv"
        await press(pilot, "right", "right")
        assert box.value == "~/receipts-2026-03-14.jsonl"
        assert "mpp-console receipts export --format jsonl -o ~/receipts-2026-03-14.jsonl" in drawn(app)
        await press(pilot, "enter")
        ((scope, fmt, path),) = console.receipts.exports
        assert (scope, fmt, path) == (ReceiptFilter(), "jsonl", Path.home() / "receipts-2026-03-14.jsonl")
        assert "37 receipts" in drawn(app)
        assert app.log_entries is not None
        assert any(entry.text == "exported 37 receipts" for entry in app.log_entries)
        await press(pilot, "shift+tab", "enter")
        assert app.clipboard == str(path)
        await press(pilot, "escape")
        assert isinstance(top(app), ReceiptsScreen)


async def test_marked_receipts_are_exported_by_id_and_a_filter_by_itself() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        await press(pilot, "slash", *"dir:sent", "enter", "x", "enter", "escape")
        await press(pilot, *"kkk", "space", "space", "x", "enter", "escape")
        await press(pilot, "x", "shift+tab", "left", "enter", "escape")
        first, second, third = (scope for scope, _, _ in console.receipts.exports)
        assert first == parse_filter("dir:sent")
        assert len(second) == 2
        assert third == (chosen_row(app).id,)


async def test_a_choice_that_is_not_there_says_why() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "x")
        pick = app.screen.query_one("#export-scope", Pick)
        assert pick.value == "all"
        pick.choose("marked")
        assert pick.value == "all"
        await settle(pilot)
        assert "No receipt is marked; space marks one." in toasts(app)
        await press(pilot, "shift+tab", "right")
        assert pick.value == "selected"


async def test_a_file_that_is_there_is_never_written_over() -> None:
    console = SeededConsole()
    async with receipts(console) as (app, pilot):
        console.receipts.taken = {Path("/somewhere/mine.csv")}
        await press(pilot, "x")
        app.screen.query_one("#export-path", Input).value = "/somewhere/mine.csv"
        await press(pilot, "enter")
        assert "exists already choose another name" in " ".join(drawn(app).split())
        assert app.screen.query_one("#export-form").display
        app.screen.query_one("#export-path", Input).value = ""
        await press(pilot, "enter")
        assert "Name a file." in drawn(app)
        app.screen.query_one("#export-path", Input).value = "/somewhere/other.csv"
        await press(pilot, "enter")
        assert "37 receipts" in drawn(app)


async def test_a_long_export_shows_how_far_it_is_and_can_be_cancelled() -> None:
    console = SeededConsole()
    console.receipts.stopped = ExportProgress(rows=300, total=1_200, bytes=5_000_000)
    async with receipts(console) as (app, pilot):
        await press(pilot, "x", "enter")
        text = drawn(app)
        assert "25%" in text
        assert "300 of 1 200 receipts · 5.0 MB" in text
        await press(pilot, "escape")
        assert isinstance(top(app), ExportDialog)
        assert "cancelled" in drawn(app)
        assert "Nothing was left behind." in drawn(app)
        await press(pilot, "escape")
        assert isinstance(top(app), ReceiptsScreen)


async def test_privacy_says_that_a_file_is_not_masked() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "asterisk", "x")
        assert "the privacy mask is for screens: the file says it all" in drawn(app)


# Jumping there, and what can go wrong


async def test_jumping_to_a_receipt_clears_what_hides_it() -> None:
    async with receipts() as (app, pilot):
        await press(pilot, "slash", *"origin:api", "enter", "o", "a")
        screen = top(app)
        assert isinstance(screen, ReceiptsScreen)
        await screen.show_receipt("rc0036")
        await settle(pilot)
        assert chosen_row(app).id == "rc0036"
        detail = screen.query_one("#receipts-detail", ReceiptPane).detail
        assert detail is not None
        assert detail.row.id == "rc0036"
        assert len(feed_of(app).rows) == 37


async def test_a_receipt_far_up_is_shown_although_the_list_stays() -> None:
    console = SeededConsole()
    console.receipts.rows = [receipt_row(number, NOW) for number in range(1_000)]
    async with receipts(console) as (app, pilot):
        screen = top(app)
        assert isinstance(screen, ReceiptsScreen)
        await screen.show_receipt("rc0001")
        detail = screen.query_one("#receipts-detail", ReceiptPane).detail
        assert detail is not None
        assert detail.row.id == "rc0001"
        await press(pilot, "g")
        assert chosen_row(app).id == "rc0000"
        await press(pilot, "G")
        assert chosen_row(app).id == "rc0999"


async def test_a_history_that_cannot_be_read_says_so_until_it_can() -> None:
    console = SeededConsole()
    console.receipts.failure = MppError("the file is locked", code="locked", hint="Close the other program.")
    async with receipts(console) as (app, pilot):
        text = " ".join(drawn(app).split())
        assert "The history could not be read: the file is locked." in text
        assert "Close the other program." in text
        assert any("the file is locked" in entry.text for entry in app.log_entries)
        console.receipts.failure = None
        await press(pilot, "r")
        assert len(feed_of(app).rows) == 37


async def test_until_the_history_is_read_the_list_says_that_it_is_being_read() -> None:
    console = SeededConsole()
    held = asyncio.Event()
    page = console.receipts.page

    async def slow(*args: Any, **more: Any) -> Any:
        await held.wait()
        return await page(*args, **more)

    console.receipts.page = slow  # type: ignore[method-assign]
    app = seeded_app(console)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.press("3")
        await pilot.pause()
        assert "Reading the history" in drawn(app)
        held.set()
        await settle(pilot)
        assert "Reading the history" not in drawn(app)


# Pure pieces


def total(direction: str, amount: int, currency: Any = PATH) -> ReceiptTotal:
    return ReceiptTotal(direction=direction, currency=currency, amount=amount, count=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, "out 0.324000 pathUSD + 0.007500 AlphaUSD · in 0.120000 pathUSD"),
        (60, "out 0.324000 pathUSD +1 more · in 0.120000 pathUSD"),
        (20, ""),
    ],
)
def test_totals_fit_the_border(width: int, line: str) -> None:
    totals = (total("sent", 324_000), total("received", 120_000), total("sent", 7_500, ALPHA))
    assert totals_line(totals, Lens(now=NOW), width).plain == line
    assert "324" not in totals_line(totals, Lens(now=NOW, privacy=True), width).plain


@given(st.floats(min_value=0, max_value=1), st.integers(min_value=1, max_value=80))
def test_a_meter_is_as_wide_as_asked_and_never_hides_something(share: float, width: int) -> None:
    text = meter(share, width, Lens(now=NOW))
    assert len(text) == width
    assert ("━" in text) == (share > 0)


def test_payments_that_have_not_ended_are_in_no_rate() -> None:
    row = receipt_row(1, NOW)
    states = ("settled", "settled", "refused", "unknown", "prepared", "sent")
    found = outcomes_of([replace(operation(1, row), state=state) for state in states])
    assert (found.settled, found.refused, found.unknown, found.ended) == (2, 1, 1, 4)
    assert outcomes_of([]).ended == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (88_100_000, "88.1 MB"), (5 * 10**12, "5000.0 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


# Hostile text


async def test_hostile_receipts_are_inert_in_every_tab_menu_and_dialog() -> None:
    console = SeededConsole()
    console.receipts.rows = [
        receipt_row(
            300, NOW, origin=f"https://{HOSTILE}", url=f"https://{HOSTILE}/x", method=HOSTILE, intent=HOSTILE,
            network=HOSTILE, reference=HOSTILE, status=HOSTILE, currency=replace(ALPHA, symbol=HOSTILE, id=HOSTILE),
            payer=HOSTILE, recipient=HOSTILE,
        )
    ]  # fmt: skip
    # What the services hand over is inert; what it may still hold is markup.
    console.receipts.kept = {inert(HOSTILE)[:40]: f'"{inert(MARKUP)}"'}
    async with receipts(console, size=(200, 60)) as (app, pilot):
        for _ in range(4):
            assert_inert(hostile_drawn(app))
            await press(pilot, "right")
        assert "[bold red]loud[/]" in hostile_drawn(app)
        for keys in (("y",), ("Y",), ("F",), ("F", "d"), ("x",), ("x", "enter")):
            await press(pilot, *keys)
            text = hostile_drawn(app)
            assert_inert(text)
            await press(pilot, "escape")
            if keys == ("F",):
                assert "[@click=app.do('quit')]press[/]" in text
        await press(pilot, "slash", *"origin:[bold]x[/bold]")
        assert_inert(hostile_drawn(app))
        assert "origin:[bold]x[/bold]" in hostile_drawn(app)
        console.receipts.chain_failure = MppError(HOSTILE, code="rpc", hint=HOSTILE)
        await press(pilot, "escape", "left")
        assert_inert(hostile_drawn(app))
        console.receipts.failure = MppError(HOSTILE, code="locked", hint=HOSTILE)
        await press(pilot, "r")
        assert_inert(hostile_drawn(app))
        assert "The history could not be read" in hostile_drawn(app)
