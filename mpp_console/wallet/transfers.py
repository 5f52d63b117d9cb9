"""Transfers by hand: quoted, journaled, sent once, waited for, and found again when nobody knows what became of them.

The row is durable before the transaction leaves, and holds the hash under which the chain knows it. A transfer whose
answer was lost is resolved by asking the chain, never by sending again. Importing this loads the transaction codec.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from mpp_console.client.journal import Journal, Ledger, Operation, OperationDraft
from mpp_console.client.outcomes import uninterrupted
from mpp_console.methods.base import Mode, OutcomeState, PaymentFailed, PaymentRefused, PaymentUncertain, Transfer
from mpp_console.methods.tempo.calls import build_calls, build_transaction, random_valid_after, valid_before
from mpp_console.methods.tempo.push import push
from mpp_console.methods.tempo.resolve import TraceKind, resolve_charge
from mpp_console.protocol import IllegalTransition, MppError, OperationEvent, OperationState
from mpp_console.wallet.transfer_quote import TransferQuote, quote_transfer

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Block, Chain
    from mpp_console.methods.tempo.keys import Signer
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.methods.tempo.transaction import TempoTransaction

__all__ = ["KIND_TRANSFER", "PreparedTransfer", "TransferQuote", "Transfers"]

KIND_TRANSFER: Final = "transfer"
"""The kind of these operations in the journal; spending budgets do not count it."""

_log = logging.getLogger(__name__)

CONFIRM_SECONDS: Final = 30.0
"""How long a transfer is waited for: it cannot be included any more once its 25 seconds are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTransfer:
    """A signed transfer that has not left the machine. `raw` moves money for whoever has it."""

    quote: TransferQuote
    reference: str
    trace: Mapping[str, Any]
    raw: bytes

    def __repr__(self) -> str:
        return f"PreparedTransfer({self.reference})"


def _allow(_ledger: Ledger) -> None:
    """The owner's own hand needs nobody's leave."""


