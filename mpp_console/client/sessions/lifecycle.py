"""The life of a payer's channels between payments: list, sync, top up, close and get the rest back.

Every act holds the lease of its scope, so that it waits for a payment in flight and no payment starts meanwhile. What
happened is what the chain shows: no row changes its state by a server's word, and a refund is read from the event that
made it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mpp_console.client.sessions.snapshots import challenge_for, close_amounts
from mpp_console.client.sessions.transactions import (
    ChannelTransactionFailed,
    ChannelTransactions,
    request_close_calls,
    top_up_calls,
    withdrawal_calls,
)
from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.chain import Block, Chain, ChainError
from mpp_console.methods.tempo.client_channel import (
    ChannelBook,
    ChannelBookError,
    ChannelEntry,
    ChannelProtocol,
    ClientChannel,
    Lease,
    UnknownChannel,
)
from mpp_console.methods.tempo.keys import Signer
from mpp_console.methods.tempo.networks import Network
from mpp_console.methods.tempo.reserve_abi import OnChainChannel
from mpp_console.methods.tempo.session_account import Account
from mpp_console.methods.tempo.session_chain import ReserveReader
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.session_payloads import ClosePayload
from mpp_console.methods.tempo.session_ports import Leases, Management, ManagementFailed
from mpp_console.methods.tempo.session_signing import domain_of
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import (
    WITHDRAW_CUSHION,
    Challenge,
    ChannelState,
    Credential,
    format_account_did,
)

__all__ = ["CloseHow", "CloseResult", "SessionManager", "SyncRow", "ToSign"]

LOOKS: Final = 6
"""How often the chain is asked for a close that the server says it made, half a second apart."""


class CloseHow(StrEnum):
    """How far a close came."""

    COOPERATIVE = "cooperative"
    """The server closed it, and the chain shows it."""
    REQUESTED = "requested"
    """We asked the chain; the grace period runs."""
    WAITING = "waiting"
    """The grace period still runs. Nothing was sent."""
    WITHDRAWN = "withdrawn"
    """The rest was withdrawn after the grace period."""
    ALREADY = "already"
    """It was closed before. Nothing was sent."""
    REFUSED = "refused"
    """The server did not close it, and no more was to be tried. The channel is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSign:
    """What a cooperative close would sign: a voucher over `cumulative` base units, of which the payee may take what
    was spent. `returns` is what comes back at least.
    """

    channel: ClientChannel
    cumulative: int
    returns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseResult:
    """`refunded` in base units, None until it is known; `remaining` seconds of chain time until it can be withdrawn."""

    how: CloseHow
    channel: ClientChannel
    refunded: int | None = None
    remaining: int | None = None
    tx_hash: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRow:
    """One channel held against the chain. `trouble` says why it could not be; the row is then as it was."""

    before: ClientChannel
    after: ClientChannel
    trouble: str = ""

    @property
    def changed(self) -> bool:
        return replace(self.after, updated_at=self.before.updated_at) != self.before


