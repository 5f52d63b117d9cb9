"""An escrow as a payee works with it: reading channels, delivering the payer's transactions, sending its own.

Keeps nothing: what is journaled, and when, is `session_funding`'s and `session_closing`'s business.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mpp_console.protocol import InternalPayment, OutcomeUncertain, ParseError

from .calls import GAS_MARGIN, VALID_SECONDS, Gas, build_transaction, random_valid_after
from .chain import Chain, ChainError, Reverted, TxReceipt, fee_in_token
from .client_channel import ChannelProtocol
from .keys import Signer
from .push import Unconfirmed, Undelivered, await_receipt, deliver
from .reserve_abi import ChannelEvent, ChannelEventKind, OnChainChannel
from .session_dialect import Dialect, dialect_of
from .session_handed import HandedTransaction
from .session_problems import SessionRefused
from .session_record import Dispatch
from .settle import Settlement
from .sponsor import SponsorPolicy, check_sponsored_envelope
from .transaction import Call, TempoTransaction

__all__ = ["Escrow", "NotTaken"]

_NO_CHAIN = "The chain cannot be asked now. Nothing was taken."


class NotTaken(SessionRefused):
    """The chain certainly did not do it: not taken, or reverted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrow:
    """One escrow on one chain: the channel reserve (v2), or an escrow contract (v1).

    `signer` is the payee or its operator, who closes and settles; `fee_payer` pays the fees of that in `fee_token`,
    None for the signer itself.
    """

    chain: Chain
    address: str
    chain_id: int
    signer: Signer
    fee_token: str
    settlement: Settlement
    sleep: Callable[[float], Awaitable[None]]
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    protocol: ChannelProtocol = "v2"
    fee_payer: Signer | None = None

    @property
    def dialect(self) -> Dialect:
        return dialect_of(self.protocol)

    @property
    def sponsor(self) -> SponsorPolicy | None:
        return self.settlement.sponsor

    async def require_node(self) -> None:
        await self.settlement.require_node()

    async def states(self, channel_ids: Sequence[str]) -> tuple[OnChainChannel, ...]:
        """Raises InternalPayment when the chain cannot be asked."""
        try:
            result = await self.chain.call(self.address, self.dialect.encode_states(channel_ids))
            return self.dialect.decode_states(result, len(channel_ids))
        except (ChainError, ParseError) as error:
            raise InternalPayment(_NO_CHAIN) from error

    async def closing(self, channel_id: str, from_block: int) -> ChannelEvent | None:
        """The event that closed a channel; None when the chain shows none. Raises InternalPayment."""
        topics = [self.dialect.topic(ChannelEventKind.CLOSED), channel_id]
        try:
            logs = await self.chain.logs(address=self.address, topics=topics, from_block=from_block)
        except ChainError as error:
            raise InternalPayment(_NO_CHAIN) from error
        found = [event for event in self.dialect.events(logs, self.address) if event.channel_id == channel_id]
        return found[-1] if found else None

    async def complete(self, handed: HandedTransaction, now: datetime) -> TempoTransaction:
        """The transaction as it goes out, tried first, with our signature where we pay its fee. Raises a
        PaymentProblem.
        """
        tx = handed.tx
        await self.settlement.simulate(tx, handed.sender)
        policy = self.sponsor
        if not handed.needs_sponsor or policy is None:
            return tx
        check_sponsored_envelope(tx, self.chain_id, None, policy, now)
        token = await self.settlement.fee_token(policy, fee_in_token(tx.gas, tx.max_fee_per_gas))
        tx = tx.cosign(policy.signer, token)
        await self.settlement.simulate(tx, handed.sender, sponsor=policy.signer.address)
        return tx

    async def own(self, data: bytes, now: datetime) -> TempoTransaction:
        """A signed transaction of ours. Raises NotTaken when it would revert, InternalPayment without a chain."""
        signed = (await self.planned(data, now)).sign(self.signer)
        return signed if self.fee_payer is None else signed.cosign(self.fee_payer, self.fee_token)

    async def planned(self, data: bytes, now: datetime) -> TempoTransaction:
        """The same before it is signed: a dry run. Raises as `own`."""
        calls = (Call(self.address, 0, data),)
        try:
            fees, block = await self.chain.fees(), await self.chain.block()
            # The chain's time where it is ahead of ours: what has expired there is never taken.
            last = max(int(now.timestamp()), block.timestamp) + VALID_SECONDS
            after = random_valid_after(self.random_bytes, now)

            def build(limit: int) -> TempoTransaction:
                gas = Gas(
                    limit=limit,
                    max_fee_per_gas=fees.max_fee_per_gas,
                    max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
                )
                return build_transaction(
                    chain_id=self.chain_id,
                    calls=calls,
                    gas=gas,
                    valid_before=last,
                    valid_after=after,
                    fee_token=self.fee_token,
                    sponsored=self.fee_payer is not None,
                )

            limit = await self.chain.estimate_gas(build(1_000_000), self.signer.address)
        except Reverted as error:
            raise NotTaken(f"The escrow would refuse it: {error.message}", code="would-revert") from error
        except ChainError as error:
            raise InternalPayment(_NO_CHAIN) from error
        return build(limit + GAS_MARGIN)

    async def deliver(self, tx: TempoTransaction) -> TxReceipt:
        """Broadcasts and waits; a successful receipt. Raises NotTaken (certain), InternalPayment (certainly not sent),
        OutcomeUncertain.
        """
        tx_hash, settlement = tx.hash(), self.settlement
        try:
            receipt = await deliver(
                self.chain,
                tx.encode(),
                tx_hash,
                timeout=settlement.confirm_seconds,
                recovery=settlement.recovery_seconds,
                sleep=self.sleep,
            )
        except Undelivered as error:
            if error.unreachable:
                raise NotTaken(_NO_CHAIN, code="chain-unreachable") from error
            raise NotTaken(f"The chain did not take the transaction. {error.message}", code="not-taken") from error
        except Unconfirmed as error:
            raise OutcomeUncertain(details={"reference": tx_hash}) from error
        if not receipt.status:
            raise NotTaken("The transaction reverted.", code="reverted")
        return receipt

    async def receipt(self, tx_hash: str) -> TxReceipt | None:
        """The receipt of a transaction that may have been sent before; None when the chain has none."""
        try:
            return await await_receipt(self.chain, tx_hash, seconds=0, sleep=self.sleep)
        except Unconfirmed as error:
            raise OutcomeUncertain(details={"reference": tx_hash}) from error

    async def landed(self, dispatch: Dispatch | None) -> Dispatch | None:
        """The transaction if the chain has this very one; None also where it cannot say. One that was cosigned anew has
        another hash, and whichever came first is the one that counts.
        """
        if dispatch is None:
            return None
        try:
            receipt = await self.receipt(dispatch.tx_hash)
        except OutcomeUncertain:
            return None
        return dispatch if receipt is not None and receipt.status else None

    def event(self, receipt: TxReceipt, kind: ChannelEventKind, channel_id: str) -> ChannelEvent | None:
        """The one event of this kind about this channel in a receipt."""
        events = self.dialect.events(receipt.logs, self.address)
        found = [event for event in events if event.kind is kind and event.channel_id == channel_id]
        return found[0] if len(found) == 1 else None
