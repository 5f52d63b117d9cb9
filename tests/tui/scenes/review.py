"""Scenes of the review sheet."""

from __future__ import annotations

from mpp_console.services.models import Stage
from tests.tui.scenes.scene import URL, Scene, mainnet
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import SANDBOX, refused_result, review


def _failing() -> SeededConsole:
    console = SeededConsole()
    console.payments.next_result = refused_result(URL)
    console.payments.next_steps = (Stage.SIGNED, Stage.SENT)
    return console


def _sending() -> SeededConsole:
    console = SeededConsole()
    console.payments.next_steps = (Stage.SIGNED, Stage.SENT)
    console.payments.ends_at_once = False
    return console


def _unpayable() -> SeededConsole:
    console = SeededConsole(profile=SANDBOX)
    console.payments.next_review = review(offer=None, verdict="refuse", server_says="")
    return console


SCENES: dict[str, Scene] = {
    "review": Scene(pay=True),
    "review-mainnet": Scene(console=mainnet, pay=True),
    "review-unpayable": Scene(console=_unpayable, pay=True),
    "review-sending": Scene(console=_sending, pay=True, approve=True),
    "review-done": Scene(pay=True, approve=True),
    "review-failed": Scene(console=_failing, pay=True, approve=True),
}
