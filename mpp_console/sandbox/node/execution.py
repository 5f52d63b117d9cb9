"""Validates and runs transactions, and simulates calls, over a `State`.

A transaction is a batch of calls that succeed together or not at all; the fee is paid and the nonce used either way.
Gas follows the chain's schedule, so that estimates and fees look like those of a real network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import is_token_address
from mpp_console.methods.tempo.transaction import AccessListItem, Call
from mpp_console.sandbox.node.contracts import Contract, Contracts, Frame, address_word
from mpp_console.sandbox.node.escrow import ESCROW, StreamEscrow
from mpp_console.sandbox.node.fees import BASE_FEE, FEE_MANAGER, Fee, FeeManager, check_prices, choose_fee_token
from mpp_console.sandbox.node.nonces import NONCE_MANAGER, NonceManager, check_window, consume_nonce, nonce_gas
from mpp_console.sandbox.node.rejections import SERVER_ERROR, rejected
from mpp_console.sandbox.node.reserve import ChannelReserve
from mpp_console.sandbox.node.state import Event, Meter, OutOfGas, Revert, State
from mpp_console.sandbox.node.tip20 import TOKENS, Tip20, Uninitialized
from mpp_console.sandbox.node.transactions import Envelope

__all__ = ["BLOCK_GAS_LIMIT", "Machine", "Result", "intrinsic_gas"]

BLOCK_GAS_LIMIT: Final = 30_000_000

_BASE_GAS: Final = 21_000
_TOKEN_GAS: Final = 4
_FLOOR_TOKEN_GAS: Final = 10
_EXTRA_CALL_GAS: Final = 2_600
_ACCESS_ADDRESS_GAS: Final = 2_400
_ACCESS_KEY_GAS: Final = 1_900


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What running came to. `output` is the last call's result, or the error data when `ok` is false.

    `failed_call` is the index of the call that reverted; `halted` means that gas ran out, which has no error data.
    """

    ok: bool
    gas_used: int
    output: bytes
    events: tuple[Event, ...] = ()
    fee_token: str | None = None
    fee_paid: int = 0
    effective_price: int = 0
    failed_call: int | None = None
    halted: bool = False


def intrinsic_gas(calls: Sequence[Call], access_list: Sequence[AccessListItem] = ()) -> tuple[int, int]:
    """Gas that a batch costs before anything runs, and the floor below which it never costs."""
    tokens = sum(len(call.data) * 4 - call.data.count(0) * 3 for call in calls)
    access = sum(_ACCESS_ADDRESS_GAS + len(item.storage_keys) * _ACCESS_KEY_GAS for item in access_list)
    extra_calls = _EXTRA_CALL_GAS * (len(calls) - 1)
    return _BASE_GAS + tokens * _TOKEN_GAS + extra_calls + access, _BASE_GAS + tokens * _FLOOR_TOKEN_GAS


