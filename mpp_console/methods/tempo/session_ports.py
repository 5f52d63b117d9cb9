"""What the session payer needs from outside of the rail: a held lease, and a way to speak to the server beside the
paid request. The client gives both (`client.sessions`); a test gives its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mpp_console.protocol import Challenge, Credential, MppError, Problem, Receipt

from .client_channel import Lease, Scope

__all__ = ["Held", "Leases", "Management", "ManagementAnswer", "ManagementFailed"]


class ManagementFailed(MppError):
    """The server could not be asked, or the answer says nothing. `left`: our credential may have reached it."""

    default_code = "management-failed"

    def __init__(self, message: str, *, left: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.left = left


class Held(Protocol):
    """A lease that is renewed until it is released."""

    lease: Lease

    async def release(self) -> None:
        """Gives it back. Harmless to repeat."""
        ...


class Leases(Protocol):
    async def hold(self, scope: Scope) -> Held:
        """Waits until the scope is ours alone, in all processes. Raises ChannelBookError when that takes too long."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementAnswer:
    """What a server said to a management request. `challenges` are those of a 402."""

    status: int
    receipt: Receipt | None = None
    problem: Problem | None = None
    challenges: tuple[Challenge, ...] = ()

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class Management(Protocol):
    """Requests without content, at the resource that is paid for (session draft, "Voucher Submission Transport")."""

    async def probe(self, url: str, channel_id: str) -> Sequence[Challenge]:
        """Fresh challenges, by a HEAD request that names the channel. Raises ManagementFailed."""
        ...

    async def post(self, url: str, credential: Credential) -> ManagementAnswer:
        """Sends a credential with an empty POST. Follows no redirect. Raises ManagementFailed."""
        ...
