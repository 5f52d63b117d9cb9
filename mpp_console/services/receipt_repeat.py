"""Asking again for what a receipt was paid for: as a request of ours, and as a curl command. Pure."""

from __future__ import annotations

import shlex

from mpp_console.client.origin import without_userinfo
from mpp_console.protocol import REDACTED, inert
from mpp_console.services.errors import ReceiptNotRepeatable
from mpp_console.services.models import PayRequest, ReceiptRow

__all__ = ["repeated_request", "unpaid_curl"]


def repeated_request(row: ReceiptRow, method: str) -> PayRequest:
    """The request that a receipt was paid for. Header fields and a body are not kept.

    Raises ReceiptNotRepeatable when its URL is not known in full.
    """
    if row.direction != "sent":
        raise ReceiptNotRepeatable(
            "this receipt is of a payment that somebody else made to us", hint="choose one that was sent"
        )
    if "://" not in row.url:
        raise ReceiptNotRepeatable("the URL of this receipt is not known")
    if REDACTED in row.url:
        raise ReceiptNotRepeatable("the URL held a secret, which is not kept", hint="write it again with its secret")
    return PayRequest(url=row.url, method=method)


def unpaid_curl(request: PayRequest) -> str:
    """A curl command that makes the request unpaid and shows the head of the answer."""
    method = () if request.method == "GET" else ("-X", request.method)
    return inert(shlex.join(("curl", "-i", *method, without_userinfo(request.url))))
