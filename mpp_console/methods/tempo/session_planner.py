"""Which channel a session payment goes through: one that is open, one that is proved to be ours, or a new one.

Asks the book first and the chain only where the book does not know; a voucher on an open channel asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mpp_console.methods.base import Check, Clock, Place
from mpp_console.protocol import ChannelFact, ChannelState, Currency, ParseError

from .chain import Chain
from .channels import Descriptor
from .client_channel import ChannelBook, ChannelEntry, ClientChannel, Lease, Scope
from .networks import Network
from .quote import refusal
from .session_account import Account
from .session_dialect import dialect_of
from .session_plan import DepositPolicy, PlanKind, SessionPlan, next_voucher, plan_session
from .session_schema import SessionRequest, Snapshot, verify_snapshot
from .session_signing import domain_of

__all__ = ["Planner", "scope_of", "unknown_currency"]

_NOWHERE = Place(origin="", url="")
_OPENING = refusal(
    "channel-opening",
    "A channel for this server was sent, and it is neither on the chain nor dead yet. Opening another would lock money "
    "twice: try again in half a minute.",
)
_TOPPING_UP = refusal(
    "channel-topping-up",
    "A top up of this channel was sent, and it is neither on the chain nor dead yet. Another would lock money twice: "
    "try again in half a minute.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans payments asked for at `place`. Methods raise ChainError where the chain has to be asked.

    `delegate` is the account, besides the payer, whose key signs vouchers here.
    """

    network: Network
    chain: Chain
    book: ChannelBook
    account: Account
    clock: Clock
    deposits: DepositPolicy | Callable[[str], DepositPolicy]
    place: Place = _NOWHERE
    delegate: str | None = None

    async def plan(self, request: SessionRequest, payer: str | None, lease: Lease | None = None) -> SessionPlan | Check:
        """The plan, or why there is none. With a `lease`, what was learned of the channel is written down."""
        if payer is None:
            return plan_session(request, None, self._policy(request.currency), None)
        channel = await self._channel(request, payer, lease)
        if isinstance(channel, Check):
            return channel
        return await self._planned(request, channel, payer)

    async def further(self, request: SessionRequest, channel: ClientChannel, target: int) -> SessionPlan | Check:
        """The plan for a voucher over `target` in all, on a channel that is being paid on."""
        return await self._planned(request, channel, channel.payer, target)

    async def _planned(
        self, request: SessionRequest, channel: ClientChannel | None, payer: str, target: int | None = None
    ) -> SessionPlan | Check:
        policy = self._policy(request.currency)
        if target is None and channel is not None:
            target = self._beyond_others(request, channel)
        plan = plan_session(request, channel, policy, None, target)
        if isinstance(plan, SessionPlan) and plan.kind is not PlanKind.VOUCHER:
            if channel is not None and channel.pending_deposit:
                return _TOPPING_UP
            balance = await self.chain.balance(request.currency, payer)
            plan = plan_session(request, channel, policy, balance, target)
        return plan

    def _beyond_others(self, request: SessionRequest, channel: ClientChannel) -> int:
        """What the next voucher has to be over; on top of what others have signed since one was used up."""
        target = next_voucher(channel, request)
        used = self.account.contended.get(channel.channel_id)
        return target if used is None or channel.signed <= used else max(target, channel.signed + request.amount)

    def _policy(self, token: str) -> DepositPolicy:
        return self.deposits(token) if callable(self.deposits) else self.deposits

    def blank(self, request: SessionRequest, made: Descriptor) -> ClientChannel:
        """A row for a channel of this request that is about to be opened, without any sums."""
        now, token = self.clock(), self.network.token(request.currency)
        return ClientChannel(
            channel_id=dialect_of(request.protocol).channel_id(made, escrow=request.escrow, chain_id=request.chain_id),
            protocol=request.protocol,
            state=ChannelState.OPENING,
            network=self.network.name,
            chain_id=request.chain_id,
            escrow=request.escrow,
            payer=made.payer,
            payee=made.payee,
            token=made.token,
            currency=token.currency if token is not None else unknown_currency(request.currency),
            salt=made.salt,
            operator=made.operator,
            authorized_signer=made.authorized_signer,
            expiring_nonce_hash=made.expiring_nonce_hash,
            created_at=now,
            updated_at=now,
            last_used_at=now,
            origin=self.place.origin,
            url=self.place.url,
        )

    def placed(self) -> dict[str, Any]:
        """What a row remembers of its last use."""
        return {"origin": self.place.origin, "url": self.place.url, "last_used_at": self.clock()}

    async def _channel(self, request: SessionRequest, payer: str, lease: Lease | None) -> ClientChannel | Check | None:
        """The channel to pay on: the one the server names, else the last used; None to open one."""
        kept = await self.book.usable(scope_of(request, payer))
        # What nobody here can sign a voucher for stays as it is, to be closed by hand.
        rows = [row for row in kept if row.protocol == request.protocol and self._signs(row.voucher_signer, payer)]
        for row in sorted(rows, key=lambda row: row.channel_id != request.channel_id):
            if row.state is ChannelState.ACTIVE and row.pending_deposit == 0:
                return row
            if row.state in (ChannelState.ACTIVE, ChannelState.OPENING, ChannelState.UNKNOWN):
                known = await self.account.look(row, lease=lease)
                if known.state is ChannelState.ACTIVE:
                    return known
                if known.state in (ChannelState.OPENING, ChannelState.UNKNOWN):
                    return _OPENING
        return await self._recovered(request, payer, rows, lease)

    async def _recovered(
        self, request: SessionRequest, payer: str, rows: Sequence[ClientChannel], lease: Lease | None
    ) -> ClientChannel | None:
        """A channel that the server remembers and the book does not: taken when it is proved, else left alone."""
        snapshot = request.snapshot
        if snapshot is None or request.protocol == "v1" or not self._is_ours(snapshot, request, payer):
            return None
        known = next((row for row in rows if row.channel_id == snapshot.channel_id), None)
        if known is not None and known.state is not ChannelState.ORPHANED:
            return None
        if known is None and await self.book.get(snapshot.channel_id) is not None:
            return None  # it was closed once
        proven = _proven(snapshot)
        state = await self.account.reader(request.escrow).state(snapshot.channel_id)
        if not state.exists or state.close_requested_at or snapshot.accepted > max(proven, state.settled):
            return None  # what nobody proves that we signed is not paid
        return await self._adopt(request, snapshot, known, {
            "signed": max(proven, state.settled), "accepted": snapshot.accepted, "spent": snapshot.spent,
            "settled": state.settled, "deposit": state.deposit,
        }, lease)  # fmt: skip

    def _signs(self, account: str, payer: str) -> bool:
        return account in (payer, self.delegate)

    def _is_ours(self, snapshot: Snapshot, request: SessionRequest, payer: str) -> bool:
        try:
            verify_snapshot(snapshot, request)
        except ParseError:
            return False
        return snapshot.descriptor.payer == payer and self._signs(snapshot.descriptor.voucher_signer, payer)

    async def _adopt(
        self,
        request: SessionRequest,
        snapshot: Snapshot,
        known: ClientChannel | None,
        sums: dict[str, int],
        lease: Lease | None,
    ) -> ClientChannel:
        now = self.clock()

        def change(row: ClientChannel) -> ClientChannel:
            fact = ChannelFact.ADOPT if row.state is ChannelState.ORPHANED else ChannelFact.OPEN
            return replace(row.after(fact, now), **self.placed()).learned(now, **sums)

        row = known or self.blank(request, snapshot.descriptor)
        if lease is None:
            return change(row)
        entry = ChannelEntry(at=now, kind="recovered", amount=sums["deposit"], text="from the server's snapshot")
        if known is None:
            return await self.book.add(change(row), lease=lease, entry=entry)
        return await self.book.update(known.channel_id, change, lease=lease, entry=entry)


def scope_of(request: SessionRequest, payer: str) -> Scope:
    """What one channel is reused for."""
    return Scope(
        payer=payer,
        payee=request.recipient,
        token=request.currency,
        escrow=request.escrow,
        chain_id=request.chain_id,
    )


def unknown_currency(address: str) -> Currency:
    """All TIP-20 tokens have six decimals; the short address stands where nobody vouches for a symbol."""
    return Currency(id=address, symbol=f"{address[:6]}…{address[-4:]}", decimals=6)


def _proven(snapshot: Snapshot) -> int:
    """The sum that the snapshot shows our own signature for."""
    if snapshot.voucher is None:
        return 0
    amount, signature = snapshot.voucher
    domain = domain_of(snapshot.chain_id, snapshot.escrow)
    signer = snapshot.descriptor.voucher_signer
    return amount if domain.signed_by(signer, snapshot.channel_id, amount, signature) else 0
