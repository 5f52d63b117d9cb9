"""Keeps what a server sent as a file of its owner's: a name that was typed, a file that was not there."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from mpp_console.services.errors import UsageError

__all__ = ["body_name", "save_body"]

_ENDINGS = {
    "application/json": ".json",
    "application/problem+json": ".json",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/event-stream": ".sse",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "application/pdf": ".pdf",
}
_NAME_LIMIT = 60


def body_name(url: str, media_type: str) -> str:
    """A file name to suggest: the last part of the URL's path, in characters that no shell and no screen minds."""
    try:
        last = PurePosixPath(unquote(urlsplit(url).path)).name
    except ValueError:
        last = ""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in last).strip(".-")
    name = plain[:_NAME_LIMIT] or "answer"
    return name if "." in name else name + _ENDINGS.get(media_type, "")


async def save_body(where: str, body: bytes) -> Path:
    """Writes the bytes as they came, readable by their owner only, and gives the path.

    Raises UsageError for no name, FileExists when something is there already (it is never replaced), FileTrouble when
    it cannot be written.
    """
    text = where.strip()
    if not text or "\0" in text:
        raise UsageError("type the name of a file")
    return await asyncio.to_thread(_write, text, body)


def _write(text: str, body: bytes) -> Path:
    from mpp_console.wallet.files import write_private

    path = Path(text).expanduser().absolute()
    write_private(path, body, replace=False)
    return path
