"""What servers say is drawn as text: no sequence reaches the terminal, no markup is obeyed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mpp_console.protocol import inert
from mpp_console.services.models import Check, Level
from mpp_console.tui.screens.dialogs import ReceiptDialog
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import ALPHA, NOW, STRANGER, receipt_row, refused_result, requests, review

SEQUENCES = "\x1b[31mred\x1b]8;;http://evil\x07link\x1b]8;;\x07\x9b2J\u202eback\u200b\x00\r\n"
MARKUP = "[@click=app.do('quit')]press[/] [bold red]loud[/] [/nothing] [link=http://evil]x[/link] $error"
HOSTILE = f"{SEQUENCES}{MARKUP}"


def drawn(app: object) -> str:
    screen = app.screen  # type: ignore[attr-defined]
    strips = screen._compositor.render_strips()
    for strip in strips:
        for segment in strip:
            meta = segment.style.meta if segment.style else {}
            assert "@click" not in meta or not str(meta["@click"]).startswith("app.do('quit')")
            assert not (segment.style and segment.style.link)
    return "\n".join(strip.text for strip in strips)


def assert_inert(text: str) -> None:
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", text)


@pytest.mark.parametrize("key", ["1", "3", "5"])
async def test_lists_and_details(key: str) -> None:
    console = SeededConsole()
    row = receipt_row(
        300, NOW, origin=f"https://{HOSTILE}", url=f"https://{HOSTILE}/x", method=HOSTILE, intent=HOSTILE,
        network=HOSTILE, reference=HOSTILE * 3, status=HOSTILE, currency=replace(ALPHA, symbol=HOSTILE),
        payer=HOSTILE, recipient=HOSTILE,
    )  # fmt: skip
    console.receipts.rows.append(row)
    console.server.log.append(
        replace(requests()[2], path=HOSTILE, outcome=HOSTILE, payer=HOSTILE, reference=HOSTILE, message=HOSTILE)
    )
    console.accounts.all = (replace(console.accounts.all[0], name=HOSTILE),)
    app = seeded_app(console)
    async with app.run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        text = drawn(app)
        assert_inert(text)
        assert "[@click=app" in text or "[@c" in text
        await app.push_screen(ReceiptDialog(row.id))
        await settle(pilot)
        assert_inert(drawn(app))
        assert "[@click=app.do('quit')]" in drawn(app).replace("\n", "")


async def test_the_review_sheet() -> None:
    console = SeededConsole()
    # The services hand descriptions over inert; what they may still hold is markup.
    console.payments.next_review = review(
        server_says=inert(HOSTILE),
        origin=f"https://{HOSTILE}",
        url=f"https://{HOSTILE}/",
        reasons=(Check(code="x", level=Level.WARN, message=HOSTILE),),
    )
    failed = refused_result(STRANGER)
    assert failed.problem is not None
    console.payments.next_result = replace(
        failed, problem=replace(failed.problem, title=HOSTILE, detail=HOSTILE), body=HOSTILE.encode()
    )
    ticker = Ticker()
    app = seeded_app(console, monotonic=ticker)
    async with app.run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await app.pay(STRANGER)
        await settle(pilot)
        assert_inert(drawn(app))
        assert "[bold red]loud[/]" in drawn(app)
        ticker.now += 2
        await pilot.press("a")
        await settle(pilot)
        assert_inert(drawn(app))
        assert "press[/]" in drawn(app)


async def test_notices_and_the_event_log() -> None:
    console = SeededConsole()
    app = seeded_app(console)
    async with app.run_test(size=(240, 36), notifications=True) as pilot:
        await settle(pilot)
        console.notice(HOSTILE)
        await settle(pilot)
        assert_inert(drawn(app))
        await pilot.press("E")
        await settle(pilot)
        assert_inert(drawn(app))
        assert "[bold red]loud[/]" in drawn(app)
