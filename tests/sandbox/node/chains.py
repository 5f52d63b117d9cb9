"""A node in memory whose clock the test holds, and accounts that can pay."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.tip20 import encode_balance_of
from mpp_console.methods.tempo.transaction import AwaitingSponsor, Call, TempoTransaction
from mpp_console.protocol import Secret
from mpp_console.sandbox.node import CHAIN_ID, SandboxNode

PATH, ALPHA, BETA, THETA = (f"0x20C000000000000000000000000000000000000{number}" for number in range(4))
ALICE, BOB, CAROL = (LocalSigner(Secret(bytes([number]) * 32)) for number in (3, 4, 5))
SHOP = "0x9a9A9A9A9a9a9A9A9A9A9A9A9A9A9A9a9A9A9A9A"
FEES = "0xfeEC000000000000000000000000000000000000"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(slots=True)
class HeldClock:
    """Stands still until it is told to move."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def seconds(self) -> int:
        return int(self.now.timestamp())


class RpcFailure(AssertionError):
    """An answer with an error, as the test meets it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: str | None = error.get("data")


@dataclass(slots=True, weakref_slot=True)
class Chain:
    """A node with shorthands. Its file is closed with the last reference to it."""

    path: Path | None = None
    clock: HeldClock = field(default_factory=HeldClock)
    node: SandboxNode = field(init=False)

    def __post_init__(self) -> None:
        self.node = SandboxNode(self.path, clock=self.clock, random_bytes=bytes)
        weakref.finalize(self, self.node.close)

    def rpc(self, method: str, *params: Any) -> Any:
        answer = self.node.handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        if "error" in answer:
            raise RpcFailure(answer["error"])
        return answer["result"]

    def fund(self, *accounts: LocalSigner) -> None:
        for account in accounts:
            self.rpc("tempo_fundAddress", account.address)

    def balance(self, owner: str, token: str = PATH) -> int:
        return int(self.rpc("eth_call", {"to": token, "data": "0x" + encode_balance_of(owner).hex()}, "latest"), 16)

    def build(self, sender: LocalSigner, *calls: Call, **changes: Any) -> TempoTransaction:
        """An unsigned transaction that would be taken; its nonce is the sender's next."""
        values: dict[str, Any] = {
            "chain_id": CHAIN_ID,
            "max_priority_fee_per_gas": 10**9,
            "max_fee_per_gas": 20 * 10**9,
            "gas": 3_000_000,
            "calls": calls,
            "nonce": int(self.rpc("eth_getTransactionCount", sender.address, "latest"), 16),
            "fee_token": PATH,
        }
        return TempoTransaction(**(values | changes))

    def send(self, tx: TempoTransaction) -> dict[str, Any]:
        receipt: dict[str, Any] = self.rpc("eth_sendRawTransactionSync", "0x" + tx.encode().hex())
        return receipt

    def run(self, sender: LocalSigner, *calls: Call, **changes: Any) -> dict[str, Any]:
        """Signs and sends, gives the receipt."""
        return self.send(self.build(sender, *calls, **changes).sign(sender))

    def sponsored(self, sender: LocalSigner, sponsor: LocalSigner, *calls: Call, **changes: Any) -> TempoTransaction:
        token = changes.pop("sponsor_token", PATH)
        waiting = self.build(sender, *calls, fee_payer_slot=AwaitingSponsor(), **changes)
        return waiting.sign(sender).cosign(sponsor, token)


def paid(receipt: dict[str, Any]) -> int:
    """The fee in base units, by the rule that nodes follow."""
    return -(-int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) // 10**12)
