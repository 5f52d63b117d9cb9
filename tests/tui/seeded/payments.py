"""A payment that moves when told, and the calls that begin one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mpp_console.protocol import MppError
from mpp_console.services.event_stream import StreamEvent
from mpp_console.services.events import (
    BodyArrived,
    PaymentProgress,
)
from mpp_console.services.models import (
    ErrorView,
    LegTiming,
    PayRequest,
    PayResult,
    ReviewView,
    RouteOutcome,
    Stage,
    StreamView,
)
from tests.tui.seeds import (
    NOW,
    URL,
    offer,
    paid_result,
    receipt_row,
    review,
    routes,
)

if TYPE_CHECKING:
    from tests.tui.seeded.console import SeededConsole


@dataclass
class SeededTask:
    """A payment that moves when told: `steps` are published on approval, then it ends as `outcome`."""

    console: SeededConsole
    id: str
    request: PayRequest
    view: ReviewView | None
    outcome: PayResult
    steps: tuple[Stage, ...] = (Stage.SIGNED, Stage.SENT, Stage.ACCEPTED)
    ends: bool = True
    stage: Stage = Stage.REQUESTING
    approvals: int = 0
    error: ErrorView | None = None
    streamed: list[StreamEvent] = field(default_factory=list)
    live: bool = False
    _reviewed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def current_review(self) -> ReviewView | None:
        return self.view if self._reviewed.is_set() else None

    def answer(self) -> None:
        """The price has come (or, without a review, the resource)."""
        self._reviewed.set()
        if self.view is not None:
            self._move(Stage.REVIEW)
        elif not self.live:
            self.end()

    def end(self) -> None:
        self._move(self.outcome.stage)
        self._ended.set()

    # The answer

    @property
    def reading(self) -> bool:
        return self.live and self.stage is not self.outcome.stage

    @property
    def event_count(self) -> int:
        return len(self.streamed)

    @property
    def stream(self) -> StreamView | None:
        return self.outcome.stream

    @property
    def size(self) -> int:
        return sum(event.size for event in self.streamed) if self.live else len(self.outcome.body)

    def head(self) -> PayResult | None:
        if self._ended.is_set():
            return self.outcome if self.outcome.status is not None else None
        return replace(self.outcome, stage=Stage.ACCEPTED, body=b"") if self.reading and self._begun else None

    @property
    def _begun(self) -> bool:
        return self.view is None or self.stage is Stage.ACCEPTED

    def body(self, start: int = 0) -> bytes:
        return self.outcome.body[start:]

    def events(self, after: int = 0) -> tuple[StreamEvent, ...]:
        return tuple(event for event in self.streamed if event.number > after)

    def timings(self) -> tuple[LegTiming, ...]:
        return self.outcome.timings

    def stop(self) -> bool:
        if not self.reading:
            return False
        self.outcome = replace(self.outcome, body_end="stopped")
        self.end()
        return True

    def arrive(self, *events: StreamEvent) -> None:
        """More of the body has come."""
        self.streamed += events
        self.console.events.publish(BodyArrived(task_id=self.id, size=self.size))

    async def review(self) -> ReviewView | None:
        await self._reviewed.wait()
        return self.view

    def approve(self, allow: object = None) -> bool:
        if self.stage is not Stage.REVIEW:
            return False
        self.approvals += 1
        self.console.allowances.append(allow)
        for step in self.steps:
            self._move(step)
        if self.ends:
            self.end()
        return True

    def reject(self) -> bool:
        if self.stage is not Stage.REVIEW and self.stage is not Stage.REQUESTING:
            return False
        self.outcome = replace(self.outcome, stage=Stage.DECLINED, paid=False, receipt=None, receipt_id=None)
        self._reviewed.set()
        self.end()
        return True

    async def result(self) -> PayResult:
        await self._ended.wait()
        return self.outcome

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        times = {Stage.REVIEW: 12.0, Stage.SIGNED: 31.0, Stage.SENT: 33.0, Stage.ACCEPTED: 58.0}
        self.console.events.publish(
            PaymentProgress(
                task_id=self.id,
                kind="pay",
                stage=stage,
                url=self.request.url,
                at=NOW,
                elapsed_ms=times.get(stage, 61.0),
            )
        )


class SeededPayments:
    def __init__(self, console: SeededConsole) -> None:
        self._console = console
        self.tasks: list[SeededTask] = []
        profile = console.profile
        self.next_review: ReviewView | None = review(offer=offer(network=profile.name, chain_id=profile.chain_id))
        self.next_result: PayResult | None = None
        self.next_steps: tuple[Stage, ...] = (Stage.SIGNED, Stage.SENT, Stage.ACCEPTED)
        self.answers_at_once = True
        self.ends_at_once = True
        self.live = False

    def start(self, request: PayRequest) -> SeededTask:
        if " " in request.url:
            raise MppError("a URL has no spaces", code="usage", hint="check what you typed")
        return self._begin(request, self.next_review, self.next_result or paid_result(request.url, self.next_review))

    def test(self) -> SeededTask:
        number = 100 + len(self.tasks)
        row = receipt_row(number, NOW)
        task = self._begin(
            PayRequest(url=f"{URL}/charge"), None, replace(paid_result(row.url, None), receipt_id=row.id)
        )
        self._console.record(row)
        return task

    async def test_all(self) -> AsyncIterator[RouteOutcome]:
        for number, route in enumerate(routes()):
            failed = route.path == "/faults/no-receipt"
            expected = f"refused: {route.fault}" if route.fault else "free" if not route.rail else "paid"
            yield RouteOutcome(
                route=route,
                ok=not failed,
                expected=expected,
                outcome="paid without receipt" if failed else expected,
                status=402 if route.fault else 200,
                milliseconds=38.0 + 7 * number,
                receipt_id=None if route.fault or not route.rail else f"rc{number:04d}",
                error=ErrorView(code="no-receipt", message="the answer held no receipt") if failed else None,
            )

    def _begin(self, request: PayRequest, view: ReviewView | None, outcome: PayResult) -> SeededTask:
        task = SeededTask(
            self._console,
            f"pt{len(self.tasks):04d}",
            request,
            view,
            outcome,
            self.next_steps,
            self.ends_at_once and not self.live,
            live=self.live,
        )
        self.tasks.append(task)
        if self.answers_at_once:
            task.answer()
        return task
