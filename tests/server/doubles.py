"""Stand-ins for what a gate is given: a clock that is turned by hand, a rail that settles at once, and a client."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mpp_console.methods.base import ClaimStore
from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    Credential,
    InvalidPayload,
    Receipt,
    Secret,
    parse_challenges,
)
from mpp_console.server import Challenged, Gate, GateLimits, GateRequest, MemoryStore, Offer, Store
from mpp_console.server.events import GateEvent
from mpp_console.server.fields import values_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REALM = "api.example.com"
SECRET = Secret(b"s" * 32)


class HandClock:
    """Time that stands still until somebody moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


def counted_bytes() -> Callable[[int], bytes]:
    """Bytes that differ at every call and are the same in every run."""
    numbers = itertools.count()
    return lambda size: hashlib.sha256(str(next(numbers)).encode()).digest()[:size].ljust(size, b"\0")


@dataclass
class TestPayee:
    """A rail whose proof is the word "paid". `seen` counts verifications, `fail` is raised instead of a receipt."""

    __test__ = False

    method: str = "tempo"
    intent: str = "charge"
    currency: str = "usd"
    fail: BaseException | None = None
    hold: asyncio.Event | None = None
    seen: list[str] = field(default_factory=list)

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        if amount < 0:
            raise ValueError("an amount is not negative")
        return {"amount": str(amount), "currency": self.currency, "recipient": "merchant", **(options or {})}

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        self.seen.append(credential.challenge.id)
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        if credential.payload.get("proof") != "paid":
            raise InvalidPayload("the proof is not the word")
        return Receipt(
            method=self.method,
            reference=f"ref-{credential.challenge.id[:8]}",
            timestamp=now.isoformat().replace("+00:00", "Z"),
        )


@dataclass
class World:
    """A gate with everything around it."""

    clock: HandClock
    store: Store
    payee: TestPayee
    gate: Gate
    events: list[GateEvent]

    def offer(self, amount: int = 100, **changes: Any) -> Offer:
        return Offer(payee=changes.pop("payee", self.payee), amount=amount, **changes)

    async def challenge(self, request: GateRequest, *offers: Offer) -> Challenge:
        """What an unpaid request is asked for first."""
        answer = await self.gate.check(request, offers or (self.offer(),))
        assert isinstance(answer, Challenged)
        return challenges_in(answer)[0]


def world(
    *, store: Store | None = None, limits: GateLimits | None = None, binder: ChallengeBinder | None = None
) -> World:
    clock = HandClock()
    events: list[GateEvent] = []
    kept = store or MemoryStore(clock=clock)
    gate = Gate(
        realm=REALM,
        binder=binder or ChallengeBinder([SECRET]),
        store=kept,
        clock=clock,
        random_bytes=counted_bytes(),
        limits=limits or GateLimits(rates=None),
        observe=events.append,
    )
    return World(clock=clock, store=kept, payee=TestPayee(), gate=gate, events=events)


def get(path: str = "/thing", *headers: tuple[str, str], method: str = "GET", **fields: Any) -> GateRequest:
    return GateRequest(method=method, path=path, headers=headers, client="192.0.2.1", **fields)


def challenges_in(answer: Challenged) -> tuple[Challenge, ...]:
    return parse_challenges([value for name, value in answer.headers if name == "WWW-Authenticate"])


def credential_for(challenge: Challenge, proof: str = "paid", source: str | None = None) -> Credential:
    return Credential(challenge=challenge, payload={"proof": proof}, source=source)


def paying(
    request: GateRequest, challenge: Challenge, proof: str = "paid", *, field_name: str = "Authorization"
) -> GateRequest:
    """The same request with a credential for the challenge."""
    value = credential_for(challenge, proof).to_header().reveal()
    return replace(request, headers=(*request.headers, (field_name, value)))


def slug(answer: object) -> str | None:
    """The kind of problem that a refusal names."""
    assert isinstance(answer, Challenged)
    return answer.problem.slug


def values(answer: Any, name: str) -> list[str]:
    return values_of(answer.headers, name)
