"""One act on channels as a background task: reviewed, approved once, carried out row by row, and always ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mpp_console.services.models import (
    ErrorView,
    SessionAct,
    SessionOutcome,
    SessionResult,
    SessionReview,
    Stage,
)
from mpp_console.services.progress import Clockwork
from mpp_console.services.reviewed_task import ReviewedTask

__all__ = ["SessionTask"]


class SessionTask(ReviewedTask[SessionReview, Stage, SessionResult]):
    """Tells of itself as of kind "session"; `outcomes` grows while a bulk act goes on."""

    def __init__(
        self,
        task_id: str,
        act: SessionAct,
        channels: tuple[str, ...],
        *,
        clockwork: Clockwork,
        work: Callable[[SessionTask], Awaitable[Stage]],
    ) -> None:
        super().__init__(task_id, "session", "", name=f"{act} {task_id}", clockwork=clockwork)
        self.act = act
        self.channels = channels
        self.failure: ErrorView | None = None
        self.stopping = False
        self._outcomes: dict[str, SessionOutcome] = {}
        self._leaving: set[str] = set()
        self._begin(work)

    @property
    def outcomes(self) -> tuple[SessionOutcome, ...]:
        """What became of the channels so far, in the order of the review."""
        review = self.current_review
        order = [row.row.id for row in review.rows] if review is not None else list(self._outcomes)
        return tuple(self._outcomes[channel] for channel in order if channel in self._outcomes)

    def stop(self) -> None:
        """Begins no further channel of a bulk act; what is under way goes on to its end."""
        self.stopping = True

    # For the service that runs it ------------------------------------------------------------------------------------

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

    # -----------------------------------------------------------------------------------------------------------------

    def _can_be_approved(self, review: SessionReview) -> bool:
        return review.sendable

    def _broken_off(self, otherwise: Stage, error: ErrorView) -> Stage:
        self.failure = error
        return Stage.UNKNOWN if any(map(self.may_have_left, self._leaving)) else otherwise

    def _finish(self, outcome: Stage) -> SessionResult:
        self.progress.finish(outcome, self.failure)
        return SessionResult(
            stage=outcome, act=self.act, outcomes=self.outcomes, timings=self.timings(), error=self.failure
        )
