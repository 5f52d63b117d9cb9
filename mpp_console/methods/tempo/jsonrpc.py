"""The JSON-RPC shapes of a Tempo node: quantities, blocks, logs, receipts, transaction objects and errors.

Pure conversion between what a node says and the values of `chain`; `rpc` does the talking. A node's answer is not
trusted to be well formed: whatever is missing or mistyped becomes a ChainError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mpp_console.protocol import ParseError, inert

from .chain import (
    AlreadyKnown,
    Block,
    ChainError,
    ConfirmationTimeout,
    Reverted,
    TransactionRejected,
    TxReceipt,
)
from .keys import Signature, to_checksum
from .tip20 import Log, RevertReason, decode_revert
from .transaction import TempoTransaction

__all__ = [
    "call_error",
    "call_object",
    "check_simulation",
    "parse_block",
    "parse_log",
    "parse_quantity",
    "parse_receipt",
    "quantity",
    "send_error",
    "simulation_payload",
]

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ALREADY_KNOWN = re.compile(
    r"already (?:known|imported|in (?:the )?pool|exists|used|included)|known transaction", re.IGNORECASE
)
_TIMED_OUT = re.compile(r"time[d -]?\s?out", re.IGNORECASE)

# EIP-7966 gives code 4 to "accepted, but not included within the timeout".
_SYNC_TIMEOUT: Final = 4
# What a node says of a transaction it has read and refused: geth's catch-all, EIP-1474's "transaction rejected", a
# revert, and parameters it could not read. Anything else (internal error, limits) leaves open whether it was taken.
_REFUSAL_CODES: Final = frozenset({3, -32000, -32003, -32602})
_MAX_TEXT: Final = 300


def quantity(value: int) -> str:
    return hex(value)


def parse_quantity(value: object, name: str = "a number") -> int:
    """Raises ChainError for anything but a hex quantity of at most 256 bits (a plain JSON integer is let through)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise ChainError(f"The node's answer makes no sense: {name} is not a hexadecimal number.", code="bad-answer")
    return int(value, 16)


def parse_data(value: object, name: str = "the data") -> bytes:
    if not isinstance(value, str) or _DATA.fullmatch(value) is None:
        raise ChainError(f"The node's answer makes no sense: {name} is not hexadecimal data.", code="bad-answer")
    return bytes.fromhex(value[2:])


def parse_block(answer: object) -> Block:
    block = _mapping(answer, "the block")
    return Block(
        number=parse_quantity(block.get("number"), "the block's number"),
        timestamp=parse_quantity(block.get("timestamp"), "the block's timestamp"),
        base_fee=parse_quantity(block.get("baseFeePerGas") or "0x0", "the block's base fee"),
    )


def parse_log(answer: object) -> Log:
    """Reads one event log. Raises ChainError."""
    log = _mapping(answer, "a log")
    topics = log.get("topics")
    if not isinstance(topics, list) or not all(isinstance(topic, str) and _DATA.fullmatch(topic) for topic in topics):
        raise ChainError("The node's answer makes no sense: a log has no topics.", code="bad-answer")
    number, tx_hash = log.get("blockNumber"), log.get("transactionHash")
    return Log(
        address=_address(log.get("address"), "a log's address"),
        topics=tuple(topic.lower() for topic in topics),
        data=parse_data(log.get("data", "0x"), "a log's data"),
        index=parse_quantity(log.get("logIndex") or "0x0", "a log's index"),
        block_number=None if number is None else parse_quantity(number, "a log's block"),
        transaction_hash=tx_hash.lower() if isinstance(tx_hash, str) else None,
    )


def parse_receipt(answer: object) -> TxReceipt:
    """Reads a transaction receipt. Raises ChainError."""
    receipt = _mapping(answer, "the receipt")
    tx_hash, logs = receipt.get("transactionHash"), receipt.get("logs")
    if not isinstance(tx_hash, str) or not isinstance(logs, list):
        raise ChainError("The node's answer makes no sense: a receipt without hash or logs.", code="bad-answer")
    return TxReceipt(
        hash="0x" + parse_data(tx_hash, "the receipt's hash").hex(),
        status=parse_quantity(receipt.get("status"), "the receipt's status") == 1,
        block_number=parse_quantity(receipt.get("blockNumber"), "the receipt's block"),
        sender=_address(receipt.get("from"), "the receipt's sender"),
        logs=tuple(parse_log(log) for log in logs),
        gas_used=parse_quantity(receipt.get("gasUsed") or "0x0", "the gas used"),
        effective_gas_price=parse_quantity(receipt.get("effectiveGasPrice") or "0x0", "the gas price"),
        fee_token=_optional_address(receipt.get("feeToken"), "the fee token"),
        fee_payer=_optional_address(receipt.get("feePayer"), "the fee payer"),
    )


