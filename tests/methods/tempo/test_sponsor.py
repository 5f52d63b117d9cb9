"""Paying other people's fees without being robbed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.tempo.transaction import (
    AccessListItem,
    AwaitingSponsor,
    decode,
)

from .charges import (
    ALPHA_USD,
    OTHER,
    PATH_USD,
    PAYER,
    SPONSOR,
    SPONSORED,
    Counter,
    credential,
    refused,
)
from .fakes import GWEI


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gas": 2_000_001}, "gas limit exceeds sponsor policy"),
        ({"gas": 0}, "gas limit exceeds sponsor policy"),
        ({"max_fee_per_gas": 100 * GWEI + 1}, "max fee per gas exceeds sponsor policy"),
        ({"max_fee_per_gas": 0}, "max fee per gas exceeds sponsor policy"),
        ({"max_priority_fee_per_gas": 10 * GWEI + 1}, "max priority fee per gas exceeds sponsor policy"),
        ({"gas": 1_000_000, "max_fee_per_gas": 50 * GWEI + 1}, "total fee budget exceeds sponsor policy"),
        ({"fee_token": ALPHA_USD}, "must not include fee_token"),
        ({"nonce_key": 0}, "must use expiring nonce key"),
        ({"nonce_key": 7}, "must use expiring nonce key"),
        ({"valid_before": None}, "must include valid_before"),
        ({"valid_before": 1800}, "validity window exceeds sponsor policy"),
        ({"valid_before": 361}, "outlives the challenge"),
        ({"valid_before": 2}, "not for long enough"),
        ({"access_list": (AccessListItem(address=PATH_USD),)}, "access list is not allowed"),
        ({"authorization_list": (b"\x01",)}, "authorizations are not allowed"),
        ({"key_authorization": (b"\x01",)}, "authorizations are not allowed"),
    ],
)
async def test_a_sponsor_signs_only_within_its_policy(change: dict[str, Any], reason: str) -> None:
    counter = Counter(sponsored=True)
    challenge = counter.challenge(options=SPONSORED)
    tx = decode((await counter.prepare(challenge)).raw)
    if change.get("valid_before"):
        change = {"valid_before": counter.clock.unix + change["valid_before"]}
    hostile = replace(tx, sender_signature=None, fee_payer_slot=AwaitingSponsor(), **change).sign(PAYER)
    problem = await refused(counter, credential(challenge, hostile))
    assert reason in problem.message
    assert counter.chain.held(SPONSOR.address) == 1_000_000_000


async def test_moderato_allows_a_higher_tip() -> None:
    counter = Counter(sponsored=True)
    assert counter.policy is not None
    assert counter.policy.priority_limit(1337) == 10 * GWEI
    assert counter.policy.priority_limit(42431) == 50 * GWEI
    assert replace(counter.policy, max_priority_fee_per_gas=7).priority_limit(42431) == 7


async def test_nobody_is_sponsored_unasked() -> None:
    counter = Counter(sponsored=True)
    challenge = counter.challenge()
    tx = decode((await counter.prepare(counter.challenge(options=SPONSORED))).raw)
    assert (await refused(counter, credential(challenge, tx))).code == "not-sponsored"


async def test_an_envelope_that_names_another_sender_is_refused() -> None:
    counter = Counter(sponsored=True)
    challenge = counter.challenge(options=SPONSORED)
    tx = decode((await counter.prepare(challenge)).raw)
    forged = replace(tx, fee_payer_slot=AwaitingSponsor(sender=OTHER.address))
    assert (await refused(counter, credential(challenge, forged))).code == "sender-mismatch"


async def test_a_sponsor_without_money_says_so_and_keeps_nothing() -> None:
    counter = Counter(sponsored=True)
    counter.chain.balances[PATH_USD, SPONSOR.address] = 0
    problem = await refused(counter, await counter.pay(counter.challenge(options=SPONSORED)))
    assert (problem.code, problem.status, problem.fresh_challenge) == ("sponsor-empty", 500, False)


async def test_the_complete_transaction_is_tried_before_it_is_sent() -> None:
    counter = Counter(sponsored=True)
    await counter.verify(await counter.pay(counter.challenge(options=SPONSORED)))
    order = [call for call in counter.chain.calls if call in {"simulate", "send_raw_sync"}]
    assert order == ["simulate", "simulate", "send_raw_sync"]
