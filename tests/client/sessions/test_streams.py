"""Answers that are charged for as they come: what is signed for them, when, and who stops it."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import httpx_sse
import pytest

from mpp_console.client import metering as metering_module
from mpp_console.client.auth import PaymentAuth, operation_of
from mpp_console.client.errors import StreamOverLimit, StreamStalled, StreamStopped, StreamUnfair
from mpp_console.client.offers import Terms
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.sessions import stream as stream_module
from mpp_console.methods.tempo.session_plan import DepositPolicy
from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts
from tests.client.till import Reply, Seen

from .conftest import TOKEN, World
from .shop import PRICE
from .tap import Tap, event


@pytest.fixture
def tap(world: World) -> Tap:
    tap = Tap(chain=world.shop.chain, signer=world.shop.signer, clock=world.clock)
    world.shop = tap
    world.server.handler = tap
    world.path = "/stream"
    return tap


@asynccontextmanager
async def streaming(world: World, **options: Any) -> AsyncIterator[httpx.Response]:
    auth = PaymentAuth(options.pop("payments", None) or world.payments(), **options)
    async with (
        httpx.AsyncClient(auth=auth, timeout=30, trust_env=False) as client,
        client.stream("GET", world.url) as response,
    ):
        yield response


async def tokens_of(response: httpx.Response) -> list[str]:
    return [json.loads(sse.data)["token"] async for sse in httpx_sse.EventSource(response).aiter_sse()]


async def read(world: World, **options: Any) -> list[str]:
    async with streaming(world, **options) as response:
        return await tokens_of(response)


def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits of the client pass as soon as there is nothing else to do; gives how long each would have been."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        for _ in range(200):
            await real(0)

    real = asyncio.sleep
    monkeypatch.setattr(stream_module.MeteredBody.__init__, "__kwdefaults__", {
        "patience": stream_module.Patience(), "sleep": sleep,
    })  # fmt: skip
    return waits


async def test_a_channel_whose_first_request_is_a_stream(world: World, tap: Tap) -> None:
    assert await read(world) == list(tap.tokens)
    assert tap.actions == ["open", *["voucher"] * 4]
    row = await world.channel()
    assert (row.state, row.signed, row.accepted, row.spent) == ("active", 5 * PRICE, 5 * PRICE, 5 * PRICE)
    assert await world.operations() == [("settled", 5 * PRICE)]


async def test_what_is_about_money_is_not_in_the_answer(world: World, tap: Tap) -> None:
    body = (await world.get()).text
    assert "payment-" not in body
    assert [line for line in body.splitlines() if line.startswith("data")] == [
        f'data: {{"token": "{token}"}}' for token in tap.tokens
    ]


async def test_streams_and_requests_share_one_channel(world: World, tap: Tap) -> None:
    for _ in range(3):
        assert await read(world) == list(tap.tokens)
    assert tap.actions.count("open") == 1
    assert tap.actions.count("topUp") == 1
    row = await world.channel()
    assert (row.signed, row.spent, row.deposit) == (15 * PRICE, 15 * PRICE, 20 * PRICE)
    assert await world.operations() == [("settled", 5 * PRICE)] * 3


async def test_the_voucher_goes_beside_the_answer_and_asks_for_nothing(world: World, tap: Tap) -> None:
    await read(world)
    managed = [seen for seen in world.server.seen if seen.method == "POST"]
    assert len(managed) == 4
    for seen in managed:
        assert (seen.path, seen.body, seen.get("content-length")) == ("/stream", b"", "0")
    asked = [seen for seen in world.server.seen if seen.method == "GET"]
    assert asked[-1].get("accept-encoding") == "identity"


async def test_a_url_with_a_query_is_charged_once(world: World, tap: Tap) -> None:
    """A server that takes an empty POST with a query for the resource itself would charge for each voucher."""
    world.path = "/stream?model=large"
    assert await read(world) == list(tap.tokens)
    assert {seen.method for seen in world.server.seen} == {"GET", "HEAD"}
    assert tap.served == len(tap.tokens)
    assert (await world.channel()).spent == 5 * PRICE


async def test_what_follows_goes_where_the_answer_comes_from(world: World, tap: Tap) -> None:
    """The book keeps a URL without the secrets that its query holds, and a server wants them with every request."""
    world.settings = {"deposits": DepositPolicy(opening=2 * PRICE, top_up=3 * PRICE)}
    world.path = "/stream?api_key=k3y"
    tap.before["voucher"] = tap.before["topUp"] = lambda seen, payload: (
        None if seen.path == world.path else Reply(status=401, body=b"")
    )
    assert await read(world) == list(tap.tokens)
    assert {seen.path for seen in world.server.seen} == {world.path}
    assert tap.actions.count("topUp") == 1
    row = await world.channel()
    assert "k3y" not in row.url
    assert (row.spent, row.deposit) == (5 * PRICE, 5 * PRICE)


async def test_a_stream_that_outgrows_the_deposit_is_topped_up(world: World, tap: Tap) -> None:
    tap.suggested = 2 * PRICE
    assert await read(world) == list(tap.tokens)
    assert tap.actions == ["open", "voucher", "topUp", "voucher", "voucher", "topUp", "voucher"]
    row = await world.channel()
    assert (row.deposit, row.signed, row.pending_deposit, row.dies_at) == (6 * PRICE, 5 * PRICE, 0, 0)
    assert await world.operations() == [("settled", 5 * PRICE)]


async def test_a_receipt_in_the_head_and_one_at_the_end(world: World, tap: Tap) -> None:
    tap.header = True
    async with streaming(world) as response:
        pieces = response.aiter_bytes()
        await anext(pieces)
        assert (await world.channel()).spent == PRICE
        assert [piece async for piece in pieces]
    receipts = await world.receipts()
    assert [(row.amount, row.raw["spent"], row.raw["units"]) for row in receipts] == [(5 * PRICE, str(5 * PRICE), 5)]


async def test_the_payment_is_one_row_that_grows(world: World, tap: Tap) -> None:
    async with streaming(world) as response:
        pieces = response.aiter_bytes()
        for paid in (1, 2, 3):
            await anext(pieces)
            operation = operation_of(response)
            assert operation is not None
            assert (operation.amount, operation.state) == (paid * PRICE, "sent")
            assert await world.operations() == [("sent", paid * PRICE)]
    operation = operation_of(response)
    assert operation is not None
    assert (operation.amount, operation.state) == (3 * PRICE, "settled")


async def test_who_reads_no_further_pays_no_further(world: World, tap: Tap) -> None:
    async with streaming(world) as response:
        pieces = response.aiter_bytes()
        await anext(pieces)
        await anext(pieces)
    assert tap.actions == ["open", "voucher"]
    row = await world.channel()
    assert (row.signed, row.spent) == (2 * PRICE, PRICE)
    assert await world.operations() == [("settled", 2 * PRICE)]
    # What it did not use up pays for the next.
    assert await read(world) == list(tap.tokens)
    assert (await world.channel()).signed == tap.served * PRICE


async def test_who_is_cancelled_signs_no_more(world: World, tap: Tap) -> None:
    arrived = asyncio.Event()

    async def never(seen: Seen, payload: Any) -> None:
        if payload.cumulative == 3 * PRICE:
            arrived.set()
            await asyncio.Event().wait()

    tap.before["voucher"] = never
    payments = world.payments()
    task = asyncio.create_task(read(world, payments=payments))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await world.channel()).signed == 3 * PRICE
    assert await world.operations() == [("settled", 3 * PRICE)]
    tap.before.clear()
    assert await read(world, payments=payments) == list(tap.tokens), "its turn on the channel is free"


async def test_done_ends_a_stream_that_breaks_off_afterwards(world: World, tap: Tap) -> None:
    tap.says_done, tap.final = True, False

    async def cut() -> AsyncIterator[bytes]:
        yield b"data: [DONE]\n\n"
        yield b""

    tap.at[1] = cut
    async with streaming(world) as response:
        assert b"[DONE]" in await response.aread()
    assert await world.operations() == [("settled", PRICE)]
    assert await world.errors() == [None]


async def test_a_server_that_dies_in_the_middle(world: World, tap: Tap) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield b""

    tap.at[2] = cut
    async with streaming(world) as response:
        with pytest.raises(httpx.RemoteProtocolError):
            await tokens_of(response)
    assert await world.operations() == [("settled", 2 * PRICE)]
    (error,) = await world.errors()
    assert "broke off" in str(error)
    tap.at.clear()
    assert await read(world) == list(tap.tokens)
    assert (await world.channel()).signed == tap.served * PRICE


# Limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 3 * PRICE}),
        SpendingPolicy(confirm_by_default=False, per_payment={TOKEN: 3 * PRICE}),
        SpendingPolicy(confirm_by_default=False, confirm_above={TOKEN: 3 * PRICE}),
    ],
    ids=["a day", "a payment", "confirmation"],
)
async def test_the_policy_ends_a_stream(world: World, tap: Tap, policy: SpendingPolicy) -> None:
    world.policy = policy
    async with streaming(world) as response:
        with pytest.raises(StreamOverLimit) as caught:
            await tokens_of(response)
    assert caught.value.operation.amount == 3 * PRICE
    assert (await world.channel()).signed == 3 * PRICE, "the step that is too much was never signed"
    assert await world.operations() == [("settled", 3 * PRICE)]


async def test_the_caller_ends_a_stream(world: World, tap: Tap) -> None:
    async with streaming(world, terms=Terms(max_amount=Decimal("0.0029"))) as response:
        with pytest.raises(StreamOverLimit, match=r"more than the 0\.0029 you allow"):
            await tokens_of(response)
    assert (await world.channel()).signed == 2 * PRICE
    assert await world.operations() == [("settled", 2 * PRICE)]


async def test_who_approved_a_stream_approved_what_the_channel_holds(world: World, tap: Tap) -> None:
    from mpp_console.client.review import Approval, Review

    tap.suggested = 4 * PRICE
    world.policy = SpendingPolicy()
    asked: list[Review] = []

    async def approve(review: Review) -> Approval:
        asked.append(review)
        return Approval.ONCE

    async with streaming(world, approve=approve) as response:
        with pytest.raises(StreamOverLimit, match="needs your confirmation"):
            await tokens_of(response)
    assert len(asked) == 1
    assert asked[0].quote.details["deposit"] == 4 * PRICE
    assert (await world.channel()).signed == 4 * PRICE


async def test_the_deposit_policy_ends_a_stream(world: World, tap: Tap) -> None:
    tap.suggested = 2 * PRICE
    world.settings["deposits"] = DepositPolicy(maximum=0, opening=2 * PRICE)
    tap.tokens = ["token"] * 9

    def deposits(token: str) -> DepositPolicy:
        opened = "open" in tap.actions
        return DepositPolicy(maximum=0 if opened else 2 * PRICE)

    world.settings["deposits"] = deposits
    async with streaming(world) as response:
        with pytest.raises(StreamStopped, match="limit"):
            await tokens_of(response)
    row = await world.channel()
    assert (row.deposit, row.signed) == (2 * PRICE, 2 * PRICE)
    assert await world.operations() == [("settled", 2 * PRICE)]


async def test_a_top_up_that_fails_promises_nothing(world: World, tap: Tap) -> None:
    tap.suggested = 2 * PRICE
    tap.before["topUp"] = lambda seen, payload: Reply(status=500, body=b"")
    async with streaming(world) as response:
        with pytest.raises(StreamStopped, match="top up"):
            await tokens_of(response)
    row = await world.channel()
    assert (row.deposit, row.signed, row.pending_deposit) == (2 * PRICE, 2 * PRICE, 2 * PRICE)
    assert await world.operations() == [("settled", 2 * PRICE)], "the step that was not signed was taken back"
    tap.before.clear()
    world.clock.advance(60)
    assert await read(world) == list(tap.tokens)


async def test_a_stream_waits_for_an_earlier_top_up_to_come_or_to_die(world: World, tap: Tap) -> None:
    """Somebody else's, on the same channel: a second one would lock the money twice."""
    tap.suggested = PRICE
    dies_at = 0

    async def sent_before() -> AsyncIterator[bytes]:
        row = await world.channel()
        await world.book.update(
            row.channel_id, lambda row: replace(row, pending_deposit=PRICE, dies_at=dies_at), lease=None
        )
        yield b": a comment\n\n"

    tap.at[1] = sent_before
    dies_at = int(world.clock().timestamp()) + 25
    async with streaming(world) as response:
        with pytest.raises(StreamStopped, match="half a minute"):
            await tokens_of(response)
    assert tap.actions == ["open"]
    row = await world.channel()
    assert (row.deposit, row.signed, row.pending_deposit) == (PRICE, PRICE, PRICE)
    dies_at = int(world.clock().timestamp()) - 60
    world.clock.advance(60)
    assert await read(world) == list(tap.tokens)


