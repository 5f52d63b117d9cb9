"""With the privacy mask on, no scene shows an amount, an address, a balance or a reference."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.tui.app import ConsoleApp
from tests.tui.scenes import MODES, OTHERS
from tests.tui.scenes.scene import Scene
from tests.tui.seeds import CUSTOMER, HELD, PATH, PAYEE, PAYER, accounts, history, offer

SCENES = MODES | OTHERS
ADDRESSES = {PAYER, PAYEE, CUSTOMER, *(account.address for account in accounts())}
UNITS = {row.amount for row in history()} | {amount for _, amount in HELD} | {offer().amount}
ALLOWED = {
    "wallet-send": {CUSTOMER},  # what somebody is typing; a box that hides it could not be checked
    "receipts-wire": {PATH.id},  # the contract of a token: it says what is paid in, not who or how much
}
ANY_SUM = re.compile(r"(?<![\d.:])\d[\d,]*\.\d{3,}")
ANY_HASH = re.compile(r"0x[0-9a-fA-F]{4,}…?[0-9a-fA-F]*")


def told(text: str) -> set[str]:
    """What of it privacy has to hide."""
    # A time of day may have thousandths of seconds.
    text = re.sub(r":\d\d\.\d{3}Z", "", text)
    found = {each for each in ADDRESSES for part in (each[:6], each[-4:]) if part.lower() in text.lower()}
    found |= {str(units) for units in UNITS if units and units > 9_999 and re.search(rf"\b{units}\b", text)}
    return found | set(ANY_SUM.findall(text)) | set(ANY_HASH.findall(text))


def masked(scene: Scene) -> ConsoleApp:
    """The scene's app with the mask on from the start."""
    app = scene.app()
    app.set_reactive(ConsoleApp.view, replace(app.view, lens=replace(app.view.lens, privacy=True)))
    return app


def without_switch(scene: Scene) -> Scene:
    """The scene without the key that turns the mask on, which would turn it off."""
    changed: dict[str, Any] = {"keys": tuple(key for key in scene.keys if key != "asterisk")}
    if isinstance(then := getattr(scene, "then", None), tuple):
        changed["then"] = tuple(key for key in then if key != "asterisk")
    return replace(scene, **changed)


async def drawn(scene: Scene, app: ConsoleApp) -> str:
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await scene.reach(pilot)
        return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize("name", SCENES)
async def test_no_scene_tells(name: str) -> None:
    scene = without_switch(SCENES[name])
    found = told(await drawn(scene, masked(scene)))
    assert not found - ALLOWED.get(name, set()), f"{name} tells {found}"


@pytest.mark.parametrize("name", ["wallet", "receipts", "server", "review"])
async def test_it_would_be_told_without_the_mask(name: str) -> None:
    assert told(await drawn(SCENES[name], SCENES[name].app()))
