"""Names of the header fields of the Payment scheme, and the sizes beyond which we refuse to read.

Constants only. Every limit is a number of characters of the encoded form and carries its reason, because a limit that
is too small breaks an honest peer and one that is too large lets a hostile peer spend our memory.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACCEPT_PAYMENT",
    "ACCEPT_PAYMENT_LIMIT",
    "AUTHORIZATION",
    "CHALLENGE_COUNT_LIMIT",
    "CREDENTIAL_LIMIT",
    "FIELD_LIMIT",
    "FINDING_LIMIT",
    "IDEMPOTENCY_KEY",
    "NESTING_LIMIT",
    "PAYMENT_AUTHORIZATION",
    "PAYMENT_RECEIPT",
    "PROBLEM_JSON",
    "PROBLEM_LIMIT",
    "SCHEME",
    "TOKEN_LIMIT",
    "WWW_AUTHENTICATE",
]

SCHEME: Final = "Payment"
"""The authentication scheme; compared without regard to case (RFC 9110 §11.1)."""

WWW_AUTHENTICATE: Final = "WWW-Authenticate"
AUTHORIZATION: Final = "Authorization"
PAYMENT_AUTHORIZATION: Final = "Payment-Authorization"
"""Carries the credential when the origin needs `Authorization` for itself; a challenge asks for it by its `header`
parameter."""
PAYMENT_RECEIPT: Final = "Payment-Receipt"
ACCEPT_PAYMENT: Final = "Accept-Payment"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
PROBLEM_JSON: Final = "application/problem+json"

TOKEN_LIMIT: Final = 16 * 1024
"""One encoded JSON object: `request`, `opaque`, a receipt. The conformance vectors fix 16 KiB, four times the 4 KB
that every client must be able to handle (core §"Size Considerations")."""

NESTING_LIMIT: Final = 64
"""Levels of objects and arrays in one JSON value. Nothing of the scheme needs ten; the decoders of several languages
stop at 64 or 100."""

CREDENTIAL_LIMIT: Final = 64 * 1024
"""One `Authorization` value. A credential holds the echo of a challenge (whose `request` may itself be 16 KiB, and
grows by a third when encoded again) and a signed transaction; other implementations stop at 64 KiB too."""

FIELD_LIMIT: Final = 64 * 1024
"""One `WWW-Authenticate` line. Servers keep a challenge under 8 KB (core §"Size Considerations"); intermediaries may
join several into one line, and HTTP stacks commonly stop at 64 KiB for the whole header section."""

CHALLENGE_COUNT_LIMIT: Final = 64
"""Challenges read from one response. Every one is decoded and quoted, which may ask the chain, so their number is
work that a stranger hands us; honest servers offer fewer than ten."""

FINDING_LIMIT: Final = 100
"""Findings kept from one field value. A hostile line of commas and quotes would otherwise make one finding per byte."""

PROBLEM_LIMIT: Final = 64 * 1024
"""A problem-details body. It is read in full before it is shown, and no honest explanation is longer."""

ACCEPT_PAYMENT_LIMIT: Final = 8 * 1024
"""An `Accept-Payment` value: far above a range for every registered method and intent, far below what costs time to
rank."""
