"""The sessions of a console: rows, dry runs, bulk acts, and what it does by itself. The acceptance list is in
`test_session_scenarios` and `test_session_repairs`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.session_plan import DepositPolicy
from mpp_console.services import Console
from mpp_console.services.deposits import deposit_policy
from mpp_console.services.errors import SessionNotFound, SettingsError, UsageError
from mpp_console.services.events import CommandLogged, Notice, PaymentProgress, SessionsChanged
from mpp_console.services.models import PayRequest, Stage
from mpp_console.services.profile import find_profile
from mpp_console.services.session_watch import SessionWatch
from mpp_console.services.settings import SessionSettings, Settings
from tests.client.till import Reply, Server
from tests.services.conftest import Heard
from tests.services.session_market import ALL, PRICE, Market, open_market


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    async with open_market(tmp_path / "home") as opened:
        yield opened


async def several(market: Market, count: int) -> tuple[str, ...]:
    """Channels with the same shop: each new one while the one before is being closed by the chain, and then that is
    taken back. Gives their ids, oldest first.
    """
    ids: list[str] = []
    for number in range(count):
        assert (await market.pay()).paid
        (fresh,) = {row.id for row in await market.rows()} - set(ids)
        ids.append(fresh)
        if number + 1 < count:
            await market.act("force-close", fresh)
    for channel in ids[:-1]:
        assert (await market.act("topup", channel, amount="0")).stage is Stage.DONE
    return tuple(ids)


async def test_a_server_is_not_asked_at_a_url_whose_secret_was_not_kept(market: Market) -> None:
    url = f"{market.url}?api_key=k3y"
    assert (await market.pay(url)).paid
    row = await market.row()
    assert "k3y" not in row.url
    market.server.seen.clear()

    async def planned(**wishes: Any) -> Any:
        task = market.console.sessions.start("close", [row.id], **wishes)
        review = await task.review()
        task.reject()
        assert review is not None
        return review.rows[0]

    plain = await planned()
    assert plain.way.startswith("asks the chain: the rest comes back after 16 minutes")
    assert "its URL held a secret, which is not kept" in plain.way
    assert (await planned(url="http://127.0.0.1:1/chat")).error.code == "foreign-url"
    asked = await planned(url=url)
    assert (asked.error, asked.signs) == (None, PRICE)
    assert asked.way.startswith("asks the server")
    assert market.server.seen == []
    closed = await market.act("close", url=url)
    assert (closed.outcomes[0].how, closed.outcomes[0].refunded) == ("cooperative", 9 * PRICE)
    assert {seen.path for seen in market.server.seen} == {"/chat?api_key=k3y"}
    assert "k3y" not in str(closed)


async def test_without_its_url_a_channel_closes_by_the_chain(market: Market) -> None:
    assert (await market.pay(f"{market.url}?api_key=k3y")).paid
    market.server.seen.clear()
    closed = await market.act("close")
    assert (closed.outcomes[0].how, closed.outcomes[0].ok) == ("requested", True)
    assert "held a secret" in closed.outcomes[0].message
    assert market.server.seen == []


# Acts ---------------------------------------------------------------------------------------------------------------


async def test_an_act_is_a_task_with_one_approval_and_every_step_told(market: Market) -> None:
    assert (await market.pay()).paid
    heard = Heard(market.console)
    row = await market.row()
    task = market.console.sessions.start("topup", [row.id[:10]], amount="0.005")
    review = await task.review()
    assert review is not None
    assert review == task.current_review
    (planned,) = review.rows
    assert (planned.locks, planned.error, planned.row.id) == (5 * PRICE, None, row.id)
    assert planned.fee is not None
    assert (await market.row()).deposit == 10 * PRICE, "a dry run changes nothing"
    assert task.approve()
    assert not task.approve()
    assert not task.reject()
    result = await task.result()
    assert (result.stage, result.outcomes[0].how, result.error) == (Stage.DONE, "topped-up", None)
    assert task.outcomes == result.outcomes
    assert (await market.row()).deposit == 15 * PRICE, "one operation"
    stages = [event.stage for event in heard.of(PaymentProgress) if event.task_id == task.id]
    assert list(dict.fromkeys(stages)) == [Stage.REQUESTING, Stage.REVIEW, Stage.SIGNED, Stage.SENT, Stage.DONE]
    assert {event.kind for event in heard.of(PaymentProgress)} == {"session"}
    assert heard.of(CommandLogged)[0].command == f"mpp-console sessions topup {row.id[:10]} --amount 0.005"
    assert [leg.leg for leg in result.timings] == ["quote", "review", "send", "total"]


async def test_what_is_declined_is_not_done(market: Market) -> None:
    assert (await market.pay()).paid
    task = market.console.sessions.start("close", [(await market.row()).id])
    await task.review()
    assert task.reject()
    assert not task.approve()
    result = await task.result()
    assert (result.stage, result.outcomes, result.error and result.error.code) == (Stage.DECLINED, (), "declined")
    assert market.shop.actions == ["open"]
    assert (await market.row()).state == "active"


@pytest.mark.parametrize(
    ("act", "channels", "amount"),
    [("settle", ("0x12",), None), ("close", (), None)],
    ids=["settling is the server's", "nothing named"],
)
async def test_an_act_that_is_none_is_refused_at_once(
    console: Console, act: Any, channels: tuple[str, ...], amount: str | None
) -> None:
    with pytest.raises(UsageError):
        console.sessions.start(act, channels, amount=amount)


@pytest.mark.parametrize(
    ("act", "amount", "code"),
    [("topup", None, "usage"), ("topup", "many", "bad-amount"), ("topup", "0", "nothing-to-do"),
     ("topup", "2000000", "deposit-limit"), ("withdraw", None, "not-closing")],
)  # fmt: skip
async def test_what_cannot_be_done_is_said_before_anybody_approves(
    market: Market, act: Any, amount: str | None, code: str
) -> None:
    assert (await market.pay()).paid
    task = market.console.sessions.start(act, [(await market.row()).id], amount=amount)
    review = await task.review()
    assert review is not None
    assert review.rows[0].error is not None
    assert review.rows[0].error.code == code
    assert not review.sendable
    assert not task.approve()
    result = await task.result()
    assert (result.stage, result.error) == (Stage.FAILED, review.rows[0].error)
    assert [(outcome.ok, outcome.how) for outcome in result.outcomes] == [(False, "failed")]


async def test_a_channel_that_is_not_there_has_no_review(market: Market) -> None:
    task = market.console.sessions.start("close", ["0xdeadbeef"])
    assert await task.review() is None
    result = await task.result()
    assert (result.stage, result.error and result.error.code) == (Stage.FAILED, "session-not-found")


async def test_a_name_that_is_short_or_of_several_is_none(market: Market) -> None:
    ids = await several(market, 2)
    for name in ("", "0x", ids[0][:3]):
        with pytest.raises(SessionNotFound):
            await market.console.sessions.show(name)
    assert (await market.console.sessions.show(ids[0].upper().replace("0X", "0x"))).row.id == ids[0]


async def test_a_bulk_close_goes_on_when_one_fails(market: Market) -> None:
    ids = await several(market, 3)
    bad = ids[1]

    def refuse(seen: Any, payload: Any) -> Reply | None:
        return Reply(status=500, body=b"") if payload.channel_id == bad else None

    market.shop.before["close"] = refuse
    whole = await market.console._engine.chain.get()

    class Refusing:
        """The chain takes no request to close that channel either."""

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

        async def send_raw_sync(self, raw: bytes, **options: Any) -> Any:
            from mpp_console.methods.tempo.chain import NotSent

            raise NotSent("the node is full")

    market.chain(Refusing())
    done = await market.act("close", ids[0], bad, ids[2], ids[0][:12])
    assert [(outcome.row.id, outcome.ok) for outcome in done.outcomes] == [
        (ids[0], True), (bad, False), (ids[2], True)
    ]  # fmt: skip
    assert done.stage is Stage.FAILED
    assert done.error is not None
    assert done.error.message.startswith("1 of 3 channels:")
    assert market.shop.actions.count("close") == 3, "one attempt for each, however often it is named"
    states = {row.id: row.state.value for row in await market.rows()}
    assert states == {ids[0]: "finalized", bad: "active", ids[2]: "finalized"}


async def test_a_watched_account_reviews_and_signs_nothing(market: Market) -> None:
    assert (await market.pay()).paid
    accounts = market.console.accounts
    address = market.account
    await accounts.create("other")
    await accounts.set_default("other")
    deletion = await accounts.get("main")
    await accounts.delete("main", confirm=deletion.name)
    await accounts.watch("main", address)
    task = market.console.sessions.start("close", [(await market.row()).id])
    review = await task.review()
    assert review is not None
    assert review.rows[0].error is not None
    assert review.rows[0].error.code == "watch-only"


# Looking ------------------------------------------------------------------------------------------------------------


async def test_an_idle_channel_is_pointed_out_first(market: Market) -> None:
    first, second = await several(market, 2)
    market.clock.advance(8 * 24 * 3600)
    await market.pay()
    view = await market.console.sessions.load()
    stale = [row.id for row in view.rows if row.stale]
    assert view.stale == tuple(stale)
    assert len(stale) == 1
    assert view.rows[0].id == stale[0]
    assert view.rows[0].stale == "not used for 8 days"
    assert view.stale_held[0].amount == view.rows[0].locked == 10 * PRICE
    assert market.console.snapshot().stale_channels == 1
    assert {first, second} == {row.id for row in view.rows}


async def test_before_anything_was_read_nothing_is_known(console: Console) -> None:
    assert console.sessions.view().rows == ()
    assert console.sessions.view().at is None
    assert console.snapshot().locked == ()
    await console.balances()
    await console.sessions.load()
    assert [money.amount for money in console.snapshot().locked] == [0, 0, 0, 0]
    assert console.snapshot().channels == ()


async def test_the_chain_is_asked_about_one_channel(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    view = await market.console.sessions.chain((await market.row()).id)
    assert (view.exists, view.deposit, view.settled) == (True, 10 * PRICE, 0)
    assert view.withdrawable_at == market.clock() + timedelta(seconds=ALL)
    assert [log.name for log in view.logs] == ["ChannelOpened", "CloseRequested"]
    assert dict(view.logs[0].facts)["deposit"] == "0.010000 pathUSD"


async def test_a_sync_asks_servers_what_they_accepted(market: Market) -> None:
    """A voucher whose answer was lost is at risk until the server's account confirms it."""
    assert (await market.pay()).paid
    market.shop.after["voucher"] = lambda seen, payload: Reply(hang_up=True)
    assert not (await market.pay()).paid
    row = await market.row()
    assert (row.at_risk, row.spent) == (PRICE, PRICE)
    market.shop.snapshots = True
    found = await market.console.sessions.sync()
    assert found.changed == (row.id,)
    assert (found.rows[0].at_risk, found.rows[0].spent) == (0, 2 * PRICE)
    assert (await market.kinds(row.id))[-1] == "told by the server"
    assert market.shop.served == 2


