"""The node over HTTP: JSON-RPC requests and batches as an ASGI application, and `SandboxNode`, which runs it.

Requests run in one thread of their own: SQLite may wait for another process, and the screen must not wait with it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mpp_console.methods.base import Clock
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node.chain import CHAIN_ID, SandboxChain
from mpp_console.sandbox.node.ledger import Ledger
from mpp_console.sandbox.node.rejections import INVALID_REQUEST, LIMIT_EXCEEDED, PARSE_ERROR
from mpp_console.sandbox.node.rpc import JsonRpc

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["SandboxNode"]

MAX_BODY: Final = 4 * 1024 * 1024
"""Larger than any batch of the largest transactions that a client has reason to send."""
MAX_BATCH: Final = 1_000
MAX_DEPTH: Final = 64
"""Far more than any request nests. Some libraries raise the interpreter's recursion limit so far that decoding deeper
bodies could end the process, so they are refused before.
"""

_NESTING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class SandboxNode:
    """A Tempo node of one's own, on loopback, over a file that other processes may run a node on too.

    `path` None keeps the chain in memory. Use it as an async context manager, or `start` and `stop` it; `handle`
    answers without HTTP. Raises SandboxStateError for a file that cannot be used.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Clock = lambda: datetime.now(UTC),
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        chain_id: int = CHAIN_ID,
    ) -> None:
        self._ledger = Ledger(path)
        try:
            self.chain = SandboxChain(self._ledger, clock=clock, random_bytes=random_bytes, chain_id=chain_id)
        except BaseException:
            self._ledger.close()
            raise
        self._rpc = JsonRpc(self.chain)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-node")
        self._server: EmbeddedServer | None = None

    @property
    def rpc_url(self) -> str | None:
        """Where it listens, None while it does not."""
        return self._server.url if self._server is not None else None

    async def start(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and gives the RPC address. Raises PortTaken."""
        if self._server is None:
            server = EmbeddedServer(self.app(), port=port)
            await server.start()
            self._server = server
        return self._server.url

    async def stop(self) -> None:
        """Stops listening and closes the file. Stopping twice is harmless; a stopped node is not started again."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Closes the file of a node that does not listen. Closing twice is harmless."""
        self._thread.shutdown()
        self._ledger.close()

    async def __aenter__(self) -> SandboxNode:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def handle(self, request: object) -> dict[str, Any]:
        """Answers one JSON-RPC request. Never raises for what is in it."""
        return self._rpc.handle(request)

    def handle_body(self, body: bytes) -> bytes | None:
        """Answers what came in an HTTP body, a request or a batch. None when nothing in it wants an answer."""
        if _too_deep(body):
            return msgspec.json.encode(_refusal(PARSE_ERROR, f"the body nests deeper than {MAX_DEPTH} levels"))
        try:
            payload = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.encode(_refusal(PARSE_ERROR, "the body is not JSON"))
        if not isinstance(payload, list):
            answer = self.handle(payload)
            return msgspec.json.encode(answer) if _wants_answer(payload) else None
        if not payload:
            return msgspec.json.encode(_refusal(INVALID_REQUEST, "a batch must not be empty"))
        if len(payload) > MAX_BATCH:
            return msgspec.json.encode(_refusal(LIMIT_EXCEEDED, f"a batch has at most {MAX_BATCH} requests"))
        answers = [(self.handle(request), _wants_answer(request)) for request in payload]
        wanted = [answer for answer, asked in answers if asked]
        return msgspec.json.encode(wanted) if wanted else None

    def app(self) -> Starlette:
        """The ASGI application: POST to `/` or any path."""
        from starlette.applications import Starlette
        from starlette.responses import Response
        from starlette.routing import Route

        async def answer(request: Request) -> Response:
            body = await _read_limited(request)
            if body is None:
                return _json(msgspec.json.encode(_refusal(LIMIT_EXCEEDED, f"a body has at most {MAX_BODY} bytes")), 413)
            loop = asyncio.get_running_loop()
            answered = await loop.run_in_executor(self._thread, self.handle_body, body)
            return _json(answered) if answered is not None else Response(status_code=204)

        return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


def _too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _NESTING.finditer(body):
        mark = found[0]
        if mark in {b"[", b"{"}:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif mark in {b"]", b"}"}:
            depth -= 1
    return False


def _wants_answer(request: object) -> bool:
    """A request without an id is a notification: it is run and not answered."""
    return not (isinstance(request, dict) and "method" in request and "id" not in request)


def _refusal(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}


def _json(body: bytes, status: int = 200) -> Response:
    from starlette.responses import Response

    return Response(body, status_code=status, media_type="application/json")


async def _read_limited(request: Request) -> bytes | None:
    """The body, or None when it is larger than we read."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)
