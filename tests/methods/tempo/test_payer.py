"""The paying half: what it quotes, what it refuses and why, and exactly what it signs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.base import Level, Mode, PaymentFailed, PaymentRefused, PaymentUncertain, Quote
from mpp_console.methods.tempo.chain import (
    ChainUnreachable,
    ConfirmationTimeout,
    NotSent,
    Reverted,
    TransactionRejected,
)
from mpp_console.methods.tempo.keys import to_checksum
from mpp_console.methods.tempo.networks import MAINNET, MODERATO, SANDBOX, Token, custom_network
from mpp_console.methods.tempo.proofs import verify_proof
from mpp_console.methods.tempo.tip20 import decode_call
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, decode
from mpp_console.protocol import ParseError, parse_account_did

from .charges import AFFILIATE, ALPHA_USD, BETA_USD, MEMO, OTHER, PATH_USD, PAYER, PLATFORM, REALM, SHOP, Counter
from .fakes import GAS_USED, GWEI, Naps

NEW_TOKEN = to_checksum("0x20c00000000000000000000000000000000000ff")


def codes(quote: Quote, level: Level = Level.REFUSE) -> set[str]:
    return {check.code for check in quote.checks if check.level is level}


def request(**changes: Any) -> dict[str, Any]:
    details = {"chainId": 1337} | changes.pop("details", {})
    return {"amount": "10000", "currency": PATH_USD, "recipient": SHOP, "methodDetails": details} | changes


# -- quoting


async def test_a_quote_states_the_facts_and_touches_nothing() -> None:
    counter = Counter()
    challenge = counter.challenge(10_000, {"external_id": "order-7"})
    quote = await counter.payer().quote(challenge)
    assert quote.payable
    assert (quote.amount, quote.currency.symbol, quote.recipient) == (10_000, "pathUSD", SHOP)
    assert (quote.payer, quote.network, quote.chain_id, quote.mode) == (PAYER.address, "sandbox", 1337, Mode.PULL)
    assert quote.balance == 1_000_000_000
    assert quote.fee == -(-(GAS_USED + 5_000) * 13 * GWEI // 10**12)
    assert quote.fee_currency is not None
    assert quote.fee_currency.id == PATH_USD
    assert quote.details["external_id"] == "order-7"
    assert quote.details["mainnet"] is False
    assert quote.transfers[0].memo is not None
    assert quote.transfers[0].memo.startswith("0xef1ed71201")
    assert not {"send_raw", "send_raw_sync"} & set(counter.chain.calls)


async def test_a_quote_needs_no_key_and_no_account() -> None:
    counter = Counter()
    watching = await counter.payer(None, address=PAYER.address.lower()).quote(counter.challenge())
    assert watching.payer == PAYER.address
    assert watching.fee is not None
    nobody = await counter.payer(None).quote(counter.challenge())
    assert (nobody.payer, nobody.balance, nobody.fee) == (None, None, None)
    assert nobody.payable
    with pytest.raises(PaymentRefused) as caught:
        await counter.payer(None, address=PAYER.address).prepare(watching)
    assert caught.value.code == "watch-only"


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (request(details={"chainId": 42431}), "wrong-chain"),
        (request(methodDetails={}), "wrong-chain"),
        (request(recipient="0x742d35cC6634c0532925a3b844bC9e7595F8fE00"), "bad-checksum"),
        (
            request(details={"splits": [{"amount": "1", "recipient": SHOP.swapcase().replace("0X", "0x")}]}),
            "bad-checksum",
        ),
        (request(details={"splits": [{"amount": "10000", "recipient": PLATFORM}]}), "splits-exceed-amount"),
        (request(details={"splits": [{"amount": "6000", "recipient": PLATFORM}] * 2}), "splits-exceed-amount"),
        (request(details={"splits": [{"amount": "1", "recipient": PLATFORM}] * 11}), "too-many-splits"),
        (request(details={"splits": [{"amount": "0", "recipient": PLATFORM}]}), "zero-split"),
        (request(details={"splits": []}), "empty-splits"),
        (request(recipient=PAYER.address), "self-payment"),
        (request(recipient="0x" + "0" * 40), "invalid-recipient"),
        (request(recipient=BETA_USD), "invalid-recipient"),
        (request(amount="1000000001"), "insufficient-balance"),
        (request(amount="1000000000"), "insufficient-balance"),
        (request(currency=NEW_TOKEN), "unknown-token"),
        (request(details={"supportedModes": []}), "unsupported-mode"),
        (request(details={"supportedModes": ["carrier-pigeon"]}), "unsupported-mode"),
        (request(details={"feePayer": True, "supportedModes": ["push"]}), "sponsored-push"),
    ],
)
async def test_every_reason_to_refuse_has_its_code_and_stops_signing(wire: dict[str, Any], code: str) -> None:
    counter = Counter()
    if wire["amount"] == "1000000000":
        # Enough for the amount, nothing left for the fee, and no other token to pay it with.
        counter.chain.balances = {(PATH_USD, PAYER.address): 1_000_000_000}
    payer = counter.payer()
    quote = await payer.quote(counter.bind(wire))
    assert code in codes(quote)
    assert all(check.message and check.message[-1] in ".)" for check in quote.refusals)
    with pytest.raises(PaymentRefused) as caught:
        await payer.prepare(quote)
    assert caught.value.code == quote.refusals[0].code


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (request(amount="1.5"), "malformed-amount"),
        (request(amount="-1"), "malformed-amount"),
        (request(amount="1e3"), "malformed-amount"),
        (request(amount=""), "malformed-amount"),
        (request(amount=str(2**128)), "malformed-amount"),
        (request(amount=10_000), "malformed-request"),
        (request(recipient="0x12"), "malformed-address"),
        (request(currency="usd"), "malformed-address"),
        (request(details={"memo": "0x12"}), "malformed-memo"),
        (request(details={"chainId": "1337"}), "malformed-request"),
        (request(details={"chainId": -1}), "malformed-request"),
        ({"amount": "1"}, "malformed-request"),
    ],
)
async def test_a_malformed_request_cannot_be_quoted(wire: dict[str, Any], code: str) -> None:
    counter = Counter()
    with pytest.raises(ParseError) as caught:
        await counter.payer().quote(counter.bind(wire))
    assert caught.value.code == code


async def test_another_method_is_not_ours() -> None:
    counter = Counter()
    with pytest.raises(ParseError) as caught:
        await counter.payer().quote(counter.bind(request(), intent="session"))
    assert caught.value.code == "wrong-method"


async def test_expiry_is_judged_by_the_injected_clock() -> None:
    counter = Counter()
    payer, challenge = counter.payer(), counter.challenge(lifetime=60)
    quote = await payer.quote(challenge)
    assert quote.payable
    counter.clock.forward(58.5)
    assert "expired" in codes(await payer.quote(challenge))
    with pytest.raises(PaymentRefused) as caught:
        await payer.prepare(quote)
    assert caught.value.code == "expired"
    counter.clock.forward(2)
    assert "expired" in codes(await payer.quote(challenge))


async def test_a_challenge_without_expiry_is_a_warning() -> None:
    counter = Counter()
    quote = await counter.payer().quote(counter.challenge(lifetime=None))
    assert quote.payable
    assert "no-expiry" in codes(quote, Level.WARN)


async def test_a_small_remainder_and_a_split_to_oneself_are_warnings() -> None:
    counter = Counter()
    splits = [{"recipient": PAYER.address, "amount": 9_500}]
    quote = await counter.payer().quote(counter.challenge(10_000, {"splits": splits}))
    assert {"small-remainder", "split-to-self"} <= codes(quote, Level.WARN)
    assert quote.payable


async def test_an_unknown_token_is_quoted_when_allowed_and_named_by_the_chain() -> None:
    counter = Counter()
    counter.chain.tokens[NEW_TOKEN] = Token(address=NEW_TOKEN, symbol="NEW", decimals=6, name="New")
    counter.chain.give(PAYER.address, 50_000, NEW_TOKEN)
    quote = await counter.payer(allow_unknown_tokens=True).quote(counter.bind(request(currency=NEW_TOKEN)))
    assert quote.payable
    assert "unknown-token" in codes(quote, Level.WARN)
    assert quote.currency.symbol == "NEW"
    assert quote.fee_currency is not None
    assert quote.fee_currency.id == PATH_USD


async def test_a_token_that_nobody_vouches_for_gets_no_name_of_its_own() -> None:
    counter = Counter()
    quote = await counter.payer().quote(counter.bind(request(currency=NEW_TOKEN)))
    assert quote.currency.symbol == f"{NEW_TOKEN[:6]}…{NEW_TOKEN[-4:]}"
    assert counter.chain.calls == []
    missing = await counter.payer(allow_unknown_tokens=True).quote(counter.bind(request(currency=NEW_TOKEN)))
    assert "unknown-token" in codes(missing)


async def test_the_fee_comes_from_another_token_when_the_currency_is_just_enough() -> None:
    counter = Counter()
    counter.chain.balances = {(PATH_USD, PAYER.address): 10_000, (BETA_USD, PAYER.address): 5_000}
    quote = await counter.payer().quote(counter.challenge(10_000))
    assert quote.payable
    assert quote.fee_currency is not None
    assert quote.fee_currency.id == BETA_USD
    prepared = await counter.payer().prepare(quote)
    assert decode(prepared.raw).fee_token == BETA_USD


async def test_a_token_that_takes_no_fees_needs_one_that_does() -> None:
    closed = Token(address=NEW_TOKEN, symbol="CLOSED")
    counter = Counter(network=SANDBOX.with_overrides(tokens=[closed]))
    counter.chain.tokens[NEW_TOKEN] = closed
    counter.chain.balances = {(NEW_TOKEN, PAYER.address): 50_000}
    quote = await counter.payer().quote(counter.bind(request(currency=NEW_TOKEN)))
    assert codes(quote) == {"insufficient-fee-balance"}


async def test_a_fee_token_missing_on_the_chain_is_passed_over() -> None:
    counter = Counter()
    del counter.chain.tokens[ALPHA_USD]
    counter.chain.balances = {(PATH_USD, PAYER.address): 10_000, (BETA_USD, PAYER.address): 5_000}
    quote = await counter.payer().quote(counter.challenge(10_000))
    assert quote.fee_currency is not None
    assert quote.fee_currency.id == BETA_USD


async def test_an_absurd_gas_price_is_not_paid() -> None:
    counter = Counter()
    counter.chain.base_fee = 10**9 * GWEI
    assert "fee-too-high" in codes(await counter.payer().quote(counter.challenge()))


async def test_a_payment_that_would_revert_is_refused_with_the_reason() -> None:
    counter = Counter()
    counter.chain.faults["estimate_gas"] = Reverted(
        "The token's transfer policy forbids this payment.", name="PolicyForbids"
    )
    quote = await counter.payer().quote(counter.challenge())
    assert codes(quote) == {"would-revert"}
    assert "policy" in quote.refusals[0].message


async def test_without_a_chain_the_challenge_is_still_decoded() -> None:
    counter = Counter()
    for question in ("block", "balance"):
        counter.chain.faults[question] = ChainUnreachable("The node did not answer.", hint="Start it.")
    quote = await counter.payer().quote(counter.challenge())
    assert (quote.amount, quote.balance, quote.fee) == (10_000, None, None)
    assert codes(quote) == {"chain-unreachable"}
    assert "Start it." in quote.refusals[0].message


async def test_a_node_of_another_chain_is_not_believed() -> None:
    counter = Counter()
    counter.chain.chain = 4217
    assert codes(await counter.payer().quote(counter.challenge())) == {"wrong-node"}


async def test_a_clock_behind_the_chain_is_noticed_before_signing() -> None:
    counter = Counter()
    challenge, behind = counter.challenge(), counter.clock.now - timedelta(minutes=2)
    quote = await counter.payer(clock=lambda: behind).quote(challenge)
    assert codes(quote) == {"clock-behind"}
    good = await counter.payer().quote(challenge)
    with pytest.raises(PaymentRefused) as caught:
        await counter.payer(clock=lambda: behind).prepare(good)
    assert caught.value.code == "clock-behind"


async def test_mainnet_is_marked() -> None:
    counter = Counter(network=MAINNET)
    counter.chain.chain = MAINNET.chain_id
    quote = await counter.payer().quote(counter.bind(request(details={"chainId": 4217})))
    assert quote.details["mainnet"] is True


# -- signing


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
