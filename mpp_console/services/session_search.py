"""What others know of our channels: the chain, of those that the book has lost; servers; the files of other wallets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mpp_console.protocol import ChannelState, MppError, inert
from mpp_console.services.once import load

if TYPE_CHECKING:
    from mpp_console.client.sessions.recovery import Found
    from mpp_console.history.channel_import import Foreign
    from mpp_console.methods.tempo.client_channel import ClientChannel
    from mpp_console.services.engine import Engine

__all__ = ["ask_servers", "import_sessions", "search_channels"]


AT_ONCE = 8
"""How many servers are asked at the same time."""


async def search_channels(engine: Engine, payer: str, *, from_block: int | None = None) -> Found:
    """Searches wherever a deposit of ours may lie: the channel reserve, the network's escrow contract of v1, and those
    that the settings trust. What is found is in the book then.
    """
    book, chain = await engine.sessions.book.get(), await engine.chain.get()
    await load("mpp_console.client.sessions.recovery")
    from mpp_console.client.sessions.recovery import ChannelSearch
    from mpp_console.methods.tempo.keys import parse_address

    search = ChannelSearch(book=book, chain=chain, network=engine.network, clock=engine.clock)
    trusted = [parse_address(escrow.lower()) for escrow in engine.settings.sessions.escrows]
    legacy = [] if engine.network.legacy_escrow is None else [engine.network.legacy_escrow]
    # Nothing says which version a contract of somebody's own speaks: the events of both are looked for.
    searches = [replace(search, escrow=escrow) for escrow in dict.fromkeys((search.escrow, *trusted))]
    searches += [replace(search, escrow=escrow, protocol="v1") for escrow in dict.fromkeys((*legacy, *trusted))]
    return _together([await one.run(payer, from_block=from_block) for one in searches])


async def ask_servers(engine: Engine, channels: Sequence[str]) -> tuple[str, ...]:
    """Asks the servers of channels what they accepted; gives the channels of which something was learned.

    A server that does not answer is no trouble: what the chain says is what counts.
    """
    parts = engine.sessions
    book, management = await parts.book.get(), parts.management()
    from mpp_console.client.sessions.snapshots import learn_from_server

    gate = asyncio.Semaphore(AT_ONCE)

    async def one(channel: str) -> bool:
        row = await book.get(channel)
        if row is None or row.state is not ChannelState.ACTIVE or not row.askable_url:
            return False
        async with gate:
            try:
                return await learn_from_server(row, management=management, book=book, clock=engine.clock) != row
            except MppError:
                return False

    learned = await asyncio.gather(*(one(channel) for channel in channels))
    return tuple(channel for channel, news in zip(channels, learned, strict=True) if news)


async def import_sessions(
    engine: Engine, path: Path, *, dry_run: bool
) -> tuple[tuple[ClientChannel, ...], int, tuple[str, ...]]:
    """What was added (in a dry run: what would be), how many were known, and what was left out and why.

    Raises HistoryError for what is neither a `channels.db` nor a folder of mppx's sessions.
    """
    book = await engine.sessions.book.get()
    await load("mpp_console.history.channel_import")
    from mpp_console.history.channel_import import import_channels

    foreign = await asyncio.to_thread(_read, path, engine)
    ours = tuple(row for row in foreign.rows if row.chain_id == engine.network.chain_id)
    skipped = [inert(name, limit=200) for name in foreign.skipped]
    skipped += [f"{row.channel_id} (of chain {row.chain_id})" for row in foreign.rows if row not in ours]
    known = {row.channel_id for row in (await book.rows(archived=True)).rows}
    ours = tuple(_named(row, engine) for row in ours)
    new = tuple(row for row in ours if row.channel_id not in known)
    if not dry_run:
        new = await import_channels(book, replace(foreign, rows=new))
    return new, len(ours) - len(new), tuple(skipped)


def _read(path: Path, engine: Engine) -> Foreign:
    from mpp_console.history.channel_import import read_mppx_sessions, read_tempo_wallet

    path = path.expanduser()
    if path.is_dir() and (path / "channels").is_dir():
        return read_mppx_sessions(path, now=engine.clock())
    if path.is_dir():
        return read_tempo_wallet(path / "channels.db", now=engine.clock())
    return read_tempo_wallet(path, now=engine.clock())


def _named(row: ClientChannel, engine: Engine) -> ClientChannel:
    """With the network and the currency as this profile knows them."""
    token = engine.network.token(row.token)
    currency = row.currency if token is None else token.currency
    return replace(row, network=engine.network.name, currency=currency)


def _together(found: Iterable[Found]) -> Found:
    parts = tuple(found)
    return replace(
        parts[0],
        orphans=tuple(row for part in parts for row in part.orphans),
        known=sum(part.known for part in parts),
        closed=sum(part.closed for part in parts),
        until=min(part.until for part in parts),
    )
