"""A key file's passphrase is asked for on a screen, from a worker thread, and reaches nobody else."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input

from mpp_console.protocol import MppError
from mpp_console.tui.screens.passphrase import PassphraseDialog
from tests.tui.drawing import seeded_app, settle


async def test_what_is_typed_goes_to_who_asked_and_is_not_shown() -> None:
    app = seeded_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        asked = asyncio.create_task(asyncio.to_thread(app.ask_passphrase, "Passphrase of main [@click=quit]x[/]"))
        while not isinstance(app.screen, PassphraseDialog):
            await pilot.pause()
        await pilot.press(*"s3cret")
        await settle(pilot)
        picture = app.export_screenshot()
        assert "s3cret" not in picture
        assert "@click=quit" in picture
        await pilot.press("enter")
        assert await asked == "s3cret"
        assert not app.screen.query(Input).filter("#passphrase")
        assert "s3cret" not in repr(app.log_entries.__dict__)


async def test_nobody_answers() -> None:
    app = seeded_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        asked = asyncio.create_task(asyncio.to_thread(app.ask_passphrase, "Passphrase of main"))
        while not isinstance(app.screen, PassphraseDialog):
            await pilot.pause()
        await pilot.press("escape")
        with pytest.raises(MppError, match="no passphrase"):
            await asked


async def test_leaving_lets_the_waiting_thread_go() -> None:
    app = seeded_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        asked = asyncio.create_task(asyncio.to_thread(app.ask_passphrase, "Passphrase of main"))
        while not isinstance(app.screen, PassphraseDialog):
            await pilot.pause()
        app.exit(0)
    with pytest.raises(MppError, match="no passphrase"):
        await asked
