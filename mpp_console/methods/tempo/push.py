"""Broadcasting a signed transaction so that the answer is never mistaken.

Used by the payer for pushed payments and by the payee for payments handed to it. There are three ends: included,
certainly not taken (`Undelivered`), or nobody knows yet (`Unconfirmed`); an error of the network in between never
decides alone.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Final

from mpp_console.methods.base import PaymentFailed, PaymentUncertain
from mpp_console.protocol import MppError

from .chain import AlreadyKnown, Chain, ChainError, NotSent, TransactionRejected, TxReceipt

__all__ = ["Unconfirmed", "Undelivered", "await_receipt", "deliver", "push"]

POLL_SECONDS: Final = 0.5
"""About one block."""

REJECTION_SECONDS: Final = 1.0
"""How long a refused transaction is looked for all the same. A nonce that is used up is refused too, and then this very
transaction may be what used it; and a node may answer badly about what it took."""


class Undelivered(MppError):
    """The transaction is certainly not on the chain and not on its way there. `unreachable`: because no node was."""

    default_code = "undelivered"

    @property
    def unreachable(self) -> bool:
        return isinstance(self.__cause__, NotSent)


class Unconfirmed(MppError):
    """The transaction may be on its way; no receipt was seen in time."""

    default_code = "unconfirmed"


async def deliver(
    chain: Chain,
    raw: bytes,
    tx_hash: str,
    *,
    timeout: float,  # noqa: ASYNC109  handed to the node
    recovery: float,
    sleep: Callable[[float], Awaitable[None]],
) -> TxReceipt:
    """Broadcasts and waits up to `timeout` seconds; after an answer that decides nothing, looks for the receipt
    `recovery` seconds.

    Raises Undelivered or Unconfirmed. A receipt for another hash than `tx_hash` is not believed.
    """
    try:
        receipt = await chain.send_raw_sync(raw, timeout=timeout)
        if receipt.hash.lower() == tx_hash.lower():
            return receipt
    except NotSent as error:
        raise Undelivered(error.message, code=error.code, hint=error.hint) from error
    except AlreadyKnown:
        pass
    except TransactionRejected as error:
        found = await await_receipt(chain, tx_hash, seconds=REJECTION_SECONDS, sleep=sleep)
        if found is None:
            raise Undelivered(error.message, code=error.code, hint=error.hint) from error
        return found
    except ChainError:
        pass
    found = await await_receipt(chain, tx_hash, seconds=recovery, sleep=sleep)
    if found is None:
        raise Unconfirmed(f"No receipt of transaction {tx_hash} was seen in time. It may still be included.")
    return found


async def await_receipt(
    chain: Chain, tx_hash: str, *, seconds: float, sleep: Callable[[float], Awaitable[None]]
) -> TxReceipt | None:
    """Looks for a receipt once, and again every half second for `seconds`. Raises Unconfirmed when the last look
    failed.
    """
    for attempt in range(math.ceil(seconds / POLL_SECONDS) + 1):
        if attempt:
            await sleep(POLL_SECONDS)
        failure: ChainError | None = None
        try:
            receipt = await chain.receipt(tx_hash)
        except ChainError as error:
            failure = error
            continue
        if receipt is not None and receipt.hash.lower() == tx_hash.lower():
            return receipt
    if failure is not None:
        raise Unconfirmed(f"The chain could not be asked about transaction {tx_hash}: {failure.message}") from failure
    return None


async def push(
    chain: Chain,
    raw: bytes,
    tx_hash: str,
    *,
    timeout: float,  # noqa: ASYNC109  handed to the node
    sleep: Callable[[float], Awaitable[None]],
) -> TxReceipt:
    """A payer's own broadcast. Raises PaymentFailed (never happened, or reverted) or PaymentUncertain."""
    try:
        receipt = await deliver(chain, raw, tx_hash, timeout=timeout, recovery=timeout, sleep=sleep)
    except Undelivered as error:
        raise PaymentFailed(f"The payment was not taken. {error.message}", code=error.code, hint=error.hint) from error
    except Unconfirmed as error:
        raise PaymentUncertain(
            error.message,
            code="outcome-unknown",
            hint="Do not pay again before this payment is resolved; that takes at most half a minute.",
        ) from error
    if not receipt.status:
        raise PaymentFailed(
            f"The payment's transaction {tx_hash} was included but failed: only its fee was taken.", code="reverted"
        )
    return receipt
