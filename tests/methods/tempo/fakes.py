"""A Tempo chain in memory, a clock that is turned by hand, and claims in a set: what the charge tests run against.

The chain executes what our codec reads, with balances, fees, validity windows and expiring nonces; `faults` make one
question go wrong in a chosen way, before or after it took effect.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mpp_console.methods.tempo.chain import (
    AlreadyKnown,
    Block,
    ChainError,
    Fees,
    Reverted,
    TransactionRejected,
    TxReceipt,
    fee_in_token,
)
from mpp_console.methods.tempo.keys import address_bytes
from mpp_console.methods.tempo.networks import SANDBOX, Token, UnknownToken
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC, TRANSFER_WITH_MEMO_TOPIC, Log, decode_call
from mpp_console.methods.tempo.transaction import AwaitingSponsor, TempoTransaction, decode

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GWEI = 10**9
GAS_USED = 50_000
FEE_MANAGER = "0xfeEC000000000000000000000000000000000000"


class HandClock:
    """Stands still until moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def unix(self) -> int:
        return int(self.now.timestamp())


def counted_bytes() -> Callable[[int], bytes]:
    """Random enough: different at every call, the same in every run."""
    numbers = itertools.count()
    return lambda size: hashlib.sha256(str(next(numbers)).encode()).digest()[:size]


