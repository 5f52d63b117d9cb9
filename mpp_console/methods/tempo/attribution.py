"""The memo that ties a transfer to one challenge: tag, version, server, client and challenge fingerprints in 32 bytes.

Without it the hash of anybody's transfer of the right amount could be presented as payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mpp_console.methods.tempo.keys import keccak
from mpp_console.protocol import ParseError

__all__ = ["MEMO_LENGTH", "Attribution", "decode_memo", "encode_memo", "matches"]

MEMO_LENGTH: Final = 32
TAG: Final = bytes.fromhex("ef1ed712")
"""First bytes of keccak256("mpp"), computed once and written down."""
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """An attribution memo taken apart. `client` is None for an anonymous client. All three are truncated hashes."""

    server: bytes
    client: bytes | None
    nonce: bytes


def encode_memo(*, realm: str, challenge_id: str, client_id: str | None = None) -> bytes:
    """The 32-byte memo for paying `challenge_id` of `realm`."""
    client = _fingerprint(client_id) if client_id else bytes(10)
    return TAG + bytes((VERSION,)) + _fingerprint(realm) + client + keccak(challenge_id.encode())[:7]


def decode_memo(memo: bytes) -> Attribution:
    """Takes a memo apart. Raises ParseError when it is not an attribution memo of the version we know."""
    if len(memo) != MEMO_LENGTH or memo[:4] != TAG or memo[4] != VERSION:
        raise ParseError("the memo is not an attribution memo", code="foreign-memo")
    client = memo[15:25]
    return Attribution(server=memo[5:15], client=client if any(client) else None, nonce=memo[25:])


def matches(memo: bytes | None, realm: str, challenge_id: str) -> bool:
    """Whether the memo binds a transfer to this challenge of this realm, whoever the client says it is."""
    if memo is None:
        return False
    expected = encode_memo(realm=realm, challenge_id=challenge_id)
    return len(memo) == MEMO_LENGTH and memo[:15] == expected[:15] and memo[25:] == expected[25:]


@lru_cache(maxsize=1024)
def _fingerprint(name: str) -> bytes:
    return keccak(name.encode())[:10]
