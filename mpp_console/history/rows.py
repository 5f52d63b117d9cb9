"""Between columns and values: strict both ways. A row that does not decode raises MalformedRow and is never half
believed.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from mpp_console.client.journal import Operation, ReceiptRecord
from mpp_console.history.errors import HistoryError, MalformedRow
from mpp_console.history.records import OperationRow, ReceiptRow, RequestRecord, RequestRow
from mpp_console.history.redaction import clean_json, clean_text, clean_url
from mpp_console.protocol import Currency, MppError, OperationState

__all__ = [
    "OPERATION_COLUMNS",
    "RECEIPT_COLUMNS",
    "REQUEST_COLUMNS",
    "amount_of",
    "amount_text",
    "decode_all",
    "from_microseconds",
    "operation_values",
    "read_operation",
    "read_receipt",
    "read_request",
    "receipt_values",
    "request_values",
    "to_microseconds",
]

T = TypeVar("T")

OPERATION_COLUMNS: Final = (
    "id, kind, state, created_at, updated_at, origin, url, http_method, method, intent, amount, currency_id, "
    "currency_symbol, currency_decimals, recipient, payer, network, chain_id, challenge_id, mode, "
    "idempotency_key, reference, trace, error"
)
RECEIPT_COLUMNS: Final = (
    "id, direction, operation_id, at, origin, url, method, intent, amount, currency_id, currency_symbol, "
    "currency_decimals, network, reference, status, challenge_id, external_id, payer, recipient, fields"
)
REQUEST_COLUMNS: Final = (
    "id, at, method, path, status, outcome, amount, currency_id, currency_symbol, currency_decimals, payer, "
    "reference, challenge_id, message, microseconds"
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AMOUNT = re.compile(r"0|[1-9][0-9]{0,77}")
_MAX_AMOUNT = 2**256 - 1


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact. Raises HistoryError for a datetime without a zone."""
    if moment.tzinfo is None:
        raise HistoryError("a datetime without a zone names no moment", code="naive-datetime")
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The aware UTC moment; OverflowError outside of what a datetime can hold."""
    return _EPOCH + timedelta(microseconds=value)


def amount_text(amount: int) -> str:
    """Base units as the file keeps them. Raises HistoryError for a negative amount or one beyond 2^256-1."""
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= _MAX_AMOUNT:
        raise HistoryError("an amount is a whole number of base units from 0 to 2^256-1", code="bad-amount")
    return str(amount)


def operation_values(operation: Operation) -> tuple[Any, ...]:
    """The columns of OPERATION_COLUMNS, free of secrets and inert."""
    return (
        operation.id,
        operation.kind,
        operation.state.value,
        to_microseconds(operation.created_at),
        to_microseconds(operation.updated_at),
        clean_text(operation.origin),
        clean_url(operation.url),
        clean_text(operation.http_method),
        clean_text(operation.method),
        clean_text(operation.intent),
        amount_text(operation.amount),
        *_currency_values(operation.currency),
        clean_text(operation.recipient),
        _optional(operation.payer),
        clean_text(operation.network),
        operation.chain_id,
        _optional(operation.challenge_id),
        clean_text(operation.mode),
        operation.idempotency_key,
        _optional(operation.reference),
        clean_json(operation.trace),
        _optional(operation.error),
    )


def receipt_values(record: ReceiptRecord) -> tuple[Any, ...]:
    """The columns of RECEIPT_COLUMNS, free of secrets and inert."""
    return (
        record.id,
        record.direction,
        record.operation_id,
        to_microseconds(record.received_at),
        clean_text(record.origin),
        clean_url(record.url),
        clean_text(record.method),
        clean_text(record.intent),
        amount_text(record.amount),
        *_currency_values(record.currency),
        clean_text(record.network),
        clean_text(record.reference),
        clean_text(record.status),
        _optional(record.challenge_id),
        _optional(record.external_id),
        _optional(record.payer),
        _optional(record.recipient),
        clean_json(record.raw, omit_large=True),
    )


def request_values(record: RequestRecord) -> tuple[Any, ...]:
    """The columns of REQUEST_COLUMNS, free of secrets and inert."""
    return (
        record.id,
        to_microseconds(record.at),
        clean_text(record.method),
        clean_url(record.path),
        record.status,
        clean_text(record.outcome),
        None if record.amount is None else amount_text(record.amount),
        *(_currency_values(record.currency) if record.currency is not None else (None, None, None)),
        _optional(record.payer),
        _optional(record.reference),
        _optional(record.challenge_id),
        clean_text(record.message),
        record.microseconds,
    )


def read_operation(row: sqlite3.Row) -> OperationRow:
    """Raises MalformedRow."""
    return _strictly(row, _operation)


def read_receipt(row: sqlite3.Row) -> ReceiptRow:
    """Raises MalformedRow."""
    return _strictly(row, _receipt)


def read_request(row: sqlite3.Row) -> RequestRow:
    """Raises MalformedRow."""
    return _strictly(row, _request)


def decode_all(rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], T]) -> tuple[list[T], int]:
    """Every row that decodes, and how many did not: one bad row must not hide the others."""
    good: list[T] = []
    skipped = 0
    for row in rows:
        try:
            good.append(read(row))
        except MalformedRow:
            skipped += 1
    return good, skipped


def _strictly(row: sqlite3.Row, read: Callable[[sqlite3.Row], T]) -> T:
    try:
        return read(row)
    except (ValueError, TypeError, OverflowError, RecursionError, MppError) as error:
        raise MalformedRow(f"row {row['seq']} of the history is malformed: {error}") from error


def _operation(row: sqlite3.Row) -> OperationRow:
    operation = Operation(
        id=row["id"],
        kind=row["kind"],
        state=OperationState(row["state"]),
        created_at=from_microseconds(row["created_at"]),
        updated_at=from_microseconds(row["updated_at"]),
        origin=row["origin"],
        url=row["url"],
        http_method=row["http_method"],
        method=row["method"],
        intent=row["intent"],
        amount=amount_of(row["amount"]),
        currency=_currency(row),
        recipient=row["recipient"],
        payer=row["payer"],
        network=row["network"],
        chain_id=row["chain_id"],
        challenge_id=row["challenge_id"],
        mode=row["mode"],
        idempotency_key=row["idempotency_key"],
        reference=row["reference"],
        trace=_object(row["trace"]),
        error=row["error"],
    )
    return OperationRow(seq=row["seq"], operation=operation)


def _receipt(row: sqlite3.Row) -> ReceiptRow:
    if row["direction"] not in ("sent", "received"):
        raise ValueError("unknown direction")
    record = ReceiptRecord(
        id=row["id"],
        direction=row["direction"],
        operation_id=row["operation_id"],
        received_at=from_microseconds(row["at"]),
        origin=row["origin"],
        url=row["url"],
        method=row["method"],
        intent=row["intent"],
        amount=amount_of(row["amount"]),
        currency=_currency(row),
        network=row["network"],
        reference=row["reference"],
        status=row["status"],
        challenge_id=row["challenge_id"],
        external_id=row["external_id"],
        payer=row["payer"],
        recipient=row["recipient"],
        raw=_object(row["fields"]),
    )
    return ReceiptRow(seq=row["seq"], record=record)


def _request(row: sqlite3.Row) -> RequestRow:
    record = RequestRecord(
        id=row["id"],
        at=from_microseconds(row["at"]),
        method=row["method"],
        path=row["path"],
        status=row["status"],
        outcome=row["outcome"],
        amount=None if row["amount"] is None else amount_of(row["amount"]),
        currency=None if row["currency_id"] is None else _currency(row),
        payer=row["payer"],
        reference=row["reference"],
        challenge_id=row["challenge_id"],
        message=row["message"],
        microseconds=row["microseconds"],
    )
    return RequestRow(seq=row["seq"], record=record)


def _currency_values(currency: Currency) -> tuple[str, str, int]:
    return clean_text(currency.id), clean_text(currency.symbol), currency.decimals


def _currency(row: sqlite3.Row) -> Currency:
    return Currency(id=row["currency_id"], symbol=row["currency_symbol"], decimals=row["currency_decimals"])


def amount_of(text: str) -> int:
    """Base units that the file keeps. Raises ValueError."""
    if _AMOUNT.fullmatch(text) is None or (amount := int(text)) > _MAX_AMOUNT:
        raise ValueError("the amount is not a canonical number of base units")
    return amount


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("the details are not an object")
    return value


def _optional(text: str | None) -> str | None:
    return None if text is None else clean_text(text)
