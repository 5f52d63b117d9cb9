"""Accounts, challenges and the two halves of the rail, put together for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from mpp_console.methods.base import Level, Mode, Prepared, Quote
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX, Network
from mpp_console.methods.tempo.payee import TempoChargePayee
from mpp_console.methods.tempo.payer import TempoChargePayer
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.methods.tempo.transaction import AwaitingSponsor, TempoTransaction
from mpp_console.protocol import Challenge, Credential, PaymentProblem, Receipt, Secret

from .fakes import FakeChain, HandClock, MemoryClaims, Naps, counted_bytes

PATH_USD, ALPHA_USD, BETA_USD, _ = (token.address for token in SANDBOX.tokens)
PAYER = LocalSigner(Secret(b"\x01" * 32))
OTHER = LocalSigner(Secret(b"\x02" * 32))
SPONSOR = LocalSigner(Secret(b"\x03" * 32))
SHOP = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"
PLATFORM = "0xa1B2c3d4E5f6A1b2C3d4e5f6A1B2c3D4e5F6A1B2".lower()
AFFILIATE = "0xC4D5E6F7A8B9C4D5E6F7A8B9C4D5E6F7A8B9C4D5".lower()
REALM = "api.example.com"
MEMO = "0x" + "de" * 32
SPONSORED = {"fee_payer": True}


@dataclass
class Counter:
    """A shop and a customer on one chain, with the time in their hands."""

    clock: HandClock = field(default_factory=HandClock)
    network: Network = SANDBOX
    sponsored: bool = False
    modes: tuple[Mode, ...] = (Mode.PULL, Mode.PUSH)

    def __post_init__(self) -> None:
        self.chain = FakeChain(clock=self.clock)
        self.claims = MemoryClaims()
        self.naps = Naps()
        self.random_bytes = counted_bytes()
        self.issued = 0
        for signer in (PAYER, OTHER, SPONSOR):
            self.chain.give(signer.address, 1_000_000_000)
        self.policy = SponsorPolicy(signer=SPONSOR, fee_tokens=(ALPHA_USD, PATH_USD)) if self.sponsored else None
        self.payee = TempoChargePayee(
            chain=self.chain,
            network=self.network,
            recipient=SHOP,
            clock=self.clock,
            sponsor=self.policy,
            modes=self.modes,
            sleep=self.naps,
        )

    def payer(self, signer: LocalSigner | None = PAYER, **changes: Any) -> TempoChargePayer:
        settings: dict[str, Any] = {
            "chain": self.chain,
            "network": self.network,
            "clock": self.clock,
            "random_bytes": self.random_bytes,
            "sleep": self.naps,
        }
        return TempoChargePayer(signer=signer, **(settings | changes))

    def challenge(
        self,
        amount: int = 10_000,
        options: Mapping[str, Any] | None = None,
        lifetime: float | None = 300,
        **changes: Any,
    ) -> Challenge:
        """What the shop's own offer becomes once a gate has bound it."""
        return self.bind(self.payee.offer(amount=amount, options=options), lifetime=lifetime, **changes)

    def bind(self, request: Mapping[str, Any], lifetime: float | None = 300, **changes: Any) -> Challenge:
        self.issued += 1
        expires: datetime | None = None if lifetime is None else self.clock() + timedelta(seconds=lifetime)
        fields: dict[str, Any] = {
            "id": f"challenge-{self.issued}",
            "realm": REALM,
            "method": "tempo",
            "intent": "charge",
            "request": request,
            "expires": expires,
        }
        return Challenge.create(**(fields | changes))

    async def prepare(self, challenge: Challenge, signer: LocalSigner = PAYER, **changes: Any) -> Prepared:
        payer = self.payer(signer, **changes)
        return await payer.prepare(await payer.quote(challenge))

    async def pay(self, challenge: Challenge, signer: LocalSigner = PAYER, **changes: Any) -> Credential:
        payer = self.payer(signer, **changes)
        return await payer.send(await payer.prepare(await payer.quote(challenge)))

    async def verify(self, credential: Credential) -> Receipt:
        return await self.payee.verify(credential, self.claims, now=self.clock())


def credential(challenge: Challenge, tx: TempoTransaction, source: str | None = None) -> Credential:
    """A transaction as a credential, handed over where it awaits a sponsor."""
    raw = tx.encode_handoff() if isinstance(tx.fee_payer_slot, AwaitingSponsor) else tx.encode()
    return Credential(
        challenge=challenge, payload={"type": "transaction", "signature": "0x" + raw.hex()}, source=source
    )


async def refused(counter: Counter, tried: Credential) -> PaymentProblem:
    """Why the payee refused; nothing was broadcast and nothing stays claimed."""
    sent = counter.chain.calls.count("send_raw_sync")
    held = set(counter.claims.held)
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(tried)
    assert counter.chain.calls.count("send_raw_sync") == sent
    assert counter.claims.held == held
    return caught.value


def codes(quote: Quote, level: Level = Level.REFUSE) -> set[str]:
    """The codes of a quote's checks at one level."""
    return {check.code for check in quote.checks if check.level is level}


def request(**changes: Any) -> dict[str, Any]:
    """A request as some server might write it; `details` are merged into its methodDetails."""
    details = {"chainId": 1337} | changes.pop("details", {})
    return {"amount": "10000", "currency": PATH_USD, "recipient": SHOP, "methodDetails": details} | changes
