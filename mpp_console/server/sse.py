"""Server-sent events of a metered stream, byte for byte as the field's clients read them (tempo session draft,
"Insufficient Balance During Streaming", "Receipt Generation"). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from mpp_console.protocol import Receipt

__all__ = ["KEEP_ALIVE", "STREAM_FIELDS", "message_event", "need_voucher_event", "receipt_event"]

STREAM_FIELDS: Final = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    # What is packed or gathered on the way is no stream: the client would pay for what it does not see yet.
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment, which says nothing to a client and keeps what lies between from giving up."""

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


def message_event(data: str) -> bytes:
    """What is sold. Every kind of line end begins a new `data` line, so that no text can forge an event."""
    lines = "\n".join(f"data: {line}" for line in _LINE_END.split(data))
    return f"event: message\n{lines}\n\n".encode()


def need_voucher_event(facts: Mapping[str, str]) -> bytes:
    return _event("payment-need-voucher", facts)


def receipt_event(receipt: Receipt) -> bytes:
    return _event("payment-receipt", receipt.to_dict())


def _event(name: str, value: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
