"""The acceptance list of sessions, rows 13 to 24: lost books, chains that answer badly, limits, hostile servers, other
wallets. Each test is named by the row's number and words; rows 1 to 12 are in `test_session_scenarios`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mpp_console.methods.tempo.chain import Block, ChainError, ChainUnreachable
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.services.errors import SessionNotFound
from mpp_console.services.models import Stage
from mpp_console.services.session_search import search_channels
from mpp_console.services.settings import PolicySettings, SessionSettings, Settings
from tests.client.sessions.conftest import signer
from tests.client.till import Reply, Server
from tests.history.foreign_files import Writer, footprint, write_channels_db, write_mppx_sessions
from tests.services.session_market import ALL, PRICE, Market, open_market, strict


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    async with open_market(tmp_path / "home") as opened:
        yield opened


class Around:
    """A chain that is another one, but for what a test changes of it."""

    def __init__(self, chain: Any) -> None:
        self.inner = chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def remembered(market: Market) -> ClientChannel:
    """The only channel, with everything that the book knows of it."""
    book = await market.console._engine.sessions.book.get()
    (row,) = (await book.rows(archived=True)).rows
    return row


async def after_losing_the_book(market: Market) -> None:
    await market.console.close()
    market.lose_the_book()
    await market.restart()
    assert await market.rows() == ()


async def test_row_13_a_v1_channel_whose_row_is_lost_is_found_by_a_scan(market: Market) -> None:
    served = await market.console.server.start()
    assert (await market.pay(f"{served.url}/session/v1")).paid
    known = await remembered(market)
    assert known.protocol == "v1"
    await after_losing_the_book(market)
    found = await market.console.sessions.recover()
    (orphan,) = found.orphans
    assert (orphan.id, orphan.protocol, orphan.state, orphan.deposit) == (
        known.channel_id, "v1", "orphaned", known.deposit
    )  # fmt: skip
    assert (await market.act("close", orphan.id)).outcomes[0].how == "requested"
    market.clock.advance(ALL)
    done = await market.act("withdraw", orphan.id)
    assert (done.outcomes[0].how, done.outcomes[0].refunded) == ("withdrawn", known.deposit)


async def test_row_13_a_channel_in_an_escrow_that_only_the_settings_trust_is_found_too(market: Market) -> None:
    served = await market.console.server.start()
    assert (await market.pay(f"{served.url}/session/v1")).paid
    known = await remembered(market)
    market.settings = Settings(sessions=SessionSettings(escrows=(known.escrow.lower(),)))
    await after_losing_the_book(market)
    engine = market.console._engine
    elsewhere = SimpleNamespace(
        sessions=engine.sessions,
        chain=engine.chain,
        clock=engine.clock,
        settings=engine.settings,
        network=replace(engine.network, legacy_escrow=None),
    )
    found = await search_channels(elsewhere, known.payer)  # type: ignore[arg-type]  # what a network of one's own is
    assert [(row.channel_id, row.protocol, row.escrow) for row in found.orphans] == [
        (known.channel_id, "v1", known.escrow)
    ]
    assert (await search_channels(elsewhere, known.payer)).orphans == ()  # type: ignore[arg-type]


async def test_row_14_a_v2_channel_whose_row_is_lost_is_rebuilt_and_closable(market: Market) -> None:
    assert (await market.pay()).paid
    known = await remembered(market)
    await after_losing_the_book(market)
    (orphan,) = (await market.console.sessions.recover()).orphans
    assert (orphan.id, orphan.state, orphan.stale) == (known.channel_id, "orphaned", "no server here is known for it")
    assert (await remembered(market)).descriptor == known.descriptor
    assert (await market.console.sessions.recover()).orphans == ()
    task = market.console.sessions.start("close", [orphan.id])
    review = await task.review()
    assert review is not None
    assert (review.rows[0].returns, review.rows[0].vouchers_lost) == (10 * PRICE, True), "no promise of all of it"
    task.approve()
    assert (await task.result()).outcomes[0].how == "requested"
    market.clock.advance(ALL)
    assert (await market.act("withdraw", orphan.id)).outcomes[0].refunded == 10 * PRICE


async def test_row_15_a_range_that_a_node_finds_too_wide_is_really_halved(market: Market) -> None:
    class Narrow(Around):
        answered: dict[str, list[int]]

        async def logs(self, **options: Any) -> Any:
            first, last = options["from_block"], options["to_block"]
            if last - first + 1 > 3:
                raise ChainError("query returned more than it should")
            blocks = self.answered.setdefault(options["address"].lower(), [])
            blocks += range(first, last + 1)
            return await self.inner.logs(**options)

    assert (await market.pay()).paid
    await after_losing_the_book(market)
    chain = Narrow(await market.console._engine.chain.get())
    chain.answered = {}
    market.chain(chain)
    found = await market.console.sessions.recover()
    assert len(found.orphans) == 1
    assert set(chain.answered) > {RESERVE}
    for blocks in chain.answered.values():
        assert blocks == list(range(found.until + 1)), "every block once, in order"


async def test_row_16_a_channel_older_than_100_000_blocks_is_found_and_the_scan_resumes(market: Market) -> None:
    class Aged(Around):
        """As many blocks later, and nothing happened in them."""

        asked: list[tuple[int, int]]

        async def block(self, *args: Any) -> Block:
            block = await self.inner.block(*args)
            return replace(block, number=block.number + 150_000)  # type: ignore[no-any-return]

        async def logs(self, **options: Any) -> Any:
            self.asked.append((options["from_block"], options["to_block"]))
            return await self.inner.logs(**options)

    assert (await market.pay()).paid
    await after_losing_the_book(market)
    chain = Aged(await market.console._engine.chain.get())
    chain.asked = []
    market.chain(chain)
    first = await market.console.sessions.recover()
    assert (len(first.orphans), first.until > 150_000) == (1, True)
    assert min(chain.asked)[0] == 0
    chain.asked.clear()
    again = await market.console.sessions.recover()
    assert (again.orphans, again.known) == ((), 0)
    assert min(chain.asked)[0] == first.until - 10
    everything = await market.console.sessions.recover(from_block=0)
    assert (everything.orphans, everything.known) == ((), 1)


async def test_row_17_a_node_that_is_down_during_a_sync_costs_no_row_and_hides_no_other(market: Market) -> None:
    assert (await market.pay()).paid
    first = (await market.row()).id
    await market.act("force-close")
    assert (await market.pay()).paid
    second = next(row.id for row in await market.rows() if row.id != first)
    await market.shop.settle_on_chain(second)
    whole = await market.console._engine.chain.get()

    class Picky(Around):
        async def call(self, to: str, data: bytes) -> Any:
            if bytes.fromhex(first[2:]) in data:
                raise ChainUnreachable("too much for one call")
            return await self.inner.call(to, data)

    market.chain(Picky(whole))
    found = await market.console.sessions.sync()
    assert found.troubles == ((first, "too much for one call"),)
    assert found.changed == (second,)
    assert {row.id: row.settled for row in found.rows}[second] == PRICE
    await (await market.console._engine.node.get()).stop()
    market.chain(whole)
    found = await market.console.sessions.sync()
    assert {channel for channel, _ in found.troubles} == {first, second}
    assert {row.id for row in await market.rows()} == {first, second}


async def test_row_18_a_top_up_takes_a_requested_close_back(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    task = market.console.sessions.start("topup", [(await market.row()).id], amount="0")
    review = await task.review()
    assert review is not None
    assert review.rows[0].way == "adds nothing, and takes the requested close back"
    task.approve()
    assert (await task.result()).outcomes[0].how == "topped-up"
    row = await market.row()
    assert (row.state, row.deposit, row.closes_at) == ("active", 10 * PRICE, None)
    done = await market.act("topup", amount="0.005")
    assert done.outcomes[0].row.deposit == 15 * PRICE
    assert (await market.pay()).paid
    assert market.shop.actions == ["open", "voucher"]


async def test_row_18_version_1_takes_a_close_back_only_with_money(market: Market) -> None:
    """Its contract refuses a top up of nothing: that is said before anything is signed."""
    served = await market.console.server.start()
    assert (await market.pay(f"{served.url}/session/v1")).paid
    await market.act("force-close")
    done = await market.act("topup", amount="0")
    assert (done.stage, done.error and done.error.code) == (Stage.FAILED, "nothing-added")
    assert (await market.row()).state == "closing"
    assert (await market.act("topup", amount="0.000001")).outcomes[0].how == "topped-up"
    row = await market.row()
    assert (row.state, row.deposit, row.closes_at) == ("active", 100_001, None)


async def test_row_19_a_malformed_row_is_skipped_and_shown_as_damaged(market: Market) -> None:
    assert (await market.pay()).paid
    damaged = await market.row()
    await market.console.close()
    (history,) = market.home.rglob("history.db")
    with closing(sqlite3.connect(history)) as connection:
        connection.execute("UPDATE channels SET salt = '0x00'")
        connection.commit()
    console = await market.restart()
    assert (await market.pay()).paid, "another channel, since nothing is signed by a row that cannot be believed"
    view = await console.sessions.load()
    assert view.damaged == (damaged.id,)
    assert [row.state for row in view.rows] == ["active"]
    with pytest.raises(SessionNotFound, match="damaged"):
        await console.sessions.show(damaged.id[:12])
    found = await console.sessions.recover(from_block=0)
    assert (found.orphans, found.known) == ((), 2)


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1)], ids=["an hour ahead", "an hour behind"])
async def test_row_20_a_clock_that_is_wrong_by_an_hour_counts_down_right(market: Market, skew: timedelta) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    console = await market.restart()
    engine = console._engine
    engine.clock = lambda: market.clock() + skew  # this machine's; the node keeps the right time
    await console.sessions.sync()
    (row,) = console.sessions.view().rows
    assert row.closes_at == (engine.clock() + timedelta(seconds=ALL)).replace(microsecond=0)
    market.clock.advance(ALL - 1)
    assert console.sessions.view().rows[0].state == "closing"
    market.clock.advance(1)
    assert console.sessions.view().rows[0].state == "finalizable"
    if skew < timedelta():
        done = await market.act("withdraw")
        assert done.outcomes[0].how == "withdrawn", "a clock that is behind keeps nobody from their money"


LIMITS: dict[str, tuple[Settings, dict[str, Any]]] = {
    "max-amount": (Settings(), {"max_amount": "0.0005"}),
    "daily budget": (strict(per_day={"pathUSD": "0.0005"}), {}),
    "per payment": (strict(per_payment={"pathUSD": "0.0005"}), {}),
    "allowed origins": (strict(allow_origins=("https://other.example",)), {}),
    "denied recipients": (strict(deny_recipients=(signer(2).address,)), {}),
    "allowed recipients": (strict(allow_recipients=()), {}),
    "deposit limit": (Settings(sessions=SessionSettings(maximum={"pathUSD": "0.0005"})), {}),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_row_21_what_the_limits_do_not_allow_is_refused_before_signing(market: Market, limit: str) -> None:
    settings, wishes = LIMITS[limit]
    console = await market.restart(settings=settings)
    result = await market.pay(**wishes)
    assert not result.paid
    assert result.error is not None
    assert market.shop.actions == []
    assert await market.rows() == ()
    assert await console.receipts.operations() == ()


async def test_row_21_vouchers_count_against_the_budget_of_the_day(market: Market) -> None:
    """The price of each request counts, and not the deposit: ten times the budget is locked here."""
    await market.restart(settings=strict(per_day={"pathUSD": "0.0025"}))
    assert (await market.pay()).paid
    assert (await market.pay()).paid
    refused = await market.pay()
    assert not refused.paid
    assert refused.review is not None
    assert "budget" in (refused.error.message if refused.error else "") + str(refused.review)
    row = await market.row()
    assert (row.signed, row.deposit) == (2 * PRICE, 10 * PRICE)
    assert market.shop.actions == ["open", "voucher"]


async def test_row_21_a_top_up_by_hand_keeps_to_the_limits_too(market: Market) -> None:
    assert (await market.pay()).paid
    done = await market.act("topup", amount="4.999")
    assert (done.stage, done.error and done.error.code) == (Stage.FAILED, "deposit-limit")
    await market.restart(settings=Settings(policy=PolicySettings(deny_recipients=(market.shop.signer.address,))))
    done = await market.act("topup", amount="0.001")
    assert (done.stage, done.error and done.error.code) == (Stage.FAILED, "recipient-denied")
    assert (await market.row()).deposit == 10 * PRICE
    assert (await market.act("close")).outcomes[0].how == "cooperative", "what is denied can still be left"


async def test_row_22_a_redirect_of_the_paid_request_to_another_origin_is_refused(market: Market) -> None:
    assert (await market.pay()).paid
    async with Server(lambda seen: Reply(body=b"stolen")) as thief:
        away = Reply(status=302, headers=[("Location", f"{thief.url}/chat")], body=b"")
        market.shop.before["voucher"] = lambda seen, payload: away
        result = await market.pay(follow_redirects=True)
        assert not result.paid
        assert b"stolen" not in result.body
        assert [seen.credential for seen in thief.seen] in ([], [None])
        market.shop.before["close"] = lambda seen, payload: away
        done = await market.act("close")
        assert done.outcomes[0].how == "requested", "a close follows nobody: the chain is asked"
        assert all(seen.credential is None for seen in thief.seen)


async def test_row_23_hostile_text_of_a_server_is_inert_wherever_it_is_shown(market: Market) -> None:
    assert (await market.pay()).paid
    nasty = "\\u001b[31mred \\u202eback [@click=app.quit]press[/]"
    body = (
        f'{{"type":"https://paymentauth.org/problems/session/channel-not-found","title":"{nasty}","detail":"{nasty}"}}'
    )
    answer = Reply(status=410, headers=[("Content-Type", "application/problem+json")], body=body.encode())
    market.shop.before["voucher"] = market.shop.before["close"] = lambda seen, payload: answer
    result = await market.pay()
    done = await market.act("close")
    detail = await market.console.sessions.show((await market.row()).id)
    texts = [str(result.problem), str(result.error), str(done), str(detail), str(await market.rows())]
    texts.append(await market.console.sessions.dispute(detail.row.id))
    assert "back" in texts[0]
    assert "press" in done.outcomes[0].message
    assert not any(char in text for text in texts for char in "\x1b\u202e")


@pytest.mark.parametrize("writer", ["wallet of version 2", "mppx database", "mppx sessions"])
async def test_row_24_what_other_wallets_remember_is_listed_and_their_files_unchanged(
    market: Market, tmp_path: Path, writer: Writer | str
) -> None:
    assert (await market.pay()).paid
    known = await remembered(market)
    other = tmp_path / "other"
    if writer == "mppx sessions":
        write_mppx_sessions(other, [known])
        source = other
    else:
        source = other / "channels.db"
        write_channels_db(source, [known], writer)  # type: ignore[arg-type]
    before = footprint(other)
    await after_losing_the_book(market)
    sessions = market.console.sessions
    planned = await sessions.import_file(source, dry_run=True)
    assert [row.id for row in planned.added] == [known.channel_id]
    assert await market.rows() == ()
    done = await sessions.import_file(source)
    assert [(row.id, row.state, row.spent) for row in done.added] == [(known.channel_id, "active", PRICE)]
    again = await sessions.import_file(source)
    assert (again.added, again.known) == ((), 1)
    assert footprint(other) == before
    assert (await market.pay()).paid
    assert market.shop.actions == ["open", "voucher"], "it goes on with the channel of the other wallet"


async def test_row_24_a_v1_channel_of_the_older_wallet_is_listed(market: Market, tmp_path: Path) -> None:
    served = await market.console.server.start()
    assert (await market.pay(f"{served.url}/session/v1")).paid
    known = await remembered(market)
    source = tmp_path / "other" / "channels.db"
    write_channels_db(source, [known], "wallet of version 1")
    before = footprint(source.parent)
    await after_losing_the_book(market)
    done = await market.console.sessions.import_file(source)
    assert [(row.id, row.protocol, row.state) for row in done.added] == [(known.channel_id, "v1", "active")]
    assert footprint(source.parent) == before


async def test_row_24_channels_of_another_chain_are_left_to_its_profile(market: Market, tmp_path: Path) -> None:
    from tests.client.sessions.samples import a_channel, descriptor

    foreign = a_channel(channel_id=descriptor().channel_id(chain_id=4217), chain_id=4217)
    write_channels_db(tmp_path / "channels.db", [foreign], "wallet of version 2")
    done = await market.console.sessions.import_file(tmp_path / "channels.db")
    assert (done.added, done.skipped) == ((), (f"{foreign.channel_id} (of chain 4217)",))


def test_every_row_of_the_list_has_a_test() -> None:
    from tests.services import test_session_scenarios

    names = [*vars(test_session_scenarios), *globals()]
    for number in range(1, 25):
        assert any(name.startswith(f"test_row_{number}_") for name in names), number
