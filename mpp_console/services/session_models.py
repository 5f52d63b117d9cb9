"""What the front ends see of payment channels: those of ours, and those that others opened to the local server.

Plain frozen values; see `models`, which gives them out. Sums are base units of the row's currency, times aware and in
UTC, text already inert. Nothing heavy may be imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from mpp_console.protocol import ChannelState, Currency
from mpp_console.services.payment_models import ErrorView, LegTiming, Money, Stage
from mpp_console.services.receipt_models import LogView, ReceiptRow

__all__ = [
    "SESSION_ACTS",
    "ImportResult",
    "PayeeChannelRow",
    "PayeeChannels",
    "RecoverResult",
    "SessionAct",
    "SessionChainView",
    "SessionDetail",
    "SessionEntryView",
    "SessionOutcome",
    "SessionPlanView",
    "SessionResult",
    "SessionReview",
    "SessionReviewRow",
    "SessionRow",
    "SessionTotal",
    "SessionsView",
    "SyncResult",
]

SessionAct = Literal["topup", "close", "force-close", "withdraw", "settle"]
"""What takes a review: each signs something. `settle` is the local server's."""

SESSION_ACTS: Final[tuple[SessionAct, ...]] = ("topup", "close", "force-close", "withdraw", "settle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One channel of ours as it stands now, `finalizable` by the chain's time.

    `signed` is the highest voucher that somebody else may hold; `spent` what is owed for what was delivered, by what is
    known, and what was paid out once it is closed; `left` what no voucher promises yet; `at_risk` signed without a
    confirmation. `refunded` is what came back, None until it is closed. `closes_at` is when the rest can be withdrawn:
    the chain's time, told by this machine's clock. `stale` says why somebody should look at it, empty when nobody has
    to. `note` is for people.
    """

    id: str
    state: ChannelState
    protocol: Literal["v1", "v2"]
    network: str
    origin: str
    url: str
    payer: str
    payee: str
    currency: Currency
    deposit: int
    signed: int
    accepted: int
    spent: int
    settled: int
    left: int
    locked: int
    at_risk: int
    created_at: datetime
    last_used_at: datetime
    pending_deposit: int = 0
    refunded: int | None = None
    closes_at: datetime | None = None
    stale: str = ""
    note: str = ""

    @property
    def used(self) -> float:
        """The part of the deposit that is promised, or was paid out in the end, from 0 to 1."""
        promised = self.spent if self.state is ChannelState.FINALIZED else max(self.signed, self.spent)
        return min(promised / self.deposit, 1.0) if self.deposit else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTotal:
    """What all channels hold of one currency; see `SessionRow`."""

    currency: Currency
    locked: int
    at_risk: int
    pending_refund: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsView:
    """Every channel of the profile, those that want looking at first, then the last used first.

    `stale` are the ids of rows with a `stale`, `stale_held` what they hold. `damaged` are ids of rows that cannot be
    read; they are kept. `finalized` counts the archived ones that are not among `rows`.
    """

    rows: tuple[SessionRow, ...] = ()
    totals: tuple[SessionTotal, ...] = ()
    stale: tuple[str, ...] = ()
    stale_held: tuple[Money, ...] = ()
    damaged: tuple[str, ...] = ()
    finalized: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEntryView:
    """One line of a channel's own history."""

    at: datetime
    kind: str
    amount: int | None = None
    reference: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetail:
    """One channel with its history, oldest first, and the latest payments that its vouchers made."""

    row: SessionRow
    escrow: str
    chain_id: int
    salt: str
    operator: str
    authorized_signer: str
    open_hash: str | None
    close_hash: str | None
    entries: tuple[SessionEntryView, ...] = ()
    payments: tuple[ReceiptRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChainView:
    """What the chain says of a channel now. `exists` False: it is closed, or was never opened. Times of the chain."""

    exists: bool
    deposit: int
    settled: int
    close_requested_at: datetime | None
    withdrawable_at: datetime | None
    block: int
    chain_time: datetime
    explorer_url: str | None = None
    logs: tuple[LogView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlanView:
    """How a payment by session would be made: by a voucher alone, or after a deposit is put aside or added to.

    `locks` is what leaves the account for the channel's deposit; it is no price. `unit` is the server's word for what
    one price buys. `channel_id` None is a channel that is still to be opened. In protocol v1 a close pays out the whole
    of the last voucher.
    """

    plan: Literal["open", "top-up", "voucher"]
    escrow: str
    channel_id: str | None
    voucher_before: int
    voucher: int
    locks: int
    deposit_before: int
    deposit: int
    unit: str = ""
    protocol: Literal["v1", "v2"] = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReviewRow:
    """What an act would do to one channel.

    `signs` is the cumulative sum of a voucher that would be signed, `locks` what would be put aside, `returns` what
    comes back at least, or at most with `vouchers_lost`: what was signed for a channel that was found on the chain is
    known to its payee only. `fee` is the most that the network takes; None where there is none, or it is unknown. `way`
    says in words what happens (`asks the server, else the chain: 16 minutes`). `error` says why this one cannot.
    """

    row: SessionRow
    way: str
    signs: int | None = None
    locks: int | None = None
    returns: int | None = None
    fee: Money | None = None
    error: ErrorView | None = None
    vouchers_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReview:
    """The dry run of an act on one or more channels."""

    task_id: str
    act: SessionAct
    rows: tuple[SessionReviewRow, ...]
    command: str
    error: ErrorView | None = None

    @property
    def sendable(self) -> bool:
        """Whether anything can be done at all."""
        return self.error is None and any(row.error is None for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOutcome:
    """What became of one channel. `how` is one word (`cooperative`, `requested`, `waiting`, `withdrawn`, `already`,
    `refused`, `topped-up`, `settled`, `failed`); `remaining` seconds of the chain until the rest can be withdrawn.
    """

    row: SessionRow
    ok: bool
    how: str
    message: str = ""
    refunded: int | None = None
    remaining: int | None = None
    reference: str | None = None
    explorer_url: str | None = None
    error: ErrorView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """How an act ended: one outcome for each channel that was tried."""

    stage: Stage
    act: SessionAct
    outcomes: tuple[SessionOutcome, ...] = ()
    timings: tuple[LegTiming, ...] = ()
    error: ErrorView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """Rows held against the chain: what each was and is, and why one could not be asked about."""

    rows: tuple[SessionRow, ...]
    changed: tuple[str, ...] = ()
    troubles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverResult:
    """What a search of the chain found. `until` is the last block that was searched; `closed` are over already."""

    orphans: tuple[SessionRow, ...]
    known: int
    closed: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What was read from another wallet's file. `skipped` names what in it cannot be believed, and why."""

    added: tuple[SessionRow, ...]
    known: int
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeChannelRow:
    """One channel that somebody opened to the local server. `exposure` is accepted and not settled yet: what would be
    lost if the channel ended now. `alarm` says what the operator should do about it, empty when nothing.
    """

    id: str
    state: Literal["opening", "open", "closing", "closed"]
    payer: str
    currency: Currency
    deposit: int
    accepted: int
    spent: int
    settled: int
    exposure: int
    units: int
    created_at: datetime
    last_used_at: datetime
    closes_at: datetime | None = None
    alarm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeChannels:
    """The channels of the local server, those with an alarm first, then the most exposed first."""

    rows: tuple[PayeeChannelRow, ...] = ()
    exposure: tuple[Money, ...] = ()
    alarms: int = 0
    at: datetime | None = None