# Servers that do not do what they should -----------------------------------------------------------------------------


async def test_a_server_that_asks_for_ever_more(world: World, tap: Tap) -> None:
    def more(need: dict[str, Any]) -> dict[str, Any]:
        return {**need, "requiredCumulative": str(int(need["acceptedCumulative"]) + PRICE)}

    async def greedy() -> AsyncIterator[bytes]:
        while True:
            (channel_id, account), *_ = tap.accounts.items()
            yield event("payment-need-voucher", more(tap.need(channel_id, account)))
            before = account.accepted
            while account.accepted == before:
                await asyncio.sleep(0)

    tap.at[1] = greedy
    world.settings["deposits"] = DepositPolicy(maximum=None, opening=100 * PRICE)
    async with streaming(world) as response:
        with pytest.raises(StreamUnfair, match="delivered nothing"):
            await tokens_of(response)
    assert (await world.channel()).signed == 9 * PRICE
    assert await world.operations() == [("settled", 9 * PRICE)]


class Taken:
    """A channel with two answers: what the second one asks for is delivered in the first, `rounds` times."""

    def __init__(self, world: World, tap: Tap, rounds: int, *, delivers: bool = True) -> None:
        self.world, self.tap, self.rounds, self.delivers = world, tap, rounds, delivers
        self.answers = 0
        self.taken: asyncio.Queue[bool] = asyncio.Queue()
        self.arrived: asyncio.Queue[bool] = asyncio.Queue()

    async def __call__(self) -> AsyncIterator[bytes]:
        self.answers += 1
        async for piece in self.first() if self.answers == 1 else self.second():
            yield piece

    async def first(self) -> AsyncIterator[bytes]:
        while await self.taken.get():
            yield event("message", {"token": "taken"})

    async def second(self) -> AsyncIterator[bytes]:
        (channel_id, account), *_ = self.tap.accounts.items()
        for _ in range(self.rounds):
            yield event("payment-need-voucher", self.tap.need(channel_id, account))
            while account.accepted - account.spent < PRICE:
                await asyncio.sleep(0)
            account.spent += PRICE
            if self.delivers:
                self.world.clock.advance(1)
                self.taken.put_nowait(True)
                await self.arrived.get()
        self.taken.put_nowait(False)


