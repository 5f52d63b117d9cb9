"""Why there was no answer: said in words, with what to do about it, and with no secret of the URL."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from mpp_console.services.errors import RequestFailed, UsageError, kind_of
from mpp_console.services.no_answer import request_error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "kind", "hint"),
    [
        (httpx.ConnectError("no"), "no-connection", "network", "online"),
        (caused(httpx.ConnectError("no"), socket.gaierror(-2, "unknown")), "no-connection", "network", "spelled"),
        (caused(httpx.ConnectError("no"), ConnectionRefusedError()), "no-connection", "network", "port"),
        (caused(httpx.ConnectError("no"), ssl.SSLCertVerificationError()), "no-connection", "network", "SSL_CERT_FILE"),
        (caused(httpx.ConnectError(""), ssl.SSLEOFError()), "no-connection", "network", "https"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), "no-tls", "network", "http://"),
        (httpx.ReadTimeout("slow"), "timeout", "network", "--timeout"),
        (httpx.ConnectTimeout("slow"), "timeout", "network", "firewall"),
        (TimeoutError(), "timeout", "network", "--timeout"),
        (httpx.TooManyRedirects("round"), "request-failed", "network", "redirects"),
        (httpx.RemoteProtocolError("\x1b[31mbad"), "bad-answer", "network", "curl"),
        (httpx.DecodingError("\x1b[31mbad"), "bad-answer", "network", "curl"),
        (httpx.UnsupportedProtocol("file"), "bad-redirect", "network", "redirects"),
        (httpx.ProxyError("403"), "request-failed", "network", "HTTPS_PROXY"),
        (httpx.LocalProtocolError("no"), "request-failed", "network", "header"),
        (httpx.ReadError("gone"), "request-failed", "network", "try again"),
        (httpx.WriteError("gone"), "request-failed", "network", "try again"),
        (httpx.InvalidURL("no"), "usage", "usage", "https://"),
    ],
)
def test_why_there_was_no_answer(error: Exception, code: str, kind: str, hint: str) -> None:
    ours = request_error(error, "https://api.example/secret?key=1")
    assert (ours.code, kind_of(ours)) == (code, kind)
    assert hint in (ours.hint or "")
    assert "\x1b" not in ours.message
    assert kind == "usage" or "key=1" not in ours.message


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """A port at which something says `answer` and hangs up."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def asked(url: str) -> RequestFailed | UsageError:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.HTTPError) as raised:
            await client.get(url)
    return request_error(raised.value, url)


async def test_what_the_system_says_is_found_behind_what_libraries_make_of_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        refused = await asked(f"http://127.0.0.1:{taken.getsockname()[1]}/x")
    assert refused.message.endswith("Connection refused")
    assert refused.hint == "is it running, and is the port right?"
    async with answering(b"SSH-2.0-none\r\n") as port:
        assert (await asked(f"https://127.0.0.1:{port}/")).code == "no-tls"
        assert "curl" in ((await asked(f"http://127.0.0.1:{port}/")).hint or "")
    async with answering(b"") as port:
        assert "https" in ((await asked(f"https://127.0.0.1:{port}/")).hint or "")
