"""The run: a chain, a shop, customers, and an axe whose blows depend on the seed and on what was sold so far."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mpp_console.methods.tempo.reserve_abi import GRACE_SECONDS
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_record import ChannelRecord, ChannelState
from mpp_console.protocol import WITHDRAW_CUSHION
from mpp_console.sandbox.node import SandboxNode
from mpp_console.server.channels import SqliteChannels
from mpp_console.server.stores.sqlite import SqliteStore
from tests.soak.audit import Report, audit, balances
from tests.soak.shop import MERCHANT, SPONSOR, key_of

__all__ = ["Plan", "soak"]

ROOT = Path(__file__).parents[2]
LOOK = 0.02
PATIENCE = 60.0
"""Seconds that the shop has for what it does by itself, once a second."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    channels: int = 50
    vouchers: int = 10_000
    processes: int = 5
    kills: int = 60
    seed: int = 1
    protocol: str = "v2"

    @property
    def names(self) -> list[str]:
        return [f"customer {number}" for number in range(self.channels)]

    def groups(self) -> list[list[str]]:
        count = min(self.processes, self.channels)
        return [self.names[number::count] for number in range(count)]

    def blows(self) -> list[tuple[int, int]]:
        """After how many deliveries somebody is killed, and whom: 0 the shop, else a group of customers by number."""
        chance = random.Random(self.seed)
        moments = sorted(chance.randrange(self.vouchers) for _ in range(self.kills))
        # Every third blow hits the shop: it is one, and they are many.
        return [
            (moment, 0 if chance.random() < 1 / 3 else 1 + chance.randrange(len(self.groups()))) for moment in moments
        ]


