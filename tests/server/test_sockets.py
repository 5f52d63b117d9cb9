"""Streams over WebSocket, frame by frame as npm mppx speaks them, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from mpp_console.methods.tempo.session_payloads import SessionPayload
from mpp_console.protocol import Challenge, Credential, parse_challenges
from mpp_console.server.asgi_access import AccessTail, Outcome, RequestAnswered
from mpp_console.server.asgi_sockets import QUEUE, MeteredSocket
from mpp_console.server.events import ChannelManaged, StreamCharged
from mpp_console.server.socket_frames import FRAME_LIMIT, message_frame, read_frame
from mpp_console.server.streams import MeteredStream, StreamLimits
from tests.methods.tempo.booths import PRICE, id_of
from tests.server.serving import serving
from tests.server.stalls import Stall

DEPOSIT = 1_000


class SocketStall(Stall):
    """The stall's words, at the same path for sockets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sockets: list[RequestAnswered] = []

    def served(self) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await MeteredSocket(self.gate, (self.offer,), self.sell, limits=self.limits)(scope, receive, send)
            else:
                await self.app(scope, receive, send)

        return AccessTail(app, observe=self.sockets.append, clock=self.booth.clock)

    @property
    def told(self) -> RequestAnswered:
        """What an operator was told of the socket, once it was over."""
        (one,) = [answer for answer in self.sockets if answer.status == 101]
        return one

    @contextlib.asynccontextmanager
    async def open_socket(self) -> AsyncIterator[Talk]:
        async with serving(self.served()) as url:
            async with httpx.AsyncClient(base_url=url) as client:
                asked = await client.get("/words")
            challenge = parse_challenges(asked.headers.get_list("WWW-Authenticate"))[0]
            async with connect(url.replace("http", "ws") + "/words") as socket:
                yield Talk(socket, challenge)


class Talk:
    """One end of a socket. `say` sends a credential for the challenge that the HTTP request got."""

    def __init__(self, socket: ClientConnection, challenge: Challenge) -> None:
        self.socket = socket
        self.challenge = challenge

    async def say(self, payload: SessionPayload) -> None:
        value = Credential(challenge=self.challenge, payload=payload.to_wire()).to_header().reveal()
        await self.send({"mpp": "authorization", "authorization": value})

    async def send(self, frame: Any) -> None:
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def hear(self) -> tuple[str, Any]:
        frame = json.loads(await self.socket.recv())
        return frame["mpp"], frame.get("data", frame)

    async def hear_all(self) -> list[tuple[str, Any]]:
        heard = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                heard.append(await self.hear())
        return heard


@pytest.fixture
def stall() -> SocketStall:
    return SocketStall()


async def test_a_channel_is_opened_streamed_and_closed_in_one_socket(stall: SocketStall) -> None:
    opening = stall.booth.opening(DEPOSIT, PRICE)
    descriptor = opening.descriptor
    assert descriptor is not None
    async with stall.open_socket() as talk:
        await talk.say(opening)
        kind, receipt = await talk.hear()
        assert (kind, receipt["channelId"], receipt["challengeId"]) == (
            "payment-receipt", id_of(descriptor), talk.challenge.id,
        )  # fmt: skip
        assert receipt["spent"] == "0"
        assert await talk.hear() == ("message", "one")
        assert await talk.hear() == (
            "payment-need-voucher",
            {
                "channelId": id_of(descriptor),
                "requiredCumulative": str(2 * PRICE),
                "acceptedCumulative": str(PRICE),
                "deposit": str(DEPOSIT),
            },
        )
        await talk.say(stall.booth.voucher(descriptor, 3 * PRICE))
        heard = [await talk.hear() for _ in range(4)]
        assert sorted(kind for kind, _ in heard) == ["message", "message", "payment-close-ready", "payment-receipt"]
        ready = dict(heard)["payment-close-ready"]
        assert (ready["spent"], ready["units"]) == (str(3 * PRICE), 3)
        await talk.say(stall.booth.closing(descriptor, 3 * PRICE))
        kind, closed = await talk.hear()
        assert (kind, closed["spent"]) == ("payment-receipt", str(3 * PRICE))
        assert closed["txHash"].startswith("0x")
        with pytest.raises(ConnectionClosed) as ended:
            await talk.hear()
        assert (ended.value.rcvd and ended.value.rcvd.code) == 1000
    assert (await stall.booth.record(descriptor)).settled == 3 * PRICE
    assert [event.action for event in stall.events if isinstance(event, ChannelManaged)] == ["open", "voucher", "close"]
    assert [event.amount for event in stall.events if isinstance(event, StreamCharged)] == [3 * PRICE]
    assert (stall.told.path, stall.told.outcome, stall.told.amount) == ("/words", Outcome.PAID, 3 * PRICE)
    assert stall.told.reference == id_of(descriptor)


async def test_a_top_up_in_the_socket_makes_room(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(2 * PRICE)
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 2 * PRICE))
        assert [(await talk.hear())[0] for _ in range(3)] == ["payment-receipt", "message", "payment-need-voucher"]
        await talk.say(stall.booth.topping_up(descriptor, 500))
        assert (await talk.hear())[1]["txHash"].startswith("0x")
        await talk.say(stall.booth.voucher(descriptor, 4 * PRICE))
        assert sorted([(await talk.hear())[0] for _ in range(4)]) == [
            "message", "message", "payment-close-ready", "payment-receipt",
        ]  # fmt: skip


