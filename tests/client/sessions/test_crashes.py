"""Whatever write the program dies at: the deposit is found again, no voucher is signed lower, nothing is locked twice.

Rows of the acceptance list are named where a test is one of them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.protocol import WITHDRAW_CUSHION
from tests.client.till import Reply

from .conftest import TOKEN, HandClock, World, signer
from .shop import PRICE
from .tap import Tap

_WRITES = {"add", "update", "acquire", "begin", "advance", "extend", "receive", "move_cursor"}


class Killed(BaseException):
    """The program ends here, without a word to anybody."""


class Mortal:
    """A book or a journal that dies at a chosen write, before or after it is on disk, and does nothing any more."""

    def __init__(self, inner: Any, count: Callable[[], bool], after: bool, dead: list[bool]) -> None:
        self._inner = inner
        self._count = count
        self._after = after
        self._dead = dead

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **options: Any) -> Any:
            if self._dead:
                raise Killed
            due = name in _WRITES and self._count()
            if due and not self._after:
                self._dead.append(True)
                raise Killed
            result = await found(*args, **options)
            if due:
                self._dead.append(True)
                raise Killed
            return result

        return call


async def die(world: World, act: Callable[[], Any], *, at: int, after: bool) -> bool:
    """Does `act` in a program that dies at its n-th write. False when it came to its end before."""
    dead: list[bool] = []
    writes = iter(range(1, 1_000))
    book, journal = world.book, world.journal
    world.book = Mortal(book, lambda: next(writes) == at, after, dead)
    world.journal = Mortal(journal, lambda: next(writes) == at, after, dead)
    try:
        await act()
    except (Killed, Exception):
        assert dead
    finally:
        # The next program knows that the owner of whatever was held is gone.
        world.alive = lambda owner: False
        world.book = HistoryChannels(world.database, clock=world.clock, alive=world.alive)
        world.journal = journal
    return bool(dead)


async def settle_everything(world: World) -> None:
    """As the next start does it: resolve, look, then close whatever is there."""
    await world.payments().recover()
    await world.manager().sync()
    for row in (await world.book.rows()).rows:
        first = await world.manager().close(row.channel_id)
        if first.how is not CloseHow.COOPERATIVE:
            world.clock.advance(GRACE_SECONDS + WITHDRAW_CUSHION)
            await world.manager().close(row.channel_id)
    await world.payments().recover()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("plan", ["open", "voucher", "topup"])
async def test_killed_at_any_write_of_a_payment(world: World, plan: str, after: bool) -> None:
    """Rows 2 and 3: every base unit is accounted for, wherever it stopped."""
    world.shop.suggested = 2 * PRICE
    for at in range(1, 40):
        funds = await world.balance(), await world.balance(world.shop.signer.address)
        served, opened = world.shop.served, world.shop.actions.count("open")
        for _ in range({"open": 0, "voucher": 1, "topup": 2}[plan]):
            await world.get()
        signed = [row.signed for row in (await world.book.rows()).rows]
        died = await die(world, world.get, at=at, after=after)
        kept = (await world.book.rows()).rows
        assert all(new.signed >= old for new, old in zip(kept, signed, strict=False))
        world.clock.advance(60)  # what had not arrived by then never will
        assert (await world.get()).text == "goods"
        assert world.shop.actions.count("open") - opened == 1, "one deposit, however often it is tried"
        await settle_everything(world)
        assert await world.balance(RESERVE) == 0, "every deposit came back or was earned"
        earned = await world.balance(world.shop.signer.address) - funds[1]
        # The shop pays fees for closing; what it took is what it served.
        assert earned <= (world.shop.served - served) * PRICE
        rows = (await world.book.rows(archived=True)).rows
        assert all(row.state == "finalized" for row in rows)
        assert sum(row.settled for row in rows) == world.shop.served * PRICE
        assert all(state in ("settled", "refused") for state, _ in await world.operations())
        paid = sum(amount for state, amount in await world.operations() if state == "settled")
        assert paid == world.shop.served * PRICE, f"the journal tells the truth after write {at}"
        if not died:
            break
    else:
        raise AssertionError("it never came to its end")
    assert at > 4


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_write_of_a_stream(world: World, after: bool) -> None:
    """An answer that is paid for as it comes: what was not delivered is not lost, and the journal tells the truth."""
    tap = Tap(chain=world.chain, signer=world.shop.signer, clock=world.clock, tokens=("one", "two", "three"))
    tap.suggested = 2 * PRICE
    world.shop, world.server.handler = tap, tap
    for at in range(1, 60):
        earned = await world.balance(tap.signer.address)
        served, opened = tap.served, tap.actions.count("open")
        died = await die(world, world.get, at=at, after=after)
        world.clock.advance(60)  # what had not arrived by then never will
        assert (await world.get()).status_code == 200
        assert tap.actions.count("open") - opened == 1, "one deposit, however often it is tried"
        await settle_everything(world)
        assert await world.balance(RESERVE) == 0, "every deposit came back or was earned"
        assert await world.balance(tap.signer.address) - earned <= (tap.served - served) * PRICE
        rows = (await world.book.rows(archived=True)).rows
        assert all(row.state == "finalized" for row in rows)
        assert sum(row.settled for row in rows) == tap.served * PRICE
        operations = await world.operations()
        assert all(state in ("settled", "refused") for state, _ in operations)
        paid = sum(amount for state, amount in operations if state == "settled")
        assert paid == tap.served * PRICE, f"the journal tells the truth after write {at}"
        if not died:
            break
    else:
        raise AssertionError("it never came to its end")
    assert at > 15


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cooperative", [False, True])
async def test_killed_at_any_write_of_a_close(world: World, cooperative: bool, after: bool) -> None:
    for at in range(1, 20):
        await world.get()
        (row,) = (await world.book.rows()).rows

        def close(channel_id: str = row.channel_id) -> Any:
            return world.manager().close(channel_id, cooperative=cooperative)

        died = await die(world, close, at=at, after=after)
        await settle_everything(world)
        kept = await world.book.get(row.channel_id)
        assert kept.state == "finalized"
        assert kept.refunded + kept.settled == kept.deposit
        assert await world.balance(RESERVE) == 0
        if not died:
            break
    else:
        raise AssertionError("it never came to its end")
    assert at > 2


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_write_of_a_top_up_by_hand(world: World, after: bool) -> None:
    """What was sent is found by the chain, what was not is known to be dead, and it is added once at a time."""
    for at in range(1, 20):
        await world.get()
        row = await world.channel(archived=False)
        before = await world.balance()

        def add(channel_id: str = row.channel_id) -> Any:
            return world.manager().top_up(channel_id, 5 * PRICE)

        died = await die(world, add, at=at, after=after)
        world.clock.advance(60)
        await world.manager().sync()
        kept = await world.channel(archived=False)
        assert kept.pending_deposit == 0
        assert kept.deposit in (10 * PRICE, 15 * PRICE)
        fee = before - await world.balance() - (kept.deposit - row.deposit)
        assert (fee > 0) == (kept.deposit > row.deposit), "the row says what the chain has"
        await settle_everything(world)
        assert await world.balance(RESERVE) == 0
        if not died:
            assert kept.deposit == 15 * PRICE
            break
    else:
        raise AssertionError("it never came to its end")
    assert at > 1


async def test_killed_before_the_opening_left(world: World) -> None:
    """Row 2: nothing arrived. The row is there, and after half a minute it is known that nothing is locked."""
    await die(world, world.get, at=4, after=False)
    row = await world.channel()
    assert row.state in ("opening", "unknown")
    with pytest.raises(Exception, match="Opening another would lock money"):
        await world.get()
    world.clock.advance(60)
    await world.manager().sync()
    row = await world.channel()
    assert (row.state, row.refunded, row.locked) == ("finalized", 0, 0)


# With real processes ------------------------------------------------------------------------------------------------


def pay_once(path: Path, rpc_url: str, url: str, moment: Any) -> None:
    """A program of its own that pays one URL."""
    from mpp_console.client.auth import PaymentAuth
    from mpp_console.client.payments import Payments
    from mpp_console.client.policy import SpendingPolicy
    from mpp_console.client.sessions.leases import ScopeLeases
    from mpp_console.history import Database, HistoryJournal
    from mpp_console.methods.tempo.networks import SANDBOX
    from mpp_console.methods.tempo.rpc import Web3Chain
    from mpp_console.methods.tempo.session_payer import SessionPayer

    async def main() -> None:
        import httpx

        clock = HandClock()
        clock.now = moment
        database = await Database.open(path)
        book = HistoryChannels(database, clock=clock)
        payer = SessionPayer(
            signer=signer(1), chain=Web3Chain(rpc_url), network=SANDBOX, clock=clock, book=book,
            leases=ScopeLeases(book),
        )  # fmt: skip
        payments = Payments(
            payers=[payer],
            policy=SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 100 * PRICE}),
            journal=HistoryJournal(database, clock=clock),
            clock=clock,
        )
        async with httpx.AsyncClient(auth=PaymentAuth(payments), trust_env=False, timeout=30) as client:
            await client.get(url)
        await database.close()

    asyncio.run(main())


async def program(world: World) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context("spawn")
    path, rpc_url = world.database.path, world.node.rpc_url
    worker = context.Process(target=pay_once, args=(path, rpc_url, world.url, world.clock.now))
    worker.start()
    return worker


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("action", ["open", "voucher"])
async def test_kill_9_while_the_server_answers(world: World, action: str, arrives: bool) -> None:
    """Rows 2 and 3, with the real signal."""
    if action == "voucher":
        await world.get()
    workers: list[multiprocessing.process.BaseProcess] = []

    async def kill(seen: Any, payload: Any) -> Reply:
        while not workers:
            await asyncio.sleep(0)
        workers[0].kill()
        return Reply(hang_up=True)

    (world.shop.after if arrives else world.shop.before)[action] = kill
    workers.append(await program(world))
    await asyncio.to_thread(workers[0].join)
    assert workers[0].exitcode == -9
    world.shop.after.clear()
    world.shop.before.clear()
    row = await world.channel()
    assert row.signed == (PRICE if action == "open" else 2 * PRICE)
    assert [row.state for row in await world.payments().recover()] == ["unknown"]
    if action == "open" and not arrives:
        world.clock.advance(60)
    assert (await world.get()).text == "goods"
    assert world.shop.actions.count("open") == (2 if action == "open" and not arrives else 1)
    assert (await world.book.rows()).rows[0].spent == world.shop.served * PRICE
    await settle_everything(world)
    paid = sum(amount for state, amount in await world.operations() if state == "settled")
    assert paid == world.shop.served * PRICE
    assert await world.balance(RESERVE) == 0


async def test_two_processes_open_one_channel(world: World) -> None:
    """Row 4."""
    workers = [await program(world) for _ in range(2)]
    for worker in workers:
        await asyncio.to_thread(worker.join)
        assert worker.exitcode == 0
    assert sorted(world.shop.actions) == ["open", "voucher"]
    assert (await world.channel()).spent == 2 * PRICE
