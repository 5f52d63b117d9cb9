"""A payment channel as its payer remembers it, and the book that keeps such rows: values and one `Protocol`.

The row is what a wallet has to get a deposit back, so it is written before anything that locks money leaves, its sums
only ever grow, and it is archived and never deleted. Pure; memory and file keep it (`client.sessions.book`,
`history.channels`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from mpp_console.protocol import REDACTED, Currency, MppError
from mpp_console.protocol.channel import ChannelFact, ChannelState, advance_channel, channel_standing

from .channels import ZERO_ADDRESS, Descriptor, legacy_channel_id
from .reserve_abi import GRACE_SECONDS, OnChainChannel

__all__ = [
    "ChannelBook",
    "ChannelBookError",
    "ChannelEntry",
    "ChannelExists",
    "ChannelPage",
    "ChannelProtocol",
    "ChannelWentBack",
    "ClientChannel",
    "Lease",
    "LeaseLost",
    "Scope",
    "UnknownChannel",
    "refuse_if_back",
]

ChannelProtocol = Literal["v1", "v2"]


class ChannelBookError(MppError):
    """The channel book could not do what was asked. Nothing was written."""

    default_code: ClassVar[str] = "channel-book"


class UnknownChannel(ChannelBookError):
    """No row has this channel id."""

    default_code: ClassVar[str] = "unknown-channel"


class ChannelExists(ChannelBookError):
    """A row with this channel id is there already."""

    default_code: ClassVar[str] = "channel-exists"


class ChannelWentBack(ChannelBookError):
    """A change would have lowered a sum that only grows, or turned the channel into another one."""

    default_code: ClassVar[str] = "channel-went-back"


class LeaseLost(ChannelBookError):
    """Somebody else holds the scope by now: whoever wanted to write was too slow, or taken for dead."""

    default_code: ClassVar[str] = "lease-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one reusable channel is for. Addresses are compared without regard to case."""

    payer: str
    payee: str
    token: str
    escrow: str
    chain_id: int

    @property
    def key(self) -> str:
        """One text for the scope, the same however its addresses are written."""
        return f"{self.payee}:{self.token}:{self.escrow}:{self.chain_id}:{self.payer}".lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to sign for a scope. `fence` grows with every holder, so that a late one is told from the present."""

    scope: str
    owner: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One line of a channel's own history. `amount` in base units; `reference` a transaction hash or operation id."""

    at: datetime
    kind: str
    amount: int | None = None
    reference: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChannel:
    """One channel as its payer knows it. Sums are base units of `currency` and never fall.

    `deposit` is what the chain holds or held at most for it (in `opening`, what the signed transaction would lock);
    `signed` the highest voucher that may be in somebody else's hands; `accepted` and `spent` what the server's
    receipts say; `settled` what the chain paid out. `refunded` is what came back, None until it is closed.
    `pending_deposit` is on its way by a top up. `dies_at` is when a transaction of ours that locks money, and that
    the chain has not shown yet, is dead, in Unix seconds of the chain; 0 when there is none. `close_requested_at` is
    the chain's word, 0 for none. `voucher_ref` names the payment whose voucher is the highest. `note` is for people.
    v1 channels have no `operator` and no `expiring_nonce_hash`.
    """

    channel_id: str
    protocol: ChannelProtocol
    state: ChannelState
    network: str
    chain_id: int
    escrow: str
    payer: str
    payee: str
    token: str
    currency: Currency
    salt: str
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime
    operator: str = ZERO_ADDRESS
    authorized_signer: str = ZERO_ADDRESS
    expiring_nonce_hash: str = ""
    origin: str = ""
    url: str = ""
    deposit: int = 0
    signed: int = 0
    accepted: int = 0
    spent: int = 0
    settled: int = 0
    pending_deposit: int = 0
    dies_at: int = 0
    from_block: int = 0
    close_requested_at: int = 0
    refunded: int | None = None
    open_hash: str | None = None
    close_hash: str | None = None
    voucher_ref: str | None = None
    note: str = ""

    # -- identity

    @property
    def scope(self) -> Scope:
        return Scope(payer=self.payer, payee=self.payee, token=self.token, escrow=self.escrow, chain_id=self.chain_id)

    @property
    def descriptor(self) -> Descriptor:
        """What v2 calls are made of."""
        return Descriptor(
            payer=self.payer,
            payee=self.payee,
            operator=self.operator,
            token=self.token,
            salt=self.salt,
            authorized_signer=self.authorized_signer,
            expiring_nonce_hash=self.expiring_nonce_hash,
        )

    @property
    def stated(self) -> Descriptor | None:
        """The descriptor where payloads of its protocol carry one."""
        return self.descriptor if self.protocol == "v2" else None

    @property
    def voucher_signer(self) -> str:
        """Who signs its vouchers."""
        return self.payer if self.authorized_signer == ZERO_ADDRESS else self.authorized_signer

    @property
    def askable_url(self) -> str:
        """Where its server can be asked; empty where nobody knows, or the URL held a secret, which is not kept."""
        return "" if REDACTED in self.url else self.url

    @property
    def is_whole(self) -> bool:
        """Whether the parties that the row names really make this channel id."""
        if self.protocol == "v1":
            made = legacy_channel_id(
                payer=self.payer,
                payee=self.payee,
                token=self.token,
                salt=self.salt,
                authorized_signer=self.authorized_signer,
                escrow=self.escrow,
                chain_id=self.chain_id,
            )
            return made == self.channel_id
        return self.descriptor.channel_id(escrow=self.escrow, chain_id=self.chain_id) == self.channel_id

    # -- sums

    @property
    def owed(self) -> int:
        """What the payee can count on by what we know: the most of accepted, spent and settled."""
        return max(self.accepted, self.spent, self.settled)

    @property
    def left(self) -> int:
        """What of the deposit no voucher promises yet."""
        return max(self.deposit - max(self.signed, self.owed), 0)

    @property
    def locked(self) -> int:
        """What is held by the escrow and not paid out."""
        return max(self.deposit - self.settled, 0) if self.state.holds_money else 0

    @property
    def at_risk(self) -> int:
        """Signed, and not confirmed as accepted: the payee may hold it and claim it, as far as the deposit goes."""
        return max(min(self.signed, self.deposit) - self.owed, 0) if self.state.holds_money else 0

    # -- time

    @property
    def grace_ends(self) -> int | None:
        """When the chain lets us withdraw, in Unix seconds of the chain; None while no close is requested."""
        return self.close_requested_at + GRACE_SECONDS if self.close_requested_at else None

    def standing(self, chain_time: int) -> ChannelState:
        """The state at a moment of the chain: a closing channel becomes finalizable by time alone."""
        return channel_standing(self.state, grace_ends=self.grace_ends, chain_time=chain_time)

    # -- changes

    def after(self, fact: ChannelFact, now: datetime, **changes: Any) -> ClientChannel:
        """The row once `fact` is known. Raises IllegalTransition."""
        return replace(self, state=advance_channel(self.state, fact), updated_at=now, **changes)

    def learned(
        self, now: datetime, *, deposit: int = 0, signed: int = 0, accepted: int = 0, spent: int = 0, settled: int = 0
    ) -> ClientChannel:
        """The row with what was learned of its sums; what is less than known already changes nothing."""
        return replace(
            self,
            updated_at=now,
            deposit=max(self.deposit, deposit),
            signed=max(self.signed, signed),
            accepted=max(self.accepted, accepted),
            spent=max(self.spent, spent),
            settled=max(self.settled, settled),
        )

    def seen(self, chain: OnChainChannel, now: datetime) -> ClientChannel:
        """The row once the chain showed the channel, which is there. What it settled was accepted once, so that the
        voucher for it is signed too."""
        fact = ChannelFact.CLOSE_REQUESTED if chain.close_requested_at else ChannelFact.OPEN
        known = self.learned(now, deposit=chain.deposit, settled=chain.settled, signed=chain.settled)
        arrived = chain.deposit >= self.deposit + self.pending_deposit
        return known.after(
            fact,
            now,
            close_requested_at=chain.close_requested_at,
            pending_deposit=0 if arrived else self.pending_deposit,
            dies_at=0 if arrived else self.dies_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """Rows of a book, last used first. `damaged` are the ids of rows that cannot be read; they are kept."""

    rows: tuple[ClientChannel, ...]
    damaged: tuple[str, ...] = ()


class ChannelBook(Protocol):
    """Keeps channels. Every method is one transaction, safe against other tasks and other processes, and what it
    wrote is durable when it returns.
    """

    async def add(self, row: ClientChannel, *, lease: Lease | None, entry: ChannelEntry | None = None) -> ClientChannel:
        """Writes a new row. Raises ChannelExists, and LeaseLost when the lease is not held any more."""
        ...

    async def update(
        self,
        channel_id: str,
        change: Callable[[ClientChannel], ClientChannel],
        *,
        lease: Lease | None = None,
        entry: ChannelEntry | None = None,
    ) -> ClientChannel:
        """Replaces a row by what `change` makes of it. Raises UnknownChannel, ChannelWentBack, LeaseLost.

        `change` is short, pure, and may run in another thread; what it raises comes out, and nothing is written.
        """
        ...

    async def get(self, channel_id: str) -> ClientChannel | None:
        """None when there is no such row. Raises ChannelBookError when the row cannot be read."""
        ...

    async def usable(self, scope: Scope) -> Sequence[ClientChannel]:
        """Rows of a scope that are not finalized, last used first. Rows that cannot be read are left out."""
        ...

    async def rows(self, *, chain_id: int | None = None, archived: bool = False) -> ChannelPage:
        """Every row of a chain; `archived` gives the finalized ones too."""
        ...

    async def entries(self, channel_id: str) -> Sequence[ChannelEntry]:
        """What happened to a channel, oldest first."""
        ...

    async def cursor(self, name: str) -> int:
        """How far a search of the chain has come (a block number); 0 before the first."""
        ...

    async def move_cursor(self, name: str, block: int) -> None:
        """Remembers how far a search has come; it never goes back."""
        ...

    async def acquire(self, scope: Scope, owner: str, *, seconds: float) -> Lease | None:
        """The lease of a scope, None while somebody else who is alive holds it."""
        ...

    async def renew(self, lease: Lease, *, seconds: float) -> bool:
        """Holds it longer. False when it is lost."""
        ...

    async def release(self, lease: Lease) -> None:
        """Gives it back. Harmless when it is lost."""
        ...


_FIXED = (
    "channel_id", "protocol", "chain_id", "escrow", "payer", "payee", "token", "salt", "operator",
    "authorized_signer", "expiring_nonce_hash", "created_at",
)  # fmt: skip
_GROWING = ("deposit", "signed", "accepted", "spent", "settled")


def refuse_if_back(before: ClientChannel, after: ClientChannel) -> None:
    """Raises ChannelWentBack for a change that no honest program makes."""
    for name in _FIXED:
        if getattr(before, name) != getattr(after, name):
            raise ChannelWentBack(f"the {name} of channel {before.channel_id} cannot change")
    for name in _GROWING:
        if getattr(after, name) < getattr(before, name):
            raise ChannelWentBack(
                f"{name} of channel {before.channel_id} would fall from {getattr(before, name)} to "
                f"{getattr(after, name)}"
            )
    if before.state is ChannelState.FINALIZED and after.state is not ChannelState.FINALIZED:
        raise ChannelWentBack(f"channel {before.channel_id} is closed for good")
