"""One act on channels as a background task: reviewed, approved once, carried out row by row, and always ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mpp_console.protocol import MppError
from mpp_console.services.models import (
    ErrorView,
    LegTiming,
    SessionAct,
    SessionOutcome,
    SessionResult,
    SessionReview,
    Stage,
)
from mpp_console.services.progress import Clockwork, Progress
from mpp_console.services.views import error_view

__all__ = ["SessionTask"]

_log = logging.getLogger(__name__)


class SessionTask:
    """The same shape as a payment task: `review`, then `approve` or `reject`, then `result`.

    Every change is published as `PaymentProgress` of kind "session"; `outcomes` grows while a bulk act goes on.
    """

    def __init__(
        self,
        task_id: str,
        act: SessionAct,
        channels: tuple[str, ...],
        *,
        clockwork: Clockwork,
        work: Callable[[SessionTask], Awaitable[Stage]],
    ) -> None:
        self.id = task_id
        self.act = act
        self.channels = channels
        self.progress = Progress(task_id, "session", "", clockwork)
        self.failure: ErrorView | None = None
        self.stopping = False
        self._outcomes: dict[str, SessionOutcome] = {}
        self._leaving: set[str] = set()
        loop = asyncio.get_running_loop()
        self._review: asyncio.Future[SessionReview | None] = loop.create_future()
        self._decision: asyncio.Future[bool] = loop.create_future()
        self._runner = asyncio.create_task(self._run(work), name=f"{act} {task_id}")

    @property
    def stage(self) -> Stage:
        """Where it stands; only ever moves forward."""
        return self.progress.stage

    @property
    def current_review(self) -> SessionReview | None:
        """The dry run, once there is one, without waiting."""
        return self._review.result() if self._review.done() and not self._review.cancelled() else None

    @property
    def error(self) -> ErrorView | None:
        """Why it did not end well, once it has ended."""
        return self.progress.error

    @property
    def outcomes(self) -> tuple[SessionOutcome, ...]:
        """What became of the channels so far, in the order of the review."""
        review = self.current_review
        order = [row.row.id for row in review.rows] if review is not None else list(self._outcomes)
        return tuple(self._outcomes[channel] for channel in order if channel in self._outcomes)

    def timings(self) -> tuple[LegTiming, ...]:
        """The legs that have ended so far, and the time since the start."""
        return self.progress.timings()

    async def review(self) -> SessionReview | None:
        """The dry run. None when there could be none (`error` says why)."""
        return await asyncio.shield(self._review)

    def approve(self) -> bool:
        """Carries it out, once; a second approval, or one of what cannot be done, does nothing and gives False."""
        review = self.current_review
        if review is None or not review.sendable or self._decision.done():
            return False
        self._decision.set_result(True)
        return True

    def reject(self) -> bool:
        """Declines; nothing was signed. True when that counted."""
        if self._decision.done() or self.stage.final:
            return False
        self._decision.set_result(False)
        if not self._review.done():
            self._runner.cancel()
        return True

    def stop(self) -> None:
        """Begins no further channel of a bulk act; what is under way goes on to its end."""
        self.stopping = True

    async def result(self) -> SessionResult:
        """Waits for every outcome. Never raises for an act that failed; leaving the wait does not stop it."""
        return await asyncio.shield(self._runner)

    # For the service that runs it ------------------------------------------------------------------------------------

    def show(self, review: SessionReview) -> None:
        """There is something to decide now."""
        self._review.set_result(review)
        self.progress.mark("quote")
        self.progress.reach(Stage.REVIEW)

    async def decision(self) -> bool:
        """What somebody decided; waits for it."""
        return await asyncio.shield(self._decision)

    def leaving(self, channel_id: str) -> None:
        """Something signed for a channel is about to leave."""
        self._leaving.add(channel_id)
        self.progress.reach(Stage.SIGNED)
        self.progress.reach(Stage.SENT)

    def may_have_left(self, channel_id: str) -> bool:
        """Whether something for it left, and no outcome is known yet."""
        return channel_id in self._leaving and channel_id not in self._outcomes

    def note(self, outcome: SessionOutcome) -> None:
        """One channel is done."""
        self._outcomes[outcome.row.id] = outcome
        self.progress.tell(f"{len(self._outcomes)} of {len(self.channels)}")

    async def _run(self, work: Callable[[SessionTask], Awaitable[Stage]]) -> SessionResult:
        try:
            stage = await work(self)
        except asyncio.CancelledError:
            stage = self._broken_off(Stage.DECLINED)
            self.failure = ErrorView(code="cancelled", kind="payment", message="it was stopped")
        except MppError as error:
            stage, self.failure = self._broken_off(Stage.FAILED), error_view(error)
        except Exception as error:
            _log.exception("%s %s failed in an unforeseen way", self.act, self.id)
            stage, self.failure = self._broken_off(Stage.FAILED), error_view(error)
        if not self._decision.done():
            self._decision.set_result(False)
        self.progress.finish(stage, self.failure)
        if not self._review.done():
            self._review.set_result(None)
        return SessionResult(
            stage=stage, act=self.act, outcomes=self.outcomes, timings=self.progress.timings(), error=self.failure
        )

    def _broken_off(self, otherwise: Stage) -> Stage:
        return Stage.UNKNOWN if any(map(self.may_have_left, self._leaving)) else otherwise
