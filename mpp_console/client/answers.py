"""Reads what a server answers: challenges out of a 402, problems out of refusals, and how far a request got on the
wire.

Everything from a server is bounded and made inert here, before it reaches a screen, a log or a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from mpp_console.protocol import (
    PROBLEM_LIMIT,
    WWW_AUTHENTICATE,
    Challenge,
    FindingLevel,
    Findings,
    ParseError,
    Problem,
    hide_credentials,
    inert,
    parse_challenges,
    parse_problem,
)

__all__ = ["Asked", "Wire", "direct_answer", "read_body", "read_challenges", "read_problem", "unpacked"]

TEXT_LIMIT = 500
_AMOUNTS = ("requiredTopUp",)
_MOST_DIGITS = 78
"""As many as the largest sum of 256 bits has."""
_SIP = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The Payment challenges of an answer, and what is wrong with those that cannot be read."""

    challenges: tuple[Challenge, ...]
    malformed: tuple[str, ...]


def read_challenges(response: httpx.Response) -> Asked | None:
    """The challenges of a 402; None when the answer does not ask for a payment by this scheme."""
    if response.status_code != httpx.codes.PAYMENT_REQUIRED:
        return None
    name = WWW_AUTHENTICATE.lower().encode()
    lines = [value for key, value in response.headers.raw if key.lower() == name]
    findings = Findings()
    challenges = parse_challenges(lines, findings)
    failures = [
        finding for finding in findings if finding.level is FindingLevel.FAIL and finding.code != "no-challenge"
    ]
    if not challenges and not failures:
        return None
    malformed = tuple(inert(f"a challenge cannot be read: {item.message}", limit=TEXT_LIMIT) for item in failures)
    return Asked(challenges=challenges, malformed=malformed)


async def read_body(response: httpx.Response, *, patience: float) -> bytes:
    """Reads the body; one that is too long ends early, unpacked or not. Raises TimeoutError after `patience` seconds.

    A packed body is unpacked here, and its `Content-Encoding` goes: a few bytes may unpack to gigabytes.
    """
    async with asyncio.timeout(patience):
        if not response.is_stream_consumed and isinstance(response.stream, httpx.AsyncByteStream):
            body = await _beginning(response, PROBLEM_LIMIT)
            response.headers.pop("Content-Encoding", None)
            response.stream = httpx.ByteStream(body)
        return await response.aread()


def read_problem(body: bytes) -> Problem | None:
    """The problem in a body, every text of it inert and without credentials; None when the body tells of none. Of other
    members only sums are kept that a rail reads.
    """
    try:
        problem = parse_problem(body)
    except ParseError:
        return None
    if not problem.title and not problem.detail and problem.type in ("", "about:blank"):
        return None  # any JSON object is a problem by the letter (RFC 9457 section 3.1); this one says nothing
    return replace(
        problem,
        type=_shown(problem.type),
        title=_shown(problem.title),
        detail=_shown(problem.detail),
        challenge_id=None if problem.challenge_id is None else _shown(problem.challenge_id),
        hint=None if problem.hint is None else _shown(problem.hint),
        extra={name: problem.extra[name] for name in _AMOUNTS if _is_amount(problem.extra.get(name))},
    )


def _is_amount(value: object) -> bool:
    """Whether it is a sum as rails write them: digits, and nothing that could hide in them."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS


def direct_answer(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """What the server said to `request` itself, when httpx has followed a redirect since."""
    return next((earlier for earlier in response.history if earlier.request is request), response)


class Wire:
    """Watches how far a request gets, through httpcore's `trace` extension; hands on to the caller's own, if any.

    Other transports report nothing, and then nothing is known: `never_left` is a proof, its absence is none.
    """

    def __init__(self, caller: Callable[[str, Mapping[str, Any]], Awaitable[None]] | None = None) -> None:
        self._caller = caller
        self._connecting = False
        self._sending = False

    async def trace(self, name: str, info: Mapping[str, Any]) -> None:
        if name.endswith("send_request_headers.started"):
            self._sending = True
        elif name.startswith("connection."):
            self._connecting = True
        if self._caller is not None:
            await self._caller(name, info)

    @property
    def never_left(self) -> bool:
        """True when a connection was tried and no byte of a request was ever written, over all attempts."""
        return self._connecting and not self._sending


def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes of the body as it is meant to be read, each piece small, out of the stream that it has now."""
    return _unpacking(response).aiter_bytes()


def _unpacking(response: httpx.Response) -> httpx.Response:
    encoding = response.headers.get("Content-Encoding")
    return httpx.Response(
        response.status_code,
        headers={} if encoding is None else {"Content-Encoding": encoding},
        stream=_Sips(response.stream),
        request=response.request,
    )


async def _beginning(response: httpx.Response, limit: int) -> bytes:
    """The first `limit` bytes of the body as it is meant to be read."""
    packed = _unpacking(response)
    body = bytearray()
    try:
        async for chunk in packed.aiter_bytes():
            body += chunk
            if len(body) >= limit:
                break
    finally:
        await packed.aclose()
    return bytes(body[:limit])


class _Sips(httpx.AsyncByteStream):
    """A stream in small pieces: none of them unpacks to more than a megabyte or so (deflate packs 1 : 1032)."""

    def __init__(self, stream: httpx.AsyncByteStream | httpx.SyncByteStream) -> None:
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - the caller looked
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for start in range(0, len(chunk), _SIP):
                yield chunk[start : start + _SIP]

    async def aclose(self) -> None:
        await self._stream.aclose()


def _shown(text: str) -> str:
    return hide_credentials(inert(text, limit=TEXT_LIMIT))
