"""What a route charges: one offer for each way to pay, and the limits that keep a challenge small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from mpp_console.methods.base import Payee
from mpp_console.protocol import AUTHORIZATION, encode_object, inert

__all__ = ["DEFAULT_EXPIRY", "Offer"]

DEFAULT_EXPIRY: Final = timedelta(minutes=5)
"""How long a challenge may be paid; what every current server uses, and longer than any rail needs to confirm."""
DESCRIPTION_LIMIT: Final = 200
"""Characters of a description that are sent. A challenge must stay under 4 KB, which is all a client has to be able
to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to pay for a route: `amount` base units to `payee`, on the rail's own terms in `options`.

    `expires_in` is the life of each challenge. `credential_header` is `Payment-Authorization` where the route needs
    `Authorization` for its own logins. `request` and `request_b64` are what the rail makes of it, once and for all,
    so that a credential can be compared with what the route asks for now.

    Raises ValueError when the rail cannot offer this (its own message says why).
    """

    payee: Payee
    amount: int
    description: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    expires_in: timedelta = DEFAULT_EXPIRY
    credential_header: str = AUTHORIZATION
    request: Mapping[str, Any] = field(init=False, repr=False)
    request_b64: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        request = self.payee.offer(amount=self.amount, options=self.options)
        object.__setattr__(self, "request", request)
        object.__setattr__(self, "request_b64", encode_object(request))
        if self.description is not None:
            object.__setattr__(self, "description", inert(self.description, limit=DESCRIPTION_LIMIT))

    @property
    def method(self) -> str:
        return self.payee.method

    @property
    def intent(self) -> str:
        return self.payee.intent

    @property
    def currency_id(self) -> str | None:
        """The currency as the rail names it on the wire, None for a rail whose request has none."""
        value = self.request.get("currency")
        return value if isinstance(value, str) else None

    @property
    def recipient(self) -> str | None:
        value = self.request.get("recipient")
        return value if isinstance(value, str) else None
