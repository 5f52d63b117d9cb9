"""Transactions and proofs that are not the payment: what a payee must refuse, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mpp_console.methods.base import Mode
from mpp_console.methods.tempo.keys import Signature
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.tip20 import encode_approve, encode_transfer, encode_transfer_from
from mpp_console.methods.tempo.transaction import (
    AwaitingSponsor,
    Call,
    ForeignSignature,
    TempoTransaction,
    decode,
)
from mpp_console.protocol import Credential

from .charges import (
    ALPHA_USD,
    OTHER,
    PATH_USD,
    PAYER,
    PLATFORM,
    SHOP,
    SPONSORED,
    Counter,
    credential,
    refused,
)


def _tweak(**changes: Any) -> Callable[[TempoTransaction], TempoTransaction]:
    return lambda tx: replace(tx, **changes)


def _data(change: Callable[[bytes], bytes]) -> Callable[[TempoTransaction], TempoTransaction]:
    return lambda tx: replace(tx, calls=(replace(tx.calls[0], data=change(tx.calls[0].data)), *tx.calls[1:]))


def _more(*calls: Call) -> Callable[[TempoTransaction], TempoTransaction]:
    return lambda tx: replace(tx, calls=(*tx.calls, *calls))


WRONG_CALLS: dict[str, tuple[Callable[[TempoTransaction], TempoTransaction], str]] = {
    "less": (_data(lambda data: encode_transfer(SHOP, 9_999, data[-32:])), "no matching payment call found"),
    "more": (_data(lambda data: encode_transfer(SHOP, 10_001, data[-32:])), "no matching payment call found"),
    "to somebody else": (_data(lambda data: encode_transfer(PLATFORM, 10_000, data[-32:])), "no matching"),
    "without memo": (_data(lambda _: encode_transfer(SHOP, 10_000)), "no matching payment call found"),
    "for another challenge": (_data(lambda data: data[:-1] + bytes([data[-1] ^ 1])), "no matching"),
    "for another realm": (_data(lambda data: data[:-27] + bytes([data[-27] ^ 1]) + data[-26:]), "no matching"),
    "surplus calldata": (_data(lambda data: data + b"\x00"), "no matching payment call found"),
    "a surplus word": (_data(lambda data: data + bytes(32)), "no matching payment call found"),
    "dirty address word": (_data(lambda data: data[:4] + b"\x01" + data[5:]), "no matching payment call found"),
    "truncated": (_data(lambda data: data[:-1]), "no matching payment call found"),
    "of another account's money": (
        _data(lambda data: encode_transfer_from(OTHER.address, SHOP, 10_000, data[-32:])),
        "no matching",
    ),
    "of another token": (lambda tx: replace(tx, calls=(replace(tx.calls[0], to=ALPHA_USD),)), "no matching"),
    "with value": (lambda tx: replace(tx, calls=(replace(tx.calls[0], value=1),)), ""),
    "twice": (lambda tx: replace(tx, calls=tx.calls * 2), "contains unauthorized extra calls"),
    "and an approval": (
        _more(Call(PATH_USD, 0, encode_approve(PLATFORM, 2**128))),
        "contains unauthorized extra calls",
    ),
    "a contract creation": (lambda tx: replace(tx, calls=(Call(None, 0, b"\x00"),)), "no matching"),
    "on another chain": (_tweak(chain_id=42431), "chain 42431"),
}


@pytest.mark.parametrize("sponsored", [False, True])
@pytest.mark.parametrize("name", WRONG_CALLS)
async def test_only_the_exact_transfers_are_taken(name: str, sponsored: bool) -> None:
    change, reason = WRONG_CALLS[name]
    counter = Counter(sponsored=True)
    challenge = counter.challenge(options=SPONSORED if sponsored else {})
    tx = replace(decode((await counter.prepare(challenge)).raw), sender_signature=None)
    if isinstance(tx.fee_payer_slot, AwaitingSponsor):
        tx = replace(tx, fee_payer_slot=AwaitingSponsor())
    problem = await refused(counter, credential(challenge, change(tx).sign(PAYER)))
    assert reason in problem.message
    assert problem.slug == "verification-failed"
    assert problem.fresh_challenge


async def test_a_missing_split_is_noticed() -> None:
    counter = Counter()
    challenge = counter.challenge(10_000, {"splits": [{"recipient": PLATFORM, "amount": 10}]})
    tx = replace(decode((await counter.prepare(challenge)).raw), sender_signature=None)
    problem = await refused(counter, credential(challenge, replace(tx, calls=tx.calls[:1]).sign(PAYER)))
    assert "no matching payment call found" in problem.message


async def test_a_swap_may_come_first_only_when_the_payer_pays_the_fee() -> None:
    counter = Counter(sponsored=True)
    dex = SANDBOX.stablecoin_dex
    words = (bytes(12) + bytes.fromhex(address[2:]) for address in (ALPHA_USD, PATH_USD))
    swap = bytes.fromhex("f0122b75") + b"".join((*words, (10_000).to_bytes(32), (10_100).to_bytes(32)))
    prefix = (Call(ALPHA_USD, 0, encode_approve(dex, 10_100)), Call(dex, 0, swap))
    for options, allowed in (({}, True), (SPONSORED, False)):
        challenge = counter.challenge(options=options)
        tx = replace(decode((await counter.prepare(challenge)).raw), sender_signature=None)
        if isinstance(tx.fee_payer_slot, AwaitingSponsor):
            tx = replace(tx, fee_payer_slot=AwaitingSponsor())
        problem = await refused(counter, credential(challenge, replace(tx, calls=(*prefix, *tx.calls)).sign(PAYER)))
        # The chain of these tests has no exchange, so an allowed swap gets as far as the simulation.
        assert problem.code == ("would-revert" if allowed else "extra-calls")
    elsewhere = Call(PLATFORM, 0, swap)
    challenge = counter.challenge()
    tx = replace(decode((await counter.prepare(challenge)).raw), sender_signature=None)
    problem = await refused(
        counter, credential(challenge, replace(tx, calls=(prefix[0], elsewhere, *tx.calls)).sign(PAYER))
    )
    assert problem.code == "extra-calls"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"valid_before": 1}, "validity-window"),
        ({"valid_before": 2**40}, "validity-window"),
        ({"valid_after": 2**39, "valid_before": 2**40}, "validity-window"),
    ],
)
async def test_the_validity_window_is_kept(change: dict[str, Any], code: str) -> None:
    counter = Counter()
    challenge = counter.challenge()
    tx = replace(decode((await counter.prepare(challenge)).raw), sender_signature=None, valid_after=None)
    assert (await refused(counter, credential(challenge, replace(tx, **change).sign(PAYER)))).code == code


@pytest.mark.parametrize("payload", ["0x", "0x76", "0x02f8", "0x76c0", "0x" + "ff" * 40, "0x76" + "f8" * 2_000])
async def test_what_is_no_tempo_transaction_is_refused(payload: str) -> None:
    counter = Counter()
    tried = Credential(challenge=counter.challenge(), payload={"type": "transaction", "signature": payload})
    assert (await refused(counter, tried)).slug == "invalid-payload"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "cash"},
        {"type": "transaction"},
        {"type": "transaction", "signature": 7},
        {"type": "transaction", "signature": "76"},
        {"type": "transaction", "signature": "0x7"},
        {"type": "transaction", "signature": "0x" + "00" * 70_000},
        {"type": "hash", "hash": "0x12"},
        {"type": "hash", "hash": "0x" + "zz" * 32},
        {"type": "hash", "signature": "0x12"},
        {"type": "proof", "signature": "0x" + "00" * 5_000},
    ],
)
async def test_malformed_payloads_are_refused(payload: dict[str, Any]) -> None:
    counter = Counter()
    problem = await refused(counter, Credential(challenge=counter.challenge(), payload=payload))
    assert problem.slug == "invalid-payload"


@pytest.mark.parametrize(
    "source", ["did:pkh:eip155:42431:{payer}", "did:pkh:eip155:1337:{other}", "0x12", "did:key:z6Mk"]
)
@pytest.mark.parametrize("mode", [Mode.PULL, Mode.PUSH])
async def test_the_source_must_be_who_pays(source: str, mode: Mode) -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge(), mode=mode)
    named = source.format(payer=PAYER.address, other=OTHER.address)
    await refused(counter, replace(paid, source=named))
    await counter.verify(paid)


async def test_signatures_without_a_recoverable_account_are_refused_with_the_reason() -> None:
    counter = Counter()
    challenge = counter.challenge()
    tx = replace(
        decode((await counter.prepare(challenge)).raw), sender_signature=ForeignSignature(raw=b"\x02" + bytes(128))
    )
    problem = await refused(counter, credential(challenge, tx))
    assert problem.code == "unsupported-signature"
    assert problem.hint


@pytest.mark.parametrize(("mode", "offered"), [(Mode.PULL, "push"), (Mode.PUSH, "pull")])
async def test_a_mode_that_was_not_offered_is_refused(mode: Mode, offered: str) -> None:
    counter = Counter()
    challenge = counter.challenge(options={"supported_modes": [offered]})
    open_to_all = counter.bind(
        {"amount": "10000", "currency": PATH_USD, "recipient": SHOP, "methodDetails": {"chainId": 1337}}
    )
    paid = await counter.pay(replace(open_to_all, id=challenge.id), mode=mode)
    assert (await refused(counter, replace(paid, challenge=challenge))).code == "unsupported-mode"


async def test_another_chains_challenge_is_refused() -> None:
    counter = Counter()
    request = {"amount": "1", "currency": PATH_USD, "recipient": SHOP, "methodDetails": {"chainId": 42431}}
    tried = Credential(challenge=counter.bind(request), payload={"type": "hash", "hash": "0x" + "11" * 32})
    assert (await refused(counter, tried)).code == "wrong-chain"


async def test_expired_challenges_and_those_without_end_are_refused() -> None:
    counter = Counter()
    late = await counter.pay(counter.challenge(lifetime=30))
    counter.clock.forward(30)
    assert (await refused(counter, late)).slug == "payment-expired"
    endless = await counter.pay(counter.challenge(lifetime=None))
    assert (await refused(counter, endless)).slug == "payment-expired"


async def test_a_node_of_another_chain_is_not_asked_whether_we_were_paid() -> None:
    counter = Counter()
    paid = await counter.pay(counter.challenge(), mode=Mode.PUSH)
    counter.chain.chain = 42431
    problem = await refused(counter, paid)
    assert (problem.status, problem.fresh_challenge) == (500, False)


async def test_a_proof_is_worth_nothing_for_a_charge_of_something() -> None:
    counter = Counter()
    free, paid = counter.challenge(0), counter.challenge(10_000)
    proof = await counter.pay(free)
    assert (await refused(counter, replace(proof, challenge=paid))).code == "not-zero"
    assert (await refused(counter, replace(proof, source=None))).code == "no-source"
    assert (await refused(counter, replace(proof, challenge=counter.challenge(0)))).code == "signer-mismatch"
    assert (
        await refused(counter, replace(proof, challenge=replace(free, realm="other.example")))
    ).code == "signer-mismatch"
    stolen = f"did:pkh:eip155:1337:{OTHER.address}"
    assert (await refused(counter, replace(proof, source=stolen))).code == "signer-mismatch"
    malleable = Signature.from_bytes65(bytes.fromhex(proof.payload["signature"][2:]))
    assert malleable.s < 2**255
    longer = {"type": "proof", "signature": proof.payload["signature"] + "00"}
    assert (await refused(counter, replace(proof, payload=longer))).code == "unsupported-signature"
    tried = Credential(challenge=free, payload={"type": "hash", "hash": "0x" + "11" * 32})
    assert (await refused(counter, tried)).code == "proof-required"
    await counter.verify(proof)
