"""What an action is: its keys, its name, where it works, how dangerous it is and when it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from textual.binding import Binding

from mpp_console.services.models import ConsoleState

__all__ = ["Action", "Blocked", "Danger", "Scope"]


class Danger(IntEnum):
    """What an action may cost. From `SPEND` on, only a review sheet carries it out."""

    READ = 0
    LOCAL = 1
    SPEND = 2
    GRAVE = 3


class Scope(StrEnum):
    """Where an action's keys work; the value is the heading in the cheat sheet."""

    APP = "Everywhere"
    WALLET = "Wallet"
    ACCOUNTS = "Accounts"
    SESSIONS = "Sessions"
    RECEIPTS = "Receipts"
    INSPECT = "Inspect"
    SERVER = "Server"
    CHANNELS = "Channels of the server"
    LIST = "Lists"
    LOG = "Events"
    REVIEW = "Review sheet"
    RESPONSE = "Response"
    REQUEST = "Request form"
    DIALOG = "Dialogs"


Blocked = Callable[[ConsoleState | None], str | None]
"""Gives why an action cannot be done in this state (None: the console is still opening), or None when it can."""


def _never(_state: ConsoleState | None) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a person can do.

    `id` is stable, since keymaps and documents refer to it. `keys` are Textual key names, comma-separated; empty
    means palette only. `blocked` gives the reason why it cannot be done now: the action stays visible and says so.
    `review` tells that carrying it out leads to a review sheet, or happens on one. `hint` is a place in the footer,
    lower first; None keeps it out. `over` names an action that works everywhere and whose keys mean this one where it
    works.
    """

    id: str
    keys: str
    label: str
    help: str
    scope: Scope
    danger: Danger = Danger.READ
    review: bool = False
    blocked: Blocked = _never
    hint: int | None = None
    priority: bool = False
    over: str = ""

    @property
    def handler(self) -> str:
        """The name of the method that carries it out."""
        return "do_" + self.id.replace(".", "_")

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            f"app.do('{self.id}')",
            self.label,
            show=False,
            tooltip=self.help,
            id=self.id,
            priority=self.priority,
        )
