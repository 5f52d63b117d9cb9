"""The sandbox's TIP-20 tokens: balances, allowances and memos with the chain's checks, their order, errors and event
logs.

Transfer policies, rewards, permits and administration are left out: every account may send and receive, nobody is opted
in. Source: the TIP-20 interface and its reference implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import (
    APPROVAL_TOPIC,
    TRANSFER_TOPIC,
    TRANSFER_WITH_MEMO_TOPIC,
    encode_revert,
    is_token_address,
)
from mpp_console.sandbox.node.contracts import (
    ZERO_ADDRESS,
    Frame,
    Function,
    FunctionTable,
    address_word,
    string_result,
    topic,
    word,
)
from mpp_console.sandbox.node.state import Revert, Slot

__all__ = [
    "TOKENS",
    "Tip20",
    "TokenInfo",
    "Uninitialized",
    "allowance_slot",
    "balance_slot",
    "common_slots",
    "holder_slots",
    "supply_slot",
]

UNLIMITED: Final = 2**256 - 1
SUPPLY_CAP: Final = 2**128 - 1
_TRUE: Final = word(1)
_BOOKKEEPING: Final = 100
"""What the reference implementation spends on the access-key record of a caller that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """What a token says of itself. `quote` is the token it is quoted in."""

    address: str
    name: str
    quote: str = ZERO_ADDRESS
    currency: str = "USD"
    decimals: int = 6


PATH_USD: Final = "0x20C0000000000000000000000000000000000000"
TOKENS: Final = (
    TokenInfo(address=PATH_USD, name="pathUSD"),
    TokenInfo(address="0x20C0000000000000000000000000000000000001", name="AlphaUSD", quote=PATH_USD),
    TokenInfo(address="0x20C0000000000000000000000000000000000002", name="BetaUSD", quote=PATH_USD),
    TokenInfo(address="0x20C0000000000000000000000000000000000003", name="ThetaUSD", quote=PATH_USD),
)
"""The faucet tokens of Tempo's test networks, at their addresses there."""


def balance_slot(token: str, owner: str) -> Slot:
    return ("balance", token, owner)


def allowance_slot(token: str, owner: str, spender: str) -> Slot:
    return ("allowance", token, owner, spender)


def supply_slot(token: str) -> Slot:
    return ("supply", token)


def common_slots(token: str) -> tuple[Slot, ...]:
    """What every movement of the token reads, whoever moves it."""
    return (("paused", token), ("policy", token), ("reward-total", token))


def holder_slots(token: str, owner: str) -> tuple[Slot, ...]:
    """What a movement reads about one of its parties besides the balance."""
    return tuple((f"reward-{part}", token, owner) for part in ("recipient", "rate", "balance"))


