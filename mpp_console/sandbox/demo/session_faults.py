"""Failures of a session's server that a payer must survive, made on purpose: each wraps the payee and spoils one thing.

What they refuse is refused before anything is charged or broadcast, and the channels behind them stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mpp_console.methods.base import ClaimStore
from mpp_console.methods.tempo.session_metering import Shortfall, Taken
from mpp_console.methods.tempo.session_problems import ChannelFinalized, ChannelNotFound
from mpp_console.protocol import (
    Credential,
    CredentialReplayed,
    InternalPayment,
    PaymentInsufficient,
    PaymentProblem,
    Receipt,
)
from mpp_console.server.sessions import MeteredPayee, Outcome, Remembered, RequestKind, SnapshotPayee
from mpp_console.server.streams import Meter

__all__ = ["SESSION_SPOILS", "SpoiledSessions", "spoiled_sessions"]

TOO_MUCH: Final = 1_000_000_000
"""What a receipt claims beyond the truth."""
OLD: Final = ("voucher", "topUp", "close")
"""What only a channel can bring that was opened before."""
SESSION_SPOILS: Final = frozenset(
    {"wrong-amount", "replay", "lost-state", "lying-410", "refused-close", "voucher-loop", "high-receipt"}
)
"""Faults that are the payee's doing, by the names that `Fault` gives them."""


class SpoiledSessions:
    """A payee of sessions with faults. It remembers which channels were opened since they were switched on."""

    def __init__(self, payee: MeteredPayee, faults: Collection[str]) -> None:
        self._payee = payee
        self._faults = frozenset(faults)
        self._opened: set[str] = set()

    @property
    def method(self) -> str:
        return self._payee.method

    @property
    def intent(self) -> str:
        return self._payee.intent

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return self._payee.offer(amount=amount, options=options)

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        self._refuse(credential)
        return await self._payee.verify(credential, claims, now=now)

    async def handle(
        self, credential: Credential, *, kind: RequestKind, cost: int, now: datetime, units: int = 1
    ) -> Outcome:
        self._refuse(credential)
        outcome = await self._payee.handle(credential, kind=kind, cost=cost, now=now, units=units)
        if outcome.action == "open":
            self._opened.add(_channel(credential))
        if "high-receipt" not in self._faults:
            return outcome
        return _Told(
            receipt=_exaggerated(outcome.receipt),
            action=outcome.action,
            management=outcome.management,
            charged=outcome.charged,
        )

    def meter(self, credential: Credential) -> Meter:
        return _SpoiledMeter(self._payee.meter(credential), self._faults)

    async def snapshot(self, channel_id: str, request: Mapping[str, Any], *, cost: int) -> Remembered | None:
        if "lost-state" in self._faults and channel_id not in self._opened:
            return None
        if not isinstance(self._payee, SnapshotPayee):
            return None
        return await self._payee.snapshot(channel_id, request, cost=cost)

    def _refuse(self, credential: Credential) -> None:
        problem = self._refusal(credential)
        if problem is not None:
            raise problem

    def _refusal(self, credential: Credential) -> PaymentProblem | None:
        action, where = credential.payload.get("action"), {"channelId": _channel(credential)}
        if "replay" in self._faults:
            return CredentialReplayed()
        if "wrong-amount" in self._faults:
            return PaymentInsufficient("More is wanted than was offered: this fault was switched on.")
        if "lost-state" in self._faults and action in OLD and where["channelId"] not in self._opened:
            return ChannelNotFound(details=where)
        if "lying-410" in self._faults and action in OLD:
            return ChannelFinalized("The channel is closed: this is a lie that was switched on.", details=where)
        if "refused-close" in self._faults and action == "close":
            return InternalPayment("The channel is not closed: this fault was switched on.")
        return None


def spoiled_sessions(payee: object, faults: Collection[str]) -> SpoiledSessions | None:
    """The payee with those of the faults that are its own doing; None when there are none, or it takes no sessions."""
    mine = SESSION_SPOILS & frozenset(faults)
    return SpoiledSessions(payee, mine) if mine and isinstance(payee, MeteredPayee) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An outcome as the faults tell it."""

    receipt: Receipt
    action: str
    management: bool
    charged: int


class _SpoiledMeter:
    """Asks for ever more vouchers and delivers nothing, or tells too much at the end."""

    def __init__(self, meter: Meter, faults: frozenset[str]) -> None:
        self._meter = meter
        self._faults = faults

    async def take(self, cost: int, *, count: int = 1, units: int = 1, wish: int | None = None) -> Taken | Shortfall:
        if "voucher-loop" not in self._faults:
            return await self._meter.take(cost, count=count, units=units, wish=wish)
        # A price that nobody pays tells what is accepted, and charges nothing.
        asked = await self._meter.take(2**95, wish=1)
        if isinstance(asked, Taken):
            return asked
        required = asked.record.accepted + cost
        return replace(asked, required=required, least=required)

    async def wait(self, shortfall: Shortfall, seconds: float) -> bool:
        return await self._meter.wait(shortfall, seconds)

    async def receipt(self, *, challenge_id: str, units: int) -> Receipt:
        receipt = await self._meter.receipt(challenge_id=challenge_id, units=units)
        return _exaggerated(receipt) if "high-receipt" in self._faults else receipt


def _exaggerated(receipt: Receipt) -> Receipt:
    accepted = int(receipt.extra.get("acceptedCumulative", 0)) + TOO_MUCH
    return replace(receipt, extra={**receipt.extra, "acceptedCumulative": str(accepted)})


def _channel(credential: Credential) -> str:
    return str(credential.payload.get("channelId", "")).lower()
