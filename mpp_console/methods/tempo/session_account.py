"""Keeping account of channels: what the chain shows of one, what an answer says of a payment, what became of it.

The one place that moves a channel's row. Receipts may raise what is accepted and spent, within what was signed; the
state of a channel follows the chain alone, whatever a server claims. Never pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from mpp_console.methods.base import Clock, Conclusion, Ending, Outcome
from mpp_console.protocol import (
    ChannelFact,
    ChannelState,
    MppError,
    ParseError,
    Problem,
    Receipt,
    format_units,
    parse_base_units,
)

from .chain import Block, Chain, ChainError
from .channels import RESERVE
from .client_channel import ChannelBook, ChannelEntry, ChannelProtocol, ClientChannel, Lease
from .reserve_abi import ChannelEvent, OnChainChannel
from .session_chain import ReserveReader
from .session_plan import PlanKind
from .session_receipts import SessionReceiptFacts, read_session_receipt
from .session_trace import USED_UP, SessionTrace, never, still_open, verdict

__all__ = ["Account"]

DEAD_MARGIN: Final = 5
"""Seconds of chain time past `validBefore` before a transaction is called dead: nodes behind one address may differ."""

_GONE: Final = {"session/channel-not-found", "session/channel-finalized"}
_STALE: Final = {"session/challenge-not-found", "invalid-challenge", "payment-expired", "session/delta-too-small"}
_INSUFFICIENT: Final = {"session/insufficient-balance", "payment-insufficient"}
_DEPOSIT: Final = "session/amount-exceeds-deposit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The channels of one book, held against one chain.

    `contended` are channels whose server says that a voucher is used up, and what that was over. Until one of them
    serves again, a payment adds its own sum to what others have signed beyond that: they may use that up too.
    """

    book: ChannelBook
    chain: Chain
    clock: Clock
    contended: dict[str, int] = field(default_factory=dict)

    def reader(self, escrow: str = RESERVE, protocol: ChannelProtocol = "v2") -> ReserveReader:
        return ReserveReader(chain=self.chain, escrow=escrow, protocol=protocol)

    # -- the chain's word

    async def look(self, row: ClientChannel, *, lease: Lease | None, write: bool | None = None) -> ClientChannel:
        """The row as the chain shows it; written down with a lease, or when `write` says so. Raises ChainError.

        Time is read before the state: what is not there at a moment when it was already dead never will be.
        """
        if await self.chain.chain_id() != row.chain_id:
            raise ChainError(f"The node is not one of chain {row.chain_id}.", code="wrong-node")
        block = await self.chain.block()
        reader = self.reader(row.escrow, row.protocol)
        state, ended = await reader.state(row.channel_id), None
        if not state.exists and block.number >= row.from_block:
            ended = await reader.closed(row.channel_id, from_block=row.from_block)
        return await self.apply(row, block, state, ended, lease=lease, write=write)

    async def apply(
        self,
        row: ClientChannel,
        block: Block,
        state: OnChainChannel,
        ended: ChannelEvent | None,
        *,
        lease: Lease | None,
        write: bool | None = None,
    ) -> ClientChannel:
        """The row once the chain showed `state` at `block`, and `ended` how it was closed, if it was."""
        now = self.clock()

        def change(current: ClientChannel) -> ClientChannel:
            return _shown(current, block, state, ended, now)

        after = change(row)
        if not (lease is not None if write is None else write):
            return after
        changed = replace(after, updated_at=row.updated_at) != row
        if not changed:
            return row
        entry = None
        if after.state is not row.state:
            amount = after.refunded if after.state is ChannelState.FINALIZED else after.deposit
            entry = ChannelEntry(at=now, kind=str(after.state), amount=amount, reference=after.close_hash)
        return await self.book.update(row.channel_id, change, lease=lease, entry=entry)

    async def forget_top_up(self, channel_id: str, lease: Lease) -> None:
        """A top up that certainly never left."""
        now = self.clock()
        await self.book.update(
            channel_id, lambda row: replace(row, pending_deposit=0, dies_at=0, updated_at=now), lease=lease
        )

    # -- how payments end

    async def conclude(self, trace: SessionTrace, ending: Ending) -> Conclusion:
        """See `methods.base.Concluding`. Trouble with the chain leaves the row as it is; it is looked at again."""
        row = await self.book.get(trace.channel_id)
        if row is None:
            return Conclusion()
        if not ending.left:
            await self._unsent(trace, row)
            return Conclusion()
        if ending.served:
            return await self._served(trace, row, ending)
        return await self._refused(trace, row, ending)

    async def _unsent(self, trace: SessionTrace, row: ClientChannel) -> None:
        now = self.clock()
        if trace.plan == PlanKind.OPEN and row.state is ChannelState.OPENING:
            await self.book.update(
                row.channel_id,
                lambda row: row.after(ChannelFact.NEVER_OPENED, now, refunded=0, note="It never left this machine."),
                entry=ChannelEntry(at=now, kind="never opened"),
            )

    async def heard(self, row: ClientChannel, receipt: Receipt, before: SessionReceiptFacts) -> list[str]:
        """Takes a receipt that came while an answer goes on, and says what is doubtful about it. Other answers on the
        same channel may be ahead of it, so that it takes back only what this one was told `before`.
        """
        _, doubts = await self._learn(row, receipt, most=row.signed, before=before)
        return doubts

    async def _served(self, trace: SessionTrace, row: ClientChannel, ending: Ending) -> Conclusion:
        doubts: list[str] = []
        self.contended.pop(row.channel_id, None)
        if ending.receipt is not None:
            row, doubts = await self._learn(row, ending.receipt, most=int(trace.cumulative), ref=trace.ref)
        if row.state in (ChannelState.OPENING, ChannelState.UNKNOWN) and not ending.hurried:
            row = await self._try_look(row)
            if row.state is not ChannelState.ACTIVE:
                doubts.append("the server delivered, and the chain does not show the channel yet")
        return Conclusion(doubts=tuple(doubts))

    async def _learn(
        self,
        row: ClientChannel,
        receipt: Receipt,
        *,
        most: int,
        ref: str | None = None,
        before: SessionReceiptFacts | None = None,
    ) -> tuple[ClientChannel, list[str]]:
        """Takes a receipt's sums where they can be true, and says where they cannot. `most` is what can be spent by
        it; with `ref` it becomes a line of the channel's history. Less than `before`, else than is known, is doubted.
        """
        try:
            facts = read_session_receipt(receipt)
        except ParseError as error:
            return row, [error.message]
        if facts.channel_id != row.channel_id:
            return row, ["the receipt is for another channel"]
        if facts.accepted > row.signed:
            return row, [
                f"the receipt says that {facts.accepted} base units were accepted, and only {row.signed} were signed"
            ]
        doubts = []
        accepted, spent = (row.accepted, row.spent) if before is None else (before.accepted, before.spent)
        if facts.accepted < accepted:
            doubts.append(f"the receipt takes back what was accepted: {accepted} before, {facts.accepted} now")
        if facts.spent < spent:
            doubts.append(f"the receipt takes back what was spent: {spent} before, {facts.spent} now")
        if facts.spent > max(most, row.spent):
            doubts.append(f"the receipt says that {facts.spent} base units were spent, more than this voucher is over")
        now = self.clock()
        entry = None if ref is None else ChannelEntry(at=now, kind="accepted", amount=facts.accepted, reference=ref)
        learned = await self.book.update(
            row.channel_id,
            lambda row: row.learned(now, accepted=facts.accepted, spent=facts.spent),
            entry=entry,
        )
        return learned, doubts

    async def _refused(self, trace: SessionTrace, row: ClientChannel, ending: Ending) -> Conclusion:
        slug = None if ending.problem is None else ending.problem.slug
        if trace.plan == PlanKind.OPEN:
            row = await self._lost(row)
        if ending.hurried or slug is None or ending.status is None or ending.status >= 500:
            if not ending.hurried and row.state is ChannelState.UNKNOWN:
                await self._try_look(row)
            return Conclusion()
        if trace.plan == PlanKind.OPEN:
            return await self._refused_open(row, slug)
        if slug in _GONE:
            return await self._disputed(row)
        again = slug in _STALE or slug in _INSUFFICIENT or slug == _DEPOSIT
        if slug in _INSUFFICIENT:
            # It took the voucher and says that it was used up before: the next one has to be over more.
            now, used = self.clock(), int(trace.cumulative)
            self.contended[row.channel_id] = used
            spent = _spent_by(ending.problem, used, int(trace.amount))
            await self.book.update(
                row.channel_id,
                lambda row: row.learned(now, accepted=used, spent=spent),
                entry=ChannelEntry(at=now, kind=USED_UP, amount=used, reference=trace.ref),
            )
        elif slug == _DEPOSIT:
            await self._try_look(row)
        said = "the server refused the voucher; it stays signed, so that the sum is at risk until the channel closes"
        return Conclusion(outcome=never(said), again=again)

    async def _refused_open(self, row: ClientChannel, slug: str) -> Conclusion:
        """A refused opening may be on the chain all the same, and then its deposit is locked."""
        row = await self._try_look(row)
        if row.state is ChannelState.ACTIVE:
            said = "the server refused the payment and opened the channel: the deposit is locked until it is closed"
            return Conclusion(outcome=never(said), again=slug in _STALE or slug in _INSUFFICIENT)
        return Conclusion()

    async def _disputed(self, row: ClientChannel) -> Conclusion:
        """The server says that it has no such channel. The chain is asked, and nobody else believed."""
        seen, said = await self.dispute(row)
        if seen.state is ChannelState.FINALIZED:
            return Conclusion(outcome=never(said), again=True)
        return Conclusion(outcome=never(said), doubts=(said,))

    async def dispute(self, row: ClientChannel) -> tuple[ClientChannel, str]:
        """Looks at a channel that the server says is gone: the row, and what to tell people."""
        seen = await self._try_look(row)
        if seen.state is ChannelState.FINALIZED:
            return seen, "the channel was closed; see what came back of it"
        locked = format_units(seen.locked, seen.currency.decimals)
        said = (
            f"the server says that channel {row.channel_id[:10]}… is gone, and the chain does not: {locked} "
            f"{seen.currency.symbol} stay locked in it. The row is kept; close the channel to get them back"
        )
        now = self.clock()
        kept = await self.book.update(
            row.channel_id,
            lambda row: replace(row, note=f"Disputed: {said}.", updated_at=now),
            entry=ChannelEntry(at=now, kind="disputed", amount=seen.locked, text=said),
        )
        return kept, said

    async def _lost(self, row: ClientChannel) -> ClientChannel:
        now = self.clock()
        if row.state is not ChannelState.OPENING:
            return row
        return await self.book.update(
            row.channel_id,
            lambda row: row.after(ChannelFact.LOST, now) if row.state is ChannelState.OPENING else row,
            entry=ChannelEntry(at=now, kind="unknown", text="no answer says whether the channel was opened"),
        )

    async def _try_look(self, row: ClientChannel) -> ClientChannel:
        try:
            return await self.look(row, lease=None, write=True)
        except ChainError:
            return row

    # -- what became of a payment

    async def resolve(self, trace: Mapping[str, Any]) -> Outcome:
        """The outcome of one payment, by the channel's row and the chain."""
        try:
            known = SessionTrace.read(trace)
            row = await self.book.get(known.channel_id)
        except MppError as error:
            return still_open(error.message)
        if row is None:
            return still_open("The channel of this payment is in no book here; look at the chain.")
        try:
            row = await self.look(row, lease=None, write=True)
        except ChainError as error:
            return still_open(f"The chain could not be asked: {error.message}")
        return verdict(known, row, await self.book.entries(row.channel_id))


