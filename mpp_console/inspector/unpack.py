"""Unpacks the body of an answer up to a limit: a few bytes may be packed from gigabytes, and more so when packed twice.
Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

__all__ = ["CODINGS", "unpack"]

CODINGS: Final = "gzip, deflate"
"""What is asked for, and can be unpacked."""
_MOST_CODINGS: Final = 4
_GZIP: Final = zlib.MAX_WBITS | 16


def unpack(content: bytes, codings: Sequence[str], *, limit: int) -> tuple[bytes, bool]:
    """The body as it was before `codings` (in the order in which they were applied), and whether that is all of it.

    Never makes more than `limit` bytes at any step. A coding that is not known leaves the bytes as they are; one that
    breaks off, or is not what it says, gives what came of it. Never raises.
    """
    whole = True
    for coding in reversed(codings[-_MOST_CODINGS:]):
        match coding.strip().lower():
            case "" | "identity":
                continue
            case "gzip" | "x-gzip":
                content, ended = _inflate(content, _GZIP, limit)
            case "deflate":
                content, ended = _deflated(content, limit)
            case _:
                return content[:limit], False
        whole = whole and ended
    return content[:limit], whole and len(content) <= limit and len(codings) <= _MOST_CODINGS


def _deflated(content: bytes, limit: int) -> tuple[bytes, bool]:
    """With the wrapper that the coding has, else without it: some servers send the bare stream."""
    found, ended = _inflate(content, zlib.MAX_WBITS, limit)
    return (found, ended) if found or ended else _inflate(content, -zlib.MAX_WBITS, limit)


def _inflate(content: bytes, window: int, limit: int) -> tuple[bytes, bool]:
    made = bytearray()
    left = content
    try:
        while left and len(made) <= limit:
            # A file of several members is one body (RFC 1952 section 2.2).
            inflater = zlib.decompressobj(window)
            made += inflater.decompress(left, limit + 1 - len(made))
            if not inflater.eof:
                return bytes(made), False
            left = inflater.unused_data
    except zlib.error:
        return bytes(made), False
    return bytes(made), not left
