"""Matching calls and logs with what was asked: every transfer once, in any order, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.attribution import encode_memo
from mpp_console.methods.tempo.keys import address_bytes, to_checksum
from mpp_console.methods.tempo.matching import expected_transfers, match_calls, match_receipt, transfer_effects
from mpp_console.methods.tempo.schema import ChargeRequest, Split, decode_request
from mpp_console.methods.tempo.tip20 import (
    APPROVAL_TOPIC,
    TRANSFER_TOPIC,
    TRANSFER_WITH_MEMO_TOPIC,
    Log,
    encode_transfer,
)
from mpp_console.methods.tempo.transaction import Call
from mpp_console.protocol import Challenge, VerificationFailed

from .charges import ALPHA_USD, MEMO, OTHER, PATH_USD, PAYER, REALM, SHOP

RECIPIENTS = [to_checksum(f"0x{number:040x}") for number in (17, 34, 51)]
MEMO_BYTES = bytes.fromhex(MEMO[2:])
BOUND = encode_memo(realm=REALM, challenge_id="challenge-1", client_id="someone")


def challenge(**details: Any) -> Challenge:
    request = {"amount": "10000", "currency": PATH_USD, "recipient": SHOP, "methodDetails": {"chainId": 1337} | details}
    return Challenge.create(id="challenge-1", realm=REALM, method="tempo", intent="charge", request=request)


def transfer_log(recipient: str, amount: int, *, sender: str = PAYER.address, token: str = PATH_USD) -> Log:
    parties = ("0x" + (bytes(12) + address_bytes(party)).hex() for party in (sender, recipient))
    return Log(address=token, topics=(TRANSFER_TOPIC, *parties), data=amount.to_bytes(32))


def memo_log(recipient: str, amount: int, memo: bytes, **place: str) -> Log:
    plain = transfer_log(recipient, amount, **place)
    topics = (TRANSFER_WITH_MEMO_TOPIC, *plain.topics[1:], "0x" + memo.hex())
    return Log(address=plain.address, topics=topics, data=plain.data)


def both(recipient: str, amount: int, memo: bytes | None, **place: str) -> list[Log]:
    logs = [transfer_log(recipient, amount, **place)]
    return logs if memo is None else [*logs, memo_log(recipient, amount, memo, **place)]


@st.composite
def charges(draw: st.DrawFn) -> ChargeRequest:
    """Charges whose splits are apt to be mistaken for each other: few recipients, few amounts, sometimes memos."""
    recipients = st.sampled_from([SHOP, *RECIPIENTS])
    splits = draw(
        st.lists(
            st.builds(Split, recipient=recipients, amount=st.sampled_from([1, 2]), memo=st.sampled_from([None, MEMO])),
            max_size=10,
        )
    )
    remainder = draw(st.sampled_from([1, 2, 500]))
    return ChargeRequest(
        amount=remainder + sum(split.amount for split in splits),
        currency=PATH_USD,
        recipient=SHOP,
        chain_id=1337,
        splits=tuple(splits),
        memo=draw(st.sampled_from([None, MEMO])),
    )


def paid(request: ChargeRequest) -> list[tuple[str, int, bytes | None]]:
    memo = MEMO_BYTES if request.memo else BOUND
    splits = [(split.recipient, split.amount, MEMO_BYTES if split.memo else None) for split in request.splits]
    return [(request.recipient, request.remainder, memo), *splits]


@given(charges(), st.randoms())
def test_whatever_the_order_an_honest_payment_matches(request: ChargeRequest, random: Any) -> None:
    transfers = paid(request)
    random.shuffle(transfers)
    match_calls([Call(PATH_USD, 0, encode_transfer(*transfer)) for transfer in transfers], request, challenge())
    pairs = [both(*transfer) for transfer in transfers]
    noise = [
        [transfer_log(RECIPIENTS[0], 1, sender=OTHER.address)],
        [Log(address=PATH_USD, topics=(APPROVAL_TOPIC,), data=b"")],
    ]
    pairs += noise
    random.shuffle(pairs)
    found = match_receipt([log for pair in pairs for log in pair], request, challenge(), sender=PAYER.address)
    assert len(found) == len(transfers)
    assert (found[0].recipient, found[0].amount) == (request.recipient, request.remainder)


@given(charges(), st.data())
def test_one_transfer_less_is_noticed(request: ChargeRequest, data: st.DataObject) -> None:
    transfers = paid(request)
    transfers.pop(data.draw(st.integers(0, len(transfers) - 1)))
    with pytest.raises(VerificationFailed):
        match_calls([Call(PATH_USD, 0, encode_transfer(*transfer)) for transfer in transfers], request, challenge())
    logs = [log for transfer in transfers for log in both(*transfer)]
    with pytest.raises(VerificationFailed):
        match_receipt(logs, request, challenge(), sender=PAYER.address)


@given(st.lists(st.sampled_from(["plain", "memo", "pair", "reversed pair"]), max_size=8))
def test_no_movement_is_counted_twice(kinds: list[str]) -> None:
    logs: list[Log] = []
    for kind in kinds:
        pair = both(SHOP, 5, MEMO_BYTES)
        logs += {"plain": pair[:1], "memo": pair[1:], "pair": pair, "reversed pair": pair[::-1]}[kind]
    plain = sum(log.topics[0] == TRANSFER_TOPIC for log in logs)
    with_memo = len(logs) - plain
    effects = transfer_effects(logs)
    assert len(effects) == max(plain, with_memo)
    assert sum(effect.memo is not None for effect in effects) == with_memo


def test_malformed_logs_are_no_transfers() -> None:
    good = transfer_log(SHOP, 5)
    bad = [
        Log(address=PATH_USD, topics=(), data=b""),
        Log(address=PATH_USD, topics=good.topics[:2], data=good.data),
        Log(address=PATH_USD, topics=good.topics, data=good.data[:31]),
        Log(address=PATH_USD, topics=(TRANSFER_WITH_MEMO_TOPIC, *good.topics[1:]), data=good.data),
    ]
    assert transfer_effects(bad) == []


@pytest.mark.parametrize(
    ("logs", "code"),
    [
        ([], "no-matching-transfer"),
        (both(SHOP, 10_000, BOUND, token=ALPHA_USD), "no-matching-transfer"),
        (both(SHOP, 10_000, BOUND, sender=OTHER.address), "no-matching-transfer"),
        (both(SHOP, 9_999, BOUND), "no-matching-transfer"),
        (both(RECIPIENTS[0], 10_000, BOUND), "no-matching-transfer"),
        (both(SHOP, 10_000, None), "memo-not-bound"),
        (both(SHOP, 10_000, MEMO_BYTES), "memo-not-bound"),
        (both(SHOP, 10_000, encode_memo(realm=REALM, challenge_id="challenge-2")), "memo-not-bound"),
        (both(SHOP, 10_000, encode_memo(realm="other", challenge_id="challenge-1")), "memo-not-bound"),
        ([*both(SHOP, 5_000, BOUND), *both(SHOP, 5_000, BOUND)], "no-matching-transfer"),
        ([transfer_log(SHOP, 10_000), memo_log(SHOP, 1, BOUND)], "memo-not-bound"),
    ],
)
def test_logs_that_do_not_pay(logs: list[Log], code: str) -> None:
    asked = challenge()
    with pytest.raises(VerificationFailed) as caught:
        match_receipt(logs, decode_request(asked.request), asked, sender=PAYER.address)
    assert caught.value.code == code


def test_one_account_must_have_paid_it_all() -> None:
    asked = challenge(splits=[{"recipient": RECIPIENTS[0], "amount": "100"}])
    request = decode_request(asked.request)
    logs = [*both(SHOP, 9_900, BOUND), transfer_log(RECIPIENTS[0], 100, sender=OTHER.address)]
    with pytest.raises(VerificationFailed):
        match_receipt(logs, request, asked, sender=None)
    whole = [*both(SHOP, 9_900, BOUND), transfer_log(RECIPIENTS[0], 100)]
    assert len(match_receipt(whole, request, asked, sender=None)) == 2


def test_an_explicit_memo_belongs_to_the_primary_transfer() -> None:
    asked = challenge(memo=MEMO, splits=[{"recipient": SHOP, "amount": "5000"}])
    request = decode_request(asked.request)
    calls = [Call(PATH_USD, 0, encode_transfer(SHOP, 5_000, memo)) for memo in (MEMO_BYTES, None)]
    match_calls(calls, request, asked)
    match_calls(calls[::-1], request, asked)
    with pytest.raises(VerificationFailed):
        match_calls([calls[1], calls[1]], request, asked)


def test_a_server_may_put_the_clients_fingerprint_where_it_likes() -> None:
    (primary,) = expected_transfers(decode_request(challenge().request), challenge())
    for client in (None, "", "someone"):
        assert primary.accepts(SHOP, 10_000, encode_memo(realm=REALM, challenge_id="challenge-1", client_id=client))
