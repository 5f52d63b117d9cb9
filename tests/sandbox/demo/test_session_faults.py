"""Failures of a session's server, switched on for the demo: each spoils what it names and leaves the channels alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

import httpx
import pytest

from mpp_console.methods.tempo.session_payloads import OpenPayload
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.methods.tempo.session_schema import decode_session_request
from mpp_console.protocol import parse_challenges, parse_problem, parse_receipt
from mpp_console.sandbox.demo import Fault
from mpp_console.sandbox.demo.session_faults import SESSION_SPOILS
from mpp_console.sandbox.demo.sessions import SESSION_PRICE, TOKEN_PRICE
from mpp_console.sandbox.embedded import EmbeddedServer
from tests.methods.tempo.booths import id_of
from tests.sandbox.demo.test_sessions import Stand

DEPOSIT = 100_000


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    stand = Stand()
    async with stand.client:
        yield stand


def switch(stand: Stand, *faults: Fault, path: str = "/session") -> None:
    stand.demo.use_faults({f"GET {path}": faults})


async def opened(stand: Stand) -> OpenPayload:
    opening = stand.booth.opening(DEPOSIT, SESSION_PRICE)
    assert (await stand.bring(opening)).status_code == 200
    assert opening.descriptor is not None
    return opening


def slug(answer: httpx.Response) -> str | None:
    return parse_problem(answer.content).slug


def test_every_fault_of_the_payee_is_one_that_can_be_switched() -> None:
    assert set(Fault) >= SESSION_SPOILS


@pytest.mark.parametrize("faults", [[fault] for fault in Fault] + [list(Fault)], ids="+".join)
def test_every_fault_can_be_switched_for_every_route(faults: Collection[Fault]) -> None:
    stand = Stand()
    stand.demo.use_faults({}, faults)
    stand.demo.use_faults({})


@pytest.mark.parametrize("fault", [Fault.WRONG_AMOUNT, Fault.REPLAY])
async def test_what_spoils_the_payment_locks_no_money(stand: Stand, fault: Fault) -> None:
    switch(stand, fault)
    opening = stand.booth.opening(DEPOSIT, SESSION_PRICE)
    assert (await stand.bring(opening)).status_code == 402
    assert await stand.booth.store.get(opening.channel_id) is None
    switch(stand)
    assert (await stand.bring(opening)).status_code == 200


async def test_a_broken_recipient_is_one_that_no_client_reads(stand: Stand) -> None:
    switch(stand, Fault.BAD_RECIPIENT)
    asked = await stand.client.get("/session")
    request = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0].request
    with pytest.raises(Exception, match="recipient"):
        decode_session_request(request)


async def test_lost_state_knows_new_channels_and_no_old_one(stand: Stand) -> None:
    old = await opened(stand)
    switch(stand, Fault.LOST_STATE)
    assert old.descriptor is not None
    forgotten = await stand.bring(stand.booth.voucher(old.descriptor, 2 * SESSION_PRICE))
    assert (forgotten.status_code, slug(forgotten)) == (410, "session/channel-not-found")
    new = await opened(stand)
    assert new.descriptor is not None
    assert (await stand.bring(stand.booth.voucher(new.descriptor, 2 * SESSION_PRICE))).status_code == 200
    switch(stand)
    assert (await stand.bring(stand.booth.voucher(old.descriptor, 2 * SESSION_PRICE))).status_code == 200


async def test_a_lying_410_changes_nothing_on_the_chain(stand: Stand) -> None:
    channel = await opened(stand)
    assert channel.descriptor is not None
    switch(stand, Fault.LYING_410)
    for payload in (
        stand.booth.voucher(channel.descriptor, 2 * SESSION_PRICE),
        stand.booth.closing(channel.descriptor, SESSION_PRICE),
    ):
        lie = await stand.bring(payload, "POST")
        assert (lie.status_code, slug(lie)) == (410, "session/channel-finalized")
    assert (await stand.booth.record(channel.descriptor)).state is ChannelState.OPEN


async def test_a_refused_close_leaves_the_channel_open_and_serving(stand: Stand) -> None:
    channel = await opened(stand)
    assert channel.descriptor is not None
    switch(stand, Fault.REFUSED_CLOSE)
    assert (await stand.bring(stand.booth.closing(channel.descriptor, SESSION_PRICE), "POST")).status_code == 500
    assert (await stand.bring(stand.booth.voucher(channel.descriptor, 2 * SESSION_PRICE))).status_code == 200


async def test_a_high_receipt_tells_of_what_nobody_signed(stand: Stand) -> None:
    switch(stand, Fault.HIGH_RECEIPT)
    answer = await stand.bring(stand.booth.opening(DEPOSIT, SESSION_PRICE))
    facts = read_session_receipt(parse_receipt(answer.headers["payment-receipt"]))
    assert facts.accepted > DEPOSIT
    record = (await stand.booth.store.list())[0]
    assert record.accepted == SESSION_PRICE


async def test_a_stalled_stream_says_nothing_more_and_ends_with_its_client(stand: Stand) -> None:
    channel = await opened(stand)
    assert channel.descriptor is not None
    switch(stand, Fault.STALLED_STREAM, path="/session/stream")
    voucher = stand.booth.voucher(channel.descriptor, 20 * SESSION_PRICE)
    async with EmbeddedServer(stand.demo.app) as server, httpx.AsyncClient(base_url=server.url) as client:
        stand.client, before = client, stand.client
        async with stand.listening(voucher, "/session/stream") as answer:
            parts = answer.aiter_text()
            text = await anext(parts)
            while text.count("event: message") < 2:
                text += await anext(parts)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(parts)
        stand.client = before
    assert (await stand.booth.record(channel.descriptor)).spent == SESSION_PRICE + 2 * TOKEN_PRICE


async def test_a_voucher_loop_asks_on_and_gives_nothing(stand: Stand) -> None:
    channel = await opened(stand)
    descriptor = channel.descriptor
    assert descriptor is not None
    switch(stand, Fault.VOUCHER_LOOP, path="/session/stream")
    async with EmbeddedServer(stand.demo.app) as server, httpx.AsyncClient(base_url=server.url) as client:
        stand.client, before = client, stand.client
        signed = SESSION_PRICE + TOKEN_PRICE
        async with stand.listening(stand.booth.voucher(descriptor, signed), "/session/stream") as answer:
            parts, text = answer.aiter_text(), ""
            for round_ in range(1, 4):
                while text.count("payment-need-voucher") < round_:
                    text += await anext(parts)
                signed += TOKEN_PRICE
                assert f'"requiredCumulative":"{signed}"' in text
                await stand.bring(stand.booth.voucher(descriptor, signed), "POST", "/session/stream")
        stand.client = before
    assert text.count("event: message") == 1
    record = await stand.booth.record(descriptor)
    assert (record.accepted, record.spent) == (signed, SESSION_PRICE + TOKEN_PRICE)
    assert id_of(descriptor) == record.channel_id
