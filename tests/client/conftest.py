"""A purse, a till and a journal, wired as a library user would wire them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mpp_console.client.auth import PaymentAuth
from mpp_console.client.events import PaymentEvent
from mpp_console.client.journal import Journal, MemoryJournal
from mpp_console.client.payments import Payments
from mpp_console.client.policy import SpendingPolicy
from mpp_console.methods.base import Payer

from .rail import CoinPayer, Table, TestClock
from .till import Server, Till

ALLOW_ALL = SpendingPolicy(confirm_by_default=False)


class Purse:
    """Everything on the paying side, and what it reported."""

    def __init__(self, clock: TestClock, table: Table) -> None:
        self.clock = clock
        self.table = table
        self.payer = CoinPayer(table)
        self.memory = MemoryJournal(clock=clock)
        self.journal: Journal = self.memory
        self.policy = ALLOW_ALL
        self.payers: list[Payer] = [self.payer]
        self.events: list[PaymentEvent] = []
        self.options: dict[str, Any] = {"patience": 0.2}
        self._ids = itertools.count(1)

    def payments(self) -> Payments:
        return Payments(
            payers=lambda: self.payers,
            policy=lambda: self.policy,
            journal=self.journal,
            clock=self.clock,
            new_id=lambda: f"id-{next(self._ids)}",
            observe=self.events.append,
            **self.options,
        )

    def client(self, *, auth: dict[str, Any] | None = None, **options: Any) -> httpx.AsyncClient:
        options.setdefault("timeout", 5)
        return httpx.AsyncClient(auth=PaymentAuth(self.payments(), **(auth or {})), trust_env=False, **options)

    @property
    def states(self) -> list[str]:
        return [str(operation.state) for operation in self.memory.operations]

    @property
    def reported(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def purse(clock: TestClock, table: Table) -> Purse:
    return Purse(clock, table)


@pytest.fixture
def till(clock: TestClock, table: Table) -> Till:
    return Till(table, clock)


@pytest.fixture
async def server(till: Till) -> AsyncIterator[Server]:
    async with Server(till) as running:
        yield running
