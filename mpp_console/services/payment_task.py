"""One payment as a background task: it waits for a decision, tells how far it is, and always ends in a `PayResult`.

The task knows no HTTP and no rail: `PaymentsService` gives it the work. Decisions are taken once; what comes late does
nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mpp_console.client.origin import without_userinfo
from mpp_console.services.event_stream import StreamEvent
from mpp_console.services.live_body import LiveBody
from mpp_console.services.models import ErrorView, LegTiming, PayRequest, PayResult, ReviewView, Stage, StreamView
from mpp_console.services.progress import Clockwork
from mpp_console.services.reviewed_task import ReviewedTask
from mpp_console.services.stream_meter import StreamMeter

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.review import Review

__all__ = ["OriginAllowance", "PaymentTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginAllowance:
    """Pay this origin without asking: at most `per_payment` and `total` (decimals in the offer's currency), for
    `lasts`.
    """

    per_payment: str
    total: str
    lasts: timedelta = timedelta(hours=1)


class PaymentTask(ReviewedTask[ReviewView, PayResult, PayResult]):
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
        url = without_userinfo(request.url)
        super().__init__(task_id, "pay", url, name=f"payment {task_id}", clockwork=clockwork)
        self.request = request
        self.approved_already = approved_already
        self.domain_review: Review | None = None
        self._allow = allow
        self._live = LiveBody(self._arrived, clock=clockwork.clock)
        self.meter = StreamMeter(clockwork.counter, lambda: self._live.event_count)
        self._head: PayResult | None = None
        self._begin(work)

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
        """Those of the answer, once it has ended."""
        if self._head is not None and self.stage.final:
            return self._head.timings
        return super().timings()

    def stop(self) -> bool:
        """Reads no more of the body. What was paid stays paid, and what has come is kept. True when that cut it
        short.
        """
        return self._live.stop()

    def approve(self, allow: OriginAllowance | None = None) -> bool:
        """Pays, once. True for the approval that counted; a second one, a late one, or one of an expired offer does
        nothing.

        `allow` also lets later payments to this origin pass without asking, within its bounds; raises ParseError for
        amounts that are none, before anything is decided.
        """
        if not self._may_approve():
            return False
        if allow is not None:
            self._allow(self, allow)
        self._decision.set_result(True)
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

    def _arrived(self, size: int) -> None:
        self.meter.look()
        self.progress.arrived(size)

    # For the service that runs it ------------------------------------------------------------------------------------

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

    # -----------------------------------------------------------------------------------------------------------------

    def _can_be_approved(self, review: ReviewView) -> bool:
        expired = review.expires_at is not None and review.expires_at <= self.progress.now()
        return review.offer is not None and not expired

    def _broken_off(self, otherwise: Stage, error: ErrorView) -> PayResult:
        return self.ended(Stage.UNKNOWN if self.progress.may_have_left else otherwise, error=error)

    def _finish(self, outcome: PayResult) -> PayResult:
        result = replace(outcome, timings=self.progress.timings(), stream=self.meter.view(over=True))
        if result.status is not None:
            self._head = result
        self.progress.finish(result.stage, result.error)
        return result

    def _cut_short(self) -> PayResult:
        """Cancelled from outside. An answer that is here stays an answer, however much of its body is missing."""
        if self._head is not None:
            stage = Stage.DONE if self._head.error is None else Stage.FAILED
            operation, paid = self.progress.operation, self._head.paid or self.progress.settled
            body = self._live.since()
            return replace(self._head, stage=stage, body=body, body_end="stopped", operation=operation, paid=paid)
        return super()._cut_short()
