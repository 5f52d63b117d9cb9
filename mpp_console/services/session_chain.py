"""What the chain says of one channel, for people: its state, when it can be withdrawn, and its events.

Spends nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import WITHDRAW_CUSHION, Currency, MppError
from mpp_console.services.models import LogView, Money, SessionChainView
from mpp_console.services.views import explorer_url

if TYPE_CHECKING:
    from mpp_console.methods.tempo.client_channel import ClientChannel
    from mpp_console.methods.tempo.reserve_abi import ChannelEvent
    from mpp_console.services.engine import Engine

__all__ = ["session_chain_view"]

_VALUES: Final = {
    "ChannelOpened": ("deposit",),
    "Settled": ("cumulative", "paid", "settled"),
    "TopUp": ("added", "deposit"),
    "CloseRequested": ("grace ends",),
    "CloseRequestCancelled": (),
    "ChannelClosed": ("settled", "refunded"),
}
"""What the numbers of an event are called, in the order of its declaration."""


async def session_chain_view(engine: Engine, channel: ClientChannel) -> tuple[SessionChainView, timedelta]:
    """The view, and how far the chain's clock is ahead of ours. Raises ChainError."""
    from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
    from mpp_console.methods.tempo.session_chain import ReserveReader

    chain = await engine.chain.get()
    block = await chain.block()
    reader = ReserveReader(chain=chain, escrow=channel.escrow, protocol=channel.protocol)
    state = await reader.state(channel.channel_id)
    try:
        events = await reader.events(channel.channel_id, from_block=channel.from_block)
    except MppError:
        events = []  # some nodes give no logs of long ranges; the state is what counts
    requested = state.close_requested_at
    view = SessionChainView(
        exists=state.exists,
        deposit=state.deposit,
        settled=state.settled,
        close_requested_at=_moment(requested) if requested else None,
        withdrawable_at=_moment(requested + GRACE_SECONDS + WITHDRAW_CUSHION) if requested else None,
        block=block.number,
        chain_time=_moment(block.timestamp),
        explorer_url=explorer_url(channel.close_hash or channel.open_hash, channel.network, engine.network),
        logs=tuple(_log(event, channel) for event in events),
    )
    return view, timedelta(seconds=block.timestamp - int(engine.clock().timestamp()))


def _log(event: ChannelEvent, channel: ClientChannel) -> LogView:
    names = _VALUES[event.kind.value]
    facts = [(name, _value(name, value, channel.currency)) for name, value in zip(names, event.values, strict=False)]
    if event.block_number is not None:
        facts.append(("block", str(event.block_number)))
    if event.transaction_hash is not None:
        facts.append(("transaction", event.transaction_hash))
    return LogView(address=channel.escrow, name=event.kind.value, facts=tuple(facts))


def _value(name: str, value: int, currency: Currency) -> str:
    if name == "grace ends":
        return f"{_moment(value):%Y-%m-%d %H:%M:%S} UTC"
    return Money(amount=value, currency=currency).text


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
