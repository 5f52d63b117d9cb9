"""Answers kept for retries: the same `Idempotency-Key` with the same credential gets the first answer again.

Core spec, "Idempotency and Side Effects". A client whose connection broke has paid and has nothing; without this it
could only pay again. An answer belongs to the credential that paid for it, so that knowing somebody's key is not
enough to read it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from mpp_console.protocol import IDEMPOTENCY_KEY, Credential, canonical_json
from mpp_console.server.fields import Fields, without
from mpp_console.server.refusals import BadIdempotencyKey, KeyInUse, KeyReused
from mpp_console.server.requests import GateRequest
from mpp_console.server.stores.base import Store

__all__ = ["KeptAnswer", "KeptAnswers", "Ticket", "key_of"]

KEY_LIMIT: Final = 255
"""Characters of a key; the common limit of services that take the header."""
HOP_BY_HOP: Final = (
    "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Date", "Server",
)  # fmt: skip


class _Answer(msgspec.Struct, frozen=True):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Record(msgspec.Struct, frozen=True):
    credential: str
    request: str
    answer: _Answer | None = None
    lost: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A place reserved for an answer: digests only."""

    key: str
    credential: str = field(repr=False)
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    status: int
    headers: Fields
    body: bytes


class KeptAnswers:
    """Keeps answers in a store for `ttl`, bodies up to `max_body` bytes."""

    def __init__(self, store: Store, *, ttl: timedelta, max_body: int) -> None:
        self._store = store
        self._ttl = ttl
        self.max_body = max_body

    def ticket(self, request: GateRequest, credential: Credential) -> Ticket | None:
        """The place for this request's answer; None without a key. Raises BadIdempotencyKey."""
        key = key_of(request)
        if key is None:
            return None
        # The payer is part of the name, so that two clients that both count from 1 do not collide.
        name = _digest(key.encode("utf-8", "replace"), (credential.source or "").encode("utf-8", "replace"))
        return Ticket(
            key=f"answer:{name}",
            credential=_digest(
                canonical_json(
                    {
                        "challenge": credential.challenge.to_echo(),
                        "payload": credential.payload,
                        "source": credential.source,
                    }
                )
            ),
            request=_digest(
                request.method.encode("utf-8", "replace"),
                request.path.encode("utf-8", "replace"),
                request.query.encode("utf-8", "replace"),
                request.body,
            ),
        )

    async def recall(self, ticket: Ticket) -> KeptAnswer | None:
        """The answer of the first time, for the same credential and request.

        None when this credential has none yet. Raises KeyReused when it paid for another request, KeyInUse while the
        first is still being answered or when its answer was not kept.
        """
        record = await self._read(ticket.key)
        if record is None or not hmac.compare_digest(record.credential, ticket.credential):
            return None
        if record.request != ticket.request:
            raise KeyReused
        if record.answer is None:
            raise KeyInUse(lost=record.lost)
        return KeptAnswer(status=record.answer.status, headers=tuple(record.answer.headers), body=record.answer.body)

    async def reserve(self, ticket: Ticket) -> None:
        """Takes the key before anything is charged. Raises KeyReused or KeyInUse when another credential holds it."""
        record = _Record(credential=ticket.credential, request=ticket.request)
        if await self._store.add(ticket.key, _encode(record), self._ttl):
            return
        held = await self._read(ticket.key)
        if held is not None and held.request != ticket.request:
            raise KeyReused
        raise KeyInUse(lost=False)

    async def free(self, ticket: Ticket) -> None:
        """Gives the key back: the credential was refused, so there is no answer to keep."""
        await self._store.delete(ticket.key)

    async def keep(self, ticket: Ticket, *, status: int, headers: Fields, body: bytes | None) -> None:
        """Keeps the answer as it left. `body` None: it was a stream or too large, and can only be said to be lost."""
        answer = None
        if body is not None and len(body) <= self.max_body:
            answer = _Answer(status=status, headers=without(headers, *HOP_BY_HOP), body=body)
        record = _Record(credential=ticket.credential, request=ticket.request, answer=answer, lost=answer is None)
        await self._store.put(ticket.key, _encode(record), self._ttl)

    async def _read(self, key: str) -> _Record | None:
        raw = await self._store.get(key)
        if raw is None:
            return None
        try:
            return _decode(raw)
        except msgspec.MsgspecError:
            # Written by another version. The claim on the challenge still stops a second delivery.
            return None


def key_of(request: GateRequest) -> str | None:
    """The request's `Idempotency-Key`. Raises BadIdempotencyKey for several, an empty or an overlong one."""
    values: Sequence[str] = request.values(IDEMPOTENCY_KEY)
    if not values:
        return None
    if len(values) > 1 or not 1 <= len(values[0].strip()) <= KEY_LIMIT:
        raise BadIdempotencyKey
    return values[0].strip()


def _digest(*parts: bytes) -> str:
    """One digest of several parts; lengths are hashed too, so that no two lists run together."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()
