"""What was paid over the demo's channels: each payment with the voucher that paid for it, and what payer and server
have on record of it. The sums of the channels are made of these, so that no screen contradicts another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts, session_receipt
from mpp_console.methods.tempo.session_trace import SessionTrace
from mpp_console.sandbox.demo.sessions import SESSION_PRICE, TOKEN_PRICE
from mpp_console.sandbox.node.chain import CHAIN_ID
from mpp_console.services.demo.seeds import NOW, PAYEE, PAYER, challenge_id, receipt_row, seeded_hash
from mpp_console.services.models import ReceiptRow

if TYPE_CHECKING:
    from mpp_console.services.demo.channels import DemoChannel

__all__ = ["PAID", "ChannelPayment", "PastReceipt", "session_receipts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPayment:
    """One answer that was paid by vouchers. Sums in base units: `before` is what the channel had paid until then,
    `price` what one unit costs. `number` is its own among the payments of all channels.
    """

    number: int
    at: datetime
    path: str
    amount: int
    before: int
    price: int

    @property
    def after(self) -> int:
        """What the channel has paid with it, which is what its receipt says."""
        return self.before + self.amount

    @property
    def ref(self) -> str:
        """What the payer's record of the channel calls it."""
        return seeded_hash("ref", self.number)[2:34]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastReceipt:
    """A receipt: the row, the object as it was on the wire, and what the journal has of a sent one to find it again."""

    row: ReceiptRow
    fields: Mapping[str, Any]
    trace: Mapping[str, Any]


def session_receipts(channel: DemoChannel) -> Iterator[PastReceipt]:
    """Those of one channel, oldest first: the payer's where `main` paid, and the local server's where it was paid."""
    for payment in channel.payments:
        sent = receipt_row(
            payment.number,
            payment.at,
            origin=channel.origin,
            url=channel.origin + payment.path,
            intent="session",
            amount=payment.amount,
            reference=channel.id,
            payer=channel.payer,
            recipient=channel.payee,
        )
        fields = _fields(channel, payment)
        if channel.payee == PAYEE:
            received = replace(
                sent,
                id=f"received-{sent.challenge_id}-{payment.after}",
                direction="received",
                operation_id=None,
                origin="",
                url=f"GET {payment.path}",
            )
            yield PastReceipt(row=received, fields=fields, trace={})
        if channel.payer == PAYER:
            yield PastReceipt(row=sent, fields=fields, trace=_trace(channel, payment))


def _fields(channel: DemoChannel, payment: ChannelPayment) -> Mapping[str, Any]:
    facts = SessionReceiptFacts(
        channel_id=channel.id,
        challenge_id=challenge_id(payment.number),
        accepted=payment.after,
        spent=payment.after,
        units=payment.amount // payment.price,
    )
    return session_receipt(facts, timestamp=payment.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")).to_dict()


def _trace(channel: DemoChannel, payment: ChannelPayment) -> Mapping[str, Any]:
    # The latest voucher may be over more than its receipt says.
    last = payment is channel.payments[-1]
    return SessionTrace(
        ref=payment.ref,
        plan="voucher" if payment.before else "open",
        channel_id=channel.id,
        chain_id=CHAIN_ID,
        before=str(payment.before),
        cumulative=str(channel.signed if last else payment.after),
        amount=str(payment.amount),
        locks="0" if payment.before else str(channel.deposit),
    ).to_dict()


# -- the payments

_Said = tuple[timedelta, int]
"""About how long ago, and how much."""


def _payments(first: int, path: str, price: int, *said: _Said) -> tuple[ChannelPayment, ...]:
    """Of one channel, oldest first, numbered from `first` on. What costs as much as a single request of the demo's API
    was one.
    """
    befores = itertools.accumulate((amount for _, amount in said), initial=0)
    local = path.startswith("/session")
    return tuple(
        ChannelPayment(
            number=number,
            at=NOW - ago + timedelta(seconds=number * 17 % 29),  # nobody pays on the minute
            path="/session" if local and amount == SESSION_PRICE else path,
            amount=amount,
            before=before,
            price=SESSION_PRICE if local and amount == SESSION_PRICE else price,
        )
        for number, ((ago, amount), before) in enumerate(zip(said, befores, strict=False), first)
    )


def _ago(amount: int, **span: int) -> _Said:
    return timedelta(**span), amount


PAID: Final[Mapping[str, tuple[ChannelPayment, ...]]] = {
    "maps": _payments(
        100, "/tiles", 5_000,
        _ago(60_000, days=8, hours=19, minutes=58), _ago(55_000, days=8, hours=17, minutes=12),
        _ago(70_000, days=8, hours=9, minutes=41), _ago(65_000, days=8, hours=5, minutes=3),
        _ago(60_000, days=8, hours=3),
    ),
    "llm": _payments(
        110, "/v1/chat", 2_500,
        _ago(612_500, days=2, hours=2, minutes=59), _ago(740_000, days=2, hours=1, minutes=6),
        _ago(885_000, days=1, hours=22, minutes=37), _ago(560_000, days=1, hours=21, minutes=14),
        _ago(795_000, hours=22, minutes=8), _ago(670_000, hours=6, minutes=10),
        _ago(737_500, hours=4, minutes=25), _ago(905_000, hours=2, minutes=2),
        _ago(640_000, minutes=38), _ago(487_500, seconds=41),
    ),
    "local": _payments(
        120, "/session/stream", TOKEN_PRICE,
        _ago(1_000, minutes=31), _ago(12_000, minutes=29), _ago(1_000, minutes=22), _ago(8_400, minutes=17),
        _ago(15_600, minutes=12), _ago(1_000, minutes=6), _ago(1_000, minutes=3),
    ),
    "search": _payments(
        130, "/v1/search", 2_500,
        _ago(150_000, hours=6, minutes=59), _ago(147_500, hours=6, minutes=20), _ago(162_500, hours=5, minutes=2),
        _ago(155_000, hours=3, minutes=47), _ago(140_000, hours=2, minutes=31), _ago(152_500, hours=1, minutes=18),
        _ago(147_500, minutes=33), _ago(152_500, minutes=9),
    ),
    "before": _payments(
        140, "/session/stream", TOKEN_PRICE,
        _ago(100_000, days=2, hours=23, minutes=59), _ago(98_500, days=2, hours=23, minutes=52),
        _ago(100_000, days=2, hours=23, minutes=44), _ago(99_000, days=2, hours=23, minutes=31),
        _ago(97_500, days=2, hours=23, minutes=20), _ago(100_000, days=2, hours=23, minutes=2),
        _ago(98_000, days=2, hours=22, minutes=49), _ago(100_000, days=2, hours=22, minutes=35),
        _ago(97_000, days=2, hours=22, minutes=16), _ago(100_000, days=2, hours=22),
    ),
    "customer": _payments(
        150, "/session/stream", TOKEN_PRICE,
        _ago(1_000, minutes=44), _ago(20_000, minutes=41), _ago(24_500, minutes=33), _ago(1_000, minutes=25),
        _ago(18_500, minutes=19), _ago(26_000, minutes=8), _ago(1_000, minutes=1),
    ),
}  # fmt: skip
"""By the name of the channel."""
