"""One run of the paying HTTP flow for one task: its wishes, its approver, and what its events and errors mean for
people.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from mpp_console.protocol import MppError, Problem, inert
from mpp_console.services.commands import command_line, pay_command
from mpp_console.services.models import ErrorView, PayResult, Stage
from mpp_console.services.payment_task import PaymentTask
from mpp_console.services.requests import offer_position
from mpp_console.services.reviews import matches_offer, review_view, unpayable_review
from mpp_console.services.views import error_view, masked_headers, operation_view, problem_view, record_receipt

if TYPE_CHECKING:
    import httpx

    from mpp_console.client.events import PaymentEvent
    from mpp_console.client.journal import ReceiptRecord
    from mpp_console.client.offers import Terms
    from mpp_console.client.review import Approval, Approver, Review
    from mpp_console.services.engine import Engine

__all__ = ["PaymentRun"]

_DENIED: Final = frozenset({"session/channel-not-found", "session/channel-finalized"})
"""Problems by which a server denies a channel. One that the chain has stays, whatever the server says."""


class PaymentRun:
    """One run of the flow for one task: turns the engine's events and errors into stages and a result."""

    def __init__(self, engine: Engine, task: PaymentTask) -> None:
        self._engine = engine
        self._task = task
        self._record: ReceiptRecord | None = None
        self._doubts: tuple[str, ...] = ()
        self._objection: ErrorView | None = None

    def terms(self) -> Terms:
        from mpp_console.client.offers import Terms

        request = self._task.request
        position = offer_position(request.offer)
        named = () if request.offer is None or position is not None else (request.offer,)
        return Terms(
            max_amount=None if request.max_amount is None else Decimal(request.max_amount),
            offer=position,
            methods=named,
            currencies=named,
            always_confirm=request.mode != "auto",
        )

    def approver(self) -> Approver:
        from mpp_console.client.review import Approval

        async def approve(review: Review) -> Approval:
            task = self._task
            task.domain_review = review
            command = pay_command(self._engine.profile.called, task.request)
            task.show(review_view(review, command=command))
            if not matches_offer(task.request.offer, review):
                self._objection = ErrorView(
                    code="no-such-offer",
                    kind="payment",
                    message=f"no offer that can be paid is {task.request.offer!r}",
                    hint="see the offers with: mpp-console inspect",
                )
                return Approval.REJECT
            if task.request.mode == "quote":
                return Approval.REJECT
            self._objection = await self._engine.cannot_sign(task.request.account)
            if self._objection is not None:
                return Approval.REJECT
            if task.approved_already:
                return Approval.ONCE
            if task.request.mode == "auto":
                self._objection = ErrorView(
                    code="confirmation-needed",
                    kind="payment",
                    message=review.verdict.summary,
                    hint="confirm it, or raise the amount that your policy pays without asking",
                )
                return Approval.REJECT
            return Approval.ONCE if await task.decision() else Approval.REJECT

        return approve

    def observe(self, event: PaymentEvent) -> None:
        from mpp_console.client import events

        task = self._task
        operation = getattr(event, "operation", None)
        if operation is not None:
            task.progress.operation = operation_view(operation, self._engine.network)
        match event:
            case events.ChallengeReceived():
                task.progress.mark("challenge")
                task.domain_review = event.review
                if task.request.mode == "auto":
                    task.show(review_view(event.review, command=pay_command(self._engine.profile.called, task.request)))
            case events.Reviewed():
                task.progress.mark("review")
            case events.PaymentPrepared():
                task.progress.mark("sign")
                task.progress.reach(Stage.SIGNED)
            case events.CredentialSent():
                task.progress.reach(Stage.SENT)
            case events.StreamPaid(operation=paid, total=total, held=held):
                if task.meter.paid(paid.currency, spent=paid.amount, total=total, held=held):
                    task.progress.mark("pay")
                    task.progress.reach(Stage.ACCEPTED)
            case events.PaymentSettled() if task.stream is not None:
                self._record = event.record
                self._doubts = tuple(inert(doubt, limit=500) for doubt in event.doubts)
            case events.PaymentSettled():
                task.progress.mark("pay")
                self._record = event.record
                self._doubts = tuple(inert(doubt, limit=500) for doubt in event.doubts)
                task.progress.reach(Stage.ACCEPTED, "; ".join(event.doubts))
            case _:
                pass

    async def answered(self, answer: httpx.Response) -> PayResult:
        """The server's last word, paid for or free: its head at once, then its body as it comes."""
        task = self._task
        if self._record is None and task.stream is None:
            task.progress.mark("answer")
        error = None
        if answer.is_error:
            reason = inert(f"{answer.status_code} {answer.reason_phrase}".strip(), limit=100)
            error = ErrorView(code="http-status", kind="network", message=f"the server answered {reason}")
        head = self._result(task.stage, answer, b"", error)
        live = await task.receive(replace(head, timings=task.progress.timings()), answer)
        task.progress.mark("body")
        if live.cause is not None:
            error = replace(error_view(live.cause), kind="payment")
        elif live.trouble is not None:
            error = ErrorView(code="body-lost", kind="network", message=live.trouble)
        result = self._result(Stage.DONE if error is None else Stage.FAILED, answer, live.since(), error)
        ended = task.head()
        return result if ended is None else replace(result, body_end=ended.body_end)

    def failed(self, error: MppError) -> PayResult:
        """Not paid, or paid and not delivered, or nobody knows."""
        from mpp_console.client import errors

        task = self._task
        answer: httpx.Response | None = getattr(error, "response", None)
        operation = getattr(error, "operation", None)
        if operation is not None:
            task.progress.operation = operation_view(operation, self._engine.network)
        stage, shown = Stage.FAILED, error_view(error)
        match error:
            case errors.NoUsableOffer():
                command = pay_command(self._engine.profile.called, task.request)
                task.show(unpayable_review(task.id, task.request, error.ranking, command=command, error=shown))
                stage = Stage.DONE if task.request.mode == "quote" else Stage.FAILED
            case errors.PaymentDeclined() if self._objection is not None:
                stage, shown = Stage.DECLINED, self._objection
            case errors.PaymentDeclined() if task.request.mode == "quote":
                return self._result(Stage.DONE, answer, _kept(answer), None)
            case errors.PaymentDeclined():
                stage = Stage.DECLINED
            case errors.PaymentRejected(problem=Problem(slug=slug)) if slug in _DENIED and operation is not None:
                command = command_line(
                    self._engine.profile.called, "sessions", "show", operation.reference or "", "--dispute"
                )
                shown = replace(shown, hint=f"{shown.hint}. What to tell its operator: {command}")
            case errors.PaidNotDelivered():
                stage = Stage.FAILED
            case errors.OutcomeUnknown():
                stage = Stage.UNKNOWN
                command = command_line(self._engine.profile.called, "receipts", "recover")
                shown = replace(shown, hint=f"do not pay again before it is resolved; ask with: {command}")
            case _:
                pass
        result = self._result(stage, answer, _kept(answer), shown)
        problem = getattr(error, "problem", None)
        return result if problem is None else replace(result, problem=problem_view(problem))

    def _result(self, stage: Stage, answer: httpx.Response | None, body: bytes, error: ErrorView | None) -> PayResult:
        plain = self._task.ended(stage, error=error)
        record = self._record
        facts: dict[str, Any] = {"doubts": self._doubts}
        if record is not None:
            facts |= {"receipt": record_receipt(record), "receipt_id": record.id}
        if answer is not None:
            facts |= {
                "url": str(answer.url.copy_with(userinfo=b"")),
                "status": answer.status_code,
                "reason": inert(answer.reason_phrase, limit=60),
                "headers": masked_headers(answer.headers.multi_items()),
                "body": body,
            }
        return replace(plain, **facts)


def _kept(answer: httpx.Response | None) -> bytes:
    """The body of an answer that the paying flow has read, for its problem."""
    return answer.content if answer is not None and answer.is_stream_consumed else b""
