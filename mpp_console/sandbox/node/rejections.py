"""Why a node refuses a transaction before running it, or a request altogether, as JSON-RPC error codes.

The wording of well-known refusals follows what other nodes say, because clients recognise them by it.
"""

from __future__ import annotations

from typing import Final

from mpp_console.protocol import MppError

__all__ = [
    "HISTORY_GONE",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "LIMIT_EXCEEDED",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "REVERTED",
    "SERVER_ERROR",
    "TRANSACTION_REJECTED",
    "RpcError",
    "rejected",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_ERROR: Final = -32000
TRANSACTION_REJECTED: Final = -32003
LIMIT_EXCEEDED: Final = -32005
HISTORY_GONE: Final = -32001
REVERTED: Final = 3


class RpcError(MppError):
    """An answer with `error`: `rpc_code` and `data` go on the wire with the message."""

    default_code = "rpc-error"

    def __init__(self, rpc_code: int, message: str, *, data: str | None = None) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.data = data


def rejected(message: str, *, rpc_code: int = TRANSACTION_REJECTED) -> RpcError:
    """The refusal of a transaction that was understood."""
    return RpcError(rpc_code, message)
