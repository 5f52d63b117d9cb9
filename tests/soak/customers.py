"""Customers of the shop, in one process that may be killed at any moment: each pays over a channel of its own.

    HOME_OF=<folder> RPC_URL=… URL=… NAMES=a,b TARGET=200 python -m tests.soak.customers buy|close

`buy` ends when the server has counted TARGET requests for each; `close` when no channel holds money any more, or says
which still do and ends with 3. With ALONE it asks the chain instead of the shop.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from mpp_console.client.auth import PaymentAuth
from mpp_console.client.payments import Payments
from mpp_console.client.policy import SpendingPolicy
from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.client.sessions.lifecycle import SessionManager
from mpp_console.client.sessions.management import HttpManagement
from mpp_console.client.sessions.recovery import ChannelSearch
from mpp_console.history import Database, HistoryJournal
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_payer import SessionPayer
from mpp_console.protocol import MppError
from mpp_console.sandbox.node.escrow import ESCROW
from tests.soak.shop import PRICE, append_line, key_of

PAUSE = 0.1
"""Seconds before somebody whose request failed tries again: the shop may be starting anew."""


@dataclass
class Customers:
    """What the customers of one process share."""

    url: str
    chain: Web3Chain
    database: Database
    book: HistoryChannels
    journal: HistoryJournal
    leases: ScopeLeases
    ahead: timedelta = timedelta(0)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def payments(self, signer: LocalSigner) -> Payments:
        payer = SessionPayer(
            signer=signer,
            chain=self.chain,
            network=SANDBOX,
            clock=self.clock,
            book=self.book,
            leases=self.leases,
            management=HttpManagement(plain),
        )
        policy = SpendingPolicy(confirm_by_default=False)
        return Payments(payers=[payer], policy=policy, journal=self.journal, clock=self.clock)

    def manager(self, signers: dict[str, LocalSigner]) -> SessionManager:
        return SessionManager(
            book=self.book,
            leases=self.leases,
            chain=self.chain,
            network=SANDBOX,
            clock=self.clock,
            signer_of=signers.get,
            management=HttpManagement(plain),
        )

    async def counted(self, signer: LocalSigner) -> int:
        """How many requests the server's receipts own up to, over all channels of an account."""
        rows = (await self.book.rows(archived=True)).rows
        return sum(row.spent for row in rows if row.payer == signer.address) // PRICE


@asynccontextmanager
async def plain() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


@asynccontextmanager
async def customers(home: Path) -> AsyncIterator[Customers]:
    ahead = timedelta(seconds=int(os.environ.get("AHEAD", "0")))
    database = await Database.open(home / "history.db")
    chain = Web3Chain(os.environ["RPC_URL"])

    def clock() -> datetime:
        return datetime.now(UTC) + ahead

    book = HistoryChannels(database, clock=clock)
    try:
        yield Customers(
            url=os.environ["URL"],
            chain=chain,
            database=database,
            book=book,
            journal=HistoryJournal(database, clock=clock),
            leases=ScopeLeases(book),
            ahead=ahead,
        )
    finally:
        await chain.aclose()
        await database.close()


async def buy(group: Customers, name: str, target: int, log: Path) -> None:
    """Buys until the server has counted `target` requests, whatever dies meanwhile."""
    signer, got = key_of(name), append_line(log)
    async with httpx.AsyncClient(auth=PaymentAuth(group.payments(signer)), trust_env=False, timeout=20) as client:
        while await group.counted(signer) < target:
            try:
                answer = await client.get(group.url + "/goods")
            except (MppError, httpx.HTTPError):
                await asyncio.sleep(PAUSE)
                continue
            if answer.status_code == 200:
                got(name)


async def close(group: Customers, names: list[str]) -> int:
    """Closes every channel; the number that still hold money."""
    signers = {key_of(name).address: key_of(name) for name in names}
    manager = group.manager(signers)
    for signer in signers:
        # What the book knows is looked up once more by the chain's own record, as after a lost file.
        search = ChannelSearch(book=group.book, chain=group.chain, network=SANDBOX, clock=group.clock)
        await search.run(signer, from_block=0)
        await replace(search, escrow=ESCROW, protocol="v1").run(signer, from_block=0)
    await manager.sync()
    for row in (await group.book.rows()).rows:
        try:
            result = await manager.close(row.channel_id, cooperative="ALONE" not in os.environ)
        except (MppError, httpx.HTTPError) as error:
            print(f"{row.channel_id[:10]} {row.state}: {error}", file=sys.stderr)
        else:
            if result.refunded is None:
                print(f"{row.channel_id[:10]} {result.how}: {result.message}", file=sys.stderr)
    return len((await group.book.rows()).rows)


async def main(act: str) -> int:
    home, names = Path(os.environ["HOME_OF"]), os.environ["NAMES"].split(",")
    async with customers(home) as group:
        await group.payments(key_of(names[0])).recover()
        if act == "close":
            return 3 if await close(group, names) else 0
        target = int(os.environ["TARGET"])
        await asyncio.gather(*(buy(group, name, target, home / "got.log") for name in names))
        await group.payments(key_of(names[0])).recover()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
