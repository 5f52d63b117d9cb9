"""The charging half in the ordinary course: offers, the three kinds of payload, and receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.calls import Gas, build_calls, build_transaction
from mpp_console.methods.tempo.offers import ImpossibleOffer
from mpp_console.methods.tempo.tip20 import TRANSFER_WITH_MEMO_TOPIC
from mpp_console.methods.tempo.transaction import AwaitingSponsor, decode
from mpp_console.protocol import (
    Challenge,
    Credential,
    FormatError,
    PaymentProblem,
    canonical_json,
    format_account_did,
    format_timestamp,
)

from .charges import AFFILIATE, ALPHA_USD, MEMO, PATH_USD, PAYER, PLATFORM, SHOP, SPONSOR, Counter
from .fakes import GWEI

# -- offers


def test_an_offer_says_what_is_to_be_paid() -> None:
    offer = Counter().payee.offer(amount=10_000, options={"external_id": "order-7"})
    assert offer == {
        "amount": "10000",
        "currency": PATH_USD,
        "recipient": SHOP,
        "externalId": "order-7",
        "methodDetails": {"chainId": 1337},
    }


def test_an_offer_with_everything() -> None:
    splits = [{"recipient": PLATFORM, "amount": 500}, {"recipient": AFFILIATE, "amount": "100", "memo": MEMO}]
    options = {"splits": splits, "memo": bytes.fromhex(MEMO[2:]), "fee_payer": True, "currency": ALPHA_USD.lower()}
    offer = Counter(sponsored=True).payee.offer(amount=10_000, options=options)
    details = offer["methodDetails"]
    assert offer["currency"] == ALPHA_USD
    assert (details["memo"], details["feePayer"], details["supportedModes"]) == (MEMO, True, ["pull"])
    assert [(split["amount"], split.get("memo")) for split in details["splits"]] == [("500", None), ("100", MEMO)]
    canonical_json(offer)


@pytest.mark.parametrize(
    ("modes", "options", "stated"),
    [
        ((Mode.PULL, Mode.PUSH), {}, None),
        ((Mode.PULL,), {}, ["pull"]),
        ((Mode.PULL, Mode.PUSH), {"supported_modes": ["push"]}, ["push"]),
        ((Mode.PULL, Mode.PUSH), {"supported_modes": ["push", "pull"]}, None),
    ],
)
def test_modes_are_stated_unless_both_are_taken(modes: Any, options: dict[str, Any], stated: list[str] | None) -> None:
    assert Counter(modes=modes).payee.offer(amount=1, options=options)["methodDetails"].get("supportedModes") == stated


@pytest.mark.parametrize(
    ("amount", "options"),
    [
        (-1, {}),
        (2**128, {}),
        (True, {}),
        (100, {"splits": []}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": 1}] * 11}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": 100}]}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": 50}] * 2}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": 0}]}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": "-1"}]}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": True}]}),
        (100, {"splits": [{"amount": 1}]}),
        (100, {"splits": [{"recipient": PLATFORM, "amount": 1, "note": "x"}]}),
        (100, {"splits": [{"recipient": "0x12", "amount": 1}]}),
        (100, {"memo": "0x12"}),
        (100, {"memo": "zz" * 32}),
        (100, {"memo": b"short"}),
        (100, {"fee_payer": True}),
        (100, {"supported_modes": []}),
        (100, {"supported_modes": ["pigeon"]}),
        (100, {"supported_modes": ["proof"]}),
        (100, {"recipient": "0x" + "0" * 40}),
        (100, {"recipient": PATH_USD}),
        (100, {"recipient": "0x742d35cC6634C0532925a3b844bC9e7595F8fE00"}),
        (100, {"currency": "usd"}),
        (100, {"colour": "red"}),
        (0, {"splits": [{"recipient": PLATFORM, "amount": 1}]}),
        (0, {"memo": MEMO}),
        (0, {"fee_payer": True}),
    ],
)
def test_what_no_honest_client_could_pay_is_not_offered(amount: int, options: dict[str, Any]) -> None:
    with pytest.raises(ImpossibleOffer) as caught:
        Counter().payee.offer(amount=amount, options=options)
    assert isinstance(caught.value, ValueError)


def test_a_sponsored_push_is_not_offered() -> None:
    with pytest.raises(ImpossibleOffer):
        Counter(sponsored=True).payee.offer(amount=1, options={"fee_payer": True, "supported_modes": ["push"]})


def test_a_payee_needs_a_mode() -> None:
    with pytest.raises(FormatError):
        Counter(modes=())


# -- payments


async def test_a_pulled_payment_settles_and_is_receipted() -> None:
    counter = Counter()
    credential = await counter.pay(counter.challenge(10_000, {"external_id": "order-7"}))
    counter.clock.forward(2)
    receipt = await counter.verify(credential)
    assert counter.chain.held(SHOP) == 10_000
    raw = bytes.fromhex(credential.payload["signature"][2:])
    assert receipt.reference == decode(raw).hash()
    assert (receipt.method, receipt.status, receipt.external_id) == ("tempo", "success", "order-7")
    assert receipt.timestamp == format_timestamp(counter.clock())


async def test_a_pushed_payment_is_recognised() -> None:
    counter = Counter()
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    assert (await counter.verify(credential)).reference == credential.payload["hash"]


async def test_a_pushed_hash_may_be_written_in_capitals() -> None:
    counter = Counter()
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    loud = "0x" + credential.payload["hash"][2:].upper()
    receipt = await counter.verify(replace(credential, payload={"type": "hash", "hash": loud}))
    assert receipt.reference == credential.payload["hash"]


async def test_a_pushed_payment_that_our_node_sees_late_is_waited_for() -> None:
    counter = Counter()
    counter.chain.hide_receipts = False
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    counter.chain.hide_receipts = True

    class Late:
        def __call__(self, seconds: float) -> Any:
            counter.chain.hide_receipts = False
            return counter.naps(seconds)

    counter.payee._sleep = Late()
    assert (await counter.verify(credential)).reference == credential.payload["hash"]
    assert counter.naps.count == 1


async def test_splits_reach_everybody() -> None:
    counter = Counter()
    splits = [{"recipient": PLATFORM, "amount": 500}, {"recipient": AFFILIATE, "amount": 100, "memo": MEMO}]
    for mode in (Mode.PULL, Mode.PUSH):
        await counter.verify(await counter.pay(counter.challenge(10_000, {"splits": splits}), mode=mode))
    from mpp_console.methods.tempo.keys import to_checksum

    assert counter.chain.held(SHOP) == 2 * 9_400
    assert counter.chain.held(to_checksum(PLATFORM)) == 2 * 500
    assert counter.chain.held(to_checksum(AFFILIATE)) == 2 * 100


async def test_a_split_equal_to_the_remainder_cannot_take_its_place() -> None:
    counter = Counter()
    splits = [{"recipient": SHOP, "amount": 5_000}]
    prepared = await counter.prepare(counter.challenge(10_000, {"splits": splits}))
    tx = decode(prepared.raw)
    turned = replace(tx, calls=tx.calls[::-1], sender_signature=None).sign(PAYER)
    payload = {"type": "transaction", "signature": "0x" + turned.encode().hex()}
    await counter.verify(replace(prepared.credential, payload=payload))
    assert counter.chain.held(SHOP) == 10_000


async def test_an_explicit_memo_is_what_counts() -> None:
    counter = Counter()
    for mode in (Mode.PULL, Mode.PUSH):
        await counter.verify(await counter.pay(counter.challenge(10_000, {"memo": MEMO}), mode=mode))
    assert counter.chain.held(SHOP) == 20_000


async def test_a_sponsor_pays_the_fee_from_its_first_funded_token() -> None:
    counter = Counter(sponsored=True)
    counter.chain.balances[ALPHA_USD, SPONSOR.address] = 1
    counter.chain.balances[PATH_USD, PAYER.address] = 10_000
    before = counter.chain.held(SPONSOR.address)
    credential = await counter.pay(counter.challenge(10_000, {"fee_payer": True}))
    receipt = await counter.verify(credential)
    assert counter.chain.held(SHOP) == 10_000
    assert counter.chain.held(PAYER.address) == 0
    assert counter.chain.held(SPONSOR.address) < before
    included = await counter.chain.receipt(receipt.reference)
    assert included is not None
    assert (included.sender, included.fee_payer, included.fee_token) == (PAYER.address, SPONSOR.address, PATH_USD)


async def test_the_marked_0x76_form_is_sponsored_too() -> None:
    counter = Counter(sponsored=True)
    prepared = await counter.prepare(counter.challenge(options={"fee_payer": True}))
    marked = replace(decode(prepared.raw), fee_payer_slot=AwaitingSponsor()).encode()
    assert marked[0] == 0x76
    payload = {"type": "transaction", "signature": "0x" + marked.hex()}
    await counter.verify(replace(prepared.credential, payload=payload))
    assert counter.chain.held(SHOP) == 10_000


async def test_a_payer_may_pay_the_fee_of_a_sponsored_charge_itself() -> None:
    counter = Counter(sponsored=True)
    challenge = counter.challenge(options={"fee_payer": True})
    own = counter.bind(dict(challenge.request) | {"methodDetails": {"chainId": 1337}}, id=challenge.id)
    prepared = await counter.prepare(own)
    await counter.verify(replace(prepared.credential, challenge=challenge))
    assert counter.chain.held(SPONSOR.address) == 1_000_000_000


async def test_a_proof_is_receipted_by_its_challenge() -> None:
    counter = Counter()
    challenge = counter.challenge(0)
    receipt = await counter.verify(await counter.pay(challenge))
    assert receipt.reference == challenge.id
    assert counter.chain.calls == []


async def _zero_transfer(counter: Counter, challenge: Challenge) -> Credential:
    """How clients without proofs answer a charge of nothing: a transfer of nothing."""
    from mpp_console.methods.base import Transfer
    from mpp_console.methods.tempo.attribution import encode_memo

    memo = "0x" + encode_memo(realm=challenge.realm, challenge_id=challenge.id).hex()
    tx = build_transaction(
        chain_id=1337,
        calls=build_calls(PATH_USD, [Transfer(recipient=SHOP, amount=0, memo=memo)]),
        gas=Gas(limit=60_000, max_fee_per_gas=13 * GWEI, max_priority_fee_per_gas=GWEI),
        valid_before=counter.clock.unix + 25,
        valid_after=1,
        fee_token=PATH_USD,
        sponsored=False,
    ).sign(PAYER)
    return Credential(
        challenge=challenge,
        payload={"type": "transaction", "signature": "0x" + tx.encode().hex()},
        source=format_account_did(1337, PAYER.address),
    )


async def test_a_transfer_of_nothing_answers_a_charge_of_nothing() -> None:
    counter = Counter()
    receipt = await counter.verify(await _zero_transfer(counter, counter.challenge(0)))
    included = await counter.chain.receipt(receipt.reference)
    assert included is not None
    assert included.logs[1].topics[0] == TRANSFER_WITH_MEMO_TOPIC


async def test_a_payee_may_insist_on_proofs() -> None:
    from mpp_console.methods.tempo.payee import TempoChargePayee

    counter = Counter()
    counter.payee = TempoChargePayee(
        chain=counter.chain, network=counter.network, recipient=SHOP, clock=counter.clock, accept_zero_transfers=False
    )
    with pytest.raises(PaymentProblem) as caught:
        await counter.verify(await _zero_transfer(counter, counter.challenge(0)))
    assert caught.value.code == "proof-required"


async def test_a_source_is_not_required_of_a_payment() -> None:
    counter = Counter()
    for mode in (Mode.PULL, Mode.PUSH):
        credential = await counter.pay(counter.challenge(), mode=mode)
        await counter.verify(replace(credential, source=None))
