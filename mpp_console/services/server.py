"""The local paid server: the demo API in this process, charging in the sandbox's play money.

Its challenges are bound by a secret that is made once, and its used credentials are remembered in a file, so that
nothing is paid twice across restarts or by several processes. Every request and receipt goes to the history and onto
the bus. Routes of one's own are kept in the profile's folder and served beside the demo's; faults are switched in
memory only, so that a new start is an honest server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mpp_console.protocol import inert
from mpp_console.services.errors import ServerUnavailable, UsageError
from mpp_console.services.events import ReceiptRecorded, RequestServed, ServerChanged
from mpp_console.services.exchanges import Exchanges
from mpp_console.services.models import (
    PayeeChannels,
    RequestDetail,
    RequestRow,
    RouteDraft,
    RouteTrouble,
    ServerView,
)
from mpp_console.services.once import load
from mpp_console.services.own_routes import OwnRoutes
from mpp_console.services.payee_acts import PayeeAct
from mpp_console.services.routes import DEMO_KEYS, RouteInvalid, own_route
from mpp_console.services.server_channels import ServerChannels
from mpp_console.services.server_models import ALL_FAULTS
from mpp_console.services.server_tally import ServerTally, route_view
from mpp_console.services.session_tasks import SessionTask
from mpp_console.services.views import receipt_row, request_row

if TYPE_CHECKING:
    from mpp_console.client.journal import ReceiptRecord
    from mpp_console.history import RequestRecord
    from mpp_console.protocol import Currency
    from mpp_console.sandbox.demo import DemoApi, Exchange
    from mpp_console.sandbox.embedded import EmbeddedServer
    from mpp_console.server.stores.sqlite import SqliteStore
    from mpp_console.services.engine import Engine
    from mpp_console.services.tail import Tail

__all__ = ["ServerService"]

_PARTS = (
    "mpp_console.methods.tempo.payee",
    "mpp_console.sandbox.demo",
    "mpp_console.sandbox.embedded",
    "mpp_console.server.stores.sqlite",
    "mpp_console.services.tail",
    "uvicorn",
)
SPONSOR_FLOOR = 1_000_000
"""Base units below which the fee sponsor is given more play money: a dollar pays thousands of fees."""


class ServerService:
    """Published as `ServerChanged`, `RequestServed` and `ReceiptRecorded`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tally = ServerTally()
        self._exchanges = Exchanges()
        self._own = OwnRoutes(engine)
        self._channels = ServerChannels(engine, self._changed)
        self._faults: dict[str, frozenset[str]] = {}
        self._everywhere: frozenset[str] = frozenset()
        self._demo_api: DemoApi | None = None
        self._recipient: str | None = None
        self._url: str | None = None
        self._started_at: datetime | None = None
        self._listener: EmbeddedServer | None = None
        self._store: SqliteStore | None = None
        self._changing = asyncio.Lock()

    # Running ---------------------------------------------------------------------------------------------------------

    async def start(
        self,
        port: int | None = None,
        *,
        routes: Sequence[RouteDraft] = (),
        faults: Sequence[tuple[str | None, str]] = (),
    ) -> ServerView:
        """Listens on 127.0.0.1; port 0 takes any free one, None the chosen one. Already running: gives its view.

        `routes` are served in this run and not kept; `faults` (see `parse_fault`) are on from the first request.
        Raises PortTaken, RouteInvalid, RoutesUnreadable, and ServerUnavailable outside the sandbox.
        """
        self._require()
        async with self._changing:
            if self._listener is None:
                await self._prepare(routes, faults)
                wanted = self._port if port is None else port
                self._log(*(("--port", str(wanted)) if wanted else ()), routes=routes, faults=faults)
                await self._open(wanted)
                self._changed()
        return self.view()

    async def stop(self) -> ServerView:
        """Stops listening; requests that are being answered get their answer first. Harmless when it does not run."""
        async with self._changing:
            listener, self._listener = self._listener, None
            store, self._store = self._store, None
            self._url = self._started_at = self._demo_api = None
            if listener is not None:
                await listener.stop()
            await self._channels.stop()
            if listener is not None:
                self._look_again()
                self._changed()
            if store is not None:
                await store.aclose()
        return self.view()

    async def set_port(self, port: int) -> ServerView:
        """Chooses the port, for later starts too; a running server moves there at once, and stays where it is when the
        port is taken. 0 takes any free one at the next start.

        Raises UsageError for a number that is no port, PortTaken, ServerUnavailable.
        """
        self._require()
        if not 0 <= port <= 65_535:
            raise UsageError(f"{port} is no port", hint="a port is 1 to 65535, or 0 for any free one")
        async with self._changing:
            await self._own.load()
            if self._listener is not None and port not in {0, self._listener.port}:
                await self._move(port)
            await self._own.keep_port(port)
            self._log("--port", str(port))
            self._changed()
        return self.view()

    # Looking ---------------------------------------------------------------------------------------------------------

    def view(self) -> ServerView:
        """From memory; never waits."""
        return ServerView(
            running=self._listener is not None,
            url=self._url,
            rpc_url=self._engine.network.rpc_url if self._url else None,
            chain_id=self._engine.network.chain_id,
            recipient=self._recipient,
            routes=self._tally.routes,
            requests=self._tally.served,
            revenue=self._tally.revenue,
            started_at=self._started_at,
            unavailable=self._unavailable(),
            stats=self._tally.meter.view(self._engine.clock()),
            faults=_ordered(self._everywhere),
            port=self._port,
            channels=self._channels.view(),
        )

    def channels(self) -> PayeeChannels:
        """The channels that were opened to this server, from memory; `load_channels` fills it."""
        return self._channels.view()

    async def load_channels(self, *, ask_chain: bool = True) -> PayeeChannels:
        """Reads them from the server's store, whether it runs or not, after asking the chain about all of them.

        Raises ServerUnavailable outside the sandbox, StoreError.
        """
        self._require()
        return await self._channels.refresh(ask_chain=ask_chain)

    def review_channels(self, act: PayeeAct, channels: Sequence[str]) -> SessionTask:
        """Settles or closes channels after a review: the task of `SessionsService.start`, for the side that is paid.

        `channels` are ids or their first characters. Raises UsageError, ServerUnavailable outside the sandbox.
        """
        self._require()
        return self._channels.review(act, channels)

    def requests(self) -> tuple[RequestRow, ...]:
        """The latest requests of this run (at most a thousand), newest first, from memory."""
        return self._tally.requests

    def request(self, row: RequestRow) -> RequestDetail:
        """A request in full, its secrets masked, from memory. Of an older one only the row is left."""
        return self._exchanges.get(row.id) or RequestDetail(row=row)

    def recall(self, rows: Iterable[RequestRow]) -> None:
        """Takes requests that were answered before, oldest first, into the list and the counts of this run."""
        for row in rows:
            self._count(row)
        self._changed()

    # Routes of one's own ---------------------------------------------------------------------------------------------

    async def load(self) -> ServerView:
        """Reads the routes of one's own, so that they can be seen before the server runs. Raises RoutesUnreadable."""
        if self._unavailable() is None:
            await self._own.load()
            self._look_again()
        return self.view()

    @property
    def currencies(self) -> tuple[Currency, ...]:
        """What a route can charge in; the default first."""
        network = self._engine.network
        default = network.currency(network.default_token)
        return (default, *(token.currency for token in network.tokens if token.currency != default))

    def draft(self, key: str) -> RouteDraft:
        """A route of one's own, to be edited. Raises NoSuchRoute."""
        return self._own.get(key)

    def check_route(self, draft: RouteDraft, replacing: str | None = None) -> tuple[RouteTrouble, ...]:
        """What is wrong with a draft, all at once, without doing anything. `replacing` is the key of the edited
        route.
        """
        return self._own.troubles(draft, DEMO_KEYS, replacing)

    async def add_route(self, draft: RouteDraft) -> ServerView:
        """Serves a new route from now on, and keeps it. Raises RouteInvalid, FileTrouble, ServerUnavailable."""
        return await self._put(draft, None)

    async def edit_route(self, key: str, draft: RouteDraft) -> ServerView:
        """Puts a draft in place of a route of one's own; its faults go with it. Raises as `add_route`, NoSuchRoute."""
        return await self._put(draft, key)

    async def remove_route(self, key: str) -> ServerView:
        """Takes a route of one's own away; `undo_route` brings it back. Raises NoSuchRoute."""
        self._require()
        async with self._changing:
            await self._own.load()
            await self._use(self._own.removed(key), f"{key} was removed")
        return self.view()

    async def undo_route(self) -> str:
        """Takes the latest change of the routes back, and tells which. Raises NothingToUndo."""
        self._require()
        async with self._changing:
            what, before = self._own.undone()
            await self._use(before, what, undoing=True)
        return what

    def set_faults(self, key: str | None, names: Collection[str]) -> ServerView:
        """Switches on exactly these faults for a route, or for every route when `key` is None, at once. In memory
        only. Raises UsageError for what is not there.
        """
        self._require()
        unknown = sorted(set(names) - {fault.name for fault in ALL_FAULTS})
        if unknown:
            raise UsageError(f"there is no fault `{unknown[0]}`")
        if key is not None and key not in (*DEMO_KEYS, *(draft.key for draft in self._own.all())):
            raise UsageError(f"there is no route {key}")
        if key is None:
            self._everywhere = frozenset(names)
        else:
            self._faults = {name: on for name, on in {**self._faults, key: frozenset(names)}.items() if on}
        self._apply_faults()
        self._log(faults=[(key, name) for name in _ordered(names)])
        self._look_again()
        self._changed()
        return self.view()

    # -----------------------------------------------------------------------------------------------------------------

    @property
    def _port(self) -> int:
        return self._engine.settings.server.port if self._own.port is None else self._own.port

    def _unavailable(self) -> str | None:
        if self._engine.profile.is_sandbox:
            return None
        return f"the demo API charges play money, and {self._engine.profile.label} has none"

    def _require(self) -> None:
        unavailable = self._unavailable()
        if unavailable is not None:
            raise ServerUnavailable(unavailable, hint="open the sandbox: mpp-console --profile sandbox")

    def _log(
        self, *words: str, routes: Iterable[RouteDraft] = (), faults: Iterable[tuple[str | None, str]] = ()
    ) -> None:
        options = list(words)
        for draft in routes:
            options += ["--route", draft.text]
        for key, name in faults:
            options += ["--fault", name if key is None else f"{key}={name}"]
        self._engine.log_command("serve", *options)

    def _changed(self) -> None:
        self._engine.events.publish(ServerChanged(view=self.view()))

    async def _prepare(self, routes: Sequence[RouteDraft], faults: Sequence[tuple[str | None, str]]) -> None:
        await self._own.load()
        self._own.pass_through(routes, DEMO_KEYS)
        known = {*DEMO_KEYS, *(draft.key for draft in self._own.all())}
        for key, name in faults:
            if key is None:
                self._everywhere |= {name}
            elif key in known:
                self._faults[key] = self._faults.get(key, frozenset()) | {name}
            else:
                raise UsageError(f"there is no route {key}", hint="name it as the table does: 'GET /charge=slow'")

    async def _put(self, draft: RouteDraft, key: str | None) -> ServerView:
        self._require()
        async with self._changing:
            await self._own.load()
            if key is not None:
                self._own.get(key)
            if troubles := self.check_route(draft, key):
                raise RouteInvalid(troubles)
            if key is None:
                await self._use(self._own.added(draft), f"{draft.key} was added")
            else:
                routes = self._own.edited(key, draft)
                await self._use(routes, f"{key} was edited")
                if draft.key != key and key in self._faults:
                    self._faults[draft.key] = self._faults.pop(key)
                    self._apply_faults()
                    self._look_again()
            self._log(routes=[draft])
        return self.view()

    async def _use(self, kept: tuple[RouteDraft, ...], what: str, *, undoing: bool = False) -> None:
        """Serves these, then writes them down; what cannot be served is not kept, what cannot be kept not served."""
        before = self._own.kept
        self._serve_own(kept)
        try:
            await self._own.keep(kept, what=what, undoing=undoing)
        except BaseException:
            self._serve_own(before)
            raise
        self._look_again()
        self._changed()

    def _serve_own(self, kept: tuple[RouteDraft, ...]) -> None:
        if self._demo_api is None:
            return
        wanted = self._own.all(kept)
        good = self._own.servable(wanted, DEMO_KEYS)
        try:
            self._demo_api.use_routes(own_route(draft, self._engine.network) for draft in good)
        except ValueError as error:
            raise RouteInvalid([RouteTrouble(field="", message=str(error))]) from error

    def _apply_faults(self) -> None:
        if self._demo_api is not None:
            from mpp_console.sandbox.demo import Fault

            by_route = {key: frozenset(Fault(name) for name in names) for key, names in self._faults.items()}
            self._demo_api.use_faults(by_route, frozenset(Fault(name) for name in self._everywhere))

    def _look_again(self) -> None:
        """Makes the views of the routes anew."""
        if self._demo_api is None:
            fresh = self._own.views(DEMO_KEYS)
        else:
            fresh = tuple(route_view(told) for told in self._demo_api.routes())
        nothing: frozenset[str] = frozenset()
        on = {route.key: _ordered(self._faults.get(route.key, nothing)) for route in fresh}
        self._tally.show(replace(each, faults=self._faults_on(each.key), switched=on[each.key]) for each in fresh)

    async def _open(self, port: int) -> None:
        await load(*_PARTS)
        from mpp_console.sandbox.embedded import EmbeddedServer
        from mpp_console.server.stores.sqlite import SqliteStore
        from mpp_console.services.tail import Tail

        await self._engine.journal.get()
        self._store = SqliteStore(self._engine.paths.gate, clock=self._engine.clock)
        try:
            tail = Tail(self._engine, served=self._request_served, received=self._receipt_given)
            self._demo_api = demo = await self._demo(self._store, tail)
            self._serve_own(self._own.kept)
            self._apply_faults()
            listener = EmbeddedServer(demo.app, port=port, clock=self._engine.clock)
            self._url = await listener.start()
        except BaseException:
            store, self._store = self._store, None
            self._demo_api = None
            await store.aclose()
            raise
        self._listener = listener
        self._recipient = demo.recipient
        await self._channels.start(self._url)
        self._tally.begin()
        self._look_again()
        self._started_at = self._engine.clock()
        self._tell_unserved()

    def _tell_unserved(self) -> None:
        served = {route.key for route in self._tally.routes}
        for draft in self._own.all():
            if draft.key not in served:
                trouble = next(iter(self.check_route(draft, draft.key)), None)
                why = f": {trouble.field}: {trouble.message}" if trouble else ""
                self._engine.notice("warn", f"the route {inert(draft.key, limit=80)} cannot be served{why}")

    async def _move(self, port: int) -> None:
        """Listens on another port before it leaves the one it has."""
        from mpp_console.sandbox.embedded import EmbeddedServer

        if self._demo_api is None or self._listener is None:
            return
        listener = EmbeddedServer(self._demo_api.app, port=port)
        url = await listener.start()
        before, self._listener, self._url = self._listener, listener, url
        self._channels.url = url
        await before.stop()

    async def _demo(self, store: SqliteStore, tail: Tail) -> DemoApi:
        from mpp_console.methods.tempo.keys import LocalSigner
        from mpp_console.methods.tempo.payee import SponsorPolicy
        from mpp_console.protocol import ChallengeBinder
        from mpp_console.sandbox.demo import DemoApi

        engine = self._engine
        keys = await engine.keys.get()
        chain = await engine.chain.get()
        sponsor = LocalSigner(keys.sponsor)
        if await chain.balance(engine.network.default_token, sponsor.address) < SPONSOR_FLOOR:
            await chain.fund(sponsor.address)
        merchant = LocalSigner(keys.merchant)
        policy = SponsorPolicy(signer=sponsor, fee_tokens=engine.network.fee_tokens)
        return DemoApi(
            recipient=merchant.address,
            network=engine.network,
            chain=chain,
            binder=ChallengeBinder((keys.binder,)),
            store=store,
            sponsor=policy,
            sessions=await self._channels.payee(),
            clock=engine.clock,
            random_bytes=engine.random_bytes,
            counter=engine.counter,
            observe=tail.observe,
        )

    def _request_served(self, record: RequestRecord, exchange: Exchange | None) -> None:
        switched = self._everywhere or self._faults
        if switched and (faults := self._faults_on(self._key_of(record.method, record.path))):
            # Whoever reads the history later must not take it for an honest answer.
            told = f"fault: {', '.join(faults)}"
            record = replace(record, message=f"{told}; {record.message}" if record.message else told)
        row = request_row(record)
        if exchange is not None:
            self._exchanges.keep(row, exchange)
        self._count(row)
        self._engine.events.publish(RequestServed(row=row))
        self._changed()

        async def keep() -> None:
            journal = await self._engine.journal.get()
            await journal.keep_requests(record)

        self._engine.spawn(keep(), "keeping a served request")

    def _count(self, row: RequestRow) -> None:
        self._tally.take(row, self._key_of(row.method, row.path))

    def _key_of(self, method: str, path: str) -> str | None:
        return self._demo_api.key_of(method, path) if self._demo_api is not None else f"{method} {path}"

    def _faults_on(self, key: str | None) -> tuple[str, ...]:
        return _ordered(self._everywhere | self._faults.get(key or "", frozenset()))

    def _receipt_given(self, record: ReceiptRecord) -> None:
        async def keep() -> None:
            journal = await self._engine.journal.get()
            await journal.receive(record)
            self._engine.events.publish(ReceiptRecorded(row=receipt_row(record)))

        self._engine.spawn(keep(), "keeping a receipt")


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Faults in the order in which the menu lists them."""
    wanted = set(names)
    return tuple(fault.name for fault in ALL_FAULTS if fault.name in wanted)