@dataclass
class Stage:
    """The processes of one run."""

    plan: Plan
    folder: Path
    rpc_url: str
    url: str = ""
    shop: asyncio.subprocess.Process | None = None
    buyers: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=lambda: {"shop": 0, "customers": 0})

    @property
    def delivered(self) -> int:
        path = self.folder / "delivered.log"
        return path.stat().st_size // 67 if path.exists() else 0

    async def open_shop(self) -> None:
        port = self.url.rsplit(":", 1)[-1] if self.url else "0"
        environment = {
            "RPC_URL": self.rpc_url,
            "STORE": str(self.folder / "shop.db"),
            "DELIVERED": str(self.folder / "delivered.log"),
            "PORT": port,
            "PROTOCOL": self.plan.protocol,
        }
        self.shop = await start("tests.soak.shop", environment=environment, stdout=True)
        assert self.shop.stdout is not None
        self.url = json.loads(await self.shop.stdout.readline())["url"]

    async def kill_shop(self) -> None:
        assert self.shop is not None
        self.shop.kill()
        await self.shop.wait()
        self.killed["shop"] += 1
        await self.open_shop()

    async def customers(
        self, number: int, act: str, *, ahead: int = 0, alone: bool = False
    ) -> asyncio.subprocess.Process:
        names = self.plan.groups()[number - 1]
        environment = {
            "HOME_OF": str(self.folder / f"customers-{number}"),
            "RPC_URL": self.rpc_url,
            "URL": self.url,
            "NAMES": ",".join(names),
            "TARGET": str(-(-self.plan.vouchers // self.plan.channels)),
            "AHEAD": str(ahead),
            **({"ALONE": "1"} if alone else {}),
        }
        return await start("tests.soak.customers", act, environment=environment)

    async def claimed(self) -> None:
        """Returns when the shop has answered everybody who asked the chain to close."""
        await self._until(lambda open_: all(record.spent <= record.settled for record in open_))

    async def told(self) -> None:
        """Returns when the shop knows that every channel is closed: of a withdrawal it hears when it next looks."""
        await self._until(lambda open_: not open_)

    async def _until(self, holds: Callable[[Sequence[ChannelRecord]], bool]) -> None:
        # A shop that never gets there is for the books to tell, with everything else that they say.
        deadline = time.monotonic() + PATIENCE
        async with SqliteStore(self.folder / "shop.db") as store:
            open_ = frozenset(ChannelState) - {ChannelState.CLOSED}
            while not holds(await SqliteChannels(store).list(states=open_)) and time.monotonic() < deadline:
                await asyncio.sleep(LOOK)

    async def kill_customers(self, number: int) -> bool:
        """False when they have bought all they wanted."""
        victim = self.buyers[number]
        if victim.returncode is not None:
            return False
        victim.kill()
        await victim.wait()
        self.killed["customers"] += 1
        self.buyers[number] = await self.customers(number, "buy")
        return True


async def start(
    module: str, *arguments: str, environment: dict[str, str], stdout: bool = False
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env=os.environ | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE if stdout else None,
    )


async def soak(plan: Plan, folder: Path, *, say: Callable[[str], None]) -> Report:
    """Runs it all and gives the books. Raises RuntimeError when a process ends as none should."""
    for number in range(1, len(plan.groups()) + 1):
        (folder / f"customers-{number}").mkdir(parents=True)
    async with SandboxNode(folder / "chain.db") as node:
        assert node.rpc_url is not None
        chain = Web3Chain(node.rpc_url)
        try:
            accounts = [MERCHANT.address, SPONSOR.address, *(key_of(name).address for name in plan.names)]
            for account in accounts:
                await chain.fund(account)
            before = await balances(chain, accounts)
            stage = Stage(plan=plan, folder=folder, rpc_url=node.rpc_url)
            try:
                began = time.monotonic()
                await buying(stage, say)
                took = time.monotonic() - began
                await closing(stage, node, say)
            finally:
                await clear(stage)
            after = await balances(chain, accounts)
            homes = [folder / f"customers-{number}" / "history.db" for number in range(1, len(plan.groups()) + 1)]
            return await audit(
                folder, homes, before=before, after=after, chain=chain, killed=stage.killed, seconds=took
            )
        finally:
            await chain.aclose()


async def buying(stage: Stage, say: Callable[[str], None]) -> None:
    """Until every customer has bought enough, with a blow whenever its moment has come."""
    await stage.open_shop()
    groups = range(1, len(stage.plan.groups()) + 1)
    for number in groups:
        stage.buyers[number] = await stage.customers(number, "buy")
    blows = stage.plan.blows()
    while any(stage.buyers[number].returncode is None for number in groups):
        while blows and stage.delivered >= blows[0][0]:
            moment, victim = blows.pop(0)
            if victim == 0:
                await stage.kill_shop()
                say(f"{moment:>6} delivered: kill -9 of the shop")
            elif await stage.kill_customers(victim):
                say(f"{moment:>6} delivered: kill -9 of customers {victim}")
        for number in groups:
            if stage.buyers[number].returncode not in (None, 0, -9):
                raise RuntimeError(f"customers {number} ended with {stage.buyers[number].returncode}")
        await asyncio.sleep(LOOK)


async def closing(stage: Stage, node: SandboxNode, say: Callable[[str], None]) -> None:
    """By the shop, but for the first group, which asks the chain alone, so that the shop has to claim what it is owed;
    what nobody closed is withdrawn after the grace period.
    """
    groups, ahead = range(1, len(stage.plan.groups()) + 1), 0
    for attempt in range(4):
        runs = [await stage.customers(number, "close", ahead=ahead, alone=number == 1) for number in groups]
        if attempt == 0:
            await asyncio.sleep(0.5)
            await stage.kill_shop()
            say("       closing: kill -9 of the shop")
        codes = [await run.wait() for run in runs]
        if any(code not in (0, 3) for code in codes):
            raise RuntimeError(f"closing ended with {codes}")
        if not any(codes):
            await stage.told()
            return
        await stage.claimed()
        say(f"       {codes.count(3)} groups still have channels open; the chain's clock goes on")
        step = GRACE_SECONDS + WITHDRAW_CUSHION
        node.handle({"jsonrpc": "2.0", "id": 1, "method": "evm_increaseTime", "params": [step]})
        ahead += step


async def clear(stage: Stage) -> None:
    for process in (*stage.buyers.values(), stage.shop):
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
