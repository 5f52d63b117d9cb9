"""The three ways in which a transaction is kept from running twice: the ordinary nonce, numbered lanes and expiring
nonces.

Sources: TIP-1009 (expiring nonces) and the nonce manager's interface.
"""

from __future__ import annotations

from typing import Final

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY
from mpp_console.sandbox.node.contracts import Frame, Function, FunctionTable, address_word, topic, word
from mpp_console.sandbox.node.rejections import SERVER_ERROR, rejected
from mpp_console.sandbox.node.state import Event, Meter, Revert, Slot, State
from mpp_console.sandbox.node.transactions import Envelope

__all__ = [
    "MAX_EXPIRY_SECONDS",
    "NONCE_MANAGER",
    "NonceManager",
    "check_window",
    "consume_nonce",
    "nonce_gas",
    "nonce_slot",
]

NONCE_MANAGER: Final = "0x4e4F4E4345000000000000000000000000000000"
MAX_EXPIRY_SECONDS: Final = 300
"""How far ahead an expiring nonce may reach: long enough to be included, short enough to be remembered until then."""

NEW_LANE_GAS: Final = 250_000
KNOWN_LANE_GAS: Final = 5_200
EXPIRING_GAS: Final = 13_000

_INCREMENTED: Final = "NonceIncremented(address,uint256,uint64)"


def nonce_slot(account: str, key: int = 0) -> Slot:
    """Where the next nonce of a lane is kept; lane 0 is the ordinary nonce."""
    return ("nonce", account, str(key))


def _seen_slot(replay_hash: bytes) -> Slot:
    return ("seen", replay_hash.hex())


def nonce_gas(key: int, nonce: int) -> int:
    """Gas for keeping the nonce: dear for the first of a lane, as the chain stores it for ever."""
    if key == EXPIRING_NONCE_KEY:
        return EXPIRING_GAS
    if nonce == 0:
        return NEW_LANE_GAS
    return KNOWN_LANE_GAS if key else 0


def check_window(valid_after: int | None, valid_before: int | None, now: int) -> None:
    """Raises RpcError when the chain's time is outside the transaction's window."""
    if valid_after is not None and now < valid_after:
        raise rejected(f"transaction not valid yet: current block timestamp {now} < validAfter {valid_after}")
    if valid_before is not None and now >= valid_before:
        raise rejected(f"transaction expired: current block timestamp {now} >= validBefore {valid_before}")


def consume_nonce(state: State, meter: Meter, envelope: Envelope, now: int) -> None:
    """Uses the transaction's nonce up. Raises RpcError when it was used, or is not its turn."""
    if envelope.nonce_key == EXPIRING_NONCE_KEY:
        _consume_expiring(state, envelope, now)
        return
    slot = nonce_slot(envelope.sender, envelope.nonce_key)
    expected = state.read(slot)
    if envelope.nonce < expected:
        raise rejected(f"nonce too low: next nonce {expected}, tx nonce {envelope.nonce}", rpc_code=SERVER_ERROR)
    if envelope.nonce > expected:
        # A real pool would let it wait; with a block a transaction there is nothing to wait for.
        raise rejected(f"nonce too high: next nonce {expected}, tx nonce {envelope.nonce}", rpc_code=SERVER_ERROR)
    state.write(slot, expected + 1)
    if envelope.nonce_key:
        topics = (topic(_INCREMENTED), address_word(envelope.sender), word(envelope.nonce_key))
        meter.events.append(Event(NONCE_MANAGER, topics, word(expected + 1)))


def _consume_expiring(state: State, envelope: Envelope, now: int) -> None:
    # The nonce itself is free here: it was zero by rule first, and is now what tells equal payments apart.
    before = envelope.valid_before
    if before is None:
        raise rejected("expiring nonce transaction requires valid_before to be set")
    if before > now + MAX_EXPIRY_SECONDS:
        raise rejected(
            f"expiring nonce valid_before ({before}) too far in the future: must be within {MAX_EXPIRY_SECONDS}s of "
            f"block timestamp ({now})"
        )
    slot = _seen_slot(envelope.replay_hash)
    if state.read(slot):
        raise rejected("nonce manager error: ExpiringNonceReplay: this transaction has been executed already")
    state.write(slot, before)


class NonceManager:
    """The contract by which clients ask for the next nonce of a numbered lane."""

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table = FunctionTable((Function("getNonce(address,uint256)", self._get_nonce),))

    def call(self, frame: Frame, data: bytes) -> bytes:
        return self._table.call(frame, data)

    def _get_nonce(self, frame: Frame, account: str, key: int) -> bytes:
        if key == 0:
            raise Revert(keccak(b"ProtocolNonceNotSupported()")[:4])
        return word(frame.meter.read(nonce_slot(account, key)))