async def two_answers(world: World, taken: Taken) -> list[str]:
    """What the second answer brought, while the first was read beside it."""
    taken.tap.at[1] = taken
    world.settings["deposits"] = DepositPolicy(maximum=None, opening=100 * PRICE)
    payments = world.payments()

    async def first() -> None:
        async with streaming(world, payments=payments) as response:
            async for sse in httpx_sse.EventSource(response).aiter_sse():
                if "taken" in sse.data:
                    taken.arrived.put_nowait(True)
                begun.set()

    begun = asyncio.Event()
    beside = asyncio.create_task(first())
    await begun.wait()
    try:
        return await read(world, payments=payments)
    finally:
        taken.taken.put_nowait(False)
        await beside


async def test_what_another_answer_of_the_channel_took_is_no_unfairness(world: World, tap: Tap) -> None:
    rounds = 3 * metering_module.UNDELIVERED
    assert await two_answers(world, Taken(world, tap, rounds)) == list(tap.tokens)
    row = await world.channel()
    whole = (2 * len(tap.tokens) + rounds) * PRICE
    assert (row.signed, row.spent) == (whole, whole)
    assert sum(amount for state, amount in await world.operations() if state == "settled") == whole


async def test_another_answer_that_gets_nothing_either_excuses_nothing(
    world: World, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(metering_module.Metering.__init__, "__kwdefaults__", {"sleep": sleep})
    with pytest.raises(StreamUnfair, match="delivered nothing"):
        await two_answers(world, Taken(world, tap, 100, delivers=False))
    assert waited == [metering_module.NEWS_SECONDS]
    assert (await world.channel()).signed <= (2 + metering_module.UNDELIVERED + len(tap.tokens)) * PRICE


async def test_a_server_that_repeats_itself(world: World, tap: Tap) -> None:
    async def again() -> AsyncIterator[bytes]:
        (channel_id, account), *_ = tap.accounts.items()
        need = tap.need(channel_id, account)
        while True:
            yield event("payment-need-voucher", need)

    tap.at[1] = again
    async with streaming(world) as response:
        with pytest.raises(StreamUnfair, match="delivered nothing"):
            await tokens_of(response)
    assert (await world.channel()).signed == 2 * PRICE, "what is asked again is not signed again"
    assert await world.operations() == [("settled", 2 * PRICE)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ({"requiredCumulative": "5"}, "cannot be read"),
        (lambda need: {**need, "requiredCumulative": -5}, "cannot be read"),
        (lambda need: {**need, "requiredCumulative": "0x5"}, "cannot be read"),
        (lambda need: {**need, "channelId": "0x" + "7" * 64}, "another channel"),
    ],
    ids=["half", "list", "fields", "negative", "hex", "channel"],
)
async def test_a_wish_that_makes_no_sense_gets_nothing(world: World, tap: Tap, data: Any, said: str) -> None:
    async def wish() -> AsyncIterator[bytes]:
        (channel_id, account), *_ = tap.accounts.items()
        yield event("payment-need-voucher", data(tap.need(channel_id, account)) if callable(data) else data)

    tap.at[1] = wish
    async with streaming(world) as response:
        with pytest.raises(StreamUnfair, match=said):
            await tokens_of(response)
    assert (await world.channel()).signed == PRICE


