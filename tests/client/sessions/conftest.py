"""A customer and a shop on one sandbox chain, over real sockets, with the time in the test's hands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mpp_console.client.auth import PaymentAuth
from mpp_console.client.journal import ReceiptRecord
from mpp_console.client.payments import Payments
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.client.sessions.lifecycle import SessionManager
from mpp_console.client.sessions.management import HttpManagement
from mpp_console.client.sessions.owners import is_alive
from mpp_console.client.sessions.recovery import ChannelSearch
from mpp_console.history import Database, HistoryJournal
from mpp_console.history.channels import HistoryChannels
from mpp_console.history.rows import read_receipt
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payee import SponsorPolicy
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_payee import TempoSessionPayee
from mpp_console.methods.tempo.session_payer import SessionPayer
from mpp_console.protocol import ChallengeBinder, Secret
from mpp_console.sandbox.demo import DemoApi
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node import SandboxNode
from mpp_console.server import GateLimits, MemoryStore
from mpp_console.server.channels import MemoryChannels
from tests.client.till import Server

from .shop import PRICE, Shop

TOKEN = SANDBOX.default_token


class HandClock:
    """The present, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def signer(seed: int) -> LocalSigner:
    return LocalSigner(Secret(bytes([seed]) * 32))


async def no_sleep(seconds: float) -> None:
    """Looks again at once."""


@asynccontextmanager
async def plain_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@dataclass
class World:
    """Everything of one customer and one shop; what is a field can be replaced before a payment."""

    clock: HandClock
    node: SandboxNode
    chain: Any
    database: Database
    shop: Shop
    server: Any
    customer: LocalSigner = field(default_factory=lambda: signer(1))
    policy: SpendingPolicy = field(
        default_factory=lambda: SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 100 * PRICE})
    )
    settings: dict[str, Any] = field(default_factory=dict)
    path: str = "/chat"
    alive: Callable[[str], bool] = is_alive

    def __post_init__(self) -> None:
        self.journal: Any = HistoryJournal(self.database, clock=self.clock)
        self.book: Any = HistoryChannels(self.database, clock=self.clock)
        self.management: Any = HttpManagement(plain_client)

    @property
    def url(self) -> str:
        return str(self.server.url) + self.path

    def payer(self, **changes: Any) -> SessionPayer:
        values: dict[str, Any] = {
            "signer": self.customer,
            "chain": self.chain,
            "network": SANDBOX,
            "clock": self.clock,
            "book": self.book,
            "leases": ScopeLeases(self.book),
            "management": self.management,
            "sleep": no_sleep,
        }
        return SessionPayer(**(values | self.settings | changes))

    def payments(self, **changes: Any) -> Payments:
        return Payments(
            payers=[self.payer(**changes)],
            policy=lambda: self.policy,
            journal=self.journal,
            clock=self.clock,
            alive=self.alive,
        )

    @asynccontextmanager
    async def client(self, payments: Payments | None = None) -> AsyncIterator[httpx.AsyncClient]:
        auth = PaymentAuth(payments or self.payments())
        async with httpx.AsyncClient(auth=auth, timeout=30, trust_env=False) as client:
            yield client

    async def get(self, **changes: Any) -> httpx.Response:
        """One paid request by a customer who just started."""
        async with self.client(self.payments(**changes)) as client:
            return await client.get(self.url)

    def manager(self, **changes: Any) -> SessionManager:
        values: dict[str, Any] = {
            "book": self.book,
            "leases": ScopeLeases(self.book),
            "chain": self.chain,
            "network": SANDBOX,
            "clock": self.clock,
            "signer_of": {self.customer.address: self.customer}.get,
            "management": self.management,
            "sleep": no_sleep,
        }
        return SessionManager(**(values | changes))

    def search(self, **changes: Any) -> ChannelSearch:
        values: dict[str, Any] = {"book": self.book, "chain": self.chain, "network": SANDBOX, "clock": self.clock}
        return ChannelSearch(**(values | changes))

    async def channel(self, *, archived: bool = True) -> ClientChannel:
        """The only channel in the book."""
        (row,) = (await self.book.rows(archived=archived)).rows
        return row  # type: ignore[no-any-return]

    async def balance(self, owner: str | None = None) -> int:
        return await self.chain.balance(TOKEN, owner or self.customer.address)  # type: ignore[no-any-return]

    async def operations(self) -> list[tuple[str, int]]:
        """State and amount of every payment, oldest first."""

        def job(connection: Any) -> list[tuple[str, int]]:
            rows = connection.execute("SELECT state, amount FROM operations ORDER BY seq")
            return [(row["state"], int(row["amount"])) for row in rows]

        return await self.database.read(job, doing="look")

    async def errors(self) -> list[str | None]:
        """What is written at every payment, oldest first."""

        def job(connection: Any) -> list[str | None]:
            return [row["error"] for row in connection.execute("SELECT error FROM operations ORDER BY seq")]

        return await self.database.read(job, doing="look")

    async def receipts(self) -> list[ReceiptRecord]:
        """Every receipt, oldest first."""

        def job(connection: Any) -> list[ReceiptRecord]:
            rows = connection.execute("SELECT * FROM receipts ORDER BY seq")
            return [read_receipt(row).record for row in rows]

        return await self.database.read(job, doing="look")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = HandClock()
    node = SandboxNode(tmp_path / "chain.db", clock=clock)
    chain = Web3Chain(await node.start())
    database = await Database.open(tmp_path / "home" / "history.db")
    try:
        for seed in (1, 2, 3):
            await chain.fund(signer(seed).address)
        shop = Shop(chain=chain, signer=signer(2), clock=clock)
        async with Server(shop) as server:
            yield World(clock=clock, node=node, chain=chain, database=database, shop=shop, server=server)
    finally:
        await database.close()
        await chain.aclose()
        await node.stop()


@dataclass
class Hosted:
    """Where the gate listens, in place of the raw server."""

    url: str


@pytest.fixture
async def gate(world: World) -> AsyncIterator[World]:
    shop = signer(2)
    payee = TempoSessionPayee(
        chain=world.chain,
        network=SANDBOX,
        recipient=shop.address,
        signer=shop,
        store=MemoryChannels(),
        clock=world.clock,
        sponsor=SponsorPolicy(signer=signer(3), fee_tokens=SANDBOX.fee_tokens),
        sleep=no_sleep,
    )
    demo = DemoApi(
        recipient=shop.address,
        network=SANDBOX,
        chain=world.chain,
        binder=ChallengeBinder([Secret(b"s" * 32)]),
        store=MemoryStore(clock=world.clock),
        sponsor=SponsorPolicy(signer=signer(3), fee_tokens=SANDBOX.fee_tokens),
        sessions=payee,
        clock=world.clock,
        delay=no_sleep,
        limits=GateLimits(rates=None),
    )
    server = EmbeddedServer(demo.app)
    world.server = Hosted(await server.start())
    world.path = "/session"
    yield world
    await server.stop()
