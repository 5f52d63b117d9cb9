"""What an inspection looks at: requests that were made and the answers that came, as plain values.

Collected by `probe` over the network or by `decode` from pasted text; judged by `findings`. No I/O, and no opinion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mpp_console.client.origin import without_userinfo
from mpp_console.inspector.timing import LegPhase
from mpp_console.protocol import Secret

if TYPE_CHECKING:
    from mpp_console.inspector.discovery import Document

__all__ = ["Answer", "ChainFacts", "Evidence", "Inquiry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The request. `url` is empty when only an answer was pasted and nobody knows what was asked."""

    url: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def shown(self) -> str:
        """The URL without user and password, for everything that tells of it."""
        return without_userinfo(self.url)

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0].lower() if "://" in self.url else ""

    @property
    def host(self) -> str:
        """The host name in lower case, without port; empty when it is not known."""
        try:
            return (urlsplit(self.url).hostname or "").lower()
        except ValueError:
            return ""

    def values(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. `fields` are the header lines in wire order, read as Latin-1, one entry a line.

    `body` is what was read of it, `body_bytes` how many bytes were seen, `complete` whether that was all. `phases` says
    how its time was spent, empty when nobody measured.
    """

    status: int
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    body_bytes: int = 0
    complete: bool = True
    milliseconds: float = 0.0
    phases: tuple[LegPhase, ...] = ()

    def values(self, name: str) -> list[str]:
        """Every line of a field, in order; names compare without case."""
        wanted = name.lower()
        return [value for key, value in self.fields if key.lower() == wanted]

    def items(self, name: str) -> Iterator[str]:
        """The members of a comma list such as `Cache-Control`, in lower case."""
        for value in self.values(name):
            for item in value.split(","):
                if item.strip():
                    yield item.strip().lower()

    def has(self, name: str) -> bool:
        return bool(self.values(name))

    @property
    def media_type(self) -> str:
        values = self.values("content-type")
        return values[0].partition(";")[0].strip().lower() if values else ""

    @property
    def head_bytes(self) -> int:
        """Size of the status line and the header section as HTTP/1.1 writes them."""
        lines = sum(len(name) + len(value) + 4 for name, value in self.fields)
        return len(f"HTTP/1.1 {self.status} {self.reason}") + 2 + lines + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """What is known besides the exchange. `initialised` says by (token, recipient), both in lower case, whether the
    recipient has ever held the token; what is not in it could not be asked. `payer` is the account that would pay.
    """

    chain_id: int | None = None
    payer: str | None = None
    initialised: Mapping[tuple[str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that one inspection has to go by.

    `again` is the answer to the same unpaid request made once more, `malformed` the answer to one with a credential
    that nobody can read; None when they were not made. `document` is the origin's discovery document, where it was
    asked for. `secret` is the server's own, to check ids with. `live` is False for pasted text: the passing of time
    proves nothing against it.
    """

    inquiry: Inquiry
    answer: Answer
    now: datetime
    again: Answer | None = None
    malformed: Answer | None = None
    document: Document | None = None
    secret: Secret[bytes] | None = None
    facts: ChainFacts = ChainFacts()
    live: bool = True
