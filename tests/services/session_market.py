"""A console in a home of its own and a session server that may misbehave, on one sandbox chain over real sockets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.protocol import WITHDRAW_CUSHION
from mpp_console.services import Console
from mpp_console.services.models import PayRequest, PayResult, SessionAct, SessionResult, SessionRow
from mpp_console.services.once import Once
from mpp_console.services.paths import Paths
from mpp_console.services.settings import PolicySettings, Settings
from tests.client.sessions.conftest import HandClock, signer
from tests.client.sessions.shop import PRICE, Shop
from tests.client.till import Server

ALL = GRACE_SECONDS + WITHDRAW_CUSHION
"""Seconds from the request to close until the rest is withdrawn."""

FULL = 10**12
"""What the sandbox gives a new account of each token."""


@dataclass
class Market:
    """One customer's console and one shop. What is said of the chain comes from the shop's own view of it."""

    console: Console
    shop: Shop
    server: Server
    clock: HandClock
    home: Path
    settings: Settings

    @property
    def url(self) -> str:
        return f"{self.server.url}/chat"

    async def pay(self, url: str | None = None, **wishes: Any) -> PayResult:
        """One request, paid as far as the policy allows by itself."""
        return await self.console.payments.start(PayRequest(url=url or self.url, mode="auto", **wishes)).result()

    async def act(self, act: SessionAct, *channels: str, **options: Any) -> SessionResult:
        """Reviews and approves, on the only open channel without any named."""
        named = channels or tuple(row.id for row in await self.rows() if row.state != "finalized")
        task = self.console.sessions.start(act, named, **options)
        await task.review()
        task.approve()
        return await task.result()

    async def rows(self) -> tuple[SessionRow, ...]:
        return (await self.console.sessions.load()).rows

    async def row(self) -> SessionRow:
        """The only channel."""
        (row,) = await self.rows()
        return row

    async def kinds(self, channel: str) -> list[str]:
        """What happened to a channel, in words."""
        return [entry.kind for entry in (await self.console.sessions.show(channel)).entries]

    async def balance(self) -> int:
        (first, *_) = await self.console.balances()
        assert first.available is not None
        return first.available

    @property
    def account(self) -> str:
        account = self.console.snapshot().account
        assert account is not None
        return account.address

    async def restart(self, **options: Any) -> Console:
        """Closes the console and opens another one in the same home."""
        await self.console.close()
        self.console = await open_console(self.home, self.clock, options.pop("settings", self.settings), **options)
        self.shop.chain = await self.console._engine.chain.get()
        await self.console.balances()
        return self.console

    def chain(self, chain: Any) -> None:
        """Lets the console ask another chain from now on."""

        async def opened() -> Any:
            return chain

        self.console._engine.chain = Once(opened)
        self.console._engine._payments.clear()

    def lose_the_book(self) -> None:
        """Deletes the history, as an accident would. The console must be closed."""
        for file in self.home.rglob("history.db*"):
            file.unlink()

    async def program(self, *words: str) -> asyncio.subprocess.Process:
        """A program of its own that pays the shop."""
        command = (sys.executable, "-m", "tests.services.session_program", str(self.home), self.url, *words)
        return await asyncio.create_subprocess_exec(*command)


async def open_console(home: Path, clock: HandClock, settings: Settings, profile: str = "sandbox") -> Console:
    console = await Console.open(profile, settings=settings, paths=Paths.under(home), clock=clock)
    console._engine.sessions.sleep = no_sleep
    return console


async def no_sleep(seconds: float) -> None:
    """Looks again at once, and lets everybody else have a turn."""
    await asyncio.sleep(0)


@asynccontextmanager
async def open_market(
    home: Path, settings: Settings | None = None, clock: HandClock | None = None
) -> AsyncIterator[Market]:
    settings, clock = settings or Settings(), clock or HandClock()
    console = await open_console(home, clock, settings)
    market = None
    try:
        await console.balances()
        chain = await console._engine.chain.get()
        await chain.fund(signer(2).address)
        shop = Shop(chain=chain, signer=signer(2), clock=clock)
        async with Server(shop) as server:
            market = Market(console=console, shop=shop, server=server, clock=clock, home=home, settings=settings)
            yield market
    finally:
        await (console if market is None else market.console).close()


def strict(**rules: Any) -> Settings:
    """Settings with a spending policy."""
    return Settings(policy=PolicySettings(**rules))


__all__ = ["ALL", "FULL", "PRICE", "Market", "open_console", "open_market", "strict"]
