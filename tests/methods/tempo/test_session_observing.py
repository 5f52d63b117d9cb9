"""The chain's word on a payee's channels: when it is asked, and what it changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.tempo.channels import RESERVE, Descriptor
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS, encode_withdraw
from mpp_console.methods.tempo.session_problems import ChannelFinalized, ChannelNotFound
from mpp_console.methods.tempo.session_record import ChannelState, DispatchKind, change_known
from mpp_console.methods.tempo.transaction import Call
from tests.methods.tempo.booths import PRICE, Booth, _Provider
from tests.sandbox.node.chains import ALICE, CAROL, Chain


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


async def test_a_clock_that_is_set_back_keeps_no_word_fresh() -> None:
    ahead = timedelta(hours=1)
    booth = Booth()
    booth.settings = {"clock": lambda: booth.clock() + ahead}
    booth.payee = booth.open_shop()
    descriptor = await booth.opened()
    booth.clock.advance(6)
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    ahead = timedelta()
    booth.request_close(descriptor)
    with pytest.raises(ChannelFinalized):
        await booth.handle(booth.voucher(descriptor, 3 * PRICE))


async def test_a_channel_whose_opening_was_taken_back_is_not_found(booth: Booth) -> None:
    """One block without it may be a node that lags; after a minute the chain was reorganised, and nothing is served."""
    descriptor = await booth.opened()
    booth.rpc._provider = _Provider(Chain(clock=booth.clock), booth.rpc.heard)  # type: ignore[assignment]
    booth.clock.advance(30)
    await booth.handle(booth.voucher(descriptor, 2 * PRICE))
    booth.clock.advance(31)
    with pytest.raises(ChannelNotFound) as caught:
        await booth.handle(booth.voucher(descriptor, 3 * PRICE))
    assert caught.value.status == 410
    record = await booth.record(descriptor)
    assert (record.state, record.accepted, record.spent) == (ChannelState.OPEN, 2 * PRICE, 2 * PRICE)


async def lost(booth: Booth, descriptor: Descriptor, **changes: Any) -> None:
    """A record of a channel that the chain does not show: neither its state nor how it ended."""
    ghost = replace(await booth.record(descriptor), channel_id="0x" + "ab" * 32, **changes)
    await booth.store.update(ghost.channel_id, lambda record: (ghost, None))


async def test_a_channel_that_nobody_can_tell_of_hides_no_other(booth: Booth) -> None:
    """A node that lost it, or an escrow that is not configured any more, must not make the payee blind."""
    descriptor = await booth.opened()
    booth.clock.advance(1)
    await lost(booth, descriptor, last_used=booth.clock())
    booth.request_close(descriptor)
    (seen,) = await booth.payee.settlement.watch()
    assert seen == await booth.record(descriptor)
    assert seen.close_requested_at > 0


async def test_a_channel_of_an_escrow_that_is_not_used_any_more_hides_no_other(booth: Booth) -> None:
    descriptor = await booth.opened()
    booth.clock.advance(1)
    await lost(booth, descriptor, escrow=CAROL.address, last_used=booth.clock())
    booth.request_close(descriptor)
    (seen,) = await booth.payee.settlement.watch()
    assert seen.close_requested_at > 0


@pytest.mark.parametrize("escrow", [RESERVE, CAROL.address])
async def test_a_new_process_serves_although_one_channel_cannot_be_resolved(booth: Booth, escrow: str) -> None:
    descriptor = await booth.opened()
    record = await booth.record(descriptor)
    booth.clock.advance(1)
    await lost(booth, descriptor, state=ChannelState.CLOSING, escrow=escrow, last_used=booth.clock())
    pending = replace(record.done[0], kind=DispatchKind.SETTLE)
    await change_known(booth.store, record.channel_id, lambda known: replace(known, pending=pending))
    booth.payee = booth.open_shop()
    (resolved,) = await booth.payee.recover()
    assert (resolved.channel_id, resolved.pending) == (record.channel_id, None)
