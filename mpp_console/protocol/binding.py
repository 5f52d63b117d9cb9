"""Challenge ids that prove themselves, so that a server need not remember what it asked.

An id is an HMAC over the challenge (core draft §"Recommended: HMAC-SHA256 Binding"). Its slots are joined by "|", and
yet no two valid challenges have the same input: only `realm` may hold that character, the other slots keep their
number and order, and none of `request`, `expires` and `digest` can be read as its neighbour. Pure.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .base64url import b64url_encode
from .canonical import encode_object
from .challenge import Challenge
from .errors import FormatError
from .headers import AUTHORIZATION
from .secret import Secret
from .timestamp import format_timestamp

__all__ = ["MIN_SECRET_BYTES", "ChallengeBinder", "compute_challenge_id"]

MIN_SECRET_BYTES: Final = 32
"""A secret shorter than the HMAC's output could be searched for offline, given one challenge."""


def compute_challenge_id(
    secret: bytes,
    *,
    realm: str,
    method: str,
    intent: str,
    request_b64: str,
    expires: str | None = None,
    digest: str | None = None,
    opaque_b64: str | None = None,
    header: str | None = None,
) -> str:
    """The id of a challenge with these wire texts, absent ones as empty slots.

    A `header` other than the default `Authorization` adds a slot before `opaque`, as the conformance vectors have it.
    Does not judge the secret; `ChallengeBinder` does.
    """
    slots = [realm, method, intent, request_b64, expires or "", digest or ""]
    if header and header.lower() != AUTHORIZATION.lower():
        slots.append(header)
    slots.append(opaque_b64 or "")
    return b64url_encode(hmac.digest(secret, "|".join(slots).encode("utf-8"), "sha256"))


class ChallengeBinder:
    """Issues challenges and recognises them again. The first secret issues; every secret verifies, so that a secret
    can be replaced while challenges under the old one are still alive.

    Raises FormatError (`weak-secret`) without a secret or for one shorter than 32 bytes.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Sequence[Secret[bytes]]) -> None:
        self._secrets = tuple(secrets)
        if not self._secrets or any(len(secret.reveal()) < MIN_SECRET_BYTES for secret in self._secrets):
            raise FormatError(
                f"a challenge secret has at least {MIN_SECRET_BYTES} bytes",
                code="weak-secret",
                hint=f"generate {MIN_SECRET_BYTES} random bytes and keep them on the server",
            )

    def issue(
        self,
        *,
        realm: str,
        method: str,
        intent: str,
        request: Mapping[str, Any],
        description: str | None = None,
        digest: str | None = None,
        expires: datetime | str | None = None,
        opaque: Mapping[str, str] | None = None,
        header: str | None = None,
    ) -> Challenge:
        """A challenge bound to its own fields (`description` is not bound). Raises FormatError."""
        request_b64 = encode_object(request)
        opaque_b64 = None if opaque is None else encode_object(opaque)
        moment = format_timestamp(expires) if isinstance(expires, datetime) else expires
        return Challenge(
            id=compute_challenge_id(
                self._secrets[0].reveal(),
                realm=realm,
                method=method,
                intent=intent,
                request_b64=request_b64,
                expires=moment,
                digest=digest,
                opaque_b64=opaque_b64,
                header=header,
            ),
            realm=realm,
            method=method,
            intent=intent,
            request_b64=request_b64,
            description=description or None,
            digest=digest,
            expires=moment,
            opaque_b64=opaque_b64,
            header=header,
        )

    def verify(self, challenge: Challenge) -> bool:
        """Whether one of the secrets issued this very challenge. Takes the same time whichever it was."""
        presented = challenge.id.encode("utf-8")
        found = False
        for secret in self._secrets:
            found |= hmac.compare_digest(self._id(secret, challenge).encode("ascii"), presented)
        return found

    def _id(self, secret: Secret[bytes], challenge: Challenge) -> str:
        return compute_challenge_id(
            secret.reveal(),
            realm=challenge.realm,
            method=challenge.method,
            intent=challenge.intent,
            request_b64=challenge.request_b64,
            expires=challenge.expires,
            digest=challenge.digest,
            opaque_b64=challenge.opaque_b64,
            header=challenge.header,
        )
