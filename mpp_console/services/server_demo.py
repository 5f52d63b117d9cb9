"""The demo API as the console serves it: paid to the sandbox's merchant, its fees borne by the sandbox's sponsor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpp_console.sandbox.demo import DemoApi
    from mpp_console.server.stores.sqlite import SqliteStore
    from mpp_console.services.engine import Engine
    from mpp_console.services.server_channels import ServerChannels
    from mpp_console.services.tail import Tail

__all__ = ["demo_api"]

SPONSOR_FLOOR = 1_000_000
"""Base units below which the fee sponsor is given more play money: a dollar pays thousands of fees."""


async def demo_api(engine: Engine, *, store: SqliteStore, channels: ServerChannels, tail: Tail) -> DemoApi:
    """Made from the sandbox's keys and chain; the sponsor is funded when it runs low. `tail` is told of everything."""
    from mpp_console.methods.tempo.keys import LocalSigner
    from mpp_console.methods.tempo.payee import SponsorPolicy
    from mpp_console.protocol import ChallengeBinder
    from mpp_console.sandbox.demo import DemoApi

    keys = await engine.keys.get()
    chain = await engine.chain.get()
    sponsor = LocalSigner(keys.sponsor)
    if await chain.balance(engine.network.default_token, sponsor.address) < SPONSOR_FLOOR:
        await chain.fund(sponsor.address)
    merchant = LocalSigner(keys.merchant)
    policy = SponsorPolicy(signer=sponsor, fee_tokens=engine.network.fee_tokens)
    return DemoApi(
        recipient=merchant.address,
        network=engine.network,
        chain=chain,
        binder=ChallengeBinder((keys.binder,)),
        store=store,
        sponsor=policy,
        sessions=await channels.payee(),
        clock=engine.clock,
        random_bytes=engine.random_bytes,
        counter=engine.counter,
        observe=tail.observe,
    )