async def test_a_server_that_refuses_the_voucher(world: World, tap: Tap) -> None:
    await read(world)
    nasty = b'{"type":"https://paymentauth.org/problems/session/invalid-signature","detail":"\\u001b[31mno\\u202e"}'

    def refuse(seen: Seen, payload: Any) -> Reply | None:
        return Reply(status=402, body=nasty) if seen.method == "POST" else None

    tap.before["voucher"] = refuse
    async with streaming(world) as response:
        with pytest.raises(StreamUnfair, match="refused the voucher: ") as caught:
            await tokens_of(response)
    assert not any(char in str(caught.value) for char in "\x1b\u202e")


async def test_a_server_that_says_that_the_channel_is_gone(world: World, tap: Tap) -> None:
    def gone(seen: Seen, payload: Any) -> Reply | None:
        return tap.ask(seen, "session/channel-not-found", 410) if seen.method == "POST" else None

    tap.before["voucher"] = gone
    async with streaming(world) as response:
        with pytest.raises(StreamUnfair, match="stay locked"):
            await tokens_of(response)
    row = await world.channel()
    assert row.state == "active"
    assert "Disputed" in row.note


async def test_a_receipt_over_more_than_was_signed(world: World, tap: Tap) -> None:
    tap.tell = lambda facts: replace(facts, accepted=facts.accepted + PRICE)
    assert await read(world) == list(tap.tokens)
    row = await world.channel()
    assert (row.signed, row.accepted) == (5 * PRICE, 0)
    (error,) = await world.errors()
    assert "only 5000 were signed" in str(error)


