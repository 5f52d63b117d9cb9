"""A console whose every text from outside is hostile, over the seeded one: what it gives away is spoilt on its way out,
and what it is asked for is mended on its way in.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast

from mpp_console.protocol import MppError, Secret, format_challenge
from mpp_console.services import EventBus
from mpp_console.services.models import ErrorView, ProfileView
from tests.tui.seeded import SeededConsole
from tests.tui.seeded.inspect import SEARCH, answer, challenge

GROUND = "#123456"
"""A colour that nothing of ours has: what is drawn on it, or in it, was obeyed as markup."""

QUIT = "app.quit"
BEFORE = "\x1b[31m\u202e\u200b"
SEQUENCES = (
    "\x1b]8;;http://evil.example\x07\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x9b2J\x85\u2028\x00\r\n\t\u2066\ufeff"
)
MARKUP = f"[on {GROUND}][@click={QUIT}][link=http://evil.example][bold {GROUND}]loud[/] [/nothing] $error"
AFTER = f"{SEQUENCES}{MARKUP}"
RUN = "W" * 10_000

LONG = {
    "url", "path", "origin", "message", "detail", "title", "server_says", "note", "description", "error", "reason",
    "reference", "external_id", "body", "answer_body", "request_body", "data", "hint", "realm", "text", "query",
}  # fmt: skip
"""Fields that run on for ten thousand characters besides."""

OURS = {
    ("AccountView", "kind"),
    ("LegTiming", "leg"),
    ("LegView", "leg"),
    ("PolicyView", "lines"),
    ("ProfileView", "name"),
    ("ProfileView", "kind"),
    ("ReceiveView", "qr_rows"),
    ("ReceiveView", "note"),
    ("ReceiptRow", "direction"),
    ("ReceiptTotal", "direction"),
    ("ReviewView", "verdict"),
    ("BudgetView", "period"),
    ("ChainView", "status"),
    ("RouteTrouble", "field"),
    ("RouteView", "faults"),
    ("RouteView", "switched"),
    ("ServerView", "faults"),
    ("PayResult", "body_end"),
    ("PaymentProgress", "kind"),
    ("Notice", "level"),
    ("SessionRow", "protocol"),
    ("PayeeChannelRow", "state"),
    ("SessionPlanView", "plan"),
    ("SessionReview", "act"),
    ("SessionResult", "act"),
    ("SeededSessionTask", "act"),
    ("ConsoleState", "test_unavailable"),
    ("ConsoleState", "fund_unavailable"),
}
"""Words that the program chooses among its own, so that nobody outside can choose them."""

IDENTITIES = {"id", "task_id", "receipt_id", "operation_id", "key", "next"}
"""Names that the program gave, and asks by."""


def spoil(text: str, name: str = "") -> str:
    """The text in bad company."""
    return f"{BEFORE}{text}{AFTER}{RUN if name in LONG else ''}"


def mend(value: Any) -> Any:
    """What was asked for before it was spoilt."""
    if isinstance(value, str):
        return value.replace(RUN, "").replace(BEFORE, "").replace(AFTER, "")
    if isinstance(value, tuple | list | frozenset | set):
        return type(value)(mend(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("mpp_"):
        return _rebuilt(value, lambda _name, item: mend(item))
    return value


def spoilt(value: Any, name: str = "") -> Any:
    """The value with every text in it spoilt that may come from outside."""
    if isinstance(value, Enum | bool | int | float | Decimal | datetime | timedelta | PurePath | Secret | None):
        return value
    if isinstance(value, str):
        return value if name in IDENTITIES or not value else spoil(value, name)
    if isinstance(value, bytes):
        return value + spoil("", name).encode() if value else value
    if isinstance(value, tuple | list):
        return type(value)(spoilt(item, name) for item in value)
    if isinstance(value, Mapping):
        return {spoilt(key, name): spoilt(item, name) for key, item in value.items()}
    if isinstance(value, MppError):
        return _spoilt_error(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _rebuilt(value, lambda field, item: item if _is_ours(value, field) else spoilt(item, field))
    return value


def _is_ours(value: object, field: str) -> bool:
    kind = type(value).__name__
    # The id of a currency is its contract, as a challenge names it.
    return (kind, field) in OURS


def _spoilt_error(error: MppError) -> MppError:
    return MppError(spoil(str(error), "message"), code=error.code, hint=spoil(error.hint or "", "hint"))


def _rebuilt(value: Any, change: Callable[[str, Any], Any]) -> Any:
    changed = {
        field.name: after
        for field in dataclasses.fields(value)
        if field.init and (after := change(field.name, before := getattr(value, field.name))) is not before
    }
    return dataclasses.replace(value, **changed) if changed else value


_KEPT_WHOLE = ("inspector", "inspect", "decode", "urls", "first_run", "started", "rules", "unreachable")
"""What the inspector reads is spoilt on the wire instead, since it is the judge of it."""


class Hostile:
    """Stands before a part of the seeded console, or before one of its tasks."""

    def __init__(self, real: object) -> None:
        object.__setattr__(self, "_real", real)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def __getattr__(self, name: str) -> Any:
        value = getattr(object.__getattribute__(self, "_real"), name)
        if name in _KEPT_WHOLE:
            return value
        return value if _is_ours(self._real, name) else _guarded(value, name)


def _guarded(value: Any, name: str = "") -> Any:
    if isinstance(value, EventBus):
        return HostileEvents(value)
    if isinstance(value, ProfileView | ErrorView):
        return spoilt(value, name)
    if type(value).__module__.startswith("tests.tui.seeded"):
        return Hostile(value)
    if inspect.isroutine(value):
        return _asked(value)
    return spoilt(value, name)


def _asked(method: Callable[..., Any]) -> Callable[..., Any]:
    def ask(*arguments: Any, **named: Any) -> Any:
        arguments, named = mend(arguments), {name: mend(value) for name, value in named.items()}
        try:
            answered = method(*arguments, **named)
        except MppError as error:
            raise _spoilt_error(error) from None
        if inspect.isawaitable(answered):
            return _waited(answered)
        if inspect.isasyncgen(answered):
            return _streamed(answered)
        return _guarded(answered)

    return ask


async def _waited(answered: Awaitable[Any]) -> Any:
    try:
        return _guarded(await answered)
    except MppError as error:
        raise _spoilt_error(error) from None


async def _streamed(answered: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for item in answered:
        yield _guarded(item)


class HostileEvents:
    """The event bus, whose every event is spoilt."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def subscribe(self, hear: Callable[[Any], None]) -> Any:
        return self._bus.subscribe(lambda event: hear(spoilt(event)))

    def publish(self, event: Any) -> None:
        self._bus.publish(event)


def hostile(console: SeededConsole) -> SeededConsole:
    """The console as strangers would like it to be."""
    lines = [
        format_challenge(challenge(number, **{**wire, "description": "One search" + MARKUP, "realm": "api" + MARKUP}))
        for number, wire in enumerate((cast("dict[str, Any]", {}), {}, {"method": "lightning"}), 1)
    ]
    broken = f'Payment id="c3{MARKUP}\x9b\x85", realm="x", method=tempo now {RUN}'
    body = ('{"type":"about:blank","title":"' + AFTER.replace('"', "") + '","detail":"' + RUN + '"}').encode()
    console.inspector.answers[SEARCH] = answer(
        *lines, broken, body=body, server="nginx" + AFTER, x_request_id="7" + AFTER + RUN
    )
    console.urls.kept = [dataclasses.replace(each, url=spoil(each.url)) for each in console.urls.kept]
    return cast("SeededConsole", Hostile(console))