def call_object(tx: TempoTransaction, sender: str, *, with_fees: bool) -> dict[str, Any]:
    """The request object of `eth_call` and `eth_estimateGas` for a transaction that need not be signed.

    `with_fees` states gas and prices, which makes the node check that the sender can pay the fee. Signatures are never
    sent: nodes reject them in calls.
    """
    request: dict[str, Any] = {
        "type": "0x76",
        "from": sender,
        "chainId": quantity(tx.chain_id),
        "calls": [{"to": call.to, "value": quantity(call.value), "data": "0x" + call.data.hex()} for call in tx.calls],
        "nonceKey": quantity(tx.nonce_key),
        "nonce": quantity(tx.nonce),
    }
    if tx.valid_before is not None:
        request["validBefore"] = quantity(tx.valid_before)
    if tx.valid_after is not None:
        request["validAfter"] = quantity(tx.valid_after)
    if with_fees:
        request["gas"] = quantity(tx.gas)
        request["maxFeePerGas"] = quantity(tx.max_fee_per_gas)
        request["maxPriorityFeePerGas"] = quantity(tx.max_priority_fee_per_gas)
        if tx.fee_token is not None:
            request["feeToken"] = tx.fee_token
    return request


def simulation_payload(tx: TempoTransaction, sender: str) -> dict[str, Any]:
    """The payload of `tempo_simulateV1` for a transaction that its sponsor has signed.

    The node appends the top-level call to `calls`, and takes a request without one for the creation of a contract.
    """
    request = call_object(tx, sender, with_fees=True)
    last = request["calls"].pop()
    if not request["calls"]:
        del request["calls"]
    request |= last
    slot = tx.fee_payer_slot
    if isinstance(slot, Signature):
        request["feePayerSignature"] = {
            "r": f"0x{slot.r:064x}",
            "s": f"0x{slot.s:064x}",
            "yParity": quantity(slot.y_parity),
        }
    return {
        "blockStateCalls": [{"calls": [request]}],
        "validation": False,
        "traceTransfers": False,
        "returnFullTransactions": False,
    }


def check_simulation(answer: object) -> None:
    """That a `tempo_simulateV1` answer shows one successful call. Raises Reverted, or ChainError when it shows none."""
    try:
        call = _mapping(_mapping(answer, "the simulation")["blocks"][0]["calls"][0], "the simulated call")
    except (KeyError, IndexError, TypeError) as error:
        raise ChainError("The node's answer makes no sense: nothing was simulated.", code="bad-answer") from error
    if parse_quantity(call.get("status"), "the simulated status") != 1:
        _, message, data = _error_parts(call.get("error") or {"message": "execution reverted"})
        raise _reverted(message, data)


def call_error(error: object) -> ChainError:
    """What an error of `eth_call` or `eth_estimateGas` means: Reverted when execution would fail, else ChainError."""
    code, message, data = _error_parts(error)
    if code in _REFUSAL_CODES - {-32602} or "revert" in message.lower():
        return _reverted(message, data)
    return ChainError(f"The node refused the question: {message}", code="rpc-error")


def send_error(error: object) -> ChainError:
    """What an error of sending a transaction means.

    TransactionRejected (AlreadyKnown) when the node certainly decided; ConfirmationTimeout when it took the
    transaction; a plain ChainError when the answer leaves open whether the transaction is on its way.
    """
    code, message, data = _error_parts(error)
    if _ALREADY_KNOWN.search(message):
        return AlreadyKnown(f"The network has this transaction already: {message}")
    if code == _SYNC_TIMEOUT or _TIMED_OUT.search(message):
        return ConfirmationTimeout(f"The transaction was not included in time: {message}")
    if code in _REFUSAL_CODES:
        reason = _reverted(message, data).message if data else message
        return TransactionRejected(f"The network did not take the transaction: {reason}")
    return ChainError(f"The node failed while taking the transaction: {message}", code="rpc-error")


def _error_parts(error: object) -> tuple[int, str, bytes]:
    parts: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    code = parts.get("code")
    message = parts.get("message")
    data = parts.get("data")
    if isinstance(data, Mapping):  # some nodes wrap it once more
        data = data.get("data")
    return (
        code if isinstance(code, int) else 0,
        inert(message if isinstance(message, str) else str(error), limit=_MAX_TEXT),
        bytes.fromhex(data[2:]) if isinstance(data, str) and _DATA.fullmatch(data) else b"",
    )


def _reverted(message: str, data: bytes) -> Reverted:
    reason = decode_revert(data)
    if reason is None:
        return Reverted(f"The transaction would fail: {message}", selector=data[:4])
    return Reverted(explain_revert(reason), selector=data[:4], name=reason.name, args=reason.args)


def explain_revert(reason: RevertReason) -> str:
    """A token error in words."""
    match reason.name, reason.args:
        case "InsufficientBalance", (available, required, token):
            return f"The payer holds {available} base units of {token}, and {required} are needed."
        case "InvalidRecipient", _:
            return "The token does not allow this recipient (the zero address and token addresses cannot be paid)."
        case "PolicyForbids", _:
            return "The token's transfer policy forbids this payment."
        case "ContractPaused", _:
            return "The token is paused by its issuer."
        case _:
            return f"The token refused the payment ({reason.name})."


def _mapping(answer: object, name: str) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise ChainError(f"The node's answer makes no sense: {name} is not an object.", code="bad-answer")
    return answer


def _address(value: object, name: str) -> str:
    try:
        return to_checksum(value if isinstance(value, str) else "")
    except ParseError as error:
        raise ChainError(f"The node's answer makes no sense: {name} is no address.", code="bad-answer") from error


def _optional_address(value: object, name: str) -> str | None:
    return None if value is None else _address(value, name)
