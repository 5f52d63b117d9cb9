"""Writes what became of a payment: to the journal, to the receipts and to whoever watches.

The one place that moves an operation out of `prepared` and `sent`. It believes the rail, and a server only where it
delivers: a refusal by the server is no proof that it does not hold a signed transaction that still can land. It
never pays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from mpp_console.client.events import Observer, OutcomeLost, PaymentEvent, PaymentRefusedEvent, PaymentSettled
from mpp_console.client.journal import Clock, Journal, Operation, ReceiptRecord
from mpp_console.client.receipts import record_of
from mpp_console.methods.base import Mode, Outcome, OutcomeState, Payer
from mpp_console.protocol import IllegalTransition, MppError, OperationEvent, OperationState, Receipt

__all__ = ["Outcomes", "uninterrupted"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Writes that outlive the task that began them: without a reference here the event loop could drop them half done.
_WRITES: set[asyncio.Task[Any]] = set()


async def uninterrupted(work: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[object]] | None = None) -> T:
    """Runs `work` to its end even if the caller is cancelled meanwhile, so that the journal says what happened.

    When it was cancelled, `undo` is given what `work` returned, and the cancellation goes on. A second cancellation
    is not held up: `work` then ends by itself, and what is left undone is found by the next `Payments.recover`.
    """
    task = asyncio.create_task(work)
    _WRITES.add(task)
    task.add_done_callback(_WRITES.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if task.cancelled() or task.exception() is not None:
            raise
        if undo is not None:
            await undo(task.result())
        raise


class Outcomes:
    """The outcomes of operations. `patience` is how many seconds the rail has to answer while somebody waits."""

    def __init__(self, *, journal: Journal, clock: Clock, patience: float, observers: Sequence[Observer]) -> None:
        self._journal = journal
        self._clock = clock
        self._patience = patience
        self._observers = tuple(observers)

    def notify(self, event: PaymentEvent) -> None:
        """Tells everybody. An observer that fails must not cost a payment its outcome."""
        for observe in self._observers:
            try:
                observe(event)
            except Exception:
                _log.exception("an observer of payments failed at %s", type(event).__name__)

    async def refuse(self, operation: Operation, reason: str) -> Operation:
        """Nothing was paid. Returns the row; one that cannot be written stays open and is found by `recover`."""
        refused = await self._advance(operation, OperationEvent.REFUSE, error=reason)
        if refused.state is OperationState.REFUSED:
            self.notify(PaymentRefusedEvent(review_id=refused.id, at=self._clock(), operation=refused))
        return refused

    async def lose(self, operation: Operation, reason: str) -> Operation:
        """A credential left, and nobody said what became of it."""
        lost = await self._advance(operation, OperationEvent.LOSE, error=reason)
        self.notify(OutcomeLost(review_id=lost.id, at=self._clock(), operation=lost))
        return lost

    async def settle(
        self,
        operation: Operation,
        *,
        receipt: Receipt | None,
        reference: str | None = None,
        doubts: Sequence[str] = (),
        amount: int | None = None,
    ) -> Operation:
        """Paid, or `amount` base units of it. Keeps the receipt first: a crash in between then leaves an open row,
        which the rail settles again.
        """
        taken = operation if amount is None else replace(operation, amount=amount)
        record = record_of(taken, receipt, reference=reference, now=self._clock())

        async def write() -> Operation:
            await self._journal.receive(record)
            return await self._journal.advance(
                operation.id,
                OperationEvent.SETTLE,
                reference=record.reference or None,
                error="; ".join(doubts) or None,
                amount=amount,
            )

        settled = await self._written(operation, write())
        if settled.state is OperationState.SETTLED:
            self._settled(settled, record, tuple(doubts))
        return settled

    def _settled(self, operation: Operation, record: ReceiptRecord, doubts: tuple[str, ...]) -> None:
        self.notify(
            PaymentSettled(review_id=operation.id, at=self._clock(), operation=operation, record=record, doubts=doubts)
        )

    async def resolve(self, operation: Operation, payers: Sequence[Payer]) -> Operation:
        """Asks the rail about a `sent` or `unknown` operation, and leaves it `unknown` while it may still happen."""
        return await self.apply(operation, await self._ask(operation, payers))

    async def apply(self, operation: Operation, outcome: Outcome) -> Operation:
        """Writes what the rail says of a `sent` or `unknown` operation."""
        match outcome.state:
            case OutcomeState.SETTLED:
                return await self.settle(operation, receipt=None, reference=outcome.reference, amount=outcome.amount)
            case OutcomeState.NEVER_HAPPENED:
                return await self.refuse(operation, outcome.message or "the rail says that it never happened")
            case OutcomeState.STILL_OPEN if operation.state is OperationState.SENT:
                return await self.lose(operation, outcome.message or "no outcome is known yet")
            case OutcomeState.STILL_OPEN:
                return operation

    async def _ask(self, operation: Operation, payers: Sequence[Payer]) -> Outcome:
        if operation.mode == Mode.PROOF:
            return Outcome(state=OutcomeState.NEVER_HAPPENED, message="the proof was not accepted; no money was in it")
        outcome = Outcome(state=OutcomeState.STILL_OPEN, message="no rail here knows this payment")
        for payer in payers:
            if (payer.method, payer.intent) != (operation.method, operation.intent):
                continue
            try:
                async with asyncio.timeout(self._patience):
                    outcome = await payer.resolve(operation.trace, operation.reference)
            except TimeoutError:
                outcome = Outcome(state=OutcomeState.STILL_OPEN, message="the rail did not answer in time")
            except MppError as error:
                outcome = Outcome(state=OutcomeState.STILL_OPEN, message=f"the rail could not be asked: {error}")
            if outcome.state is not OutcomeState.STILL_OPEN:
                break
        return outcome

    async def _advance(self, operation: Operation, event: OperationEvent, *, error: str) -> Operation:
        return await self._written(operation, self._journal.advance(operation.id, event, error=error))

    async def _written(self, operation: Operation, work: Coroutine[Any, Any, Operation]) -> Operation:
        """The row after `work`, or as it was when the journal fails: an open row is true, and `recover` goes on from
        it.

        Raising here would hide an answer that was paid for, or the error that made us write.
        """
        try:
            return await uninterrupted(work)
        except IllegalTransition:
            return await self._current(operation)
        except Exception:
            _log.exception("the outcome of operation %s could not be journaled", operation.id)
            return operation

    async def _current(self, operation: Operation) -> Operation:
        """Somebody else (another process that recovers) was faster; theirs is the row."""
        try:
            return await self._journal.get(operation.id)
        except MppError:
            return operation
