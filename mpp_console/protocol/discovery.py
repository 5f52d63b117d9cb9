"""The `/openapi.json` of a paid API (draft-payment-discovery-00): what costs what, before anybody asks.

Builds the document from plain values and writes it strictly: only members that the draft has. The document is advice;
a 402 always overrules it. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DISCOVERY_MAX_AGE", "DISCOVERY_PATH", "DiscoveryOffer", "PaidOperation", "openapi_document"]

DISCOVERY_PATH: Final = "/openapi.json"

DISCOVERY_MAX_AGE: Final = 300
"""Seconds for `Cache-Control: max-age`, as the draft recommends."""

_WITH_BODY: Final = ("post", "put", "patch")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryOffer:
    """One way to pay for an operation. `amount` in base units, None when only the request decides it."""

    method: str
    intent: str
    amount: int | None
    currency: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOperation:
    """One route. Without offers it is free. `path` in OpenAPI's form, `/items/{id}`."""

    path: str
    http_method: str = "GET"
    offers: Sequence[DiscoveryOffer] = field(default_factory=tuple)
    summary: str = ""
    request_media_type: str = "application/json"


def openapi_document(
    *,
    title: str,
    version: str,
    operations: Sequence[PaidOperation],
    description: str | None = None,
    server_url: str | None = None,
    categories: Sequence[str] = (),
    docs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An OpenAPI 3.1 document with `x-payment-info` on every paid operation.

    `categories` and `docs` (`apiReference`, `homepage`, `llms`) make the optional `x-service-info`.
    """
    info = {"title": title, "version": version}
    if description:
        info["description"] = description
    document: dict[str, Any] = {"openapi": "3.1.0", "info": info}
    if server_url:
        document["servers"] = [{"url": server_url}]
    service: dict[str, Any] = {}
    if categories:
        service["categories"] = list(categories)
    if docs:
        service["docs"] = dict(docs)
    if service:
        document["x-service-info"] = service
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.http_method.lower()] = _operation(operation)
    document["paths"] = paths
    return document


def _operation(operation: PaidOperation) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if operation.summary:
        entry["summary"] = operation.summary
    if operation.http_method.lower() in _WITH_BODY:
        entry["requestBody"] = {"content": {operation.request_media_type: {"schema": {}}}}
    entry["responses"] = {"200": {"description": "The resource"}}
    if operation.offers:
        # The draft demands the answer 402 wherever x-payment-info stands.
        entry["responses"]["402"] = {"description": "Payment required"}
        entry["x-payment-info"] = {"offers": [_offer(offer) for offer in operation.offers]}
    return entry


def _offer(offer: DiscoveryOffer) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "method": offer.method,
        "intent": offer.intent,
        "amount": None if offer.amount is None else str(offer.amount),
    }
    if offer.currency is not None:
        entry["currency"] = offer.currency
    if offer.description is not None:
        entry["description"] = offer.description
    return entry
