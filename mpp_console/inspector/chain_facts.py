"""Asks a chain whether the recipients of offers have ever held the token they want. Reads only, and never insists: what
cannot be asked is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from mpp_console.inspector.evidence import ChainFacts
from mpp_console.methods.tempo.chain import Chain
from mpp_console.methods.tempo.keys import address_bytes, to_checksum
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC
from mpp_console.protocol import MppError

__all__ = ["ask_chain"]

_SEARCH_BLOCKS: Final = 10_000
"""How far back transfers are looked for; nodes refuse wider searches."""
_QUESTIONS: Final = 16
"""Recipients that are asked about: a stranger decides how many an answer names."""
_PATIENCE: Final = 5.0


async def ask_chain(
    chain: Chain, *, chain_id: int, payer: str | None, pairs: Iterable[tuple[str, str]], patience: float = _PATIENCE
) -> ChainFacts:
    """The facts about these (token, recipient) pairs, in lower case. `patience` in seconds bounds it. Never raises for
    trouble with the chain."""
    asked = sorted(pairs)[:_QUESTIONS]
    known: dict[tuple[str, str], bool] = {}
    try:
        async with asyncio.timeout(patience):
            for token, recipient in asked:
                known[token, recipient] = await _has_held(chain, token, recipient)
    except (TimeoutError, MppError):
        pass
    return ChainFacts(chain_id=chain_id, payer=payer, initialised=known)


async def _has_held(chain: Chain, token: str, recipient: str) -> bool:
    """Raises MppError."""
    if await chain.balance(to_checksum(token), to_checksum(recipient)):
        return True
    block = await chain.block()
    topic = "0x" + (bytes(12) + address_bytes(recipient)).hex()
    first = max(0, block.number - _SEARCH_BLOCKS)
    logs = await chain.logs(address=to_checksum(token), topics=[TRANSFER_TOPIC, None, topic], from_block=first)
    return bool(logs)
