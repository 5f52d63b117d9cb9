"""The connections to a node: one that was idle for as long as a server might bear is never used again."""

from __future__ import annotations

import asyncio

import pytest
from web3.types import RPCEndpoint

from mpp_console.methods.connections import IDLE_SECONDS
from mpp_console.methods.tempo import provider as module
from mpp_console.methods.tempo.provider import PooledProvider

ANSWER = b'{"jsonrpc":"2.0","id":0,"result":"0x1"}'


def test_unused_connections_go_before_common_servers_close_them() -> None:
    assert IDLE_SECONDS < 5


@pytest.mark.parametrize(("idle", "connections"), [(60.0, 1), (1e-9, 2)])
async def test_a_connection_is_used_again_only_while_it_is_fresh(
    monkeypatch: pytest.MonkeyPatch, idle: float, connections: int
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", idle)
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                await reader.readexactly(length)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
                )
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = PooledProvider(f"http://127.0.0.1:{port}")
        try:
            for _ in range(2):
                answer = await provider.make_request(RPCEndpoint("eth_chainId"), [])
                assert answer["result"] == "0x1"
        finally:
            await provider.disconnect()
    assert seen == connections
