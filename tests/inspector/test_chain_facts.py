"""What a chain is asked about recipients, and that trouble with it only leaves things out."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from mpp_console.inspector.chain_facts import ask_chain
from mpp_console.methods.tempo.chain import Block, Chain, ChainUnreachable

TOKEN, HOLDER, SPENT, NEW = "0x20c0" + "0" * 36, "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20


class SmallChain:
    def __init__(self, *, fails: bool = False, hangs: bool = False) -> None:
        self.fails, self.hangs = fails, hangs

    async def balance(self, token: str, owner: str) -> int:
        if self.fails:
            raise ChainUnreachable("gone")
        if self.hangs:
            await asyncio.Event().wait()
        return 5 if owner.lower() == HOLDER else 0

    async def block(self, tag: str = "latest") -> Block:
        return Block(number=20_000, timestamp=1, base_fee=1)

    async def logs(self, *, topics: list[str], from_block: int, **_: Any) -> list[str]:
        assert from_block == 10_000
        return ["a log"] if topics[2].endswith(SPENT[2:]) else []


async def test_who_has_held_the_token() -> None:
    pairs = {(TOKEN, HOLDER), (TOKEN, SPENT), (TOKEN, NEW)}
    facts = await ask_chain(cast(Chain, SmallChain()), chain_id=1, payer=None, pairs=pairs)
    assert facts.initialised == {(TOKEN, HOLDER): True, (TOKEN, SPENT): True, (TOKEN, NEW): False}


async def test_trouble_leaves_it_open() -> None:
    for chain in (SmallChain(fails=True), SmallChain(hangs=True)):
        facts = await ask_chain(cast(Chain, chain), chain_id=1, payer="0x1", pairs=[(TOKEN, NEW)], patience=0.01)
        assert (facts.initialised, facts.payer, facts.chain_id) == ({}, "0x1", 1)
