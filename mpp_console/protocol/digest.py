"""Digests of a request body (RFC 9530), with which a challenge binds itself to what was sent.

Writes the form of the RFC, `sha-256=:<base64>:`; reads that and the form without colons that mppx writes.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from typing import Final

__all__ = ["content_digest", "digest_matches"]

_ALGORITHMS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""RFC 9530 §5: the two algorithms that are active; the others are deprecated and count as unknown."""

# RFC 9530 §2: Content-Digest is a dictionary structured field (RFC 8941 §3.2) whose values are byte sequences:
#   sf-binary = ":" *(base64) ":"        key = ( lcalpha / "*" ) *( lcalpha / DIGIT / "_" / "-" / "." / "*" )
# The colons are optional here, for mppx. A member ends at a comma or at the end.
_MEMBER = re.compile(r"[ \t]*+([a-z*][a-z0-9_.*-]*+)=(:?)([A-Za-z0-9+/]*+=*+)\2[ \t]*+(?:,|\Z)")


def content_digest(body: bytes) -> str:
    """The `digest` of a challenge for `body`: `sha-256=:…:`."""
    return f"sha-256=:{binascii.b2a_base64(hashlib.sha256(body).digest(), newline=False).decode('ascii')}:"


def digest_matches(header: str, body: bytes) -> bool:
    """Whether `header` holds a digest of `body`.

    Compared on decoded bytes. True needs one algorithm that we know, and every one that we know must match; a malformed
    header never matches.
    """
    known = 0
    position = 0
    while position < len(header):
        member = _MEMBER.match(header, position)
        if member is None:
            return False
        position = member.end()
        algorithm = _ALGORITHMS.get(member[1])
        if algorithm is None:
            continue
        try:
            expected = binascii.a2b_base64(member[3].encode("ascii") + b"=" * (-len(member[3]) % 4), strict_mode=True)
        except binascii.Error:
            return False
        if not hmac.compare_digest(expected, algorithm(body).digest()):
            return False
        known += 1
    return known > 0
