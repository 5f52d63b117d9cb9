"""One payment as a background task: it waits for a decision, tells how far it is, and always ends in a `PayResult`.

The task knows no HTTP and no rail: `PaymentsService` gives it the work. Decisions are taken once; what comes late does
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mpp_console.services.events import EventBus, PaymentProgress
from mpp_console.services.models import (
    ErrorView,
    LegTiming,
    OperationView,
    PayRequest,
    PayResult,
    ReviewView,
    Stage,
)
from mpp_console.services.views import error_view

if TYPE_CHECKING:
    from mpp_console.client.review import Review

__all__ = ["Clockwork", "OriginAllowance", "PaymentTask"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAllowance:
    """Pay this origin without asking: at most `per_payment` and `total` (decimals in the offer's currency), for
    `lasts`.
    """

    per_payment: str
    total: str
    lasts: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What a task needs of the world: wall time for people, a counter that only grows (seconds) for durations, the
    bus.
    """

    clock: Callable[[], datetime]
    counter: Callable[[], float]
    events: EventBus


class PaymentTask:
    """One request that may be paid for. Made by `PaymentsService.start`; every change is published as
    `PaymentProgress`.
    """

    def __init__(
        self,
        id: str,  # noqa: A002
        request: PayRequest,
        *,
        clockwork: Clockwork,
        work: Callable[[PaymentTask], Awaitable[PayResult]],
        allow: Callable[[PaymentTask, OriginAllowance], None],
        approved_already: bool = False,
    ) -> None:
        self.id = id
        self.request = request
        self.approved_already = approved_already
        self.operation: OperationView | None = None
        self.domain_review: Review | None = None
        self._clockwork = clockwork
        self._allow = allow
        self._stage = Stage.REQUESTING
        self._review: asyncio.Future[ReviewView | None] = asyncio.get_running_loop().create_future()
        self._decision: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._started = clockwork.counter()
        self._marks: list[tuple[str, float]] = []
        self._error: ErrorView | None = None
        self._announce("")
        self._runner = asyncio.create_task(self._run(work), name=f"payment {id}")

    @property
    def stage(self) -> Stage:
        """Where it stands; only ever moves forward."""
        return self._stage

    @property
    def current_review(self) -> ReviewView | None:
        """The review, once there is one, without waiting."""
        return self._review.result() if self._review.done() else None

    @property
    def error(self) -> ErrorView | None:
        return self._error

    @property
    def decided(self) -> bool:
        return self._decision.done()

    @property
    def elapsed_ms(self) -> float:
        return (self._clockwork.counter() - self._started) * 1000

    async def review(self) -> ReviewView | None:
        """Waits until there is something to decide. None when there is nothing: the resource was free, or the request
        failed.
        """
        return await asyncio.shield(self._review)

    def approve(self, allow: OriginAllowance | None = None) -> bool:
        """Pays, once. True for the approval that counted; a second one, a late one, or one of an expired offer does
        nothing.

        `allow` also lets later payments to this origin pass without asking, within its bounds; raises ParseError for
        amounts that are none, before anything is decided.
        """
        review = self.current_review
        if review is None or review.offer is None or self._decision.done() or self._stage.final:
            return False
        if review.expires_at is not None and review.expires_at <= self._clockwork.clock():
            return False
        if allow is not None:
            self._allow(self, allow)
        self._decision.set_result(True)
        return True

    def reject(self) -> bool:
        """Declines; nothing was signed. True when that counted (False once approved or ended)."""
        if self._decision.done() or self._stage.final:
            return False
        self._decision.set_result(False)
        if not self._review.done():
            self._runner.cancel()
        return True

    def cancel(self) -> bool:
        """Stops waiting. Before approval it declines; after it, a payment that left is journaled and never repeated."""
        if self._stage.final:
            return False
        if not self.reject():
            self._runner.cancel()
        return True

    async def result(self) -> PayResult:
        """Waits for the end, whichever it is. Never raises for a payment that failed; leaving the wait does not stop
        the task.
        """
        return await asyncio.shield(self._runner)

    # For the service that runs it ------------------------------------------------------------------------------------

    async def decision(self) -> bool:
        """What somebody decided; waits for it."""
        return await asyncio.shield(self._decision)

    def show(self, review: ReviewView) -> None:
        """There is something to decide now."""
        if not self._review.done():
            self._review.set_result(review)
        self.reach(Stage.REVIEW)

    def mark(self, leg: str) -> None:
        """A leg ended now; it began where the one before ended."""
        self._marks.append((leg, self._clockwork.counter()))

    def reach(self, stage: Stage, message: str = "") -> None:
        """Moves forward; going back is ignored."""
        if stage.position > self._stage.position and not self._stage.final:
            self._stage = stage
            self._announce(message)

    def timings(self) -> tuple[LegTiming, ...]:
        legs = []
        before = self._started
        for leg, at in self._marks:
            legs.append(LegTiming(leg=leg, milliseconds=(at - before) * 1000))
            before = at
        return (*legs, LegTiming(leg="total", milliseconds=self.elapsed_ms))

    async def _run(self, work: Callable[[PaymentTask], Awaitable[PayResult]]) -> PayResult:
        try:
            result = await work(self)
        except asyncio.CancelledError:
            # Somebody stopped it. If a credential left, the journal says so, and the row is resolved later, never paid
            # again.
            left = self.operation is not None and self.operation.state in {"sent", "unknown"}
            error = ErrorView(code="cancelled", message="it was stopped")
            result = self.ended(Stage.UNKNOWN if left else Stage.DECLINED, error=error)
        except Exception as error:
            _log.exception("payment %s failed in an unforeseen way", self.id)
            left = self.operation is not None and self.operation.state in {"sent", "unknown"}
            result = self.ended(Stage.UNKNOWN if left else Stage.FAILED, error=error_view(error))
        self._error = result.error
        if not self._review.done():
            self._review.set_result(None)
        if not self._decision.done():
            self._decision.set_result(False)
        result = replace(result, timings=self.timings())
        self._stage = result.stage
        self._announce("")
        return result

    def ended(self, stage: Stage, *, error: ErrorView | None = None) -> PayResult:
        """A result without any answer of the server."""
        settled = self.operation is not None and self.operation.state == "settled"
        return PayResult(
            stage=stage,
            url=self.request.url,
            http_method=self.request.method,
            paid=settled,
            status=None,
            headers=(),
            body=b"",
            receipt=None,
            receipt_id=self.operation.id if settled and self.operation else None,
            operation=self.operation,
            review=self.current_review,
            timings=(),
            problem=None,
            error=error,
        )

    def _announce(self, message: str) -> None:
        self._clockwork.events.publish(
            PaymentProgress(
                task_id=self.id,
                kind="pay",
                stage=self._stage,
                url=self.request.url,
                at=self._clockwork.clock(),
                elapsed_ms=self.elapsed_ms,
                operation_id=self.operation.id if self.operation else None,
                message=message,
                error=self._error if self._stage.final else None,
            )
        )
