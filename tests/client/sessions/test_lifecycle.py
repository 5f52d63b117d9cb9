"""Getting deposits back: by the server, by the chain, and whatever stands in the way.

Rows of the acceptance list are named where a test is one of them.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.client.sessions.transactions import ChannelTransactionFailed
from mpp_console.methods.tempo.chain import ChainUnreachable, NotSent
from mpp_console.methods.tempo.client_channel import UnknownChannel
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.protocol import WITHDRAW_CUSHION, ChannelState
from tests.client.till import Reply

from .conftest import World
from .shop import PRICE

ALL = GRACE_SECONDS + WITHDRAW_CUSHION


class Broken:
    """A chain of which some methods fail, and that counts what is sent."""

    def __init__(self, chain: Any, **broken: Exception) -> None:
        self._chain = chain
        self.broken = broken
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        if name == "send_raw_sync":
            self.sent += 1
        if name in self.broken:
            raise self.broken[name]
        return getattr(self._chain, name)


async def entries(world: World, channel_id: str) -> list[str]:
    return [entry.kind for entry in await world.book.entries(channel_id)]


async def test_open_reuse_and_close_by_the_server(world: World) -> None:
    """Row 1."""
    for _ in range(4):
        await world.get()
    row = await world.channel()
    shown = await world.manager().to_sign(row.channel_id)
    assert (shown.cumulative, shown.returns) == (4 * PRICE, 6 * PRICE)
    balance = await world.balance()
    result = await world.manager().close(row.channel_id)
    assert (result.how, result.refunded) == (CloseHow.COOPERATIVE, 6 * PRICE)
    assert result.tx_hash is not None
    assert await world.balance() - balance == 6 * PRICE, "the server paid the fee"
    kept = await world.channel()
    assert (kept.state, kept.refunded, kept.settled) == ("finalized", 6 * PRICE, 4 * PRICE)
    assert await world.operations() == [("settled", PRICE)] * 4
    assert (await entries(world, row.channel_id))[-2:] == ["asked to close", "finalized"]
    again = await world.manager().close(row.channel_id)
    assert (again.how, again.refunded) == (CloseHow.ALREADY, 6 * PRICE)
    assert world.shop.actions.count("close") == 1


async def test_a_close_waits_for_the_payment_in_flight(world: World) -> None:
    """Row 5."""
    await world.get()
    row = await world.channel()
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(seen: Any, payload: Any) -> None:
        arrived.set()
        await go_on.wait()

    world.shop.before["voucher"] = slowly
    paying = asyncio.create_task(world.get())
    await arrived.wait()
    closing = asyncio.create_task(world.manager().close(row.channel_id))
    await asyncio.sleep(0.2)
    assert "close" not in world.shop.actions
    go_on.set()
    assert (await paying).text == "goods"
    assert (await closing).refunded == 8 * PRICE


async def test_a_server_that_breaks_after_closing_is_not_asked_again(world: World) -> None:
    """Row 8."""
    await world.get()
    row = await world.channel()
    world.shop.after["close"] = lambda seen, payload: Reply(status=500, body=b"")
    chain = Broken(world.chain)
    result = await world.manager(chain=chain).close(row.channel_id)
    assert (result.how, result.refunded, chain.sent) == (CloseHow.COOPERATIVE, 9 * PRICE, 0)


async def test_a_close_that_the_server_only_claims_is_not_believed(world: World) -> None:
    await world.get()
    row = await world.channel()
    world.shop.before["close"] = lambda seen, payload: Reply(status=204, body=b"")
    result = await world.manager().close(row.channel_id, force=False)
    assert (result.how, result.channel.state) == (CloseHow.REFUSED, "active")
    assert (await world.channel()).locked == 10 * PRICE


@pytest.mark.parametrize("fault", ["refuses", "gone", "silent", "no challenge"])
async def test_without_the_server_the_chain_pays_back(world: World, fault: str) -> None:
    """Rows 9, 10 and 11."""
    for _ in range(3):
        await world.get()
    row = await world.channel()
    match fault:
        case "refuses":
            world.shop.before["close"] = lambda seen, payload: world.shop.ask(seen, "verification-failed")
        case "gone":
            world.shop.before["close"] = lambda seen, payload: world.shop.ask(seen, "session/channel-not-found", 410)
        case "silent":
            world.server.stop_listening()
        case "no challenge":
            world.shop.before["ask"] = lambda seen, payload: Reply(status=404, body=b"")
    chain = Broken(world.chain)
    manager = world.manager(chain=chain)
    first = await manager.close(row.channel_id)
    assert (first.how, first.channel.state, first.remaining) == (CloseHow.REQUESTED, "closing", ALL)
    assert chain.sent == 1
    world.clock.advance(ALL - 1)
    waiting = await manager.close(row.channel_id)
    assert (waiting.how, waiting.remaining, chain.sent) == (CloseHow.WAITING, 1, 1)
    assert (await world.channel()).standing(int(world.clock().timestamp())) == "closing"
    world.clock.advance(1)
    assert (await world.channel()).standing(int(world.clock().timestamp())) == "finalizable"
    balance = await world.balance()
    done = await manager.close(row.channel_id)
    assert (done.how, done.refunded, chain.sent) == (CloseHow.WITHDRAWN, 10 * PRICE, 2)
    fee = balance + 10 * PRICE - await world.balance()
    assert 0 < fee < 10_000
    kept = await world.channel()
    assert (kept.state, kept.refunded, kept.close_hash) == ("finalized", 10 * PRICE, done.tx_hash)


async def test_what_the_payee_claims_in_the_grace_period_does_not_come_back(world: World) -> None:
    for _ in range(3):
        await world.get()
    row = await world.channel()
    manager = world.manager()
    await manager.close(row.channel_id, cooperative=False)
    await world.shop.settle_on_chain(row.channel_id)
    world.clock.advance(ALL)
    done = await manager.close(row.channel_id)
    assert (done.refunded, done.channel.settled) == (7 * PRICE, 3 * PRICE)


@pytest.mark.parametrize("error", [NotSent("no node"), ChainUnreachable("gone")])
async def test_a_request_to_close_that_was_dropped_changes_nothing(world: World, error: Exception) -> None:
    """Row 12."""
    await world.get()
    row = await world.channel()
    chain = Broken(world.chain, send_raw_sync=error)
    with pytest.raises(ChannelTransactionFailed) as caught:
        await world.manager(chain=chain).close(row.channel_id, cooperative=False)
    assert caught.value.unconfirmed == (not isinstance(error, NotSent)) or "not sent" in caught.value.message
    assert (await world.channel()).state == "active"
    assert (await world.manager().close(row.channel_id, cooperative=False)).how is CloseHow.REQUESTED


async def test_only_a_receipt_counts(world: World) -> None:
    """A withdrawal whose answer was lost is found by the chain, and is not sent twice."""
    await world.get()
    row = await world.channel()
    await world.manager().close(row.channel_id, cooperative=False)
    world.clock.advance(ALL)

    class Forgetful(Broken):
        def __getattr__(self, name: str) -> Any:
            found = super().__getattr__(name)
            if name != "send_raw_sync":
                return found

            async def lost(raw: bytes, **options: Any) -> Any:
                await found(raw, **options)
                raise ChainUnreachable("the answer was lost")

            return lost

    chain = Forgetful(world.chain)
    done = await world.manager(chain=chain).close(row.channel_id)
    assert (done.how, done.refunded, chain.sent) == (CloseHow.WITHDRAWN, 10 * PRICE, 1)


@pytest.mark.parametrize(("error", "pending"), [(NotSent("no node"), 0), (ChainUnreachable("gone"), 5 * PRICE)])
async def test_only_a_top_up_that_may_have_left_is_on_its_way(world: World, error: Exception, pending: int) -> None:
    await world.get()
    row = await world.channel()
    with pytest.raises(ChannelTransactionFailed):
        await world.manager(chain=Broken(world.chain, send_raw_sync=error)).top_up(row.channel_id, 5 * PRICE)
    assert (await world.channel()).pending_deposit == pending
    if pending:
        with pytest.raises(ChannelTransactionFailed, match="may still come"):
            await world.manager().top_up(row.channel_id, 5 * PRICE)
    else:
        assert (await world.manager().top_up(row.channel_id, 5 * PRICE)).deposit == 15 * PRICE


async def test_a_top_up_takes_a_requested_close_back(world: World) -> None:
    """Row 18."""
    await world.get()
    row = await world.channel()
    manager = world.manager()
    await manager.close(row.channel_id, cooperative=False)
    back = await manager.top_up(row.channel_id, 5 * PRICE)
    assert (back.state, back.deposit, back.pending_deposit, back.grace_ends) == ("active", 15 * PRICE, 0, None)
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher"]


async def test_a_closing_channel_is_not_paid_with(world: World) -> None:
    await world.get()
    row = await world.channel()
    await world.manager().close(row.channel_id, cooperative=False)
    assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "open"]


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1)])
async def test_the_countdown_is_the_chains(world: World, skew: timedelta) -> None:
    """Row 20: what this machine takes for the present does not count."""
    await world.get()
    row = await world.channel()
    await world.manager().close(row.channel_id, cooperative=False)
    wrong = world.manager(clock=lambda: world.clock() + skew)
    waiting = await wrong.close(row.channel_id)
    assert (waiting.how, waiting.remaining) == (CloseHow.WAITING, ALL)
    world.clock.advance(ALL - 60)
    assert (await wrong.close(row.channel_id)).remaining == 60


async def test_a_voucher_of_unknown_fate_is_signed_again_only_with_the_servers_account(world: World) -> None:
    await world.get()
    world.shop.after["voucher"] = lambda seen, payload: Reply(hang_up=True)
    with pytest.raises(Exception, match="nobody knows"):
        await world.get()
    row = await world.channel()
    assert (await world.manager().to_sign(row.channel_id)).cumulative == PRICE
    refused = await world.manager().close(row.channel_id, force=False)
    assert refused.how is CloseHow.REFUSED, "it spent more than we know of, and says no more than that"
    world.shop.snapshots = True
    done = await world.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, 8 * PRICE)
    await world.payments().recover()
    assert await world.operations() == [("settled", PRICE)] * 2


async def test_a_close_never_promises_what_was_not_signed(world: World) -> None:
    await world.get()
    row = await world.channel()
    (account,) = world.shop.accounts.values()
    account.accepted, account.spent = 9 * PRICE, 9 * PRICE
    world.shop.snapshots = True
    signed: list[int] = []
    world.shop.before["close"] = lambda seen, payload: signed.append(payload.cumulative)
    result = await world.manager().close(row.channel_id)
    assert signed == [PRICE]
    assert result.how is CloseHow.REQUESTED


async def test_an_unknown_channel_is_said_to_be_unknown(world: World) -> None:
    with pytest.raises(UnknownChannel):
        await world.manager().close("0x" + "5" * 64)


# Sync ---------------------------------------------------------------------------------------------------------------


async def test_sync_learns_what_happened_elsewhere(world: World) -> None:
    for _ in range(2):
        await world.get()
    row = await world.channel()
    await world.shop.settle_on_chain(row.channel_id)
    (seen,) = await world.manager().sync()
    assert seen.changed
    assert (seen.after.settled, seen.after.state) == (2 * PRICE, "active")
    assert not (await world.manager().sync())[0].changed
    account = world.shop.accounts[row.channel_id]
    await world.shop.close_on_chain(row.channel_id, account.accepted, account.signature)
    (ended,) = await world.manager().sync()
    assert (ended.after.state, ended.after.refunded) == ("finalized", 8 * PRICE)
    assert await world.manager().sync() == ()


async def test_a_node_that_is_down_costs_no_row(world: World) -> None:
    """Row 17."""
    await world.get()
    before = await world.channel()
    for name in ("block", "call"):
        chain = Broken(world.chain, **{name: ChainUnreachable("down")})
        (row,) = await world.manager(chain=chain).sync()
        assert (row.changed, row.trouble) == (False, "down")
    assert await world.channel() == before


async def test_one_channel_that_cannot_be_asked_about_does_not_hide_the_others(world: World) -> None:
    """Row 17."""
    await world.get()
    row = await world.channel()
    await world.manager().close(row.channel_id, cooperative=False)
    await world.get()
    await world.shop.settle_on_chain(list(world.shop.accounts)[1])

    class Picky(Broken):
        def __getattr__(self, name: str) -> Any:
            found = super().__getattr__(name)
            if name != "call":
                return found

            async def call(to: str, data: bytes) -> bytes:
                if bytes.fromhex(row.channel_id[2:]) in data:
                    raise ChainUnreachable("too much")
                return await found(to, data)  # type: ignore[no-any-return]

            return call

    rows = await world.manager(chain=Picky(world.chain)).sync()
    assert {item.trouble for item in rows} == {"", "too much"}
    assert [item.after.settled for item in rows if not item.trouble] == [PRICE]
    assert len((await world.book.rows()).rows) == 2


async def test_a_node_that_forgot_the_channel_proves_nothing(world: World) -> None:
    """Absence without the event that ended it: a node that lags, or another chain behind the same address."""
    await world.get()
    before = await world.channel()

    class Empty(Broken):
        def __getattr__(self, name: str) -> Any:
            found = super().__getattr__(name)
            if name != "call":
                return found

            async def call(to: str, data: bytes) -> bytes:
                answer = await found(to, data)
                return answer[:64] + bytes(len(answer) - 64)  # type: ignore[no-any-return]

            return call

    (row,) = await world.manager(chain=Empty(world.chain)).sync()
    assert not row.changed
    assert (await world.channel()).state is before.state is ChannelState.ACTIVE
