"""Our payer at our gate: the two halves of the rail, over HTTP, on the sandbox's chain."""

from __future__ import annotations

import asyncio

from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.session_plan import DepositPolicy

from .conftest import World, signer
from .shop import PRICE


async def test_open_pay_and_close(gate: World) -> None:
    earned = await gate.balance(signer(2).address)
    for number in range(1, 5):
        answer = await gate.get()
        assert answer.status_code == 200
        assert answer.json()["channel"]["spent"] == str(number * PRICE)
        assert answer.extensions["mpp_operation"].error is None
    row = await gate.channel()
    assert (row.state, row.deposit, row.signed, row.accepted, row.spent) == (
        "active", 100 * PRICE, 4 * PRICE, 4 * PRICE, 4 * PRICE
    )  # fmt: skip
    done = await gate.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, 96 * PRICE)
    assert await gate.balance(RESERVE) == 0
    assert 0 < await gate.balance(signer(2).address) - earned <= 4 * PRICE


async def test_a_top_up_on_the_way(gate: World) -> None:
    gate.settings["deposits"] = DepositPolicy(opening=2 * PRICE, top_up=3 * PRICE)
    for _ in range(7):
        assert (await gate.get()).status_code == 200
    row = await gate.channel()
    assert (row.deposit, row.spent, row.pending_deposit) == (8 * PRICE, 7 * PRICE, 0)


async def test_a_top_up_by_hand_is_seen_by_the_gate(gate: World) -> None:
    gate.settings["deposits"] = DepositPolicy(opening=PRICE)
    await gate.get()
    row = await gate.channel()
    await gate.manager().top_up(row.channel_id, 2 * PRICE)
    for _ in range(2):
        assert (await gate.get()).status_code == 200
    assert (await gate.channel()).deposit == 3 * PRICE


async def test_a_crowd_on_one_channel(gate: World) -> None:
    async with gate.client(gate.payments()) as client:
        answers = await asyncio.gather(*(client.get(gate.url) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(int(answer.json()["channel"]["spent"]) for answer in answers) == [
        number * PRICE for number in range(1, 21)
    ]
    assert len((await gate.book.rows()).rows) == 1


async def test_after_a_forced_close_the_next_request_opens_anew(gate: World) -> None:
    await gate.get()
    first = await gate.channel()
    await gate.manager().close(first.channel_id, cooperative=False)
    assert (await gate.get()).status_code == 200
    assert len((await gate.book.rows()).rows) == 2
