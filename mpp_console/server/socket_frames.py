"""Frames of a paid WebSocket as the field speaks them: JSON texts with a member `mpp` that names the kind. Pure.

No draft describes them yet; they are those of npm mppx. A text that is none of them belongs to the application.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mpp_console.protocol import Receipt

__all__ = [
    "FRAME_LIMIT",
    "SocketAsk",
    "close_ready_frame",
    "error_frame",
    "message_frame",
    "need_voucher_frame",
    "read_frame",
    "receipt_frame",
]

FRAME_LIMIT: Final = 128 * 1024
"""Bytes of one frame from a client: a credential with an opening in it, and room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketAsk:
    """What a client wants: `authorization` has the value of an `Authorization` field."""

    kind: Literal["authorization", "payment-close-request"]
    authorization: str = ""


def read_frame(text: str) -> SocketAsk | None:
    """What a client's text asks for; None when it is none of ours."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if value.get("mpp") == "payment-close-request":
        return SocketAsk(kind="payment-close-request")
    authorization = value.get("authorization")
    if value.get("mpp") == "authorization" and isinstance(authorization, str):
        return SocketAsk(kind="authorization", authorization=authorization)
    return None


def message_frame(data: str) -> str:
    """What is sold."""
    return _frame("message", data=data)


def need_voucher_frame(facts: Mapping[str, str]) -> str:
    return _frame("payment-need-voucher", data=facts)


def receipt_frame(receipt: Receipt) -> str:
    return _frame("payment-receipt", data=receipt.to_dict())


def close_ready_frame(receipt: Receipt) -> str:
    """The stream is over, and this is what a close may take."""
    return _frame("payment-close-ready", data=receipt.to_dict())


def error_frame(status: int, message: str) -> str:
    return _frame("payment-error", status=status, message=message)


def _frame(kind: str, **members: Any) -> str:
    return json.dumps({"mpp": kind, **members}, separators=(",", ":"), ensure_ascii=False)
