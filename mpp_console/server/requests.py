"""A request as a gate sees it, whatever framework received it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from mpp_console.server.fields import Fields, values_of

__all__ = ["GateRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """One HTTP request.

    `path` and `query` are as on the wire, percent-encoded and undecoded, because they are bound to the challenge as
    bytes; `query` has no leading `?`. `body` is complete (a gate never sees a stream). `client` is who counts for
    rate limits, commonly the peer's IP address.
    """

    method: str
    path: str
    query: str = ""
    headers: Fields = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    client: str = ""

    def values(self, name: str) -> list[str]:
        """Every value of a header field, in order."""
        return values_of(self.headers, name)
