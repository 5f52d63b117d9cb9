"""The demo as an ASGI application: serve it with `EmbeddedServer` or any ASGI server, on loopback only.

Routes and faults may change while it is served: every change makes a new application, and a request stays in the one
that it began in.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.routing import WebSocketRoute, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from mpp_console.methods.base import Clock, Payee
from mpp_console.methods.tempo.networks import Network
from mpp_console.protocol import DISCOVERY_PATH, ChallengeBinder
from mpp_console.sandbox.demo.catalogue import DemoRoute, Entry, catalogue
from mpp_console.sandbox.demo.content import echoed, reading
from mpp_console.sandbox.demo.faults import SLOW_SECONDS, Fault, LostAnswer, WithoutReceipt, delivery, spoiled
from mpp_console.sandbox.demo.own import OwnRoute, fixed_answer, own_entries
from mpp_console.sandbox.demo.recording import Exchange, ExchangeRecorder, HandlerTimes
from mpp_console.sandbox.demo.sessions import SOCKET_PATH, session_entries, session_facts, token_socket, token_stream
from mpp_console.sandbox.demo.stream import event_stream
from mpp_console.server.asgi import PaymentMiddleware, discovery_endpoint, payment_of
from mpp_console.server.asgi_access import AccessTail, RequestAnswered
from mpp_console.server.events import GateEvent
from mpp_console.server.gate import DEFAULT_LIMITS, Gate, GateLimits
from mpp_console.server.routes import Route, RouteTable
from mpp_console.server.stores.base import Store

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.payee import SponsorPolicy

__all__ = ["DemoApi", "DemoEvent"]

DemoEvent = GateEvent | RequestAnswered | Exchange
"""What an operator sees, in this order: the gate's decisions, what was said, and each request with its answer."""

TITLE: Final = "Demo paid API"
VERSION: Final = "1"
SUMMARY: Final = "Small weather readings for small payments."


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _unobserved(event: DemoEvent) -> None:
    return None


