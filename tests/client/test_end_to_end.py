"""All of it together: the auth flow, the Tempo rail, the gate, the sandbox node and the history on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mpp_console.client.auth import PaymentAuth, operation_of
from mpp_console.client.errors import NoUsableOffer, OutcomeUnknown, PaidNotDelivered
from mpp_console.client.payments import Payments
from mpp_console.client.policy import SpendingPolicy
from mpp_console.history import Database, HistoryJournal
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payee import SponsorPolicy
from mpp_console.methods.tempo.payer import TempoChargePayer
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.protocol import ChallengeBinder, Secret
from mpp_console.sandbox.demo import DemoApi
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node import SandboxNode
from mpp_console.server import GateLimits, MemoryStore

PRICE = 10_000


class HandClock:
    """The present, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class World:
    clock: HandClock
    chain: Web3Chain
    journal: HistoryJournal
    payments: Payments
    shop: str
    client: httpx.AsyncClient

    async def takings(self) -> int:
        return await self.chain.balance(SANDBOX.default_token, self.shop)

    async def states(self) -> list[str]:
        return [str(row.state) for row in await self.journal.unresolved()]


def _signer(seed: int) -> LocalSigner:
    return LocalSigner(Secret(bytes([seed]) * 32))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = HandClock()
    customer, shop, sponsor = _signer(1), _signer(2), _signer(3)
    node = SandboxNode(tmp_path / "chain.db", clock=clock)
    chain = Web3Chain(await node.start())
    database = await Database.open(tmp_path / "history.db")
    try:
        for account in (customer, sponsor):
            await chain.fund(account.address)
        demo = DemoApi(
            recipient=shop.address,
            network=SANDBOX,
            chain=chain,
            binder=ChallengeBinder([Secret(b"s" * 32)]),
            store=MemoryStore(clock=clock),
            sponsor=SponsorPolicy(signer=sponsor, fee_tokens=SANDBOX.fee_tokens),
            clock=clock,
            delay=lambda seconds: asyncio.sleep(0),
            limits=GateLimits(rates=None),
        )
        server = EmbeddedServer(demo.app)
        journal = HistoryJournal(database, clock=clock)
        payments = Payments(
            payers=[TempoChargePayer(signer=customer, chain=chain, network=SANDBOX, clock=clock)],
            policy=SpendingPolicy(confirm_by_default=False, per_day={SANDBOX.default_token: 20 * PRICE}),
            journal=journal,
            clock=clock,
        )
        client = httpx.AsyncClient(
            auth=PaymentAuth(payments), base_url=await server.start(), timeout=120, trust_env=False
        )
        yield World(clock, chain, journal, payments, shop.address, client)
        await client.aclose()
        await server.stop()
    finally:
        await database.close()
        await chain.aclose()
        await node.stop()


@pytest.mark.parametrize(
    ("method", "path", "takings"),
    [
        ("GET", "/charge", PRICE),
        ("POST", "/echo", PRICE),
        ("GET", "/sponsored", PRICE),
        ("GET", "/push-only", PRICE),
        ("GET", "/pull-only", PRICE),
        ("GET", "/two-offers", PRICE),
        ("GET", "/slow", PRICE),
        ("GET", "/zero", 0),
    ],
)
async def test_every_route_is_paid_exactly(world: World, method: str, path: str, takings: int) -> None:
    before = await world.takings()
    response = await world.client.request(method, path, content=b'{"hello":1}' if method == "POST" else None)
    assert response.status_code == 200, response.text
    operation = operation_of(response)
    assert operation is not None
    assert (operation.state, operation.amount) == ("settled", takings)
    assert await world.takings() - before == takings
    if takings:
        assert operation.reference is not None
        receipt = await world.chain.receipt(operation.reference)
        assert receipt is not None
        assert receipt.status
    assert await world.states() == []


async def test_a_split_pays_everybody(world: World) -> None:
    response = await world.client.get("/split")
    operation = operation_of(response)
    assert operation is not None
    assert 0 < await world.takings() < operation.amount == PRICE


async def test_a_receipt_that_is_missing_costs_nothing_else(world: World) -> None:
    response = await world.client.get("/faults/no-receipt")
    assert response.status_code == 200
    assert "Payment-Receipt" not in response.headers
    operation = operation_of(response)
    assert operation is not None
    assert operation.state == "settled"
    assert await world.takings() == PRICE


@pytest.mark.parametrize("fault", ["expired", "bad-recipient"])
async def test_a_challenge_that_must_not_be_paid_is_not(world: World, fault: str) -> None:
    with pytest.raises(NoUsableOffer):
        await world.client.get(f"/faults/{fault}")
    assert await world.takings() == 0
    assert await world.states() == []


async def test_money_that_bought_an_error_is_found_on_the_chain(world: World) -> None:
    with pytest.raises(PaidNotDelivered) as caught:
        await world.client.get("/faults/server-error")
    assert caught.value.operation.state == "settled"
    assert await world.takings() == PRICE


async def test_a_refused_pull_stays_open_while_it_can_land_and_is_closed_after(world: World) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        await world.client.get("/faults/wrong-amount")
    assert caught.value.problem is not None
    assert await world.states() == ["unknown"]
    assert [str(row.state) for row in await world.payments.recover()] == ["unknown"]
    world.clock.now += timedelta(minutes=2)
    assert [str(row.state) for row in await world.payments.recover()] == ["refused"]
    assert await world.takings() == 0


async def test_a_crowd_fits_the_budget(world: World) -> None:
    results = await asyncio.gather(*(world.client.get("/charge") for _ in range(30)), return_exceptions=True)
    paid = [result for result in results if isinstance(result, httpx.Response) and result.status_code == 200]
    assert len(paid) == 20, [repr(result) for result in results if isinstance(result, Exception)]
    assert await world.takings() == 20 * PRICE
    assert await world.states() == []
