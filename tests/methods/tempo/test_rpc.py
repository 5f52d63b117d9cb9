"""The chain over JSON-RPC: against the sandbox node, and against servers that answer badly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.chain import (
    AlreadyKnown,
    ChainError,
    ChainUnreachable,
    ConfirmationTimeout,
    NotSent,
    Reverted,
    TransactionRejected,
)
from mpp_console.methods.tempo.networks import SANDBOX, UnknownToken
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.transaction import decode
from mpp_console.sandbox.node import SandboxNode

from .charges import ALPHA_USD, PATH_USD, PAYER, SHOP, Counter
from .fakes import HandClock, Naps, counted_bytes


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def chain(clock: HandClock) -> AsyncIterator[Web3Chain]:
    async with SandboxNode(None, clock=clock, random_bytes=counted_bytes()) as node:
        assert node.rpc_url is not None
        chain = Web3Chain(node.rpc_url)
        yield chain
        await chain.aclose()


async def signed(counter: Counter, chain: Web3Chain, amount: int = 10_000) -> bytes:
    return (await counter.prepare(counter.challenge(amount), chain=chain, mode=Mode.PUSH)).raw


async def test_the_ordinary_questions(chain: Web3Chain, clock: HandClock) -> None:
    assert await chain.chain_id() == 1337
    block, fees = await chain.block(), await chain.fees()
    assert block.timestamp == clock.unix
    assert fees.max_fee_per_gas == block.base_fee * 12 // 10 + fees.max_priority_fee_per_gas
    assert await chain.balance(PATH_USD, PAYER.address) == 0
    assert await chain.fund(PAYER.address)
    assert await chain.balance(PATH_USD, PAYER.address) > 0
    assert await chain.transaction_count(PAYER.address) == 0
    assert await chain.receipt("0x" + "11" * 32) is None
    assert await chain.transaction("0x" + "11" * 32) is None


async def test_a_token_describes_itself(chain: Web3Chain) -> None:
    token = await chain.token(ALPHA_USD)
    assert (token.address, token.symbol, token.decimals) == (ALPHA_USD, "AlphaUSD", 6)
    for nothing in ("0x" + "11" * 20, "0x20c00000000000000000000000000000000000ff"):
        with pytest.raises((UnknownToken, Reverted)):
            await chain.token(nothing)


async def test_a_payment_is_estimated_simulated_sent_and_found(chain: Web3Chain, clock: HandClock) -> None:
    counter = Counter(clock=clock)
    await chain.fund(PAYER.address)
    before = (await chain.block()).number
    raw = await signed(counter, chain)
    await chain.simulate(decode(raw), PAYER.address)
    receipt = await chain.send_raw_sync(raw, timeout=5)
    assert (receipt.status, receipt.sender, receipt.hash) == (True, PAYER.address, decode(raw).hash())
    assert receipt == await chain.receipt(receipt.hash)
    described = await chain.transaction(receipt.hash)
    assert described is not None
    assert int(described["validAfter"], 16) == decode(raw).valid_after
    logs = await chain.logs(address=PATH_USD, topics=[receipt.logs[1].topics[0]], from_block=before)
    assert [log.transaction_hash for log in logs] == [receipt.hash]
    with pytest.raises(AlreadyKnown):
        await chain.send_raw(raw)


async def test_reverts_are_decoded(chain: Web3Chain, clock: HandClock) -> None:
    counter = Counter(clock=clock)
    tx = decode((await counter.prepare(counter.challenge(10_000))).raw)
    with pytest.raises(Reverted) as caught:
        await chain.estimate_gas(tx, PAYER.address)
    assert caught.value.name == "InsufficientBalance"
    assert caught.value.arguments == (0, 10_000, PATH_USD)


async def test_a_transaction_that_the_node_refuses(chain: Web3Chain, clock: HandClock) -> None:
    counter = Counter(clock=clock)
    await chain.fund(PAYER.address)
    raw = await signed(counter, chain)
    clock.forward(60)
    with pytest.raises(TransactionRejected):
        await chain.send_raw_sync(raw, timeout=5)
    with pytest.raises(TransactionRejected):
        await chain.send_raw(b"\x76\xc0")


async def test_nobody_there() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    chain = Web3Chain(f"http://127.0.0.1:{port}/secret-api-key")
    with pytest.raises(NotSent) as caught:
        await chain.chain_id()
    assert "127.0.0.1" in caught.value.message
    assert "secret-api-key" not in caught.value.message + repr(chain)
    assert caught.value.hint
    await chain.aclose()
    await chain.aclose()


async def test_a_url_that_is_none() -> None:
    chain = Web3Chain("not a url")
    with pytest.raises(ChainUnreachable):
        await chain.chain_id()
    await chain.aclose()


async def test_closing_an_unused_chain_is_harmless() -> None:
    await Web3Chain("http://127.0.0.1:1").aclose()


class RudeNode:
    """Answers every JSON-RPC request with what `reply` makes of the method and its parameters."""

    def __init__(self, reply: Callable[[str, list[Any]], Any]) -> None:
        self._reply = reply
        self.asked: list[tuple[str, list[Any]]] = []

    async def __aenter__(self) -> RudeNode:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        request = json.loads(await reader.readexactly(length))
        self.asked.append((request["method"], request["params"]))
        reply = self._reply(request["method"], request["params"])
        if isinstance(reply, asyncio.Event):
            await reply.wait()
        elif isinstance(reply, bytes):
            writer.write(reply)
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", ChainUnreachable),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", ChainUnreachable),
        (OK % (8, b"not json"), ChainUnreachable),
        (OK % (2, b"{}"), ChainError),
        (OK % (2, b"[]"), ChainError),
        (OK % (4, b"null"), ChainError),
        ({"result": "soon"}, ChainError),
        ({"result": None}, ChainError),
        ({"error": {"code": -32005, "message": "limit exceeded"}}, ChainError),
        ({"error": "broken"}, ChainError),
    ],
)
async def test_bad_answers_become_our_errors(reply: Any, kind: type[ChainError]) -> None:
    async with RudeNode(lambda *_: reply) as node:
        chain = Web3Chain(node.url)
        with pytest.raises(kind) as caught:
            await chain.chain_id()
        assert not isinstance(caught.value, NotSent)
        await chain.aclose()
        assert len(node.asked) == 1


async def test_an_error_with_an_http_error_status_keeps_its_meaning() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"already known"}}'
    reply = b"HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with RudeNode(lambda *_: reply) as node:
        chain = Web3Chain(node.url)
        with pytest.raises(AlreadyKnown):
            await chain.send_raw(b"\x76")
        await chain.aclose()


async def test_a_payment_does_not_follow_a_redirect() -> None:
    async with RudeNode(lambda *_: {"result": "0x" + "ab" * 32}) as elsewhere:
        reply = f"HTTP/1.1 307 Go\r\nLocation: {elsewhere.url}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        async with RudeNode(lambda *_: reply.encode()) as node:
            chain = Web3Chain(node.url)
            with pytest.raises(ChainUnreachable):
                await chain.send_raw(b"\x76")
            await chain.aclose()
        assert elsewhere.asked == []


async def test_a_cancelled_question_does_not_block_the_next(chain: Web3Chain) -> None:
    for _ in range(20):
        task = asyncio.create_task(chain.block())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await chain.chain_id() == 1337


async def test_a_node_that_never_answers_runs_into_the_timeout() -> None:
    silent = asyncio.Event()
    async with RudeNode(lambda *_: silent) as node:
        chain = Web3Chain(node.url, timeout=0.05)
        with pytest.raises(ChainUnreachable, match="in time"):
            await chain.send_raw(b"\x76")
        silent.set()
        await chain.aclose()


def _without_sync(found: Any) -> Callable[[str, list[Any]], Any]:
    def reply(method: str, params: list[Any]) -> Any:
        if method == "eth_sendRawTransactionSync":
            return {"error": {"code": -32601, "message": "no such method"}}
        if method == "eth_sendRawTransaction":
            return {"result": "0x" + "ab" * 32}
        return {"result": found.pop(0)}

    return reply


async def test_a_node_without_synchronous_sending_is_polled() -> None:
    receipt = {"transactionHash": "0x" + "ab" * 32, "status": "0x1", "blockNumber": "0x1", "from": SHOP, "logs": []}
    naps = Naps()
    async with RudeNode(_without_sync([None, None, receipt])) as node:
        chain = Web3Chain(node.url, sleep=naps)
        assert (await chain.send_raw_sync(b"\x76", timeout=10)).hash == "0x" + "ab" * 32
        assert naps.count == 2
        await chain.aclose()


async def test_polling_ends() -> None:
    async with RudeNode(_without_sync([None] * 3)) as node:
        chain = Web3Chain(node.url, sleep=Naps())
        with pytest.raises(ConfirmationTimeout):
            await chain.send_raw_sync(b"\x76", timeout=0)
        await chain.aclose()


async def test_a_network_without_faucet_says_so() -> None:
    async with RudeNode(lambda *_: {"error": {"code": -32601, "message": "no such method"}}) as node:
        chain = Web3Chain(node.url)
        with pytest.raises(ChainError) as caught:
            await chain.fund(PAYER.address)
        assert caught.value.code == "no-faucet"
        await chain.aclose()


async def test_a_node_without_simulation_tries_the_calls() -> None:
    def reply(method: str, params: list[Any]) -> Any:
        missing = {"error": {"code": -32601, "message": "no such method"}}
        return missing if method == "tempo_simulateV1" else {"result": "0x"}

    counter = Counter(sponsored=True)
    tx = decode((await counter.prepare(counter.challenge(options={"fee_payer": True}))).raw)
    async with RudeNode(reply) as node:
        chain = Web3Chain(node.url)
        await chain.simulate(tx, PAYER.address, sponsor=SHOP)
        assert [method for method, _ in node.asked] == ["tempo_simulateV1", "eth_call"]
        assert "maxFeePerGas" not in node.asked[1][1][0]
        await chain.aclose()


def _abi_string(text: bytes, length: int | None = None) -> str:
    return "0x" + ((32).to_bytes(32) + (len(text) if length is None else length).to_bytes(32) + text).hex()


@pytest.mark.parametrize(
    ("name", "symbol", "decimals"),
    [
        ("0x", "0x", "0x"),
        (_abi_string(b"A"), _abi_string(b""), "0x" + (6).to_bytes(32).hex()),
        ("0x12", "0x12", "0x12"),
    ],
)
async def test_what_is_no_token_is_unknown(name: str, symbol: str, decimals: str) -> None:
    answers = {"0x06fdde03": name, "0x95d89b41": symbol, "0x313ce567": decimals}
    async with RudeNode(lambda _, params: {"result": answers[params[0]["data"]]}) as node:
        chain = Web3Chain(node.url)
        with pytest.raises(UnknownToken):
            await chain.token(PATH_USD)
        await chain.aclose()


async def test_a_tokens_own_words_are_inert_and_short() -> None:
    words = _abi_string(b"\x1b]0;pwn\x07" + b"x" * 500)
    answers = {"0x06fdde03": words, "0x95d89b41": words, "0x313ce567": "0x" + (6).to_bytes(32).hex()}
    async with RudeNode(lambda _, params: {"result": answers[params[0]["data"]]}) as node:
        chain = Web3Chain(node.url)
        token = await chain.token(PATH_USD)
        assert "\x1b" not in token.symbol + token.name
        assert len(token.symbol) <= 40
        await chain.aclose()


async def test_many_questions_share_one_library_and_close_together() -> None:
    async with RudeNode(lambda *_: {"result": "0x539"}) as node:
        chain = Web3Chain(node.url)
        ask: Callable[[], Awaitable[int]] = lambda: chain.transaction_count(PAYER.address)  # noqa: E731
        assert await asyncio.gather(*(ask() for _ in range(5))) == [SANDBOX.chain_id] * 5
        await chain.aclose()
