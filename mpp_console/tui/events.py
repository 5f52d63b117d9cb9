"""The event log: what happened, in words, with the command that does the same. Errors stay here when their toast is
gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mpp_console.protocol import inert
from mpp_console.services.events import CommandLogged, ConsoleEvent, Notice, PaymentProgress
from mpp_console.services.models import Stage

__all__ = ["EventLog", "LogEntry"]

LogLevel = Literal["info", "warn", "error", "action"]
_LIMIT = 2_000
_LONGEST = 2_000
"""Characters of an entry: a stranger's whole page is not an event."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log."""

    id: str
    at: datetime
    level: LogLevel
    text: str
    command: str = ""


def _verb(command: str) -> str:
    """What a command does, in its own word: `mpp-console pay …` pays."""
    words = command.split()
    if len(words) > 2 and words[1] == "sessions":
        return " ".join(words[1:3])
    return words[1] if len(words) > 1 else command


class EventLog:
    """The latest entries, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=_LIMIT)
        self._count = 0

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def after(self, entry: LogEntry | None) -> list[LogEntry]:
        """What was noted after an entry; everything for None."""
        number = int(entry.id) if entry else 0
        return [later for later in self._entries if int(later.id) > number]

    def add(self, at: datetime, level: LogLevel, text: str, command: str = "") -> None:
        self._count += 1
        entry = LogEntry(str(self._count), at, level, inert(text, limit=_LONGEST), inert(command, limit=_LONGEST))
        self._entries.append(entry)

    def hear(self, event: ConsoleEvent) -> None:
        """Notes the events that are worth a line."""
        if isinstance(event, Notice):
            self.add(event.at, event.level, event.text, event.command or "")
        elif isinstance(event, CommandLogged):
            self.add(event.at, "action", event.what or _verb(event.command), event.command)
        elif isinstance(event, PaymentProgress) and event.stage.final:
            level: LogLevel = "info" if event.stage is Stage.DONE else "warn"
            if event.stage is Stage.FAILED:
                level = "error"
            what = {"pay": "payment", "transfer": "transfer", "session": "act on channels"}[event.kind]
            detail = event.error.message if event.error else event.message
            said = " ".join(part for part in (event.url, detail) if part)
            self.add(event.at, level, f"{what} {event.stage}: {said}".removesuffix(": "))
