"""Answers on screen: what is shown of them, live streams, big and hostile bodies, and what can be done with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mpp_console.services.models import PayRequest, PayResult, ReceiptView
from mpp_console.tui import body_layout
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.feed import Feed
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.dialogs import ReceiptDialog
from mpp_console.tui.screens.event import EventDialog
from mpp_console.tui.screens.request import RequestForm
from mpp_console.tui.screens.response import ResponseScreen
from mpp_console.tui.widgets.response_body import BodyView
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.scenes.response import BODY, answered, doubtful, metered, open_task, picture, stream, stream_events
from tests.tui.scenes.scene import URL
from tests.tui.seeded import SeededConsole, SeededTask
from tests.tui.test_hostile import HOSTILE, assert_inert, drawn


@dataclass
class Shown:
    """An open answer, and everything a test may push."""

    pilot: Pilot[Any]
    app: ConsoleApp
    console: SeededConsole
    task: SeededTask

    @property
    def text(self) -> str:
        return drawn(self.app)

    @property
    def view(self) -> BodyView:
        return self.app.screen.query_one("#answer-body", BodyView)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)


@asynccontextmanager
async def shown(
    result: PayResult | None = None, *, live: bool = False, count: int = 0, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Shown]:
    console = SeededConsole()
    app = seeded_app(console, monotonic=Ticker())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        task = await open_task(pilot, result or answered(), live=live, count=count)
        yield Shown(pilot, app, console, task)


# What is shown -------------------------------------------------------------------------------------------------------


async def test_a_paid_answer_shows_body_status_receipt_and_the_round_trip() -> None:
    async with shown() as answer:
        for word in (
            "200 OK",
            '"query": "tempo"',
            '"score": 1.2e-05',
            "0.250000 pathUSD",
            "settled",
            "application/json",
        ):
            assert word in answer.text
        for word in ("402", "84 ms", "3.2 s", "212 ms", "3.6 s"):
            assert word in answer.text
        assert "世界" in answer.text.replace(" ", "")


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_payment_and_timing_have_a_tab_where_there_is_no_room_beside(size: tuple[int, int]) -> None:
    async with shown(size=size) as answer:
        assert "0.250000" not in answer.text
        await answer.press("shift+tab", "right", "right")
        assert "0.250000 pathUSD" in answer.text
        await answer.press("tab", "pagedown")
        assert "212 ms" in answer.text


async def test_header_fields_with_their_secrets_masked() -> None:
    async with shown() as answer:
        await answer.press("shift+tab", "right")
        assert "x-request-id" in answer.text
        assert "(hidden)" in answer.text


async def test_doubts_are_in_sight() -> None:
    async with shown(doubtful()) as answer:
        assert "doubts" in answer.text
        assert "! the receipt names another" in answer.text


async def test_bytes_are_shown_as_bytes() -> None:
    async with shown(picture()) as answer:
        assert "89 50 4e 47" in answer.text
        assert ".PNG" in answer.text
        assert "image/png" in answer.text


async def test_an_empty_body_says_so() -> None:
    async with shown(answered(body=b"")) as answer:
        assert "The body is empty." in answer.text
        await answer.press("s")
        assert isinstance(answer.app.screen, ResponseScreen)


async def test_privacy_masks_amounts_addresses_and_bodies() -> None:
    async with shown(answered(headers=(("X-Account", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),))) as answer:
        assert "0.250000" in answer.text
        await answer.press("asterisk")
        assert "0.250000" not in answer.text
        assert "query" not in answer.text
        await answer.press("shift+tab", "right")
        assert "3C44CdDd" not in answer.text
        assert "d12FA4293BC" not in answer.text
        await answer.press("asterisk")
        assert "3C44CdDd" in answer.text


async def test_a_body_of_ten_megabytes_is_laid_out_apart_and_drawn_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    big = json.dumps([{"id": number, "name": f"row {number}"} for number in range(280_000)]).encode()
    assert len(big) > 9_000_000
    inked: list[int] = []
    at_the_loop: list[int] = []
    real, lay = body_layout.TextRows.inked, body_layout.lay_out

    def counted(rows: body_layout.TextRows, index: int) -> list[tuple[str, str]]:
        inked.append(index)
        return real(rows, index)

    monkeypatch.setattr(body_layout.TextRows, "inked", counted)

    def watched(text: str, width: int, *, coloured: bool) -> body_layout.TextRows:
        try:
            asyncio.get_running_loop()
            at_the_loop.append(len(text))
        except RuntimeError:
            pass
        return lay(text, width, coloured=coloured)

    monkeypatch.setattr("mpp_console.tui.widgets.response_body.lay_out", watched)
    async with shown(answered(body=big)) as answer:
        assert '"name": "row 0"' in answer.text
        await answer.press("G")
        assert '"id": 279999' in answer.text
        assert answer.view.virtual_size.height > 1_000_000
    assert at_the_loop == [], "nothing that long is laid out where keys and paint have to wait for it"
    assert 0 < len(inked) < 2_000


async def test_the_keys_of_lists_move_through_a_body() -> None:
    async with shown(answered(body="\n".join(f"line {number}" for number in range(500)).encode())) as answer:
        assert "line 0" in answer.text
        await answer.press("j")
        assert answer.view.scroll_offset.y == 1
        await answer.press("G")
        assert "line 499" in answer.text
        await answer.press("g")
        assert answer.view.scroll_offset.y == 0


async def test_hostile_answers_are_inert() -> None:
    result = answered(
        body=HOSTILE.encode(),
        headers=(("Content-Type", f"text/plain; {HOSTILE}"), (HOSTILE, HOSTILE)),
        reason=HOSTILE,
        url=f"https://{HOSTILE}",
        doubts=(HOSTILE,),
        receipt=ReceiptView(
            method=HOSTILE,
            reference=HOSTILE,
            status=HOSTILE,
            timestamp=HOSTILE,
            external_id=HOSTILE,
            extra={HOSTILE: HOSTILE},
        ),
    )
    async with shown(result, size=(200, 60)) as answer:
        assert_inert(answer.text)
        assert "[bold red]loud[/]" in answer.text
        await answer.press("shift+tab", "right")
        assert_inert(answer.text)


async def test_hostile_json_and_events_are_inert() -> None:
    async with shown(answered(body=json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False).encode())) as answer:
        assert_inert(answer.text)
    async with shown(stream(), live=True, size=(200, 40)) as answer:
        event = replace(stream_events(1)[0], event=HOSTILE, data=HOSTILE, last_id=HOSTILE)
        answer.task.arrive(event)
        await settle(answer.pilot)
        assert_inert(answer.text)
        assert "[@click=app" in answer.text
        await answer.press("enter")
        assert isinstance(answer.app.screen, EventDialog)
        assert_inert(answer.text)


# Streams -------------------------------------------------------------------------------------------------------------


async def test_events_appear_as_they_come_and_are_followed() -> None:
    async with shown(stream(), live=True) as answer:
        assert "No event yet" in answer.text
        answer.task.arrive(*stream_events(3))
        await settle(answer.pilot)
        feed = answer.app.screen.query_one("#answer-events", Feed)
        assert len(feed.rows) == 3
        assert "3 events" in answer.text
        assert "● live" in answer.text
        answer.task.arrive(*stream_events(60)[3:])
        await settle(answer.pilot)
        assert len(feed.rows) == 60
        assert '"index": 59' in answer.text
        answer.task.end()
        await settle(answer.pilot)
        assert "● live" not in answer.text
        assert "ended" in answer.text


async def test_stopping_a_stream_leaves_what_was_paid_and_what_came() -> None:
    async with shown(stream(), live=True, count=2) as answer:
        await answer.press("S")
        assert "stopped" in answer.text
        assert "2 events" in answer.text
        assert "0.250000 pathUSD" in answer.text
        before = answer.text
        await answer.press("S")
        assert answer.text.count("stopped") == before.count("stopped")


async def test_leaving_the_screen_does_not_stop_a_stream() -> None:
    async with shown(stream(), live=True, count=2) as answer:
        await answer.press("escape")
        assert not isinstance(answer.app.screen, ResponseScreen)
        assert answer.task.reading


async def test_an_event_opens_in_full_and_is_copied() -> None:
    async with shown(stream(), live=True, count=2) as answer:
        await answer.press("y")
        assert json.loads(answer.app.clipboard)["index"] == 1
        depth = len(answer.app.screen_stack)
        feed = answer.app.screen.query_one("#answer-events", Feed)
        feed.do_list_open()
        feed.do_list_open()
        await settle(answer.pilot)
        assert isinstance(answer.app.screen, EventDialog)
        assert len(answer.app.screen_stack) == depth + 1, "pressed twice, opened once"
        assert '"index": 1' in answer.text
        await answer.press("escape")
        assert isinstance(answer.app.screen, ResponseScreen)


# What can be done ----------------------------------------------------------------------------------------------------


async def test_saving_asks_for_a_name_and_never_overwrites(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("mine")
    async with shown() as answer:
        await answer.press("s")
        box = answer.app.screen.query_one("#save-path", Input)
        assert box.value == "search.json"
        box.value = str(there)
        await answer.press("enter")
        assert there.read_text() == "mine"
        assert "exists already" in answer.text
        box.value = str(tmp_path / "new.json")
        await answer.press("enter")
        assert isinstance(answer.app.screen, ResponseScreen)
    assert (tmp_path / "new.json").read_bytes() == BODY
    assert (tmp_path / "new.json").stat().st_mode & 0o777 == 0o600


async def test_body_command_and_curl_are_copied_without_secrets() -> None:
    async with shown() as answer:
        secret = (("Authorization", "Bearer s3cret"), ("X-A", "b"))
        answer.task.request = PayRequest(url=URL, headers=secret)
        await answer.press("y")
        assert answer.app.clipboard == BODY.decode()
        await answer.press("Y")
        assert answer.app.clipboard.startswith("mpp-console pay 'https://api.example.com")
        await answer.press("c")
        assert answer.app.clipboard.startswith("curl ")
        assert "s3cret" not in answer.app.clipboard


@pytest.mark.parametrize("result", [picture(), answered(body=b"x" * 300_000, headers=())])
async def test_what_no_clipboard_takes_is_not_sent_there(result: PayResult) -> None:
    async with shown(result) as answer:
        await answer.press("y")
        assert answer.app.clipboard == ""


async def test_the_same_again_goes_through_a_review_and_leads_to_the_new_answer() -> None:
    async with shown() as answer:
        answer.console.payments.next_result = answered(body=b'{"second": true}')
        depth = len(answer.app.screen_stack)
        await answer.press("R")
        assert isinstance(answer.app.screen, ReviewSheet)
        again = answer.console.payments.tasks[-1]
        assert again.request.url == URL
        assert again.approvals == 0
        assert isinstance(answer.app.monotonic, Ticker)
        answer.app.monotonic.now += 5
        await answer.press("a")
        assert again.approvals == 1
        await answer.press("enter")
        assert type(answer.app.screen).__name__ == "ResponseScreen"
        assert '"second": true' in answer.text
        assert len(answer.app.screen_stack) == depth, "one answer takes the place of the other"


async def test_the_request_opens_in_its_form_and_the_receipt_in_full() -> None:
    async with shown() as answer:
        await answer.press("N")
        assert isinstance(answer.app.screen, RequestForm)
        assert answer.app.screen.query_one("#request-url", Input).value == URL
        await answer.press("escape")
        answer.task.outcome = replace(answer.task.outcome, receipt_id=answer.console.receipts.rows[0].id)
        answer.app.screen._grow()  # type: ignore[attr-defined]  # what the pump's next tick does
        await answer.press("i")
        assert [type(screen) for screen in answer.app.screen_stack][-2:] == [ResponseScreen, ReceiptDialog]


async def test_a_free_answer_opens_at_once() -> None:
    console = SeededConsole()
    console.payments.next_review = None
    console.payments.next_result = answered(paid=False, receipt=None, receipt_id=None, operation=None, body=b"hello")
    app = seeded_app(console, monotonic=Ticker())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await app.pay(URL)
        await settle(pilot)
        assert isinstance(app.screen, ResponseScreen)
        assert "free: nothing was paid" in drawn(app)
        assert "hello" in drawn(app)
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert len(console.payments.tasks) == 1
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_the_last_answer_can_be_opened_again() -> None:
    async with shown() as answer:
        await answer.press("escape")
        await answer.app.action_do("wallet.response")
        await settle(answer.pilot)
        assert isinstance(answer.app.screen, ResponseScreen)
        assert answer.app.screen.payment.id == answer.task.id


# Paid as it comes ----------------------------------------------------------------------------------------------------


async def test_a_stream_that_is_paid_as_it_comes_shows_what_it_costs_and_how_fast_it_is() -> None:
    async with shown(metered(), live=True, count=7) as answer:
        for word in ("0.000350 pathUSD", "0.003650", "3 % promised", "18.4/s", "paid as it comes", "live"):
            assert word in answer.text
        before = answer.task.outcome.stream
        assert before is not None
        money = replace(before.spent, amount=400)
        answer.task.outcome = replace(answer.task.outcome, stream=replace(before, spent=money, rate=None))
        answer.task.arrive(*stream_events(8)[7:])
        await settle(answer.pilot)
        assert "0.000400 pathUSD" in answer.text
        assert "not known yet" in answer.text
        answer.task.end()
        await settle(answer.pilot)
        assert "paid as it comes" not in answer.text
        assert "0.000400 pathUSD" in answer.text


async def test_privacy_masks_what_a_stream_costs() -> None:
    async with shown(metered(), live=True, count=7) as answer:
        await answer.press("asterisk")
        for amount in ("0.000350", "0.003650", "0.100000"):
            assert amount not in answer.text


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_what_a_stream_costs_has_a_tab_where_there_is_no_room_beside(size: tuple[int, int]) -> None:
    async with shown(metered(), live=True, count=3, size=size) as answer:
        assert "18.4/s" in answer.text
        await answer.press("shift+tab", "right", "right")
        assert "0.000350 pathUSD" in answer.text