@pytest.mark.parametrize("data", ["{", "[]", "{}", '{"method":"tempo"}'])
async def test_a_receipt_that_is_none(world: World, tap: Tap, data: str) -> None:
    async def lie() -> AsyncIterator[bytes]:
        yield event("payment-receipt", data)

    tap.at[1] = lie
    tap.final = False
    assert await read(world) == list(tap.tokens)
    (error,) = await world.errors()
    assert error is not None


async def test_a_stale_challenge_is_replaced(world: World, tap: Tap) -> None:
    stale = iter([True, False, True, False])

    def refuse(seen: Seen, payload: Any) -> Reply | None:
        fails = seen.method == "POST" and next(stale, False)
        return tap.ask(seen, "session/challenge-not-found") if fails else None

    tap.before["voucher"] = refuse
    assert await read(world) == list(tap.tokens)
    assert (await world.channel()).signed == 5 * PRICE
    assert await world.errors() == [None]


async def test_an_old_challenge_is_replaced_before_it_is_used(world: World, tap: Tap) -> None:
    async def later() -> AsyncIterator[bytes]:
        world.clock.advance(10 * 60)
        yield b": a comment\n\n"

    tap.at[2] = later
    assert await read(world) == list(tap.tokens)
    used = [seen.credential.challenge.id for seen in world.server.paid if seen.credential is not None]
    assert len(set(used)) == 2
    assert [seen.method for seen in world.server.seen].count("HEAD") == 1