class DemoApi:
    """A paid API that charges to `recipient` on `network`, over `chain`.

    `binder` and `store` are the gate's; `sponsor` None leaves /sponsored out. `delay` is how /slow waits, `counter`
    measures (seconds), `observe` gets every event. `payee` replaces the Tempo payee, for another rail or for tests;
    `sessions` charges over channels, and None leaves /session out. Raises ValueError for a recipient that cannot be
    paid.
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
        counter: Callable[[], float] = time.perf_counter,
        limits: GateLimits = DEFAULT_LIMITS,
        observe: Callable[[DemoEvent], None] = _unobserved,
        payee: Payee | None = None,
        sessions: Payee | None = None,
    ) -> None:
        self.recipient = recipient
        self._clock = clock
        self._random_bytes = random_bytes
        self._delay = delay
        if payee is None:
            payee = _tempo_payee(recipient=recipient, network=network, chain=chain, clock=clock, sponsor=sponsor)
        self._counter = counter
        self._observe = observe
        self._payee = payee
        self._network = network
        self._built_in = catalogue(payee, network, sponsored=sponsor is not None)
        if sessions is not None:
            self._built_in += session_entries(sessions, network, sponsored=sponsor is not None)
        self._own: tuple[OwnRoute, ...] = ()
        self._everywhere: frozenset[Fault] = frozenset()
        self._faults: Mapping[str, frozenset[Fault]] = {}
        self.gate = Gate(
            realm=realm,
            binder=binder,
            store=store,
            clock=clock,
            random_bytes=random_bytes,
            limits=limits,
            observe=observe,
        )
        self._build()
        self.app: ASGIApp = _Application(self._serve)

    def routes(self) -> tuple[DemoRoute, ...]:
        """Every route, faults included, in the order in which to show them; a person's own come first."""
        return tuple(entry.told for entry in self._entries)

    def key_of(self, method: str, path: str) -> str | None:
        """Which route a request belongs to; None when it belongs to none."""
        route = self.table.match(method, path)
        return None if route is None else f"{route.method} {route.path}"

    def use_routes(self, own: Iterable[OwnRoute]) -> None:
        """Serves these beside the demo's, from the next request on. Raises as `own_entries`, and changes nothing then.

        A path of the demo's own is never taken over.
        """
        before, self._own = self._own, tuple(own)
        self._build_or_go_back(lambda: setattr(self, "_own", before))

    def use_faults(
        self, by_route: Mapping[str, Collection[Fault]], everywhere: Collection[Fault] = frozenset()
    ) -> None:
        """Switches faults: `by_route` by `DemoRoute.key`, `everywhere` for all routes. What is not named goes off."""
        before = self._faults, self._everywhere
        self._faults = {key: frozenset(faults) for key, faults in by_route.items()}
        self._everywhere = frozenset(everywhere)

        def go_back() -> None:
            self._faults, self._everywhere = before

        self._build_or_go_back(go_back)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._current(scope, receive, send)

    def _build_or_go_back(self, go_back: Callable[[], None]) -> None:
        try:
            self._build()
        except BaseException:
            go_back()
            raise

    def _build(self) -> None:
        own = own_entries(self._own, self._payee, self._network)
        entries = tuple(self._spoil(entry) for entry in (*own, *self._built_in))
        # The demo's own paths decide first, so that `/{name}` takes none of them over.
        table = RouteTable(entry.route for entry in (*entries[len(own) :], *entries[: len(own)]))
        behind = HandlerTimes(self._application(entries, table), self._counter)
        charged = PaymentMiddleware(behind, self.gate, table)
        lossy = WithoutReceipt(charged, lambda scope: scope["path"] == "/faults/no-receipt" or without(scope))
        recorded = ExchangeRecorder(lossy, record=self._observe, counter=self._counter)
        told = AccessTail(recorded, observe=self._observe, clock=self._clock)

        def has(fault: Fault) -> Callable[[Scope], bool]:
            keys = {entry.key: entry.route for entry in entries if fault in self._of(entry.key)}

            def asked(scope: Scope) -> bool:
                route = table.match(scope["method"], scope["path"]) if keys else None
                return route is not None and f"{route.method} {route.path}" in keys

            return asked

        without = has(Fault.NO_RECEIPT)
        self._entries, self.table = entries, table
        self._current: ASGIApp = LostAnswer(told, has(Fault.LOST))

    def _of(self, key: str) -> frozenset[Fault]:
        return self._everywhere | self._faults.get(key, frozenset())

    def _spoil(self, entry: Entry) -> Entry:
        faults = self._of(entry.key)
        if not faults:
            return entry
        offers = tuple(spoiled(offer, faults) for offer in entry.route.offers)
        route = entry.route
        return replace(
            entry,
            route=Route(
                method=route.method,
                path=route.path,
                offers=offers,
                summary=route.summary,
                discoverable=route.discoverable,
            ),
        )

    def _application(self, entries: Iterable[Entry], table: RouteTable) -> Starlette:
        special: dict[str, Any] = {
            "/free": self._price_list,
            "/echo": self._echo,
            "/slow": self._slow,
            "/stream": self._stream,
            "/session": self._session,
            "/session/stream": self._session_stream,
            "/session/sponsored": self._session,
            "/session/v1": self._session,
            SOCKET_PATH: self._session_stream,
            "/faults/server-error": _fail,
        }
        special |= {f"{route.method} {route.path}": fixed_answer(route) for route in self._own}
        by_key = {entry.key: entry.told for entry in entries}
        routes = []
        for route in table:
            told = by_key[f"{route.method} {route.path}"]
            endpoint = special.get(told.key if told.own else told.path, self._reading)
            handler = request_response(endpoint)
            if faults := self._of(told.key):
                handler = delivery(handler, faults, self._delay)
            routes.append(StarletteRoute(told.path, _Application(handler), methods=[told.method]))
        document = discovery_endpoint(
            table,
            title=TITLE,
            version=VERSION,
            description=SUMMARY,
            categories=("data", "developer-tools"),
        )
        sockets = [self._socket(route) for route in table if route.path == SOCKET_PATH]
        about = [StarletteRoute(DISCOVERY_PATH, document), StarletteRoute("/llms.txt", self._llms)]
        return Starlette(routes=[*about, *sockets, *routes])

    async def _reading(self, request: Request) -> Response:
        station = request.query_params.get("station")
        return JSONResponse(reading(station, at=self._clock(), noise=self._random_bytes(16)) | _paid(request))

    async def _echo(self, request: Request) -> Response:
        body = await request.body()
        return JSONResponse(echoed(body, request.headers.get("content-type", "")) | _paid(request))

    async def _slow(self, request: Request) -> Response:
        await self._delay(SLOW_SECONDS)
        return await self._reading(request)

    async def _stream(self, request: Request) -> Response:
        station = request.query_params.get("station")
        return event_stream(
            lambda: reading(station, at=self._clock(), noise=self._random_bytes(16)), self._delay, _paid(request)
        )

    async def _session(self, request: Request) -> Response:
        station = request.query_params.get("station")
        noise = self._random_bytes(16)
        return JSONResponse(reading(station, at=self._clock(), noise=noise) | session_facts(request))

    def _socket(self, route: Route) -> WebSocketRoute:
        stalls = Fault.STALLED_STREAM in self._of(f"{route.method} {route.path}")
        socket = token_socket(self.gate, route.offers, self._delay, stalls=stalls)
        return WebSocketRoute(route.path, _Application(socket))

    async def _session_stream(self, request: Request) -> Response:
        return token_stream(request, self._delay)

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
        return JSONResponse({"currency": self._built_in[0].told.currency.symbol, "routes": prices})


class _Application:
    """An ASGI application as an object: servers and routers tell it from other callables by that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


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
