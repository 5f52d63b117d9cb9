"""One payment as a background task: it waits for a decision, tells how far it is, and always ends in a `PayResult`.

The task knows no HTTP and no rail: `PaymentsService` gives it the work. Decisions are taken once; what comes late does
nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.client.origin import without_userinfo
from mpp_console.protocol import MppError
from mpp_console.services.event_stream import StreamEvent
from mpp_console.services.live_body import LiveBody
from mpp_console.services.models import ErrorView, LegTiming, PayRequest, PayResult, ReviewView, Stage, StreamView
from mpp_console.services.progress import Clockwork, Progress
from mpp_console.services.stream_meter import StreamMeter
from mpp_console.services.views import error_view

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.review import Review

__all__ = ["OriginAllowance", "PaymentTask"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAllowance:
    """Pay this origin without asking: at most `per_payment` and `total` (decimals in the offer's currency), for
    `lasts`.
    """

    per_payment: str
    total: str
    lasts: timedelta = timedelta(hours=1)


class PaymentTask:
    """One request that may be paid for. Made by `PaymentsService.start`; every change is published as
    `PaymentProgress`.
    """

    def __init__(
        self,
        task_id: str,
        request: PayRequest,
        *,
        clockwork: Clockwork,
        work: Callable[[PaymentTask], Awaitable[PayResult]],
        allow: Callable[[PaymentTask, OriginAllowance], None],
        approved_already: bool = False,
    ) -> None:
        self.id = task_id
        self.request = request
        self.approved_already = approved_already
        self.domain_review: Review | None = None
        self.progress = Progress(task_id, "pay", without_userinfo(request.url), clockwork)
        self._allow = allow
        self._live = LiveBody(self._arrived, clock=clockwork.clock)
        self.meter = StreamMeter(clockwork.counter, lambda: self._live.event_count)
        self._head: PayResult | None = None
        loop = asyncio.get_running_loop()
        self._review: asyncio.Future[ReviewView | None] = loop.create_future()
        self._decision: asyncio.Future[bool] = loop.create_future()
        self._runner = asyncio.create_task(self._run(work), name=f"payment {task_id}")

    @property
    def stage(self) -> Stage:
        """Where it stands; only ever moves forward."""
        return self.progress.stage

    @property
    def current_review(self) -> ReviewView | None:
        """The review, once there is one, without waiting."""
        return self._review.result() if self._review.done() else None

    @property
    def error(self) -> ErrorView | None:
        """Why it did not end well, once it has ended."""
        return self.progress.error

    @property
    def decided(self) -> bool:
        """Whether somebody approved or rejected, or nothing is left to decide."""
        return self._decision.done()

    def head(self) -> PayResult | None:
        """What is known of the answer once its head is here, with an empty body; the result itself once it has ended.

        None before that, and for a task that ended without any answer.
        """
        return self._head

    def body(self, start: int = 0) -> bytes:
        """The bytes of the answer's body that have come, from `start` on."""
        return self._live.since(start)

    def events(self, after: int = 0) -> tuple[StreamEvent, ...]:
        """The server-sent events of the answer beyond that number, oldest first, as far as they are kept."""
        return self._live.events(after)

    @property
    def event_count(self) -> int:
        """Server-sent events so far, those included that are no longer kept."""
        return self._live.event_count

    @property
    def stream(self) -> StreamView | None:
        """What the answer has cost so far and how fast it comes, if it is charged for as it comes."""
        return self.meter.view(over=self._head is not None and not self.reading)

    @property
    def size(self) -> int:
        """Bytes of the body so far."""
        return self._live.size

    @property
    def reading(self) -> bool:
        """Whether the body of the answer is still coming."""
        return self._live.reading

    def timings(self) -> tuple[LegTiming, ...]:
        """The legs that have ended so far, and the time since the start."""
        if self._head is not None and self.stage.final:
            return self._head.timings
        return self.progress.timings()

    def stop(self) -> bool:
        """Reads no more of the body. What was paid stays paid, and what has come is kept. True when that cut it
        short.
        """
        return self._live.stop()

    async def review(self) -> ReviewView | None:
        """Waits until there is something to decide. None when there is nothing: the resource is free (its body may
        still be coming), or the request failed.
        """
        return await asyncio.shield(self._review)

    def approve(self, allow: OriginAllowance | None = None) -> bool:
        """Pays, once. True for the approval that counted; a second one, a late one, or one of an expired offer does
        nothing.

        `allow` also lets later payments to this origin pass without asking, within its bounds; raises ParseError for
        amounts that are none, before anything is decided.
        """
        review = self.current_review
        if review is None or review.offer is None or self._decision.done() or self.stage.final:
            return False
        if review.expires_at is not None and review.expires_at <= self.progress.now():
            return False
        if allow is not None:
            self._allow(self, allow)
        self._decision.set_result(True)
        return True

    def reject(self) -> bool:
        """Declines; nothing was signed. True when that counted (False once approved or ended)."""
        if self._decision.done() or self.stage.final:
            return False
        self._decision.set_result(False)
        if not self._review.done():
            self._runner.cancel()
        return True

    def cancel(self) -> bool:
        """Stops waiting. Before approval it declines; after it, a payment that left is journaled and never repeated;
        once the answer is here only the rest of its body is given up.
        """
        if self.stage.final:
            return False
        if not self.reject() and not self._live.stop():
            self._runner.cancel()
        return True

    async def result(self) -> PayResult:
        """Waits for the end, whichever it is. Never raises for a payment that failed; leaving the wait does not stop
        it.
        """
        return await asyncio.shield(self._runner)

    def _arrived(self, size: int) -> None:
        self.meter.look()
        self.progress.arrived(size)

    # For the service that runs it ------------------------------------------------------------------------------------

    async def decision(self) -> bool:
        """What somebody decided; waits for it."""
        return await asyncio.shield(self._decision)

    def show(self, review: ReviewView) -> None:
        """There is something to decide now."""
        if not self._review.done():
            self._review.set_result(review)
        self.progress.reach(Stage.REVIEW)

    async def receive(self, head: PayResult, answer: httpx.Response) -> LiveBody:
        """Reads the body of the last answer, of which `head` tells; gives it when it has ended, however that was."""
        self._head = head
        self._nothing_to_decide()
        end = await self._live.read(answer, self.request.idle_timeout or self.request.timeout)
        await answer.aclose()  # an answer that is charged for as it comes is paid for when it is closed
        self._head = replace(head, body_end=end)
        return self._live

    def ended(self, stage: Stage, *, error: ErrorView | None = None) -> PayResult:
        """A result without any answer of the server."""
        operation = self.progress.operation
        settled = self.progress.settled
        return PayResult(
            stage=stage,
            url=without_userinfo(self.request.url),
            http_method=self.request.method,
            paid=settled,
            status=None,
            headers=(),
            body=b"",
            receipt=None,
            receipt_id=operation.id if settled and operation else None,
            operation=operation,
            review=self.current_review,
            timings=(),
            problem=None,
            error=error,
        )

    async def _run(self, work: Callable[[PaymentTask], Awaitable[PayResult]]) -> PayResult:
        try:
            result = await work(self)
        except asyncio.CancelledError:
            # If a credential left, the journal says so, and the row is resolved later, never paid again.
            result = self._cut_short()
        except MppError as error:
            stage = Stage.UNKNOWN if self.progress.may_have_left else Stage.FAILED
            result = self.ended(stage, error=error_view(error))
        except Exception as error:
            _log.exception("payment %s failed in an unforeseen way", self.id)
            stage = Stage.UNKNOWN if self.progress.may_have_left else Stage.FAILED
            result = self.ended(stage, error=error_view(error))
        result = replace(result, timings=self.progress.timings(), stream=self.meter.view(over=True))
        if result.status is not None:
            self._head = result
        if not self._decision.done():
            self._decision.set_result(False)
        self.progress.finish(result.stage, result.error)
        self._nothing_to_decide()
        return result

    def _cut_short(self) -> PayResult:
        """Cancelled from outside. An answer that is here stays an answer, however much of its body is missing."""
        if self._head is not None:
            stage = Stage.DONE if self._head.error is None else Stage.FAILED
            operation, paid = self.progress.operation, self._head.paid or self.progress.settled
            body = self._live.since()
            return replace(self._head, stage=stage, body=body, body_end="stopped", operation=operation, paid=paid)
        stage = Stage.UNKNOWN if self.progress.may_have_left else Stage.DECLINED
        return self.ended(stage, error=ErrorView(code="cancelled", kind="payment", message="it was stopped"))

    def _nothing_to_decide(self) -> None:
        if not self._decision.done():
            self._decision.set_result(False)
        if not self._review.done():
            self._review.set_result(None)
