"""Receipts of payments we made: read from an answer, doubted where they do not fit, and kept in history's form.

Pure. A receipt is a stranger's word: it never changes what we know better (what was paid, and how the rail calls it).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mpp_console.client.journal import Operation, ReceiptRecord
from mpp_console.methods.base import Mode
from mpp_console.protocol import ParseError, Receipt, inert, parse_receipt, parse_timestamp

__all__ = ["doubts_of", "read_receipt", "record_of"]

TEXT_LIMIT = 500

CLOCK_SKEW = timedelta(hours=1)
"""How far a receipt's time may be off ours before it is worth a word."""


def read_receipt(value: str | None) -> tuple[Receipt | None, tuple[str, ...]]:
    """The receipt in a header value, and what is wrong with it. No receipt at all is allowed (core spec: SHOULD)."""
    if value is None:
        return None, ()
    try:
        return parse_receipt(value), ()
    except ParseError as error:
        return None, (f"the receipt cannot be read: {inert(error.message, limit=TEXT_LIMIT)}",)


def doubts_of(
    receipt: Receipt, operation: Operation, now: datetime, *, answered: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """What in a receipt does not fit the payment that was made. `answered` are the challenges that the payment answered
    besides the one of its row.
    """
    doubts = []
    if receipt.method != operation.method:
        doubts.append(f"the receipt is for the method {_shown(receipt.method)}, not {operation.method}")
    if receipt.challenge_id not in {None, operation.challenge_id, *answered}:
        doubts.append("the receipt is for another challenge")
    if _differ(receipt.reference, operation.reference):
        doubts.append(f"the receipt names {_shown(receipt.reference)}; what was sent is {operation.reference}")
    if abs(parse_timestamp(receipt.timestamp) - now) > CLOCK_SKEW:
        doubts.append(f"the receipt is dated {_shown(receipt.timestamp)}")
    return tuple(doubts)


def record_of(operation: Operation, receipt: Receipt | None, *, reference: str | None, now: datetime) -> ReceiptRecord:
    """The receipt as history keeps it. Our own reference wins over the rail's word, and that over the server's."""
    theirs = None if receipt is None else _shown(receipt.reference)
    external_id = None if receipt is None else receipt.external_id
    return ReceiptRecord(
        id=operation.id,
        direction="sent",
        operation_id=operation.id,
        received_at=now,
        origin=operation.origin,
        url=operation.url,
        method=operation.method,
        intent=operation.intent,
        amount=operation.amount,
        currency=operation.currency,
        network=operation.network,
        reference=_ours(operation) or reference or theirs or "",
        status="none" if receipt is None else receipt.status,
        challenge_id=operation.challenge_id,
        external_id=None if external_id is None else _shown(external_id),
        payer=operation.payer,
        recipient=operation.recipient,
        raw={} if receipt is None else _inert_values(receipt.to_dict()),
    )


def _ours(operation: Operation) -> str | None:
    # A proof moves nothing, so that the rail has no name for it; the server may.
    return None if operation.mode == Mode.PROOF else operation.reference


def _differ(theirs: str, ours: str | None) -> bool:
    return ours is not None and theirs.casefold() != ours.casefold()


def _inert_values(value: Mapping[str, Any]) -> dict[str, Any]:
    return {_shown(name): _inert_value(item) for name, item in value.items()}


def _inert_value(value: Any) -> Any:
    match value:
        case str():
            return _shown(value)
        case Mapping():
            return _inert_values(value)
        case list() | tuple():
            return [_inert_value(item) for item in value]
        case _:
            return value


def _shown(text: str) -> str:
    return inert(text, limit=TEXT_LIMIT)
