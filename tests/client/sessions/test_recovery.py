"""Channels whose rows are lost: found by the chain's record, and closable again."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.tempo.calls import Gas, build_transaction
from mpp_console.methods.tempo.chain import ChainError, ChainUnreachable
from mpp_console.methods.tempo.channels import ZERO_ADDRESS, legacy_channel_id
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.methods.tempo.tip20 import encode_approve
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import WITHDRAW_CUSHION
from mpp_console.sandbox.node.escrow import ESCROW
from tests.sandbox.node.test_escrow import calldata

from .conftest import TOKEN, World
from .shop import PRICE


class Narrow:
    """A node that answers for at most so many blocks, and remembers what it was asked."""

    def __init__(self, chain: Any, widest: int, error: type[Exception] = ChainError) -> None:
        self._chain = chain
        self.widest = widest
        self.error = error
        self.answered: list[tuple[int, int]] = []
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def logs(self, **options: Any) -> Any:
        self.asked += 1
        first, last = options["from_block"], options["to_block"]
        if last - first + 1 > self.widest:
            raise self.error("query returned more than it should")
        self.answered.append((first, last))
        return await self._chain.logs(**options)


async def test_a_channel_whose_row_is_lost_is_found_and_closed(world: World) -> None:
    """Row 14."""
    for _ in range(3):
        await world.get()
    known = await world.channel()
    world.book = MemoryChannels(clock=world.clock)
    found = await world.search().run(world.customer.address)
    (orphan,) = found.orphans
    assert (orphan.channel_id, orphan.state, orphan.deposit) == (known.channel_id, "orphaned", 10 * PRICE)
    assert orphan.descriptor == known.descriptor
    assert (await world.search().run(world.customer.address)).orphans == ()
    manager = world.manager()
    assert (await manager.close(orphan.channel_id)).how is CloseHow.REQUESTED
    world.clock.advance(GRACE_SECONDS + WITHDRAW_CUSHION)
    assert (await manager.close(orphan.channel_id)).refunded == 10 * PRICE


async def test_an_orphan_is_paid_with_again_once_its_server_proves_it(world: World) -> None:
    await world.get()
    world.book = MemoryChannels(clock=world.clock)
    await world.search().run(world.customer.address)
    world.shop.snapshots = True
    assert (await world.get()).text == "goods"
    row = await world.channel()
    assert (row.state, row.url, row.spent) == ("active", world.url, 2 * PRICE)
    assert world.shop.actions == ["open", "voucher"]


async def test_closing_and_closed_channels_are_told_apart(world: World) -> None:
    await world.get()
    first = await world.channel()
    await world.manager().close(first.channel_id)
    await world.get()
    second = next(row for row in (await world.book.rows()).rows)
    await world.manager().close(second.channel_id, cooperative=False)
    world.book = MemoryChannels(clock=world.clock)
    found = await world.search().run(world.customer.address)
    assert (found.closed, [row.state for row in found.orphans]) == (1, ["closing"])


@pytest.mark.parametrize("widest", [1, 2, 3, 7])
async def test_a_range_that_is_too_wide_is_halved_without_a_gap(world: World, widest: int) -> None:
    """Row 15."""
    await world.get()
    world.book = MemoryChannels(clock=world.clock)
    chain = Narrow(world.chain, widest)
    found = await world.search(chain=chain).run(world.customer.address)
    assert len(found.orphans) == 1
    blocks = [block for first, last in chain.answered for block in range(first, last + 1)]
    assert blocks == list(range(found.until + 1)), "every block once, in order"
    assert all(last - first < widest for first, last in chain.answered)


async def test_the_search_goes_on_where_it_ended(world: World) -> None:
    """Row 16: nothing is too old, since the first search begins at the beginning and the next goes on."""
    await world.get()
    address = world.customer.address
    world.book = MemoryChannels(clock=world.clock)
    chain = Narrow(world.chain, 2)
    first = await world.search(chain=chain, width=2).run(address)
    assert len(first.orphans) == 1
    chain.answered.clear()
    again = await world.search(chain=chain, width=2).run(address)
    assert (again.orphans, again.known) == ((), 1)
    assert chain.answered[0][0] == max(first.until - 10, 0)


async def test_a_node_that_goes_down_leaves_what_was_found(world: World) -> None:
    await world.get()
    world.book = MemoryChannels(clock=world.clock)
    head = (await world.chain.block()).number

    class Failing(Narrow):
        async def logs(self, **options: Any) -> Any:
            if options["from_block"] == head:
                raise ChainUnreachable("down")
            return await super().logs(**options)

    with pytest.raises(ChainUnreachable):
        await world.search(chain=Failing(world.chain, 1), width=1).run(world.customer.address)
    assert await world.book.cursor(f"opened:1337:0x4d505{'0' * 35}:{world.customer.address.lower()}") == head - 1
    found = await world.search().run(world.customer.address)
    assert len(found.orphans) + found.known == 1


async def test_a_node_that_cannot_answer_for_one_block_is_told_of(world: World) -> None:
    chain = Narrow(world.chain, 0)
    with pytest.raises(ChainError):
        await world.search(chain=chain).run(world.customer.address)
    assert chain.asked < 40


# Version 1 ----------------------------------------------------------------------------------------------------------


async def opened_by_an_older_wallet(world: World, deposit: int = 10 * PRICE) -> str:
    """A channel of the escrow contract that nothing here remembers. Gives its id."""
    salt = bytes([7]) * 32
    parties = (world.shop.signer.address, TOKEN)
    opening = calldata("open(address,address,uint128,bytes32,address)", *parties, deposit, salt, ZERO_ADDRESS)
    now = int(world.clock().timestamp())
    fees = await world.chain.fees()
    tx = build_transaction(
        chain_id=SANDBOX.chain_id,
        calls=(Call(TOKEN, 0, encode_approve(ESCROW, deposit)), Call(ESCROW, 0, opening)),
        gas=Gas(limit=3_000_000, max_fee_per_gas=fees.max_fee_per_gas, max_priority_fee_per_gas=10**9),
        valid_before=now + 25,
        valid_after=1,
        fee_token=TOKEN,
        sponsored=False,
    ).sign(world.customer)
    receipt = await world.chain.send_raw_sync(tx.encode(), timeout=5)
    assert receipt.status
    return legacy_channel_id(
        payer=world.customer.address, payee=parties[0], token=TOKEN, salt="0x" + salt.hex(),
        authorized_signer=ZERO_ADDRESS, escrow=ESCROW, chain_id=SANDBOX.chain_id,
    )  # fmt: skip


async def test_a_channel_of_version_1_is_found_and_forced_shut(world: World) -> None:
    """Row 13."""
    channel_id = await opened_by_an_older_wallet(world)
    search = world.search(escrow=ESCROW, protocol="v1")
    (orphan,) = (await search.run(world.customer.address)).orphans
    assert (orphan.channel_id, orphan.protocol, orphan.state, orphan.deposit) == (
        channel_id, "v1", "orphaned", 10 * PRICE
    )  # fmt: skip
    assert orphan.is_whole
    assert (await world.search().run(world.customer.address)).orphans == ()
    manager = world.manager()
    first = await manager.close(channel_id)
    assert (first.how, first.remaining) == (CloseHow.REQUESTED, GRACE_SECONDS + WITHDRAW_CUSHION)
    assert (await manager.sync())[0].after.state == "closing"
    world.clock.advance(GRACE_SECONDS + WITHDRAW_CUSHION)
    done = await manager.close(channel_id)
    assert (done.how, done.refunded, done.channel.state) == (CloseHow.WITHDRAWN, 10 * PRICE, "finalized")
    assert await world.balance(ESCROW) == 0


async def test_a_channel_of_version_1_is_synced_beside_the_others(world: World) -> None:
    await world.get()
    await opened_by_an_older_wallet(world)
    await world.search(escrow=ESCROW, protocol="v1").run(world.customer.address)
    rows = await world.manager().sync()
    assert {(item.after.protocol, str(item.after.state), item.trouble) for item in rows} == {
        ("v1", "orphaned", ""),
        ("v2", "active", ""),
    }
