"""A payee of sessions on the sandbox's chain, in process, and a customer who signs by hand whatever a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.keys import LocalSigner, address_bytes, keccak
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.reserve_abi import OpenCall, encode_open, encode_request_close, encode_top_up
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.session_actions import SessionOutcome
from mpp_console.methods.tempo.session_payee import TempoSessionPayee
from mpp_console.methods.tempo.session_payloads import (
    ClosePayload,
    OpenPayload,
    SessionPayload,
    TopUpPayload,
    VoucherPayload,
)
from mpp_console.methods.tempo.session_record import ChannelRecord, ChannelStore
from mpp_console.methods.tempo.sponsor import SponsorPolicy
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, Call, TempoTransaction
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.protocol import Challenge, Credential, Secret, format_timestamp
from mpp_console.sandbox.node import CHAIN_ID
from mpp_console.server.channels import MemoryChannels
from tests.sandbox.node.chains import ALICE, BOB, CAROL, PATH, Chain, HeldClock

PRICE = 100
SPONSOR = LocalSigner(Secret(b"\x06" * 32))
DOMAIN = VoucherDomain.reserve(CHAIN_ID)


class _Provider:
    def __init__(self, chain: Chain, heard: list[str]) -> None:
        self._chain = chain
        self.heard = heard

    async def make_request(self, method: str, params: Any) -> Any:
        self.heard.append(method)
        return self._chain.node.handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})

    async def disconnect(self) -> None:
        return None


class LocalChain(Web3Chain):
    """The real client of a chain, over a node that is called instead of reached. `heard` lists what was asked."""

    def __init__(self, chain: Chain) -> None:
        super().__init__("http://127.0.0.1:1")
        self.heard: list[str] = []
        self._provider = _Provider(chain, self.heard)  # type: ignore[assignment]


async def no_nap(seconds: float) -> None:
    return None


@dataclass
class Booth:
    """Alice buys, Bob sells. `store` survives a new `payee()`, as a file survives a process."""

    clock: HeldClock = field(default_factory=HeldClock)
    store: ChannelStore = field(default_factory=MemoryChannels)
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chain = Chain(clock=self.clock)
        self.chain.fund(ALICE, BOB, CAROL, SPONSOR)
        self.rpc = LocalChain(self.chain)
        self.salts = 0
        self.asked = 0
        self.payee = self.open_shop()

    def open_shop(self, store: ChannelStore | None = None) -> TempoSessionPayee:
        values: dict[str, Any] = {
            "chain": self.rpc,
            "network": SANDBOX,
            "recipient": BOB.address,
            "signer": BOB,
            "store": store or self.store,
            "clock": self.clock,
            "token": PATH,
            "sponsor": SponsorPolicy(signer=SPONSOR, fee_tokens=(PATH,)),
            "random_bytes": bytes,
            "sleep": no_nap,
        }
        return TempoSessionPayee(**(values | dict(self.settings)))

    def challenge(self, **changes: Any) -> Challenge:
        self.asked += 1
        request = self.payee.offer(amount=PRICE, options=self.options)
        values: dict[str, Any] = {
            "id": f"challenge-{self.asked}",
            "realm": "shop.example",
            "method": "tempo",
            "intent": "session",
            "request": request,
            "expires": format_timestamp(self.clock() + timedelta(minutes=5)),
        }
        return Challenge.create(**(values | changes))

    def transaction(
        self, signer: LocalSigner, *calls: Call, sponsored: bool = False, **changes: Any
    ) -> TempoTransaction:
        values: dict[str, Any] = {
            "nonce_key": EXPIRING_NONCE_KEY,
            "nonce": 0,
            "valid_before": self.clock.seconds + 25,
            "fee_token": None if sponsored else PATH,
            "fee_payer_slot": AwaitingSponsor() if sponsored else None,
            "gas": 2_000_000,
        }
        return self.chain.build(signer, *calls, **(values | changes))

    def opening(
        self,
        deposit: int = 1_000,
        cumulative: int = PRICE,
        *,
        payer: LocalSigner = ALICE,
        voucher_by: LocalSigner | None = None,
        sponsored: bool = False,
        **call: Any,
    ) -> OpenPayload:
        self.salts += 1
        signer = voucher_by or payer
        values: dict[str, Any] = {
            "payee": BOB.address,
            "operator": ZERO_ADDRESS,
            "token": PATH,
            "deposit": deposit,
            "salt": "0x" + f"{self.salts:064x}",
            "authorized_signer": ZERO_ADDRESS if signer is payer else signer.address,
        }
        opening = OpenCall(**(values | call))
        tx = self.transaction(payer, Call(RESERVE, 0, encode_open(opening)), sponsored=sponsored)
        content = "0x" + keccak(tx.sender_preimage() + address_bytes(payer.address)).hex()
        descriptor = opening.descriptor(payer=payer.address, expiring_nonce_hash=content)
        channel_id = descriptor.channel_id(escrow=RESERVE, chain_id=CHAIN_ID)
        return OpenPayload(
            channel_id=channel_id,
            transaction=tx.sign(payer).encode(),
            cumulative=cumulative,
            signature=DOMAIN.sign(signer, channel_id, cumulative),
            descriptor=descriptor,
        )

    def topping_up(
        self, descriptor: Descriptor, additional: int, *, payer: LocalSigner = ALICE, sponsored: bool = False
    ) -> TopUpPayload:
        call = Call(RESERVE, 0, encode_top_up(descriptor, additional))
        tx = self.transaction(payer, call, sponsored=sponsored)
        return TopUpPayload(
            channel_id=id_of(descriptor),
            transaction=tx.sign(payer).encode(),
            additional=additional,
            descriptor=descriptor,
        )

    def voucher(self, descriptor: Descriptor, cumulative: int, *, by: LocalSigner = ALICE) -> VoucherPayload:
        channel_id = id_of(descriptor)
        return VoucherPayload(
            channel_id=channel_id,
            cumulative=cumulative,
            signature=DOMAIN.sign(by, channel_id, cumulative),
            descriptor=descriptor,
        )

    def closing(self, descriptor: Descriptor, cumulative: int, *, by: LocalSigner = ALICE) -> ClosePayload:
        voucher = self.voucher(descriptor, cumulative, by=by)
        return ClosePayload(
            channel_id=voucher.channel_id, cumulative=cumulative, signature=voucher.signature, descriptor=descriptor
        )

    def request_close(self, descriptor: Descriptor) -> None:
        self.chain.run(ALICE, Call(RESERVE, 0, encode_request_close(descriptor)))

    async def handle(
        self,
        payload: SessionPayload,
        kind: Literal["content", "management"] = "content",
        cost: int = PRICE,
        source: str | None = None,
        payee: TempoSessionPayee | None = None,
    ) -> SessionOutcome:
        credential = Credential(challenge=self.challenge(), payload=payload.to_wire(), source=source)
        return await (payee or self.payee).handle(credential, kind=kind, cost=cost, now=self.clock())

    async def opened(self, deposit: int = 1_000, cumulative: int = PRICE, **changes: Any) -> Descriptor:
        """A channel whose first request was served."""
        payload = self.opening(deposit, cumulative, **changes)
        await self.handle(payload)
        assert payload.descriptor is not None
        return payload.descriptor

    async def record(self, descriptor: Descriptor) -> ChannelRecord:
        kept = await self.store.get(id_of(descriptor))
        assert kept is not None
        return kept.record


def id_of(descriptor: Descriptor) -> str:
    return descriptor.channel_id(escrow=RESERVE, chain_id=CHAIN_ID)
