"""Consoles in a home of their own, over real sockets, and a private network on which payments are asked about."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.protocol import ChallengeBinder, Secret
from mpp_console.sandbox.demo import DemoApi
from mpp_console.sandbox.embedded import EmbeddedServer
from mpp_console.sandbox.node import SandboxNode
from mpp_console.server.stores.memory import MemoryStore
from mpp_console.services import Console
from mpp_console.services.events import ConsoleEvent
from mpp_console.services.paths import Paths
from mpp_console.services.settings import NetworkSettings, PolicySettings, Settings

DEVNET_CHAIN_ID = 31_999
PASSPHRASE = "correct horse"


@dataclass
class Clock:
    """Wall time that a test can push forward."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(autouse=True)
def plain_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No system keyring in tests, and a passphrase for key files."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("MPP_CONSOLE_PASSPHRASE", PASSPHRASE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


OpenConsole = Callable[..., Any]


@pytest.fixture
async def open_console(tmp_path: Path, clock: Clock) -> AsyncIterator[OpenConsole]:
    """Opens consoles in one home; closes them after the test."""
    opened: list[Console] = []

    async def opens(profile: str = "sandbox", **options: Any) -> Console:
        console = await Console.open(
            profile, **{"settings": Settings(), "paths": Paths.under(tmp_path / "home"), "clock": clock, **options}
        )
        opened.append(console)
        return console

    yield opens
    for console in reversed(opened):
        await console.close()


@pytest.fixture
async def console(open_console: OpenConsole) -> Console:
    opened = await open_console()
    assert isinstance(opened, Console)
    return opened


class Heard:
    """Everything that a console told."""

    def __init__(self, console: Console) -> None:
        self.events: list[ConsoleEvent] = []
        self._more = asyncio.Event()
        console.events.subscribe(self._hear)

    def _hear(self, event: ConsoleEvent) -> None:
        self.events.append(event)
        self._more.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, found: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Waits, without polling, until `found` gives something."""
        async with asyncio.timeout(seconds):
            while not (result := found()):
                self._more.clear()
                await self._more.wait()
        return result


@dataclass(frozen=True)
class Devnet:
    """A network of one's own with a paid API on it: a profile on which payments are asked about."""

    url: str
    rpc_url: str
    settings: Settings

    def with_policy(self, **rules: Any) -> Settings:
        return Settings(networks=self.settings.networks, policy=PolicySettings(**rules))


@pytest.fixture
async def devnet(clock: Clock) -> AsyncIterator[Devnet]:
    async with run_devnet(clock) as running:
        yield running


@asynccontextmanager
async def run_devnet(clock: Clock) -> AsyncIterator[Devnet]:
    from mpp_console.methods.tempo.rpc import Web3Chain
    from mpp_console.services.profile import find_profile

    counter = itertools.count(1)
    async with SandboxNode(None, clock=clock, chain_id=DEVNET_CHAIN_ID) as node:
        assert node.rpc_url is not None
        settings = Settings(
            networks={"devnet": NetworkSettings(rpc_url=node.rpc_url, chain_id=DEVNET_CHAIN_ID, faucet=True)}
        )
        chain = Web3Chain(node.rpc_url)
        demo = DemoApi(
            recipient="0x3325a78425F17a7E487Eb5666b2bFd93aBb06c70",
            network=find_profile("devnet", settings).network,
            chain=chain,
            binder=ChallengeBinder((Secret(b"k" * 32),)),
            store=MemoryStore(clock=clock),
            clock=clock,
            random_bytes=lambda size: next(counter).to_bytes(size, "big"),
        )
        async with EmbeddedServer(demo.app) as server:
            yield Devnet(url=server.url, rpc_url=node.rpc_url, settings=settings)
        await chain.aclose()
