"""Parts are made once, whoever asks; a failed making is tried again."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

import pytest

from mpp_console.services import once
from mpp_console.services.once import Once, load


async def test_many_ask_and_one_is_made() -> None:
    made = 0
    gate = asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await gate.wait()
        return made

    part = Once(make)
    asking = [asyncio.create_task(part.get()) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    gate.set()
    assert await asyncio.gather(*asking[1:]) == [1, 1, 1, 1]
    assert [part.ready, await part.take(), part.ready, await part.take()] == [1, 1, None, None]


async def test_a_failure_is_not_kept() -> None:
    answers: Iterator[int | ValueError] = iter([ValueError("not yet"), 7])

    async def make() -> int:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    part = Once(make)
    with pytest.raises(ValueError, match="not yet"):
        await part.get()
    assert part.ready is None
    assert await part.get() == 7


async def test_taking_waits_for_a_making() -> None:
    async def make() -> str:
        await asyncio.sleep(0)
        return "part"

    part = Once(make)
    asking = asyncio.create_task(part.get())
    await asyncio.sleep(0)
    assert await part.take() == "part"
    assert await asking == "part"


async def test_a_module_that_is_not_there_is_an_error() -> None:
    await load("json")
    with pytest.raises(ModuleNotFoundError):
        await load("mpp_console.nothing_of_this_name")


async def test_modules_are_loaded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both_inside = threading.Barrier(2)
    met: list[str] = []

    def import_module(name: str) -> None:
        # Two imports at once would meet here; one alone gives up.
        with suppress(threading.BrokenBarrierError):
            both_inside.wait(0.3)
            met.append(name)

    monkeypatch.setattr(once, "_loaded", set())
    monkeypatch.setattr("mpp_console.services.once.importlib.import_module", import_module)
    await asyncio.gather(load("ping"), load("pong"))
    assert met == []


async def test_a_module_counts_as_loaded_at_the_end_of_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    monkeypatch.setattr(once, "_loaded", set())
    monkeypatch.setattr("mpp_console.services.once.importlib.import_module", imported.append)
    monkeypatch.setitem(sys.modules, "half_made", ModuleType("half_made"))
    await load("half_made")
    await load("half_made")
    assert imported == ["half_made"]
