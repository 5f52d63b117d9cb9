"""URLs that were inspected, the newest first, kept for one profile in a file of its owner's.

Nothing secret is written: users and passwords are left out, and values in a query that may be secret are masked. Such
a URL is remembered by what it was without them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus, urlsplit

from mpp_console.client.origin import without_userinfo
from mpp_console.protocol import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UrlHistory", "VisitedUrl", "without_secrets"]

MOST: Final = 200
"""URLs that are kept."""
LONGEST: Final = 2_000
_FILE_LIMIT: Final = 2 * 1024 * 1024
_MASK: Final = "…"
_SECRET_NAME: Final = re.compile(
    r"(?:^|[^a-z])(?:(?:api|access|auth|private|secret|session|signing)?[^a-z]?(?:key|token|secret|pass(?:word|wd|phrase)?)"
    r"|auth(?:orization)?|bearer|code|cred(?:ential)?s?|jwt|nonce|otp|pin|pwd|sid|session(?:id)?|sig(?:nature)?|hmac)"
    r"(?:$|[^a-z])"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPAQUE: Final = re.compile(r"(?=[^A-Za-z]*[A-Za-z])(?=[^0-9]*[0-9])[A-Za-z0-9+/_.~=-]{24,}")
"""A long run of letters and digits: a token, whatever its name. Addresses and hashes start with 0x and are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitedUrl:
    """A URL and the method with which it was last inspected."""

    url: str
    method: str = "GET"


def without_secrets(url: str) -> str:
    """`url` without user, password and fragment; values of the query that may be secret are masked. Takes any text."""
    bare = without_userinfo(url).partition("#")[0]
    head, mark, query = bare.partition("?")
    if not mark:
        return bare
    return f"{head}?{'&'.join(_masked(pair) for pair in query.split('&'))}"


def _masked(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        # `?sekret` has no name to go by.
        return _MASK if _looks_secret("", name) else pair
    return f"{name}={_MASK}" if _looks_secret(name, value) else pair


def _looks_secret(name: str, value: str) -> bool:
    if not value or value == _MASK:
        return False
    plain = unquote_plus(value)
    words = _CAMEL.sub("_", name).lower()
    return _SECRET_NAME.search(words) is not None or (
        not plain.startswith("0x") and _OPAQUE.fullmatch(plain) is not None
    )


class UrlHistory:
    """The URLs of one profile. Reads its file when first asked; a file that cannot be read counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._urls: tuple[VisitedUrl, ...] | None = None
        self._writing = asyncio.Lock()

    async def recent(self) -> Sequence[VisitedUrl]:
        """The newest first."""
        async with self._writing:
            if self._urls is None:
                self._urls = await asyncio.to_thread(self._load)
            return self._urls

    async def add(self, url: str, method: str = "GET") -> None:
        """Remembers a URL, in place of its older self. What is no http(s) URL, or too long, is passed over.

        Raises FileTrouble when it cannot be kept; it is remembered until the end of the program all the same.
        """
        kept = VisitedUrl(url=without_secrets(url), method=method)
        if len(kept.url) > LONGEST or not _is_web(kept.url) or inert(kept.url) != kept.url:
            return
        known = await self.recent()
        async with self._writing:
            self._urls = (kept, *(each for each in known if each.url != kept.url))[:MOST]
            await asyncio.to_thread(self._save, self._urls)

    async def clear(self) -> None:
        """Forgets all. Raises FileTrouble."""
        async with self._writing:
            self._urls = ()
            await asyncio.to_thread(self._save, ())

    def _load(self) -> tuple[VisitedUrl, ...]:
        import msgspec

        from mpp_console.wallet.files import FileTrouble, read_limited

        try:
            rows = msgspec.json.decode(read_limited(self._path, _FILE_LIMIT), type=list[VisitedUrl])
        except (FileTrouble, msgspec.DecodeError):
            return ()
        sound = (row for row in rows if _is_web(row.url) and inert(row.url) == row.url and row.method.isalpha())
        return tuple(sound)[:MOST]

    def _save(self, urls: tuple[VisitedUrl, ...]) -> None:
        import msgspec

        from mpp_console.wallet.files import private_folder, write_private

        private_folder(self._path.parent)
        write_private(self._path, msgspec.json.encode(urls))


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
