"""web3's HTTP provider over one connection pool of our own.

The stock provider opens a connection for every request, warns on newer Pythons, and takes a process-wide lock in a
thread around each request, which a cancelled request can leave locked for good. Imports web3 and aiohttp at the top,
so this module itself is imported late, by `rpc` alone.
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from mpp_console.methods.connections import IDLE_SECONDS
from mpp_console.methods.imports import recursion_limit_kept

with recursion_limit_kept():
    from web3 import AsyncHTTPProvider
    from web3.types import RPCEndpoint

__all__ = ["PooledProvider"]

MAX_CONNECTIONS: Final = 16
"""A screen full of balances asks about this much at once; more would only queue at the node."""


class PooledProvider(AsyncHTTPProvider):
    """One provider for one event loop. Time limits are the caller's; nothing is ever sent twice."""

    def __init__(self, url: str) -> None:
        super().__init__(url, exception_retry_configuration=None)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        headers: Any = self.get_request_headers()
        # A redirect could hand a payment to another host than the one that the user named.
        async with self._session.post(
            str(self.endpoint_uri), data=request_data, headers=headers, allow_redirects=False
        ) as response:
            # Whatever the status: some nodes send a JSON-RPC error with 400 or 500, and what is no JSON fails later.
            return await response.read()

    async def disconnect(self) -> None:
        await self._session.close()