class Machine:
    """The chain's rules: which contracts exist and how transactions run against them. Holds no state."""

    def __init__(self, *, chain_id: int, issuer: str) -> None:
        self.chain_id = chain_id
        self.tokens = {token.address: token for token in TOKENS}
        contracts = {address: Tip20(token, issuer=issuer) for address, token in self.tokens.items()}
        self.contracts: Contracts = {
            **contracts,
            FEE_MANAGER: FeeManager(self.tokens),
            NONCE_MANAGER: NonceManager(),
            RESERVE: ChannelReserve(contracts, chain_id=chain_id),
            ESCROW: StreamEscrow(chain_id=chain_id),
        }
        self._no_token = Uninitialized()

    def execute(self, state: State, envelope: Envelope, *, timestamp: int) -> Result:
        """Runs a signed transaction. Raises RpcError when it may not be in a block at all; `state` is then spoilt."""
        self._require_sound(envelope, timestamp)
        fixed, floor = intrinsic_gas(envelope.calls, envelope.access_list)
        fixed += nonce_gas(envelope.nonce_key, envelope.nonce)
        if envelope.gas < max(fixed, floor):
            raise rejected(
                f"intrinsic gas too low: have {envelope.gas}, want {max(fixed, floor)}", rpc_code=SERVER_ERROR
            )
        meter = Meter(state=state, limit=envelope.gas, used=fixed)
        fee = Fee(
            choose_fee_token(
                state,
                explicit=envelope.fee_token,
                calls=envelope.calls,
                sender=envelope.sender,
                fee_payer=envelope.fee_payer,
                tokens=self.tokens,
            ),
            envelope.fee_payer,
            envelope.effective_price(BASE_FEE),
        )
        consume_nonce(state, meter, envelope, timestamp)
        fee.hold(state, meter, envelope.gas, envelope.max_fee_per_gas)
        outcome = self._run(meter, envelope.sender, envelope.calls, timestamp, envelope.replay_hash)
        gas_used = max(meter.used, floor)
        paid = fee.settle(state, meter.events, gas_used)
        return Result(
            ok=outcome.ok,
            gas_used=gas_used,
            output=outcome.output,
            events=tuple(meter.events),
            fee_token=fee.token,
            fee_paid=paid,
            effective_price=fee.price,
            failed_call=outcome.failed_call,
            halted=outcome.halted,
        )

    def simulate(
        self, state: State, *, sender: str, calls: Sequence[Call], gas: int, timestamp: int, extra_gas: int = 0
    ) -> Result:
        """Runs calls as `sender` without nonce, fee or signature. `extra_gas` is what a real one costs on top."""
        fixed, floor = intrinsic_gas(calls)
        meter = Meter(state=state, limit=gas, used=fixed + extra_gas)
        outcome = self._run(meter, sender, calls, timestamp, _unsigned_context(sender, calls))
        return Result(
            ok=outcome.ok,
            gas_used=max(meter.used, floor),
            output=outcome.output,
            events=tuple(meter.events),
            failed_call=outcome.failed_call,
            halted=outcome.halted,
        )

    def contract_at(self, address: str) -> Contract | None:
        found = self.contracts.get(address)
        return self._no_token if found is None and is_token_address(address) else found

    def _require_sound(self, envelope: Envelope, timestamp: int) -> None:
        if envelope.chain_id != self.chain_id:
            raise rejected(f"invalid chain id for signer: have {envelope.chain_id}, want {self.chain_id}")
        if any(call.value for call in envelope.calls):
            raise rejected("native value transfer not allowed: there is no native coin")
        if any(call.to is None for call in envelope.calls):
            raise rejected("contract creation is not supported in the sandbox")
        if envelope.gas > BLOCK_GAS_LIMIT:
            raise rejected(f"exceeds block gas limit: {envelope.gas} > {BLOCK_GAS_LIMIT}", rpc_code=SERVER_ERROR)
        check_prices(envelope.max_fee_per_gas, envelope.max_priority_fee_per_gas)
        check_window(envelope.valid_after, envelope.valid_before, timestamp)

    def _run(self, meter: Meter, sender: str, calls: Sequence[Call], timestamp: int, context: bytes) -> Result:
        """Runs the batch; on failure everything since its start is undone, gas stays used."""
        mark, first_event, output = meter.state.mark(), len(meter.events), b""
        for index, call in enumerate(calls):
            try:
                output = self._call(meter, sender, call, timestamp, context)
            except (Revert, OutOfGas) as failure:
                meter.state.undo(mark)
                del meter.events[first_event:]
                halted = isinstance(failure, OutOfGas)
                if halted:
                    meter.used = meter.limit
                data = failure.data if isinstance(failure, Revert) else b""
                return Result(ok=False, gas_used=meter.used, output=data, failed_call=index, halted=halted)
        return Result(ok=True, gas_used=meter.used, output=output)

    def _call(self, meter: Meter, sender: str, call: Call, timestamp: int, context: bytes) -> bytes:
        if call.to is None:
            raise Revert
        contract = self.contract_at(call.to)
        if contract is None:
            return b""
        frame = Frame(
            meter=meter,
            sender=sender,
            address=call.to,
            chain_id=self.chain_id,
            timestamp=timestamp,
            context_hash=context,
            peers=self.contracts,
        )
        return contract.call(frame, call.data)


def _unsigned_context(sender: str, calls: Sequence[Call]) -> bytes:
    """What names a call that nobody has signed: the channel that it opens has an id, though not the one to come."""
    return keccak(address_word(sender) + b"".join(call.data for call in calls))
