"""What became of a payment whose answer was lost: settled, certainly dead, or honestly still open."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.methods.base import Mode, Outcome, OutcomeState, Prepared
from mpp_console.methods.tempo.chain import ChainUnreachable

from .charges import MEMO, PAYER, SHOP, Counter


async def outcome(counter: Counter, prepared: Prepared, *, reference: str | None = None) -> Outcome:
    return await counter.payer().resolve(dict(prepared.trace), reference)


async def test_a_pulled_payment_is_found_by_its_hash() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    receipt = await counter.verify(prepared.credential)
    found = await outcome(counter, prepared, reference=prepared.reference)
    assert (found.state, found.reference) == (OutcomeState.SETTLED, receipt.reference)


async def test_a_sponsored_payment_is_found_by_its_memo() -> None:
    counter = Counter(sponsored=True)
    prepared = await counter.prepare(counter.challenge(options={"fee_payer": True}))
    assert (await outcome(counter, prepared)).state is OutcomeState.STILL_OPEN
    receipt = await counter.verify(prepared.credential)
    found = await outcome(counter, prepared)
    assert (found.state, found.reference) == (OutcomeState.SETTLED, receipt.reference)


async def test_a_settled_payment_stays_settled_after_its_window() -> None:
    counter = Counter(sponsored=True)
    prepared = await counter.prepare(counter.challenge(options={"fee_payer": True}))
    await counter.verify(prepared.credential)
    counter.clock.forward(3_600)
    assert (await outcome(counter, prepared)).state is OutcomeState.SETTLED


@pytest.mark.parametrize("sponsored", [False, True])
async def test_only_the_chains_own_time_declares_a_payment_dead(sponsored: bool) -> None:
    counter = Counter(sponsored=True)
    prepared = await counter.prepare(counter.challenge(options={"fee_payer": sponsored}))
    counter.clock.forward(24)
    assert (await outcome(counter, prepared)).state is OutcomeState.STILL_OPEN
    counter.clock.forward(3)
    # Past its end, but nodes behind one address may lag each other.
    assert (await outcome(counter, prepared)).state is OutcomeState.STILL_OPEN
    counter.clock.forward(5)
    dead = await outcome(counter, prepared)
    assert dead.state is OutcomeState.NEVER_HAPPENED
    assert "nothing was paid" in dead.message


async def test_a_reverted_payment_never_happened() -> None:
    counter = Counter()
    counter.chain.reverts = True
    payer = counter.payer(mode=Mode.PUSH)
    prepared = await payer.prepare(await payer.quote(counter.challenge()))
    await counter.chain.send_raw(prepared.raw)
    dead = await outcome(counter, prepared)
    assert (dead.state, dead.reference) == (OutcomeState.NEVER_HAPPENED, prepared.reference)


async def test_another_payment_with_the_same_memo_is_not_mistaken_for_ours() -> None:
    counter = Counter(sponsored=True)
    options = {"memo": MEMO, "fee_payer": True}
    payer = counter.payer()
    lost = await payer.prepare(await payer.quote(counter.challenge(options=options)))
    paid = await payer.prepare(await payer.quote(counter.challenge(options=options)))
    await counter.verify(paid.credential)
    assert (await outcome(counter, paid)).state is OutcomeState.SETTLED
    assert (await outcome(counter, lost)).state is OutcomeState.STILL_OPEN
    counter.clock.forward(40)
    assert (await outcome(counter, lost)).state is OutcomeState.NEVER_HAPPENED


async def test_a_node_that_hides_transactions_proves_only_bound_memos() -> None:
    counter = Counter(sponsored=True)
    counter.chain.forget_transactions = True
    bound = await counter.prepare(counter.challenge(options={"fee_payer": True}))
    await counter.verify(bound.credential)
    assert (await outcome(counter, bound)).state is OutcomeState.SETTLED
    repeated = await counter.prepare(counter.challenge(options={"fee_payer": True, "memo": MEMO}))
    await counter.verify(repeated.credential)
    assert (await outcome(counter, repeated)).state is OutcomeState.STILL_OPEN


@pytest.mark.parametrize("question", ["chain_id", "block", "receipt", "logs"])
async def test_a_silent_chain_leaves_it_open(question: str) -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    counter.clock.forward(600)
    counter.chain.faults[question] = ChainUnreachable("The node did not answer.")
    assert (await outcome(counter, prepared)).state is OutcomeState.STILL_OPEN


async def test_another_chain_proves_nothing() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    counter.clock.forward(600)
    counter.chain.chain = 4217
    still = await outcome(counter, prepared)
    assert still.state is OutcomeState.STILL_OPEN
    assert "1337" in still.message


async def test_a_chain_that_was_started_anew_has_nothing_of_it() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge())
    counter.clock.forward(60)
    counter.chain._number = 3
    assert (await outcome(counter, prepared)).state is OutcomeState.NEVER_HAPPENED
    assert "logs" not in counter.chain.calls


async def test_a_proof_moves_no_money() -> None:
    counter = Counter()
    prepared = await counter.prepare(counter.challenge(0))
    assert (await outcome(counter, prepared)).state is OutcomeState.NEVER_HAPPENED


@pytest.mark.parametrize(
    "trace",
    [
        {},
        {"kind": "teleport", "chain_id": 1337, "payer": PAYER.address},
        {"kind": "pull", "chain_id": 1337, "payer": PAYER.address},
        {"kind": "pull", "chain_id": 1337, "payer": PAYER.address, "token": SHOP, "recipient": SHOP, "amount": "x"},
    ],
)
async def test_a_damaged_record_leaves_it_open(trace: dict[str, Any]) -> None:
    counter = Counter()
    still = await counter.payer().resolve(trace, None)
    assert still.state is OutcomeState.STILL_OPEN
    assert "damaged" in still.message
