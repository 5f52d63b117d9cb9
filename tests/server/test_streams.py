"""Metered streams over a real socket: nothing leaves that is not paid for, and nothing is charged twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from mpp_console.methods.tempo.session_metering import Shortfall
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_record import Change
from mpp_console.protocol import Credential, format_timestamp, parse_receipt
from mpp_console.server.channels import MemoryChannels, SqliteChannels
from mpp_console.server.events import DeliveryFailed, PaymentVerified, StreamCharged
from mpp_console.server.sse import message_event
from mpp_console.server.stores.sqlite import SqliteStore
from mpp_console.server.streams import MeteredStream, StreamLimits, base_units
from tests.methods.tempo.booths import PRICE, Booth, id_of
from tests.methods.tempo.test_session_crashes import Killed, MortalStore
from tests.server.stalls import Stall

DEPOSIT = 1_000
T = TypeVar("T")


class CountingStore(MemoryChannels):
    """Counts what was written."""

    writes = 0

    async def update(self, channel_id: str, change: Change[T]) -> T:
        self.writes += 1
        return await super().update(channel_id, change)


@pytest.fixture
def stall() -> Stall:
    return Stall()


async def source(*words: str) -> AsyncIterator[str]:
    for word in words:
        yield word


# -- the wire


async def test_what_is_sold_leaves_byte_for_byte_as_the_field_reads_it(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    stall.sell = stall.say("one", "tw\no")
    channel = id_of(descriptor)
    async with (
        stall.open() as customer,
        customer.listen(stall.booth.voucher(descriptor, 3 * PRICE)) as listening,
    ):
        await listening.all()
        told = customer.challenge
        headers = listening.answer.headers
    assert told is not None
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform, private"
    assert "content-encoding" not in headers
    stamp = format_timestamp(stall.booth.clock())
    assert listening.raw.decode() == (
        "event: message\ndata: one\n\n"
        "event: message\ndata: tw\ndata: o\n\n"
        'event: payment-receipt\ndata: {"method":"tempo","reference":"' + channel + '","status":"success",'
        '"timestamp":"' + stamp + '","intent":"session","channelId":"' + channel + '","acceptedCumulative":"300",'
        '"spent":"300","challengeId":"' + told.id + '","units":2}\n\n'
    )


async def test_the_first_receipt_is_in_the_head_and_the_last_in_the_stream(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 4 * PRICE)) as listening:
        first = read_session_receipt(parse_receipt(listening.answer.headers["payment-receipt"]))
        events = await listening.all()
    assert (first.accepted, first.spent, first.units) == (4 * PRICE, 2 * PRICE, 1)
    assert events[-1][0] == "payment-receipt"
    assert (events[-1][1]["spent"], events[-1][1]["units"]) == (str(4 * PRICE), 3)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_no_text_forges_an_event(end: str) -> None:
    forged = message_event(f"hello{end}{end}event: payment-receipt{end}data: {{}}")
    assert forged.count(b"\n\n") == 1
    lines = forged.decode().splitlines()
    assert lines[0] == "event: message"
    assert all(line.startswith("data: ") for line in lines[1:-1])


# -- running dry


async def test_a_dry_stream_waits_for_a_voucher_and_goes_on_where_it_stopped(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        assert await listening.next() == ("message", "one")
        assert await listening.next() == (
            "payment-need-voucher",
            {
                "channelId": id_of(descriptor),
                "requiredCumulative": str(3 * PRICE),
                "acceptedCumulative": str(2 * PRICE),
                "deposit": str(DEPOSIT),
            },
        )
        assert (await stall.booth.record(descriptor)).spent == 2 * PRICE
        assert (await customer.post(stall.booth.voucher(descriptor, 4 * PRICE))).status_code == 204
        assert [name for name, _ in await listening.all()] == ["message", "message", "payment-receipt"]
    record = await stall.booth.record(descriptor)
    assert (record.accepted, record.spent, record.units) == (4 * PRICE, 4 * PRICE, 4)


async def test_a_top_up_alone_does_not_go_on_and_is_asked_for_once(stall: Stall) -> None:
    descriptor = await stall.booth.opened(2 * PRICE)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        assert (await listening.next())[1] == "one"
        name, facts = await listening.next()
        assert (name, facts["requiredCumulative"], facts["deposit"]) == ("payment-need-voucher", "300", "200")
        assert (await customer.post(stall.booth.topping_up(descriptor, 500))).status_code == 204
        assert (await customer.post(stall.booth.voucher(descriptor, 7 * PRICE))).status_code == 204
        assert [name for name, _ in await listening.all()] == ["message", "message", "payment-receipt"]


async def test_a_stream_that_gets_no_voucher_ends_in_good_order() -> None:
    stall = Stall(limits=StreamLimits(voucher_seconds=0.01))
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        names = [name for name, _ in await listening.all()]
    assert names == ["message", "payment-need-voucher", "payment-receipt"]
    assert not any(isinstance(event, DeliveryFailed) for event in stall.events)


async def test_a_close_ends_the_stream_that_waits_and_takes_what_was_delivered(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        await listening.next()
        await listening.next()
        assert (await customer.post(stall.booth.closing(descriptor, 2 * PRICE))).status_code == 204
        assert [name for name, _ in await listening.all()] == ["payment-receipt"]
    assert (await stall.booth.record(descriptor)).settled == 2 * PRICE


async def test_a_payer_who_asks_the_chain_to_close_gets_nothing_more(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)

    async def sell(stream: MeteredStream) -> None:
        await stream.deliver("one")
        stall.booth.request_close(descriptor)
        stall.booth.clock.advance(6)
        await stream.deliver("two")

    stall.sell = sell
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 9 * PRICE)) as listening:
        assert [name for name, _ in await listening.all()] == ["message", "payment-receipt"]


async def test_what_is_asked_for_is_never_below_the_least_voucher() -> None:
    booth = Booth(options={"min_voucher_delta": 5 * PRICE})
    descriptor = await booth.opened(DEPOSIT)
    credential = Credential(challenge=booth.challenge(), payload=booth.voucher(descriptor, PRICE).to_wire())
    short = await booth.payee.meter(credential).take(PRICE)
    assert isinstance(short, Shortfall)
    assert (short.required, short.least) == (6 * PRICE, 2 * PRICE)


# -- many at once


async def test_what_is_ready_together_is_charged_in_one_write() -> None:
    store = CountingStore()
    stall = Stall(booth=Booth(store=store))
    descriptor = await stall.booth.opened(DEPOSIT)
    before = store.writes
    stall.sell = lambda stream: stream.relay(source(*"abcdefg"))
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 9 * PRICE)) as listening:
        assert [value for name, value in await listening.all() if name == "message"] == list("abcdefg")
    assert store.writes - before == 2, "the request, and all words that it did not pay for"
    record = await stall.booth.record(descriptor)
    assert (record.spent, record.units) == (8 * PRICE, 8)


async def test_a_bulk_charge_goes_as_far_as_the_voucher_and_asks_for_the_rest() -> None:
    stall = Stall(limits=StreamLimits(ask=16))
    descriptor = await stall.booth.opened(6 * PRICE)
    stall.sell = lambda stream: stream.deliver(*"abcdefgh")
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 4 * PRICE)) as listening:
        assert [(await listening.next())[1] for _ in range(3)] == ["a", "b", "c"]
        # No more than the deposit holds: nobody should have to top up for what is only convenient.
        assert (await listening.next())[1]["requiredCumulative"] == str(6 * PRICE)
        await customer.post(stall.booth.voucher(descriptor, 5 * PRICE))
        assert (await listening.next())[1] == "d"
        assert (await listening.next())[1]["requiredCumulative"] == str(6 * PRICE)
        await customer.post(stall.booth.voucher(descriptor, 6 * PRICE))
        assert (await listening.next())[1] == "e"
        assert (await listening.next())[1]["requiredCumulative"] == str(7 * PRICE)


async def test_a_piece_may_have_a_price_of_its_own(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)

    async def sell(stream: MeteredStream) -> None:
        await stream.charge(PRICE + 50, units=7)
        await stream.charge(Decimal("0.001"))
        await stream.send("all of it")

    stall.sell = sell
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 9 * PRICE)) as listening:
        receipt = (await listening.all())[-1][1]
    assert (receipt["spent"], receipt["units"]) == (str(2 * PRICE + 50 + 1), 8)


@pytest.mark.parametrize("price", [0, -1, Decimal(0)])
def test_nothing_is_sold_for_nothing(price: int | Decimal) -> None:
    with pytest.raises(ValueError, match="at least one base unit"):
        base_units(price)


def test_a_fraction_of_a_base_unit_costs_one() -> None:
    assert (base_units(Decimal("0.0000001")), base_units(Decimal("2.1")), base_units(3)) == (1, 3, 3)


# -- the end


async def test_a_client_that_leaves_is_charged_no_more(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def sell(stream: MeteredStream) -> None:
        try:
            await stream.deliver("one", "two")
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    stall.sell = sell
    async with stall.open() as customer:
        async with customer.listen(stall.booth.voucher(descriptor, 9 * PRICE)) as listening:
            await listening.next()
            await begun.wait()
        await ended.wait()
        while not any(isinstance(event, StreamCharged) for event in stall.events):
            await asyncio.sleep(0)
    assert (await stall.booth.record(descriptor)).spent == 3 * PRICE
    assert [event.status for event in stall.events if isinstance(event, DeliveryFailed)] == []


async def test_an_upstream_that_is_too_slow_breaks_the_answer_off_after_its_receipt() -> None:
    stall = Stall(limits=StreamLimits(upstream_seconds=0.01))
    descriptor = await stall.booth.opened(DEPOSIT)

    async def sell(stream: MeteredStream) -> None:
        await stream.deliver("one")
        await asyncio.Event().wait()

    async def stuck() -> AsyncIterator[str]:
        yield "one"
        await asyncio.Event().wait()

    for number, sold in enumerate((sell, lambda stream: stream.relay(stuck()))):
        stall.sell = sold
        paid = stall.booth.voucher(descriptor, (2 + number) * PRICE)
        async with stall.open() as customer, customer.listen(paid) as listening:
            assert [(await listening.next())[0] for _ in range(2)] == ["message", "payment-receipt"]
            with pytest.raises(httpx.RemoteProtocolError):
                await listening.next()
        assert isinstance(stall.events[-1], DeliveryFailed)


async def test_the_pause_for_a_voucher_is_not_the_upstreams_time() -> None:
    stall = Stall(limits=StreamLimits(upstream_seconds=0.01, voucher_seconds=30))
    descriptor = await stall.booth.opened(DEPOSIT)
    stall.sell = lambda stream: stream.deliver("one", "two")
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        assert [(await listening.next())[0] for _ in range(2)] == ["message", "payment-need-voucher"]
        await asyncio.sleep(0.05)  # longer than the upstream may take
        await customer.post(stall.booth.voucher(descriptor, 3 * PRICE))
        assert [name for name, _ in await listening.all()] == ["message", "payment-receipt"]


async def test_a_fault_of_the_handler_still_gives_the_receipt_and_no_good_end(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)

    async def sell(stream: MeteredStream) -> None:
        await stream.deliver("one")
        raise RuntimeError("a defect")

    stall.sell = sell
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        assert [(await listening.next())[0] for _ in range(2)] == ["message", "payment-receipt"]
        with pytest.raises(httpx.RemoteProtocolError):
            await listening.next()


async def test_a_quiet_stream_shows_that_it_lives() -> None:
    beats: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(seconds: float) -> None:
        assert seconds == 15
        await beats.get()

    stall = Stall(sleep=sleep)
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
        assert [(await listening.next())[0] for _ in range(2)] == ["message", "payment-need-voucher"]
        beats.put_nowait(None)  # something was said since the last one
        beats.put_nowait(None)
        assert await listening.next() == ("", "keep-alive")


# -- what the operator is told


async def test_what_a_stream_took_is_told_beside_what_its_request_cost(stall: Stall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 4 * PRICE)) as listening:
        await listening.all()
    first, last = (event for event in stall.events if isinstance(event, PaymentVerified | StreamCharged))
    assert isinstance(first, PaymentVerified)
    assert first.offer.amount == PRICE
    assert isinstance(last, StreamCharged)
    assert (last.amount, last.units) == (2 * PRICE, 3)
    assert [row.amount for row in stall.answered][-1] == 3 * PRICE


# -- the disk


@pytest.mark.parametrize("too_late", [False, True])
async def test_nothing_leaves_before_its_charge_is_on_disk(too_late: bool) -> None:
    store = MortalStore(MemoryChannels())
    stall = Stall(booth=Booth(store=store))
    descriptor = await stall.booth.opened(DEPOSIT)
    sent: list[str] = []

    async def sell(stream: MeteredStream) -> None:
        for word in ("one", "two", "three"):
            if word == "three":
                store.fuse, store.too_late = 0, too_late
            await stream.charge()
            sent.append(word)
            await stream.send(word)

    class Memory:
        async def start(self) -> None: ...
        async def message(self, *values: str) -> None: ...
        async def need_voucher(self, facts: object) -> None: ...
        async def receipt(self, receipt: object) -> None: ...
        async def beat(self) -> None: ...
        async def end(self) -> None: ...
        async def left(self) -> None:
            await asyncio.Event().wait()

    credential = Credential(
        challenge=stall.booth.challenge(), payload=stall.booth.voucher(descriptor, 9 * PRICE).to_wire()
    )
    await stall.booth.handle(stall.booth.voucher(descriptor, 9 * PRICE))
    stream = MeteredStream(
        wire=Memory(), meter=stall.booth.payee.meter(credential), price=PRICE, challenge_id="c", prepaid=PRICE
    )
    with pytest.raises(Killed):
        async with stream:
            await sell(stream)
    assert sent == ["one", "two"]
    record = await stall.booth.record(descriptor)
    assert record.spent == PRICE + (3 if too_late else 2) * PRICE


async def test_a_voucher_that_another_process_takes_goes_on_with_the_stream(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "gate.db") as ours, SqliteStore(tmp_path / "gate.db") as theirs:
        stall = Stall(booth=Booth(store=SqliteChannels(ours)))
        other = stall.booth.open_shop(SqliteChannels(theirs))
        descriptor = await stall.booth.opened(DEPOSIT)
        async with stall.open() as customer, customer.listen(stall.booth.voucher(descriptor, 2 * PRICE)) as listening:
            assert [(await listening.next())[0] for _ in range(2)] == ["message", "payment-need-voucher"]
            await stall.booth.handle(stall.booth.voucher(descriptor, 4 * PRICE), "management", payee=other)
            assert [name for name, _ in await listening.all()] == ["message", "message", "payment-receipt"]
        assert (await stall.booth.record(descriptor)).spent == 4 * PRICE


async def test_two_streams_of_one_channel_share_its_vouchers_and_give_nothing_away() -> None:
    stall = Stall(limits=StreamLimits(voucher_seconds=0.01))
    descriptor = await stall.booth.opened(DEPOSIT)
    both = asyncio.Event()

    async def sell(stream: MeteredStream) -> None:
        if len(stall.streams) == 2:
            both.set()
        await both.wait()
        await stream.relay(source(*"abcdef"))

    stall.sell = sell
    async with stall.open() as customer:
        first = stall.booth.voucher(descriptor, 6 * PRICE)
        async with customer.listen(first) as one, customer.listen(first) as two:
            heard = await asyncio.gather(one.all(), two.all())
    messages = [sum(name == "message" for name, _ in events) for events in heard]
    record = await stall.booth.record(descriptor)
    assert (sum(messages), record.spent) == (5, 6 * PRICE)
    assert all(events[-1][0] == "payment-receipt" for events in heard)
