"""Every scene over a hostile console: nothing that strangers wrote is obeyed, and the layout stands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from rich.color import Color
from textual.pilot import Pilot

from mpp_console.tui.actions import ACTIONS
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.widgets.keybar import ACTION_META, KeyBar
from mpp_console.tui.widgets.topbar import TopBar
from tests.tui.drawing import settle
from tests.tui.hostile import GROUND, hostile
from tests.tui.scenes import MODES, OTHERS

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
SCENES = MODES | OTHERS
NAMES = {entry.id for entry in ACTIONS}
OBEYED = Color.parse(GROUND).get_truecolor()


def assert_harmless(pilot: Pilot[Any]) -> None:
    screen = pilot.app.screen
    width, height = pilot.app.size
    strips = screen._compositor.render_strips()
    assert len(strips) == height
    for strip in strips:
        assert strip.cell_length == width
        assert not UNSEEN.search(strip.text), ascii(strip.text)
        for segment in strip:
            assert not segment.control
            style = segment.style
            if style is None:
                continue
            assert not style.link, segment
            assert "@click" not in style.meta, segment
            assert style.meta.get(ACTION_META, "quit") in NAMES, segment
            for colour in (style.color, style.bgcolor):
                assert colour is None or colour.triplet != OBEYED, segment


def assert_standing(pilot: Pilot[Any]) -> None:
    width, height = pilot.app.size
    mode = next(screen for screen in pilot.app.screen_stack if isinstance(screen, ModeScreen))
    if len(pilot.app.screen_stack) > 2:
        # Two dialogs above it, so it is out of sight and laid out when it comes back.
        return
    top, keys = mode.query_one(TopBar), mode.query_one(KeyBar)
    assert (top.region.offset, top.region.size) == ((0, 0), (width, 2))
    assert (keys.region.offset, keys.region.size) == ((0, height - 1), (width, 1))
    assert top.render().plain.startswith(" mpp console")
    # Whatever is said, what can be chosen is in sight.
    for choices in pilot.app.screen.query("#choices"):
        place = pilot.app.screen.find_widget(choices) if choices.display else None
        assert place is None or place.visible_region.height, choices
    # A dialog is on the screen with both its ends.
    for child in pilot.app.screen.children:
        if child.display and pilot.app.screen is not mode and child.region.area:
            assert pilot.app.screen.region.contains_region(child.region), child


@pytest.mark.parametrize("name", SCENES)
async def test_every_scene(name: str) -> None:
    scene = SCENES[name]
    app = replace(scene, console=lambda: hostile(scene.console())).app()
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await scene.reach(pilot)
        assert_harmless(pilot)
        assert_standing(pilot)
        await pilot.resize_terminal(60, 20)
        await (pilot.pause(0.1) if name.endswith("-loading") else settle(pilot))
        assert_harmless(pilot)
        assert_standing(pilot)


@pytest.mark.parametrize("name", ["wallet", "receipts", "inspect", "server", "review", "response", "events"])
async def test_it_is_shown_as_it_was_written(name: str) -> None:
    """So that the walk above is one through hostile scenes, and markup is neither obeyed nor swallowed."""
    scene = SCENES[name]
    app = replace(scene, console=lambda: hostile(scene.console())).app()
    async with app.run_test(size=(200, 60)) as pilot:
        await scene.reach(pilot)
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert f"[on {GROUND}][@" in text
        svg = app.export_screenshot()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]", svg)
        assert not re.search("<a[ >]|href=|<script", svg)
