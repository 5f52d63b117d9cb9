"""Ties a challenge to the request that it was issued for.

A challenge id is an HMAC over the challenge's own parameters only. Without more, a credential bought for one route
would open every route of the same price. So the route and the query go into `opaque` and the body into `digest`, both
of which the id covers; a random nonce in `opaque` makes any two challenges different. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from mpp_console.protocol import b64url_encode, content_digest, digest_matches
from mpp_console.server.requests import GateRequest

__all__ = ["NONCE_BYTES", "body_digest", "body_matches", "method_of", "opaque_for", "place_matches", "scope_matches"]

NONCE_BYTES = 16
"""Enough that two of them never meet."""
PATH_LIMIT = 128
"""Characters of a path that are written out, for people who decode a challenge; a longer one is replaced by its
digest."""

_NONCE = "nonce"


def opaque_for(request: GateRequest, nonce: bytes) -> dict[str, str]:
    """The `opaque` of a new challenge: a flat map of strings, as the core spec demands."""
    return {**_scope(request), _NONCE: b64url_encode(nonce)}


def scope_matches(opaque: Mapping[str, str] | None, request: GateRequest) -> bool:
    """Whether a challenge with this `opaque` was issued for a request like this one. Only the nonce may differ."""
    if opaque is None or _NONCE not in opaque:
        return False
    return {key: value for key, value in opaque.items() if key != _NONCE} == _scope(request)


def place_matches(opaque: Mapping[str, str] | None, request: GateRequest) -> bool:
    """As `scope_matches`, by whatever HTTP method: for requests that only bring a voucher to a resource."""
    asked = method_of(opaque)
    return asked is not None and scope_matches(opaque, replace(request, method=asked))


def method_of(opaque: Mapping[str, str] | None) -> str | None:
    """The HTTP method of the request that a challenge with this `opaque` was issued for."""
    route = (opaque or {}).get("route", "")
    method, space, _ = route.partition(" ")
    return method if method and space else None


def body_digest(request: GateRequest) -> str | None:
    """The `digest` of a challenge: of the body when there is one, else None."""
    return content_digest(request.body) if request.body else None


def body_matches(digest: str | None, request: GateRequest) -> bool:
    """Whether the body is the one that the challenge was issued for. No digest means that there was no body."""
    if digest is None:
        return not request.body
    return bool(request.body) and digest_matches(digest, request.body)


def _scope(request: GateRequest) -> dict[str, str]:
    path = request.path if len(request.path) <= PATH_LIMIT else f"sha256:{_sha256(request.path)}"
    scope = {"route": f"{request.method} {path}"}
    if request.query:
        scope["query"] = f"sha256:{_sha256(request.query)}"
    return scope


def _sha256(text: str) -> str:
    return b64url_encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
