"""A payment rail for tests: coins on a table. It signs numbers, settles what it is shown, and remembers every call."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mpp_console.methods.base import (
    Check,
    Level,
    Mode,
    Outcome,
    OutcomeState,
    PaymentRefused,
    Prepared,
    Quote,
    Transfer,
)
from mpp_console.protocol import Challenge, Credential, Currency, ParseError

COIN = Currency(id="coin", symbol="COIN", decimals=2)
PEARL = Currency(id="pearl", symbol="PEARL", decimals=2)
CURRENCIES = {currency.id: currency for currency in (COIN, PEARL)}
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class TestClock:
    """Time stands still until a test moves it."""

    __test__ = False

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class Table:
    """What really happened: which payments landed, and whether those that have not still can."""

    settled: list[str] = field(default_factory=list)
    still_open: bool = True

    def land(self, token: str) -> None:
        if token in self.settled:
            raise AssertionError(f"{token} was paid twice")
        self.settled.append(token)


class CoinPayer:
    """Pays `coin/charge`. `hooks` run at the start of the named call, to fail, to wait or to move time."""

    def __init__(
        self,
        table: Table,
        *,
        method: str = "coin",
        intent: str = "charge",
        mode: Mode = Mode.PULL,
        balance: int | None = 1_000_000,
        fee: int | None = 0,
        sponsored: bool = False,
    ) -> None:
        self.method = method
        self.intent = intent
        self.mode = mode
        self.table = table
        self.balance = balance
        self.fee = fee
        self.sponsored = sponsored
        self.calls: list[str] = []
        self.hooks: dict[str, Callable[[], Any]] = {}
        self._numbers = itertools.count(1)

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        await asyncio.sleep(0)
        hook = self.hooks.get(name)
        if hook is not None:
            result = hook()
            if asyncio.iscoroutine(result):
                await result

    async def quote(self, challenge: Challenge) -> Quote:
        await self._called("quote")
        request = challenge.request
        if not isinstance(request.get("amount"), str):
            raise ParseError("the request has no amount")
        amount = int(request["amount"])
        checks = (Check(code="wrong-rail", level=Level.REFUSE, message="that is no coin"),) if "bad" in request else ()
        return Quote(
            challenge=challenge,
            amount=amount,
            currency=CURRENCIES[request.get("currency", "coin")],
            transfers=tuple(Transfer(recipient=item, amount=amount) for item in request.get("recipients", ["till"])),
            network="table",
            chain_id=7,
            payer="purse",
            mode=self.mode,
            expires_at=challenge.expires_at,
            checks=checks,
            fee=self.fee,
            sponsored=self.sponsored,
            balance=self.balance,
        )

    async def prepare(self, quote: Quote) -> Prepared:
        await self._called("prepare")
        if not quote.payable:
            raise PaymentRefused("that is no coin")
        token = f"0xcafe{next(self._numbers):04x}"
        credential = Credential(challenge=quote.challenge, payload={"token": token}, source="purse")
        reference = None if self.mode is Mode.PROOF else token
        return Prepared(quote=quote, credential=credential, reference=reference, trace={"token": token})

    async def send(self, prepared: Prepared) -> Credential:
        await self._called("send")
        if self.mode is Mode.PUSH:
            self.table.land(prepared.trace["token"])
        return prepared.credential

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Outcome:
        await self._called("resolve")
        if trace.get("token") in self.table.settled:
            return Outcome(state=OutcomeState.SETTLED, reference=reference)
        if self.table.still_open:
            return Outcome(state=OutcomeState.STILL_OPEN)
        return Outcome(state=OutcomeState.NEVER_HAPPENED, message="it can no longer land")
