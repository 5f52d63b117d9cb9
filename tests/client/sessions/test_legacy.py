"""Sessions of version 1: our payer at our gate, over the escrow contract of the sandbox's chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx_sse
import pytest

from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payee import SponsorPolicy
from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.methods.tempo.session_payee import TempoSessionPayee
from mpp_console.methods.tempo.session_plan import DepositPolicy
from mpp_console.methods.tempo.session_schema import decode_session_request, encode_session_request
from mpp_console.protocol import WITHDRAW_CUSHION, Challenge, ChallengeBinder, Secret, parse_challenges
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node.escrow import ESCROW
from mpp_console.server import Gate, GateLimits, MemoryStore
from mpp_console.server.channels import MemoryChannels
from tests.soak.shop import PRICE as WORD
from tests.soak.shop import application

from .conftest import World, no_sleep, plain_client, signer
from .shop import PRICE


@pytest.fixture
async def old(gate: World) -> World:
    gate.path = "/session/v1"
    return gate


async def challenge_of(world: World, **changes: Any) -> Challenge:
    """What the gate asks for, with fields of the request changed."""
    async with plain_client() as client:
        answer = await client.get(world.url)
    (challenge,) = parse_challenges(answer.headers.get_list("WWW-Authenticate"))
    request = replace(decode_session_request(challenge.request), **changes)
    return Challenge.create(
        id=challenge.id,
        realm=challenge.realm,
        method="tempo",
        intent="session",
        request=encode_session_request(request),
        expires=challenge.expires_at,
    )


async def test_the_challenge_is_what_clients_of_version_1_know(old: World) -> None:
    challenge = await challenge_of(old)
    assert challenge.request["methodDetails"] == {"chainId": 1337, "escrowContract": ESCROW.lower()}


async def test_the_quote_says_that_it_is_version_1(old: World) -> None:
    quoted = await old.payer().quote(await challenge_of(old))
    assert quoted.payable
    assert quoted.details["protocol"] == "v1"
    (told,) = [check for check in quoted.checks if check.code == "session-v1"]
    assert told.level == "warn"
    assert ESCROW in told.message


async def test_an_escrow_that_nobody_vouches_for_gets_no_money(old: World) -> None:
    challenge = await challenge_of(old, escrow=signer(9).address)
    assert {check.code for check in (await old.payer().quote(challenge)).refusals} == {"untrusted-escrow"}
    elsewhere = replace(SANDBOX, legacy_escrow=None)
    quoted = await old.payer(network=elsewhere).quote(await challenge_of(old))
    assert {check.code for check in quoted.refusals} == {"untrusted-escrow"}
    trusting = old.payer(network=elsewhere, trusted_escrows=frozenset({ESCROW}))
    assert (await trusting.quote(await challenge_of(old))).payable


async def test_open_pay_and_close(old: World) -> None:
    before, earned = await old.balance(), await old.balance(signer(2).address)
    for number in range(1, 5):
        answer = await old.get()
        assert answer.status_code == 200
        assert answer.json()["channel"]["spent"] == str(number * PRICE)
        assert answer.extensions["mpp_operation"].error is None
    row = await old.channel()
    assert (row.protocol, row.state, row.deposit, row.signed, row.spent) == (
        "v1", "active", 100 * PRICE, 4 * PRICE, 4 * PRICE
    )  # fmt: skip
    assert row.is_whole
    assert await old.balance(ESCROW) == 100 * PRICE
    done = await old.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, 96 * PRICE)
    assert await old.balance(ESCROW) == 0
    assert 0 < await old.balance(signer(2).address) - earned <= 4 * PRICE
    assert before - await old.balance() >= 4 * PRICE
    assert await old.operations() == [("settled", PRICE)] * 4


async def test_a_top_up_on_the_way_and_one_by_hand(old: World) -> None:
    old.settings["deposits"] = DepositPolicy(opening=2 * PRICE, top_up=3 * PRICE)
    for _ in range(4):
        assert (await old.get()).status_code == 200
    row = await old.channel()
    assert (row.deposit, row.spent, row.pending_deposit) == (5 * PRICE, 4 * PRICE, 0)
    await old.manager().top_up(row.channel_id, 2 * PRICE)
    for _ in range(3):
        assert (await old.get()).status_code == 200
    assert (await old.channel()).deposit == 7 * PRICE


async def test_a_crowd_on_one_channel(old: World) -> None:
    async with old.client(old.payments()) as client:
        answers = await asyncio.gather(*(client.get(old.url) for _ in range(8)))
    assert sorted(int(answer.json()["channel"]["spent"]) for answer in answers) == [
        number * PRICE for number in range(1, 9)
    ]
    assert len((await old.book.rows()).rows) == 1


async def test_both_versions_of_one_payee_are_channels_of_their_own(old: World) -> None:
    await old.get()
    old.path = "/session"
    await old.get()
    assert {row.protocol for row in (await old.book.rows()).rows} == {"v1", "v2"}
    for row in (await old.book.rows()).rows:
        assert (await old.manager().close(row.channel_id)).refunded == 99 * PRICE


async def test_a_forced_close_and_a_withdrawal(old: World) -> None:
    await old.get()
    row = await old.channel()
    manager = old.manager()
    assert (await manager.close(row.channel_id, cooperative=False)).how is CloseHow.REQUESTED
    assert (await old.get()).status_code == 200, "on a new channel"
    old.clock.advance(GRACE_SECONDS + WITHDRAW_CUSHION)
    done = await manager.close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.WITHDRAWN, 100 * PRICE)


async def test_a_top_up_takes_a_requested_close_back(old: World) -> None:
    await old.get()
    row = await old.channel()
    await old.manager().close(row.channel_id, cooperative=False)
    assert (await old.manager().top_up(row.channel_id, PRICE)).state == "active"
    old.clock.advance(10)
    assert (await old.get()).json()["channel"]["spent"] == str(2 * PRICE)


async def test_the_server_pays_the_fees_where_it_says_so(old: World) -> None:
    """Approval and opening are one transaction, so that one signature of the sponsor is enough."""
    challenge = await challenge_of(old, fee_payer=True)
    quoted = await old.payer().quote(challenge)
    assert (quoted.payable, quoted.sponsored, quoted.fee) == (True, True, 0)


async def test_vouchers_of_another_key(old: World) -> None:
    delegate = signer(8)
    old.settings["delegate"] = delegate
    for _ in range(2):
        assert (await old.get()).status_code == 200
    row = await old.channel()
    assert (row.payer, row.authorized_signer, row.spent) == (old.customer.address, delegate.address, 2 * PRICE)
    keys = {old.customer.address: old.customer, delegate.address: delegate}
    done = await old.manager(signer_of=keys.get).close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, 98 * PRICE)
    assert await old.balance(ESCROW) == 0


async def test_a_stream_is_paid_word_by_word_and_topped_up(world: World) -> None:
    shop, sponsor = signer(2), SponsorPolicy(signer=signer(3), fee_tokens=SANDBOX.fee_tokens)
    payee = TempoSessionPayee(
        chain=world.chain, network=SANDBOX, recipient=shop.address, signer=shop, store=MemoryChannels(),
        clock=world.clock, sponsor=sponsor, sleep=no_sleep,
    )  # fmt: skip
    counter = Gate(
        realm="127.0.0.1", binder=ChallengeBinder([Secret(b"s" * 32)]), store=MemoryStore(clock=world.clock),
        clock=world.clock, limits=GateLimits(rates=None),
    )  # fmt: skip
    world.settings["deposits"] = DepositPolicy(opening=5 * WORD, top_up=4 * WORD)
    async with EmbeddedServer(application(payee, counter, lambda line: None, "v1")) as server:
        world.server, world.path = server, "/words?count=12"
        for _ in range(2):
            async with world.client() as client, client.stream("GET", world.url) as answer:
                heard = [event.data async for event in httpx_sse.EventSource(answer).aiter_sse()]
            assert heard == [f"word {number}" for number in range(12)]
        row = await world.channel()
        assert (row.protocol, row.signed, row.spent, row.pending_deposit) == ("v1", 24 * WORD, 24 * WORD, 0)
        assert await world.operations() == [("settled", 12 * WORD)] * 2
        done = await world.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, row.deposit - 24 * WORD)
    assert await world.balance(ESCROW) == 0
