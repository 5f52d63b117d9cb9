"""How far a payment or transfer is, told to everybody: stages that only move forward, and how long each leg took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mpp_console.services.events import BodyArrived, EventBus, PaymentProgress
from mpp_console.services.models import ErrorView, LegTiming, OperationView, Stage

__all__ = ["Clockwork", "Progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What a task needs of the world: wall time for people, a counter that only grows (seconds), the bus."""

    clock: Callable[[], datetime]
    counter: Callable[[], float]
    events: EventBus


class Progress:
    """The course of one task; every step is published as `PaymentProgress`. `url` may be set once it is known."""

    def __init__(
        self, task_id: str, kind: Literal["pay", "transfer", "session"], url: str, clockwork: Clockwork
    ) -> None:
        self.task_id = task_id
        self.kind: Literal["pay", "transfer", "session"] = kind
        self.url = url
        self.stage = Stage.REQUESTING
        self.error: ErrorView | None = None
        self.operation: OperationView | None = None
        self._clockwork = clockwork
        self._started = clockwork.counter()
        self._marks: list[tuple[str, float]] = []
        self._announce("")

    @property
    def elapsed_ms(self) -> float:
        return (self._clockwork.counter() - self._started) * 1000

    @property
    def operation_id(self) -> str | None:
        return None if self.operation is None else self.operation.id

    @property
    def may_have_left(self) -> bool:
        """Whether money may be on its way: then the end is unknown, not a failure."""
        return self.operation is not None and self.operation.state in {"sent", "unknown"}

    @property
    def settled(self) -> bool:
        return self.operation is not None and self.operation.state == "settled"

    def now(self) -> datetime:
        return self._clockwork.clock()

    def reach(self, stage: Stage, message: str = "") -> None:
        """Moves forward; going back is ignored."""
        if stage.position > self.stage.position and not self.stage.final:
            self.stage = stage
            self._announce(message)

    def tell(self, message: str) -> None:
        """Something happened within the stage that it is at."""
        if not self.stage.final:
            self._announce(message)

    def finish(self, stage: Stage, error: ErrorView | None) -> None:
        """The end; nothing follows."""
        self.stage = stage
        self.error = error
        self._announce("")

    def arrived(self, size: int) -> None:
        """So many bytes of the answer's body are here."""
        self._clockwork.events.publish(BodyArrived(task_id=self.task_id, size=size))

    def mark(self, leg: str) -> None:
        """A leg ended now; it began where the one before ended."""
        self._marks.append((leg, self._clockwork.counter()))

    def timings(self) -> tuple[LegTiming, ...]:
        """Every leg so far, and the total."""
        legs = []
        before = self._started
        for leg, at in self._marks:
            legs.append(LegTiming(leg=leg, milliseconds=(at - before) * 1000))
            before = at
        return (*legs, LegTiming(leg="total", milliseconds=self.elapsed_ms))

    def _announce(self, message: str) -> None:
        self._clockwork.events.publish(
            PaymentProgress(
                task_id=self.task_id,
                kind=self.kind,
                stage=self.stage,
                url=self.url,
                at=self._clockwork.clock(),
                elapsed_ms=self.elapsed_ms,
                operation_id=self.operation_id,
                message=message,
                error=self.error,
            )
        )
