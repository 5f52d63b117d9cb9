"""The demo as an ASGI application: serve it with `EmbeddedServer` or any ASGI server, on loopback only."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp

from mpp_console.methods.base import Clock, Payee
from mpp_console.methods.tempo.networks import Network
from mpp_console.protocol import DISCOVERY_PATH, ChallengeBinder
from mpp_console.sandbox.demo.catalogue import DemoRoute, catalogue
from mpp_console.sandbox.demo.content import echoed, reading
from mpp_console.sandbox.demo.faults import WithoutReceipt
from mpp_console.server.asgi import PaymentMiddleware, discovery_endpoint, payment_of
from mpp_console.server.asgi_access import AccessTail, RequestAnswered
from mpp_console.server.events import GateEvent
from mpp_console.server.gate import DEFAULT_LIMITS, Gate, GateLimits
from mpp_console.server.routes import RouteTable
from mpp_console.server.stores.base import Store

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.payee import SponsorPolicy

__all__ = ["DemoApi", "DemoEvent"]

DemoEvent = GateEvent | RequestAnswered
"""What an operator sees: the gate's decisions, and each request with its answer."""

SLOW_SECONDS: Final = 3.0
"""Long enough to see a payment wait, short enough to sit through."""
TITLE: Final = "Demo paid API"
VERSION: Final = "1"
SUMMARY: Final = "Small weather readings for small payments."


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _unobserved(event: DemoEvent) -> None:
    return None


class DemoApi:
    """A paid API that charges to `recipient` on `network`, over `chain`.

    `binder` and `store` are the gate's; `sponsor` None leaves /sponsored out. `delay` is how /slow waits, `observe`
    gets every event. `payee` replaces the Tempo payee, for another rail or for tests. Raises ValueError for a
    recipient that cannot be paid.
    """

    def __init__(
        self,
        *,
        recipient: str,
        network: Network,
        chain: Chain | None,
        binder: ChallengeBinder,
        store: Store,
        sponsor: SponsorPolicy | None = None,
        realm: str = "127.0.0.1",
        clock: Clock = _utc_now,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        delay: Callable[[float], Awaitable[None]] = asyncio.sleep,
        limits: GateLimits = DEFAULT_LIMITS,
        observe: Callable[[DemoEvent], None] = _unobserved,
        payee: Payee | None = None,
    ) -> None:
        self.recipient = recipient
        self._clock = clock
        self._random_bytes = random_bytes
        self._delay = delay
        if payee is None:
            payee = _tempo_payee(recipient=recipient, network=network, chain=chain, clock=clock, sponsor=sponsor)
        self._entries = catalogue(payee, network, sponsored=sponsor is not None)
        self.table = RouteTable(entry.route for entry in self._entries)
        self.gate = Gate(
            realm=realm,
            binder=binder,
            store=store,
            clock=clock,
            random_bytes=random_bytes,
            limits=limits,
            observe=observe,
        )
        charged = PaymentMiddleware(self._application(), self.gate, self.table)
        lossy = WithoutReceipt(charged, {"/faults/no-receipt"})
        self.app: ASGIApp = AccessTail(lossy, observe=observe, clock=clock)

    def routes(self) -> tuple[DemoRoute, ...]:
        """Every route, faults included, in the order in which to show them."""
        return tuple(entry.told for entry in self._entries)

    def _application(self) -> Starlette:
        special = {"/free": self._price_list, "/echo": self._echo, "/slow": self._slow, "/faults/server-error": _fail}
        routes = [
            StarletteRoute(told.path, special.get(told.path, self._reading), methods=[told.method])
            for told in self.routes()
        ]
        document = discovery_endpoint(
            self.table,
            title=TITLE,
            version=VERSION,
            description=SUMMARY,
            categories=("data", "developer-tools"),
        )
        about = [StarletteRoute(DISCOVERY_PATH, document), StarletteRoute("/llms.txt", self._llms)]
        return Starlette(routes=[*routes, *about])

    async def _reading(self, request: Request) -> Response:
        station = request.query_params.get("station")
        return JSONResponse(reading(station, at=self._clock(), noise=self._random_bytes(16)) | _paid(request))

    async def _echo(self, request: Request) -> Response:
        body = await request.body()
        return JSONResponse(echoed(body, request.headers.get("content-type", "")) | _paid(request))

    async def _slow(self, request: Request) -> Response:
        await self._delay(SLOW_SECONDS)
        return await self._reading(request)

    async def _llms(self, request: Request) -> Response:
        routes = "".join(f"- {told.method} {told.path}: {told.note}\n" for told in self.routes() if told.fault is None)
        text = f"# {TITLE}\n\n> {SUMMARY}\n\nPrices: [OpenAPI discovery]({DISCOVERY_PATH})\n\n{routes}"
        return PlainTextResponse(text)

    async def _price_list(self, request: Request) -> Response:
        prices = [
            {"method": told.method, "path": told.path, "amount": str(told.amount), "note": told.note}
            for told in self.routes()
            if told.fault is None
        ]
        return JSONResponse({"currency": self._entries[0].told.currency.symbol, "routes": prices})


def _tempo_payee(
    *, recipient: str, network: Network, chain: Chain | None, clock: Clock, sponsor: SponsorPolicy | None
) -> Payee:
    from mpp_console.methods.tempo.payee import TempoChargePayee

    if chain is None:
        raise ValueError("The demo needs a chain to settle on, or a payee that brings its own.")
    return TempoChargePayee(
        chain=chain, network=network, recipient=recipient, token=network.default_token, clock=clock, sponsor=sponsor
    )


def _paid(request: Request) -> dict[str, dict[str, str]]:
    payment = payment_of(request.scope)
    if payment is None:
        return {}
    return {"paid": {"method": payment.receipt.method, "reference": payment.receipt.reference}}


async def _fail(request: Request) -> Response:
    return JSONResponse({"error": "This route fails on purpose, after it was paid."}, status_code=500)
