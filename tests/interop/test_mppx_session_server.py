"""Our client pays a session server made with npm mppx, on our sandbox node: open, vouchers, top up, close, recovery."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mpp_console.client.auth import PaymentAuth
from mpp_console.client.journal import MemoryJournal
from mpp_console.client.payments import Payments
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.sessions.book import MemoryChannels
from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.client.sessions.lifecycle import CloseHow, SessionManager
from mpp_console.client.sessions.management import HttpManagement
from mpp_console.client.sessions.recovery import ChannelSearch
from mpp_console.methods.tempo.chain import Chain
from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_payer import SessionPayer
from mpp_console.protocol import Secret
from tests.interop.conftest import SPONSOR, Peer, Served

PRICE = 1_000
TOKEN = SANDBOX.default_token


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def plain() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


@dataclass
class Wallet:
    """A customer of its own for each test."""

    chain: Chain
    signer: LocalSigner
    book: MemoryChannels
    journal: MemoryJournal

    async def get(self, url: str, times: int = 1) -> list[httpx.Response]:
        payer = SessionPayer(
            signer=self.signer, chain=self.chain, network=SANDBOX, clock=now, book=self.book,
            leases=ScopeLeases(self.book), management=HttpManagement(plain),
        )  # fmt: skip
        policy = SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 10**6})
        payments = Payments(payers=[payer], policy=policy, journal=self.journal, clock=now)
        async with httpx.AsyncClient(auth=PaymentAuth(payments), trust_env=False, timeout=30) as client:
            return [await client.get(url) for _ in range(times)]

    def manager(self) -> SessionManager:
        return SessionManager(
            book=self.book, leases=ScopeLeases(self.book), chain=self.chain, network=SANDBOX, clock=now,
            signer_of={self.signer.address: self.signer}.get, management=HttpManagement(plain),
        )  # fmt: skip

    async def balance(self) -> int:
        return await self.chain.balance(TOKEN, self.signer.address)


@pytest.fixture
async def wallet(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Wallet]:
    chain = Web3Chain(served.rpc_url)
    signer = LocalSigner(Secret(keccak(request.node.name.encode())))
    await chain.fund(signer.address)
    yield Wallet(chain, signer, MemoryChannels(clock=now), MemoryJournal(clock=now))
    await chain.aclose()


@pytest.fixture(scope="session")
def session_server(node_folder: Path, served: Served, peer: Peer) -> str:
    return peer.start(["node", "mppx_session_server.mjs"], served.environment(), node_folder)


async def test_open_vouchers_and_a_close_by_the_server(wallet: Wallet, session_server: str) -> None:
    before = await wallet.balance()
    answers = await wallet.get(session_server + "/session", 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    (row,) = (await wallet.book.rows()).rows
    assert (row.state, row.deposit, row.signed, row.accepted, row.spent) == (
        "active", 5 * PRICE, 4 * PRICE, 4 * PRICE, 4 * PRICE
    )  # fmt: skip
    assert row.payee == SPONSOR
    done = await wallet.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, PRICE)
    assert [str(operation.state) for operation in wallet.journal.operations] == ["settled"] * 4
    assert [operation.error for operation in wallet.journal.operations] == [None] * 4
    assert before - await wallet.balance() >= 4 * PRICE


async def test_a_channel_that_runs_out_is_topped_up_on_the_way(wallet: Wallet, session_server: str) -> None:
    answers = await wallet.get(session_server + "/session", 12)
    assert [answer.status_code for answer in answers] == [200] * 12
    (row,) = (await wallet.book.rows()).rows
    assert (row.deposit, row.spent, row.pending_deposit) == (15 * PRICE, 12 * PRICE, 0)


async def test_the_server_sponsors_open_and_top_up(wallet: Wallet, session_server: str) -> None:
    before = await wallet.balance()
    answers = await wallet.get(session_server + "/sponsored", 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    (row,) = (await wallet.book.rows()).rows
    assert before - await wallet.balance() == row.deposit, "not a base unit of fee"
    done = await wallet.manager().close(row.channel_id)
    assert done.how is CloseHow.COOPERATIVE
    assert before - await wallet.balance() == 8 * PRICE


async def test_a_lost_channel_is_found_and_forced_shut(wallet: Wallet, session_server: str) -> None:
    await wallet.get(session_server + "/session")
    wallet = replace(wallet, book=MemoryChannels(clock=now))
    search = ChannelSearch(book=wallet.book, chain=wallet.chain, network=SANDBOX, clock=now)
    (orphan,) = (await search.run(wallet.signer.address)).orphans
    result = await wallet.manager().close(orphan.channel_id)
    assert (result.how, result.channel.state) == (CloseHow.REQUESTED, "closing")
