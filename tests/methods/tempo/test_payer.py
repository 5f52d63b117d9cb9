"""What the paying half signs, exactly, and what it does when a pushed payment gets no clear answer."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.methods.base import Mode, PaymentFailed, PaymentRefused, PaymentUncertain
from mpp_console.methods.tempo.chain import (
    ChainUnreachable,
    ConfirmationTimeout,
    NotSent,
    TransactionRejected,
)
from mpp_console.methods.tempo.keys import to_checksum
from mpp_console.methods.tempo.networks import MODERATO, custom_network
from mpp_console.methods.tempo.proofs import verify_proof
from mpp_console.methods.tempo.tip20 import decode_call
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, decode
from mpp_console.protocol import parse_account_did

from .charges import (
    AFFILIATE,
    MEMO,
    OTHER,
    PATH_USD,
    PAYER,
    PLATFORM,
    REALM,
    SHOP,
    Counter,
    codes,
    request,
)
from .fakes import GAS_USED, GWEI, Naps

NEW_TOKEN = to_checksum("0x20c00000000000000000000000000000000000ff")


async def test_pull_signs_one_bound_transfer_for_25_seconds() -> None:
    counter = Counter()
    challenge = counter.challenge(10_000)
    prepared = await counter.prepare(challenge)
    tx = decode(prepared.raw)
    assert tx.sender() == PAYER.address
    assert (tx.chain_id, tx.nonce_key, tx.nonce) == (1337, EXPIRING_NONCE_KEY, 0)
    assert tx.valid_before == counter.clock.unix + 25
    assert tx.valid_after is not None
    assert 0 < tx.valid_after < counter.clock.unix - 59
    assert tx.gas == GAS_USED + 5_000
    assert tx.max_fee_per_gas == 13 * GWEI
    assert (tx.fee_token, tx.fee_payer_slot) == (PATH_USD, None)
    (call,) = tx.calls
    spend = decode_call(call.data)
    assert call.to == PATH_USD
    assert spend is not None
    assert (spend.kind, spend.recipient, spend.amount) == ("transferWithMemo", SHOP, 10_000)
    assert prepared.reference == tx.hash()
    assert prepared.credential.payload == {"type": "transaction", "signature": "0x" + prepared.raw.hex()}
    assert prepared.credential.source is not None
    did = parse_account_did(prepared.credential.source)
    assert (did.chain_id, did.address) == (1337, PAYER.address)


async def test_the_challenge_ends_the_validity_when_it_expires_sooner() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge(lifetime=10.9))
    assert decode(prepared.raw).valid_before == counter.clock.unix + 10


async def test_equal_payments_have_different_hashes() -> None:
    counter = Counter()
    challenge, payer = counter.challenge(), counter.payer()
    quote = await payer.quote(challenge)
    first, second = await payer.prepare(quote), await payer.prepare(quote)
    assert first.reference != second.reference


async def test_splits_are_paid_in_order_with_their_own_memos() -> None:
    counter = Counter()
    splits = [{"recipient": PLATFORM, "amount": 500}, {"recipient": AFFILIATE, "amount": "100", "memo": MEMO}]
    prepared = await counter.prepare(counter.challenge(10_000, {"splits": splits}))
    spends = [decode_call(call.data) for call in decode(prepared.raw).calls]
    told = [(s.kind, s.recipient.lower(), s.amount, s.memo) for s in spends if s is not None]
    assert told[0][:3] == ("transferWithMemo", SHOP.lower(), 9_400)
    assert told[1] == ("transfer", PLATFORM, 500, None)
    assert told[2] == ("transferWithMemo", AFFILIATE, 100, bytes.fromhex(MEMO[2:]))


async def test_the_challenges_own_memo_wins_over_attribution() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge(10_000, {"memo": MEMO}))
    spend = decode_call(decode(prepared.raw).calls[0].data)
    assert spend is not None
    assert spend.memo == bytes.fromhex(MEMO[2:])


async def test_a_client_id_shows_in_the_memo_only_as_a_fingerprint() -> None:
    counter = Counter()
    challenge = counter.challenge()
    named = await counter.payer(client_id="desk").quote(challenge)
    anonymous = await counter.payer().quote(challenge)
    assert named.transfers[0].memo != anonymous.transfers[0].memo
    assert anonymous.transfers[0].memo is not None
    assert anonymous.transfers[0].memo[32:52] == "0" * 20


async def test_a_sponsored_payment_is_handed_over_without_fee_token() -> None:
    counter = Counter(sponsored=True)
    counter.chain.balances[PATH_USD, PAYER.address] = 10_000
    quote = await counter.payer().quote(counter.challenge(10_000, {"fee_payer": True}))
    assert (quote.fee, quote.fee_currency, quote.sponsored) == (0, None, True)
    prepared = await counter.payer().prepare(quote)
    assert prepared.raw[0] == 0x78
    tx = decode(prepared.raw)
    assert tx.fee_token is None
    assert tx.fee_payer_slot == AwaitingSponsor(sender=PAYER.address)
    assert prepared.reference is None
    assert prepared.trace["kind"] == "sponsored"


async def test_the_trace_holds_json_and_no_signature() -> None:
    import json

    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    text = json.dumps(prepared.trace)
    assert prepared.raw.hex()[-130:] not in text
    assert prepared.trace["from_block"] == 100
    assert prepared.trace["valid_before"] == counter.clock.unix + 25
    assert prepared.raw.hex() not in repr(prepared)


async def test_a_proof_signs_the_challenge_and_reads_no_chain() -> None:
    counter = Counter()
    challenge = counter.challenge(0)
    quote = await counter.payer().quote(challenge)
    assert (quote.mode, quote.fee, quote.transfers[0].memo) == (Mode.PROOF, 0, None)
    prepared = await counter.payer().prepare(quote)
    assert counter.chain.calls == []
    signature = bytes.fromhex(prepared.credential.payload["signature"][2:])
    verify_proof(signature, challenge, 1337, PAYER.address)
    assert await counter.payer().send(prepared) is prepared.credential


async def test_a_proof_is_not_signed_for_an_expired_challenge() -> None:
    counter = Counter()
    quote = await counter.payer().quote(counter.challenge(0))
    counter.clock.forward(301)
    with pytest.raises(PaymentRefused) as caught:
        await counter.payer().prepare(quote)
    assert caught.value.code == "expired"


async def test_a_quote_for_another_account_is_not_signed() -> None:
    counter = Counter()
    quote = await counter.payer(OTHER).quote(counter.challenge())
    with pytest.raises(PaymentRefused) as caught:
        await counter.payer(PAYER).prepare(quote)
    assert caught.value.code == "foreign-quote"


async def test_the_quoted_fee_is_never_exceeded() -> None:
    counter = Counter()
    payer = counter.payer()
    quote = await payer.quote(counter.challenge())
    counter.chain.base_fee = 12 * GWEI
    assert decode((await payer.prepare(quote)).raw).max_fee_per_gas == 13 * GWEI
    counter.chain.base_fee = 14 * GWEI
    with pytest.raises(PaymentRefused) as caught:
        await payer.prepare(quote)
    assert caught.value.code == "fee-rose"


async def test_a_quote_made_without_a_node_is_not_signed() -> None:
    counter = Counter()
    payer = counter.payer()
    quote = await payer.quote(counter.challenge())
    counter.chain.faults["block"] = ChainUnreachable("The node did not answer.")
    with pytest.raises(PaymentRefused) as caught:
        await payer.prepare(quote)
    assert caught.value.code == "chain-unreachable"


@pytest.mark.parametrize(
    ("modes", "wanted", "chosen"),
    [
        (None, None, Mode.PULL),
        (["push"], None, Mode.PUSH),
        (["push", "pull"], None, Mode.PULL),
        (None, Mode.PUSH, Mode.PUSH),
        (["pull"], Mode.PUSH, None),
        (["push"], Mode.PULL, None),
    ],
)
async def test_the_mode_is_one_that_the_payee_takes(
    modes: list[str] | None, wanted: Mode | None, chosen: Mode | None
) -> None:
    counter = Counter()
    details = {} if modes is None else {"supportedModes": modes}
    quote = await counter.payer(mode=wanted).quote(counter.bind(request(details=details)))
    assert (quote.mode if quote.payable else None) == chosen
    if chosen is None:
        assert codes(quote) == {"unsupported-mode"}


async def test_supported_modes_do_not_matter_for_nothing() -> None:
    counter = Counter()
    quote = await counter.payer(mode=Mode.PUSH).quote(
        counter.bind(request(amount="0", details={"supportedModes": ["pull"]}))
    )
    assert (quote.mode, quote.payable) == (Mode.PROOF, True)


# -- pushing


async def test_push_broadcasts_and_gives_the_hash() -> None:
    counter = Counter()
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    assert credential.payload["type"] == "hash"
    assert counter.chain.held(SHOP) == 10_000


async def test_push_again_after_a_crash_pays_once() -> None:
    counter = Counter()
    payer = counter.payer(mode=Mode.PUSH)
    prepared = await payer.prepare(await payer.quote(counter.challenge()))
    first = await payer.send(prepared)
    assert await payer.send(prepared) == first
    assert counter.chain.held(SHOP) == 10_000


async def test_push_that_never_left_has_failed() -> None:
    counter = Counter()
    counter.chain.faults["send_raw_sync"] = NotSent("The node cannot be reached.")
    with pytest.raises(PaymentFailed):
        await counter.pay(counter.challenge(), mode=Mode.PUSH)


async def test_push_that_was_refused_has_failed() -> None:
    counter = Counter()
    counter.chain.faults["send_raw_sync"] = TransactionRejected("nonce too low")
    with pytest.raises(PaymentFailed):
        await counter.pay(counter.challenge(), mode=Mode.PUSH)


async def test_push_that_reverted_has_failed_and_says_that_the_fee_is_gone() -> None:
    counter = Counter()
    counter.chain.reverts = True
    with pytest.raises(PaymentFailed, match="fee") as caught:
        await counter.pay(counter.challenge(), mode=Mode.PUSH)
    assert caught.value.code == "reverted"


async def test_push_whose_answer_was_lost_is_found_by_its_receipt() -> None:
    counter = Counter()
    counter.chain.after["send_raw_sync"] = ChainUnreachable("The node did not answer.")
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    assert credential.payload["type"] == "hash"


async def test_push_without_any_answer_is_uncertain() -> None:
    counter = Counter()
    counter.chain.after["send_raw_sync"] = ConfirmationTimeout("not included in time")
    counter.chain.hide_receipts = True
    with pytest.raises(PaymentUncertain):
        await counter.pay(counter.challenge(), mode=Mode.PUSH)
    assert counter.naps.seconds >= 25


async def test_push_believes_no_receipt_of_another_transaction() -> None:
    counter = Counter()
    credential = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    receipt = await counter.chain.receipt(credential.payload["hash"])
    assert receipt is not None

    class Liar(type(counter.chain)):  # type: ignore[misc]
        async def send_raw_sync(self, raw: bytes, *, timeout: float) -> Any:
            return receipt

    liar = Liar(clock=counter.clock)
    liar.give(PAYER.address, 1_000_000)
    with pytest.raises(PaymentUncertain):
        await counter.pay(counter.challenge(), chain=liar, sleep=Naps(), mode=Mode.PUSH)


async def test_realms_are_shown_inert() -> None:
    counter = Counter()
    quote = await counter.payer().quote(counter.challenge(realm="pay\u202eevil"))
    assert quote.details["realm"] == "payevil"
    assert REALM not in quote.details["realm"]


def test_moderato_is_the_default_of_a_request_without_chain() -> None:
    assert MODERATO.chain_id == 42431
    assert custom_network(name="x", chain_id=7, rpc_url="http://127.0.0.1:1").takes_fees_in(PATH_USD)
