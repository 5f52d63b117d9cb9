"""Who we talk to: scheme, host and port, in the one spelling in which two of them can be compared.

A credential belongs to the origin that issued the challenge (core spec, "Transport Security"), so that everything
that lets one out compares `Origin` values and never strings. Pure: no name is looked up.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import urlsplit

from mpp_console.protocol import ParseError, inert

__all__ = ["HttpUrl", "Origin", "without_userinfo"]

_DEFAULT_PORTS = {"http": 80, "https": 443}

# Host names as they go on the wire. The underscore is no letter of a host name, but names with it are in use.
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?\Z")

# From the scheme to the last `@` of the authority: what URLs call user and password.
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:)?(//)[^/?#]*@|^[^/?#]*@")

# Readers of URLs disagree on what these mean inside an authority, so nothing that holds one is worth a guess.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")


class HttpUrl(Protocol):
    """The part of `httpx.URL` that says where a request goes."""

    @property
    def scheme(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """A web origin (RFC 6454). Build one by `parse` or `of`: they give host and port the form that compares equal."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Self:
        """The origin of an absolute http or https URL. Raises ParseError for anything else and for ambiguous text."""
        if _AMBIGUOUS.search(url):
            raise _bad(url, "it holds spaces, control characters or a backslash")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise _bad(url, str(error)) from error
        if not host:
            raise _bad(url, "it names no host")
        return cls._build(parts.scheme.lower(), host, port, url)

    @classmethod
    def of(cls, url: HttpUrl) -> Self:
        """The origin of an `httpx.URL`: exactly where httpx will connect to."""
        return cls._build(url.scheme, url.host, url.port, f"{url.scheme}://{url.host}")

    @classmethod
    def _build(cls, scheme: str, host: str, port: int | None, text: str) -> Self:
        if scheme not in _DEFAULT_PORTS:
            raise _bad(text, "its scheme is neither http nor https")
        return cls(scheme, _normal_host(host, text), _DEFAULT_PORTS[scheme] if port is None else port)

    @property
    def is_loopback(self) -> bool:
        """True when nothing sent there leaves the machine: 127.0.0.0/8, ::1 and the name localhost (RFC 6761)."""
        address = _address(self.host)
        if address is None:
            return self.host == "localhost" or self.host.endswith(".localhost")
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            return address.ipv4_mapped.is_loopback
        return address.is_loopback

    @property
    def is_secure(self) -> bool:
        """True when a credential may be sent there: TLS, or loopback, which only test servers use."""
        return self.scheme == "https" or self.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{self.scheme}://{host}"
            if self.port == _DEFAULT_PORTS[self.scheme]
            else f"{self.scheme}://{host}:{self.port}"
        )


def _normal_host(host: str, text: str) -> str:
    address = _address(host.strip("[]"))
    if address is not None:
        return str(address)
    if not host.isascii():
        host = _ascii_host(host, text)
    host = host.lower()
    if not _HOST.match(host):
        raise _bad(text, "its host is not a name or an address")
    return host


def _ascii_host(host: str, text: str) -> str:
    import idna  # httpx encodes names with it too, so both mean the same host

    try:
        return idna.encode(host.lower()).decode("ascii")
    except idna.IDNAError as error:
        raise _bad(text, "its host is no valid international name") from error


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if "%" in host:  # a zone means something on one machine only
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def without_userinfo(url: str) -> str:
    """The URL without user and password, for everything that shows it. Takes any text."""
    return _USERINFO.sub(r"\1\2", url, count=1)


def _bad(text: str, why: str) -> ParseError:
    shown = inert(without_userinfo(text), limit=200)
    return ParseError(
        f"{shown!r} cannot be used as an origin: {why}",
        code="bad-origin",
        hint="give a URL like https://api.example.com",
    )
