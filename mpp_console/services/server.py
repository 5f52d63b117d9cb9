"""The local paid server: the demo API in this process, charging in the sandbox's play money.

Its challenges are bound by a secret that is made once, and its used credentials are remembered in a file, so that
nothing is paid twice across restarts or by several processes. Every request and receipt goes to the history and onto
the bus.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mpp_console.services.errors import ServerUnavailable
from mpp_console.services.events import ReceiptRecorded, RequestServed, ServerChanged
from mpp_console.services.models import Money, RequestRow, RouteView, ServerView
from mpp_console.services.once import load
from mpp_console.services.views import receipt_row, request_row

if TYPE_CHECKING:
    from mpp_console.client.journal import ReceiptRecord
    from mpp_console.history import RequestRecord
    from mpp_console.sandbox.demo import DemoApi
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
KEPT_REQUESTS = 1000
SPONSOR_FLOOR = 1_000_000
"""Base units below which the fee sponsor is given more play money: a dollar pays thousands of fees."""


class ServerService:
    """Published as `ServerChanged`, `RequestServed` and `ReceiptRecorded`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._requests: deque[RequestRow] = deque(maxlen=KEPT_REQUESTS)
        self._served = 0
        self._routes: tuple[RouteView, ...] = ()
        self._recipient: str | None = None
        self._url: str | None = None
        self._started_at: datetime | None = None
        self._listener: EmbeddedServer | None = None
        self._store: SqliteStore | None = None
        self._changing = asyncio.Lock()

    async def start(self, port: int | None = None) -> ServerView:
        """Listens on 127.0.0.1; port 0 takes any free one, None the one of the settings. Already running: gives its
        view.

        Raises PortTaken, and ServerUnavailable outside the sandbox.
        """
        unavailable = self._unavailable()
        if unavailable is not None:
            raise ServerUnavailable(unavailable, hint="open the sandbox: mpp-console --profile sandbox")
        async with self._changing:
            if self._listener is None:
                wanted = self._engine.settings.server.port if port is None else port
                self._engine.log_command("serve", *(("--port", str(wanted)) if wanted else ()))
                await self._open(wanted)
                self._changed()
        return self.view()

    async def stop(self) -> ServerView:
        """Stops listening; requests that are being answered get their answer first. Harmless when it does not run."""
        async with self._changing:
            listener, self._listener = self._listener, None
            store, self._store = self._store, None
            self._url = self._started_at = None
            if listener is not None:
                await listener.stop()
                self._changed()
            if store is not None:
                await store.aclose()
        return self.view()

    def view(self) -> ServerView:
        """From memory; never waits."""
        totals: dict[str, Money] = {}
        for route in self._routes:
            before = totals.get(route.currency.id, Money(amount=0, currency=route.currency))
            totals[route.currency.id] = replace(before, amount=before.amount + route.revenue)
        return ServerView(
            running=self._listener is not None,
            url=self._url,
            rpc_url=self._engine.network.rpc_url if self._url else None,
            chain_id=self._engine.network.chain_id,
            recipient=self._recipient,
            routes=self._routes,
            requests=self._served,
            revenue=tuple(money for money in totals.values() if money.amount),
            started_at=self._started_at,
            unavailable=self._unavailable(),
        )

    def requests(self) -> tuple[RequestRow, ...]:
        """The latest requests of this run (at most a thousand), newest first, from memory."""
        return tuple(reversed(self._requests))

    def recall(self, rows: Iterable[RequestRow]) -> None:
        """Takes requests that were answered before, oldest first, into the list and the counts of this run."""
        for row in rows:
            self._count(row)
        self._changed()

    # -----------------------------------------------------------------------------------------------------------------

    def _unavailable(self) -> str | None:
        if self._engine.profile.is_sandbox:
            return None
        return f"the demo API charges play money, and {self._engine.profile.label} has none"

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
            demo = await self._demo(self._store, tail)
            listener = EmbeddedServer(demo.app, port=port)
            self._url = await listener.start()
        except BaseException:
            store, self._store = self._store, None
            await store.aclose()
            raise
        self._listener = listener
        self._recipient = demo.recipient
        self._started_at = self._engine.clock()
        self._routes = tuple(
            RouteView(
                method=route.method,
                path=route.path,
                rail=route.rail,
                intent=route.intent,
                amount=route.amount,
                currency=route.currency,
                note=route.note,
                fault=route.fault,
            )
            for route in demo.routes()
        )

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
        return DemoApi(
            recipient=LocalSigner(keys.merchant).address,
            network=engine.network,
            chain=chain,
            binder=ChallengeBinder((keys.binder,)),
            store=store,
            sponsor=SponsorPolicy(signer=sponsor, fee_tokens=engine.network.fee_tokens),
            clock=engine.clock,
            random_bytes=engine.random_bytes,
            observe=tail.observe,
        )

    def _request_served(self, record: RequestRecord) -> None:
        row = request_row(record)
        self._count(row)
        self._engine.events.publish(RequestServed(row=row))
        self._changed()

        async def keep() -> None:
            journal = await self._engine.journal.get()
            await journal.keep_requests(record)

        self._engine.spawn(keep(), "keeping a served request")

    def _count(self, row: RequestRow) -> None:
        self._requests.append(row)
        self._served += 1
        paid = row.amount if row.outcome == "paid" and row.amount else 0
        self._routes = tuple(
            replace(route, hits=route.hits + 1, revenue=route.revenue + paid) if _is_of(row, route) else route
            for route in self._routes
        )

    def _receipt_given(self, record: ReceiptRecord) -> None:
        async def keep() -> None:
            journal = await self._engine.journal.get()
            await journal.receive(record)
            self._engine.events.publish(ReceiptRecorded(row=receipt_row(record)))

        self._engine.spawn(keep(), "keeping a receipt")


def _is_of(row: RequestRow, route: RouteView) -> bool:
    return row.path == route.path and (row.method == route.method or (row.method == "HEAD" and route.method == "GET"))