class Transfers:
    """Makes transfers on one network. `sleep` passes the time between two looks at the chain."""

    def __init__(
        self,
        *,
        chain: Chain,
        network: Network,
        journal: Journal,
        clock: Callable[[], datetime],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._chain = chain
        self._network = network
        self._journal = journal
        self._clock = clock
        self._random_bytes = random_bytes
        self._sleep = sleep
        self._in_flight: set[str] = set()

    async def quote(
        self, *, sender: str, to: str, amount: str, token: str | None = None, memo: str | None = None
    ) -> TransferQuote:
        """The dry run: see `quote_transfer`. Nothing is signed and nothing is written."""
        return await quote_transfer(
            self._chain, self._network, sender=sender, to=to, amount=amount, token=token, memo=memo, now=self._clock()
        )

    async def prepare(self, quote: TransferQuote, signer: Signer) -> PreparedTransfer:
        """Signs what was quoted; its fee is never exceeded. Raises PaymentRefused or ChainError."""
        if quote.refusals:
            raise PaymentRefused("; ".join(check.message for check in quote.refusals), code=quote.refusals[0].code)
        if quote.sender != signer.address or quote.chain_id != self._network.chain_id:
            raise PaymentRefused("the quote was made for another account or network", code="foreign-quote")
        block = await self._chain.block()
        dies_at = valid_before(self._clock(), None)
        if block.timestamp >= dies_at:
            raise PaymentRefused("this machine's clock is behind the chain's; set the clock", code="clock-behind")
        if quote.gas is None or block.base_fee > quote.gas.max_fee_per_gas:
            raise PaymentRefused("fees have risen since this was quoted; ask for a new quote", code="fee-rose")
        return self._sign(quote, signer, block, dies_at)

    async def send(
        self,
        prepared: PreparedTransfer,
        *,
        operation_id: str,
        authorise: Callable[[Ledger], None] = _allow,
        observe: Callable[[Operation], None] = lambda _: None,
    ) -> Operation:
        """Journals, sends, waits for the receipt and journals the outcome: settled, refused or unknown.

        `authorise` may refuse by raising, before anything is written. `observe` sees every state of the row. The same
        `operation_id` never sends twice (DuplicateOperation). Once the row exists, cancelling does not stop the
        sending; it only stops waiting here.
        """
        return await uninterrupted(self._send(prepared, operation_id, authorise, observe))

    async def resolve(self, operation_id: str) -> Operation:
        """Asks the chain what became of an unresolved transfer. Never sends. Raises UnknownOperation."""
        operation = await self._journal.get(operation_id)
        if operation.state.is_final or operation.kind != KIND_TRANSFER or operation.id in self._in_flight:
            return operation
        if operation.state is OperationState.PREPARED:
            # Until then another process may be about to send it.
            if self._clock().timestamp() < operation.trace.get("valid_before", 0):
                return operation
            return await self._advance(operation, OperationEvent.REFUSE, error="it was prepared and never sent")
        outcome = await resolve_charge(self._chain, operation.trace, operation.reference)
        match outcome.state:
            case OutcomeState.SETTLED:
                return await self._advance(operation, OperationEvent.SETTLE, reference=outcome.reference)
            case OutcomeState.NEVER_HAPPENED:
                return await self._advance(operation, OperationEvent.REFUSE, error=outcome.message)
            case OutcomeState.STILL_OPEN:
                return await self._advance(operation, OperationEvent.LOSE, error=outcome.message)

    async def recover(self) -> list[Operation]:
        """Resolves every transfer that a crash or a lost answer left open; gives each as it is now."""
        unresolved = [row for row in await self._journal.unresolved() if row.kind == KIND_TRANSFER]
        mine = [row for row in unresolved if row.chain_id == self._network.chain_id]
        return [await self.resolve(row.id) for row in mine]

    # -----------------------------------------------------------------------------------------------------------------

    def _sign(self, quote: TransferQuote, signer: Signer, block: Block, dies_at: int) -> PreparedTransfer:
        assert quote.gas is not None  # noqa: S101  # prepare looked
        transfer = Transfer(recipient=quote.recipient, amount=quote.amount, memo=quote.memo)
        tx = build_transaction(
            chain_id=quote.chain_id,
            calls=build_calls(quote.currency.id, [transfer]),
            gas=quote.gas,
            valid_before=dies_at,
            valid_after=min(random_valid_after(self._random_bytes, self._clock()), dies_at - 1),
            fee_token=quote.fee_currency.id if quote.fee_currency is not None else None,
            sponsored=False,
        ).sign(signer)
        reference = tx.hash()
        return PreparedTransfer(
            quote=quote, reference=reference, trace=_trace(quote, tx, reference, block.number), raw=tx.encode()
        )

    async def _send(
        self,
        prepared: PreparedTransfer,
        operation_id: str,
        authorise: Callable[[Ledger], None],
        observe: Callable[[Operation], None],
    ) -> Operation:
        operation = await self._journal.begin(_draft(prepared, operation_id), authorise)
        self._in_flight.add(operation_id)
        try:
            _tell(observe, operation)
            # Another process that tidies up may have closed the row meanwhile; then this raises and nothing is sent.
            operation = await self._journal.advance(operation_id, OperationEvent.SEND)
            _tell(observe, operation)
            operation = await self._deliver(prepared, operation)
        finally:
            self._in_flight.discard(operation_id)
        _tell(observe, operation)
        return operation

    async def _deliver(self, prepared: PreparedTransfer, operation: Operation) -> Operation:
        try:
            await push(self._chain, prepared.raw, prepared.reference, timeout=CONFIRM_SECONDS, sleep=self._sleep)
        except PaymentFailed as error:
            return await self._advance(operation, OperationEvent.REFUSE, error=error.message)
        except PaymentUncertain as error:
            return await self._advance(operation, OperationEvent.LOSE, error=error.message)
        except MppError as error:
            return await self._advance(operation, OperationEvent.LOSE, error=error.message)
        return await self._advance(operation, OperationEvent.SETTLE)

    async def _advance(
        self, operation: Operation, event: OperationEvent, *, reference: str | None = None, error: str | None = None
    ) -> Operation:
        try:
            return await self._journal.advance(operation.id, event, reference=reference, error=error)
        except IllegalTransition:
            return await self._journal.get(operation.id)  # somebody else has found out already


def _tell(observe: Callable[[Operation], None], operation: Operation) -> None:
    try:
        observe(operation)
    except Exception:  # whoever watches must not cost a transfer its outcome
        _log.exception("an observer of transfers failed")


def _trace(quote: TransferQuote, tx: TempoTransaction, reference: str, from_block: int) -> dict[str, Any]:
    """The same trace as a pushed charge leaves, so that one function resolves both."""
    return {
        "kind": str(TraceKind.PUSH),
        "chain_id": tx.chain_id,
        "hash": reference,
        "payer": quote.sender,
        "token": quote.currency.id,
        "recipient": quote.recipient,
        "amount": str(quote.amount),
        "memo": quote.memo,
        "valid_before": tx.valid_before,
        "valid_after": tx.valid_after,
        "from_block": from_block,
    }


def _draft(prepared: PreparedTransfer, operation_id: str) -> OperationDraft:
    quote = prepared.quote
    return OperationDraft(
        id=operation_id,
        kind=KIND_TRANSFER,
        origin="",
        url="",
        http_method="",
        method="tempo",
        intent="transfer",
        amount=quote.amount,
        currency=quote.currency,
        recipient=quote.recipient,
        payer=quote.sender,
        network=quote.network,
        chain_id=quote.chain_id,
        challenge_id=None,
        mode=Mode.PUSH,
        reference=prepared.reference,
        trace=prepared.trace,
    )
