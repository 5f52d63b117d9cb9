"""What an address with code is to the node: a contract that is called with bytes, and a table of its functions.

A new protocol contract is one more entry in a `Contracts` table; execution knows nothing else about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from mpp_console.methods.tempo.keys import address_bytes, keccak, to_checksum
from mpp_console.sandbox.node.state import Meter, Revert

__all__ = [
    "Contract",
    "Contracts",
    "Frame",
    "Function",
    "FunctionTable",
    "address_word",
    "string_result",
    "word",
]

CALL_COST: Final = 100
INPUT_WORD_COST: Final = 6
ZERO_ADDRESS: Final = "0x" + "00" * 20

Contracts = Mapping[str, "Contract"]
"""Contracts by checksummed address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call: who calls (`sender`), what (`address`), on which chain and when (Unix seconds).

    `context_hash` names the enclosing transaction, the same for every call in it; `peers` are the other contracts.
    """

    meter: Meter
    sender: str
    address: str
    chain_id: int
    timestamp: int
    context_hash: bytes = bytes(32)
    peers: Contracts = field(default_factory=dict, repr=False)

    def call(self, address: str, data: bytes) -> bytes:
        """Calls another contract as this one does. Raises Revert when there is none."""
        contract = self.peers.get(address)
        if contract is None:
            raise Revert
        return contract.call(replace(self, sender=self.address, address=address), data)


class Contract(Protocol):
    def call(self, frame: Frame, data: bytes) -> bytes:
        """Runs one call and gives its result. Raises Revert or OutOfGas."""
        ...


@dataclass(frozen=True, slots=True)
class Function:
    """A function by its Solidity declaration and what runs for it, with decoded arguments after the frame."""

    declaration: str
    run: Callable[..., bytes]

    @property
    def selector(self) -> bytes:
        return keccak(self.declaration.encode())[:4]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types of the arguments; a tuple of fixed width lies in the calldata as its members do."""
        inner = self.declaration[self.declaration.index("(") + 1 : -1].replace("(", "").replace(")", "")
        return tuple(inner.split(",")) if inner else ()


class FunctionTable:
    """Dispatches calldata to functions of fixed-width arguments, `bytes` and `bytes32[]`, as the chain's own contracts
    do.

    Surplus bytes and dirty upper bytes of an address are ignored, too few bytes revert without data, an unknown
    selector reverts with `UnknownFunctionSelector(bytes4)`.
    """

    __slots__ = ("_functions",)

    def __init__(self, functions: tuple[Function, ...]) -> None:
        self._functions = {function.selector: (function.kinds, function.run) for function in functions}

    def call(self, frame: Frame, data: bytes) -> bytes:
        frame.meter.charge(CALL_COST + INPUT_WORD_COST * -(-len(data) // 32))
        if len(data) < 4:
            raise Revert
        found = self._functions.get(data[:4])
        if found is None:
            raise Revert(_UNKNOWN_SELECTOR + data[:4] + bytes(28))
        kinds, run = found
        if len(data) < 4 + 32 * len(kinds):
            raise Revert
        body = data[4:]
        return run(frame, *(_argument(kind, body, 32 * at) for at, kind in enumerate(kinds)))


def word(value: int | bool) -> bytes:
    return int(value).to_bytes(32, "big")


def address_word(address: str) -> bytes:
    return bytes(12) + address_bytes(address)


def string_result(text: str) -> bytes:
    """An ABI-encoded single string."""
    raw = text.encode()
    return word(32) + word(len(raw)) + raw + bytes(-len(raw) % 32)


def topic(declaration: str) -> bytes:
    """The first topic of an event's logs."""
    return keccak(declaration.encode())


def _argument(kind: str, body: bytes, at: int) -> Any:
    raw = body[at : at + 32]
    match kind:
        case "address":
            return to_checksum("0x" + raw[12:].hex())
        case "bytes32":
            return raw
        case "bytes":
            return _tail(body, raw, width=1)
        case "bytes32[]":
            words = _tail(body, raw, width=32)
            return tuple(words[place : place + 32] for place in range(0, len(words), 32))
        case _:
            value = int.from_bytes(raw, "big")
            if value >> int(kind.removeprefix("uint") or 256):
                raise Revert
            return value


def _tail(body: bytes, raw: bytes, *, width: int) -> bytes:
    """What an argument of dynamic width points at."""
    start = int.from_bytes(raw, "big")
    if start + 32 > len(body):
        raise Revert
    length = int.from_bytes(body[start : start + 32], "big") * width
    content = body[start + 32 : start + 32 + length]
    if len(content) != length:
        raise Revert
    return content


_UNKNOWN_SELECTOR: Final = keccak(b"UnknownFunctionSelector(bytes4)")[:4]