async def test_a_client_that_has_enough_gets_its_last_receipt(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    begun = asyncio.Event()

    async def sell(stream: MeteredStream) -> None:
        await stream.deliver("one", "two")
        begun.set()
        await asyncio.Event().wait()

    stall.sell = sell
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 9 * PRICE))
        assert [(await talk.hear())[0] for _ in range(3)] == ["payment-receipt", "message", "message"]
        await begun.wait()
        await talk.send({"mpp": "payment-close-request"})
        kind, receipt = await talk.hear()
        assert (kind, receipt["spent"], receipt["units"]) == ("payment-close-ready", str(3 * PRICE), 2)
        await talk.send({"mpp": "payment-close-request"})
        await talk.say(stall.booth.voucher(descriptor, 10 * PRICE))
        assert (await talk.hear())[0] == "payment-receipt", "and no second ready, nor a second stream"
    assert (await stall.booth.record(descriptor)).spent == 3 * PRICE


async def test_a_client_that_is_gone_is_charged_no_more(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    ended = asyncio.Event()

    async def sell(stream: MeteredStream) -> None:
        try:
            await stream.deliver("one")
            await asyncio.Event().wait()
        finally:
            ended.set()

    stall.sell = sell
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 9 * PRICE))
        assert [(await talk.hear())[0] for _ in range(2)] == ["payment-receipt", "message"]
        await talk.socket.close()
        await ended.wait()
    assert (await stall.booth.record(descriptor)).spent == 2 * PRICE
    assert [event.amount for event in stall.events if isinstance(event, StreamCharged)] == [PRICE]


async def test_a_refused_credential_ends_the_socket(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 2 * DEPOSIT))
        kind, error = await talk.hear()
        assert (kind, error["status"]) == ("payment-error", 402)
        assert "deposit" in error["message"]
        with pytest.raises(ConnectionClosed) as ended:
            await talk.hear()
        assert (ended.value.rcvd and ended.value.rcvd.code) == 1008


@pytest.mark.parametrize("authorization", ["", "Payment", "Payment !!!", "Basic abc"])
async def test_what_is_no_credential_ends_the_socket(stall: SocketStall, authorization: str) -> None:
    async with stall.open_socket() as talk:
        await talk.send({"mpp": "authorization", "authorization": authorization})
        assert [kind for kind, _ in await talk.hear_all()] == ["payment-error"]
    assert (stall.told.outcome, stall.told.amount) == (Outcome.FREE, None)


async def test_what_is_none_of_ours_is_left_alone(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open_socket() as talk:
        for text in ("hello", "[]", "{}", '{"mpp":"message"}', '{"mpp":1}', "[" * 10_000, "x" * (FRAME_LIMIT + 1)):
            await talk.send(text)
        await talk.say(stall.booth.voucher(descriptor, 4 * PRICE))
        assert (await talk.hear())[0] == "payment-receipt"


async def test_a_flood_of_credentials_is_stopped() -> None:
    gate_open = asyncio.Event()
    stall = SocketStall()
    descriptor = await stall.booth.opened(DEPOSIT)
    handle = stall.booth.payee.handle

    async def slow(*args: Any, **more: Any) -> Any:
        await gate_open.wait()
        return await handle(*args, **more)

    stall.booth.payee.handle = slow  # type: ignore[method-assign]
    async with stall.open_socket() as talk:
        for _ in range(QUEUE + 2):
            await talk.say(stall.booth.voucher(descriptor, 2 * PRICE))
        kind, error = await talk.hear()
        assert (kind, error["status"]) == ("payment-error", 429)
    gate_open.set()


async def test_a_fault_of_the_seller_is_told_and_is_no_good_end(stall: SocketStall) -> None:
    descriptor = await stall.booth.opened(DEPOSIT)

    async def sell(stream: MeteredStream) -> None:
        await stream.deliver("one")
        raise RuntimeError("a defect")

    stall.sell = sell
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 9 * PRICE))
        heard = await talk.hear_all()
    assert [kind for kind, _ in heard] == ["payment-receipt", "message", "payment-error"]
    assert heard[-1][1]["message"] == "websocket session failed"


async def test_a_stream_without_a_voucher_is_ready_to_be_closed() -> None:
    stall = SocketStall(limits=StreamLimits(voucher_seconds=0.01))
    descriptor = await stall.booth.opened(DEPOSIT)
    async with stall.open_socket() as talk:
        await talk.say(stall.booth.voucher(descriptor, 2 * PRICE))
        heard = [(await talk.hear())[0] for _ in range(4)]
    assert heard == ["payment-receipt", "message", "payment-need-voucher", "payment-close-ready"]


def test_frames_are_json_without_spaces() -> None:
    assert message_frame('é "x"\n') == '{"mpp":"message","data":"é \\"x\\"\\n"}'
    assert read_frame(message_frame("x")) is None