async def test_a_server_that_claims_more_than_was_signed_is_not_believed(market: Market) -> None:
    assert (await market.pay()).paid
    market.shop.after["voucher"] = lambda seen, payload: Reply(hang_up=True)
    await market.pay()
    before = await market.row()
    (account,) = market.shop.accounts.values()
    account.spent += PRICE
    market.shop.snapshots = True
    assert (await market.console.sessions.sync()).changed == ()
    assert (await market.row()).spent == before.spent


async def test_a_server_that_is_away_is_no_trouble_for_a_sync(market: Market) -> None:
    assert (await market.pay()).paid
    market.shop.after["voucher"] = lambda seen, payload: Reply(hang_up=True)
    await market.pay()
    market.server.stop_listening()
    found = await market.console.sessions.sync()
    assert (found.troubles, found.changed) == ((), ())


# By itself ----------------------------------------------------------------------------------------------------------


def watch(market: Market) -> SessionWatch:
    return SessionWatch(market.console._engine, market.console.sessions)


async def test_what_can_be_withdrawn_is_withdrawn_by_itself(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    watcher, heard = watch(market), Heard(market.console)
    market.clock.advance(ALL - 1)
    await watcher.look()
    assert (await market.row()).state == "closing"
    market.clock.advance(1)
    await watcher.look()
    row = await market.row()
    assert (row.state, row.refunded) == ("finalized", 10 * PRICE)
    (notice,) = heard.of(Notice)
    assert notice.text == f"0.010000 pathUSD came back from channel {row.id[:10]}…"
    assert notice.command == f"mpp-console sessions show {row.id}"


async def test_what_the_payee_closes_meanwhile_is_told(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    watcher, heard = watch(market), Heard(market.console)
    await market.shop.close_on_chain(
        (await market.row()).id, PRICE, next(iter(market.shop.accounts.values())).signature
    )
    await watcher.look()
    row = await market.row()
    assert (row.state, row.refunded) == ("finalized", 9 * PRICE)
    assert [notice.text for notice in heard.of(Notice)] == [f"0.009000 pathUSD came back from channel {row.id[:10]}…"]


async def test_a_look_asks_the_chain_only_about_what_is_on_its_way(market: Market) -> None:
    assert (await market.pay()).paid
    whole = await market.console._engine.chain.get()
    asked: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(whole, name)

    market.chain(Counted())
    await market.console.sessions.refresh()
    assert asked == []
    await market.act("force-close")
    asked.clear()
    await market.console.sessions.refresh()
    assert "call" in asked


async def test_nothing_is_withdrawn_where_the_settings_say_no(market: Market) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    market.clock.advance(ALL)
    await market.restart(settings=Settings(sessions=SessionSettings(watch=False)))
    await watch(market).begin()
    assert (await market.row()).state == "finalizable"


async def test_nobody_is_asked_for_a_passphrase_by_a_watch(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await market.pay()).paid
    await market.act("force-close")
    market.clock.advance(ALL)
    await market.restart()
    accounts = await market.console._engine.accounts.get()
    monkeypatch.setattr(type(accounts), "asks", lambda self, name: True)
    watcher, heard = watch(market), Heard(market.console)
    await watcher.begin()
    await watcher.look()
    row = await market.row()
    assert row.state == "finalizable"
    (notice,) = heard.of(Notice)
    assert notice.command == f"mpp-console sessions withdraw {row.id}", "told once, and left to a person"


async def test_a_start_finds_out_what_a_crash_left_open(market: Market) -> None:
    process = await market.program("sent")
    assert await process.wait() == -9
    market.clock.advance(120)
    await market.restart()
    heard = Heard(market.console)
    await market.console.start()
    # Whichever comes first, the look at the payment or the one at the channel, it is told and the row is right.
    await heard.until(lambda: any("turned out" in item.text for item in heard.of(Notice)))
    await heard.until(lambda: any(item.view.rows[0].state == "finalized" for item in heard.of(SessionsChanged)))
    row = await market.row()
    assert (row.state, row.refunded, row.locked) == ("finalized", 0, 0)


async def test_a_trouble_of_one_look_does_not_end_the_watch(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from mpp_console.methods.tempo.chain import ChainUnreachable
    from mpp_console.services import session_watch

    looks: list[str] = []
    seen = asyncio.Event()

    async def begin(self: SessionWatch) -> None:
        looks.append("begin")
        if len(looks) == 1:
            raise ChainUnreachable("down")
        seen.set()

    monkeypatch.setattr(SessionWatch, "begin", begin)
    monkeypatch.setattr(session_watch, "LOOK_SECONDS", 0)
    running = asyncio.create_task(watch(market).run())
    async with asyncio.timeout(10):
        await seen.wait()
    running.cancel()
    assert looks == ["begin", "begin"]


# Limits of deposits -------------------------------------------------------------------------------------------------


def test_deposits_are_limited_by_symbol_or_address() -> None:
    network = find_profile("sandbox", Settings()).network
    token = network.default_token
    assert deposit_policy(SessionSettings(), network, token) == DepositPolicy()
    named = SessionSettings(maximum={"PATHUSD": "2"}, opening={token.lower(): "1"}, top_up={"pathUSD": "0.5"})
    found = deposit_policy(named, network, token)
    assert (found.maximum, found.opening, found.top_up) == (2_000_000, 1_000_000, 500_000)
    with pytest.raises(SettingsError, match="sessions"):
        deposit_policy(SessionSettings(maximum={"pathUSD": "0.0000001"}), network, token)


async def test_a_limit_that_does_not_hold_stops_every_payment(market: Market) -> None:
    await market.restart(settings=Settings(sessions=SessionSettings(maximum={"pathUSD": "0.0000001"})))
    result = await market.pay()
    assert (result.paid, result.error and result.error.code) == (False, "settings")
    assert market.shop.actions == []


async def test_the_limits_of_deposits_are_told_with_the_policy(market: Market) -> None:
    assert "locked for one payee" not in dict(market.console.policy().lines)
    await market.restart(settings=Settings(sessions=SessionSettings(maximum={"pathUSD": "2"})))
    assert dict(market.console.policy().lines)["locked for one payee"] == "2.000000 pathUSD"


async def test_a_quote_opens_no_key(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Any, name: str) -> Any:
        raise AssertionError("nobody is asked for a passphrase yet")

    monkeypatch.setattr(type(market.console._engine.opened), "get", never)
    task = market.console.payments.start(PayRequest(url=market.url))
    review = await task.review()
    assert review is not None
    assert review.offer is not None
    assert review.offer.session is not None
    task.reject()
    act = market.console.sessions.start("close", ["0xdeadbeef"])
    assert await act.review() is None


async def test_a_misspelt_currency_of_a_limit_is_no_limit_and_so_refused(tmp_path: Path) -> None:
    from mpp_console.services.paths import Paths

    with pytest.raises(SettingsError, match="sessions: no network has a currency 'pathUDS'"):
        await Console.open(
            settings=Settings(sessions=SessionSettings(maximum={"pathUDS": "1"})), paths=Paths.under(tmp_path)
        )


async def test_the_settings_say_what_is_locked(market: Market) -> None:
    await market.restart(settings=Settings(sessions=SessionSettings(opening={"pathUSD": "0.02"})))
    assert (await market.pay()).paid
    assert (await market.row()).deposit == 20 * PRICE


async def test_an_escrow_of_the_servers_own_gets_a_deposit_only_by_the_settings(market: Market) -> None:
    market.shop.escrow = "0x" + "11" * 20
    task = market.console.payments.start(PayRequest(url=market.url, mode="quote"))
    review = await task.review()
    assert review is not None
    assert [check.code for check in review.offers[0].checks if check.level.value == "refuse"] == ["untrusted-escrow"]
    await market.restart(settings=Settings(sessions=SessionSettings(escrows=(market.shop.escrow,))))
    task = market.console.payments.start(PayRequest(url=market.url, mode="quote"))
    review = await task.review()
    assert review is not None
    assert "untrusted-escrow" not in [check.code for check in review.offers[0].checks]


async def test_other_wallets_free_resources_need_no_channel(market: Market) -> None:
    async with Server(lambda seen: Reply(body=b"free")) as free:
        result = await market.pay(f"{free.url}/free")
    assert (result.body, result.paid) == (b"free", False)
    assert await market.rows() == ()
