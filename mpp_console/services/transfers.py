"""Transfers by hand: quoted, reviewed, approved, sent and waited for, in a task that survives any screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mpp_console.services.commands import transfer_command
from mpp_console.services.models import ErrorView, OperationView, Stage, TransferRequest, TransferResult, TransferReview
from mpp_console.services.once import load
from mpp_console.services.progress import Clockwork
from mpp_console.services.reviewed_task import ReviewedTask
from mpp_console.services.views import explorer_url, operation_view

if TYPE_CHECKING:
    from mpp_console.client.journal import Operation
    from mpp_console.services.engine import Engine
    from mpp_console.wallet.transfers import TransferQuote, Transfers

__all__ = ["TransferTask", "TransfersService"]

KEPT_TASKS = 100


class TransferTask(ReviewedTask[TransferReview, Stage, TransferResult]):
    """One transfer. Its result comes with the receipt of the chain."""

    def __init__(
        self,
        task_id: str,
        request: TransferRequest,
        *,
        clockwork: Clockwork,
        work: Callable[[TransferTask], Awaitable[Stage]],
    ) -> None:
        super().__init__(task_id, "transfer", request.to, name=f"transfer {task_id}", clockwork=clockwork)
        self.request = request
        self.explorer_url: str | None = None
        self.failure: ErrorView | None = None
        self._begin(work)

    def _can_be_approved(self, review: TransferReview) -> bool:
        return review.sendable

    def _broken_off(self, otherwise: Stage, error: ErrorView) -> Stage:
        self.failure = error
        return Stage.UNKNOWN if self.progress.may_have_left else otherwise

    def _finish(self, outcome: Stage) -> TransferResult:
        self.progress.finish(outcome, self.failure)
        operation = self.progress.operation
        return TransferResult(
            stage=outcome,
            reference=None if operation is None else operation.reference,
            operation=operation,
            review=self.current_review,
            timings=self.timings(),
            error=self.failure,
            explorer_url=self.explorer_url,
        )


class TransfersService:
    """Starts transfers and knows those in flight."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tasks: list[TransferTask] = []
        self._transfers: Transfers | None = None

    @property
    def in_flight(self) -> int:
        """How many have not ended."""
        return sum(not task.stage.final for task in self._tasks)

    def start(self, request: TransferRequest) -> TransferTask:
        """Quotes in the background and gives the task at once."""
        engine = self._engine
        engine.log(transfer_command(engine.profile.called, request))
        clockwork = Clockwork(clock=engine.clock, counter=engine.counter, events=engine.events)
        task = TransferTask(engine.new_id(), request, clockwork=clockwork, work=self._work)
        self._tasks = [*(old for old in self._tasks if not old.stage.final), task]
        return task

    async def recover(self) -> tuple[OperationView, ...]:
        """Asks the chain what became of transfers that were left open. Never sends. Gives those that have ended now."""
        transfers = await self._get()
        found = await transfers.recover()
        return tuple(operation_view(operation, self._engine.network) for operation in found if operation.is_final)

    async def close(self) -> None:
        """Declines what waits for a decision; what was approved is waited for, which takes half a minute at most."""
        for task in self._tasks:
            task.reject()
        waits = [asyncio.ensure_future(task.result()) for task in self._tasks if not task.stage.final]
        if waits:
            await asyncio.wait(waits)

    async def _get(self) -> Transfers:
        if self._transfers is None:
            engine = self._engine
            chain = await engine.chain.get()
            journal = await engine.journal.get()
            await load("mpp_console.wallet.transfers")
            from mpp_console.wallet.transfers import Transfers

            self._transfers = self._transfers or Transfers(
                chain=chain,
                network=engine.network,
                journal=journal,
                clock=engine.clock,
                random_bytes=engine.random_bytes,
            )
        return self._transfers

    async def _work(self, task: TransferTask) -> Stage:
        engine, request = self._engine, task.request
        account = await engine.require_account(request.account)
        transfers = await self._get()
        quote = await transfers.quote(
            sender=account.address, to=request.to, amount=request.amount, token=request.token, memo=request.memo
        )
        task.progress.mark("quote")
        task.show(_review(task.id, quote, command=transfer_command(engine.profile.called, request)))
        if not quote.sendable:
            refusal = quote.refusals[0]
            task.failure = ErrorView(code=refusal.code, kind="payment", message=refusal.message)
            return Stage.FAILED
        if not await task.decision():
            task.failure = ErrorView(code="declined", kind="payment", message="the transfer was declined")
            return Stage.DECLINED
        task.progress.mark("review")
        signer = await engine.opened.get(account.address)
        prepared = await transfers.prepare(quote, signer)
        task.progress.mark("sign")
        task.progress.reach(Stage.SIGNED)

        def observe(operation: Operation) -> None:
            task.progress.operation = operation_view(operation, engine.network)
            if operation.state.value == "sent":
                task.progress.reach(Stage.SENT)

        operation = await transfers.send(prepared, operation_id=task.id, observe=observe)
        task.progress.mark("send")
        task.progress.operation = operation_view(operation, engine.network)
        task.explorer_url = explorer_url(operation.reference, operation.network, engine.network)
        engine.on_change()
        return self._end_of(operation, task)

    def _end_of(self, operation: Operation, task: TransferTask) -> Stage:
        match operation.state.value:
            case "settled":
                return Stage.DONE
            case "refused":
                code, stage = "transfer-failed", Stage.FAILED
            case _:
                code, stage = "outcome-unknown", Stage.UNKNOWN
        message = operation.error or "the chain gave no clear answer"
        task.failure = ErrorView(
            code=code,
            kind="payment",
            message=message,
            hint="do not send again before it is resolved" if stage is Stage.UNKNOWN else "",
        )
        return stage


def _review(task_id: str, quote: TransferQuote, *, command: str) -> TransferReview:
    return TransferReview(
        id=task_id,
        sender=quote.sender,
        recipient=quote.recipient,
        amount=quote.amount,
        currency=quote.currency,
        fee=quote.fee,
        fee_currency=quote.fee_currency,
        balance=quote.balance,
        balance_after=quote.balance_after,
        new_recipient=quote.new_recipient,
        memo=quote.memo,
        network=quote.network,
        chain_id=quote.chain_id,
        checks=quote.checks,
        command=command,
    )
