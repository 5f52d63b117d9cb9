"""The life of everything that may spend: reviewed, decided once, carried out in the background, and always ended.

What is reviewed, what is done and what comes of it is the matter of each kind of task. That a decision counts once,
that nothing is begun which cannot be approved, and that whoever leaves stops nothing, is the same for all and here.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Generic, Literal, Self, TypeVar

from mpp_console.protocol import MppError
from mpp_console.services.models import ErrorView, LegTiming, Stage
from mpp_console.services.progress import Clockwork, Progress
from mpp_console.services.views import error_view

__all__ = ["ReviewedTask"]

_log = logging.getLogger(__name__)

ReviewT = TypeVar("ReviewT")
OutcomeT = TypeVar("OutcomeT")
ResultT = TypeVar("ResultT")


class ReviewedTask(ABC, Generic[ReviewT, OutcomeT, ResultT]):
    """`review`, then `approve` or `reject`, then `result`; every change is published as `PaymentProgress`.

    The work that it is given ends in an outcome, of which `_finish` makes the result.
    """

    _runner: asyncio.Task[ResultT]

    def __init__(
        self,
        task_id: str,
        kind: Literal["pay", "transfer", "session"],
        url: str,
        *,
        name: str,
        clockwork: Clockwork,
    ) -> None:
        self.id = task_id
        self.progress = Progress(task_id, kind, url, clockwork)
        self._name = name
        loop = asyncio.get_running_loop()
        self._review: asyncio.Future[ReviewT | None] = loop.create_future()
        self._decision: asyncio.Future[bool] = loop.create_future()

    @property
    def stage(self) -> Stage:
        """Where it stands; only ever moves forward."""
        return self.progress.stage

    @property
    def current_review(self) -> ReviewT | None:
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

    def timings(self) -> tuple[LegTiming, ...]:
        """The legs that have ended so far, and the time since the start."""
        return self.progress.timings()

    async def review(self) -> ReviewT | None:
        """Waits until there is something to decide. None when there is nothing (`error` says why, if it failed)."""
        return await asyncio.shield(self._review)

    def approve(self) -> bool:
        """Carries it out, once; a second approval, or one of what cannot be done, does nothing and gives False."""
        if not self._may_approve():
            return False
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

    async def result(self) -> ResultT:
        """Waits for the end, whichever it is. Never raises for what failed; leaving the wait does not stop it."""
        return await asyncio.shield(self._runner)

    # For the service that runs it ------------------------------------------------------------------------------------

    def show(self, review: ReviewT) -> None:
        """There is something to decide now."""
        if not self._review.done():
            self._review.set_result(review)
        self.progress.reach(Stage.REVIEW)

    async def decision(self) -> bool:
        """What somebody decided; waits for it."""
        return await asyncio.shield(self._decision)

    # For each kind of task -------------------------------------------------------------------------------------------

    def _begin(self, work: Callable[[Self], Awaitable[OutcomeT]]) -> None:
        """Begins the work; the last thing that a constructor does. From Python 3.12 on Textual's loop does not wait for
        its next turn with it.
        """
        self._runner = asyncio.create_task(self._run(work), name=self._name)

    @abstractmethod
    def _can_be_approved(self, review: ReviewT) -> bool:
        """Whether what the review shows can be done, now."""

    @abstractmethod
    def _broken_off(self, otherwise: Stage, error: ErrorView) -> OutcomeT:
        """The outcome of work that raised: unknown when money may have left, else `otherwise`."""

    @abstractmethod
    def _finish(self, outcome: OutcomeT) -> ResultT:
        """Finishes the progress and gives the result."""

    def _cut_short(self) -> OutcomeT:
        """The outcome of work that was cancelled from outside."""
        # If something left, the journal says so, and the row is resolved later, never paid again.
        return self._broken_off(Stage.DECLINED, ErrorView(code="cancelled", kind="payment", message="it was stopped"))

    # -----------------------------------------------------------------------------------------------------------------

    def _may_approve(self) -> bool:
        review = self.current_review
        return review is not None and not self.decided and not self.stage.final and self._can_be_approved(review)

    async def _run(self, work: Callable[[Self], Awaitable[OutcomeT]]) -> ResultT:
        try:
            outcome = await work(self)
        except asyncio.CancelledError:
            outcome = self._cut_short()
        except MppError as error:
            outcome = self._broken_off(Stage.FAILED, error_view(error))
        except Exception as error:
            _log.exception("%s failed in an unforeseen way", self._name)
            outcome = self._broken_off(Stage.FAILED, error_view(error))
        self._nothing_to_decide()
        return self._finish(outcome)

    def _nothing_to_decide(self) -> None:
        if not self._decision.done():
            self._decision.set_result(False)
        if not self._review.done():
            self._review.set_result(None)
