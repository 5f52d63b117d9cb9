"""Channels whose vouchers another key signs than the payer's: what the payer keeps to itself, and what the key does."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.tempo.session_plan import DepositPolicy

from .conftest import World, signer
from .shop import DOMAIN, PRICE

DELEGATE = signer(8)


@pytest.fixture
def lent(world: World) -> World:
    world.settings["delegate"] = DELEGATE
    return world


async def test_the_key_signs_the_vouchers_and_the_payer_what_locks_money(lent: World) -> None:
    lent.settings["deposits"] = DepositPolicy(opening=2 * PRICE, top_up=2 * PRICE)
    for _ in range(4):
        assert (await lent.get()).text == "goods"
    assert lent.shop.actions == ["open", "voucher", "topUp", "voucher", "voucher"]
    row = await lent.channel()
    assert (row.payer, row.authorized_signer) == (lent.customer.address, DELEGATE.address)
    account = lent.shop.accounts[row.channel_id]
    assert DOMAIN.signed_by(DELEGATE.address, row.channel_id, account.accepted, account.signature)
    assert not DOMAIN.signed_by(lent.customer.address, row.channel_id, account.accepted, account.signature)
    assert await lent.balance(DELEGATE.address) == 0, "it holds no money and needs none"


async def test_the_server_sponsors_such_a_channel_too(lent: World) -> None:
    lent.shop.sponsor = signer(3)
    before = await lent.balance()
    assert (await lent.get()).text == "goods"
    row = await lent.channel()
    assert (row.authorized_signer, before - await lent.balance()) == (DELEGATE.address, row.deposit)


async def test_the_key_signs_the_close_as_well(lent: World) -> None:
    await lent.get()
    row = await lent.channel()
    without = await lent.manager().close(row.channel_id, force=False)
    assert (without.how, lent.shop.actions) == (CloseHow.REFUSED, ["open"])
    keys = {lent.customer.address: lent.customer, DELEGATE.address: DELEGATE}
    done = await lent.manager(signer_of=keys.get).close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, 9 * PRICE)


async def test_without_the_key_the_payer_still_gets_its_money_back(lent: World) -> None:
    await lent.get()
    row = await lent.channel()
    assert (await lent.manager().close(row.channel_id)).how is CloseHow.REQUESTED


async def test_a_channel_whose_key_is_not_here_is_left_alone(lent: World) -> None:
    await lent.get()
    assert (await lent.get(delegate=signer(9))).text == "goods"
    assert (await lent.get(delegate=None)).text == "goods"
    assert lent.shop.actions == ["open", "open", "open"]
    signers = {row.voucher_signer for row in (await lent.book.rows()).rows}
    assert signers == {DELEGATE.address, lent.customer.address, signer(9).address}


async def test_a_payer_uses_up_its_own_channel_before_it_lends_one(world: World) -> None:
    await world.get()
    assert (await world.get(delegate=DELEGATE)).text == "goods"
    assert world.shop.actions == ["open", "voucher"]


@pytest.mark.parametrize("known", [True, False], ids=["with the key", "without it"])
async def test_a_lost_row_is_recovered_only_with_the_key(lent: World, known: bool) -> None:
    await lent.get()
    lent.book = MemoryChannels(clock=lent.clock)
    lent.shop.snapshots = True
    changes: dict[str, Any] = {} if known else {"delegate": None}
    assert (await lent.get(**changes)).text == "goods"
    assert lent.shop.actions == (["open", "voucher"] if known else ["open", "open"])


async def test_our_gate_takes_the_key_that_the_channel_names(gate: World) -> None:
    gate.settings["delegate"] = DELEGATE
    for number in (1, 2):
        assert (await gate.get()).json()["channel"]["spent"] == str(number * PRICE)
    keys = {DELEGATE.address: DELEGATE, gate.customer.address: gate.customer}
    row = await gate.channel()
    assert (await gate.manager(signer_of=keys.get).close(row.channel_id)).refunded == 98 * PRICE
