"""The local paid server: the demo API in this process, charging in the sandbox's play money.

Its challenges are bound by a secret that is made once, and its used credentials are remembered in a file, so that
nothing is paid twice across restarts or by several processes. Every request and receipt goes to the history and onto
the bus. Routes of one's own are kept in the profile's folder and served beside the demo's; faults are switched in
memory only, so that a new start is an honest server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

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
from mpp_console.services.payee_acts import PayeeAct
from mpp_console.services.server_channels import ServerChannels
from mpp_console.services.server_demo import demo_api
from mpp_console.services.server_routes import ServerRoutes
from mpp_console.services.server_tally import ServerTally
from mpp_console.services.session_tasks import SessionTask
from mpp_console.services.views import receipt_row, request_row

if TYPE_CHECKING:
    from mpp_console.client.journal import ReceiptRecord
    from mpp_console.history import RequestRecord
    from mpp_console.protocol import Currency
    from mpp_console.sandbox.demo import Exchange
    from mpp_console.sandbox.embedded import EmbeddedServer
    from mpp_console.server.stores.sqlite import SqliteStore
    from mpp_console.services.engine import Engine

__all__ = ["ServerService"]

_PARTS = (
    "mpp_console.methods.tempo.payee",
    "mpp_console.sandbox.demo",
    "mpp_console.sandbox.embedded",
    "mpp_console.server.stores.sqlite",
    "mpp_console.services.tail",
    "uvicorn",
)


class ServerService:
    """Published as `ServerChanged`, `RequestServed` and `ReceiptRecorded`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tally = ServerTally()
        self._exchanges = Exchanges()
        self._routes = ServerRoutes(engine, self._tally, self._changed)
        self._channels = ServerChannels(engine, self._changed)
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
                await self._routes.prepare(routes, faults)
                wanted = self._port if port is None else port
                self._routes.log(*(("--port", str(wanted)) if wanted else ()), routes=routes, faults=faults)
                await self._open(wanted)
                self._changed()
        return self.view()

    async def stop(self) -> ServerView:
        """Stops listening; requests that are being answered get their answer first. Harmless when it does not run."""
        async with self._changing:
            listener, self._listener = self._listener, None
            store, self._store = self._store, None
            self._url = self._started_at = self._routes.api = None
            if listener is not None:
                await listener.stop()
            await self._channels.stop()
            if listener is not None:
                self._engine.log_command("serve", what="server stopped, as ctrl+c does in a shell")
                self._routes.look_again()
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
            await self._routes.own.load()
            if self._listener is not None and port not in {0, self._listener.port}:
                await self._move(port)
            await self._routes.own.keep_port(port)
            self._routes.log("--port", str(port))
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
            faults=self._routes.faults.everywhere,
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
            await self._routes.own.load()
            self._routes.look_again()
        return self.view()

    @property
    def currencies(self) -> tuple[Currency, ...]:
        """What a route can charge in; the default first."""
        network = self._engine.network
        default = network.currency(network.default_token)
        return (default, *(token.currency for token in network.tokens if token.currency != default))

    def draft(self, key: str) -> RouteDraft:
        """A route of one's own, to be edited. Raises NoSuchRoute."""
        return self._routes.own.get(key)

    def check_route(self, draft: RouteDraft, replacing: str | None = None) -> tuple[RouteTrouble, ...]:
        """What is wrong with a draft, all at once, without doing anything. `replacing` is the key of the edited
        route.
        """
        return self._routes.troubles(draft, replacing)

    async def add_route(self, draft: RouteDraft) -> ServerView:
        """Serves a new route from now on, and keeps it. Raises RouteInvalid, FileTrouble, ServerUnavailable."""
        self._require()
        async with self._changing:
            await self._routes.add(draft)
        return self.view()

    async def edit_route(self, key: str, draft: RouteDraft) -> ServerView:
        """Puts a draft in place of a route of one's own; its faults go with it. Raises as `add_route`, NoSuchRoute."""
        self._require()
        async with self._changing:
            await self._routes.edit(key, draft)
        return self.view()

    async def remove_route(self, key: str) -> ServerView:
        """Takes a route of one's own away; `undo_route` brings it back. Raises NoSuchRoute."""
        self._require()
        async with self._changing:
            await self._routes.remove(key)
        return self.view()

    async def undo_route(self) -> str:
        """Takes the latest change of the routes back, and tells which. Raises NothingToUndo."""
        self._require()
        async with self._changing:
            return await self._routes.undo()

    def set_faults(self, key: str | None, names: Collection[str]) -> ServerView:
        """Switches on exactly these faults for a route, or for every route when `key` is None, at once. In memory
        only. Raises UsageError for what is not there.
        """
        self._require()
        self._routes.switch(key, names)
        return self.view()

    # -----------------------------------------------------------------------------------------------------------------

    @property
    def _port(self) -> int:
        own = self._routes.own.port
        return self._engine.settings.server.port if own is None else own

    def _unavailable(self) -> str | None:
        if self._engine.profile.is_sandbox:
            return None
        return f"the demo API charges play money, and {self._engine.profile.label} has none"

    def _require(self) -> None:
        unavailable = self._unavailable()
        if unavailable is not None:
            raise ServerUnavailable(unavailable, hint="open the sandbox: mpp-console --profile sandbox")

    def _changed(self) -> None:
        self._engine.events.publish(ServerChanged(view=self.view()))

    async def _open(self, port: int) -> None:
        await load(*_PARTS)
        from mpp_console.sandbox.embedded import EmbeddedServer
        from mpp_console.server.stores.sqlite import SqliteStore
        from mpp_console.services.tail import Tail

        await self._engine.journal.get()
        self._store = SqliteStore(self._engine.paths.gate, clock=self._engine.clock)
        try:
            tail = Tail(self._engine, served=self._request_served, received=self._receipt_given)
            demo = await demo_api(self._engine, store=self._store, channels=self._channels, tail=tail)
            self._routes.serve(demo)
            listener = EmbeddedServer(demo.app, port=port, clock=self._engine.clock)
            self._url = await listener.start()
        except BaseException:
            store, self._store = self._store, None
            self._routes.api = None
            await store.aclose()
            raise
        self._listener = listener
        self._recipient = demo.recipient
        await self._channels.start(self._url)
        self._tally.begin()
        self._routes.look_again()
        self._started_at = self._engine.clock()
        self._routes.tell_unserved()

    async def _move(self, port: int) -> None:
        """Listens on another port before it leaves the one it has."""
        from mpp_console.sandbox.embedded import EmbeddedServer

        api = self._routes.api
        if api is None or self._listener is None:
            return
        listener = EmbeddedServer(api.app, port=port)
        url = await listener.start()
        before, self._listener, self._url = self._listener, listener, url
        self._channels.url = url
        await before.stop()

    def _request_served(self, record: RequestRecord, exchange: Exchange | None) -> None:
        row = request_row(record := self._routes.judged(record))
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
        self._tally.take(row, self._routes.key_of(row.method, row.path))

    def _receipt_given(self, record: ReceiptRecord) -> None:
        async def keep() -> None:
            journal = await self._engine.journal.get()
            await journal.receive(record)
            self._engine.events.publish(ReceiptRecorded(row=receipt_row(record)))

        self._engine.spawn(keep(), "keeping a receipt")
