"""Turns the engine's own values into what the front ends see. Pure; text from elsewhere leaves here inert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mpp_console.protocol import WWW_AUTHENTICATE, MppError, Problem, hide_credentials, inert
from mpp_console.services.errors import kind_of
from mpp_console.services.models import (
    ErrorView,
    OfferView,
    OperationView,
    ProblemView,
    ReceiptRow,
    ReceiptView,
    RequestRow,
)
from mpp_console.services.session_plans import plan_view

if TYPE_CHECKING:
    from mpp_console.client.journal import Operation, ReceiptRecord
    from mpp_console.client.offers import RankedOffer
    from mpp_console.history import RequestRecord
    from mpp_console.methods.tempo.networks import Network

__all__ = [
    "error_view",
    "explorer_url",
    "inert_value",
    "is_secret_header",
    "masked_headers",
    "offer_view",
    "operation_view",
    "payment_explorer_url",
    "problem_view",
    "receipt_row",
    "record_receipt",
    "request_row",
]

TEXT_LIMIT = 500
_SECRET_HEADERS = frozenset(
    {
        "authorization", "payment-authorization", "payment-receipt", "cookie", "set-cookie", "proxy-authorization",
    }
)  # fmt: skip
MASK = "(hidden)"
_RECEIPT_FIELDS = frozenset({"method", "reference", "status", "timestamp", "externalId", "challengeId"})


def error_view(error: BaseException) -> ErrorView:
    """An error for people. One that is not ours is named by its kind only: its text may hold anything."""
    if isinstance(error, MppError):
        return ErrorView(
            code=error.code,
            kind=kind_of(error),
            message=inert(error.message, limit=2 * TEXT_LIMIT),
            hint=inert(error.hint or ""),
        )
    return ErrorView(
        code="internal", message=f"unexpected {type(error).__name__}", hint="the log of the console has the details"
    )


def problem_view(problem: Problem) -> ProblemView:
    return ProblemView(
        type=inert(problem.type, limit=TEXT_LIMIT),
        slug=inert(problem.slug or "", limit=64),
        title=inert(problem.title or "", limit=TEXT_LIMIT),
        status=problem.status or None,
        detail=inert(problem.detail or "", limit=TEXT_LIMIT),
        hint=inert(problem.hint or "", limit=TEXT_LIMIT),
    )


def offer_view(offer: RankedOffer, chosen: RankedOffer | None) -> OfferView:
    """One ranked offer; what no rail here could read has its name and reason only."""
    challenge, quote = offer.challenge, offer.quote
    named: dict[str, Any] = {
        "challenge_id": inert(challenge.id, limit=TEXT_LIMIT),
        "method": inert(challenge.method, limit=64),
        "intent": inert(challenge.intent, limit=64),
        "usable": offer.usable,
        "chosen": chosen is not None and chosen.position == offer.position,
        "reason": inert(offer.reason, limit=TEXT_LIMIT),
        "description": inert(challenge.description or "", limit=TEXT_LIMIT),
    }
    if quote is None:
        return OfferView(**named)
    return OfferView(
        **named,
        amount=quote.amount,
        currency=quote.currency,
        recipient=quote.recipient,
        transfers=quote.transfers,
        network=quote.network,
        chain_id=quote.chain_id,
        mode=quote.mode,
        payer=quote.payer,
        expires_at=quote.expires_at,
        fee=quote.fee,
        fee_currency=quote.fee_currency,
        sponsored=quote.sponsored,
        balance=quote.balance,
        checks=quote.checks,
        details=inert_value(quote.details),
        session=plan_view(quote.details) if challenge.intent == "session" else None,
    )


def record_receipt(record: ReceiptRecord) -> ReceiptView | None:
    """The receipt of a payment that was recorded; None when the server gave none."""
    if not record.raw:
        return None
    fields = inert_value(record.raw)
    return ReceiptView(
        method=inert(record.method, limit=64),
        reference=inert(record.reference, limit=TEXT_LIMIT),
        status=inert(record.status, limit=64),
        timestamp=str(fields.get("timestamp", "")),
        external_id=record.external_id,
        challenge_id=record.challenge_id,
        extra={name: value for name, value in fields.items() if name not in _RECEIPT_FIELDS},
    )


def operation_view(operation: Operation, network: Network | None = None) -> OperationView:
    return OperationView(
        id=operation.id,
        kind=operation.kind,
        state=operation.state.value,
        created_at=operation.created_at,
        updated_at=operation.updated_at,
        origin=operation.origin,
        url=inert(operation.url),
        method=operation.method,
        intent=operation.intent,
        amount=operation.amount,
        currency=operation.currency,
        recipient=operation.recipient,
        payer=operation.payer or "",
        network=operation.network,
        chain_id=operation.chain_id,
        mode=operation.mode,
        reference=operation.reference,
        challenge_id=operation.challenge_id,
        error=None if operation.error is None else inert(operation.error, limit=TEXT_LIMIT),
        explorer_url=payment_explorer_url(operation, network),
    )


def explorer_url(reference: str | None, network_name: str, network: Network | None) -> str | None:
    """Where to look at a transaction; None where it cannot be looked at."""
    if network is None or network.name != network_name or not reference or not reference.startswith("0x"):
        return None
    return network.explorer_url(reference)


def payment_explorer_url(payment: Operation | ReceiptRecord, network: Network | None) -> str | None:
    """Where to look at a payment's transaction; None where it has none of its own, or it cannot be looked at."""
    if payment.intent == "session":
        return None  # its reference is the channel
    return explorer_url(payment.reference, payment.network, network)


