"""The form of a request: what it asks for, what it objects to, what it takes apart, and what it forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from mpp_console.services.models import PayRequest
from mpp_console.tui.app import ConsoleApp
from mpp_console.tui.review import ReviewSheet
from mpp_console.tui.screens.request import RequestForm
from mpp_console.tui.screens.wallet import WalletScreen
from mpp_console.tui.widgets.pick import Pick
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.scenes.response import COMMAND
from tests.tui.seeded import SeededConsole
from tests.tui.test_hostile import HOSTILE, assert_inert, drawn


@dataclass
class Form:
    """An open form, and everything a test may push."""

    pilot: Pilot[Any]
    app: ConsoleApp
    console: SeededConsole

    @property
    def text(self) -> str:
        return drawn(self.app)

    @property
    def open(self) -> bool:
        return isinstance(self.app.screen, RequestForm)

    @property
    def asked(self) -> PayRequest:
        return self.console.payments.tasks[-1].request

    def fill(self, *, url: str = "", headers: str = "", body: str = "", most: str = "", method: str = "") -> None:
        screen = self.app.screen
        if url:
            screen.query_one("#request-url", Input).value = url
        if headers:
            screen.query_one("#request-headers", TextArea).load_text(headers)
        if body:
            screen.query_one("#request-body", TextArea).load_text(body)
        if most:
            screen.query_one("#request-max", Input).value = most
        if method:
            screen.query_one("#request-method", Pick).choose(method)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def paste(self, text: str) -> None:
        assert self.app.focused is not None
        self.app.focused.post_message(events.Paste(text))
        await settle(self.pilot)


@asynccontextmanager
async def form(*, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Form]:
    """Opens it with its key, in the wallet."""
    console = SeededConsole()
    app = seeded_app(console, monotonic=Ticker())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("N")
        await settle(pilot)
        opened = Form(pilot, app, console)
        assert opened.open
        yield opened


async def test_enter_asks_for_the_price_and_opens_the_review() -> None:
    async with form() as shown:
        await shown.press(*"api.example.com/x", "enter")
        assert isinstance(shown.app.screen, ReviewSheet)
        assert shown.asked.url == "https://api.example.com/x"
        assert (shown.asked.method, shown.asked.headers, shown.asked.body) == ("GET", (), b"")
        assert shown.console.payments.tasks[-1].approvals == 0


@pytest.mark.parametrize("key", ["ctrl+r", "ctrl+enter"])
async def test_every_part_of_a_request_goes_out_as_typed(key: str) -> None:
    async with form() as shown:
        shown.fill(
            url="https://api.example.com",
            headers="X-A: b: c\n\n  X-D:   e  ",
            body='{"a": 1}\n',
            most="0.05",
            method="PUT",
        )
        shown.app.screen.query_one("#request-redirects", Pick).choose("yes")
        shown.app.screen.query_one("#request-body", TextArea).focus()
        await shown.press(key)
        asked = shown.asked
        assert (asked.method, asked.max_amount, asked.follow_redirects) == ("PUT", "0.05", True)
        assert asked.headers == (("X-A", "b: c"), ("X-D", "e"), ("Content-Type", "application/json"))
        assert asked.body == b'{"a": 1}\n'


async def test_enter_in_a_text_of_many_lines_begins_another_line() -> None:
    async with form() as shown:
        shown.fill(url="https://api.example.com")
        shown.app.screen.query_one("#request-body", TextArea).focus()
        await shown.press("a", "enter", "b")
        assert shown.open
        assert shown.app.screen.query_one("#request-body", TextArea).text == "a\nb"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "a URL is needed"),
        ({"url": "ftp://x"}, "✗"),
        ({"url": "https://x.example", "headers": "ok: 1\nno colon"}, "header line 2"),
        ({"url": "https://x.example", "headers": "bad name: 1"}, "not the name of a header"),
        ({"url": "https://x.example", "most": "lots"}, "not an amount"),
    ],
)
async def test_what_cannot_be_is_said_and_kept(parts: dict[str, str], said: str) -> None:
    async with form() as shown:
        shown.fill(**parts)
        await shown.press("ctrl+r")
        assert shown.open
        assert said in shown.text
        assert shown.console.payments.tasks == []
        shown.fill(url="https://x.example/other")
        await settle(shown.pilot)
        assert said not in shown.text, "an objection goes when one types on"


async def test_json_is_a_hint_and_no_condition() -> None:
    async with form() as shown:
        shown.fill(url="https://x.example", body='{"a": 1,}', method="POST")
        await settle(shown.pilot)
        assert "no JSON yet" in shown.text
        assert "line 1, column" in shown.text
        await shown.press("ctrl+r")
        assert shown.asked.body == b'{"a": 1,}'
        assert shown.asked.headers == (("Content-Type", "text/plain; charset=utf-8"),)


async def test_a_pasted_command_is_taken_apart_and_says_what_is_missing() -> None:
    async with form() as shown:
        await shown.paste(COMMAND)
        screen = shown.app.screen
        assert screen.query_one("#request-url", Input).value == "https://api.example.com/v1/notes/7"
        assert screen.query_one("#request-method", Pick).value == "PATCH"
        assert "X-Trace: 7f0c1d52" in screen.query_one("#request-headers", TextArea).text
        assert "not taken over: the form of -F" in shown.text
        assert shown.console.payments.tasks == []
        await shown.press("ctrl+r")
        assert shown.asked.method == "PATCH"


async def test_a_typed_command_is_looked_at_before_it_is_sent() -> None:
    async with form() as shown:
        shown.fill(url="curl -X DELETE https://api.example.com/a")
        await shown.press("enter")
        assert shown.open
        assert shown.app.screen.query_one("#request-method", Pick).value == "DELETE"
        await shown.press("enter")
        assert shown.asked.method == "DELETE"


async def test_a_url_is_pasted_as_ever() -> None:
    async with form() as shown:
        await shown.paste("https://api.example.com/pasted")
        assert shown.app.screen.query_one("#request-url", Input).value == "https://api.example.com/pasted"


async def test_a_command_pasted_into_the_box_of_the_wallet_opens_the_form() -> None:
    async with form() as shown:
        await shown.press("escape")
        assert isinstance(shown.app.screen, WalletScreen)
        await shown.press("n")
        await shown.paste(COMMAND)
        assert shown.open
        assert shown.app.screen.query_one("#request-method", Pick).value == "PATCH"


async def test_a_command_typed_into_the_box_of_the_wallet_is_asked_for() -> None:
    async with form() as shown:
        await shown.press("escape", "n")
        shown.app.screen.query_one("#pay-url", Input).value = "curl -X POST https://api.example.com/a -d x=1"
        await shown.press("enter")
        assert (shown.asked.method, shown.asked.body) == ("POST", b"x=1")


async def test_nothing_is_kept_when_it_closes() -> None:
    async with form() as shown:
        shown.fill(url="https://api.example.com", headers="Authorization: Bearer s3cret", body="s3cret")
        await shown.press("escape")
        assert not shown.open
        await shown.press("N")
        assert "s3cret" not in shown.text
        assert shown.app.screen.query_one("#request-url", Input).value == ""


async def test_hostile_commands_are_inert() -> None:
    async with form() as shown:
        await shown.paste(
            f"curl https://x.example/ -H 'X-A: {HOSTILE.replace(chr(39), '')}' -d '@{HOSTILE.replace(chr(39), '')}'"
        )
        assert_inert(shown.text)
        await shown.press("ctrl+r")
        assert shown.open
        assert_inert(shown.text)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_every_part_is_in_view_at_every_size(size: tuple[int, int]) -> None:
    async with form(size=size) as shown:
        for name in ("url", "method", "headers", "body", "max", "redirects"):
            region = shown.app.screen.query_one(f"#request-{name}").region
            assert region.height >= 1, name
            assert region.bottom <= size[1], name
        assert shown.app.screen.query_one("#send").region.bottom <= size[1]
