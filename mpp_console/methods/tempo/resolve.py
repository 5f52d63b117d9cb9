"""What became of a payment whose answer was lost: asks the chain, never pays.

A payment lives in the expiring lane, so that it is certainly dead once the chain's own time has passed its
`valid_before` and nothing of it is on the chain. Until then the honest answer is that it is still open.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from mpp_console.methods.base import Outcome, OutcomeState
from mpp_console.protocol import ParseError, parse_base_units

from .chain import Block, Chain, ChainError
from .keys import address_bytes
from .tip20 import TRANSFER_TOPIC, TRANSFER_WITH_MEMO_TOPIC, Log

__all__ = ["TraceKind", "resolve_charge"]

SETTLE_MARGIN: Final = 5
"""Seconds of chain time past `valid_before` before a payment is called dead: nodes behind one address may lag each
other.
"""

SEARCH_BLOCKS: Final = 10_000
"""How far after signing the logs are searched; a payment lives 25 seconds, and nodes limit the range."""


class TraceKind(StrEnum):
    """How the payment left us."""

    PULL = "pull"
    PUSH = "push"
    SPONSORED = "sponsored"
    PROOF = "proof"


class _Trace(msgspec.Struct, frozen=True):
    kind: TraceKind
    chain_id: int
    payer: str
    token: str = ""
    recipient: str = ""
    amount: str = "0"
    memo: str | None = None
    hash: str | None = None
    valid_before: int = 0
    valid_after: int = 0
    from_block: int = 0

    def check(self) -> None:
        """Raises ParseError when what a payment needs is missing."""
        if self.kind is not TraceKind.PROOF:
            for address in (self.payer, self.token, self.recipient):
                address_bytes(address)
            parse_base_units(self.amount)


async def resolve_charge(chain: Chain, trace: Mapping[str, Any], reference: str | None) -> Outcome:
    """The outcome of the payment that `trace` describes; `reference` is its hash where one was recorded.

    An unreachable chain, another chain than the trace's and a damaged trace leave the outcome open, and say so.
    """
    try:
        known = msgspec.convert(dict(trace), type=_Trace, strict=False)
        known.check()
    except (msgspec.ValidationError, ParseError) as error:
        return _open(f"The record of this payment is damaged ({error}); look at the account's transfers.")
    if known.kind is TraceKind.PROOF:
        return Outcome(state=OutcomeState.NEVER_HAPPENED, message="A proof moves no money; just ask again.")
    try:
        if await chain.chain_id() != known.chain_id:
            return _open(f"The payment was made on chain {known.chain_id}; switch to its profile to resolve it.")
        return await _look(chain, known, reference or known.hash)
    except ChainError as error:
        return _open(f"The chain could not be asked: {error.message}")


async def _look(chain: Chain, trace: _Trace, tx_hash: str | None) -> Outcome:
    # Time is read before the search: what was not on the chain at a moment when it was already dead never will be.
    block = await chain.block()
    if tx_hash is not None:
        receipt = await chain.receipt(tx_hash)
        if receipt is not None and receipt.status:
            return _settled(receipt.hash)
        if receipt is not None:
            return Outcome(
                state=OutcomeState.NEVER_HAPPENED,
                reference=receipt.hash,
                message="The transaction failed: at most its fee was taken.",
            )
    found = await _search(chain, trace, block)
    if found is not None:
        return _settled(found)
    if block.timestamp >= trace.valid_before + SETTLE_MARGIN:
        return Outcome(
            state=OutcomeState.NEVER_HAPPENED,
            message="The payment expired without reaching the chain: nothing was paid.",
        )
    until = datetime.fromtimestamp(trace.valid_before + SETTLE_MARGIN, UTC)
    return _open(f"The payment can still be taken until {until:%H:%M:%S} UTC; ask again after that.")


async def _search(chain: Chain, trace: _Trace, block: Block) -> str | None:
    """The hash of the transaction that made our transfer, found by its logs."""
    if block.number < trace.from_block:
        return None  # a chain that was started anew
    topics: list[str | None] = [
        TRANSFER_TOPIC if trace.memo is None else TRANSFER_WITH_MEMO_TOPIC,
        _topic(trace.payer),
        _topic(trace.recipient),
    ]
    if trace.memo is not None:
        topics.append(trace.memo.lower())
    logs = await chain.logs(
        address=trace.token,
        topics=topics,
        from_block=trace.from_block,
        to_block=min(block.number, trace.from_block + SEARCH_BLOCKS),
    )
    for log in logs:
        if int.from_bytes(log.data, "big") == int(trace.amount) and await _is_ours(chain, trace, log):
            return log.transaction_hash
    return None


async def _is_ours(chain: Chain, trace: _Trace, log: Log) -> bool:
    """A memo that the server chose may repeat; the random `validAfter` that we signed does not."""
    if log.transaction_hash is None:
        return False
    tx = await chain.transaction(log.transaction_hash)
    stated = None if tx is None else tx.get("validAfter")
    if isinstance(stated, str) and stated.startswith("0x"):
        try:
            return int(stated, 16) == trace.valid_after
        except ValueError:
            return False
    if isinstance(stated, int):
        return stated == trace.valid_after
    # The node does not tell. An attribution memo names one challenge, which is paid once; any other proves nothing.
    return trace.memo is not None and trace.memo.startswith("0xef1ed71201")


def _topic(address: str) -> str:
    return "0x" + (bytes(12) + address_bytes(address)).hex()


def _settled(tx_hash: str) -> Outcome:
    return Outcome(state=OutcomeState.SETTLED, reference=tx_hash, message="The payment is on the chain.")


def _open(message: str) -> Outcome:
    return Outcome(state=OutcomeState.STILL_OPEN, message=message)
