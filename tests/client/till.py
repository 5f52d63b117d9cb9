"""A paid HTTP server on a real socket, byte by byte, so that it can also misbehave as no framework would."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from mpp_console.protocol import (
    Challenge,
    Credential,
    ParseError,
    Receipt,
    format_challenge,
    format_timestamp,
    parse_credential,
)

from .rail import Table, TestClock


@dataclass(kw_only=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    port: int

    def get(self, name: str) -> str | None:
        values = self.get_all(name)
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def credential(self) -> Credential | None:
        for name in ("authorization", "payment-authorization"):
            for value in self.get_all(name):
                with suppress(ParseError):
                    return parse_credential(value)
        return None


@dataclass(kw_only=True)
class Reply:
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b"goods"
    hang_up: bool = False
    """Closes the connection instead of answering."""
    silent: bool = False
    """Never answers."""
    endless: bool = False
    """Announces a body that never ends."""
    stalls: bool = False
    """Announces a body that never comes."""
    stream: AsyncIterator[bytes] | None = None
    """A body in pieces, each sent at once. A piece of no bytes hangs up in the middle of the body."""


Handler = Callable[[Seen], Reply | Awaitable[Reply]]


class Server:
    """Answers by `handler`, one request a connection unless the client keeps it."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.seen: list[Seen] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop_listening(self) -> None:
        self._server.close()

    @property
    def paid(self) -> list[Seen]:
        """The requests that carried a credential."""
        return [seen for seen in self.seen if seen.credential is not None]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        seen = await self._read(reader)
        self.seen.append(seen)
        answer = self.handler(seen)
        reply = answer if isinstance(answer, Reply) else await answer
        if reply.silent:
            await asyncio.Event().wait()
        if reply.hang_up:
            return False
        if reply.stream is not None:
            return await self._while_heard(reader, self._pour(writer, reply, reply.stream))
        length = 10**9 if reply.endless or reply.stalls else len(reply.body)
        lines = [f"HTTP/1.1 {reply.status} X", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body)
        while reply.endless:
            writer.write(b"x" * 65536)
            await writer.drain()
        await writer.drain()
        if reply.stalls:
            await asyncio.Event().wait()
        return ("Connection", "close") not in reply.headers

    async def _while_heard(self, reader: asyncio.StreamReader, work: Coroutine[Any, Any, bool]) -> bool:
        """Does `work` until the client hangs up. It sends nothing more meanwhile."""
        working, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
            return working.done() and working.result()
        finally:
            working.cancel()
            gone.cancel()
            await asyncio.gather(working, gone, return_exceptions=True)

    async def _pour(self, writer: asyncio.StreamWriter, reply: Reply, pieces: AsyncIterator[bytes]) -> bool:
        lines = [f"HTTP/1.1 {reply.status} X", "Transfer-Encoding: chunked", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        async for piece in pieces:
            if not piece:
                return False
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return False

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
        seen = Seen(method=method, path=path, headers=headers, body=b"", port=self.port)
        if (length := seen.get("content-length")) is not None:
            seen.body = await reader.readexactly(int(length))
        elif seen.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                seen.body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        return seen


class Till:
    """Charges coins: asks by a 402, takes a credential to the table, answers with a receipt.

    `after` replaces the answer to a credential; `takes` says whether the till shows it to the table first.
    """

    def __init__(self, table: Table, clock: TestClock, *, amount: int = 100, header: str | None = None) -> None:
        self.table = table
        self.clock = clock
        self.amount = amount
        self.header = header
        self.request: dict[str, Any] = {}
        self.digest: str | None = None
        self.description: str | None = None
        self.lifetime: float | None = 300
        self.extra_headers: list[tuple[str, str]] = []
        self.after: Callable[[Seen], Reply] | None = None
        self.takes = True
        self.receipt: dict[str, Any] | None = {}
        self._ids = itertools.count(1)

    def challenge(self, **fields: Any) -> Challenge:
        expires = None if self.lifetime is None else self.clock() + timedelta(seconds=self.lifetime)
        values: dict[str, Any] = {
            "id": f"challenge-{next(self._ids)}",
            "realm": "till",
            "method": "coin",
            "intent": "charge",
            "request": {"amount": str(self.amount), "currency": "coin", **self.request},
            "expires": expires,
            "digest": self.digest,
            "description": self.description,
            "header": self.header,
        }
        return Challenge.create(**{**values, **fields})

    def ask(self, *challenges: Challenge, status: int = 402, body: bytes = b"{}") -> Reply:
        offered = challenges or (self.challenge(),)
        lines = [("WWW-Authenticate", format_challenge(challenge)) for challenge in offered]
        return Reply(status=status, headers=[*lines, *self.extra_headers], body=body)

    def __call__(self, seen: Seen) -> Reply:
        credential = seen.credential
        if credential is None:
            return self.ask()
        token = credential.payload["token"]
        if self.takes and token not in self.table.settled:
            self.table.land(token)
        if self.after is not None:
            return self.after(seen)
        return Reply(headers=self.receipt_headers(token))

    def receipt_headers(self, token: str) -> list[tuple[str, str]]:
        if self.receipt is None:
            return []
        timestamp = format_timestamp(self.clock())
        values: dict[str, Any] = {"method": "coin", "reference": token, "timestamp": timestamp, **self.receipt}
        return [("Payment-Receipt", Receipt(**values).to_header().reveal())]