async def test_a_voucher_that_does_not_arrive_is_brought_again(
    world: World, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    lost = iter([True, True])
    tap.before["voucher"] = lambda seen, payload: Reply(hang_up=True) if next(lost, False) else None
    assert await read(world) == list(tap.tokens)
    assert (await world.channel()).signed == 5 * PRICE


async def test_a_server_that_does_not_go_on(world: World, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = at_once(monkeypatch)
    tap.deaf = True
    async with streaming(world) as response:
        with pytest.raises(StreamStalled):
            await tokens_of(response)
    assert waits == [3, 6, 12, 24, 30]
    assert (await world.channel()).signed == 2 * PRICE
    assert await world.operations() == [("settled", 2 * PRICE)]


async def test_a_packed_stream_is_watched_all_the_same(world: World, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tap._events

    def packed(*given: Any) -> AsyncIterator[bytes]:
        async def pieces() -> AsyncIterator[bytes]:
            packer = zlib.compressobj(wbits=31)
            async for piece in inner(*given):
                yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
            yield packer.flush()

        return pieces()

    monkeypatch.setattr(tap, "_events", packed)
    accept = tap._accept

    def labelled(*given: Any) -> Reply:
        reply = accept(*given)
        if reply.stream is not None:
            reply.headers.append(("Content-Encoding", "gzip"))
        return reply

    monkeypatch.setattr(tap, "_accept", labelled)
    assert await read(world) == list(tap.tokens)
    assert (await world.channel()).spent == 5 * PRICE


# Several at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nags", [False, True])
async def test_two_streams_on_one_channel_at_once(
    world: World, tap: Tap, nags: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    tap.nags = nags
    world.settings["deposits"] = DepositPolicy(maximum=None, opening=100 * PRICE)
    # Fewer than a stream is asked for in vain before it is left: each may be what the other one's voucher pays for.
    tap.tokens = [f"token {number}" for number in range(6)]
    answers = await asyncio.gather(*(read(world) for _ in range(2)))
    assert answers == [list(tap.tokens)] * 2
    assert tap.actions.count("open") == 1
    row = await world.channel()
    assert row.spent == tap.served * PRICE
    assert row.signed >= row.spent
    # Whose voucher the other stream has used up meanwhile is told so, and pays the same request once more.
    states = [state for state, _ in await world.operations()]
    assert (states.count("settled"), set(states) - {"settled", "refused"}) == (2, set())
    paid = sum(amount for state, amount in await world.operations() if state == "settled")
    assert paid >= tap.served * PRICE


async def test_requests_and_a_stream_on_one_channel_at_once(
    world: World, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    world.settings["deposits"] = DepositPolicy(maximum=None, opening=100 * PRICE)
    payments = world.payments()
    async with streaming(world, payments=payments) as response:
        pieces = response.aiter_bytes()
        await anext(pieces)
        # Its turn on the channel is over until it needs the next voucher.
        assert await read(world, payments=payments) == list(tap.tokens)
        assert [piece async for piece in pieces]
    row = await world.channel()
    assert row.spent == tap.served * PRICE == 10 * PRICE
    assert [state for state, _ in await world.operations()].count("settled") == 2


@pytest.mark.parametrize("way", ["others", "voucher", "own"])
async def test_what_other_receipts_said_is_not_taken_back(world: World, tap: Tap, way: str) -> None:
    """Receipts of several answers overtake each other, and those of vouchers one that waits in the answer to be read;
    those that come on one way never fall.
    """

    def late(facts: SessionReceiptFacts) -> SessionReceiptFacts:
        return replace(facts, accepted=PRICE, spent=PRICE)

    async def ahead() -> AsyncIterator[bytes]:
        row = await world.channel()
        if way == "others":
            sums = {"signed": 9 * PRICE, "accepted": 8 * PRICE, "spent": 8 * PRICE}
            await world.book.update(row.channel_id, lambda row: row.learned(world.clock(), **sums))
            yield b": ahead\n\n"
            return
        channel_id = next(iter(tap.accounts))
        credential = next(seen.credential for seen in reversed(world.server.seen) if seen.credential is not None)
        if way == "own":
            yield event("payment-receipt", tap.receipt_wire(channel_id, credential))
        tap.tell = late
        yield event("payment-receipt", tap.receipt_wire(channel_id, credential))
        tap.tell = lambda facts: facts

    tap.at[4] = ahead
    async with streaming(world) as response:
        assert await tokens_of(response) == list(tap.tokens)
    operation = operation_of(response)
    assert operation is not None
    assert ("takes back" in (operation.error or "")) == (way == "own")
