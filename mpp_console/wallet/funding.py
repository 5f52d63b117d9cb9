"""How money gets into an account: the faucet where a network has one, else an address to send to, as text, URI and QR
code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import Currency, MppError
from mpp_console.wallet.balances import Balance, read_balances

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain
    from mpp_console.methods.tempo.networks import Network

__all__ = ["Funding", "NoFaucet", "Receiving", "fund", "payment_uri", "qr_rows", "receiving"]

CONFIRM_SECONDS: Final = 30.0
"""How long the faucet's transfers are waited for; a block takes half a second."""

_QUIET: Final = 2  # modules of margin; the norm asks for four, readers make do with two, and screens are small
_HALF_BLOCKS: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class NoFaucet(MppError):
    """The network gives no money away."""

    default_code = "no-faucet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """What the faucet did. `references` are its transactions; `failed` those that reverted, `pending` those without a
    receipt when the waiting ended.
    """

    address: str
    references: tuple[str, ...]
    failed: tuple[str, ...]
    pending: tuple[str, ...]
    balances: tuple[Balance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """How to be paid: the checksummed address, a URI (EIP-681), and its QR code as rows of half blocks.

    In `qr_rows` a block is a dark module: draw them dark on a light ground. `note` warns of what a sender may get
    wrong.
    """

    address: str
    uri: str
    qr_rows: tuple[str, ...]
    note: str


async def fund(
    chain: Chain,
    network: Network,
    address: str,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    confirm_seconds: float = CONFIRM_SECONDS,
) -> Funding:
    """Asks the faucet for money and waits until it is there. Raises NoFaucet or ChainError."""
    if not network.faucet:
        raise NoFaucet(f"{network.name} has no faucet", hint="send money to the account's address instead")
    from mpp_console.methods.tempo.push import Unconfirmed, await_receipt

    references = await chain.fund(address)

    async def status(reference: str) -> bool | None:
        try:
            receipt = await await_receipt(chain, reference, seconds=confirm_seconds, sleep=sleep)
        except Unconfirmed:
            return None
        return None if receipt is None else receipt.status

    found = dict(zip(references, await asyncio.gather(*map(status, references)), strict=True))
    return Funding(
        address=address,
        references=references,
        failed=tuple(reference for reference, status in found.items() if status is False),
        pending=tuple(reference for reference, status in found.items() if status is None),
        balances=await read_balances(chain, network, address, clock=clock),
    )


def receiving(
    network: Network, address: str, *, currency: Currency | None = None, amount: int | None = None
) -> Receiving:
    """What to show somebody who is to pay `address`; `amount` in base units of `currency`. Blocking: draws the QR
    code.
    """
    from mpp_console.methods.tempo.keys import to_checksum

    checked = to_checksum(address)
    uri = payment_uri(network, checked, currency=currency, amount=amount)
    tokens = ", ".join(token.symbol for token in network.tokens)
    real = "" if network.kind == "mainnet" else " Never send real money to it."
    note = f"Only tokens of {network.name} (chain {network.chain_id}): {tokens}.{real}"
    return Receiving(address=checked, uri=uri, qr_rows=qr_rows(uri), note=note)


def payment_uri(network: Network, address: str, *, currency: Currency | None = None, amount: int | None = None) -> str:
    """The address as a URI (EIP-681): bare, or as a transfer of a token that the sender's wallet fills in."""
    if currency is None:
        return f"ethereum:{address}@{network.chain_id}"
    wanted = "" if amount is None else f"&uint256={amount}"
    return f"ethereum:{currency.id}@{network.chain_id}/transfer?address={address}{wanted}"


def qr_rows(text: str) -> tuple[str, ...]:
    """A QR code as rows of `█▀▄` and spaces, two modules high each, with a margin. A block is a dark module."""
    import segno

    code = segno.make_qr(text, error="m")
    modules = [[bool(value) for value in row] for row in code.matrix_iter(border=_QUIET)]
    if len(modules) % 2:
        modules.append([False] * len(modules[0]))
    return tuple(
        "".join(_HALF_BLOCKS[upper, lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(modules[::2], modules[1::2], strict=True)
    )
