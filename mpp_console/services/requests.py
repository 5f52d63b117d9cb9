"""Checks what a person wants to request before anything is done about it. No I/O."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from mpp_console.client.origin import Origin
from mpp_console.protocol import ParseError, inert
from mpp_console.services.errors import UsageError
from mpp_console.services.models import PayRequest

__all__ = ["checked_request", "first_answer_within", "full_url", "offer_position", "wire_headers"]

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 section 5.5: none but a tab
_DECIMAL = re.compile(r"\d{1,60}(\.\d{1,36})?")
_HOST = re.compile(r"^(?P<host>\[[^\]]*\]|[^/:?#]+)")


def full_url(text: str) -> str:
    """`text` with a scheme: `http` for this machine, `https` for every other. Raises UsageError for what is no http(s)
    URL.
    """
    url = text.strip()
    if "://" not in url:
        host = _HOST.match(url)
        local = host is not None and host["host"].lower() in {"localhost", "127.0.0.1", "[::1]"}
        url = f"{'http' if local else 'https'}://{url}"
    try:
        url.encode("utf-8")
        Origin.parse(url)
    except UnicodeEncodeError as error:
        raise UsageError("the URL holds bytes that are not UTF-8 text", hint="write them as %XX") from error
    except ParseError as error:
        raise UsageError(error.message, hint="a URL looks like https://api.example/path") from error
    return url


def checked_request(request: PayRequest) -> PayRequest:
    """The same request in its plain form. Raises UsageError for what cannot be: URL, method, header, amount, offer."""
    method = request.method.upper()
    if not _METHOD.fullmatch(method):
        raise UsageError(f"{inert(request.method, limit=40)!r} is not an HTTP method")
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise UsageError(f"{inert(name, limit=60)!r} is not the name of a header field")
        if any(character in value for character in "\r\n\0"):
            raise UsageError(f"the header {name} holds a line break")
        if _CONTROL.search(value):
            raise UsageError(f"the header {name} holds a control character")
    if request.max_amount is not None and not _DECIMAL.fullmatch(request.max_amount):
        raise UsageError(f"{inert(request.max_amount, limit=60)!r} is not an amount", hint="write it as 0.05")
    offer_position(request.offer)
    if not 0 < request.timeout <= 3600:
        raise UsageError("a timeout is above 0 and at most 3600 seconds")
    return replace(request, url=full_url(request.url), method=method)


def wire_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header fields as curl sends them: text beyond ASCII as the bytes that were typed."""
    return [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in headers]


def offer_position(offer: str | None) -> int | None:
    """The position (from 0) that a number names; None for a name. Raises UsageError for 0."""
    if offer is None or not offer.isascii() or not offer.isdigit():
        return None
    if int(offer) < 1:
        raise UsageError("offers are counted from 1")
    return int(offer) - 1


@asynccontextmanager
async def first_answer_within(seconds: float) -> AsyncIterator[Callable[[str, Mapping[str, Any]], Awaitable[None]]]:
    """Raises TimeoutError unless the head of an answer is complete in time; gives the `trace` that sees it come.

    The timeouts of an HTTP client are for each read, so that a server which drips bytes would hold a request for ever.
    From the first answer on they are all there is: a payment that is on its way is never cut off by a clock.
    """
    async with asyncio.timeout(seconds) as deadline:

        async def seen(name: str, info: Mapping[str, Any]) -> None:
            if name.endswith("receive_response_headers.complete"):
                deadline.reschedule(None)

        yield seen
