"""One payment between somebody's word and its outcome: sign, journal, let the credential out, write down what came
of it.

Knows no HTTP: a transport takes the credential from `release` and says how the request ended. Each step leaves a row
in the journal that is true if the program dies right after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from mpp_console.client.errors import ChallengeExpired, OutcomeUnknown, PaymentAbandoned, PaymentRejected
from mpp_console.client.events import CredentialSent, PaymentPrepared
from mpp_console.client.journal import Clock, Journal, Operation
from mpp_console.client.metering import Metering
from mpp_console.client.outcomes import Outcomes, uninterrupted
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.receipts import doubts_of
from mpp_console.client.review import Review
from mpp_console.methods.base import (
    Concluding,
    Conclusion,
    Ending,
    Metered,
    Mode,
    Payer,
    PaymentFailed,
    PaymentRefused,
    Prepared,
)
from mpp_console.protocol import (
    Credential,
    IllegalTransition,
    MppError,
    OperationEvent,
    OperationState,
    Problem,
    Receipt,
)

__all__ = ["PendingPayment"]

_log = logging.getLogger(__name__)


class PendingPayment:
    """A reserved payment: `sign`, `release` once, then `settle`, `go_on` or `lose`; `abandon` until it is released."""

    def __init__(
        self,
        *,
        review: Review,
        operation: Operation,
        payer: Payer,
        journal: Journal,
        outcomes: Outcomes,
        clock: Clock,
        policy: Callable[[], SpendingPolicy],
        approved: bool,
        ended: Callable[[str], None],
    ) -> None:
        self.operation = operation
        self.again = False
        """Whether the rail expects the same request, paid once more, to be served. Known once the payment has ended."""
        self._review = review
        self._payer = payer
        self._journal = journal
        self._outcomes = outcomes
        self._clock = clock
        self._policy = policy
        self._approved = approved
        self._ended = ended
        self._prepared: Prepared | None = None

    async def sign(self) -> None:
        """Has the rail sign. Raises PaymentAbandoned when it does not want to; the row then says `refused`."""
        try:
            self._prepared = await self._payer.prepare(self._review.quote)
        except BaseException as error:
            await self._stop(error, "it could not be signed")
            raise
        self._outcomes.notify(PaymentPrepared(review_id=self._review.id, at=self._clock(), operation=self.operation))

    async def release(self) -> Credential:
        """Writes `sent` and gives the credential out. A push payment is broadcast here.

        Raises ChallengeExpired or PaymentAbandoned when nothing left, OutcomeUnknown or PaymentRejected when a
        broadcast failed.
        """
        if self._prepared is None:
            raise IllegalTransition("a payment is signed before it is released")
        await self._stop_if_expired()
        await self._mark_sent(self._prepared)
        if self.mode is Mode.PUSH:
            credential = await self._broadcast(self._prepared)
        else:
            credential = await self._hand_over(self._prepared)
        self._outcomes.notify(CredentialSent(review_id=self._review.id, at=self._clock(), operation=self.operation))
        return credential

    async def settle(self, receipt: Receipt | None, doubts: tuple[str, ...] = ()) -> Operation:
        """The server delivered. A receipt that does not fit is doubted, not believed."""
        if receipt is not None:
            doubts = (*doubts, *doubts_of(receipt, self.operation, self._clock()))
        conclusion = await self._conclude(Ending(left=True, served=True, receipt=receipt))
        doubts = (*doubts, *conclusion.doubts)
        return self._end(await self._outcomes.settle(self.operation, receipt=receipt, doubts=doubts))

    async def go_on(self, receipt: Receipt | None, doubts: tuple[str, ...] = ()) -> Metering | None:
        """The server has begun to deliver an answer that it charges for as it comes: whoever reads it pays on by what
        this gives, and ends it. None when the rail cannot; then `settle` is the end as for any other answer.
        """
        prepared = self._prepared
        if prepared is None or not isinstance(self._payer, Metered):
            return None
        ongoing = self._payer.ongoing(prepared)
        if ongoing is None:
            return None
        conclusion = await self._conclude(Ending(left=True, served=True, receipt=receipt))
        metering = Metering(
            ongoing=ongoing,
            review=self._review,
            operation=self.operation,
            journal=self._journal,
            outcomes=self._outcomes,
            clock=self._clock,
            policy=self._policy,
            approved=self._approved,
            receipt=receipt,
            doubts=(*doubts, *conclusion.doubts),
            ended=self._ended,
        )
        await metering.begin()
        return metering

    async def lose(
        self, reason: str, *, ask: bool = True, problem: Problem | None = None, status: int | None = None
    ) -> Operation:
        """The credential left and nothing was delivered: the rail decides, if it can by now and `ask` is on.

        `problem` and `status` are what the server answered.
        """
        self.operation = await self._outcomes.lose(self.operation, reason)
        ending = Ending(left=True, problem=problem, status=status, hurried=not ask)
        conclusion = await self._conclude(ending)
        if conclusion.outcome is not None and not self.operation.is_final:
            self.operation = await self._outcomes.apply(self.operation, conclusion.outcome)
        elif ask and not self.operation.is_final:
            self.operation = await self._outcomes.resolve(self.operation, [self._payer])
        return self._end(self.operation)

    async def abandon(self, reason: str) -> Operation:
        """No money moved, and none will: nothing left the machine, or the rail is certain."""
        await self._conclude(Ending(left=False))
        return self._end(await self._outcomes.refuse(self.operation, reason))

    def close(self) -> None:
        """Says that nobody works on this payment any more: what is open is for `Payments.recover`."""
        self._ended(self.operation.id)

    @property
    def mode(self) -> Mode:
        return self._review.quote.mode

    async def _stop_if_expired(self) -> None:
        if self._review.challenge.is_expired(self._clock()):
            await self.abandon("the challenge expired before the payment was sent")
            raise ChallengeExpired

    async def _mark_sent(self, prepared: Prepared) -> None:
        event = OperationEvent.SEND
        write = self._journal.advance(self.operation.id, event, reference=prepared.reference, trace=prepared.trace)
        try:
            self.operation = await uninterrupted(write)
        except BaseException as error:
            # Whether or not the row was written: nothing has left yet.
            await self._stop(error, "it could not be journaled")
            raise

    async def _hand_over(self, prepared: Prepared) -> Credential:
        try:
            credential = await self._payer.send(prepared)
            # Once more: writing the row took a moment, and from here there is no pause until the bytes go.
            await self._stop_if_expired()
        except ChallengeExpired:
            raise
        except BaseException as error:
            await self._stop(error, "the rail did not give the credential out")
            raise
        return credential

    async def _broadcast(self, prepared: Prepared) -> Credential:
        try:
            credential = await self._payer.send(prepared)
        except PaymentFailed as error:
            await self.abandon(f"the rail did not take it: {error}")
            raise self._failure(f"the rail did not take the payment: {error}") from error
        except PaymentRefused as error:
            await self._stop(error, "the rail refused to send it")
            raise
        except MppError as error:
            await self.lose(f"sending it failed: {error}")
            raise self._failure("the payment was broadcast, and the rail gave no clear answer") from error
        except BaseException:
            await self.lose("sending it was interrupted", ask=False)
            raise
        if self._review.challenge.is_expired(self._clock()):
            await self.lose("the challenge expired while the payment was confirmed")
            raise self._failure(
                "the payment took longer than the challenge lived, so that it could not be shown in time"
            )
        return credential

    def _failure(self, message: str) -> PaymentRejected | OutcomeUnknown:
        if self.operation.state is OperationState.REFUSED:
            return PaymentRejected(f"{message}; it did not happen", operation=self.operation)
        return OutcomeUnknown(message, operation=self.operation, hint="do not pay again before it is resolved")

    async def _stop(self, error: BaseException, what: str) -> None:
        """Abandons on an error. Raises PaymentAbandoned for an expected one; the caller raises the others again."""
        expected = isinstance(error, MppError)
        operation = await self.abandon(f"{what}: {error}" if expected else f"{what}: {type(error).__name__}")
        if isinstance(error, MppError):
            raise PaymentAbandoned(f"{what}: {error}", operation=operation, hint=error.hint) from error

    async def _conclude(self, ending: Ending) -> Conclusion:
        """Tells a rail that keeps account of its own how the payment ended, once. Its trouble must not hide ours."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or not isinstance(self._payer, Concluding):
            return Conclusion()
        try:
            conclusion = await uninterrupted(self._payer.concluded(prepared, ending))
        except Exception:
            _log.exception("the rail could not write down how operation %s ended", self.operation.id)
            return Conclusion()
        self.again = conclusion.again
        return conclusion

    def _end(self, operation: Operation) -> Operation:
        self.operation = operation
        self._ended(operation.id)
        return operation
