"""The node over HTTP: single requests, batches, notifications and bad bodies."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mpp_console.sandbox.node import SandboxNode
from mpp_console.sandbox.node.app import MAX_BATCH, MAX_BODY
from tests.sandbox.node.chains import ALICE, Chain


async def post(url: str, content: bytes) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(url, content=content, headers={"content-type": "application/json"})


def request(method: str, *params: Any, identifier: object = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": list(params)}


async def test_a_node_answers_on_loopback() -> None:
    async with SandboxNode(None) as node:
        assert node.rpc_url is not None
        assert node.rpc_url.startswith("http://127.0.0.1:")
        answer = await post(node.rpc_url, json.dumps(request("eth_chainId")).encode())
        assert (answer.status_code, answer.json()) == (200, {"jsonrpc": "2.0", "id": 1, "result": "0x539"})
        url = node.rpc_url
    assert not node.rpc_url
    with pytest.raises(httpx.ConnectError):
        await post(url, b"{}")


async def test_it_starts_once_and_stops_as_often_as_it_is_told() -> None:
    node = SandboxNode(None)
    url = await node.start()
    assert await node.start() == url
    await node.stop()
    await node.stop()


async def test_a_batch_is_answered_in_order() -> None:
    async with SandboxNode(None) as node:
        batch = [
            request("eth_chainId", identifier="a"),
            request("tempo_fundAddress", ALICE.address, identifier=None),
            {"jsonrpc": "2.0", "method": "eth_chainId"},
            request("nonsense", identifier=3),
            5,
        ]
        answers = (await post(node.rpc_url or "", json.dumps(batch).encode())).json()
        assert [answer["id"] for answer in answers] == ["a", None, 3, None]
        assert len(answers[1]["result"]) == 4
        assert [answer.get("error", {}).get("code") for answer in answers] == [None, None, -32601, -32600]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 500_000, -32700),
        (b'{"a":' * 500_000, -32700),
        (b'["' + b"[" * 100 + b'"', -32700),
        (b"[]", -32600),
        (b"null", -32600),
        (b'"eth_chainId"', -32600),
        (b"[" + b",".join([b"{}"] * (MAX_BATCH + 1)) + b"]", -32005),
    ],
)
def test_a_bad_body_is_an_error(chain: Chain, body: bytes, code: int) -> None:
    answer = chain.node.handle_body(body)
    assert answer is not None
    assert json.loads(answer)["error"]["code"] == code


def test_brackets_within_text_do_not_count(chain: Chain) -> None:
    body = json.dumps(request("eth_chainId", "[" * 200 + '\\"{', identifier=[])).encode()
    assert json.loads(chain.node.handle_body(body) or b"")["error"]["code"] == -32602
    batch = json.dumps([request("eth_chainId")] * 200).encode()
    assert len(json.loads(chain.node.handle_body(batch) or b"")) == 200


async def test_a_notification_is_run_and_not_answered() -> None:
    async with SandboxNode(None) as node:
        url = node.rpc_url or ""
        silent = {"jsonrpc": "2.0", "method": "tempo_fundAddress", "params": [ALICE.address]}
        answer = await post(url, json.dumps(silent).encode())
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await post(url, json.dumps(request("eth_blockNumber")).encode())).json()["result"] == "0x4"


async def test_a_body_that_is_too_large_is_not_read() -> None:
    async with SandboxNode(None) as node:
        answer = await post(node.rpc_url or "", b" " * (MAX_BODY + 1))
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == -32005


async def test_only_post_is_served() -> None:
    async with SandboxNode(None) as node, httpx.AsyncClient() as client:
        assert (await client.get(node.rpc_url or "")).status_code == 405
