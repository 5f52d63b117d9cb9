"""Trying transactions without sending them: `eth_call`, `eth_estimateGas` and `tempo_simulateV1`.

A simulation runs on a state that is thrown away. It knows no signature, so what it is told (sender, window, fee) is
believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY
from mpp_console.sandbox.node.chain import SandboxChain
from mpp_console.sandbox.node.contracts import ZERO_ADDRESS
from mpp_console.sandbox.node.execution import BLOCK_GAS_LIMIT, Result
from mpp_console.sandbox.node.fees import BASE_FEE, choose_fee_token, fee_amount
from mpp_console.sandbox.node.formats import quantity, read_address, read_calls, read_quantity
from mpp_console.sandbox.node.nonces import check_window, nonce_gas, nonce_slot
from mpp_console.sandbox.node.rejections import INVALID_PARAMS, REVERTED, SERVER_ERROR, RpcError, rejected
from mpp_console.sandbox.node.state import State
from mpp_console.sandbox.node.tip20 import balance_slot

__all__ = ["Simulation"]

MAX_SIMULATED: Final = 256
"""Calls in one simulation; a request beyond it asks for our time, not for an answer."""


class Simulation:
    """Simulates on the newest state of one chain. Callers hold a ledger transaction."""

    def __init__(self, chain: SandboxChain) -> None:
        self._chain = chain
        self._machine = chain.machine

    def call(self, request: object) -> str:
        """`eth_call`: the last call's result. Raises RpcError with the error data when a call reverts."""
        result, _ = self._run(self._chain.state(), _fields(request))
        _require_success(result)
        return "0x" + result.output.hex()

    def estimate(self, request: object) -> str:
        """`eth_estimateGas`: the gas that the transaction would use if it were sent now."""
        result, _ = self._run(self._chain.state(), _fields(request))
        _require_success(result)
        return quantity(result.gas_used)

    def simulate_blocks(self, request: object) -> dict[str, Any]:
        """`tempo_simulateV1`: blocks of calls one after the other, with logs and what the tokens in them call
        themselves.
        """
        blocks = _fields(request).get("blockStateCalls")
        if not isinstance(blocks, list) or not blocks:
            raise RpcError(INVALID_PARAMS, "blockStateCalls must be a list with at least one block")
        state, tip, count = self._chain.state(), self._chain.tip(), 0
        answers: list[dict[str, Any]] = []
        touched: set[str] = set()
        for offset, block in enumerate(blocks, start=1):
            calls = _fields(block).get("calls") or []
            if not isinstance(calls, list):
                raise RpcError(INVALID_PARAMS, "the calls of a block must be a list")
            count += len(calls)
            if count > MAX_SIMULATED:
                raise RpcError(INVALID_PARAMS, f"at most {MAX_SIMULATED} calls can be simulated at once")
            number = tip.number + offset
            results = [self._simulated(state, _fields(call), number, touched) for call in calls]
            answers.append(self._block(number, results))
        return {"blocks": answers, "tokenMetadata": self._metadata(touched)}

    def _block(self, number: int, results: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "number": quantity(number),
            "timestamp": quantity(self._chain.next_timestamp()),
            "gasLimit": quantity(BLOCK_GAS_LIMIT),
            "gasUsed": quantity(sum(int(result["gasUsed"], 16) for result in results)),
            "baseFeePerGas": quantity(BASE_FEE),
            "transactions": [],
            "calls": results,
        }

    def _simulated(self, state: State, request: Mapping[str, Any], number: int, touched: set[str]) -> dict[str, Any]:
        result, targets = self._run(state, request)
        touched |= targets
        answer: dict[str, Any] = {
            "returnData": "0x" + result.output.hex(),
            "gasUsed": quantity(result.gas_used),
            "status": quantity(result.ok),
            "logs": [
                {
                    "address": event.address.lower(),
                    "topics": ["0x" + topic.hex() for topic in event.topics],
                    "data": "0x" + event.data.hex(),
                    "blockNumber": quantity(number),
                    "logIndex": quantity(position),
                    "transactionIndex": "0x0",
                    "removed": False,
                }
                for position, event in enumerate(result.events)
            ],
        }
        if not result.ok:
            answer["error"] = {"code": REVERTED, "message": _reason(result), "data": "0x" + result.output.hex()}
        return answer

    def _metadata(self, touched: set[str]) -> dict[str, Any]:
        tokens = (self._machine.tokens[address] for address in sorted(touched) if address in self._machine.tokens)
        return {
            token.address.lower(): {"name": token.name, "symbol": token.name, "currency": token.currency}
            for token in tokens
        }

    def _run(self, state: State, request: Mapping[str, Any]) -> tuple[Result, set[str]]:
        calls = read_calls(request)
        if any(call.value for call in calls):
            raise rejected("native value transfer not allowed: there is no native coin")
        sender = read_address(request["from"], "from") if request.get("from") is not None else ZERO_ADDRESS
        now = self._chain.next_timestamp()
        check_window(_optional(request, "validAfter"), _optional(request, "validBefore"), now)
        gas = _optional(request, "gas")
        self._require_fee(state, request, sender, gas)
        extra = self._nonce_gas(state, request, sender)
        limit = min(gas or BLOCK_GAS_LIMIT, BLOCK_GAS_LIMIT)
        result = self._machine.simulate(
            state, sender=sender, calls=calls, gas=limit, timestamp=now, extra_gas=extra if gas is None else 0
        )
        return result, {call.to for call in calls if call.to is not None}

    def _nonce_gas(self, state: State, request: Mapping[str, Any], sender: str) -> int:
        key = _optional(request, "nonceKey", bits=256) or 0
        stated = _optional(request, "nonce")
        if key == EXPIRING_NONCE_KEY:
            return nonce_gas(key, 0)
        return nonce_gas(key, state.read(nonce_slot(sender, key)) if stated is None else stated)

    def _require_fee(self, state: State, request: Mapping[str, Any], sender: str, gas: int | None) -> None:
        """Whoever names a price and a gas limit is asked whether the sender could pay them, unless a sponsor does."""
        price = _optional(request, "maxFeePerGas", bits=128) or _optional(request, "gasPrice", bits=128)
        if not price or gas is None or request.get("feePayerSignature") is not None or request.get("feePayer"):
            return
        named = request.get("feeToken")
        token = choose_fee_token(
            state,
            explicit=read_address(named, "feeToken") if named is not None else None,
            calls=read_calls(request),
            sender=sender,
            fee_payer=sender,
            tokens=self._machine.tokens,
        )
        available, most = state.read(balance_slot(token, sender)), fee_amount(gas, price)
        if most > available:
            message = f"insufficient funds for gas * price + value: {sender} has {available}, needs {most} of {token}"
            raise rejected(message, rpc_code=SERVER_ERROR)


def _fields(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RpcError(INVALID_PARAMS, "the first parameter must be an object")
    return value


def _optional(request: Mapping[str, Any], name: str, *, bits: int = 64) -> int | None:
    return read_quantity(request[name], name, bits=bits) if request.get(name) is not None else None


def _reason(result: Result) -> str:
    return "out of gas" if result.halted else "execution reverted"


def _require_success(result: Result) -> None:
    if result.halted:
        raise rejected("out of gas: the gas limit is too low for this call")
    if not result.ok:
        raise RpcError(REVERTED, _reason(result), data="0x" + result.output.hex())
