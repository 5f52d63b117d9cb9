"""The sessions mode says what a session is and that there is none, shows no made-up row, and can be read anywhere."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll

from mpp_console.tui.screens.sessions import COLUMNS, SessionsIntro, SessionsLegend, SessionsScreen
from tests.tui.drawing import seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET


def words(screen: SessionsScreen) -> str:
    """What stands there, however it is broken into lines."""
    parts = (str(screen.query_one(kind).render()) for kind in (SessionsIntro, SessionsLegend))
    return " ".join(" ".join(parts).split())


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("profile", ["sandbox", "mainnet"])
async def test_says_what_there_is_and_what_will_be(size: tuple[int, int], profile: str) -> None:
    console = SeededConsole() if profile == "sandbox" else SeededConsole(profile=MAINNET)
    app = seeded_app(console)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, SessionsScreen)
        text = words(screen)
        for said in ("A session pays many requests from one deposit.", "There are none yet", "Nothing is locked"):
            assert said in text
        for title, meaning in COLUMNS:
            assert f"{title} {meaning}".strip() in text
        assert "finalizable" in text
        assert not any(character.isdigit() for character in text.replace("1 then n", "").replace(" 4 decodes", ""))
        body = screen.query_one("#sessions-body", VerticalScroll)
        await pilot.press("end")
        await settle(pilot)
        legend = screen.query_one(SessionsLegend)
        assert legend.region.bottom <= body.region.bottom
        assert body.max_scroll_x == 0


async def test_is_drawn_in_ascii_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    app = seeded_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert isinstance(app.screen, SessionsScreen)
        assert words(app.screen).isascii()
