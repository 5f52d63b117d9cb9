"""The channels that others open to the local server: what is shown of them, and how they are settled and closed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mpp_console.methods.tempo.reserve_abi import encode_request_close
from mpp_console.protocol import ChannelState
from mpp_console.sandbox.demo.sessions import TOKEN_PRICE
from mpp_console.services import Console, server_channels
from mpp_console.services.errors import ServerUnavailable, UsageError
from mpp_console.services.events import Notice, ReceiptRecorded, RequestServed, ServerChanged
from mpp_console.services.models import PayeeChannelRow, PayeeChannels, Stage
from tests.services.conftest import Clock, Devnet, Heard, OpenConsole
from tests.services.shoppers import Shopper

PRICE = 1_000
DEPOSIT = 100_000


async def opened(console: Console, requests: int = 1) -> tuple[Shopper, PayeeChannelRow]:
    """A stranger's channel at the console's server, after some requests, and its row."""
    shopper = await Shopper.at(console)
    await shopper.open(DEPOSIT)
    for _ in range(requests - 1):
        await shopper.buy()
    return shopper, (await console.server.load_channels()).rows[0]


async def test_before_anybody_comes_there_is_nothing(console: Console) -> None:
    assert console.server.channels() == PayeeChannels()
    shown = await console.server.load_channels()
    assert (shown.rows, shown.exposure, shown.alarms) == ((), (), 0)
    assert console.server.view().channels == shown


async def test_a_channel_is_shown_with_what_is_at_stake(console: Console) -> None:
    shopper, row = await opened(console, 3)
    assert (row.state, row.payer, row.currency.symbol) == ("open", shopper.address, "pathUSD")
    assert (row.deposit, row.accepted, row.spent, row.settled) == (DEPOSIT, 3 * PRICE, 3 * PRICE, 0)
    assert (row.exposure, row.units, row.alarm, row.closes_at) == (3 * PRICE, 3, "", None)
    assert [money.text for money in console.server.channels().exposure] == ["0.003000 pathUSD"]


async def test_the_screens_are_told_when_a_channel_changes(console: Console) -> None:
    shopper, _ = await opened(console)
    heard = Heard(console)
    await shopper.buy()
    await heard.until(
        lambda: any(row.spent == 2 * PRICE for event in heard.of(ServerChanged) for row in event.view.channels.rows)
    )


# -- acts


async def test_settling_takes_what_was_earned_and_goes_on(console: Console) -> None:
    shopper, row = await opened(console, 2)
    task = console.server.review_channels("settle", [row.id[:12]])
    review = await task.review()
    assert review is not None
    assert review.command == f"mpp-console channels settle {row.id[:12]}"
    (line,) = review.rows
    assert (line.error, line.row.state, line.row.at_risk) == (None, ChannelState.ACTIVE, 2 * PRICE)
    assert "takes 0.002000 pathUSD" in line.way
    assert line.fee is not None
    assert line.fee.amount > 0
    assert console.server.channels().rows[0].settled == 0
    assert task.approve()
    assert not task.approve()
    result = await task.result()
    (outcome,) = result.outcomes
    assert (result.stage, outcome.ok, outcome.how, outcome.row.settled) == (Stage.DONE, True, "settled", 2 * PRICE)
    assert outcome.reference is not None
    assert console.server.channels().exposure == ()
    await shopper.buy()


async def test_closing_gives_the_rest_back_and_serves_nothing_more(console: Console) -> None:
    shopper, row = await opened(console, 2)
    before = await shopper.balance()
    task = console.server.review_channels("close", [row.id])
    review = await task.review()
    assert review is not None
    assert review.rows[0].returns == DEPOSIT - 2 * PRICE
    task.approve()
    (outcome,) = (await task.result()).outcomes
    assert (outcome.how, outcome.refunded) == ("cooperative", DEPOSIT - 2 * PRICE)
    assert await shopper.balance() - before == DEPOSIT - 2 * PRICE
    assert console.server.channels().rows[0].state == "closed"
    assert (await shopper.ask_again()).status_code == 410


async def test_what_is_declined_leaves_everything_as_it_was(console: Console) -> None:
    _, row = await opened(console)
    task = console.server.review_channels("close", [row.id])
    await task.review()
    assert task.reject()
    assert (await task.result()).stage is Stage.DECLINED
    assert (await console.server.load_channels()).rows[0].state == "open"


async def test_each_channel_has_an_outcome_of_its_own(console: Console) -> None:
    _, first = await opened(console)
    settled = console.server.review_channels("settle", [first.id])
    await settled.review()
    settled.approve()
    await settled.result()
    other, _ = await opened(console, 2)
    ids = [row.id for row in console.server.channels().rows]
    task = console.server.review_channels("settle", ids)
    review = await task.review()
    assert review is not None
    assert {row.row.id: row.error and row.error.code for row in review.rows}[first.id] == "nothing-earned"
    task.approve()
    (outcome,) = (await task.result()).outcomes
    assert (outcome.ok, outcome.row.payer) == (True, other.address)


@pytest.mark.parametrize("channels", [[], ["0xnothing"]])
async def test_what_is_not_there_is_refused(console: Console, channels: list[str]) -> None:
    await console.server.start()
    if not channels:
        with pytest.raises(UsageError):
            console.server.review_channels("close", channels)
        return
    task = console.server.review_channels("close", channels)
    assert await task.review() is None
    assert task.error is not None
    assert "no channel of this server" in task.error.message


async def test_elsewhere_there_is_no_server_and_no_channel(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    with pytest.raises(ServerUnavailable):
        await console.server.load_channels()
    with pytest.raises(ServerUnavailable):
        console.server.review_channels("settle", ["0x1"])


# -- time and restarts


async def test_a_channel_outlives_the_server_and_pays_the_next_one(open_console: OpenConsole) -> None:
    first = await open_console()
    shopper, row = await opened(first, 2)
    await first.close()
    second = await open_console()
    assert (await second.server.load_channels()).rows[0].id == row.id
    await shopper.move_to(second)
    await shopper.buy()
    assert (await second.server.load_channels()).rows[0].spent == 3 * PRICE


async def test_a_payer_who_leaves_is_told_and_what_it_owes_is_taken(console: Console, clock: Clock) -> None:
    heard = Heard(console)
    shopper, row = await opened(console, 2)
    await shopper.send(encode_request_close(shopper.descriptor))
    clock.ahead += timedelta(seconds=40)  # the next round asks the chain
    told = await heard.until(lambda: [event for event in heard.of(Notice) if "was closed" in event.text], seconds=60)
    assert "its payer had asked the chain to" in told[0].text
    warned = [event for event in heard.of(Notice) if "asked the chain to close it" in event.text]
    assert [event.level for event in warned] == ["warn"]
    shown = await console.server.load_channels()
    assert (shown.rows[0].id, shown.rows[0].state, shown.rows[0].settled) == (row.id, "closed", 2 * PRICE)


async def test_an_alarm_says_what_would_be_lost_and_comes_first(open_console: OpenConsole) -> None:
    console = await open_console()
    await opened(console, 3)
    shopper, leaving = await opened(console, 2)
    await shopper.send(encode_request_close(shopper.descriptor))
    shown = await console.server.load_channels()
    first = shown.rows[0]
    assert (first.id, shown.alarms) == (shopper.channel_id, 1)
    assert first.id != leaving.id or len(shown.rows) == 2
    assert "lose 0.002000 pathUSD" in first.alarm
    assert first.closes_at is not None


async def test_enough_is_settled_without_being_asked(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_channels, "SETTLED_AT", 2 * PRICE)
    heard = Heard(console)
    shopper, row = await opened(console, 2)
    told = await heard.until(lambda: [event for event in heard.of(Notice) if "was settled" in event.text], seconds=60)
    assert len(told) == 1
    assert (await console.server.load_channels()).rows[0].settled == 2 * PRICE
    await shopper.buy()
    assert row.settled == 0


async def test_a_websocket_is_served_counted_and_on_record(console: Console) -> None:
    heard = Heard(console)
    shopper, _ = await opened(console)
    assert len(await shopper.read_socket("/session/ws?tokens=4", 4, TOKEN_PRICE)) == 4
    rows = await heard.until(lambda: [event.row for event in heard.of(RequestServed) if event.row.status == 101])
    (row,) = rows
    assert (row.path, row.outcome, row.amount) == ("/session/ws", "paid", 4 * TOKEN_PRICE)
    assert row.reference == shopper.channel_id
    route = next(route for route in console.server.view().routes if route.path == "/session/ws")
    assert route.revenue == 4 * TOKEN_PRICE
    received = await heard.until(
        lambda: [event.row for event in heard.of(ReceiptRecorded) if event.row.amount == 4 * TOKEN_PRICE]
    )
    assert (received[0].direction, received[0].reference) == ("received", shopper.channel_id)