def _spent_by(problem: Problem | None, used: int, price: int) -> int:
    """What a server had spent of a voucher over `used` that it says does not pay `price`. How much it says is missing
    tells what is left of the voucher (draft, "Server-Side Accounting"), and that counts for the next.
    """
    said = None if problem is None else problem.extra.get("requiredTopUp")
    try:
        missing = parse_base_units(said) if isinstance(said, str) else price
    except ParseError:
        return used
    return max(used - price + missing, 0) if 0 < missing <= price else used


def _shown(
    row: ClientChannel, block: Block, state: OnChainChannel, ended: ChannelEvent | None, now: datetime
) -> ClientChannel:
    """The row once the chain showed the channel, or its absence."""
    if row.state is ChannelState.FINALIZED or block.number < row.from_block:
        return row  # or a chain that was started anew, or lags behind: it says nothing about the channel
    dead = row.dies_at > 0 and block.timestamp >= row.dies_at + DEAD_MARGIN
    if state.exists:
        known = row.seen(state, now)
        return replace(known, pending_deposit=0, dies_at=0) if dead else known
    if ended is not None:
        settled, refunded = ended.values
        return row.learned(now, settled=settled, signed=settled).after(
            ChannelFact.GONE, now, refunded=refunded, close_hash=ended.transaction_hash, pending_deposit=0, dies_at=0
        )
    if dead and row.state in (ChannelState.OPENING, ChannelState.UNKNOWN):
        return row.after(
            ChannelFact.NEVER_OPENED, now, refunded=0, dies_at=0, note="The opening never reached the chain."
        )
    return row
