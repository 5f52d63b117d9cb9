"""The payment channels of the demo: real ones on its chain, opened, settled and closed at their times, and the records
that payer and server have of them.

Keys, salts and times are fixed, so that ids and hashes are too. What is written stands as the chain has it: whoever
asks the chain finds nothing to mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from mpp_console.methods.base import Transfer
from mpp_console.methods.tempo.calls import VALID_SECONDS, Gas, build_calls, build_transaction
from mpp_console.methods.tempo.channels import RESERVE, ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.client_channel import ChannelEntry, ClientChannel
from mpp_console.methods.tempo.keys import LocalSigner, address_bytes, keccak, to_checksum
from mpp_console.methods.tempo.reserve_abi import (
    OpenCall,
    encode_close,
    encode_open,
    encode_request_close,
    encode_settle,
)
from mpp_console.methods.tempo.session_record import ChannelRecord
from mpp_console.methods.tempo.session_record import ChannelState as PayeeState
from mpp_console.methods.tempo.transaction import Call, TempoTransaction
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.protocol import ChannelState, Secret
from mpp_console.sandbox.node.chain import CHAIN_ID
from mpp_console.sandbox.node.fees import BASE_FEE
from mpp_console.services.demo.payments import PAID, ChannelPayment
from mpp_console.services.demo.seeds import CUSTOMER, NOW, PATH, PAYEE, PAYER, STRANGER, URL, seeded_hash

__all__ = ["GIFT", "DemoChannel", "channels", "gift_transaction", "transactions"]

GIFT: Final = 20_508_780
"""What `main` was given for its channels, in base units: with it `main` holds what it would hold without them."""

_GAS: Final = Gas(limit=1_200_000, max_fee_per_gas=BASE_FEE, max_priority_fee_per_gas=0)
_DOMAIN: Final = VoucherDomain.reserve(CHAIN_ID)
_LLM: Final = "https://llm.example.com"
_MAPS: Final = "https://maps.example.org"


@dataclass(frozen=True, kw_only=True)
class DemoChannel:
    """One channel. Sums in base units of pathUSD; `at_risk` is signed, and in no receipt yet; `closing_at` is when its
    payer asked the chain to close it, `closed_at` when its server closed it. Without an `origin` nobody knows its
    server any more.
    """

    name: str
    signers: Mapping[str, LocalSigner]
    sponsor: str
    payer: str = PAYER
    payee: str = PAYEE
    origin: str = ""
    deposit: int
    at_risk: int = 0
    settled: int = 0
    opened_at: datetime
    settled_at: datetime | None = None
    closing_at: datetime | None = None
    closed_at: datetime | None = None

    # What was paid over it

    @property
    def payments(self) -> tuple[ChannelPayment, ...]:
        """Oldest first."""
        return PAID.get(self.name, ())

    @property
    def accepted(self) -> int:
        return sum(payment.amount for payment in self.payments)

    @property
    def signed(self) -> int:
        return self.accepted + self.at_risk

    @property
    def used_at(self) -> datetime:
        return self.payments[-1].at if self.payments else self.opened_at

    # What the chain has of it

    @cached_property
    def open(self) -> TempoTransaction:
        call = OpenCall(
            payee=self.payee,
            operator=self.sponsor,
            token=PATH.id,
            deposit=self.deposit,
            salt=seeded_hash("channel", self.name),
            authorized_signer=ZERO_ADDRESS,
        )
        return _transaction(encode_open(call), self.opened_at)

    @cached_property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            payer=self.payer,
            payee=self.payee,
            operator=self.sponsor,
            token=to_checksum(PATH.id),
            salt=seeded_hash("channel", self.name),
            authorized_signer=ZERO_ADDRESS,
            expiring_nonce_hash="0x" + keccak(self.open.sender_preimage() + address_bytes(self.payer)).hex(),
        )

    @cached_property
    def id(self) -> str:
        return self.descriptor.channel_id(chain_id=CHAIN_ID)

    def voucher(self, cumulative: int) -> str:
        """The payer's signature over a cumulative amount."""
        return _DOMAIN.sign(self.signers[self.payer], self.id, cumulative)

    def transactions(self) -> Iterator[tuple[datetime, TempoTransaction]]:
        """All that the chain has of it, each at its time."""
        yield self.opened_at, self.open.sign(self.signers[self.payer])
        if self.settled_at is not None:
            data = encode_settle(self.descriptor, self.settled, _bytes(self.voucher(self.settled)))
            yield self.settled_at, _transaction(data, self.settled_at).sign(self.signers[self.sponsor])
        if self.closing_at is not None:
            asked = _transaction(encode_request_close(self.descriptor), self.closing_at)
            yield self.closing_at, asked.sign(self.signers[self.payer])
        if self.closed_at is not None:
            data = encode_close(
                self.descriptor,
                cumulative=self.settled,
                capture=self.settled,
                signature=_bytes(self.voucher(self.settled)),
            )
            yield self.closed_at, _transaction(data, self.closed_at).sign(self.signers[self.sponsor])

    # What is remembered of it

    def as_payer(self) -> ClientChannel:
        """The payer's row."""
        closed, closing = self.closed_at is not None, self.closing_at is not None
        state = ChannelState.FINALIZED if closed else ChannelState.CLOSING if closing else ChannelState.ACTIVE
        if not self.origin:
            state = ChannelState.ORPHANED
        return ClientChannel(
            channel_id=self.id,
            protocol="v2",
            state=state,
            network="sandbox",
            chain_id=CHAIN_ID,
            escrow=RESERVE,
            payer=self.payer,
            payee=self.payee,
            token=to_checksum(PATH.id),
            currency=PATH,
            salt=self.descriptor.salt,
            operator=self.sponsor,
            expiring_nonce_hash=self.descriptor.expiring_nonce_hash,
            created_at=self.opened_at,
            updated_at=self.closed_at or self.closing_at or self.used_at,
            last_used_at=self.used_at,
            origin=self.origin,
            url=self.origin + self.payments[-1].path if self.payments else self.origin,
            deposit=self.deposit,
            signed=self.signed,
            accepted=self.accepted,
            spent=self.accepted,
            settled=self.settled,
            close_requested_at=int(self.closing_at.timestamp()) if self.closing_at and not closed else 0,
            refunded=self.deposit - self.settled if closed else None,
            open_hash=self._open_hash,
            close_hash=self._close_hash,
            voucher_ref=self.payments[-1].ref if self.payments else None,
            note="the server did not answer the close; the chain was asked" if closing else "",
        )

    def entries(self) -> Iterator[ChannelEntry]:
        """The payer's history of it, oldest first, in the words in which the program writes one."""
        opened = "opening" if self.origin else "found"
        yield ChannelEntry(at=self.opened_at, kind=opened, amount=self.deposit, reference=self._open_hash)
        for payment in self.payments:
            yield ChannelEntry(at=payment.at, kind="accepted", amount=payment.after, reference=payment.ref)
            if not payment.before:
                yield ChannelEntry(at=payment.at, kind="active", amount=self.deposit)
        if self.closing_at is not None:
            yield ChannelEntry(at=self.closing_at, kind="close requested", reference=self._close_hash)
            yield ChannelEntry(at=self.closing_at, kind="closing", amount=self.deposit)
        if self.closed_at is not None:
            back = self.deposit - self.settled
            yield ChannelEntry(at=self.closed_at, kind="asked to close", amount=self.settled)
            yield ChannelEntry(at=self.closed_at, kind="finalized", amount=back, reference=self._close_hash)

    @property
    def _open_hash(self) -> str:
        return self.open.sign(self.signers[self.payer]).hash()

    @property
    def _close_hash(self) -> str | None:
        over = self.closed_at or self.closing_at
        return [tx.hash() for _, tx in self.transactions()][-1] if over else None

    def as_payee(self) -> ChannelRecord:
        """The server's record."""
        signature = self.voucher(self.accepted) if self.accepted else ""
        return ChannelRecord(
            channel_id=self.id,
            chain_id=CHAIN_ID,
            escrow=RESERVE,
            descriptor=self.descriptor,
            state=PayeeState.CLOSED if self.closed_at else PayeeState.OPEN,
            deposit=self.deposit,
            settled=self.settled,
            accepted=self.accepted,
            accepted_signature=signature,
            earned=self.accepted,
            earned_signature=signature,
            spent=self.accepted,
            units=sum(payment.amount // payment.price for payment in self.payments),
            capture=self.settled if self.closed_at else None,
            refunded=self.deposit - self.settled if self.closed_at else None,
            created_at=self.opened_at,
            last_used=self.used_at,
            checked_at=self.closed_at or self.used_at,
        )


def channels(keys: Mapping[str, Secret[bytes]], sponsor: str) -> tuple[DemoChannel, ...]:
    """All of them, with the keys of everybody by their address; `sponsor` settles and closes for the payees."""
    signers = {address: LocalSigner(key) for address, key in keys.items()}

    def ago(**span: float) -> datetime:
        return NOW - timedelta(**span)

    def channel(name: str, **values: object) -> DemoChannel:
        return DemoChannel(name=name, signers=signers, sponsor=sponsor, **values)  # type: ignore[arg-type]

    return (
        channel("maps", origin=_MAPS, payee=CUSTOMER, deposit=2_500_000, opened_at=ago(days=8, hours=20)),
        channel("lost", payee=CUSTOMER, deposit=1_000_000, opened_at=ago(days=5)),
        channel(
            "llm", origin=_LLM, payee=CUSTOMER, deposit=10_000_000, at_risk=10_000, settled=5_000_000,
            opened_at=ago(days=2, hours=3), settled_at=ago(hours=4),
        ),
        channel("local", origin=URL, deposit=1_000_000, opened_at=ago(minutes=31)),
        channel(
            "search", origin=STRANGER, payee=CUSTOMER, deposit=5_000_000, opened_at=ago(hours=7),
            closing_at=ago(seconds=199),
        ),
        channel(
            "before", origin=URL, deposit=1_000_000, settled=990_000, opened_at=ago(days=3),
            closed_at=ago(days=2, hours=21),
        ),
        channel("customer", payer=CUSTOMER, origin=URL, deposit=1_000_000, opened_at=ago(minutes=44)),
    )  # fmt: skip


def transactions(found: tuple[DemoChannel, ...]) -> list[tuple[datetime, bytes]]:
    """What the chain has of them, oldest first."""
    made = [(at, tx.encode()) for channel in found for at, tx in channel.transactions()]
    return sorted(made, key=lambda each: each[0])


def gift_transaction(key: Secret[bytes], at: datetime) -> bytes:
    """A transfer of the gift to `main`, signed by that key."""
    (call,) = build_calls(PATH.id, (Transfer(recipient=PAYER, amount=GIFT),))
    return _signed(call, at).sign(LocalSigner(key)).encode()


def _transaction(data: bytes, at: datetime) -> TempoTransaction:
    return _signed(Call(to_checksum(RESERVE), 0, data), at)


def _signed(call: Call, at: datetime) -> TempoTransaction:
    now = int(at.timestamp())
    return build_transaction(
        chain_id=CHAIN_ID,
        calls=(call,),
        gas=_GAS,
        valid_before=now + VALID_SECONDS,
        valid_after=now - VALID_SECONDS,
        fee_token=PATH.id,
        sponsored=False,
    )


def _bytes(signature: str) -> bytes:
    return bytes.fromhex(signature[2:])
