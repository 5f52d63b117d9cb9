"""A session server on a real socket and a real sandbox chain, small enough to misbehave in every way.

It knows the wire and its own accounts; whatever it may do wrong, a test tells it to do.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mpp_console.methods.tempo.calls import Gas, build_transaction
from mpp_console.methods.tempo.chain import Chain, TxReceipt
from mpp_console.methods.tempo.channels import RESERVE, Descriptor
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.reserve_abi import encode_close, encode_settle
from mpp_console.methods.tempo.session_chain import ReserveReader
from mpp_console.methods.tempo.session_payloads import (
    ClosePayload,
    OpenPayload,
    TopUpPayload,
    VoucherPayload,
    decode_session_payload,
)
from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts, session_receipt
from mpp_console.methods.tempo.session_schema import SessionRequest, Snapshot, encode_session_request
from mpp_console.methods.tempo.transaction import AwaitingSponsor, Call, decode
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.protocol import PROBLEM_BASE, Challenge, Credential, Problem, format_challenge, format_timestamp
from tests.client.till import Reply, Seen

DOMAIN = VoucherDomain.reserve(SANDBOX.chain_id)
PRICE = 1_000


@dataclass
class Account:
    """What the shop knows of one channel."""

    descriptor: Descriptor
    deposit: int
    accepted: int = 0
    spent: int = 0
    signature: str = ""
    closed: bool = False


Fault = Callable[[Seen, Any], Reply | Awaitable[Reply | None] | None]


@dataclass
class Shop:
    """`before` and `after` hold a fault for an action (open, topUp, voucher, close, ask), tried before or after the
    shop did its work.
    """

    chain: Chain
    signer: LocalSigner
    clock: Callable[[], datetime]
    sponsor: LocalSigner | None = None
    price: int = PRICE
    suggested: int | None = 10 * PRICE
    delta: int | None = None
    snapshots: bool = False
    escrow: str = RESERVE
    accounts: dict[str, Account] = field(default_factory=dict)
    before: dict[str, Fault] = field(default_factory=dict)
    after: dict[str, Fault] = field(default_factory=dict)
    served: int = 0
    actions: list[str] = field(default_factory=list)
    receipts: bool = True
    tell: Callable[[SessionReceiptFacts], SessionReceiptFacts] = lambda facts: facts
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    async def __call__(self, seen: Seen) -> Reply:
        credential = seen.credential
        if credential is None:
            return await self._with_faults("ask", seen, None, lambda: self.ask(seen))
        payload = decode_session_payload(credential.payload)
        self.actions.append(payload.action)
        return await self._with_faults(payload.action, seen, payload, lambda: self._act(seen, credential, payload))

    async def _with_faults(self, name: str, seen: Seen, payload: Any, act: Callable[[], Any]) -> Reply:
        for stage in (self.before, None, self.after):
            if stage is None:
                result = act()
                reply: Reply = result if isinstance(result, Reply) else await result
                continue
            fault = stage.get(name)
            if fault is None:
                continue
            found = fault(seen, payload)
            if found is not None and not isinstance(found, Reply):
                found = await found
            if found is not None:
                return found
        return reply

    # -- asking

    def challenge(self, seen: Seen) -> Challenge:
        named = seen.get("payment-session")
        known = self.accounts.get(named or "")
        if known is None and self.snapshots and self.accounts:
            named, known = next(iter(self.accounts.items()))
        request = SessionRequest(
            amount=self.price,
            currency=SANDBOX.default_token,
            recipient=self.signer.address,
            chain_id=SANDBOX.chain_id,
            escrow=self.escrow,
            unit_type="request",
            suggested_deposit=self.suggested,
            min_voucher_delta=self.delta,
            fee_payer=self.sponsor is not None,
            snapshot=self._snapshot(named, known) if self.snapshots and known is not None else None,
        )
        return Challenge.create(
            id=f"challenge-{next(self._ids)}",
            realm="127.0.0.1",
            method="tempo",
            intent="session",
            request=encode_session_request(request),
            expires=self.clock() + timedelta(minutes=5),
        )

    def _snapshot(self, channel_id: str | None, known: Account) -> Snapshot:
        return Snapshot(
            channel_id=channel_id or "",
            chain_id=SANDBOX.chain_id,
            escrow=RESERVE,
            descriptor=known.descriptor,
            deposit=known.deposit,
            settled=0,
            accepted=known.accepted,
            spent=known.spent,
            required=known.spent + self.price,
            voucher=(known.accepted, known.signature) if known.signature else None,
        )

    def ask(self, seen: Seen, slug: str = "payment-required", status: int = 402) -> Reply:
        body = Problem(type=PROBLEM_BASE + slug, title=slug, status=status, detail=f"because of {slug}").to_json()
        headers = [("Content-Type", "application/problem+json")]
        if status == 402:
            headers.append(("WWW-Authenticate", format_challenge(self.challenge(seen))))
        if seen.method == "HEAD":
            return Reply(status=status, headers=headers, body=b"")
        return Reply(status=status, headers=headers, body=body)

    # -- acting

    async def _act(self, seen: Seen, credential: Credential, payload: Any) -> Reply:
        match payload:
            case OpenPayload():
                return await self._open(seen, credential, payload)
            case TopUpPayload():
                return await self._top_up(seen, credential, payload)
            case VoucherPayload():
                return await self._voucher(seen, credential, payload)
            case ClosePayload():
                return await self._close(seen, credential, payload)
        raise AssertionError(payload)

    async def broadcast(self, raw: bytes) -> TxReceipt:
        tx = decode(raw)
        if isinstance(tx.fee_payer_slot, AwaitingSponsor):
            assert self.sponsor is not None
            tx = tx.cosign(self.sponsor, SANDBOX.default_token)
        return await self.chain.send_raw_sync(tx.encode(), timeout=5)

    async def _open(self, seen: Seen, credential: Credential, payload: OpenPayload) -> Reply:
        assert payload.descriptor is not None
        await self.broadcast(payload.transaction)
        state = await ReserveReader(chain=self.chain).state(payload.channel_id)
        assert state.exists, "the client derived another channel id than the chain"
        self.accounts[payload.channel_id] = Account(payload.descriptor, state.deposit)
        return self._accept(seen, credential, payload)

    async def _top_up(self, seen: Seen, credential: Credential, payload: TopUpPayload) -> Reply:
        assert not seen.body
        receipt = await self.broadcast(payload.transaction)
        account = self.accounts[payload.channel_id]
        account.deposit = (await ReserveReader(chain=self.chain).state(payload.channel_id)).deposit
        return self._receipt(seen, credential, payload.channel_id, status=204, tx_hash=receipt.hash)

    async def _voucher(self, seen: Seen, credential: Credential, payload: VoucherPayload) -> Reply:
        account = self.accounts.get(payload.channel_id)
        if account is None or account.closed:
            return self.ask(seen, "session/channel-not-found", 410)
        if payload.cumulative < account.accepted:
            return self.ask(seen, "verification-failed")
        if payload.cumulative > account.deposit:
            return self.ask(seen, "session/amount-exceeds-deposit")
        if self.delta and account.accepted < payload.cumulative < account.accepted + self.delta:
            return self.ask(seen, "session/delta-too-small")
        return self._accept(seen, credential, payload)

    def _accept(self, seen: Seen, credential: Credential, payload: OpenPayload | VoucherPayload) -> Reply:
        account = self.accounts[payload.channel_id]
        signer = account.descriptor.voucher_signer
        assert DOMAIN.signed_by(signer, payload.channel_id, payload.cumulative, payload.signature)
        if payload.cumulative > account.accepted:
            account.accepted, account.signature = payload.cumulative, payload.signature
        if account.accepted - account.spent < self.price:
            return self.ask(seen, "session/insufficient-balance")
        account.spent += self.price
        self.served += 1
        return self._receipt(seen, credential, payload.channel_id)

    async def _close(self, seen: Seen, credential: Credential, payload: ClosePayload) -> Reply:
        account = self.accounts.get(payload.channel_id)
        if account is None or account.closed:
            return self.ask(seen, "session/channel-not-found", 410)
        if payload.cumulative < account.spent:
            return self.ask(seen, "verification-failed")
        tx_hash = await self.close_on_chain(payload.channel_id, payload.cumulative, payload.signature)
        account.closed = True
        return self._receipt(seen, credential, payload.channel_id, status=204, tx_hash=tx_hash)

    def _receipt(
        self, seen: Seen, credential: Credential, channel_id: str, *, status: int = 200, tx_hash: str | None = None
    ) -> Reply:
        account = self.accounts[channel_id]
        facts = SessionReceiptFacts(
            channel_id=channel_id,
            challenge_id=credential.challenge.id,
            accepted=account.accepted,
            spent=account.spent,
            tx_hash=tx_hash,
        )
        receipt = session_receipt(self.tell(facts), timestamp=format_timestamp(self.clock()))
        headers = [("Payment-Receipt", receipt.to_header().reveal())] if self.receipts else []
        return Reply(status=status, headers=headers, body=b"" if status == 204 else b"goods")

    # -- the payee's own transactions

    async def close_on_chain(self, channel_id: str, cumulative: int, signature: str) -> str:
        account = self.accounts[channel_id]
        state = await ReserveReader(chain=self.chain).state(channel_id)
        call = encode_close(
            account.descriptor,
            cumulative=cumulative,
            capture=max(account.spent, state.settled),
            signature=bytes.fromhex(signature[2:]),
        )
        return await self.run(call)

    async def settle_on_chain(self, channel_id: str) -> str:
        account = self.accounts[channel_id]
        return await self.run(encode_settle(account.descriptor, account.accepted, bytes.fromhex(account.signature[2:])))

    async def run(self, data: bytes) -> str:
        now = int(self.clock().timestamp())
        fees = await self.chain.fees()
        tx = build_transaction(
            chain_id=SANDBOX.chain_id,
            calls=(Call(RESERVE, 0, data),),
            gas=Gas(
                limit=2_000_000,
                max_fee_per_gas=fees.max_fee_per_gas,
                max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            ),
            valid_before=now + 25,
            valid_after=1 + next(self._ids),
            fee_token=SANDBOX.default_token,
            sponsored=False,
        ).sign(self.signer)
        receipt = await self.chain.send_raw_sync(tx.encode(), timeout=5)
        assert receipt.status
        return receipt.hash