class MemoryClaims:
    """Claims in a set; `log` keeps what was asked, in order. `broken` makes the next release fail."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.log: list[str] = []
        self.broken = False

    async def claim(self, key: str) -> bool:
        self.log.append(f"claim {key}")
        if key in self.held:
            return False
        self.held.add(key)
        return True

    async def release(self, key: str) -> None:
        if self.broken:
            raise OSError("disk full")
        self.log.append(f"release {key}")
        self.held.discard(key)


@dataclass
class FakeChain:
    """Implements `Chain`. `faults[method]` is raised once instead of an answer; `after[method]` once after it took
    effect.
    """

    clock: HandClock
    chain: int = SANDBOX.chain_id
    base_fee: int = 10 * GWEI
    tip: int = GWEI
    tokens: dict[str, Token] = field(default_factory=lambda: {token.address: token for token in SANDBOX.tokens})
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    faults: dict[str, BaseException] = field(default_factory=dict)
    after: dict[str, BaseException] = field(default_factory=dict)
    hide_receipts: bool = False
    forget_transactions: bool = False
    reverts: bool = False
    calls: list[str] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self._number = 100
        self._receipts: dict[str, TxReceipt] = {}
        self._transactions: dict[str, TempoTransaction] = {}
        self._times: dict[int, int] = {}
        self._seen: set[bytes] = set()

    def give(self, owner: str, amount: int, token: str = SANDBOX.default_token) -> None:
        self.balances[token, owner] = self.balances.get((token, owner), 0) + amount

    def held(self, owner: str, token: str = SANDBOX.default_token) -> int:
        return self.balances.get((token, owner), 0)

    def _ask(self, method: str) -> None:
        self.calls.append(method)
        if method in self.faults:
            raise self.faults.pop(method)

    def _done(self, method: str) -> None:
        if method in self.after:
            raise self.after.pop(method)

    async def chain_id(self) -> int:
        self._ask("chain_id")
        return self.chain

    async def block(self, tag: str | int = "latest") -> Block:
        self._ask("block")
        if isinstance(tag, int):
            return Block(number=tag, timestamp=self._times[tag], base_fee=self.base_fee)
        return Block(number=self._number, timestamp=self.clock.unix, base_fee=self.base_fee)

    async def fees(self) -> Fees:
        self._ask("fees")
        return Fees(max_fee_per_gas=self.base_fee * 12 // 10 + self.tip, max_priority_fee_per_gas=self.tip)

    async def balance(self, token: str, owner: str) -> int:
        self._ask("balance")
        if token not in self.tokens:
            raise UnknownToken(f"There is no token at {token}.")
        return self.held(owner, token)

    async def transaction_count(self, address: str, tag: str = "latest") -> int:
        self._ask("transaction_count")
        return 0

    async def token(self, address: str) -> Token:
        self._ask("token")
        if address not in self.tokens:
            raise UnknownToken(f"There is no token at {address}.")
        return self.tokens[address]

    async def estimate_gas(self, tx: TempoTransaction, sender: str) -> int:
        self._ask("estimate_gas")
        self._transfers(tx, sender, dict(self.balances))
        return GAS_USED

    async def simulate(self, tx: TempoTransaction, sender: str, *, sponsor: str | None = None) -> None:
        self._ask("simulate")
        balances = dict(self.balances)
        if sponsor is not None or not tx.is_sponsored:
            self._take_fee(tx, sponsor or sender, balances)
        self._transfers(tx, sender, balances)

    async def send_raw(self, raw: bytes) -> str:
        self._ask("send_raw")
        return self._execute(raw).hash

    async def send_raw_sync(self, raw: bytes, *, timeout: float) -> TxReceipt:
        self._ask("send_raw_sync")
        receipt = self._execute(raw)
        self._done("send_raw_sync")
        return receipt

    async def receipt(self, tx_hash: str) -> TxReceipt | None:
        self._ask("receipt")
        return None if self.hide_receipts else self._receipts.get(tx_hash)

    async def transaction(self, tx_hash: str) -> Mapping[str, Any] | None:
        self._ask("transaction")
        tx = self._transactions.get(tx_hash)
        if tx is None or self.forget_transactions:
            return None
        return {"hash": tx_hash, "validAfter": hex(tx.valid_after or 0), "validBefore": hex(tx.valid_before or 0)}

    async def logs(
        self,
        *,
        address: str | None,
        topics: Sequence[str | Sequence[str] | None],
        from_block: int,
        to_block: int | str = "latest",
    ) -> list[Log]:
        self._ask("logs")
        last = to_block if isinstance(to_block, int) else self._number
        return [
            log
            for receipt in self._receipts.values()
            if from_block <= receipt.block_number <= last
            for log in receipt.logs
            if log.address == address
            and len(log.topics) >= len(topics)
            and all(want is None or want == have for want, have in zip(topics, log.topics, strict=False))
        ]

    async def call(self, to: str, data: bytes) -> bytes:
        self._ask("call")
        return b""

    async def fund(self, address: str) -> tuple[str, ...]:
        self._ask("fund")
        self.give(address, 1_000_000_000)
        return ()

    async def aclose(self) -> None:
        self.closed = True

    # -- execution

    def _execute(self, raw: bytes) -> TxReceipt:
        tx = decode(raw)
        self._admit(tx)
        tx_hash, sender = tx.hash(), tx.sender()
        payer = tx.fee_payer() or sender
        self._number += 1
        self._times[self._number] = self.clock.unix
        self._take_fee(tx, payer, self.balances)
        balances = dict(self.balances)
        try:
            if self.reverts:
                raise Reverted("made to fail")
            logs = self._transfers(tx, sender, balances)
            self.balances = balances
        except Reverted:
            logs = None
        self._seen.add(tx.sender_digest())
        self._transactions[tx_hash] = tx
        self._receipts[tx_hash] = TxReceipt(
            hash=tx_hash,
            status=logs is not None,
            block_number=self._number,
            sender=sender,
            logs=self._placed(logs or [], tx_hash),
            gas_used=GAS_USED,
            effective_gas_price=tx.max_fee_per_gas,
            fee_token=tx.fee_token,
            fee_payer=payer,
        )
        return self._receipts[tx_hash]

    def _placed(self, logs: list[Log], tx_hash: str) -> tuple[Log, ...]:
        return tuple(
            Log(
                address=log.address,
                topics=log.topics,
                data=log.data,
                index=index,
                block_number=self._number,
                transaction_hash=tx_hash,
            )
            for index, log in enumerate(logs)
        )

    def _admit(self, tx: TempoTransaction) -> None:
        if isinstance(tx.fee_payer_slot, AwaitingSponsor):
            raise TransactionRejected("the fee payer has not signed")
        if tx.chain_id != self.chain:
            raise TransactionRejected("wrong chain id")
        if tx.sender_digest() in self._seen:
            raise AlreadyKnown("already known") if tx.hash() in self._receipts else TransactionRejected("nonce used")
        if not (tx.valid_after or 0) <= self.clock.unix < (tx.valid_before or 2**63):
            raise TransactionRejected("outside of its validity window")
        if tx.max_fee_per_gas < self.base_fee:
            raise TransactionRejected("max fee is below the base fee")

    def _take_fee(self, tx: TempoTransaction, payer: str, balances: dict[tuple[str, str], int]) -> None:
        token = tx.fee_token or SANDBOX.default_token
        fee = fee_in_token(tx.gas, tx.max_fee_per_gas)
        if balances.get((token, payer), 0) < fee:
            raise Reverted("insufficient funds for the fee")
        balances[token, payer] -= fee

    def _transfers(self, tx: TempoTransaction, sender: str, balances: dict[tuple[str, str], int]) -> list[Log]:
        logs: list[Log] = []
        for call in tx.calls:
            token = call.to or ""
            spend = decode_call(call.data)
            if token not in self.tokens or spend is None or spend.kind not in {"transfer", "transferWithMemo"}:
                raise Reverted("no such function")
            available = balances.get((token, sender), 0)
            if available < spend.amount:
                message = f"The payer holds {available} base units of {token}, and {spend.amount} are needed."
                raise Reverted(message, name="InsufficientBalance", args=(available, spend.amount, token))
            balances[token, sender] = available - spend.amount
            balances[token, spend.recipient] = balances.get((token, spend.recipient), 0) + spend.amount
            parties = ("0x" + (bytes(12) + address_bytes(party)).hex() for party in (sender, spend.recipient))
            topics = (TRANSFER_TOPIC, *parties)
            data = spend.amount.to_bytes(32, "big")
            logs.append(Log(address=token, topics=topics, data=data))
            if spend.memo is not None:
                memo = "0x" + spend.memo.hex()
                logs.append(Log(address=token, topics=(TRANSFER_WITH_MEMO_TOPIC, *topics[1:], memo), data=data))
        return logs


class Naps:
    """Stands in for sleep: counts the seconds, turns the clock if there is one, and lets a test act at each nap."""

    def __init__(self, clock: HandClock | None = None, on_nap: Callable[[int], None] | None = None) -> None:
        self.seconds = 0.0
        self.count = 0
        self._clock = clock
        self._on_nap = on_nap

    async def __call__(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds
        if self._clock is not None:
            self._clock.forward(seconds)
        if self._on_nap is not None:
            self._on_nap(self.count)


def unreachable() -> ChainError:
    from mpp_console.methods.tempo.chain import ChainUnreachable

    return ChainUnreachable("The node did not answer.")
