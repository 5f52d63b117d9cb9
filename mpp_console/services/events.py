"""What happens inside a console, told to whoever subscribed. Callbacks are synchronous and must be quick.

A failing callback never disturbs the others nor the work that published: its error goes to the log. Imports nothing
heavy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mpp_console.services.models import (
    AccountView,
    BalanceView,
    ErrorView,
    ReceiptRow,
    RequestRow,
    ServerView,
    Stage,
)
from mpp_console.services.session_models import SessionsView

__all__ = [
    "AccountsChanged",
    "BalanceChanged",
    "BodyArrived",
    "CommandLogged",
    "ConsoleEvent",
    "EventBus",
    "Notice",
    "NoticeLevel",
    "PaymentProgress",
    "ReceiptRecorded",
    "RequestServed",
    "ServerChanged",
    "SessionsChanged",
]

NoticeLevel = Literal["info", "warn", "error"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceChanged:
    """Balances of the default account were read anew."""

    balances: tuple[BalanceView, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsChanged:
    """An account was added, renamed, removed, or another one became the default."""

    accounts: tuple[AccountView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentProgress:
    """A payment, a transfer or an act on channels moved on. For one task the stages only move forward."""

    task_id: str
    kind: Literal["pay", "transfer", "session"]
    stage: Stage
    url: str
    at: datetime
    elapsed_ms: float
    operation_id: str | None = None
    message: str = ""
    error: ErrorView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyArrived:
    """The head of a task's answer is here (`size` 0), or more of its body: `size` bytes so far. Told a few times a
    second at most, and at the end.
    """

    task_id: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecorded:
    """A receipt was written to the history: one of ours (`row.direction` "sent") or one our server gave
    ("received").
    """

    row: ReceiptRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChanged:
    """The local server started, stopped, or its counters moved."""

    view: ServerView


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsChanged:
    """A channel of ours was opened, used, closed, or looked up on the chain."""

    view: SessionsView


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed:
    """The local server answered a request."""

    row: RequestRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell the person. `command` is what to type for more or to mend it, when there is such a thing."""

    level: NoticeLevel
    text: str
    at: datetime
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLogged:
    """An action was carried out; `command` does the same from a shell. `what` says what was done, where the command
    does not.
    """

    command: str
    at: datetime
    what: str = ""


ConsoleEvent = (
    BalanceChanged
    | AccountsChanged
    | PaymentProgress
    | BodyArrived
    | ReceiptRecorded
    | ServerChanged
    | SessionsChanged
    | RequestServed
    | Notice
    | CommandLogged
)


class EventBus:
    """Synchronous publish and subscribe within one event loop."""

    def __init__(self) -> None:
        self._subscribers: dict[int, Callable[[ConsoleEvent], None]] = {}
        self._next = 0

    def subscribe(self, callback: Callable[[ConsoleEvent], None]) -> Callable[[], None]:
        """Calls `callback` with every later event; the returned function ends it (calling that twice is harmless)."""
        number = self._next
        self._next += 1
        self._subscribers[number] = callback

        def unsubscribe() -> None:
            self._subscribers.pop(number, None)

        return unsubscribe

    def publish(self, event: ConsoleEvent) -> None:
        """Tells every subscriber, in order of subscription. Subscribing or leaving within a callback is allowed."""
        for callback in tuple(self._subscribers.values()):
            try:
                callback(event)
            except Exception:
                _log.exception("a subscriber failed on %s", type(event).__name__)
