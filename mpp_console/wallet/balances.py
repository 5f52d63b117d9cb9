"""What an address holds, asked of the chain for all tokens at once. Unknown is None with its reason, never zero."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mpp_console.protocol import Currency, MppError

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.networks import Network, Token

__all__ = ["Balance", "read_balance", "read_balances"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Base units of `currency` held at `at`; `available` is None when it could not be asked, and `error` says why."""

    currency: Currency
    available: int | None
    at: datetime
    error: str | None = None


async def read_balances(
    chain: Chain,
    network: Network,
    owner: str,
    *,
    clock: Callable[[], datetime],
    tokens: Iterable[Token] | None = None,
) -> tuple[Balance, ...]:
    """The balances of `tokens`, by default of every token in the network's table, in their order.

    Never raises for what a chain can do: one token that cannot be asked hides no other.
    """
    wanted = network.tokens if tokens is None else tuple(tokens)
    return tuple(await asyncio.gather(*(read_balance(chain, token, owner, clock=clock) for token in wanted)))


async def read_balance(chain: Chain, token: Token, owner: str, *, clock: Callable[[], datetime]) -> Balance:
    """The balance of one token."""
    try:
        available = await chain.balance(token.address, owner)
    except MppError as error:
        return Balance(currency=token.currency, available=None, at=clock(), error=error.message)
    return Balance(currency=token.currency, available=available, at=clock())
