"""The chain's word on a payee's channels: when it is asked, and what it changes."""

from __future__ import annotations

import pytest

from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS, encode_withdraw
from mpp_console.methods.tempo.session_problems import (
    ChannelFinalized,
)
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.methods.tempo.transaction import Call
from tests.methods.tempo.booths import PRICE, Booth
from tests.sandbox.node.chains import ALICE


@pytest.fixture
def booth() -> Booth:
    return Booth()


async def test_a_requested_close_stops_service_and_a_top_up_brings_it_back(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.request_close(descriptor)
    booth.clock.advance(6)
    with pytest.raises(ChannelFinalized) as caught:
        await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    assert caught.value.status == 410
    await booth.handle(booth.topping_up(descriptor, 10))
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))


async def test_a_channel_that_the_payer_has_emptied_is_closed_by_the_chains_word(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.request_close(descriptor)
    booth.clock.advance(GRACE_SECONDS + 1)
    booth.chain.run(ALICE, Call(RESERVE, 0, encode_withdraw(descriptor)))
    with pytest.raises(ChannelFinalized):
        await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    record = await booth.record(descriptor)
    assert (record.state, record.refunded, record.settled) == (ChannelState.CLOSED, 1_000, 0)


async def test_the_chain_is_asked_every_few_seconds_only(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.rpc.heard.clear()
    for number in range(2, 5):
        await booth.handle(booth.voucher(descriptor, number * PRICE))
    assert booth.rpc.heard == []
    booth.clock.advance(6)
    await booth.handle(booth.voucher(descriptor, 5 * PRICE))
    assert booth.rpc.heard == ["eth_call"]
