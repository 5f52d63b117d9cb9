"""The node's JSON-RPC methods: one table of names, each with what it does and whether it changes the chain.

Every request is one transaction on the ledger. Whatever comes in, an answer goes out: malformed requests and failures
of our own become JSON-RPC errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mpp_console import __version__
from mpp_console.protocol import MppError
from mpp_console.sandbox.node.chain import SandboxChain
from mpp_console.sandbox.node.fees import BASE_FEE, PRIORITY_FEE
from mpp_console.sandbox.node.formats import (
    block_json,
    log_json,
    quantity,
    read_address,
    read_data,
    read_hash,
    read_quantity,
    receipt_json,
    transaction_json,
)
from mpp_console.sandbox.node.ledger import BlockRow, LogFilter
from mpp_console.sandbox.node.nonces import nonce_slot
from mpp_console.sandbox.node.rejections import (
    HISTORY_GONE,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    RpcError,
)
from mpp_console.sandbox.node.simulation import Simulation
from mpp_console.sandbox.node.transactions import read_transaction

__all__ = ["JsonRpc"]

MAX_LOGS: Final = 10_000
"""More logs than this in one answer is a mistake in the question."""
MAX_FEE_HISTORY: Final = 1_024

_NEWEST: Final = ("latest", "pending", "safe", "finalized")

Params = list[Any]


@dataclass(frozen=True, slots=True)
class _Method:
    """`takes` bounds the number of parameters; `writes` asks for the right to change the chain."""

    run: Callable[[Params], Any]
    takes: range
    writes: bool = False


class JsonRpc:
    """Answers single JSON-RPC requests about one chain."""

    def __init__(self, chain: SandboxChain) -> None:
        self._chain = chain
        self._ledger = chain.ledger
        simulation = Simulation(chain)
        chain_id = chain.machine.chain_id
        self._methods: dict[str, _Method] = {
            "web3_clientVersion": _Method(lambda _: f"mpp-console-sandbox/{__version__}", range(1)),
            "net_version": _Method(lambda _: str(chain_id), range(1)),
            "eth_chainId": _Method(lambda _: quantity(chain_id), range(1)),
            "eth_syncing": _Method(lambda _: False, range(1)),
            "eth_accounts": _Method(lambda _: [], range(1)),
            "eth_gasPrice": _Method(lambda _: quantity(BASE_FEE + PRIORITY_FEE), range(1)),
            "eth_maxPriorityFeePerGas": _Method(lambda _: quantity(PRIORITY_FEE), range(1)),
            "eth_feeHistory": _Method(self._fee_history, range(2, 4)),
            "eth_blockNumber": _Method(lambda _: quantity(chain.tip().number), range(1)),
            # Reading the newest block lets time show in it, hence the right to write.
            "eth_getBlockByNumber": _Method(self._block_by_number, range(1, 3), writes=True),
            "eth_getBlockByHash": _Method(self._block_by_hash, range(1, 3)),
            "eth_getBalance": _Method(self._native_balance, range(1, 3)),
            "eth_getCode": _Method(self._code, range(1, 3)),
            "eth_getTransactionCount": _Method(self._transaction_count, range(1, 3)),
            "eth_getTransactionByHash": _Method(self._transaction, range(1, 2)),
            "eth_getTransactionReceipt": _Method(self._receipt, range(1, 2)),
            "eth_getLogs": _Method(self._logs, range(1, 2)),
            "eth_call": _Method(self._on_latest(simulation.call), range(1, 5)),
            "eth_estimateGas": _Method(self._on_latest(simulation.estimate), range(1, 4)),
            "tempo_simulateV1": _Method(self._on_latest(simulation.simulate_blocks), range(1, 3)),
            "eth_sendRawTransaction": _Method(self._send, range(1, 2), writes=True),
            "eth_sendRawTransactionSync": _Method(self._send_sync, range(1, 3), writes=True),
            "tempo_fundAddress": _Method(self._fund, range(1, 2), writes=True),
            "evm_increaseTime": _Method(self._increase_time, range(1, 2), writes=True),
        }

    def handle(self, request: object) -> dict[str, Any]:
        """Answers one request object, whatever it is. Never raises."""
        identifier: Any = None
        try:
            if not isinstance(request, Mapping):
                raise RpcError(INVALID_REQUEST, "a request must be an object")
            candidate = request.get("id")
            identifier = candidate if isinstance(candidate, (str, int)) and not isinstance(candidate, bool) else None
            return {"jsonrpc": "2.0", "id": identifier, "result": self._answer(request)}
        except RpcError as error:
            return _error(identifier, error.rpc_code, error.message, error.data)
        except MppError as error:
            return _error(identifier, INTERNAL_ERROR, error.message, None)

    def _answer(self, request: Mapping[str, Any]) -> Any:
        name, params = request.get("method"), request.get("params", [])
        if not isinstance(name, str):
            raise RpcError(INVALID_REQUEST, "a request needs a `method`")
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"the method {name[:64]} does not exist")
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "params must be a list")
        if len(params) not in method.takes:
            raise RpcError(INVALID_PARAMS, f"{name} takes {method.takes.start} to {method.takes.stop - 1} parameters")
        with self._ledger.transaction(writes=method.writes):
            return method.run(params)

    # -- blocks

    def _block_by_number(self, params: Params) -> Any:
        if params[0] in _NEWEST:
            return self._whole_block(self._chain.advance(), params)
        number = 0 if params[0] == "earliest" else read_quantity(params[0], "the block number", bits=63)
        block = self._ledger.block(number)
        return self._whole_block(block, params) if block is not None else None

    def _block_by_hash(self, params: Params) -> Any:
        block = self._ledger.block_by_hash(read_hash(params[0], "the block hash"))
        return self._whole_block(block, params) if block is not None else None

    def _whole_block(self, block: BlockRow, params: Params) -> dict[str, Any]:
        full = params[1] if len(params) > 1 else False
        if not isinstance(full, bool):
            raise RpcError(INVALID_PARAMS, "the second parameter must be true or false")
        hashes = [block.tx_hash] if block.tx_hash is not None else []
        return block_json(block, [self._transaction([tx_hash]) for tx_hash in hashes] if full else hashes)

    def _fee_history(self, params: Params) -> dict[str, Any]:
        newest = self._read_block_number(params[1])
        count = min(read_quantity(params[0], "the block count", bits=63), MAX_FEE_HISTORY, newest + 1)
        percentiles = params[2] if len(params) > 2 and params[2] is not None else []
        if not isinstance(percentiles, list) or len(percentiles) > 100:
            raise RpcError(INVALID_PARAMS, "the percentiles must be a list of at most 100 numbers")
        history: dict[str, Any] = {
            "oldestBlock": quantity(newest + 1 - count),
            "baseFeePerGas": [quantity(BASE_FEE)] * (count + 1),
            "gasUsedRatio": [0.0] * count,
        }
        if percentiles:
            history["reward"] = [[quantity(PRIORITY_FEE)] * len(percentiles)] * count
        return history

    def _read_block_number(self, tag: object) -> int:
        if tag is None or tag in _NEWEST:
            return self._chain.tip().number
        return 0 if tag == "earliest" else read_quantity(tag, "the block number", bits=63)

    # -- accounts

    def _native_balance(self, params: Params) -> str:
        read_address(params[0], "the address")
        self._require_latest(params)
        return "0x0"  # there is no native coin

    def _code(self, params: Params) -> str:
        address = read_address(params[0], "the address")
        self._require_latest(params)
        return "0xef" if address in self._chain.machine.contracts else "0x"

    def _transaction_count(self, params: Params) -> str:
        address = read_address(params[0], "the address")
        self._require_latest(params)
        return quantity(self._ledger.load(nonce_slot(address)))

    def _on_latest(self, run: Callable[[object], Any]) -> Callable[[Params], Any]:
        def answer(params: Params) -> Any:
            self._require_latest(params)
            return run(params[0])

        return answer

    def _require_latest(self, params: Params) -> None:
        """State is kept for the newest block only; asking for an older one is an error, not a wrong answer."""
        tag = params[1] if len(params) > 1 else None
        if isinstance(tag, Mapping):
            tag = tag.get("blockNumber", tag.get("blockHash"))
            if isinstance(tag, str) and len(tag) == 66:
                block = self._ledger.block_by_hash(read_hash(tag, "the block hash"))
                tag = quantity(block.number) if block is not None else "0x0"
        asked, newest = self._read_block_number(tag), self._chain.tip().number
        if asked != newest:
            raise RpcError(HISTORY_GONE, f"the state at block {asked} is not kept, only that at the newest, {newest}")

    # -- transactions

    def _transaction(self, params: Params) -> dict[str, Any] | None:
        row = self._ledger.transaction_by_hash(read_hash(params[0], "the transaction hash"))
        block = self._ledger.block(row.block_number) if row is not None else None
        if row is None or block is None:
            return None
        return transaction_json(row, read_transaction(row.raw), block)

    def _receipt(self, params: Params) -> dict[str, Any] | None:
        row = self._ledger.transaction_by_hash(read_hash(params[0], "the transaction hash"))
        block = self._ledger.block(row.block_number) if row is not None else None
        if row is None or block is None:
            return None
        return receipt_json(row, read_transaction(row.raw), block, self._ledger.logs_of_block(block.number))

    def _send(self, params: Params) -> str:
        return self._chain.submit(read_data(params[0], "the transaction"))

    def _send_sync(self, params: Params) -> dict[str, Any] | None:
        if len(params) > 1 and params[1] is not None:
            read_quantity(params[1], "the timeout", bits=63)  # blocks are instant: there is nothing to wait for
        return self._receipt([self._send(params)])

    def _fund(self, params: Params) -> list[str]:
        return list(self._chain.fund(read_address(params[0], "the address")))

    def _increase_time(self, params: Params) -> int:
        asked = params[0]
        seconds = asked if isinstance(asked, int) else read_quantity(asked, "the seconds", bits=31)
        if isinstance(asked, bool) or not 0 <= seconds < 2**31:
            raise RpcError(INVALID_PARAMS, "the seconds must be a number from 0 on")
        return self._chain.increase_time(seconds)

    # -- logs

    def _logs(self, params: Params) -> list[dict[str, Any]]:
        asked = params[0]
        if not isinstance(asked, Mapping):
            raise RpcError(INVALID_PARAMS, "the filter must be an object")
        if asked.get("blockHash") is not None:
            block = self._ledger.block_by_hash(read_hash(asked["blockHash"], "blockHash"))
            if block is None:
                raise RpcError(HISTORY_GONE, "there is no block with this hash")
            first = last = block.number
        else:
            first = self._read_block_number(asked.get("fromBlock"))
            last = self._read_block_number(asked.get("toBlock"))
        wanted = LogFilter(
            from_block=first,
            to_block=last,
            addresses=tuple(read_address(item, "the address").lower() for item in _one_or_many(asked.get("address"))),
            topics=_read_topics(asked.get("topics")),
        )
        rows = self._ledger.logs(wanted, limit=MAX_LOGS + 1)
        if len(rows) > MAX_LOGS:
            raise RpcError(LIMIT_EXCEEDED, f"the filter matches more than {MAX_LOGS} logs: narrow the range of blocks")
        blocks: dict[int, BlockRow] = {}
        for number in {row.block_number for row in rows}:
            block = self._ledger.block(number)
            if block is not None:
                blocks[number] = block
        return [log_json(row, blocks[row.block_number]) for row in rows]


def _read_topics(value: object) -> tuple[tuple[str, ...] | None, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > 4:
        raise RpcError(INVALID_PARAMS, "topics must be a list of at most 4")
    wanted: list[tuple[str, ...] | None] = []
    for position in value:
        choices = _one_or_many(position)
        wanted.append(tuple(read_hash(item, "a topic") for item in choices) or None)
    return tuple(wanted)


def _one_or_many(value: object) -> list[object]:
    if value is None:
        return []
    many = value if isinstance(value, list) else [value]
    if len(many) > 1_000:
        raise RpcError(LIMIT_EXCEEDED, "too many alternatives in a filter")
    return many


def _error(identifier: Any, code: int, message: str, data: str | None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": identifier, "error": error}
