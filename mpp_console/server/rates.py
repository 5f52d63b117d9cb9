"""Token buckets for each client: how many challenges it may ask for and how many credentials it may get wrong.

The core spec asks for both limits ("Denial of Service"). Buckets live in memory: a limit that is a little too
generous after a restart costs nothing, while a shared table would make every unpaid request a write.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Bucket", "RateLimits", "Rates"]

MAX_CLIENTS = 10_000
"""Clients remembered; the one unseen for longest goes first, so that a flood of addresses cannot eat the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`burst` at once, then `per_second` more for each second that passes."""

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_second <= 0:
            raise ValueError("A bucket needs a burst of at least 1 and a positive rate.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What one client may do. The defaults stop a loop gone wild and leave a busy paying client alone.

    `management` is for each channel that a client brings vouchers to, beside the content that they pay for (tempo
    session draft, "Denial of Service"): a stream may ask for one with every piece, so that it is no small number.
    """

    challenges: Bucket = field(default_factory=lambda: Bucket(burst=600, per_second=20.0))
    failures: Bucket = field(default_factory=lambda: Bucket(burst=120, per_second=2.0))
    management: Bucket = field(default_factory=lambda: Bucket(burst=1_000, per_second=200.0))


@dataclass(slots=True)
class _Level:
    tokens: float
    at: datetime


class Rates:
    """One kind of bucket for many clients."""

    def __init__(self, bucket: Bucket, *, max_clients: int = MAX_CLIENTS) -> None:
        self._bucket = bucket
        self._max_clients = max_clients
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def wait(self, client: str, now: datetime) -> int:
        """Whole seconds until the client has a token again; 0 when it has one now. Takes nothing."""
        level = self._level(client, now)
        if level.tokens >= 1:
            return 0
        return max(1, math.ceil((1 - level.tokens) / self._bucket.per_second))

    def take(self, client: str, now: datetime) -> int:
        """Takes a token and returns 0, or takes nothing and returns the seconds to wait."""
        wait = self.wait(client, now)
        if wait == 0:
            self._level(client, now).tokens -= 1
        return wait

    def _level(self, client: str, now: datetime) -> _Level:
        key = client_key(client)
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = _Level(float(self._bucket.burst), now)
            if len(self._levels) > self._max_clients:
                self._levels.popitem(last=False)
            return level
        self._levels.move_to_end(key)
        passed = (now - level.at).total_seconds()
        # A clock that steps back must not take tokens away.
        if passed > 0:
            level.tokens = min(float(self._bucket.burst), level.tokens + passed * self._bucket.per_second)
            level.at = now
        return level


def client_key(client: str) -> str:
    """The address that counts as one client: an IPv6 subscriber owns a whole /64, so its addresses share one bucket."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address.ipv4_mapped) if isinstance(address, ipaddress.IPv6Address) else str(address)
