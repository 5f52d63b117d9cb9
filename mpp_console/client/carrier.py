"""The two requests of a paid exchange: the first, whose body must be kept, and the second, which carries the
credential.

The second is the first once more, byte for byte, with the credential in headers that cannot be copied. httpx follows
a redirect by copying the headers of the request, and takes out at most `Authorization`, and not even that from http
to https; sealed headers show the credential to whatever sends this request, and leave it behind in every copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, NoReturn

import httpx

from mpp_console.client.errors import BodyNotReplayable
from mpp_console.protocol import AUTHORIZATION, IDEMPOTENCY_KEY, PAYMENT_AUTHORIZATION, SCHEME, FormatError, Secret

__all__ = [
    "RecordedBody",
    "SealedHeaders",
    "body_of",
    "check_sealing",
    "paid_request",
    "record_body",
    "seal",
    "strip_credentials",
]

REPLAY_LIMIT = 8 * 1024 * 1024
"""Bytes of a streamed body that are kept in case the answer asks for money. Bodies given as bytes have no limit."""

SETTLEMENT_WAIT = 60.0
"""Seconds that a paid answer may take at least: servers wait 30 s and more for the confirmation of a payment."""


class SealedHeaders(httpx.Headers):
    """Headers with one more field that only this very object shows: no copy has it, and neither has the repr."""

    def __init__(self, headers: httpx.Headers, name: str, value: Secret[str]) -> None:
        super().__init__(headers)
        self._name = name
        self._sealed: Secret[str] | None = value

    def discard(self) -> None:
        """Forgets the credential, once it was sent."""
        self._sealed = None

    def _open(self) -> httpx.Headers:
        return httpx.Headers(self.raw)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        plain = super().raw
        if self._sealed is None:
            return plain
        name = self._name.encode("ascii")
        # A request hook of the caller may have put its own value there; there is one credential in a request.
        kept = [(key, value) for key, value in plain if key.lower() != name.lower()]
        return [*kept, (name, self._sealed.reveal().encode("ascii"))]

    def keys(self) -> KeysView[str]:
        return self._open().keys()

    def values(self) -> ValuesView[str]:
        return self._open().values()

    def items(self) -> ItemsView[str, str]:
        return self._open().items()

    def multi_items(self) -> list[tuple[str, str]]:
        return self._open().multi_items()

    def get_list(self, key: str, split_commas: bool = False) -> list[str]:
        return self._open().get_list(key, split_commas)

    def __getitem__(self, key: str) -> str:
        return self._open()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._open()

    def __iter__(self) -> Iterator[str]:
        return iter(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def __repr__(self) -> str:
        shown = httpx.Headers(self)
        return repr(shown) if self._sealed is None else f"{shown!r} + {self._name}: {self._sealed!r}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("headers with a credential cannot be pickled")


class RecordedBody(httpx.AsyncByteStream):
    """A streamed body that remembers what it sent, up to a limit, so that the same bytes can be sent again."""

    def __init__(self, stream: httpx.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self._complete = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._chunks, self._size, self._complete = [], 0, False
        async for chunk in self._stream:
            self._size += len(chunk)
            if self._size <= self._limit:
                self._chunks.append(chunk)
            else:
                self._chunks.clear()
            yield chunk
        self._complete = True

    async def aclose(self) -> None:
        await self._stream.aclose()

    def recorded(self) -> bytes:
        """Everything that was sent. Raises BodyNotReplayable when that is not known or too much."""
        if self._size > self._limit:
            message = f"the body has more than {self._limit} bytes and was streamed, so it cannot be sent again"
            raise BodyNotReplayable(message, hint="give the body as bytes")
        if not self._complete:
            message = "the server asked for money before it had the whole body, which was streamed"
            raise BodyNotReplayable(message, hint="give the body as bytes")
        return b"".join(self._chunks)


def record_body(request: httpx.Request, limit: int) -> None:
    """Makes a streamed request body replayable up to `limit` bytes. A body given as bytes is so already."""
    try:
        request.content  # noqa: B018 - asking is the only way to learn whether httpx holds the bytes
    except httpx.RequestNotRead:
        if isinstance(request.stream, httpx.AsyncByteStream) and not isinstance(request.stream, RecordedBody):
            request.stream = RecordedBody(request.stream, limit)


async def body_of(request: httpx.Request) -> bytes:
    """The bytes that were sent as the body of `request`. Raises BodyNotReplayable."""
    try:
        return request.content
    except httpx.RequestNotRead:
        pass
    if isinstance(request.stream, RecordedBody):
        return request.stream.recorded()
    if isinstance(request.stream, httpx.ByteStream):
        return b"".join([chunk async for chunk in request.stream])
    raise BodyNotReplayable("the body was streamed and cannot be sent again", hint="give the body as bytes")


def paid_request(
    response: httpx.Response,
    *,
    body: bytes,
    header: str,
    idempotency_key: str | None,
    trace: Any = None,
) -> httpx.Request:
    """The request that `response` answers, ready for a credential in `header`; nothing of it is in there yet."""
    first = response.request
    headers = httpx.Headers(first.headers)
    strip_credentials(headers)
    if header == AUTHORIZATION:
        headers.pop(AUTHORIZATION, None)
    if idempotency_key is not None:
        headers[IDEMPOTENCY_KEY] = idempotency_key
    if headers.pop("Transfer-Encoding", None) is not None:
        headers["Content-Length"] = str(len(body))
    _add_cookies(headers, response)
    extensions = _patient(first.extensions)
    if trace is not None:
        extensions["trace"] = trace
    request = httpx.Request(first.method, first.url, headers=headers, content=body or None, extensions=extensions)
    # httpx adds a length of zero to some methods by itself, and the first request is what counts.
    if not body and "Content-Length" not in headers:
        request.headers.pop("Content-Length", None)
    return request


def seal(request: httpx.Request, header: str, credential: Secret[str]) -> SealedHeaders:
    """Puts the credential into the request."""
    sealed = SealedHeaders(request.headers, header, credential)
    request.headers = sealed
    return sealed


def check_sealing() -> None:
    """Raises FormatError when the httpx that is installed copies sealed headers after all."""
    sealed = SealedHeaders(httpx.Headers(), AUTHORIZATION, Secret("Payment probe"))
    if AUTHORIZATION in httpx.Headers(sealed) or AUTHORIZATION in sealed.copy() or AUTHORIZATION not in sealed:
        raise FormatError("with this version of httpx a redirect could leak a credential", hint="install httpx 0.28")


def strip_credentials(headers: httpx.Headers) -> None:
    """Takes out Payment credentials: they are good for one request, and the one being made gets its own."""
    for name in (AUTHORIZATION, PAYMENT_AUTHORIZATION):
        kept = [value for value in headers.get_list(name) if not _is_payment(value)]
        if len(kept) != len(headers.get_list(name)):
            headers.pop(name)
            if kept:
                headers[name] = ", ".join(kept)


def _is_payment(value: str) -> bool:
    return value.strip().partition(" ")[0].casefold() == SCHEME.casefold()


def _add_cookies(headers: httpx.Headers, response: httpx.Response) -> None:
    """Sends the cookies that came with the challenge, as a browser would: the request was made before they came."""
    probe = httpx.Request("GET", response.request.url)
    httpx.Cookies(response.cookies).set_cookie_header(probe)
    fresh = _cookie_pairs(probe.headers.get("Cookie"))
    if fresh:
        pairs = _cookie_pairs(headers.get("Cookie")) | fresh
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in pairs.items())


def _cookie_pairs(value: str | None) -> dict[str, str]:
    pairs = (item.strip().partition("=") for item in (value or "").split(";") if item.strip())
    return {name: text for name, _, text in pairs}


def _patient(extensions: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions of a request with a read timeout that a settlement fits into. No timeout stays none."""
    timeout = dict(extensions.get("timeout") or {})
    read = timeout.get("read")
    if read is not None:
        timeout["read"] = max(read, SETTLEMENT_WAIT)
    return {**extensions, "timeout": timeout} if timeout else dict(extensions)
