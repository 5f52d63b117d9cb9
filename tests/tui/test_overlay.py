"""The last line under a dialog: its own keys, and none of the screen below, which do not work meanwhile."""

from __future__ import annotations

import pytest

from mpp_console.tui.screens.dialogs import ReceiptDialog
from mpp_console.tui.screens.overlay import DialogBar
from tests.tui.drawing import seeded_app, settle
from tests.tui.scenes import OTHERS

DIALOGS = {
    "channels": ("enter Open", "s Settle", "c Close", "esc Close"),
    "help": ("type Search", "esc Close"),
    "quit": ("esc Stay", "enter Choose"),
    "receipts-copy": ("enter Pick", "esc Close"),
    "receipts-export": ("enter Export", "esc Close"),
    "review": ("esc Cancel", "a Allow once", "A Allow this origin", "r Reject", "Y Copy command"),
    "review-done": ("esc Close", "Y Copy command", "enter Response"),
    "server-fault-menu": ("enter Switch", "esc Close"),
    "sessions-review-close": ("esc Cancel", "a Close", "r Reject"),
    "server-new-route": ("enter Save", "esc Close"),
}
BELOW = ("Filter", "Test payment", "Start / stop", "Pay a URL", "New session")


@pytest.mark.parametrize("name", DIALOGS)
async def test_the_last_line_names_the_keys_of_the_dialog(name: str) -> None:
    scene = OTHERS[name]
    app = scene.app()
    async with app.run_test(size=(120, 36)) as pilot:
        await scene.reach(pilot)
        bar = app.screen.query_one(DialogBar)
        said = str(bar.render())
        assert all(each in said for each in DIALOGS[name]), said
        assert not any(each in said for each in BELOW)
        assert bar.region.y == 35
        assert not bar.is_scrollable


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_what_is_as_large_as_the_screen_covers_whole_lines_of_what_is_below(size: tuple[int, int]) -> None:
    app = seeded_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await app.push_screen(ReceiptDialog("rc0001"))
        await settle(pilot)
        pane, bar = app.screen.query_one("#dialog-receipt"), app.screen.query_one(DialogBar)
        assert (pane.region.x, pane.region.width) == (0, size[0])
        assert pane.region.y <= 2
        assert pane.region.bottom == bar.region.y == size[1] - 1