class SessionManager:
    """Manages the channels of one network. `signer_of` gives the key of an account, a payer or a delegated signer, None
    when it is not here.

    `leaving` hears of a channel when something signed for it is about to leave: from then on its fate may be unknown.
    """

    def __init__(
        self,
        *,
        book: ChannelBook,
        leases: Leases,
        chain: Chain,
        network: Network,
        clock: Clock,
        signer_of: Callable[[str], Signer | None],
        management: Management | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        leaving: Callable[[str], None] = lambda channel_id: None,
    ) -> None:
        self._book = book
        self._leases = leases
        self._leaving = leaving
        self._chain = chain
        self._network = network
        self._clock = clock
        self._signer_of = signer_of
        self._management = management
        self._random_bytes = random_bytes
        self._sleep = sleep
        self._account = Account(book=book, chain=chain, clock=clock)

    # -- looking

    async def sync(self, channel_ids: Sequence[str] | None = None) -> tuple[SyncRow, ...]:
        """Holds rows against the chain, many in one call. A row that cannot be asked about stays as it is, and the
        others go on. Nothing is dropped: a closed channel is archived with what came back.
        """
        page = await self._book.rows(chain_id=self._network.chain_id)
        rows = [row for row in page.rows if channel_ids is None or row.channel_id in channel_ids]
        try:
            block = await self._chain.block()
        except ChainError as error:
            return tuple(SyncRow(before=row, after=row, trouble=error.message) for row in rows)
        done: list[SyncRow] = []
        groups: dict[tuple[str, ChannelProtocol], list[ClientChannel]] = {}
        for row in rows:
            groups.setdefault((row.escrow, row.protocol), []).append(row)
        for (escrow, protocol), group in groups.items():
            done += await self._sync_escrow(self._account.reader(escrow, protocol), group, block)
        return tuple(done)

    async def _sync_escrow(self, reader: ReserveReader, rows: Sequence[ClientChannel], block: Block) -> list[SyncRow]:
        try:
            states: Sequence[OnChainChannel | None] = await reader.states([row.channel_id for row in rows])
        except ChainError:
            states = [None] * len(rows)  # one by one then: one bad answer must not hide the others
        return [await self._sync_one(row, state, block) for row, state in zip(rows, states, strict=True)]

    async def _sync_one(self, row: ClientChannel, state: OnChainChannel | None, block: Block) -> SyncRow:
        reader, ended = self._account.reader(row.escrow, row.protocol), None
        try:
            if state is None:
                state = await reader.state(row.channel_id)
            if not state.exists and block.number >= row.from_block:
                ended = await reader.closed(row.channel_id, from_block=row.from_block)
            after = await self._account.apply(row, block, state, ended, lease=None, write=True)
        except (ChainError, ChannelBookError) as error:
            return SyncRow(before=row, after=row, trouble=error.message)
        return SyncRow(before=row, after=after)

    async def to_sign(self, channel_id: str) -> ToSign:
        """What a cooperative close would sign by what is known now; for the review. Raises UnknownChannel."""
        row = await self._row(channel_id)
        least = row.owed if dialect_of(row.protocol).partial else max(row.spent, row.settled)
        return ToSign(channel=row, cumulative=least, returns=max(row.deposit - row.owed, 0))

    # -- closing

    async def close(
        self, channel_id: str, *, cooperative: bool = True, force: bool = True, url: str | None = None
    ) -> CloseResult:
        """Takes the next step towards getting the deposit back.

        Asks the server first (`cooperative`), at `url` instead of the row's, which has lost its secrets; else the chain
        (`force`): requests the close, says how long it still takes, or withdraws, whatever it is time for by the
        chain's clock. Waits for a payment in flight. Raises UnknownChannel, ChainError, ChannelTransactionFailed,
        ChannelBookError.
        """
        held = await self._leases.hold((await self._row(channel_id)).scope)
        try:
            # Read again: whoever held the channel until now may have changed it.
            row = await self._account.look(await self._row(channel_id), lease=held.lease)
            if row.state is ChannelState.FINALIZED:
                return CloseResult(how=CloseHow.ALREADY, channel=row, refunded=row.refunded, tx_hash=row.close_hash)
            said = ""
            if cooperative and row.state is ChannelState.ACTIVE:
                result = await self._ask_server(row, held.lease, url or row.askable_url)
                if result.how is not CloseHow.REFUSED or not force:
                    return result
                row, said = result.channel, result.message
            if not force:
                return CloseResult(how=CloseHow.REFUSED, channel=row, message="nothing was asked of the server")
            return await self._force(row, held.lease, said)
        finally:
            await held.release()

    async def withdraw(self, channel_id: str) -> CloseResult:
        """Withdraws when the grace period is over, and otherwise only says how things stand. Raises as `close` does."""
        held = await self._leases.hold((await self._row(channel_id)).scope)
        try:
            row = await self._account.look(await self._row(channel_id), lease=held.lease)
            block = await self._chain.block()
            match row.standing(block.timestamp):
                case ChannelState.FINALIZABLE:
                    return await self._withdraw(row, held.lease)
                case ChannelState.FINALIZED:
                    how, said = CloseHow.ALREADY, ""
                case ChannelState.CLOSING:
                    how, said = CloseHow.WAITING, ""
                case _:
                    how, said = CloseHow.REFUSED, "no close of it was requested; close it first"
            return CloseResult(
                how=how,
                channel=row,
                refunded=row.refunded,
                remaining=_remaining(row, block.timestamp) if how is CloseHow.WAITING else None,
                tx_hash=row.close_hash,
                message=said,
            )
        finally:
            await held.release()

    async def _force(self, row: ClientChannel, lease: Lease, said: str) -> CloseResult:
        block = await self._chain.block()
        match row.standing(block.timestamp):
            case ChannelState.FINALIZABLE:
                return await self._withdraw(row, lease)
            case ChannelState.CLOSING:
                return CloseResult(
                    how=CloseHow.WAITING, channel=row, remaining=_remaining(row, block.timestamp), message=said
                )
            case ChannelState.OPENING | ChannelState.UNKNOWN if not row.close_requested_at:
                message = "the chain does not show the channel, and its opening may still come"
                return CloseResult(how=CloseHow.REFUSED, channel=row, message=message)
        receipt_hash = await self._transact(row, lease, request_close_calls(row), "close requested")
        row = await self._account.look(row, lease=lease)
        block = await self._chain.block()
        return CloseResult(
            how=CloseHow.REQUESTED,
            channel=row,
            remaining=_remaining(row, block.timestamp),
            tx_hash=receipt_hash,
            message=said,
        )

    async def _withdraw(self, row: ClientChannel, lease: Lease) -> CloseResult:
        tx_hash = await self._transact(row, lease, withdrawal_calls(row), "withdrawal")
        row = await self._account.look(row, lease=lease)
        return CloseResult(how=CloseHow.WITHDRAWN, channel=row, refunded=row.refunded, tx_hash=tx_hash)

    async def _transact(
        self, row: ClientChannel, lease: Lease, calls: tuple[Call, ...], kind: str, *, locks: int = 0
    ) -> str:
        """Signs, writes that it leaves, sends, waits for the receipt. Gives the hash."""
        signer = self._signer_of(row.payer)
        if signer is None:
            raise ChannelTransactionFailed(f"The key of {row.payer} is not here.", code="watch-only")
        hands = ChannelTransactions(
            chain=self._chain,
            network=self._network,
            signer=signer,
            clock=self._clock,
            random_bytes=self._random_bytes,
            sleep=self._sleep,
        )
        signed = await hands.sign(row, calls, locks=locks)
        now = self._clock()

        def leaving(row: ClientChannel) -> ClientChannel:
            if not locks:
                return replace(row, updated_at=now)
            return replace(row, updated_at=now, pending_deposit=locks, dies_at=signed.tx.valid_before or 0)

        entry = ChannelEntry(at=now, kind=kind, amount=locks or None, reference=signed.hash)
        await self._book.update(row.channel_id, leaving, lease=lease, entry=entry)
        self._leaving(row.channel_id)
        try:
            return (await hands.send(signed)).hash
        except ChannelTransactionFailed as error:
            if locks and not error.unconfirmed:
                await self._account.forget_top_up(row.channel_id, lease)
            raise

    # -- by the server

    async def _ask_server(self, row: ClientChannel, lease: Lease, url: str) -> CloseResult:
        signer = self._signer_of(row.voucher_signer)
        if self._management is None or not url or signer is None:
            said = "the URL held a secret, which is not kept" if row.url and not url else "there is no server to ask"
            return CloseResult(how=CloseHow.REFUSED, channel=row, message=said)
        try:
            challenges = await self._management.probe(url, row.channel_id)
            found = challenge_for(row, challenges)
            if found is None:
                row = await self._account.look(row, lease=lease)
                return _asked(row, "the server offers no session for this channel")
            challenge, request = found
            for amount in close_amounts(row, request):
                credential = await self._close_credential(row, lease, challenge, amount, signer)
                answer = await self._management.post(url, credential)
                if answer.accepted or answer.status >= 500:
                    break
        except ManagementFailed as error:
            row = await self._account.look(row, lease=lease) if error.left else row
            return _asked(row, error.message)
        looks = LOOKS if answer.accepted else 2 if answer.status >= 500 else 1
        for attempt in range(looks):
            if attempt:
                await self._sleep(0.5)
            row = await self._account.look(row, lease=lease)
            if row.state is ChannelState.FINALIZED:
                break
        detail = "" if answer.problem is None else f": {answer.problem.detail or answer.problem.title}"
        return _asked(row, f"the server answered {answer.status}{detail}")

    async def _close_credential(
        self, row: ClientChannel, lease: Lease, challenge: Challenge, amount: int, signer: Signer
    ) -> Credential:
        """A close over `amount`, on record and about to leave."""
        now = self._clock()
        entry = ChannelEntry(at=now, kind="asked to close", amount=amount)
        await self._book.update(row.channel_id, lambda row: row.learned(now, signed=amount), lease=lease, entry=entry)
        payload = ClosePayload(
            channel_id=row.channel_id,
            cumulative=amount,
            signature=domain_of(row.chain_id, row.escrow, row.protocol).sign(signer, row.channel_id, amount),
            descriptor=row.stated,
        )
        source = format_account_did(row.chain_id, row.payer)
        self._leaving(row.channel_id)
        return Credential(challenge=challenge, payload=payload.to_wire(), source=source)

    # -- adding

    async def top_up(self, channel_id: str, amount: int) -> ClientChannel:
        """Adds `amount` base units by a transaction of our own; this also takes a requested close back (0 only that).

        Raises as `close` does, and ChannelTransactionFailed while an earlier top up is still open.
        """
        held = await self._leases.hold((await self._row(channel_id)).scope)
        try:
            # Read again: whoever held the channel until now may have changed it.
            row = await self._account.look(await self._row(channel_id), lease=held.lease)
            if row.state not in (ChannelState.ACTIVE, ChannelState.CLOSING, ChannelState.ORPHANED):
                raise ChannelTransactionFailed(f"The channel is {row.state}: nothing can be added to it.")
            if row.pending_deposit:
                raise ChannelTransactionFailed("An earlier top up may still come. Try again in half a minute.")
            await self._transact(row, held.lease, top_up_calls(row, amount), "topping up", locks=amount)
            return await self._account.look(await self._row(channel_id), lease=held.lease)
        finally:
            await held.release()

    async def _row(self, channel_id: str) -> ClientChannel:
        row = await self._book.get(channel_id)
        if row is None:
            raise UnknownChannel(f"there is no channel {channel_id}")
        return row


def _asked(row: ClientChannel, message: str) -> CloseResult:
    """What came of asking the server, by what the chain shows now."""
    if row.state is ChannelState.FINALIZED:
        return CloseResult(
            how=CloseHow.COOPERATIVE, channel=row, refunded=row.refunded, tx_hash=row.close_hash, message=message
        )
    return CloseResult(how=CloseHow.REFUSED, channel=row, message=message)


def _remaining(row: ClientChannel, chain_time: int) -> int | None:
    """Seconds until the rest can be withdrawn, the cushion included."""
    return None if row.grace_ends is None else max(row.grace_ends + WITHDRAW_CUSHION - chain_time, 0)
