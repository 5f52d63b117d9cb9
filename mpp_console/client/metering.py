"""A payment whose answer is charged for as it comes: every step is held against the limits of the whole and written
down before it leaves, and one row of the journal tells what it all came to.

Knows no HTTP and no rail: `sessions.stream` brings what the answer says, an `Ongoing` of the rail signs and delivers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from mpp_console.client.errors import StreamOverLimit, StreamStalled, StreamStopped, StreamUnfair
from mpp_console.client.events import StreamPaid
from mpp_console.client.journal import Clock, Journal, Ledger, Operation
from mpp_console.client.outcomes import Outcomes, uninterrupted
from mpp_console.client.policy import Action, SpendingPolicy
from mpp_console.client.receipts import doubts_of
from mpp_console.client.review import Review, facts_of
from mpp_console.client.sessions.owners import new_owner
from mpp_console.client.siblings import Siblings, delivery_note
from mpp_console.methods.base import Ongoing, PaymentRefused, Standing, Step
from mpp_console.protocol import IllegalTransition, MppError, Receipt, format_units

__all__ = ["Metering", "is_streaming"]

UNDELIVERED: Final = 8
"""How often a server may ask for money without delivering anything in between. What it delivers meanwhile in another
answer that the same channel pays for excuses as many more.
"""

NOTED_EVERY: Final = timedelta(seconds=0.25)
"""How often the row of a payment is told what came, where nothing else is written to it."""

NEWS_SECONDS: Final = 2 * NOTED_EVERY.total_seconds()
"""How long to wait for what other answers are about to tell, before a server is called unfair."""

LONGEST: Final = timedelta(hours=24)
"""How long one payment may go on: budgets count it at its beginning, and none looks back less than a day."""

_log = logging.getLogger(__name__)

_DOUBTS: Final = 20
_OWNER: Final = "stream_owner"


def is_streaming(operation: Operation, now: datetime, alive: Callable[[str], bool]) -> bool:
    """Whether a process that is alive says that it reads the answer of this payment and pays on for it."""
    owner = operation.trace.get(_OWNER)
    return isinstance(owner, str) and alive(owner) and now - operation.created_at <= LONGEST


class Metering:
    """Pays on for one answer: `asked` and `told` for what it says, `delivered` for what came, `end` once."""

    def __init__(
        self,
        *,
        ongoing: Ongoing,
        review: Review,
        operation: Operation,
        journal: Journal,
        outcomes: Outcomes,
        clock: Clock,
        policy: Callable[[], SpendingPolicy],
        approved: bool,
        receipt: Receipt | None,
        doubts: tuple[str, ...],
        ended: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.operation = operation
        """The payment's row as it is: its amount grows with every step."""
        self._ongoing = ongoing
        self._review = review
        self._journal = journal
        self._outcomes = outcomes
        self._clock = clock
        self._policy = policy
        self._approved = approved
        self._receipt = receipt
        self._doubts = dict.fromkeys(doubts)
        self._ended = ended
        self._sleep = sleep
        self._siblings = Siblings(journal, operation)
        self._undelivered = 0
        self._delivered = 0
        self._noted = 0
        self._noted_at = clock()
        self._is_over = False
        self._told: int | None = None
        self._owner = new_owner()

    async def begin(self) -> None:
        """Says in the journal who reads the answer, so that no other process thinks it lost."""
        try:
            await self._write(0, lambda ledger: None)
        except MppError:
            _log.exception("operation %s could not be marked as being streamed", self.operation.id)
        self._tell(self._ongoing.standing)

    @property
    def is_over(self) -> bool:
        """Whether its row has been closed."""
        return self._is_over

    async def delivered(self, pieces: int) -> None:
        """Something that was paid for has come. Other answers of the channel learn of it from the payment's row."""
        self._undelivered = 0
        self._delivered += pieces
        # What one voucher pays for comes with the next step's own write.
        if self._delivered - self._noted > 1 and self._clock() - self._noted_at >= NOTED_EVERY:
            try:
                await self._write(0, lambda ledger: None)
            except MppError:
                _log.exception("what came for operation %s could not be written down", self.operation.id)

    async def asked(self, said: str, *, once_more: bool = False) -> bool:
        """The server wants more, in its own words. True when it has it now; False when that is not certain.

        Raises StreamStopped: nothing more was or will be signed.
        """
        self._undelivered += not once_more
        if await self._is_unfair():
            raise StreamUnfair(
                f"the server asked {self._undelivered} times for money and delivered nothing in between",
                operation=self.operation,
                hint="what was promised so far stays promised; close the channel to get the rest back",
            )
        try:
            standing = await self._ongoing.pay_on(said, self, once_more=once_more)
        except StreamStopped:
            raise
        except PaymentRefused as error:
            raise StreamUnfair(error.message, operation=self.operation, hint=error.hint, code=error.code) from error
        except MppError as error:
            message = f"the stream could not be paid on: {error.message}"
            raise StreamStopped(message, operation=self.operation, hint=error.hint, code=error.code) from error
        self._doubt(standing.doubts)
        self._tell(standing)
        return standing.taken

    async def _is_unfair(self) -> bool:
        """Whether it asked too often, when what other answers of the same channel took meanwhile is left out."""
        if self._undelivered <= 1:
            # Looked at now: what it takes while we wait for our turn on the channel, it asks for again meanwhile.
            self._siblings.forget()
        excess = self._undelivered - UNDELIVERED
        if excess <= await self._siblings.came():
            return False
        if self._siblings.any:
            await self._sleep(NEWS_SECONDS)
        return excess > await self._siblings.came()

    async def told(self, said: str) -> None:
        """The answer holds a receipt. What cannot be true of it is doubted and not believed."""
        receipt, doubts = await self._ongoing.told(said)
        self._doubt(doubts)
        if receipt is not None:
            self._receipt = receipt

    def stalled(self) -> StreamStalled:
        """The error of an answer that does not go on although it is paid for."""
        return StreamStalled(
            "the server has the voucher that it asked for, and the stream does not go on",
            operation=self.operation,
            hint="what was promised so far stays promised; close the channel to get the rest back",
        )

    async def end(self, doubt: str | None = None) -> Operation:
        """The answer is over, however that was: what was promised for it is what it cost. Later calls do nothing."""
        if self._is_over:
            return self.operation
        self._is_over = True
        self._tell(self._ongoing.standing)  # whoever was interrupted while a step was taken has not told of it
        if doubt is not None:
            self._doubt((doubt,))
        if self._receipt is not None:
            self._doubt(doubts_of(self._receipt, self.operation, self._clock(), answered=self._ongoing.challenges))
        self.operation = await self._outcomes.settle(self.operation, receipt=self._receipt, doubts=tuple(self._doubts))
        self._ended(self.operation.id)
        return self.operation

    # -- limits

    async def check(self, step: Step) -> None:
        """See `Allowance`. Raises StreamOverLimit."""
        quote, most = self._review.quote, self._review.demand.terms.max_amount
        whole = self.operation.amount + step.amount
        if most is not None and whole > Fraction(most) * 10**quote.currency.decimals:
            raise self._over(f"going on would cost {self._money(whole)}, more than the {most} you allow")
        if self._clock() - self.operation.created_at > LONGEST:
            raise self._over("one payment is not paid on for more than a day")
        await self._journal.consult(self._within(step))

    async def book(self, step: Step) -> None:
        """See `Allowance`. Raises StreamOverLimit when other payments used the budget up meanwhile."""
        try:
            await self._write(step.amount, self._within(step), step.trace)
        except IllegalTransition as error:
            message = "the books of this payment are closed already"
            raise StreamStopped(message, operation=self.operation, hint="make the request again") from error

    async def _write(
        self, amount: int, authorise: Callable[[Ledger], None], trace: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        async def keep(operation: Operation) -> None:
            self.operation = operation

        pieces, now = self._delivered, self._clock()
        told = {**trace, _OWNER: self._owner, **delivery_note(pieces)}
        write = self._journal.extend(self.operation.id, amount, authorise, trace=told)
        await keep(await uninterrupted(write, keep))
        self._noted, self._noted_at = pieces, now

    def _within(self, step: Step) -> Callable[[Ledger], None]:
        facts = facts_of(self._review.demand, self._review.quote, self._clock())
        facts = replace(facts, amount=step.amount, already=self.operation.amount)
        policy = self._policy()

        def authorise(ledger: Ledger) -> None:
            verdict = policy.decide(facts, ledger)
            if verdict.action is Action.REFUSE:
                raise self._over(verdict.summary)
            if verdict.action is Action.CONFIRM and not (self._approved and step.total <= self._ongoing.shown):
                raise self._over(verdict.summary)

        return authorise

    def _over(self, why: str) -> StreamOverLimit:
        return StreamOverLimit(
            why, operation=self.operation, hint="what came is paid for; ask again with a higher limit to have more"
        )

    def _money(self, amount: int) -> str:
        currency = self._review.quote.currency
        return f"{format_units(amount, currency.decimals)} {currency.symbol}"

    # -- telling

    def _tell(self, standing: Standing) -> None:
        if self.operation.amount == self._told:
            return
        self._told = self.operation.amount
        self._outcomes.notify(
            StreamPaid(
                review_id=self._review.id,
                at=self._clock(),
                operation=self.operation,
                total=standing.total,
                held=standing.held,
            )
        )

    def _doubt(self, doubts: tuple[str, ...]) -> None:
        for doubt in doubts:
            if len(self._doubts) < _DOUBTS:
                self._doubts[doubt] = None
