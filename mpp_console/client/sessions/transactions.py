"""The payer's own transactions on a channel: request a close, withdraw, top up. Signed here, sent, and waited for.

Every one lives in the expiring lane, so that it is certainly dead half a minute later; a result is believed by its
receipt, never by the node's word that it was taken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mpp_console.methods.base import Clock
from mpp_console.methods.tempo.calls import build_transaction, random_valid_after, valid_before
from mpp_console.methods.tempo.chain import Chain, TxReceipt
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.keys import Signer, to_checksum
from mpp_console.methods.tempo.networks import Network
from mpp_console.methods.tempo.push import Unconfirmed, Undelivered, deliver
from mpp_console.methods.tempo.schema import ChargeRequest
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.survey import FeePlan, Surveyor
from mpp_console.methods.tempo.transaction import Call, TempoTransaction
from mpp_console.protocol import Challenge, MppError

__all__ = [
    "ChannelTransactionFailed",
    "ChannelTransactions",
    "SignedCall",
    "present",
    "price_calls",
    "request_close_calls",
    "top_up_calls",
    "withdrawal_calls",
]

CONFIRM_SECONDS: Final = 30.0


class ChannelTransactionFailed(MppError):
    """A transaction on a channel did not happen, or nobody knows yet (`unconfirmed`)."""

    default_code = "channel-transaction"

    def __init__(self, message: str, *, unconfirmed: bool = False, code: str | None = None) -> None:
        super().__init__(message, code=code, hint="ask again in half a minute" if unconfirmed else None)
        self.unconfirmed = unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCall:
    """A transaction that has not left. `fee` is the most that it costs, in base units of the fee token."""

    tx: TempoTransaction
    fee: int

    @property
    def hash(self) -> str:
        return self.tx.hash()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTransactions:
    """Signs and sends for one account."""

    chain: Chain
    network: Network
    signer: Signer
    clock: Clock
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def sign(self, row: ClientChannel, calls: tuple[Call, ...], *, locks: int = 0) -> SignedCall:
        """Calls about a channel. `locks` is what they take from the account besides the fee.

        Raises ChannelTransactionFailed when the chain would refuse it, or the account cannot pay it.
        """
        now = await present(self.chain, self.clock)
        plan = await price_calls(row, calls, chain=self.chain, network=self.network, now=now, locks=locks)
        dies_at = valid_before(now, None)
        tx = build_transaction(
            chain_id=self.network.chain_id,
            calls=calls,
            gas=plan.gas,
            valid_before=dies_at,
            valid_after=min(random_valid_after(self.random_bytes, now), dies_at - 1),
            fee_token=None if plan.token is None else plan.token.address,
            sponsored=False,
        ).sign(self.signer)
        return SignedCall(tx=tx, fee=plan.amount)

    async def send(self, signed: SignedCall) -> TxReceipt:
        """Sends and waits for the receipt. Raises ChannelTransactionFailed."""
        try:
            receipt = await deliver(
                self.chain,
                signed.tx.encode(),
                signed.hash,
                timeout=CONFIRM_SECONDS,
                recovery=CONFIRM_SECONDS,
                sleep=self.sleep,
            )
        except Undelivered as error:
            raise ChannelTransactionFailed(f"It was not sent: {error.message}", code=error.code) from error
        except Unconfirmed as error:
            raise ChannelTransactionFailed(error.message, unconfirmed=True, code=error.code) from error
        if not receipt.status:
            raise ChannelTransactionFailed(f"Transaction {receipt.hash} failed: only its fee was taken.")
        return receipt


async def present(chain: Chain, clock: Clock) -> datetime:
    """What a transaction of our own counts from: this machine's time, or the chain's where that is ahead, so that a
    clock that is behind keeps nobody from their money. Raises ChainError.
    """
    return max(clock(), datetime.fromtimestamp((await chain.block()).timestamp, UTC))


async def price_calls(
    row: ClientChannel, calls: tuple[Call, ...], *, chain: Chain, network: Network, now: datetime, locks: int = 0
) -> FeePlan:
    """What calls about a channel by its payer cost at most. Signs nothing.

    Raises ChannelTransactionFailed when the chain would refuse it, or the account cannot pay it.
    """
    priced = ChargeRequest(amount=locks, currency=row.token, recipient=row.payee, chain_id=row.chain_id)
    # The survey wants the life of what is paid for; a transaction of our own lives as long as we let it.
    challenge = Challenge.create(
        id="own", realm="own", method="tempo", intent="session", request={}, expires=now + timedelta(minutes=5)
    )
    surveyor = Surveyor(chain=chain, network=network, payer=row.payer)
    survey = await surveyor.survey(priced, (), challenge, now, with_plan=True, calls=calls)
    if survey.plan is None:
        text = "; ".join(check.message for check in survey.checks) or "its fee could not be found out"
        raise ChannelTransactionFailed(text, code=survey.checks[0].code if survey.checks else None)
    return survey.plan


def top_up_calls(row: ClientChannel, amount: int) -> tuple[Call, ...]:
    """What adds `amount` base units to a channel."""
    return dialect_of(row.protocol).top_up_calls(row.channel_id, row.descriptor, row.escrow, amount)


def request_close_calls(row: ClientChannel) -> tuple[Call, ...]:
    """What asks the chain to close a channel."""
    return _call(row, dialect_of(row.protocol).request_close(row.channel_id, row.descriptor))


def withdrawal_calls(row: ClientChannel) -> tuple[Call, ...]:
    """What takes the rest out of a channel after its grace period."""
    return _call(row, dialect_of(row.protocol).withdraw(row.channel_id, row.descriptor))


def _call(row: ClientChannel, data: bytes) -> tuple[Call, ...]:
    return (Call(to_checksum(row.escrow), 0, data),)
