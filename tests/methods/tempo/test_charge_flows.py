"""Whole charges over real sockets: our payer and our payee, each with its own connection to a sandbox node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from mpp_console.methods.base import Mode, OutcomeState, PaymentRefused, Prepared
from mpp_console.methods.tempo.keys import LocalSigner, to_checksum
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.payee import SponsorPolicy, TempoChargePayee
from mpp_console.methods.tempo.payer import TempoChargePayer
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.methods.tempo.transaction import decode
from mpp_console.protocol import Challenge, Credential, PaymentProblem, Receipt, Secret

from .charges import AFFILIATE, ALPHA_USD, MEMO, PATH_USD, PAYER, PLATFORM, REALM, SHOP, SPONSOR
from .fakes import HandClock, MemoryClaims, Naps, counted_bytes

POOR = LocalSigner(Secret(b"\x09" * 32))


@dataclass
class Market:
    """A shop and its customers, who share nothing but the node and the time."""

    clock: HandClock
    shop_chain: Web3Chain
    payer_chain: Web3Chain

    def __post_init__(self) -> None:
        self.claims = MemoryClaims()
        self.random_bytes = counted_bytes()
        self.issued = 0
        self.payee = TempoChargePayee(
            chain=self.shop_chain,
            network=SANDBOX,
            recipient=SHOP,
            clock=self.clock,
            sponsor=SponsorPolicy(signer=SPONSOR, fee_tokens=(ALPHA_USD, PATH_USD)),
            sleep=Naps(),
        )

    def payer(self, signer: LocalSigner = PAYER, mode: Mode | None = None) -> TempoChargePayer:
        return TempoChargePayer(
            signer=signer,
            chain=self.payer_chain,
            network=SANDBOX,
            clock=self.clock,
            random_bytes=self.random_bytes,
            mode=mode,
            sleep=Naps(),
        )

    def challenge(self, amount: int = 10_000, options: Mapping[str, Any] | None = None) -> Challenge:
        self.issued += 1
        return Challenge.create(
            id=f"challenge-{self.issued}",
            realm=REALM,
            method="tempo",
            intent="charge",
            request=self.payee.offer(amount=amount, options=options),
            expires=self.clock() + timedelta(minutes=5),
        )

    async def prepare(self, challenge: Challenge, signer: LocalSigner = PAYER, mode: Mode | None = None) -> Prepared:
        payer = self.payer(signer, mode)
        return await payer.prepare(await payer.quote(challenge))

    async def pay(self, challenge: Challenge, signer: LocalSigner = PAYER, mode: Mode | None = None) -> Credential:
        return await self.payer(signer, mode).send(await self.prepare(challenge, signer, mode))

    async def verify(self, credential: Credential) -> Receipt:
        return await self.payee.verify(credential, self.claims, now=self.clock())

    async def held(self, owner: str, token: str = PATH_USD) -> int:
        return await self.shop_chain.balance(token, owner)


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    from mpp_console.sandbox.node import SandboxNode

    clock = HandClock()
    async with SandboxNode(None, clock=clock, random_bytes=counted_bytes()) as node:
        assert node.rpc_url is not None
        market = Market(clock=clock, shop_chain=Web3Chain(node.rpc_url), payer_chain=Web3Chain(node.rpc_url))
        for signer in (PAYER, SPONSOR):
            await market.shop_chain.fund(signer.address)
        yield market
        await market.shop_chain.aclose()
        await market.payer_chain.aclose()


@pytest.mark.parametrize("mode", [Mode.PULL, Mode.PUSH])
@pytest.mark.parametrize("options", [{}, {"memo": MEMO}, {"currency": ALPHA_USD}, {"external_id": "order-7"}], ids=str)
async def test_a_charge_is_paid(market: Market, mode: Mode, options: dict[str, Any]) -> None:
    token = options.get("currency", PATH_USD)
    credential = await market.pay(market.challenge(10_000, options), mode=mode)
    receipt = await market.verify(credential)
    assert await market.held(SHOP, token) == 10_000
    included = await market.payer_chain.receipt(receipt.reference)
    assert included is not None
    assert included.sender == PAYER.address
    assert receipt.external_id == options.get("external_id")
    with pytest.raises(PaymentProblem) as caught:
        await market.verify(credential)
    assert caught.value.code == "replayed"
    assert await market.held(SHOP, token) == 10_000


@pytest.mark.parametrize("mode", [Mode.PULL, Mode.PUSH])
async def test_the_quote_is_kept(market: Market, mode: Mode) -> None:
    payer = market.payer(mode=mode)
    quote = await payer.quote(market.challenge(10_000))
    before = await market.held(PAYER.address)
    await market.verify(await payer.send(await payer.prepare(quote)))
    paid = before - await market.held(PAYER.address)
    assert quote.fee is not None
    assert 10_000 < paid <= 10_000 + quote.fee


@pytest.mark.parametrize("sponsored", [False, True])
async def test_splits_reach_everybody(market: Market, sponsored: bool) -> None:
    splits = [{"recipient": PLATFORM, "amount": 500}, {"recipient": AFFILIATE, "amount": 100, "memo": MEMO}]
    await market.verify(await market.pay(market.challenge(10_000, {"splits": splits, "fee_payer": sponsored})))
    held = [await market.held(to_checksum(owner)) for owner in (SHOP, PLATFORM, AFFILIATE)]
    assert held == [9_400, 500, 100]


async def test_ten_splits_fit_a_sponsors_policy(market: Market) -> None:
    splits = [{"recipient": f"0x{number:040x}", "amount": number} for number in range(1, 11)]
    await market.verify(await market.pay(market.challenge(10_000, {"splits": splits})))
    # The first transfer to an account costs ten times a later one, so only now is a sponsor's gas limit enough.
    await market.verify(await market.pay(market.challenge(10_000, {"splits": splits, "fee_payer": True})))
    assert await market.held(SHOP) == 2 * (10_000 - 55)


async def test_a_sponsored_payer_needs_no_money_for_fees(market: Market) -> None:
    seed = await market.pay(market.challenge(10_000, {"recipient": POOR.address}), mode=Mode.PUSH)
    await market.verify(seed)
    before = await market.held(SPONSOR.address, ALPHA_USD)
    prepared = await market.prepare(market.challenge(10_000, {"fee_payer": True}), POOR)
    receipt = await market.verify(prepared.credential)
    assert await market.held(POOR.address) == 0
    assert await market.held(SHOP) == 10_000
    assert await market.held(SPONSOR.address, ALPHA_USD) < before
    included = await market.shop_chain.receipt(receipt.reference)
    assert included is not None
    assert (included.fee_payer, included.fee_token) == (SPONSOR.address, ALPHA_USD)
    found = await market.payer(POOR).resolve(prepared.trace, None)
    assert (found.state, found.reference) == (OutcomeState.SETTLED, receipt.reference)


async def test_a_payer_without_enough_is_told_before_signing(market: Market) -> None:
    payer = market.payer(POOR)
    quote = await payer.quote(market.challenge(10_000))
    assert [check.code for check in quote.refusals] == ["insufficient-balance"]
    with pytest.raises(PaymentRefused):
        await payer.prepare(quote)


async def test_the_fee_may_come_from_another_token(market: Market) -> None:
    await market.verify(await market.pay(market.challenge(10_000, {"recipient": POOR.address})))
    await market.verify(await market.pay(market.challenge(50_000, {"recipient": POOR.address, "currency": ALPHA_USD})))
    quote = await market.payer(POOR).quote(market.challenge(10_000))
    assert quote.fee_currency is not None
    assert quote.fee_currency.id == ALPHA_USD
    await market.verify(await market.pay(market.challenge(10_000), POOR))
    assert (await market.held(SHOP), await market.held(POOR.address)) == (10_000, 0)


async def test_a_charge_of_nothing_takes_a_proof(market: Market) -> None:
    challenge = market.challenge(0)
    receipt = await market.verify(await market.pay(challenge, POOR))
    assert receipt.reference == challenge.id


async def test_the_same_credential_at_once_pays_once(market: Market) -> None:
    for options in ({}, {"fee_payer": True}):
        credential = await market.pay(market.challenge(10_000, options))
        outcomes = await asyncio.gather(*(market.verify(credential) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == 1
    assert await market.held(SHOP) == 20_000


async def test_many_payments_at_once_do_not_wait_for_each_other(market: Market) -> None:
    credentials = await asyncio.gather(*(market.pay(market.challenge(100)) for _ in range(8)))
    receipts = await asyncio.gather(*(market.verify(credential) for credential in credentials))
    assert len({receipt.reference for receipt in receipts}) == 8
    assert await market.held(SHOP) == 800


async def test_money_that_left_before_settlement_is_noticed_without_a_broadcast(market: Market) -> None:
    credential = await market.pay(market.challenge(10_000))
    everything = await market.held(PAYER.address)
    away = market.challenge(everything, {"recipient": POOR.address})
    await market.verify(await market.pay(away, mode=Mode.PUSH))
    with pytest.raises(PaymentProblem) as caught:
        await market.verify(credential)
    assert caught.value.status == 402
    assert await market.held(SHOP) == 0


async def test_an_unsent_payment_is_dead_once_the_chain_says_so(market: Market) -> None:
    prepared = await market.prepare(market.challenge(10_000))
    resolve = market.payer().resolve
    assert (await resolve(prepared.trace, prepared.reference)).state is OutcomeState.STILL_OPEN
    market.clock.forward(31)
    assert (await resolve(prepared.trace, prepared.reference)).state is OutcomeState.NEVER_HAPPENED
    with pytest.raises(PaymentProblem):
        await market.verify(prepared.credential)
    assert await market.held(SHOP) == 0


async def test_a_pushed_payment_survives_a_crash_before_its_credential_was_shown(market: Market) -> None:
    payer = market.payer(mode=Mode.PUSH)
    prepared = await payer.prepare(await payer.quote(market.challenge(10_000)))
    await payer.send(prepared)
    found = await market.payer().resolve(prepared.trace, prepared.reference)
    assert (found.state, found.reference) == (OutcomeState.SETTLED, prepared.reference)
    again = await market.payer(mode=Mode.PUSH).send(prepared)
    await market.verify(again)
    assert await market.held(SHOP) == 10_000


async def test_a_respelled_signature_settles_under_the_nodes_own_hash(market: Market) -> None:
    prepared = await market.prepare(market.challenge(10_000))
    respelled = prepared.raw[:-1] + bytes([prepared.raw[-1] - 27])
    payload = {"type": "transaction", "signature": "0x" + respelled.hex()}
    receipt = await market.verify(replace(prepared.credential, payload=payload))
    assert receipt.reference == decode(prepared.raw).hash()


async def test_the_node_being_gone_is_a_refusal_to_the_payer_and_no_invitation_from_the_payee(market: Market) -> None:
    credential = await market.pay(market.challenge(10_000))
    gone = Web3Chain("http://127.0.0.1:9")
    lonely = replace(market, shop_chain=gone)
    with pytest.raises(PaymentProblem) as caught:
        await lonely.verify(credential)
    assert (caught.value.status, caught.value.fresh_challenge) == (500, False)
    assert lonely.claims.held == set()
    quote = await replace(market, payer_chain=gone).payer().quote(market.challenge(10_000))
    assert [check.code for check in quote.refusals] == ["chain-unreachable"]
    await gone.aclose()
