"""Says why a request had no answer, and what to do about it. No I/O."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mpp_console.client.origin import Origin, without_userinfo
from mpp_console.protocol import ParseError, inert
from mpp_console.services.errors import RequestFailed, UsageError

if TYPE_CHECKING:
    import httpx

__all__ = ["request_error"]

_NO_TLS = re.compile(
    r"wrong.version.number|record.layer.failure|unknown.protocol|packet.length.too.long", re.IGNORECASE
)
"""What OpenSSL says, by its version, of an answer that is no TLS."""


def request_error(error: Exception, url: str) -> RequestFailed | UsageError:
    """Why no answer came, in words that say what to look at; every one has a hint. `url` is one that `full_url` let
    pass.
    """
    import httpx

    try:
        where = str(Origin.parse(url))
    except ParseError:
        where = "the server"
    if isinstance(error, httpx.UnsupportedProtocol):  # the URL itself is http or https
        return RequestFailed(
            f"{where} redirects to something that is neither http nor https",
            code="bad-redirect",
            hint="ask without following redirects to see where it points",
        )
    if isinstance(error, httpx.InvalidURL):
        return UsageError(
            f"{inert(without_userinfo(url), limit=200)!r} cannot be requested",
            hint="a URL looks like https://api.example/path",
        )
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return _too_slow(error, where)
    if isinstance(error, httpx.ConnectError):
        return _not_connected(error, where)
    return _broken_off(error, where)


def _too_slow(error: Exception, where: str) -> RequestFailed:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return RequestFailed(
            f"no connection to {where} in time",
            code="timeout",
            hint="is it up, and does no firewall stand between? --timeout waits longer",
        )
    return RequestFailed(
        f"{where} did not answer in time", code="timeout", hint="try again, or allow more with --timeout"
    )


def _not_connected(error: httpx.ConnectError, where: str) -> RequestFailed:
    text = inert(str(error), limit=200)
    causes = tuple(_causes(error))
    if _NO_TLS.search(text):
        return RequestFailed(
            f"{where} does not speak TLS: what answers there is no https",
            code="no-tls",
            hint="if it is meant to be plain http, write http://",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        said, hint = text, "is the name spelled right, and is this machine online?"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        said, hint = "Connection refused", "is it running, and is the port right?"
    elif any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        said = f"its certificate does not hold: {text}"
        hint = "is it the right host, and is this clock right? SSL_CERT_FILE names an authority of your own"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        said = text or "it ended the TLS handshake"
        hint = "does this port speak https? `openssl s_client -connect host:port` tells what it offers"
    else:
        said, hint = text or "it could not be reached", "is this machine online, and is the address right?"
    return RequestFailed(f"no connection to {where}: {said}", code="no-connection", hint=hint)


def _broken_off(error: Exception, where: str) -> RequestFailed:
    import httpx

    text = inert(str(error), limit=200)
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return RequestFailed(
            f"the answer of {where} cannot be read: {text}",
            code="bad-answer",
            hint="does a web server listen on this port? its own log and `curl -iv` tell more",
        )
    if isinstance(error, httpx.TooManyRedirects):
        return RequestFailed(
            f"{where}: it redirects in circles", hint="ask without following redirects to see where it points"
        )
    if isinstance(error, httpx.ProxyError):
        return RequestFailed(
            f"the proxy did not let the request to {where} through: {text}",
            hint="see HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment",
        )
    if isinstance(error, httpx.LocalProtocolError):
        return RequestFailed(f"the request to {where} cannot be sent: {text}", hint="see its header fields")
    return RequestFailed(
        f"{where}: {type(error).__name__}", hint="the connection broke off: try again, and see the server's own log"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it: the libraries between wrap what the system said."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
