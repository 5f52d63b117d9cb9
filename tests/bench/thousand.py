"""A thousand channels of one payer on the sandbox node: found by the chain's record, listed, and held against it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from mpp_console.client.sessions.leases import ScopeLeases
from mpp_console.client.sessions.lifecycle import SessionManager
from mpp_console.client.sessions.recovery import ChannelSearch
from mpp_console.history import Database
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.calls import Gas, build_transaction
from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS
from mpp_console.methods.tempo.keys import LocalSigner, to_checksum
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.reserve_abi import OpenCall, encode_open
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import Secret
from mpp_console.sandbox.node import SandboxNode

CHANNELS = 1_000
PAYER = LocalSigner(Secret(b"\x0a" * 32))


def utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Web3Chain, HistoryChannels]]:
    async with SandboxNode(folder / "chain.db") as node:
        assert node.rpc_url is not None
        chain = Web3Chain(node.rpc_url)
        database = await Database.open(folder / "history.db")
        try:
            yield chain, HistoryChannels(database, clock=utc_now)
        finally:
            await database.close()
            await chain.aclose()


async def open_channel(chain: Web3Chain, number: int) -> None:
    call = OpenCall(
        payee=to_checksum(f"0x{number + 1:040x}"),
        operator=ZERO_ADDRESS,
        token=SANDBOX.default_token,
        deposit=100,
        salt=f"0x{number:064x}",
        authorized_signer=ZERO_ADDRESS,
    )
    tx = build_transaction(
        chain_id=SANDBOX.chain_id,
        calls=(Call(to_checksum(RESERVE), 0, encode_open(call)),),
        gas=Gas(limit=2_000_000, max_fee_per_gas=100 * 10**9, max_priority_fee_per_gas=10**9),
        valid_before=int(utc_now().timestamp()) + 25,
        valid_after=1 + number,
        fee_token=SANDBOX.default_token,
        sponsored=False,
    )
    receipt = await chain.send_raw_sync(tx.sign(PAYER).encode(), timeout=20)
    if not receipt.status:
        raise RuntimeError("the channel was not opened")


async def measure(folder: Path) -> dict[str, float]:
    """Seconds for each step."""
    took: dict[str, float] = {}
    async with world(folder) as (chain, book):
        await chain.fund(PAYER.address)
        for number in range(CHANNELS):
            await open_channel(chain, number)
        search = ChannelSearch(book=book, chain=chain, network=SANDBOX, clock=utc_now)
        manager = SessionManager(
            book=book,
            leases=ScopeLeases(book),
            chain=chain,
            network=SANDBOX,
            clock=utc_now,
            signer_of={PAYER.address: PAYER}.get,
        )
        start = time.perf_counter()
        found = await search.run(PAYER.address, from_block=0)
        took["found on the chain and written"] = time.perf_counter() - start
        start = time.perf_counter()
        rows = (await book.rows()).rows
        took["listed"] = time.perf_counter() - start
        start = time.perf_counter()
        synced = await manager.sync()
        took["synced with the chain"] = time.perf_counter() - start
        if not len(found.orphans) == len(rows) == len(synced) == CHANNELS or any(row.trouble for row in synced):
            raise RuntimeError(f"{len(found.orphans)} found, {len(rows)} listed, {len(synced)} synced")
    return took
