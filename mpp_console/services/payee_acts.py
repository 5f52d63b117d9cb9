"""Settling and closing channels of the local server: a dry run against the chain first, then one after another.

One that fails does not keep the others from being tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from mpp_console.protocol import MppError, OutcomeUncertain, inert
from mpp_console.services.errors import UsageError
from mpp_console.services.models import (
    ErrorView,
    Money,
    SessionOutcome,
    SessionReview,
    SessionReviewRow,
    SessionRow,
    Stage,
)
from mpp_console.services.views import error_view, explorer_url

if TYPE_CHECKING:
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.methods.tempo.session_payee import TempoSessionPayee
    from mpp_console.methods.tempo.session_record import ChannelRecord
    from mpp_console.services.session_tasks import SessionTask

__all__ = ["PayeeAct", "PayeeActs"]

PayeeAct = Literal["settle", "close"]


class PayeeActs:
    """Reviews and carries out. `show` makes the row of a record for people."""

    def __init__(self, payee: TempoSessionPayee, network: Network, show: Callable[[ChannelRecord], SessionRow]) -> None:
        self._payee = payee
        self._network = network
        self._row = show

    async def carry_out(self, task: SessionTask, act: PayeeAct, command: str) -> Stage:
        """The whole of one task: its review, somebody's decision, and then every channel that can be."""
        records = [await self._find(name) for name in task.channels]
        rows = tuple([await self._review(record, act) for record in records])
        review = SessionReview(task_id=task.id, act=act, rows=rows, command=command)
        task.progress.mark("quote")
        task.show(review)
        if not review.sendable:
            none = ErrorView(code="none-possible", kind="payment", message=f"none of {len(rows)} channels can be")
            task.failure = rows[0].error if len(rows) == 1 else none
            return Stage.FAILED
        if not await task.decision():
            task.failure = ErrorView(code="declined", kind="payment", message="it was declined")
            return Stage.DECLINED
        task.progress.mark("review")
        possible = [record for record, row in zip(records, rows, strict=True) if row.error is None]
        stages = [await self._act(task, record, act) for record in possible]
        task.progress.mark("send")
        worst = max(stages, key=(Stage.DONE, Stage.FAILED, Stage.UNKNOWN).index)
        if worst is not Stage.DONE:
            task.failure = next(outcome.error for outcome in task.outcomes if not outcome.ok)
        return worst

    async def _find(self, name: str) -> ChannelRecord:
        wanted = name.lower()
        found = [record for record in await self._payee.channels.list() if record.channel_id.startswith(wanted)]
        if len(found) != 1:
            what = "several channels of this server begin" if found else "no channel of this server begins"
            raise UsageError(f"{what} with {inert(name, limit=80)}")
        return found[0]

    async def _review(self, record: ChannelRecord, act: PayeeAct) -> SessionReviewRow:
        row = self._row(record)
        total = record.earned if act == "settle" else record.owed
        takes = Money(amount=max(total - record.settled, 0), currency=row.currency)
        back = Money(amount=max(record.deposit - record.owed, 0), currency=row.currency)
        way = f"takes {takes.text}; the channel stays open"
        if act == "close":
            way = f"takes {takes.text}, gives the payer {back.text} back, and ends the channel"
        try:
            fee = Money(amount=await self._payee.settlement.price(record.channel_id, act), currency=row.currency)
        except MppError as error:
            return SessionReviewRow(row=row, way=way, error=error_view(error))
        return SessionReviewRow(row=row, way=way, fee=fee, returns=back.amount if act == "close" else None)

    async def _act(self, task: SessionTask, record: ChannelRecord, act: PayeeAct) -> Stage:
        channel_id, settlement = record.channel_id, self._payee.settlement
        tx_hash: str | None
        task.leaving(channel_id)
        try:
            if act == "settle":
                done, tx_hash = await settlement.settle(channel_id)
            else:
                done, tx_hash = await settlement.close(channel_id)
        except MppError as error:
            row, told = self._row(record), error_view(error)
            task.note(SessionOutcome(row=row, ok=False, how="failed", message=error.message, error=told))
            return Stage.UNKNOWN if isinstance(error, OutcomeUncertain) else Stage.FAILED
        outcome = SessionOutcome(
            row=self._row(done),
            ok=True,
            how="settled" if act == "settle" else "cooperative",
            message="" if tx_hash is not None else "there was nothing to take",
            refunded=done.refunded,
            reference=tx_hash,
            explorer_url=explorer_url(tx_hash, self._network.name, self._network),
        )
        task.note(outcome)
        return Stage.DONE
