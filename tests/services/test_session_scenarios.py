"""The acceptance list of sessions, rows 1 to 12: paying, closing, and what goes wrong on the way. Each test is named by
the row's number and words. Rows 13 to 24 are in `test_session_repairs`; what a crash at every single write does is in
`tests/client/sessions/test_crashes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.chain import ChainUnreachable
from mpp_console.services import session_acts
from mpp_console.services.events import Notice, SessionsChanged
from mpp_console.services.models import PayRequest, Stage
from tests.client.till import Reply
from tests.services.conftest import Heard
from tests.services.session_market import ALL, FULL, PRICE, Market, open_market


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    async with open_market(tmp_path / "home") as opened:
        yield opened


async def test_row_1_open_reuse_three_times_close_cooperatively(market: Market) -> None:
    heard = Heard(market.console)
    task = market.console.payments.start(PayRequest(url=market.url, offer="tempo/session"))
    review = await task.review()
    assert review is not None
    assert review.offer is not None
    plan = review.offer.session
    assert plan is not None
    assert (plan.plan, plan.locks, plan.deposit_before, plan.deposit) == ("open", 10 * PRICE, 0, 10 * PRICE)
    assert task.approve()
    assert (await task.result()).paid
    opening_fee = FULL - 10 * PRICE - await market.balance()
    assert 0 < opening_fee < 10_000
    for _ in range(3):
        assert (await market.pay()).paid
    assert market.shop.actions == ["open", "voucher", "voucher", "voucher"]
    row = await market.row()
    assert (row.state, row.spent, row.left, row.locked, row.at_risk) == (
        "active", 4 * PRICE, 6 * PRICE, 10 * PRICE, 0
    )  # fmt: skip
    assert market.console.snapshot().channels[0].locked == 10 * PRICE
    before = await market.balance()
    done = await market.act("close")
    assert (done.stage, done.outcomes[0].how, done.outcomes[0].refunded) == (Stage.DONE, "cooperative", 6 * PRICE)
    assert await market.balance() == before + 6 * PRICE
    detail = await market.console.sessions.show(row.id[:10])
    assert len(detail.payments) == 4
    assert (detail.entries[-1].kind, detail.entries[-1].amount) == ("finalized", 6 * PRICE)
    assert detail.row.refunded == 6 * PRICE
    assert (await market.console.receipts.page()).total == 4
    assert heard.of(SessionsChanged)[-1].view.rows[0].state == "finalized"


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it had not arrived"])
async def test_row_2_kill_9_after_the_opening_was_signed_before_a_response(market: Market, arrived: bool) -> None:
    await kill_while(market, "open", arrived)
    row = await market.row()
    assert (row.state, row.stale) == ("unknown", "nobody said what became of it")
    assert await market.kinds(row.id) == ["opening", "unknown"]
    if not arrived:
        assert not (await market.pay()).paid, "another deposit would be locked while the first may still come"
        market.clock.advance(60)
    await market.console.sessions.sync()
    row = await market.row()
    assert (row.state, row.locked) == (("active", 10 * PRICE) if arrived else ("finalized", 0))
    assert (await market.pay()).paid
    assert market.shop.actions.count("open") == (1 if arrived else 2)
    assert sum(row.locked for row in await market.rows()) == 10 * PRICE


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it had not arrived"])
async def test_row_3_kill_9_between_a_voucher_and_its_response(market: Market, arrived: bool) -> None:
    assert (await market.pay()).paid
    await kill_while(market, "voucher", arrived)
    row = await market.row()
    assert (row.state, row.signed, row.spent, row.at_risk) == ("active", 2 * PRICE, PRICE, PRICE)
    assert [operation.state for operation in await market.console.payments.unresolved()] == ["sent"]
    await market.console.payments.recover()
    assert [operation.state for operation in await market.console.payments.unresolved()] == ["unknown"]
    assert (await market.pay()).paid
    row = await market.row()
    assert row.signed == (3 * PRICE if arrived else 2 * PRICE), (
        "no voucher is ever lower, and none is signed twice over"
    )
    assert row.spent == market.shop.served * PRICE
    await market.console.payments.recover()
    assert await market.console.payments.unresolved() == ()
    paid = await market.console.receipts.operations()
    assert sum(operation.amount for operation in paid if operation.state == "settled") == market.shop.served * PRICE


@pytest.mark.parametrize("moment", ["signed", "sent"])
async def test_row_3_killed_by_itself_at_a_moment_of_the_payment(market: Market, moment: str) -> None:
    """Whatever the program had got to, the next one knows the channel and locks nothing twice."""
    process = await market.program(moment)
    assert await process.wait() == -9
    assert (await market.row()).state == "unknown"
    market.clock.advance(120)
    await market.console.sessions.sync()
    assert (await market.pay()).paid
    await market.console.payments.recover()
    assert await market.console.payments.unresolved() == ()
    assert sum(row.locked for row in await market.rows()) == 10 * PRICE


async def test_row_4_two_processes_at_the_same_origin_open_one_channel(market: Market) -> None:
    programs = [await market.program() for _ in range(2)]
    assert [await process.wait() for process in programs] == [0, 0]
    assert sorted(market.shop.actions) == ["open", "voucher"]
    row = await market.row()
    assert (row.state, row.spent, row.deposit) == ("active", 2 * PRICE, 10 * PRICE)


async def test_row_5_a_close_waits_for_the_request_in_flight(market: Market) -> None:
    assert (await market.pay()).paid
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(seen: Any, payload: Any) -> None:
        arrived.set()
        await go_on.wait()

    market.shop.before["voucher"] = slow
    paying = market.console.payments.start(PayRequest(url=market.url, mode="auto"))
    await arrived.wait()
    task = market.console.sessions.start("close", [(await market.row()).id])
    await task.review()
    task.approve()
    assert "close" not in market.shop.actions
    go_on.set()
    assert (await paying.result()).paid
    done = await task.result()
    assert market.shop.actions == ["open", "voucher", "close"]
    assert done.outcomes[0].refunded == 8 * PRICE, "what was paid meanwhile is in it"


async def test_row_5_closing_the_console_waits_for_an_act(market: Market) -> None:
    assert (await market.pay()).paid
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(seen: Any, payload: Any) -> None:
        arrived.set()
        await go_on.wait()

    market.shop.before["close"] = slow
    task = market.console.sessions.start("close", [(await market.row()).id])
    await task.review()
    task.approve()
    await arrived.wait()
    assert market.console.snapshot().in_flight == 1
    closing = asyncio.create_task(market.console.close())
    go_on.set()
    await closing
    assert (await task.result()).stage is Stage.DONE
    await market.restart()
    assert (await market.row()).state == "finalized"


async def test_row_5_closing_the_console_begins_no_further_channel(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_acts, "AT_ONCE", 1)
    assert (await market.pay()).paid
    first = await market.row()
    await market.act("force-close")
    assert (await market.pay()).paid
    second = next(row for row in await market.rows() if row.id != first.id)
    assert (await market.act("topup", first.id, amount="0")).stage is Stage.DONE
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(seen: Any, payload: Any) -> None:
        arrived.set()
        await go_on.wait()

    market.shop.before["close"] = slow
    task = market.console.sessions.start("close", [first.id, second.id])
    await task.review()
    task.approve()
    await arrived.wait()
    closing = asyncio.create_task(market.console.close())
    while not task.stopping:
        await asyncio.sleep(0)
    go_on.set()
    await closing
    done = await task.result()
    assert [(outcome.ok, outcome.error and outcome.error.code) for outcome in done.outcomes] == [
        (True, None), (False, "not-begun")
    ]  # fmt: skip
    assert market.shop.actions.count("close") == 1


async def test_row_6_a_server_that_lies_410_changes_nothing_but_a_word(market: Market) -> None:
    assert (await market.pay()).paid
    before = await market.row()
    market.shop.before["voucher"] = lambda seen, payload: market.shop.ask(seen, "session/channel-not-found", 410)
    heard = Heard(market.console)
    result = await market.pay()
    assert not result.paid
    row = await market.row()
    assert (row.id, row.state, row.deposit) == (before.id, "active", before.deposit)
    assert row.stale == "its server says that it is gone"
    assert "open" not in market.shop.actions[1:], "no second deposit for a liar"
    (notice,) = heard.of(Notice)
    assert notice.command == f"mpp-console sessions show {row.id} --dispute"
    assert "0.010000 pathUSD stay locked" in notice.text
    assert result.error is not None
    assert result.error.message.endswith("because of session/channel-not-found; no money moved")
    assert "0.010000 pathUSD stay locked in it" in result.error.hint
    assert result.error.hint.endswith(notice.command)
    text = await market.console.sessions.dispute(row.id)
    assert row.id in text
    assert market.url in text
    assert "0.001000 pathUSD  challenge challenge-1" in text
    market.shop.before.clear()
    assert (await market.pay()).paid


async def test_row_7_a_channel_that_is_truly_closed_is_archived_and_another_opened(market: Market) -> None:
    assert (await market.pay()).paid
    first = await market.row()
    account = market.shop.accounts[first.id]
    await market.shop.close_on_chain(first.id, account.accepted, account.signature)
    account.closed = True
    assert (await market.pay()).paid
    assert market.shop.actions == ["open", "voucher", "open"]
    states = {row.id: (row.state.value, row.refunded) for row in await market.rows()}
    assert states.pop(first.id) == ("finalized", 9 * PRICE), "archived, not deleted"
    assert list(states.values()) == [("active", None)]


async def test_row_8_a_cooperative_close_that_ends_in_5xx_and_happened(market: Market) -> None:
    assert (await market.pay()).paid
    market.shop.after["close"] = lambda seen, payload: Reply(status=502, body=b"")
    before = await market.balance()
    done = await market.act("close")
    assert (done.outcomes[0].how, done.outcomes[0].refunded) == ("cooperative", 9 * PRICE)
    assert await market.balance() == before + 9 * PRICE, "no transaction of ours, so no fee"


async def test_row_9_a_refused_close_falls_to_the_chain_and_counts_by_its_time(market: Market) -> None:
    assert (await market.pay()).paid
    refuse_to_close(market)
    task = market.console.sessions.start("close", [(await market.row()).id])
    review = await task.review()
    assert review is not None
    (planned,) = review.rows
    assert planned.way == "asks the server, else the chain: the rest comes back after 16 minutes"
    assert (planned.signs, planned.returns) == (PRICE, 9 * PRICE)
    assert planned.fee is not None
    assert market.shop.actions == ["open"], "a dry run asks nobody for anything"
    assert task.approve()
    assert not task.approve()
    done = await task.result()
    assert (done.outcomes[0].how, done.outcomes[0].remaining) == ("requested", ALL)
    row = await market.row()
    assert (row.state, row.closes_at) == ("closing", market.clock().replace(microsecond=0) + seconds(ALL))
    held = market.console.snapshot()
    assert (held.locked[0].amount, held.pending_refund[0].amount) == (PRICE, 9 * PRICE)


async def test_row_10_before_the_grace_period_ends_nothing_is_sent(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    market.clock.advance(ALL - 1)
    before = await market.balance()
    for act in ("withdraw", "close", "force-close"):
        done = await market.act(act)
        assert (done.stage, done.outcomes[0].how, done.outcomes[0].remaining) == (Stage.DONE, "waiting", 1)
    assert await market.balance() == before


async def test_row_11_after_the_grace_period_the_rest_is_withdrawn(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    market.clock.advance(ALL)
    view = market.console.sessions.view()
    assert (view.rows[0].state, view.stale) == ("finalizable", (view.rows[0].id,))
    before = await market.balance()
    done = await market.act("withdraw")
    assert (done.outcomes[0].how, done.outcomes[0].refunded) == ("withdrawn", 10 * PRICE)
    assert done.outcomes[0].reference is not None
    fee = before + 10 * PRICE - await market.balance()
    assert 0 < fee < 10_000
    detail = await market.console.sessions.show(done.outcomes[0].row.id)
    assert (detail.row.refunded, detail.close_hash) == (10 * PRICE, done.outcomes[0].reference)
    assert [entry.kind for entry in detail.entries][-3:] == ["closing", "withdrawal", "finalized"]
    assert (detail.row.spent, detail.row.left, detail.row.used) == (0, 0, 0.0), "the payee did not come for its part"


async def test_row_12_a_request_to_close_that_was_dropped_leaves_the_channel_active(market: Market) -> None:
    assert (await market.pay()).paid
    whole = await market.console._engine.chain.get()

    class Dropping:
        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

        async def send_raw_sync(self, raw: bytes, **options: Any) -> Any:
            raise ChainUnreachable("the node is gone")

    class Impatient(Dropping):
        """Nobody waits half a minute here for a receipt that never comes."""

        async def receipt(self, tx_hash: str) -> None:
            raise ChainUnreachable("the node is gone")

    market.chain(Impatient())
    done = await market.act("force-close")
    assert done.stage in (Stage.FAILED, Stage.UNKNOWN)
    assert not done.outcomes[0].ok
    market.chain(whole)
    assert (await market.row()).state == "active"
    again = await market.act("force-close")
    assert again.outcomes[0].how == "requested"


# What the rows share ------------------------------------------------------------------------------------------------


def seconds(count: int) -> Any:
    from datetime import timedelta

    return timedelta(seconds=count)


def refuse_to_close(market: Market) -> None:
    market.shop.before["close"] = lambda seen, payload: market.shop.ask(seen, "verification-failed")


async def kill_while(market: Market, action: str, arrived: bool) -> None:
    """A program of its own pays, and is killed before it gets the answer to what it sent."""
    process: asyncio.subprocess.Process | None = None
    begun = asyncio.Event()

    async def kill(seen: Any, payload: Any) -> Reply:
        await begun.wait()
        assert process is not None
        process.kill()
        return Reply(hang_up=True)

    faults = market.shop.after if arrived else market.shop.before
    faults[action] = kill
    process = await market.program()
    begun.set()
    assert await process.wait() == -9
    faults.clear()
