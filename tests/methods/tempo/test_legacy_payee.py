"""The payee of sessions of version 1, on the sandbox's escrow contract: what is taken, and what a close pays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.tempo.channels import ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.offers import ImpossibleOffer
from mpp_console.methods.tempo.reserve_abi import OpenCall
from mpp_console.methods.tempo.session_actions import SessionOutcome
from mpp_console.methods.tempo.session_dialect import dialect_of
from mpp_console.methods.tempo.session_payee import TempoSessionPayee
from mpp_console.methods.tempo.session_payloads import ClosePayload, OpenPayload, TopUpPayload, VoucherPayload
from mpp_console.methods.tempo.session_problems import InvalidSignature, SessionRefused, SignerMismatch
from mpp_console.methods.tempo.session_record import ChannelState
from mpp_console.methods.tempo.tip20 import encode_approve, encode_transfer
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import InvalidPayload, PaymentProblem
from mpp_console.sandbox.node import CHAIN_ID
from mpp_console.sandbox.node.escrow import ESCROW
from tests.sandbox.node.chains import ALICE, BOB, CAROL, PATH

from .booths import PRICE, SPONSOR, Booth

V1 = dialect_of("v1")
DOMAIN = V1.domain(CHAIN_ID, ESCROW)
Calls = tuple[Call, ...]


class Stand(Booth):
    """A booth whose customer pays by version 1."""

    def __post_init__(self) -> None:
        self.options = {"protocol": "v1"}
        super().__post_init__()

    def open(
        self,
        deposit: int = 1_000,
        cumulative: int = PRICE,
        *,
        by: LocalSigner = ALICE,
        sponsored: bool = False,
        twist: Callable[[Calls], Calls] = lambda calls: calls,
        **call: Any,
    ) -> tuple[OpenPayload, Descriptor]:
        self.salts += 1
        values: dict[str, Any] = {
            "payee": BOB.address,
            "operator": ZERO_ADDRESS,
            "token": PATH,
            "deposit": deposit,
            "salt": f"0x{self.salts:064x}",
            "authorized_signer": ZERO_ADDRESS if by is ALICE else by.address,
        }
        opening = OpenCall(**(values | call))
        tx = self.transaction(ALICE, *twist(V1.open_calls(opening, ESCROW)), sponsored=sponsored)
        parties = opening.descriptor(payer=ALICE.address, expiring_nonce_hash="")
        channel = V1.channel_id(parties, escrow=ESCROW, chain_id=CHAIN_ID)
        payload = OpenPayload(
            channel_id=channel,
            transaction=tx.sign(ALICE).encode(),
            cumulative=cumulative,
            signature=DOMAIN.sign(by, channel, cumulative),
            authorized_signer=by.address,
        )
        return payload, parties

    def add(self, channel: str, parties: Descriptor, amount: int, *, sponsored: bool = False) -> TopUpPayload:
        tx = self.transaction(ALICE, *V1.top_up_calls(channel, parties, ESCROW, amount), sponsored=sponsored)
        return TopUpPayload(channel_id=channel, transaction=tx.sign(ALICE).encode(), additional=amount)

    def raised(self, channel: str, cumulative: int, by: LocalSigner = ALICE) -> VoucherPayload:
        return VoucherPayload(channel_id=channel, cumulative=cumulative, signature=DOMAIN.sign(by, channel, cumulative))

    def close_at(self, channel: str, cumulative: int) -> ClosePayload:
        return ClosePayload(
            channel_id=channel, cumulative=cumulative, signature=DOMAIN.sign(ALICE, channel, cumulative)
        )

    async def kept(self, channel: str) -> Any:
        versioned = await self.store.get(channel)
        assert versioned is not None
        return versioned.record

    def held(self, owner: LocalSigner | str) -> int:
        return self.chain.balance(owner if isinstance(owner, str) else owner.address)


async def opened(stand: Stand, **options: Any) -> tuple[str, Descriptor, SessionOutcome]:
    payload, parties = stand.open(**options)
    return payload.channel_id, parties, await stand.handle(payload)


async def test_a_channel_is_opened_and_pays(stand: Stand) -> None:
    channel, parties, outcome = await opened(stand)
    record = outcome.record
    assert (record.protocol, record.escrow, record.descriptor) == ("v1", ESCROW, parties)
    assert (record.deposit, record.accepted, record.spent, record.state) == (1_000, PRICE, PRICE, ChannelState.OPEN)
    second = await stand.handle(stand.raised(channel, 2 * PRICE))
    assert (second.record.spent, second.charged) == (2 * PRICE, PRICE)
    again = await stand.handle(stand.open()[0], kind="management")
    assert again.record.channel_id != channel


async def test_the_same_opening_again_opens_nothing(stand: Stand) -> None:
    payload, _ = stand.open()
    first = await stand.handle(payload)
    held = stand.held(ESCROW)
    second = await stand.handle(payload, kind="management")
    assert (second.record.deposit, stand.held(ESCROW)) == (first.record.deposit, held)


async def test_sponsored_opening_and_top_up_cost_the_payer_no_fee() -> None:
    stand = Stand()
    stand.options = {"protocol": "v1", "fee_payer": True}
    before, sponsor = stand.held(ALICE), stand.held(SPONSOR)
    channel, parties, _ = await opened(stand, sponsored=True)
    topped = await stand.handle(stand.add(channel, parties, 500, sponsored=True))
    assert topped.record.deposit == 1_500
    assert before - stand.held(ALICE) == 1_500
    assert stand.held(SPONSOR) < sponsor


async def test_a_top_up_that_was_made_before_is_not_made_again(stand: Stand) -> None:
    channel, parties, _ = await opened(stand)
    adding = stand.add(channel, parties, 500)
    first = await stand.handle(adding)
    second = await stand.handle(adding)
    assert (first.record.deposit, second.record.deposit, second.tx_hash) == (1_500, 1_500, first.tx_hash)


def more(calls: Calls) -> Calls:
    return (Call(PATH, 0, encode_approve(ESCROW, 10**12)), calls[1])


def elsewhere(calls: Calls) -> Calls:
    return (Call(PATH, 0, encode_approve(CAROL.address, 1_000)), calls[1])


def gift(calls: Calls) -> Calls:
    return (*calls, Call(PATH, 0, encode_transfer(CAROL.address, 1)))


def swapped(calls: Calls) -> Calls:
    return (Call(PATH, 0, encode_transfer(CAROL.address, 1)), calls[1])


def backwards(calls: Calls) -> Calls:
    return calls[::-1]


def padded(calls: Calls) -> Calls:
    return (calls[0], replace(calls[1], data=calls[1].data + bytes(32)))


@pytest.mark.parametrize("twist", [more, elsewhere, gift, swapped, backwards, padded])
@pytest.mark.parametrize("sponsored", [False, True], ids=["own fee", "sponsored"])
async def test_an_opening_that_does_more_is_not_sent(twist: Callable[[Calls], Calls], sponsored: bool) -> None:
    stand = Stand()
    stand.options = {"protocol": "v1", "fee_payer": sponsored}
    payload, _ = stand.open(twist=twist, sponsored=sponsored)
    with pytest.raises(SessionRefused):
        await stand.handle(payload)
    assert stand.held(ESCROW) == 0
    assert await stand.store.get(payload.channel_id) is None


@pytest.mark.parametrize(
    "call",
    [{"payee": CAROL.address}, {"deposit": PRICE - 1}, {"token": SANDBOX.tokens[1].address}],
    ids=["another payee", "too small", "another token"],
)
async def test_an_opening_of_something_else_is_not_sent(stand: Stand, call: dict[str, Any]) -> None:
    payload, _ = stand.open(**call)
    with pytest.raises(PaymentProblem):
        await stand.handle(payload)
    assert await stand.store.get(payload.channel_id) is None


async def test_a_channel_of_one_version_is_unknown_to_the_other(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    stand.options = {}
    with pytest.raises(PaymentProblem) as caught:
        await stand.handle(stand.raised(channel, 2 * PRICE))
    assert caught.value.slug == "session/channel-not-found"
    with pytest.raises(InvalidPayload):
        await stand.handle(stand.open()[0])


async def test_vouchers_of_the_key_that_was_named(stand: Stand) -> None:
    channel, _, outcome = await opened(stand, by=CAROL)
    assert outcome.record.voucher_signer == CAROL.address
    await stand.handle(stand.raised(channel, 2 * PRICE, CAROL))
    with pytest.raises(SignerMismatch):
        await stand.handle(stand.raised(channel, 3 * PRICE, ALICE))
    reserve = stand.raised(channel, 3 * PRICE, CAROL)
    other = dialect_of("v2").domain(CHAIN_ID, ESCROW).sign(CAROL, channel, 3 * PRICE)
    with pytest.raises((SignerMismatch, InvalidSignature)):
        await stand.handle(replace(reserve, signature=other))


# What a close pays out: the contract gives the payee the whole voucher -----------------------------------------------


async def test_a_close_pays_by_the_least_voucher_that_covers_what_was_spent(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    await stand.handle(stand.raised(channel, 7 * PRICE), kind="management")
    earned, had = stand.held(BOB), stand.held(ALICE)
    closed = await stand.handle(stand.close_at(channel, PRICE))
    record = closed.record
    assert (record.accepted, record.settled, record.refunded) == (7 * PRICE, PRICE, 1_000 - PRICE)
    assert stand.held(ALICE) - had == 1_000 - PRICE
    assert stand.held(BOB) <= earned + PRICE
    assert stand.held(ESCROW) == 0


async def test_a_close_of_our_own_takes_what_was_earned_not_what_was_promised(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    await stand.handle(stand.raised(channel, 7 * PRICE), kind="management")
    record, _ = await stand.payee.settlement.close(channel)
    assert (record.settled, record.refunded) == (PRICE, 1_000 - PRICE)


async def test_a_close_where_only_a_higher_voucher_covers_takes_that(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    await stand.handle(stand.raised(channel, 4 * PRICE))
    assert (await stand.kept(channel)).spent == 2 * PRICE
    record, _ = await stand.payee.settlement.close(channel)
    assert record.settled == 4 * PRICE, "the contract cannot take a part"


async def test_a_close_below_what_is_owed_is_refused(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    await stand.handle(stand.raised(channel, 2 * PRICE))
    with pytest.raises(SessionRefused):
        await stand.handle(stand.close_at(channel, PRICE))
    assert (await stand.kept(channel)).state is ChannelState.OPEN


async def test_a_close_after_everything_was_settled(stand: Stand) -> None:
    channel, _, _ = await opened(stand)
    settled, tx_hash = await stand.payee.settlement.settle(channel)
    assert (settled.settled, tx_hash is not None, stand.held(ESCROW)) == (PRICE, True, 1_000 - PRICE)
    record, _ = await stand.payee.settlement.close(channel)
    assert (record.settled, record.refunded, stand.held(ESCROW)) == (PRICE, 1_000 - PRICE, 0)


async def test_a_channel_that_its_payer_withdrew_is_closed_here_too(stand: Stand) -> None:
    channel, parties, _ = await opened(stand)
    stand.chain.run(ALICE, Call(ESCROW, 0, V1.request_close(channel, parties)))
    stand.clock.advance(10)
    with pytest.raises(PaymentProblem):
        await stand.handle(stand.raised(channel, 2 * PRICE))
    assert (await stand.payee.settlement.exposure())[0].withdrawable_at is not None
    stand.clock.advance(15 * 60)
    stand.chain.run(ALICE, Call(ESCROW, 0, V1.withdraw(channel, parties)))
    (record,) = await stand.payee.settlement.refresh_all()
    assert (record.state, record.settled, record.refunded) == (ChannelState.CLOSED, 0, 1_000)


# Who may offer it ---------------------------------------------------------------------------------------------------


def test_an_operator_without_the_recipients_key_offers_no_version_1(stand: Stand) -> None:
    stand.settings = {"signer": CAROL}
    payee: TempoSessionPayee = stand.open_shop()
    with pytest.raises(ImpossibleOffer):
        payee.offer(amount=PRICE, options={"protocol": "v1"})
    assert payee.offer(amount=PRICE)["methodDetails"]["sessionProtocol"] == "v2"
    stand.settings = {"network": replace(SANDBOX, legacy_escrow=None)}
    with pytest.raises(ImpossibleOffer):
        stand.open_shop().offer(amount=PRICE, options={"protocol": "v1"})


async def test_an_operator_pays_for_what_the_recipient_signs() -> None:
    stand = Stand()
    stand.settings = {"signer": CAROL, "own_key": BOB}
    stand.payee = stand.open_shop()
    channel, _, _ = await opened(stand)
    earned, had = stand.held(BOB), stand.held(CAROL)
    await stand.handle(stand.close_at(channel, PRICE))
    assert stand.held(BOB) - earned == PRICE, "not a base unit of fee"
    assert stand.held(CAROL) < had


@pytest.fixture
def stand() -> Stand:
    return Stand()
