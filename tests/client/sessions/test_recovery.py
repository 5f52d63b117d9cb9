"""Channels whose rows are lost: found by the chain's record, and closable again."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.tempo.chain import ChainError, ChainUnreachable
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.protocol import WITHDRAW_CUSHION

from .conftest import World
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
