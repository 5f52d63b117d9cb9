"""Signals and hangups: a console whose terminal is gone ends, instead of reading from nobody for ever."""

from __future__ import annotations

import asyncio
import os
import pty
import signal

import pytest

from mpp_console.tui.signals import heed, hung_up, put_back


def test_a_closed_terminal_is_noticed() -> None:
    master, slave = pty.openpty()
    try:
        assert not hung_up(slave)
        os.write(master, b"typed")
        assert not hung_up(slave)
        os.close(master)
        assert hung_up(slave)
    finally:
        os.close(slave)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_is_told_to_the_loop_and_does_as_before_afterwards(number: signal.Signals) -> None:
    heard: list[int] = []

    async def listen() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heed(told.set_result)
        os.kill(os.getpid(), number)
        return await asyncio.wait_for(told, 60)

    before = signal.signal(number, lambda *_: heard.append(number))
    try:
        with put_back():
            assert asyncio.run(listen()) == 128 + number
        assert heard == []
        os.kill(os.getpid(), number)
        assert heard == [number]
    finally:
        signal.signal(number, before)
