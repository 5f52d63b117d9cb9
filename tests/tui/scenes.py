"""The scenes that are drawn: how to reach each from the seeded console. Snapshots and screenshots share them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from textual.pilot import Pilot

from mpp_console.services.models import Stage
from mpp_console.tui.app import ConsoleApp
from tests.tui.drawing import Ticker, seeded_app, settle
from tests.tui.seeded import SeededConsole
from tests.tui.seeds import MAINNET, SANDBOX, STRANGER, refused_result, review

URL = f"{STRANGER}/v1/search?q=tempo"
Reach = Callable[[Pilot[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """A console, and the keys (or more) that lead from its first screen to what is drawn."""

    console: Callable[[], SeededConsole] = SeededConsole
    keys: tuple[str, ...] = ()
    pay: bool = False
    approve: bool = False
    theme: str = "console-dark"

    def app(self) -> ConsoleApp:
        return seeded_app(self.console(), theme=self.theme, monotonic=Ticker())

    def in_theme(self, theme: str) -> Scene:
        return replace(self, theme=f"console-{theme}")

    async def reach(self, pilot: Pilot[Any]) -> None:
        """Leads there, and waits until all is drawn and no toast is left over."""
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await settle(pilot)
        for key in self.keys:
            await pilot.press(key)
            await settle(pilot)
        if self.pay:
            await app.pay(URL)
            await settle(pilot)
            assert isinstance(app.monotonic, Ticker)
            # Long enough for the choices to be armed.
            app.monotonic.now += 5
            await pilot.pause(0.15)
        if self.approve:
            await pilot.press("a")
            await settle(pilot)
        app.clear_notifications()
        await settle(pilot)


def _empty() -> SeededConsole:
    return SeededConsole(empty=True)


def _mainnet() -> SeededConsole:
    return SeededConsole(profile=MAINNET)


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


MODES = {
    "wallet": Scene(),
    "receipts": Scene(keys=("3",)),
    "server": Scene(keys=("5",)),
}
"""Drawn at every size, dark and light."""

OTHERS = {
    "wallet-empty": Scene(console=_empty),
    "receipts-empty": Scene(console=_empty, keys=("3",)),
    "server-off": Scene(console=_empty, keys=("5",)),
    "wallet-mainnet": Scene(console=_mainnet),
    "wallet-privacy": Scene(keys=("asterisk",)),
    "wallet-high-contrast": Scene(theme="console-high-contrast"),
    "receipts-wire": Scene(keys=("3", "enter", "shift+tab", "right")),
    "receipts-filter": Scene(keys=("3", "slash")),
    "receipts-moved": Scene(keys=("3", "k", "k", "t")),
    "server-receipt": Scene(keys=("5", "t")),
    "outcomes": Scene(keys=("T",)),
    "events": Scene(keys=("t", "plus", "E")),
    "help": Scene(keys=("question_mark",)),
    "quit": Scene(keys=("ctrl+q",)),
    "palette": Scene(keys=("ctrl+p",)),
    "review": Scene(pay=True),
    "review-mainnet": Scene(console=_mainnet, pay=True),
    "review-unpayable": Scene(console=_unpayable, pay=True),
    "review-sending": Scene(console=_sending, pay=True, approve=True),
    "review-done": Scene(pay=True, approve=True),
    "review-failed": Scene(console=_failing, pay=True, approve=True),
}
"""Drawn at the hero size."""