def receipt_row(record: ReceiptRecord) -> ReceiptRow:
    return ReceiptRow(
        id=record.id,
        at=record.received_at,
        direction="sent" if record.direction == "sent" else "received",
        origin=inert(record.origin),
        url=inert(record.url),
        method=inert(record.method),
        intent=inert(record.intent),
        amount=record.amount,
        currency=record.currency,
        network=record.network,
        status=inert(record.status),
        reference=inert(record.reference),
        challenge_id=record.challenge_id,
        operation_id=record.operation_id,
        payer=record.payer,
        recipient=record.recipient,
        external_id=record.external_id,
    )


def request_row(record: RequestRecord) -> RequestRow:
    return RequestRow(
        id=record.id,
        at=record.at,
        method=inert(record.method, limit=16),
        path=inert(record.path, limit=TEXT_LIMIT),
        status=record.status,
        outcome=record.outcome,
        amount=record.amount,
        currency=record.currency,
        payer=record.payer,
        reference=record.reference,
        challenge_id=record.challenge_id,
        message=inert(record.message, limit=TEXT_LIMIT),
        milliseconds=None if record.microseconds is None else record.microseconds / 1000,
    )


def is_secret_header(name: str) -> bool:
    """Whether a header field holds a credential, a receipt or a key, and is shown masked."""
    lowered = name.strip().lower()
    return lowered in _SECRET_HEADERS or any(word in lowered for word in ("api-key", "apikey", "token", "secret"))


def masked_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Header fields for people: inert, with the values of those that are secrets masked, also where a server repeats
    a credential in a field of its own. A challenge is no secret, though its request looks like one.
    """
    return tuple(
        (inert(name, limit=256), MASK if is_secret_header(name) else _header_text(name, value))
        for name, value in headers
    )


def _header_text(name: str, value: str) -> str:
    text = inert(value, limit=8192)
    return text if name.strip().lower() == WWW_AUTHENTICATE.lower() else hide_credentials(text)


def inert_value(value: Any) -> Any:
    """JSON-like data with every text in it made inert."""
    match value:
        case str():
            return inert(value, limit=8192)
        case Mapping():
            return {inert(str(name), limit=256): inert_value(item) for name, item in value.items()}
        case list() | tuple():
            return [inert_value(item) for item in value]
        case _:
            return value
