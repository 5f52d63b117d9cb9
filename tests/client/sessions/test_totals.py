"""What channels hold, in sums."""

from __future__ import annotations

from mpp_console.client.sessions.totals import channel_totals
from mpp_console.protocol import ChannelState

from .samples import a_channel


def test_sums_by_currency() -> None:
    rows = [
        a_channel(1, deposit=100, signed=50, accepted=40, spent=40, settled=30),
        a_channel(2, deposit=10, signed=1, accepted=1, state=ChannelState.CLOSING),
        a_channel(3, deposit=999, signed=9, state=ChannelState.FINALIZED),
    ]
    (total,) = channel_totals(rows)
    assert (total.locked, total.at_risk, total.pending_refund) == (80, 10, 9)
    assert total.currency.symbol == "pathUSD"
    assert channel_totals([]) == ()


def test_no_more_is_at_risk_than_there_is() -> None:
    """What another wallet wrote down may be more than the deposit, but nobody can claim more than that."""
    (total,) = channel_totals([a_channel(1, deposit=100, signed=99_999, accepted=2, spent=2)])
    assert (total.locked, total.at_risk) == (100, 98)
