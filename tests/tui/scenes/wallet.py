"""Scenes of the wallet mode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from mpp_console.client.policy import SpendingPolicy
from mpp_console.services.models import Money
from tests.tui.drawing import Ticker, settle
from tests.tui.scenes.scene import Scene, empty, mainnet
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.transfers import NEW
from tests.tui.seeds import CUSTOMER, MAINNET, NOW, PATH, receipt_row

MODE = Scene()
"""The mode as it is entered; drawn at every size."""


@dataclass(frozen=True)
class WalletScene(Scene):
    """A scene whose dialogs are filled in by `then`."""

    then: Callable[[Pilot[Any]], Awaitable[None]] | None = None

    async def reach(self, pilot: Pilot[Any]) -> None:
        await super().reach(pilot)
        if self.then is not None:
            await self.then(pilot)
            await settle(pilot)


async def _fill(pilot: Pilot[Any]) -> None:
    for name, text in (("#send-to", CUSTOMER), ("#send-amount", "12.5"), ("#send-memo", "march hosting")):
        pilot.app.screen.query_one(name, Input).value = text
    pilot.app.screen.query_one("#send-memo", Input).focus()
    await settle(pilot)


async def _review(pilot: Pilot[Any]) -> None:
    await _fill(pilot)
    await pilot.press("enter")
    await settle(pilot)
    await _wait(pilot)


async def _sent(pilot: Pilot[Any]) -> None:
    await _review(pilot)
    await pilot.press("a")


async def _wait(pilot: Pilot[Any]) -> None:
    ticker = getattr(pilot.app, "monotonic")  # noqa: B009 - the app's clock, of whatever type
    assert isinstance(ticker, Ticker)
    ticker.now += 5
    await pilot.pause(0.15)


def no_account() -> SeededConsole:
    console = SeededConsole(empty=True)
    console.accounts.all = ()
    return console


def no_budget() -> SeededConsole:
    console = SeededConsole()
    console.rules = SpendingPolicy()
    return console


def near_budget() -> SeededConsole:
    console = SeededConsole()
    console.rules = SpendingPolicy(per_day={PATH.id: 500_000}, per_month={PATH.id: 400_000})
    return console


def stranger() -> SeededConsole:
    """The recipient was never sent anything."""
    console = SeededConsole()
    console.transfers.next_checks = (NEW,)
    return console


def month() -> SeededConsole:
    """A history of a month."""
    console = SeededConsole()
    older = [
        receipt_row(1000 + day, NOW - timedelta(days=29 - day, hours=3), amount=(37 * day % 11) * 40_000)
        for day in range(28)
        if day % 6 != 5
    ]
    console.receipts.rows = [*older, *console.receipts.rows]
    return console


def channels() -> SeededConsole:
    """What there will be to say of money in payment channels."""
    console = SeededConsole()
    console.locked = (Money(amount=25_000_000, currency=PATH),)
    console.at_risk = (Money(amount=1_250_000, currency=PATH),)
    console.pending_refund = (Money(amount=4_000_000, currency=PATH),)
    return console


def unreachable() -> SeededConsole:
    console = SeededConsole()
    console.unreachable, console.read_at = "the node does not answer", NOW - timedelta(minutes=7)
    return console


def rich() -> SeededConsole:
    """Real money."""
    console = SeededConsole(profile=MAINNET)
    console.accounts.all = tuple(
        replace(account, kind="local" if account.kind == "sandbox" else account.kind)
        for account in console.accounts.all
    )
    return console


SCENES: dict[str, Scene] = {
    "wallet-empty": Scene(console=empty),
    "wallet-mainnet": Scene(console=mainnet),
    "wallet-privacy": Scene(keys=("asterisk",)),
    "wallet-high-contrast": Scene(theme="console-high-contrast"),
    "wallet-no-account": Scene(console=no_account),
    "wallet-no-budget": Scene(console=no_budget),
    "wallet-near-budget": Scene(console=near_budget),
    "wallet-month": Scene(console=month, keys=("b", "left", "left")),
    "wallet-channels": Scene(console=channels),
    "wallet-unreachable": Scene(console=unreachable),
    "wallet-accounts": Scene(keys=("a",)),
    "wallet-account-import": Scene(keys=("a", "i")),
    "wallet-account-delete": Scene(keys=("a", "d")),
    "wallet-receive": Scene(keys=("i",)),
    "wallet-receive-privacy": Scene(keys=("asterisk", "i")),
    "wallet-send": WalletScene(keys=("s",), then=_fill),
    "wallet-send-review": WalletScene(keys=("s",), then=_review),
    "wallet-send-new": WalletScene(console=stranger, keys=("s",), then=_review),
    "wallet-send-mainnet": WalletScene(console=rich, keys=("s",), then=_review),
    "wallet-send-done": WalletScene(keys=("s",), then=_sent),
}
