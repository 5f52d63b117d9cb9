"""What the chain remembers between transactions, as seen by one execution: numbered slots over the ledger, with undo.

Slots are named by words (`balance`, token, owner) and hold unsigned integers; one never written holds 0. Contracts read
and write them through a `Meter`, which charges gas as the chain does. Nothing here touches the disk by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mpp_console.protocol import MppError

__all__ = ["Event", "Meter", "OutOfGas", "Revert", "Slot", "State"]

Slot = tuple[str, ...]

COLD_READ: Final = 2_100
WARM_READ: Final = 100
WRITE_NEW: Final = 250_100
"""A slot that was empty: state that the chain keeps for ever is dear on Tempo (TIP-1000)."""
WRITE_CHANGE: Final = 2_900
WRITE_AGAIN: Final = 100
"""A slot that this transaction has changed before, or a write that changes nothing."""

LOG_BASE: Final = 375
LOG_TOPIC: Final = 375
LOG_BYTE: Final = 8


class Revert(MppError):
    """A contract refuses. `data` is what the caller gets: a selector and its arguments, or nothing."""

    default_code = "reverted"

    def __init__(self, data: bytes = b"") -> None:
        super().__init__("the call reverted")
        self.data = data


class OutOfGas(MppError):
    """The transaction's gas limit is used up."""

    default_code = "out-of-gas"


@dataclass(frozen=True, slots=True)
class Event:
    """A log before it has a place in a block. `address` and topics are raw bytes."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


class State:
    """Slots with every change undoable. `load` reads a slot that this execution has not seen yet."""

    __slots__ = ("_current", "_load", "_original", "_undo")

    def __init__(self, load: Callable[[Slot], int]) -> None:
        self._load = load
        self._original: dict[Slot, int] = {}
        self._current: dict[Slot, int] = {}
        self._undo: list[tuple[Slot, int]] = []

    def read(self, slot: Slot) -> int:
        if slot not in self._current:
            self._original[slot] = self._current[slot] = self._load(slot)
        return self._current[slot]

    def original(self, slot: Slot) -> int:
        """What the slot held before this transaction."""
        self.read(slot)
        return self._original[slot]

    def write(self, slot: Slot, value: int) -> None:
        self._undo.append((slot, self.read(slot)))
        self._current[slot] = value

    def mark(self) -> int:
        """A place to come back to with `undo`."""
        return len(self._undo)

    def undo(self, mark: int) -> None:
        while len(self._undo) > mark:
            slot, value = self._undo.pop()
            self._current[slot] = value

    def changes(self) -> Mapping[Slot, int]:
        """Slots that differ from the ledger."""
        return {slot: value for slot, value in self._current.items() if value != self._original[slot]}


@dataclass(slots=True, kw_only=True)
class Meter:
    """Gas and events of one execution. Raises OutOfGas when `limit` is passed.

    `warm` slots were touched before in the same transaction and cost less; `transient` is forgotten at its end. What
    the chain does outside of contracts (fees, nonces) touches slots without charge through `touch`.
    """

    state: State
    limit: int
    used: int = 0
    warm: set[Slot] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    transient: set[Slot] = field(default_factory=set)

    def charge(self, gas: int) -> None:
        self.used += gas
        if self.used > self.limit:
            raise OutOfGas(
                "the transaction ran out of gas", hint="Estimate the gas again and send it with a higher limit."
            )

    def touch(self, *slots: Slot) -> None:
        self.warm.update(slots)

    def read(self, slot: Slot) -> int:
        self.charge(WARM_READ if slot in self.warm else COLD_READ)
        self.warm.add(slot)
        return self.state.read(slot)

    def write(self, slot: Slot, value: int) -> None:
        if slot not in self.warm:
            self.charge(COLD_READ)
            self.warm.add(slot)
        current, original = self.state.read(slot), self.state.original(slot)
        if value == current or current != original:
            self.charge(WRITE_AGAIN)
        else:
            self.charge(WRITE_CHANGE if original else WRITE_NEW)
        self.state.write(slot, value)

    def emit(self, address: str, topics: tuple[bytes, ...], data: bytes) -> None:
        self.charge(LOG_BASE + LOG_TOPIC * len(topics) + LOG_BYTE * len(data))
        self.events.append(Event(address, topics, data))
