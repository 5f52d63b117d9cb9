"""Reads a discovery document, whatever state it is in. Pure, and without an opinion: `rules_discovery` judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from mpp_console.inspector.evidence import Answer
from mpp_console.protocol import DISCOVERY_PATH, ParseError, decode_json_object

__all__ = ["OPERATIONS", "Document", "discovery_url", "is_openapi", "offers_of", "read_document"]

OPERATIONS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
DOCUMENT_LIMIT: Final = 1024 * 1024
"""Bytes of a document that are read; registries stop at 64 KB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A discovery document. `content` is None when it is no JSON object; `status` 0 when it was pasted."""

    url: str = ""
    status: int = 0
    size: int = 0
    content: Mapping[str, Any] | None = field(default=None, repr=False)
    answer: Answer | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        return urlsplit(self.url).path or "the document"


def discovery_url(url: str) -> str:
    """Where the origin of `url` keeps its document."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, DISCOVERY_PATH, "", ""))


def is_openapi(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object means to be an OpenAPI document."""
    return "openapi" in value or ("paths" in value and "info" in value)


def read_document(body: bytes, *, url: str = "", answer: Answer | None = None) -> Document:
    """Never raises, whatever `body` holds."""
    whole = answer is None or answer.complete
    try:
        content: dict[str, Any] | None = decode_json_object(body) if whole and len(body) <= DOCUMENT_LIMIT else None
    except ParseError:
        content = None
    status = 0 if answer is None else answer.status
    size = len(body) if answer is None else max(len(body), answer.body_bytes)
    return Document(url=url, status=status, size=size, content=content, answer=answer)


def offers_of(operation: Mapping[str, Any]) -> list[Any] | None:
    """The offers of an operation in either form, None when it has none: it is free."""
    if "x-payment-info" not in operation:
        return None
    payment = operation["x-payment-info"]
    if not isinstance(payment, Mapping):
        return [payment]
    if "offers" not in payment:
        return [payment]
    offers = payment["offers"]
    return offers if isinstance(offers, list) else []