class Uninitialized:
    """An address in the range of tokens where no token was made."""

    def call(self, frame: Frame, data: bytes) -> bytes:
        frame.meter.charge(100 + 6 * -(-len(data) // 32))
        raise Revert(encode_revert("Uninitialized"))


class Tip20:
    """One token. `issuer` alone may mint."""

    __slots__ = ("_table", "address", "info", "issuer")

    def __init__(self, info: TokenInfo, *, issuer: str) -> None:
        self.info = info
        self.address = info.address
        self.issuer = issuer
        self._table = FunctionTable((*self._views(), *self._movements()))

    def call(self, frame: Frame, data: bytes) -> bytes:
        return self._table.call(frame, data)

    # -- reading

    def _views(self) -> Iterable[Function]:
        info = self.info
        constants = {
            "name()": string_result(info.name),
            "symbol()": string_result(info.name),
            "decimals()": word(info.decimals),
            "currency()": string_result(info.currency),
            "supplyCap()": word(SUPPLY_CAP),
            "paused()": word(0),
            "transferPolicyId()": word(1),
            "quoteToken()": address_word(info.quote),
            "nextQuoteToken()": address_word(info.quote),
            "logoURI()": string_result(""),
            "optedInSupply()": word(0),
            "ISSUER_ROLE()": _ISSUER_ROLE,
        }
        yield from (Function(declaration, _constant(result)) for declaration, result in constants.items())
        yield Function("totalSupply()", self._total_supply)
        yield Function("balanceOf(address)", self._balance_of)
        yield Function("allowance(address,address)", self._allowance)
        yield Function("hasRole(address,bytes32)", self._has_role)

    def _total_supply(self, frame: Frame) -> bytes:
        return word(frame.meter.read(supply_slot(self.address)))

    def _balance_of(self, frame: Frame, owner: str) -> bytes:
        return word(frame.meter.read(balance_slot(self.address, owner)))

    def _allowance(self, frame: Frame, owner: str, spender: str) -> bytes:
        return word(frame.meter.read(allowance_slot(self.address, owner, spender)))

    def _has_role(self, frame: Frame, account: str, role: bytes) -> bytes:
        return word(account == self.issuer and role == _ISSUER_ROLE)

    # -- moving money

    def _movements(self) -> Iterable[Function]:
        yield Function("transfer(address,uint256)", self._transfer)
        yield Function("transferWithMemo(address,uint256,bytes32)", self._transfer_with_memo)
        yield Function("transferFrom(address,address,uint256)", self._transfer_from)
        yield Function("transferFromWithMemo(address,address,uint256,bytes32)", self._transfer_from_with_memo)
        yield Function("approve(address,uint256)", self._approve)
        yield Function("mint(address,uint256)", self._mint)

    def _transfer(self, frame: Frame, recipient: str, amount: int) -> bytes:
        self._move(frame, frame.sender, recipient, amount)
        return _TRUE

    def _transfer_with_memo(self, frame: Frame, recipient: str, amount: int, memo: bytes) -> bytes:
        self._move(frame, frame.sender, recipient, amount)
        self._log_memo(frame, frame.sender, recipient, amount, memo)
        return b""

    def _transfer_from(self, frame: Frame, owner: str, recipient: str, amount: int) -> bytes:
        self._move(frame, owner, recipient, amount, spender=frame.sender)
        return _TRUE

    def _transfer_from_with_memo(self, frame: Frame, owner: str, recipient: str, amount: int, memo: bytes) -> bytes:
        self._move(frame, owner, recipient, amount, spender=frame.sender)
        self._log_memo(frame, owner, recipient, amount, memo)
        return _TRUE

    def _approve(self, frame: Frame, spender: str, amount: int) -> bytes:
        slot = allowance_slot(self.address, frame.sender, spender)
        frame.meter.charge(_BOOKKEEPING)
        frame.meter.read(slot)
        frame.meter.write(slot, amount)
        self._log(frame, _APPROVAL, frame.sender, spender, amount)
        return _TRUE

    def _mint(self, frame: Frame, recipient: str, amount: int) -> bytes:
        meter = frame.meter
        if frame.sender != self.issuer:
            raise Revert(encode_revert("Unauthorized"))
        supply = meter.read(supply_slot(self.address)) + amount
        self._require_recipient(recipient)
        if supply > SUPPLY_CAP:
            raise Revert(encode_revert("SupplyCapExceeded"))
        meter.write(supply_slot(self.address), supply)
        slot = balance_slot(self.address, recipient)
        meter.write(slot, meter.read(slot) + amount)
        self._log(frame, _TRANSFER, ZERO_ADDRESS, recipient, amount)
        meter.emit(self.address, (_MINT, address_word(recipient)), word(amount))
        return b""

    def _move(self, frame: Frame, owner: str, recipient: str, amount: int, *, spender: str | None = None) -> None:
        """Checks and moves in the chain's order: paused, recipient, policy, allowance, balance."""
        meter, token = frame.meter, self.address
        paused, policy, reward_total = common_slots(token)
        meter.read(paused)
        self._require_recipient(recipient)
        meter.read(policy)
        if spender is not None:
            self._spend_allowance(frame, owner, spender, amount)
        else:
            meter.charge(_BOOKKEEPING)
        source, target = balance_slot(token, owner), balance_slot(token, recipient)
        available = meter.read(source)
        if amount > available:
            raise Revert(encode_revert("InsufficientBalance", available, amount, token))
        for slot in (*holder_slots(token, owner), *holder_slots(token, recipient), reward_total, reward_total):
            meter.read(slot)
        meter.write(source, available - amount)
        meter.write(target, meter.read(target) + amount)
        self._log(frame, _TRANSFER, owner, recipient, amount)

    def system_move(self, frame: Frame, owner: str, recipient: str, amount: int) -> None:
        """What the chain's own contracts may do: move money in its owner's name without an allowance."""
        self._move(frame, owner, recipient, amount)

    def _spend_allowance(self, frame: Frame, owner: str, spender: str, amount: int) -> None:
        slot = allowance_slot(self.address, owner, spender)
        allowed = frame.meter.read(slot)
        if amount > allowed:
            raise Revert(encode_revert("InsufficientAllowance"))
        if allowed != UNLIMITED:
            frame.meter.write(slot, allowed - amount)

    def _require_recipient(self, recipient: str) -> None:
        if recipient == ZERO_ADDRESS or is_token_address(recipient):
            raise Revert(encode_revert("InvalidRecipient"))

    def _log(self, frame: Frame, first: bytes, one: str, other: str, amount: int) -> None:
        frame.meter.emit(self.address, (first, address_word(one), address_word(other)), word(amount))

    def _log_memo(self, frame: Frame, owner: str, recipient: str, amount: int, memo: bytes) -> None:
        topics = (_TRANSFER_WITH_MEMO, address_word(owner), address_word(recipient), memo)
        frame.meter.emit(self.address, topics, word(amount))


def _constant(result: bytes) -> Callable[[Frame], bytes]:
    def answer(frame: Frame) -> bytes:
        return result

    return answer


_TRANSFER: Final = bytes.fromhex(TRANSFER_TOPIC[2:])
_TRANSFER_WITH_MEMO: Final = bytes.fromhex(TRANSFER_WITH_MEMO_TOPIC[2:])
_APPROVAL: Final = bytes.fromhex(APPROVAL_TOPIC[2:])
_MINT: Final = topic("Mint(address,uint256)")
_ISSUER_ROLE: Final = keccak(b"ISSUER_ROLE")
