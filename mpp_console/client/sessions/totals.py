"""What channels hold of ours, in sums by currency. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.protocol import ChannelState, Currency

__all__ = ["ChannelTotals", "channel_totals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTotals:
    """Base units of `currency`. `locked` is held by the escrow and not paid out; of it, `at_risk` is signed without a
    confirmation, and `pending_refund` is on its way back by a requested close, less what is promised.
    """

    currency: Currency
    locked: int
    at_risk: int
    pending_refund: int


def channel_totals(rows: Iterable[ClientChannel]) -> tuple[ChannelTotals, ...]:
    """One row for each currency, in the order in which the channels name them."""
    groups: dict[str, list[ClientChannel]] = {}
    for row in rows:
        if row.state.holds_money:
            groups.setdefault(row.token.lower(), []).append(row)
    return tuple(
        ChannelTotals(
            currency=group[0].currency,
            locked=sum(row.locked for row in group),
            at_risk=sum(row.at_risk for row in group),
            pending_refund=sum(row.left for row in group if _closing(row)),
        )
        for group in groups.values()
    )


def _closing(row: ClientChannel) -> bool:
    return row.state in (ChannelState.CLOSING, ChannelState.FINALIZABLE)
