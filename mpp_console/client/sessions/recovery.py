"""Finding channels that the book does not know, by the chain's own record of who opened what.

The opening event carries everything that a channel is made of, so that one whose row is lost can be closed again. The
search goes on from where it last ended, and a range that a node finds too wide is really halved: no block is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.chain import Chain, ChainError, ChainUnreachable
from mpp_console.methods.tempo.channels import RESERVE, Descriptor
from mpp_console.methods.tempo.client_channel import (
    ChannelBook,
    ChannelBookError,
    ChannelEntry,
    ChannelExists,
    ChannelProtocol,
    ClientChannel,
)
from mpp_console.methods.tempo.networks import Network
from mpp_console.methods.tempo.reserve_abi import ChannelEvent, OnChainChannel
from mpp_console.methods.tempo.session_chain import ReserveReader
from mpp_console.methods.tempo.session_planner import unknown_currency
from mpp_console.protocol import ChannelState, MppError

__all__ = ["ChannelSearch", "Found"]

WIDTH: Final = 50_000
"""Blocks that are asked for at once, as long as the node allows it."""

DEPTH: Final = 10
"""Blocks that are searched again, in case the last ones were replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to. `closed` counts channels that are over; `until` is the last block that was searched."""

    orphans: tuple[ClientChannel, ...]
    known: int
    closed: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSearch:
    """Searches one escrow for the channels of a payer: the channel reserve, or an escrow contract of v1."""

    book: ChannelBook
    chain: Chain
    network: Network
    clock: Clock
    escrow: str = RESERVE
    protocol: ChannelProtocol = "v2"
    width: int = WIDTH

    async def run(self, payer: str, *, from_block: int | None = None) -> Found:
        """Adds what is found to the book as `orphaned` (or `closing`). Raises ChainError when a node cannot answer even
        for one block; what was found by then is kept, and the next search goes on there.
        """
        # Only a contract of somebody's own is searched for both versions; each search has to know how far it came.
        also = ":v2" if self.protocol == "v2" and self.escrow != RESERVE else ""
        name = f"opened:{self.network.chain_id}:{self.escrow}:{payer}{also}".lower()
        start = from_block if from_block is not None else max(await self.book.cursor(name) - DEPTH, 0)
        head = (await self.chain.block()).number
        orphans: list[ClientChannel] = []
        known = closed = 0
        width = self.width
        while start <= head:
            end = min(start + width - 1, head)
            try:
                events = await self._reader.opened_by(payer, from_block=start, to_block=end)
            except ChainUnreachable:
                raise
            except ChainError:
                if start == end:
                    raise
                width = max((end - start + 1) // 2, 1)
                continue
            states = await self._reader.states([event.channel_id for event in events])
            for event, state in zip(events, states, strict=True):
                row = await self._add(event, state)
                orphans += [row] if row is not None else []
                known += row is None and state.exists
                closed += not state.exists
            await self.book.move_cursor(name, end)
            start, width = end + 1, min(width * 2, self.width)
        return Found(orphans=tuple(orphans), known=known, closed=closed, until=head)

    @property
    def _reader(self) -> ReserveReader:
        return ReserveReader(chain=self.chain, escrow=self.escrow, protocol=self.protocol)

    async def _add(self, event: ChannelEvent, state: OnChainChannel) -> ClientChannel | None:
        """The new row; None when the book has one (a damaged one too), or the channel is over."""
        parties = event.descriptor
        if not state.exists or parties is None or await self._has(event.channel_id):
            return None
        row = self._row(event, parties).seen(state, self.clock())
        entry = ChannelEntry(at=self.clock(), kind="found", amount=state.deposit, reference=event.transaction_hash)
        try:
            return await self.book.add(row, lease=None, entry=entry)
        except ChannelExists:
            return None

    async def _has(self, channel_id: str) -> bool:
        try:
            return await self.book.get(channel_id) is not None
        except (ChannelBookError, MppError):
            return True

    def _row(self, event: ChannelEvent, parties: Descriptor) -> ClientChannel:
        now, token = self.clock(), self.network.token(parties.token)
        return ClientChannel(
            channel_id=event.channel_id,
            protocol=self.protocol,
            state=ChannelState.ORPHANED,
            network=self.network.name,
            chain_id=self.network.chain_id,
            escrow=self.escrow,
            payer=parties.payer,
            payee=parties.payee,
            token=parties.token,
            currency=token.currency if token is not None else unknown_currency(parties.token),
            salt=parties.salt,
            operator=parties.operator,
            authorized_signer=parties.authorized_signer,
            expiring_nonce_hash=parties.expiring_nonce_hash,
            created_at=now,
            updated_at=now,
            last_used_at=now,
            from_block=event.block_number or 0,
            open_hash=event.transaction_hash,
        )
