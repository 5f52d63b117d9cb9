"""Gives the demo a chain with a past: the faucet's gifts and one signed transaction for each receipt, at its time.

Keys, times and prices are fixed, so that hashes are too. Everything blocks; call it from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mpp_console.methods.base import Transfer
from mpp_console.methods.tempo.attribution import encode_memo
from mpp_console.methods.tempo.calls import VALID_SECONDS, Gas, build_calls, build_transaction
from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.protocol import Secret
from mpp_console.sandbox.demo.catalogue import PARTNER, PARTNER_SHARE
from mpp_console.sandbox.node.chain import CHAIN_ID, SandboxChain
from mpp_console.sandbox.node.fees import BASE_FEE
from mpp_console.sandbox.node.ledger import Ledger
from mpp_console.services.demo.channels import DemoChannel, channels, gift_transaction, transactions
from mpp_console.services.demo.seeds import CUSTOMER, NOW, PATH, PAYEE, PAYER, history
from mpp_console.services.models import ReceiptRow

__all__ = ["KEYS", "SPONSOR", "SPONSOR_KEY", "Moment", "demo_channels", "write_chain"]

KEYS: Final = {
    PAYER: Secret(bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")),
    PAYEE: Secret(bytes.fromhex("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a")),
    CUSTOMER: Secret(bytes.fromhex("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6")),
}
"""Development keys that local chains everywhere come with: known to all, so worth nothing."""
SPONSOR_KEY: Final = Secret(keccak(b"the fee sponsor of the demo"))
SPONSOR: Final = LocalSigner(SPONSOR_KEY).address

_GAS: Final = Gas(limit=1_200_000, max_fee_per_gas=BASE_FEE, max_priority_fee_per_gas=0)


class Moment:
    """A clock that shows what it is set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def write_chain(path: Path | None, random_bytes: Callable[[int], bytes]) -> tuple[str, ...]:
    """Makes the chain's file (None: in memory). Gives what each receipt's payment is called: a transaction's hash, or
    the challenge's id where no money moved.
    """
    clock = Moment(NOW - timedelta(days=9))
    ledger = Ledger(path)
    try:
        chain = SandboxChain(ledger, clock=clock, random_bytes=random_bytes)
        with ledger.transaction(writes=True):
            for address in (PAYER, CUSTOMER, SPONSOR):
                chain.fund(address)
            return _write(chain, clock)
    finally:
        ledger.close()


def _write(chain: SandboxChain, clock: Moment) -> tuple[str, ...]:
    """Everything in the order in which it happened."""
    began = clock.now + timedelta(minutes=1)
    rows = history()
    happened = [(row.at, _transaction(row, int(row.at.timestamp()))) for row in rows if row.amount]
    happened += [(began, gift(began)), *transactions(demo_channels())]
    hashes = {}
    for at, raw in sorted(happened, key=lambda each: each[0]):
        clock.now = at
        hashes[raw] = chain.submit(raw)
    made = iter([hashes[raw] for _, raw in happened])
    return tuple(next(made) if row.amount else row.challenge_id or "" for row in rows)


def demo_channels() -> tuple[DemoChannel, ...]:
    """The channels of the demo, signed by its keys."""
    return channels({**KEYS, SPONSOR: SPONSOR_KEY}, SPONSOR)


def gift(at: datetime) -> bytes:
    """The transfer that pays `main` for its channels."""
    return gift_transaction(KEYS[CUSTOMER], at)


def _transaction(row: ReceiptRow, now: int) -> bytes:
    sponsored = row.url.endswith("/sponsored")
    tx = build_transaction(
        chain_id=CHAIN_ID,
        calls=build_calls((row.currency or PATH).id, _transfers(row)),
        gas=_GAS,
        valid_before=now + VALID_SECONDS,
        valid_after=now - VALID_SECONDS,
        fee_token=PATH.id,
        sponsored=sponsored,
    ).sign(LocalSigner(KEYS[row.payer or PAYER]))
    return (tx.cosign(LocalSigner(SPONSOR_KEY), PATH.id) if sponsored else tx).encode()


def _transfers(row: ReceiptRow) -> tuple[Transfer, ...]:
    realm = urlsplit(row.origin).hostname or "127.0.0.1"
    memo = "0x" + encode_memo(realm=realm, challenge_id=row.challenge_id or "").hex()
    share = PARTNER_SHARE if row.url.endswith("/split") else 0
    primary = Transfer(recipient=PAYEE, amount=(row.amount or 0) - share, memo=memo)
    return (primary, Transfer(recipient=PARTNER, amount=share)) if share else (primary,)
