"""What the front ends see of the local server: its routes, its counts, one request in full, and what can be changed.

Plain frozen values; see `models`, which gives the most used of them out. Nothing heavy may be imported here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from mpp_console.protocol import Currency
from mpp_console.services.payment_models import ErrorView, LegTiming, Money, ProblemView
from mpp_console.services.receipt_models import RequestRow
from mpp_console.services.session_models import PayeeChannels

__all__ = [
    "ALL_FAULTS",
    "FAULTS",
    "FREE",
    "METHODS",
    "SESSION_FAULTS",
    "FaultInfo",
    "MinuteView",
    "RequestDetail",
    "RouteDraft",
    "RouteOutcome",
    "RouteTrouble",
    "RouteView",
    "ServerStats",
    "ServerView",
    "faults_for",
]

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
FREE: Final = "free"
"""The price of a route that asks for nothing; "0" asks for a proof of the account."""

_PARAMETER = re.compile(r"\{([^}:]*)(?::path)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInfo:
    """A fault that can be switched on: its name, and what a client then meets. `intent` empty: for any route."""

    name: str
    text: str
    intent: str = ""


FAULTS: Final = (
    FaultInfo(name="expired", text="the challenge is over when it is issued"),
    FaultInfo(name="wrong-amount", text="more is wanted than was offered; refused, no money moves"),
    FaultInfo(name="bad-recipient", text="the recipient's checksum is broken"),
    FaultInfo(name="replay", text="every credential is refused as used before; no money moves"),
    FaultInfo(name="slow", text="answers 3 s late, after the payment"),
    FaultInfo(name="server-error", text="takes the payment, then answers 500"),
    FaultInfo(name="no-receipt", text="answers without a receipt"),
    FaultInfo(name="lost", text="takes the payment, then the connection breaks"),
)
SESSION_FAULTS: Final = (
    FaultInfo(name="lost-state", text="knows no channel from before any more (410)", intent="session"),
    FaultInfo(name="lying-410", text="says of open channels that they are closed (410)", intent="session"),
    FaultInfo(name="refused-close", text="does not close channels (500)", intent="session"),
    FaultInfo(name="stalled-stream", text="a stream stops half way and says nothing more", intent="session"),
    FaultInfo(name="voucher-loop", text="a stream asks for vouchers and gives nothing", intent="session"),
    FaultInfo(name="high-receipt", text="receipts tell of vouchers that were never signed", intent="session"),
)
ALL_FAULTS: Final = FAULTS + SESSION_FAULTS


def faults_for(route: RouteView | None) -> tuple[FaultInfo, ...]:
    """The faults that make sense for a route; for every route (None) those that any has."""
    return ALL_FAULTS if route is not None and route.intent == "session" else FAULTS


class RouteDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A route of one's own, as it is typed and kept. Nothing in it is checked yet; see `ServerService.check_route`.

    `price` is decimal text in units of `currency` (a symbol or token address; empty is the network's default), or
    `free`. `expires_in` is in seconds. `mode` says who broadcasts: `pull` the server, `push` the client. `sponsored`
    routes pay the network fee for the client.
    """

    method: str = "GET"
    path: str = ""
    price: str = "0.01"
    currency: str = ""
    description: str = ""
    status: int = 200
    content_type: str = "application/json"
    body: str = '{"ok": true}'
    expires_in: int = 300
    mode: Literal["any", "pull", "push"] = "any"
    sponsored: bool = False

    @property
    def key(self) -> str:
        """What a route is known by: `GET /weather`."""
        return f"{self.method} {self.path}"

    @property
    def text(self) -> str:
        """The route as `serve --route` takes it."""
        unit = f" {self.currency}" if self.currency and self.price != FREE else ""
        return f"{self.key}={self.price}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTrouble:
    """What is wrong with one field of a draft, and what would be right. An empty `field` is about the whole."""

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """One route of the local server. `amount` is the price in base units; `hits` and `revenue` count since the server
    started.

    `fault` is what a route of the demo is made for; `faults` is what is switched on for this one or for all, `switched`
    for this one alone.
    """

    method: str
    path: str
    rail: str
    intent: str
    amount: int
    currency: Currency
    note: str
    fault: str | None = None
    hits: int = 0
    revenue: int = 0
    own: bool = False
    faults: tuple[str, ...] = ()
    switched: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def sample(self) -> str:
        """A path that the route answers: `/weather/{city}` as `/weather/city`."""
        return _PARAMETER.sub(r"\1", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteView:
    """What happened in one minute. `earned` is in whole units over all currencies: for proportions, not for sums.
    `slowest` is in milliseconds.
    """

    requests: int = 0
    delivered: int = 0
    failed: int = 0
    earned: float = 0.0
    slowest: float = 0.0

    @property
    def success(self) -> float | None:
        """The part that was delivered of what was delivered or failed; None when there was neither."""
        decided = self.delivered + self.failed
        return self.delivered / decided if decided else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """The last thirty minutes, one value a minute, oldest first. `success` is over all of them, from 0 to 1.

    `per_second` is over the last ten seconds; `p50` and `p95` (milliseconds) over the latest five hundred answers.
    """

    minutes: tuple[MinuteView, ...] = ()
    success: float | None = None
    per_second: float = 0.0
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """The local paid server. `url` and `rpc_url` are None while it does not run; `unavailable` says why it cannot.

    While it does not run, `routes` are the ones of one's own. `faults` is what is switched on for every route. `port`
    is the one that was chosen for the next start; 0 takes any free one. `channels` are those that others opened to it.
    """

    running: bool
    url: str | None
    rpc_url: str | None
    chain_id: int | None
    recipient: str | None
    routes: tuple[RouteView, ...]
    requests: int
    revenue: tuple[Money, ...]
    started_at: datetime | None = None
    unavailable: str | None = None
    stats: ServerStats = ServerStats()
    faults: tuple[str, ...] = ()
    port: int = 0
    channels: PayeeChannels = field(default_factory=PayeeChannels)

    @property
    def faulty(self) -> int:
        """How many routes have a fault switched on."""
        return sum(1 for route in self.routes if route.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOutcome:
    """What happened when `test_all` called one route. `ok` compares with what that route is meant to do
    (`expected`).
    """

    route: RouteView
    ok: bool
    expected: str
    outcome: str
    status: int | None
    milliseconds: float
    receipt_id: str | None
    error: ErrorView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDetail:
    """One request of the local server in full, inert and with its secrets masked.

    `kept` is False when only the row is left: heads and bodies are held in memory, for the latest two hundred.
    Bodies are cut at 16 KB; the sizes are those on the wire. `query` has the values of secret names masked.
    """

    row: RequestRow
    kept: bool = False
    query: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body: str = ""
    request_size: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer_body: str = ""
    answer_size: int = 0
    challenges: tuple[Mapping[str, Any], ...] = ()
    credential: Mapping[str, Any] | None = None
    receipt: Mapping[str, Any] | None = None
    problem: ProblemView | None = None
    timings: tuple[LegTiming, ...] = ()
