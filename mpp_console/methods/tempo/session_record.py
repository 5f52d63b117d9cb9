"""What a payee remembers of one channel, and the arithmetic on it. Pure; every rule of the accounting is here.

A record's sums only grow: what was accepted, spent, settled and deposited (tempo session draft, "Server-Side
Accounting"). A store applies these functions one at a time for a channel, and has the result on disk before anybody is
served (`ChannelStore`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, Protocol, TypeVar

from .channels import Descriptor
from .session_problems import (
    AmountExceedsDeposit,
    ChannelFinalized,
    ChannelNotFound,
    DeltaTooSmall,
    InsufficientBalance,
    SessionRefused,
)

__all__ = [
    "ChannelRecord",
    "ChannelState",
    "ChannelStore",
    "Dispatch",
    "DispatchKind",
    "Versioned",
    "accept",
    "arrived",
    "change_known",
    "charge",
    "finish",
    "freeze",
    "observe",
    "require_usable",
    "thaw",
]

T = TypeVar("T")


class ChannelState(StrEnum):
    """`opening`: our broadcast of the opening is under way. `closing`: the sum to capture is fixed, nothing is served
    any more. `closed`: the chain holds nothing for it any more.
    """

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class DispatchKind(StrEnum):
    OPEN = "open"
    TOP_UP = "topUp"
    SETTLE = "settle"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A transaction that was journaled before it was broadcast. `amount` is its deposit, addition or captured sum.

    `content` is the hash of what its sender signed, the same whoever sponsors it; `tx_hash` is what the chain calls it.
    """

    kind: DispatchKind
    content: str
    tx_hash: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """One channel as its payee knows it. Sums are base units of `token`; addresses are checksummed.

    `accepted` is the highest voucher, `spent` what was charged for service, `settled` and `deposit` what the chain said
    at `checked_at`; when that last was more than before, and `units` then, are `settled_at` and `settled_units`.
    `earned` is the highest voucher that is fully spent, which may be settled without taking more than was delivered.
    `units` counts what was delivered over the channel's life. `pending` is a transaction on its way, `done` those that
    arrived, oldest first. `challenge_id` and `voucher_challenge_id` are what the opening and the highest voucher
    answered, for whoever has to explain them later (draft, "Session Attribution").
    """

    channel_id: str
    protocol: Literal["v1", "v2"] = "v2"
    chain_id: int
    escrow: str
    descriptor: Descriptor
    state: ChannelState = ChannelState.OPENING
    deposit: int = 0
    settled: int = 0
    accepted: int = 0
    accepted_signature: str = field(default="", repr=False)
    earned: int = 0
    earned_signature: str = field(default="", repr=False)
    spent: int = 0
    units: int = 0
    capture: int | None = None
    refunded: int | None = None
    close_requested_at: int = 0
    created_at: datetime
    last_used: datetime
    checked_at: datetime | None = None
    settled_at: datetime | None = None
    settled_units: int = 0
    pending: Dispatch | None = None
    done: tuple[Dispatch, ...] = ()
    opened_block: int = 0
    challenge_id: str = ""
    voucher_challenge_id: str = ""

    @property
    def payer(self) -> str:
        return self.descriptor.payer

    @property
    def payee(self) -> str:
        return self.descriptor.payee

    @property
    def token(self) -> str:
        return self.descriptor.token

    @property
    def voucher_signer(self) -> str:
        return self.descriptor.voucher_signer

    @property
    def available(self) -> int:
        """What may still be delivered without another voucher."""
        return self.accepted - self.spent

    @property
    def exposure(self) -> int:
        """What was accepted and is not on our side of the chain yet: lost when the payer withdraws first."""
        return max(self.accepted - self.settled, 0)

    @property
    def owed(self) -> int:
        """What a close takes in all: what was delivered, never less than what was settled already."""
        return max(self.spent, self.settled)

    @property
    def finalized(self) -> bool:
        return self.state is ChannelState.CLOSED

    def delivered(self, kind: DispatchKind, content: str) -> Dispatch | None:
        """The transaction of this content that arrived before, for a retry."""
        return next((item for item in self.done if item.kind is kind and item.content == content), None)

    def closed_by(self) -> Dispatch | None:
        return next((item for item in reversed(self.done) if item.kind is DispatchKind.CLOSE), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """A record beside the number of changes that made it."""

    version: int
    record: ChannelRecord


Change = Callable[["ChannelRecord | None"], tuple["ChannelRecord | None", T]]


class ChannelStore(Protocol):
    """Keeps records. Nothing in it expires: a forgotten channel is money that nobody claims."""

    async def update(self, channel_id: str, change: Change[T]) -> T:
        """Applies `change` to the record (None: unknown) and keeps its result, on disk before this returns.

        Changes of one channel run one after the other, whoever asks, in every process that shares the store. `change`
        must be quick and pure; what it raises leaves the record alone. A record of None forgets the channel, which only
        an opening that never went out may do. Giving the very same record writes nothing.
        """
        ...

    async def get(self, channel_id: str) -> Versioned | None: ...

    async def list(self, *, states: frozenset[ChannelState] | None = None) -> tuple[ChannelRecord, ...]:
        """All records, or those in `states`, the last used first."""
        ...

    async def wait_for_change(self, channel_id: str, than: int, timeout: float) -> Versioned | None:  # noqa: ASYNC109
        """The record as soon as its version is above `than`; after `timeout` seconds whatever it is then."""
        ...


_HISTORY: Final = 32
"""Transactions kept of one channel; a retry comes soon, and the chain keeps them all."""


def require_usable(record: ChannelRecord) -> None:
    """Raises ChannelFinalized unless the channel still pays."""
    if record.state in (ChannelState.CLOSED, ChannelState.CLOSING):
        raise ChannelFinalized(f"The channel is {record.state}.", details={"channelId": record.channel_id})
    if record.close_requested_at:
        raise ChannelFinalized(
            "The payer has asked the chain to close this channel; top it up to cancel that.",
            details={"channelId": record.channel_id},
            code="close-requested",
        )


def accept(
    record: ChannelRecord, cumulative: int, signature: str, *, min_delta: int | None, now: datetime
) -> ChannelRecord:
    """The record with a voucher whose signature holds (draft, "Voucher Verification"). Raises a PaymentProblem.

    An equal voucher changes nothing: it is a retry.
    """
    require_usable(record)
    where = {"channelId": record.channel_id}
    if cumulative > record.deposit:
        raise AmountExceedsDeposit(
            f"The voucher is over {cumulative} base units and the deposit is {record.deposit}.", details=where
        )
    if cumulative < record.accepted or cumulative < record.settled:
        raise SessionRefused(
            f"A voucher over {record.accepted} base units was accepted before; the next one must be higher.",
            code="voucher-not-increasing",
            details=where | {"acceptedCumulative": str(record.accepted)},
        )
    if cumulative == record.accepted:
        return _earn(replace(record, accepted_signature=record.accepted_signature or signature))
    if min_delta is not None and cumulative - record.accepted < min_delta:
        raise DeltaTooSmall(f"A voucher must add at least {min_delta} base units.", details=where)
    return _earn(replace(record, accepted=cumulative, accepted_signature=signature, last_used=now))


def charge(record: ChannelRecord, cost: int, *, units: int, now: datetime) -> ChannelRecord:
    """The record with `cost` base units more spent. Raises InsufficientBalance, ChannelFinalized."""
    require_usable(record)
    if record.state is not ChannelState.OPEN:
        raise SessionRefused("The channel is not open yet.", code="not-open")
    if record.available < cost:
        raise InsufficientBalance(
            f"This request costs {cost} base units and {record.available} are left of the accepted vouchers.",
            details={
                "channelId": record.channel_id,
                "requiredTopUp": str(cost - record.available),
                "requiredCumulative": str(record.spent + cost),
                "acceptedCumulative": str(record.accepted),
                "spent": str(record.spent),
                "deposit": str(record.deposit),
            },
        )
    return _earn(replace(record, spent=record.spent + cost, units=record.units + units, last_used=now))


def observe(
    record: ChannelRecord, *, deposit: int, settled: int, close_requested_at: int, now: datetime
) -> ChannelRecord:
    """The record with what the chain says of a channel that is there. A deposit of nothing changes nothing: that a
    channel is gone needs the proof of its last event (`finish`).
    """
    if record.state is ChannelState.CLOSED:
        return record
    if not deposit:
        return record
    if settled > record.settled:
        record = replace(record, settled_at=now, settled_units=record.units)
    return replace(
        record,
        # A node that is a block behind must not take back what was seen.
        deposit=max(record.deposit, deposit),
        settled=max(record.settled, settled),
        close_requested_at=close_requested_at,
        checked_at=now,
    )


def freeze(
    record: ChannelRecord, cumulative: int, signature: str, *, now: datetime, partial: bool = True
) -> ChannelRecord:
    """The record with its capture fixed: from here nothing is served. Raises what a close voucher can be refused for.

    Repeating it with another voucher keeps the capture, as nothing could be spent in between. Where a close cannot be
    `partial`, the capture is the least sum at or above what is owed that we hold a voucher for.
    """
    where = {"channelId": record.channel_id}
    if record.state is ChannelState.CLOSED:
        raise ChannelFinalized(details=where)
    if record.state is ChannelState.OPENING:
        raise SessionRefused("The channel is not open yet.", code="not-open", details=where)
    for name, least in (("spent", record.spent), ("settled", record.settled)):
        if cumulative < least:
            raise SessionRefused(
                f"The close voucher must be over at least {least} base units ({name}).",
                code="close-below-owed",
                details=where | {"requiredCumulative": str(record.owed)},
            )
    if cumulative > record.deposit:
        raise AmountExceedsDeposit(
            f"The voucher is over {cumulative} base units and the deposit is {record.deposit}.", details=where
        )
    if cumulative > record.accepted:
        record = replace(record, accepted=cumulative, accepted_signature=signature)
    capture = record.owed
    if not partial:
        if cumulative == record.owed > record.earned:
            record = replace(record, earned=cumulative, earned_signature=signature)
        held = (record.settled, record.earned, cumulative, record.accepted)
        capture = min(amount for amount in held if amount >= record.owed)
    return replace(record, state=ChannelState.CLOSING, capture=capture, last_used=now)


def thaw(record: ChannelRecord) -> ChannelRecord:
    """The record after a close that certainly did not happen: open again."""
    if record.state is not ChannelState.CLOSING:
        return record
    return replace(record, state=ChannelState.OPEN, capture=None, pending=None)


def arrived(record: ChannelRecord, dispatch: Dispatch) -> ChannelRecord:
    """The record with a transaction of ours included."""
    done = tuple(item for item in record.done if item.tx_hash != dispatch.tx_hash)
    return replace(record, pending=None, done=(*done, dispatch)[-_HISTORY:])


def finish(record: ChannelRecord, *, settled: int, refunded: int, now: datetime) -> ChannelRecord:
    """The record of a channel that the chain has closed, by whoever's act."""
    pending = record.pending
    # Another sum than ours: the payer has withdrawn, and our close never arrived.
    if pending is not None and pending.kind is DispatchKind.CLOSE and pending.amount == settled:
        record = arrived(record, pending)
    return replace(
        record,
        state=ChannelState.CLOSED,
        settled=max(record.settled, settled),
        refunded=refunded,
        close_requested_at=0,
        checked_at=now,
        pending=None,
    )


async def change_known(
    store: ChannelStore, channel_id: str, change: Callable[[ChannelRecord], ChannelRecord]
) -> ChannelRecord:
    """Applies a change to a channel that is known, and gives the result. Raises ChannelNotFound."""

    def apply(record: ChannelRecord | None) -> tuple[ChannelRecord, ChannelRecord]:
        if record is None:
            raise ChannelNotFound(details={"channelId": channel_id})
        changed = change(record)
        return changed, changed

    return await store.update(channel_id, apply)


def _earn(record: ChannelRecord) -> ChannelRecord:
    if record.accepted == record.spent and record.accepted > record.earned:
        return replace(record, earned=record.accepted, earned_signature=record.accepted_signature)
    return record
