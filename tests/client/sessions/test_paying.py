"""Paying by session, from the first request on: what is signed, what is locked, what the book says after."""

from __future__ import annotations

from .conftest import World
from .shop import PRICE


async def test_one_opening_and_then_vouchers(world: World) -> None:
    before = await world.balance()
    for _ in range(4):
        assert (await world.get()).text == "goods"
    assert world.shop.actions == ["open", "voucher", "voucher", "voucher"]
    row = await world.channel()
    assert (row.state, row.deposit) == ("active", 10 * PRICE)
    assert (row.signed, row.accepted, row.spent) == (4 * PRICE,) * 3
    assert row.url == world.url
    assert await world.operations() == [("settled", PRICE)] * 4
    assert before - await world.balance() >= 10 * PRICE
