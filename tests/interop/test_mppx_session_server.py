"""Our client pays a session server made with npm mppx, on our sandbox node: open, vouchers, top up, close, recovery."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import httpx_sse
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

    def payments(self) -> Payments:
        payer = SessionPayer(
            signer=self.signer, chain=self.chain, network=SANDBOX, clock=now, book=self.book,
            leases=ScopeLeases(self.book), management=HttpManagement(plain),
        )  # fmt: skip
        policy = SpendingPolicy(confirm_by_default=False, per_day={TOKEN: 10**6})
        return Payments(payers=[payer], policy=policy, journal=self.journal, clock=now)

    async def get(self, url: str, times: int = 1) -> list[httpx.Response]:
        async with httpx.AsyncClient(auth=PaymentAuth(self.payments()), trust_env=False, timeout=30) as client:
            return [await client.get(url) for _ in range(times)]

    async def words(self, url: str) -> list[str]:
        """What a stream says, without what it says of money."""
        async with (
            httpx.AsyncClient(auth=PaymentAuth(self.payments()), trust_env=False, timeout=30) as client,
            client.stream("GET", url) as answer,
        ):
            return [event.data async for event in httpx_sse.EventSource(answer).aiter_sse()]

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


async def test_a_stream_asks_for_a_voucher_for_each_word_and_gets_it(wallet: Wallet, session_server: str) -> None:
    """Its first request opens the channel, and the answer to that is the stream."""
    assert await wallet.words(session_server + "/words") == [f"word {number}" for number in range(4)]
    (row,) = (await wallet.book.rows()).rows
    assert (row.state, row.deposit, row.signed, row.accepted, row.spent) == (
        "active", 5 * PRICE, 4 * PRICE, 4 * PRICE, 4 * PRICE
    )  # fmt: skip
    (paid,) = wallet.journal.operations
    assert (str(paid.state), paid.amount, paid.error) == ("settled", 4 * PRICE, None)
    done = await wallet.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, PRICE)


async def test_a_stream_beyond_the_deposit_is_topped_up(wallet: Wallet, session_server: str) -> None:
    url = session_server + "/words?count=12"
    assert await wallet.words(url) == [f"word {number}" for number in range(12)]
    assert await wallet.words(url) == [f"word {number}" for number in range(12)]
    (row,) = (await wallet.book.rows()).rows
    assert (row.spent, row.signed, row.pending_deposit) == (24 * PRICE, 24 * PRICE, 0)
    assert row.deposit >= 24 * PRICE
    assert [operation.amount for operation in wallet.journal.operations] == [12 * PRICE] * 2
    done = await wallet.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, row.deposit - 24 * PRICE)
