"""What a quote tells before anything is signed: facts, fees, and every reason not to pay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.base import Level, Mode, PaymentRefused
from mpp_console.methods.tempo.chain import (
    ChainUnreachable,
    Reverted,
)
from mpp_console.methods.tempo.keys import to_checksum
from mpp_console.methods.tempo.networks import MAINNET, SANDBOX, Token
from mpp_console.methods.tempo.transaction import decode
from mpp_console.protocol import ParseError

from .charges import (
    ALPHA_USD,
    BETA_USD,
    PATH_USD,
    PAYER,
    PLATFORM,
    SHOP,
    Counter,
    codes,
    request,
)
from .fakes import GAS_USED, GWEI

NEW_TOKEN = to_checksum("0x20c00000000000000000000000000000000000ff")


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


async def test_a_contract_that_is_no_token_is_never_called() -> None:
    counter = Counter()
    quote = await counter.payer(allow_unknown_tokens=True).quote(counter.bind(request(currency=PLATFORM)))
    assert codes(quote) == {"not-a-token"}
    assert counter.chain.calls == []


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
