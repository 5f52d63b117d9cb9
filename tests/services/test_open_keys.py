"""Keys that were opened: for how long, how often somebody is asked for one, and that none outlives its account."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mpp_console.protocol import MppError
from mpp_console.services.once import Once
from mpp_console.services.open_keys import UNLOCKED, OpenKeys


class Book:
    """Accounts whose keys take a while to open; `opened` says whose were asked for."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.answer = threading.Event()
        self.answer.set()

    def signer(self, name: str) -> Any:
        self.opened.append(name)
        assert self.answer.wait(30)
        if name == "watched":
            raise MppError("its key is not here")
        return f"the key of {name}, opened for the {len(self.opened)}. time"

    def asks(self, name: str) -> bool:
        return name != "unlocked"


class Stand:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.book = Book()

        async def accounts() -> Any:
            return self.book

        self.keys = OpenKeys(Once(accounts), lambda: self.now)

    async def until_asked(self) -> None:
        while not self.book.opened:
            await asyncio.sleep(0)


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.mark.parametrize(
    ("moves", "asked"),
    [
        ([], 1),
        ([UNLOCKED - timedelta(seconds=1)] * 5, 1),  # each use counts anew
        ([UNLOCKED], 2),
        ([timedelta(hours=-1)], 2),  # a clock that was set back keeps nothing open
    ],
)
async def test_how_long_a_key_stays_open(stand: Stand, moves: list[timedelta], asked: int) -> None:
    await stand.keys.get("main")
    for move in moves:
        stand.now += move
        await stand.keys.get("main")
    assert stand.book.opened == ["main"] * asked


async def test_two_at_once_ask_once(stand: Stand) -> None:
    stand.book.answer.clear()
    both = [asyncio.create_task(stand.keys.get("main")) for _ in range(2)]
    await stand.until_asked()
    stand.book.answer.set()
    first, second = await asyncio.gather(*both)
    assert (first, stand.book.opened) == (second, ["main"])


async def test_a_question_about_one_account_keeps_no_other_waiting(stand: Stand) -> None:
    stand.book.answer.clear()
    asking = asyncio.create_task(stand.keys.get("main"))
    await stand.until_asked()
    other = asyncio.create_task(stand.keys.get("other"))
    while len(stand.book.opened) < 2:
        await asyncio.sleep(0)
    stand.book.answer.set()
    await asyncio.gather(asking, other)
    assert stand.book.opened == ["main", "other"]


async def test_a_key_that_cannot_be_opened_is_asked_for_again(stand: Stand) -> None:
    for _ in range(2):
        with pytest.raises(MppError, match="not here"):
            await stand.keys.get("watched")
    assert stand.book.opened == ["watched"] * 2


async def test_what_was_forgotten_while_it_was_opened_is_not_kept(stand: Stand) -> None:
    stand.book.answer.clear()
    opening = asyncio.create_task(stand.keys.get("main"))
    await stand.until_asked()
    stand.keys.forget()
    stand.book.answer.set()
    await opening
    await stand.keys.get("main")
    await stand.keys.get("main")
    assert stand.book.opened == ["main", "main"]
    stand.keys.forget()
    await stand.keys.get("main")
    assert len(stand.book.opened) == 3


async def test_whoever_runs_by_itself_asks_nobody(stand: Stand) -> None:
    assert await stand.keys.get_unasked("main") is None
    assert stand.book.opened == []
    assert await stand.keys.get_unasked("unlocked") is not None
    await stand.keys.get("main")
    assert await stand.keys.get_unasked("main") is not None, "it is open by now"
    assert await stand.keys.get_unasked("watched") is None
