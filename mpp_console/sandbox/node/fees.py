"""Fees: in which token, from whom, how much, and what the chain logs about them.

Gas is priced in attodollars and paid in tokens of six decimals, rounded up. The most that a transaction can cost is
taken before it runs and the rest given back after, whether it succeeded or not. Source: the fee specification and its
reference implementation. The sandbox takes each of its tokens at par, without the exchange that real networks run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import SELECTORS, TRANSFER_TOPIC
from mpp_console.methods.tempo.transaction import Call
from mpp_console.sandbox.node.contracts import ZERO_ADDRESS, Frame, Function, FunctionTable, address_word, topic, word
from mpp_console.sandbox.node.rejections import SERVER_ERROR, rejected
from mpp_console.sandbox.node.state import Event, Meter, Revert, Slot, State
from mpp_console.sandbox.node.tip20 import PATH_USD, balance_slot, common_slots, holder_slots

__all__ = [
    "BASE_FEE",
    "FEE_MANAGER",
    "PRIORITY_FEE",
    "Fee",
    "FeeManager",
    "check_prices",
    "choose_fee_token",
    "fee_amount",
]

FEE_MANAGER: Final = "0xfeEC000000000000000000000000000000000000"
BASE_FEE: Final = 10_000_000_000
"""Attodollars a unit of gas; the sandbox is never busy, so it does not move."""
PRIORITY_FEE: Final = 1_000_000_000
"""The tip that the node suggests."""

_ATTODOLLARS_PER_BASE_UNIT: Final = 10**12
_INFERRING: Final = (SELECTORS["transfer"], SELECTORS["transferWithMemo"])


def fee_amount(gas: int, price: int) -> int:
    """Base units of a fee token for `gas` at `price` attodollars, rounded up."""
    return -(-gas * price // _ATTODOLLARS_PER_BASE_UNIT)


def _preference_slot(account: str) -> Slot:
    return ("fee-token", account)


def check_prices(max_fee: int, priority: int) -> None:
    """Raises RpcError when the transaction offers less than the base fee, or a tip above its own highest price."""
    if priority > max_fee:
        raise rejected("max priority fee per gas higher than max fee per gas")
    if max_fee < BASE_FEE:
        raise rejected("max fee per gas less than block base fee")


def choose_fee_token(
    state: State, *, explicit: str | None, calls: Sequence[Call], sender: str, fee_payer: str, tokens: Collection[str]
) -> str:
    """The token that pays: the one named, else the payer's stated preference, else the one token that a sender who pays
    for itself transfers, else pathUSD. Raises RpcError when a named token is none.
    """
    if explicit is not None:
        if explicit not in tokens:
            raise rejected(f"invalid fee token: {explicit}")
        return explicit
    preferred = state.read(_preference_slot(fee_payer))
    if preferred:
        return _token_of(preferred, tokens)
    first = calls[0].to
    transfers_one = all(call.to == first and call.data[:4] in _INFERRING for call in calls)
    if fee_payer == sender and first in tokens and transfers_one:
        return str(first)
    return PATH_USD


@dataclass(slots=True)
class Fee:
    """The fee of one transaction, from the hold before it runs to the settlement after."""

    token: str
    payer: str
    price: int
    held: int = 0

    def hold(self, state: State, meter: Meter, gas: int, max_price: int) -> None:
        """Takes what the whole gas limit would cost. Raises RpcError when the payer could not pay its highest price."""
        slot = balance_slot(self.token, self.payer)
        available, most = state.read(slot), fee_amount(gas, max_price)
        if most > available:
            # Clients know this refusal by its first words.
            raise rejected(
                f"insufficient funds for gas * price + value: fee payer {self.payer} has {available}, needs {most} "
                f"of fee token {self.token}",
                rpc_code=SERVER_ERROR,
            )
        self.held = fee_amount(gas, self.price)
        state.write(slot, available - self.held)
        if self.held:
            meter.touch(slot, *common_slots(self.token), *holder_slots(self.token, self.payer))

    def settle(self, state: State, events: list[Event], gas_used: int) -> int:
        """Keeps what was used, gives the rest back and logs the payment. Gives what was paid."""
        paid = fee_amount(gas_used, self.price)
        payer, manager = balance_slot(self.token, self.payer), balance_slot(self.token, FEE_MANAGER)
        state.write(payer, state.read(payer) + self.held - paid)
        state.write(manager, state.read(manager) + paid)
        if self.held:
            topics = (_TRANSFER, address_word(self.payer), address_word(FEE_MANAGER))
            events.append(Event(self.token, topics, word(paid)))
        return paid


class FeeManager:
    """The contract by which an account says in which token it likes to pay fees."""

    __slots__ = ("_table", "_tokens")

    def __init__(self, tokens: Collection[str]) -> None:
        self._tokens = tokens
        self._table = FunctionTable(
            (
                Function("userTokens(address)", self._user_token),
                Function("setUserToken(address)", self._set_user_token),
            )
        )

    def call(self, frame: Frame, data: bytes) -> bytes:
        return self._table.call(frame, data)

    def _user_token(self, frame: Frame, account: str) -> bytes:
        preferred = frame.meter.read(_preference_slot(account))
        return address_word(_token_of(preferred, self._tokens) if preferred else ZERO_ADDRESS)

    def _set_user_token(self, frame: Frame, token: str) -> bytes:
        if token not in self._tokens:
            raise Revert(keccak(b"InvalidToken()")[:4])
        slot = _preference_slot(frame.sender)
        if frame.meter.read(slot) != int(token, 16):
            frame.meter.write(slot, int(token, 16))
            topics = (topic("UserTokenSet(address,address)"), address_word(frame.sender), address_word(token))
            frame.meter.emit(FEE_MANAGER, topics, b"")
        return b""


def _token_of(number: int, tokens: Collection[str]) -> str:
    return next(token for token in tokens if int(token, 16) == number)


_TRANSFER: Final = bytes.fromhex(TRANSFER_TOPIC[2:])
