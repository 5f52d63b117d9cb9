"""JSON-RPC's spelling: quantities, data and addresses read strictly, blocks, transactions, receipts and logs written.

Field names and shapes are those of Tempo nodes, so that clients made for them read these without special cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mpp_console.methods.tempo.keys import Signature, keccak, to_checksum
from mpp_console.methods.tempo.transaction import Call
from mpp_console.sandbox.node.execution import BLOCK_GAS_LIMIT
from mpp_console.sandbox.node.fees import BASE_FEE
from mpp_console.sandbox.node.ledger import BlockRow, LogRow, TransactionRow
from mpp_console.sandbox.node.rejections import INVALID_PARAMS, RpcError
from mpp_console.sandbox.node.transactions import LEGACY_TYPE, TEMPO_TYPE, Envelope

__all__ = [
    "block_json",
    "bloom_of",
    "log_json",
    "quantity",
    "read_address",
    "read_calls",
    "read_data",
    "read_hash",
    "read_quantity",
    "receipt_json",
    "transaction_json",
]

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})*)")
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")

_EMPTY_ROOT: Final = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
"""Root of an empty trie. The sandbox keeps no tries, so every root is this one."""
_NO_UNCLES: Final = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
_ZERO_HASH: Final = "0x" + "00" * 32
_ZERO_ADDRESS: Final = "0x" + "00" * 20


# -- reading


def quantity(value: int) -> str:
    return hex(value)


def read_quantity(value: object, name: str, *, bits: int = 256) -> int:
    """A number as `0x` hex; leading zeros and plain JSON integers pass. Raises RpcError.

    A bare `0x` is zero, because viem writes the value of a call so and real nodes read it.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RpcError(INVALID_PARAMS, f"{name} must be a quantity such as 0x1")
    if value == "0x":
        return 0
    if isinstance(value, str) and not _QUANTITY.fullmatch(value):
        raise RpcError(INVALID_PARAMS, f"{name} must be a quantity such as 0x1")
    number = int(value, 16) if isinstance(value, str) else value
    if not 0 <= number < 1 << bits:
        raise RpcError(INVALID_PARAMS, f"{name} does not fit {bits} bits")
    return number


def read_data(value: object, name: str) -> bytes:
    """Bytes as hex. The `0x` may be missing: pympp leaves it out and real nodes do not mind. Raises RpcError."""
    found = _DATA.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise RpcError(INVALID_PARAMS, f"{name} must be 0x and an even number of hexadecimal digits")
    return bytes.fromhex(found[1])


