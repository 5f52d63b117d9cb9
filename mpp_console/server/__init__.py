"""Charging: a gate that any web framework can put in front of a resource, and what belongs to it.

`Gate` decides, `Offer` says what a route costs, `Route` and `RouteTable` collect them, `stores` remember. The ASGI
pieces are in `mpp_console.server.asgi`, which is the only part that needs Starlette.
"""

from __future__ import annotations

from mpp_console.server.answers import Admitted, Challenged, Replayed, Verdict
from mpp_console.server.events import (
    AnswerReplayed,
    ChallengeIssued,
    DeliveryFailed,
    GateEvent,
    OfferedFacts,
    PaymentRejected,
    PaymentVerified,
    RateLimited,
)
from mpp_console.server.gate import Gate, GateLimits
from mpp_console.server.offers import Offer
from mpp_console.server.rates import Bucket, RateLimits
from mpp_console.server.requests import GateRequest
from mpp_console.server.routes import Route, RouteTable
from mpp_console.server.stores import MemoryStore, Store, StoreError

__all__ = [
    "Admitted",
    "AnswerReplayed",
    "Bucket",
    "ChallengeIssued",
    "Challenged",
    "DeliveryFailed",
    "Gate",
    "GateEvent",
    "GateLimits",
    "GateRequest",
    "MemoryStore",
    "Offer",
    "OfferedFacts",
    "PaymentRejected",
    "PaymentVerified",
    "RateLimited",
    "RateLimits",
    "Replayed",
    "Route",
    "RouteTable",
    "Store",
    "StoreError",
    "Verdict",
]
