"""What is to be drawn later is drawn only on a widget that is still there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from mpp_console.tui.view import after_paint


class Sheet(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Static("what is reviewed", id="body")


async def test_what_is_drawn_after_the_paint_finds_the_parts_it_draws_on() -> None:
    app, drawn = App[None](), list[str]()
    async with app.run_test() as pilot:
        await app.push_screen(sheet := Sheet())
        after_paint(sheet, lambda part, end: drawn.append(part + end), "body", end=".")
        await pilot.pause()
    assert drawn == ["body."]


async def test_a_screen_that_was_left_meanwhile_is_drawn_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    app, drawn = App[None](), list[object]()
    async with app.run_test() as pilot:
        await app.push_screen(sheet := Sheet())
        put_off: list[Callable[[], object]] = []
        monkeypatch.setattr(sheet, "call_after_refresh", put_off.append)
        after_paint(sheet, lambda: drawn.append(sheet.query_one("#body")))
        await app.pop_screen()
        await pilot.pause()
        (call,) = put_off  # Textual keeps it with the screen that is shown, and may come to it only now
        call()
    assert drawn == []