def read_hash(value: object, name: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise RpcError(INVALID_PARAMS, f"{name} must be 0x and 64 hexadecimal digits")
    return value.lower()


def read_address(value: object, name: str) -> str:
    """An address, checksummed. The letter case that came is not judged: nodes do not."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise RpcError(INVALID_PARAMS, f"{name} must be 0x and 40 hexadecimal digits")
    return to_checksum(value)


def read_calls(request: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls of a transaction request: its `calls`, then its own `to` if it has one, as Tempo nodes order them."""
    listed = request.get("calls")
    if listed is not None and not isinstance(listed, list):
        raise RpcError(INVALID_PARAMS, "calls must be a list")
    requests = [call for call in listed or () if call is not None]
    if request.get("to") is not None:
        requests.append(request)
    if not requests:
        raise RpcError(INVALID_PARAMS, "the request has neither `to` nor `calls`: contracts cannot be created here")
    return tuple(_read_call(call) for call in requests)


def _read_call(call: object) -> Call:
    if not isinstance(call, Mapping):
        raise RpcError(INVALID_PARAMS, "a call must be an object")
    if call.get("to") is None:
        raise RpcError(INVALID_PARAMS, "a call has no `to`: contracts cannot be created here")
    data = call.get("input") if call.get("input") is not None else call.get("data")
    value = read_quantity(call["value"], "value") if call.get("value") is not None else 0
    return Call(read_address(call["to"], "to"), value, read_data(data, "data") if data is not None else b"")


# -- writing


def bloom_of(logs: Iterable[LogRow]) -> str:
    """The 2048-bit filter over addresses and topics (Yellow Paper, 4.4.1)."""
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            digest = keccak(bytes.fromhex(item[2:]))
            for at in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return f"0x{bits:0512x}"


def block_json(block: BlockRow, transactions: Sequence[Any]) -> dict[str, Any]:
    """A block with its transactions as hashes or in full."""
    return {
        "number": quantity(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "nonce": "0x0000000000000000",
        "sha3Uncles": _NO_UNCLES,
        "logsBloom": block.bloom,
        "transactionsRoot": _EMPTY_ROOT,
        "stateRoot": _EMPTY_ROOT,
        "receiptsRoot": _EMPTY_ROOT,
        "miner": _ZERO_ADDRESS,
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": "0x",
        "size": "0x268",
        "gasLimit": quantity(BLOCK_GAS_LIMIT),
        "gasUsed": quantity(block.gas_used),
        "timestamp": quantity(block.timestamp),
        "timestampMillis": quantity(block.timestamp * 1000),
        "timestampMillisPart": "0x0",
        "mixHash": _ZERO_HASH,
        "baseFeePerGas": quantity(BASE_FEE),
        "withdrawalsRoot": _EMPTY_ROOT,
        "withdrawals": [],
        "uncles": [],
        "transactions": list(transactions),
    }


def log_json(log: LogRow, block: BlockRow) -> dict[str, Any]:
    return {
        "address": log.address,
        "topics": list(log.topics),
        "data": log.data,
        "blockHash": block.hash,
        "blockNumber": quantity(block.number),
        "blockTimestamp": quantity(block.timestamp),
        "transactionHash": block.tx_hash,
        "transactionIndex": "0x0",
        "logIndex": quantity(log.position),
        "removed": False,
    }


def receipt_json(row: TransactionRow, envelope: Envelope, block: BlockRow, logs: Sequence[LogRow]) -> dict[str, Any]:
    first = envelope.calls[0].to
    return {
        "type": quantity(envelope.kind),
        "status": quantity(row.ok),
        "transactionHash": row.hash,
        "transactionIndex": "0x0",
        "blockHash": block.hash,
        "blockNumber": quantity(block.number),
        "blockTimestamp": quantity(block.timestamp),
        "from": row.sender.lower(),
        "to": first.lower() if first else None,
        "contractAddress": None,
        "gasUsed": quantity(row.gas_used),
        "cumulativeGasUsed": quantity(row.gas_used),
        "effectiveGasPrice": quantity(row.price),
        "feeToken": row.fee_token.lower(),
        "feePayer": row.fee_payer.lower(),
        "logs": [log_json(log, block) for log in logs],
        "logsBloom": block.bloom,
    }


def transaction_json(row: TransactionRow, envelope: Envelope, block: BlockRow) -> dict[str, Any]:
    """A transaction as nodes describe it: `calls` and Tempo's fields for 0x76, one call's fields for the others."""
    shared = {
        "hash": row.hash,
        "type": quantity(envelope.kind),
        "chainId": quantity(envelope.chain_id),
        "from": row.sender.lower(),
        "nonce": quantity(envelope.nonce),
        "gas": quantity(envelope.gas),
        "gasPrice": quantity(row.price),
        "blockHash": block.hash,
        "blockNumber": quantity(block.number),
        "blockTimestamp": quantity(block.timestamp),
        "transactionIndex": "0x0",
    }
    if envelope.kind == TEMPO_TYPE:
        return shared | _tempo_fields(envelope)
    return shared | _ordinary_fields(envelope)


def _tempo_fields(envelope: Envelope) -> dict[str, Any]:
    slot = envelope.tempo.fee_payer_slot if envelope.tempo is not None else None
    return {
        "calls": [
            {"to": call.to and call.to.lower(), "value": quantity(call.value), "input": "0x" + call.data.hex()}
            for call in envelope.calls
        ],
        "accessList": _access_list_json(envelope),
        "maxFeePerGas": quantity(envelope.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(envelope.max_priority_fee_per_gas),
        "nonceKey": quantity(envelope.nonce_key),
        "validBefore": quantity(envelope.valid_before) if envelope.valid_before is not None else None,
        "validAfter": quantity(envelope.valid_after) if envelope.valid_after is not None else None,
        "feeToken": envelope.fee_token.lower() if envelope.fee_token else None,
        "feePayerSignature": _signature_json(slot) if isinstance(slot, Signature) else None,
        "aaAuthorizationList": [],
        "keyAuthorization": None,
        "signature": {"type": "secp256k1", **_signature_json(envelope.signature)},
    }


def _ordinary_fields(envelope: Envelope) -> dict[str, Any]:
    (call,) = envelope.calls
    fields = {
        "to": call.to and call.to.lower(),
        "value": quantity(call.value),
        "input": "0x" + call.data.hex(),
        **_signature_json(envelope.signature),
    }
    if envelope.kind == LEGACY_TYPE:
        fields["v"] = quantity(envelope.chain_id * 2 + 35 + envelope.signature.y_parity)
        del fields["yParity"]
        return fields
    return fields | {
        "maxFeePerGas": quantity(envelope.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(envelope.max_priority_fee_per_gas),
        "accessList": _access_list_json(envelope),
    }


def _access_list_json(envelope: Envelope) -> list[dict[str, Any]]:
    return [
        {"address": item.address.lower(), "storageKeys": ["0x" + key.hex() for key in item.storage_keys]}
        for item in envelope.access_list
    ]


def _signature_json(signature: Signature) -> dict[str, str]:
    parity = quantity(signature.y_parity)
    return {"r": f"0x{signature.r:064x}", "s": f"0x{signature.s:064x}", "yParity": parity, "v": parity}
