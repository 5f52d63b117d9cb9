"""What the chain says of channels: their states in one call, and their events. Reads only.

Everything that a payer believes of its deposits comes from here, never from a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mpp_console.protocol import ParseError

from .chain import Chain, ChainError
from .channels import RESERVE
from .client_channel import ChannelProtocol
from .keys import address_bytes
from .reserve_abi import ChannelEvent, ChannelEventKind, OnChainChannel
from .session_dialect import dialect_of

__all__ = ["ReserveReader"]

BATCH: Final = 200
"""Channels asked for in one call: each costs the node a storage read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveReader:
    """Reads the channels of one escrow: the channel reserve (v2), or an escrow contract (v1).

    Methods raise ChainError.
    """

    chain: Chain
    escrow: str = RESERVE
    protocol: ChannelProtocol = "v2"

    async def states(self, channel_ids: Sequence[str]) -> tuple[OnChainChannel, ...]:
        """The states of channels, in the same order."""
        spoken = dialect_of(self.protocol)
        found: list[OnChainChannel] = []
        for start in range(0, len(channel_ids), BATCH):
            part = channel_ids[start : start + BATCH]
            answer = await self.chain.call(self.escrow, spoken.encode_states(part))
            try:
                found += spoken.decode_states(answer, len(part))
            except ParseError as error:
                raise ChainError(error.message, code=error.code) from error
        return tuple(found)

    async def state(self, channel_id: str) -> OnChainChannel:
        (state,) = await self.states([channel_id])
        return state

    async def closed(self, channel_id: str, *, from_block: int) -> ChannelEvent | None:
        """How a channel ended, None when its end is not among the logs."""
        events = await self._events([self._topic(ChannelEventKind.CLOSED), channel_id], from_block, "latest")
        return events[-1] if events else None

    async def events(self, channel_id: str, *, from_block: int) -> list[ChannelEvent]:
        """Everything that happened to a channel, oldest first, as far as we know the events' names."""
        kinds = (ChannelEventKind.OPENED, ChannelEventKind.CLOSED) if self.protocol == "v1" else ChannelEventKind
        return await self._events([[self._topic(kind) for kind in kinds], channel_id], from_block, "latest")

    async def opened_by(self, payer: str, *, from_block: int, to_block: int) -> list[ChannelEvent]:
        """Every opening by a payer in a range of blocks, both ends included, with the whole descriptor of each."""
        topic = "0x" + (bytes(12) + address_bytes(payer)).hex()
        return await self._events([self._topic(ChannelEventKind.OPENED), None, topic], from_block, to_block)

    def _topic(self, kind: ChannelEventKind) -> str:
        return dialect_of(self.protocol).topic(kind)

    async def _events(
        self, topics: Sequence[str | Sequence[str] | None], from_block: int, to_block: int | str
    ) -> list[ChannelEvent]:
        logs = await self.chain.logs(address=self.escrow, topics=topics, from_block=from_block, to_block=to_block)
        return dialect_of(self.protocol).events(logs, self.escrow)
