"""Batches, gas, fees and sponsors."""

from __future__ import annotations

from typing import Any

import pytest

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC, encode_approve, encode_transfer, encode_transfer_from
from mpp_console.methods.tempo.transaction import AwaitingSponsor, Call
from mpp_console.sandbox.node import FAUCET_AMOUNT
from tests.sandbox.node.chains import ALICE, ALPHA, BETA, BOB, CAROL, FEES, PATH, SHOP, THETA, Chain, RpcFailure, paid

OTHER = "0x9b9b9B9b9b9B9b9b9b9B9B9B9b9b9b9b9b9b9b9B"


def transfer(amount: int, recipient: str = SHOP, token: str = PATH) -> Call:
    return Call(token, 0, encode_transfer(recipient, amount))


# -- batches


def test_a_batch_succeeds_as_one(chain: Chain) -> None:
    receipt = chain.run(ALICE, transfer(1), transfer(2, OTHER), transfer(3, token=ALPHA))
    assert receipt["status"] == "0x1"
    assert (chain.balance(SHOP), chain.balance(OTHER), chain.balance(SHOP, ALPHA)) == (1, 2, 3)


def test_a_batch_fails_as_one_and_the_fee_is_paid_all_the_same(chain: Chain) -> None:
    before = chain.balance(ALICE.address)
    receipt = chain.run(ALICE, transfer(1), transfer(2**200), transfer(3))
    assert receipt["status"] == "0x0"
    assert chain.balance(SHOP) == 0
    assert chain.balance(ALICE.address) == before - paid(receipt)
    assert [log["topics"][2][-40:] for log in receipt["logs"]] == [FEES[2:].lower()]


def test_a_later_call_sees_what_an_earlier_one_did(chain: Chain) -> None:
    approve = Call(PATH, 0, encode_approve(ALICE.address, 5))
    receipt = chain.run(ALICE, approve, Call(PATH, 0, encode_transfer_from(ALICE.address, SHOP, 5)))
    assert receipt["status"] == "0x1"
    assert chain.balance(SHOP) == 5


def test_a_call_to_nobody_succeeds_and_does_nothing(chain: Chain) -> None:
    assert chain.run(ALICE, Call(SHOP, 0, b"anything"))["status"] == "0x1"


# -- gas: the figures are what anvil's Tempo network (hardfork T3) uses for the same transactions


def test_gas_is_that_of_the_chain(chain: Chain) -> None:
    def gas(*calls: Call, **changes: Any) -> int:
        return int(chain.run(ALICE, *calls, **changes)["gasUsed"], 16)

    assert gas(transfer(1000)) == 532_958  # the first transaction of an account, a new recipient
    assert gas(transfer(1000)) == 35_758
    assert gas(transfer(1000, OTHER)) == 282_958
    assert gas(Call(PATH, 0, encode_transfer(SHOP, 1000, b"m" * 32))) == 38_407
    assert gas(transfer(1000), transfer(5, OTHER)) == 53_104
    assert gas(transfer(0)) == 32_934
    assert gas(transfer(10**40)) == 22_760
    assert gas(Call(PATH, 0, encode_approve(SHOP, 5))) == 275_746
    assert gas(Call(PATH, 0, encode_approve(SHOP, 6))) == 28_546
    assert gas(Call(SHOP)) == 21_000
    assert gas(transfer(1), fee_token=BETA) == 52_546
    assert gas(transfer(1), nonce_key=5, nonce=0) == 285_746
    assert gas(transfer(1), nonce_key=5, nonce=1) == 40_946
    assert gas(transfer(1), nonce_key=2**256 - 1, nonce=0, valid_before=chain.clock.seconds + 20) == 48_746


def test_running_out_of_gas_undoes_everything_and_costs_the_whole_limit(chain: Chain) -> None:
    chain.run(ALICE, transfer(1, OTHER))
    receipt = chain.run(ALICE, transfer(1), gas=100_000)
    assert (receipt["status"], receipt["gasUsed"]) == ("0x0", hex(100_000))
    assert chain.balance(SHOP) == 0


def test_an_estimate_is_enough(chain: Chain) -> None:
    for calls in (
        (transfer(5),),
        (transfer(5), transfer(6, OTHER)),
        (Call(ALPHA, 0, encode_transfer(SHOP, 1, bytes(32))),),
    ):
        wanted = [{"to": call.to, "value": "0x0", "data": "0x" + call.data.hex()} for call in calls]
        estimate = int(chain.rpc("eth_estimateGas", {"from": ALICE.address, "type": "0x76", "calls": wanted}), 16)
        receipt = chain.run(ALICE, *calls, gas=estimate)
        assert receipt["status"] == "0x1"
        assert estimate - 20_000 < int(receipt["gasUsed"], 16) <= estimate


# -- fees


def test_the_fee_is_taken_exactly_and_logged_last(chain: Chain) -> None:
    before, collected = chain.balance(ALICE.address), chain.balance(FEES)
    receipt = chain.run(ALICE, transfer(100))
    fee = paid(receipt)
    assert fee == -(-int(receipt["gasUsed"], 16) * 11 * 10**9 // 10**12)
    assert chain.balance(ALICE.address) == before - 100 - fee
    assert chain.balance(FEES) == collected + fee
    last = receipt["logs"][-1]
    assert last["topics"] == [TRANSFER_TOPIC, word(ALICE.address), word(FEES)]
    assert int(last["data"], 16) == fee
    assert (receipt["feeToken"], receipt["feePayer"]) == (PATH.lower(), ALICE.address.lower())


def word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


@pytest.mark.parametrize(
    ("max_fee", "tip", "price"), [(20, 1, 11), (10, 0, 10), (10, 10, 10), (11, 5, 11), (50, 40, 50), (60, 40, 50)]
)
def test_the_price_follows_the_base_fee_and_the_tip(chain: Chain, max_fee: int, tip: int, price: int) -> None:
    receipt = chain.run(ALICE, transfer(1), max_fee_per_gas=max_fee * 10**9, max_priority_fee_per_gas=tip * 10**9)
    assert int(receipt["effectiveGasPrice"], 16) == price * 10**9


def test_the_fee_is_paid_in_the_token_that_was_named(chain: Chain) -> None:
    before = chain.balance(ALICE.address, THETA)
    receipt = chain.run(ALICE, transfer(1), fee_token=THETA)
    assert chain.balance(ALICE.address, THETA) == before - paid(receipt)
    assert receipt["feeToken"] == THETA.lower()


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ((transfer(1, token=ALPHA),), ALPHA),
        ((transfer(1, token=ALPHA), Call(ALPHA, 0, encode_transfer(SHOP, 1, bytes(32)))), ALPHA),
        ((transfer(1, token=ALPHA), transfer(1, token=BETA)), PATH),
        ((Call(ALPHA, 0, encode_approve(SHOP, 1)),), PATH),
        ((Call(SHOP),), PATH),
    ],
)
def test_a_fee_token_left_open_is_inferred(chain: Chain, calls: tuple[Call, ...], expected: str) -> None:
    assert chain.run(ALICE, *calls, fee_token=None)["feeToken"] == expected.lower()


def test_an_account_may_state_its_fee_token(chain: Chain) -> None:
    data = keccak(b"setUserToken(address)")[:4] + bytes(12) + bytes.fromhex(BETA[2:])
    receipt = chain.run(ALICE, Call(FEES, 0, data))
    assert receipt["status"] == "0x1"
    asked = "0x" + keccak(b"userTokens(address)")[:4].hex() + word(ALICE.address)[2:]
    assert chain.rpc("eth_call", {"to": FEES, "data": asked}, "latest") == word(BETA)
    assert chain.run(ALICE, transfer(1, token=ALPHA), fee_token=None)["feeToken"] == BETA.lower()
    assert chain.run(BOB, transfer(1, token=ALPHA), fee_token=None)["feeToken"] == ALPHA.lower()
    assert chain.run(ALICE, Call(FEES, 0, data[:-1] + b"\x09"))["status"] == "0x0"


def test_whoever_cannot_pay_the_highest_fee_is_refused(chain: Chain) -> None:
    chain.run(ALICE, transfer(29_999, CAROL.address))
    with pytest.raises(RpcFailure, match="insufficient funds") as refused:
        chain.run(CAROL, Call(SHOP), gas=1_500_000)
    assert refused.value.code == -32000
    assert chain.balance(CAROL.address) == 29_999
    chain.run(ALICE, transfer(1, CAROL.address))
    assert chain.run(CAROL, Call(SHOP), gas=1_500_000)["status"] == "0x1"


def test_a_transfer_of_everything_fails_for_want_of_the_fee_that_is_held(chain: Chain) -> None:
    assert chain.run(ALICE, transfer(FAUCET_AMOUNT))["status"] == "0x0"
    assert chain.run(ALICE, transfer(FAUCET_AMOUNT, token=ALPHA))["status"] == "0x1"


# -- sponsors


def test_a_sponsor_pays_and_the_sender_does_not(chain: Chain) -> None:
    chain.run(ALICE, transfer(50, CAROL.address))
    before = chain.balance(BOB.address)
    receipt = chain.send(chain.sponsored(CAROL, BOB, transfer(50)))
    assert receipt["status"] == "0x1"
    assert (chain.balance(CAROL.address), chain.balance(SHOP)) == (0, 50)
    assert chain.balance(BOB.address) == before - paid(receipt)
    assert (receipt["from"], receipt["feePayer"]) == (CAROL.address.lower(), BOB.address.lower())
    assert receipt["logs"][-1]["topics"] == [TRANSFER_TOPIC, word(BOB.address), word(FEES)]


def test_a_sponsor_pays_for_failures_too(chain: Chain) -> None:
    before = chain.balance(BOB.address, THETA)
    receipt = chain.send(chain.sponsored(CAROL, BOB, transfer(50), sponsor_token=THETA))
    assert receipt["status"] == "0x0"
    assert chain.balance(BOB.address, THETA) == before - paid(receipt)


def test_a_sponsor_without_money_is_refused(chain: Chain) -> None:
    with pytest.raises(RpcFailure, match="insufficient funds"):
        chain.send(chain.sponsored(ALICE, CAROL, transfer(1)))


def test_nobody_sponsors_oneself(chain: Chain) -> None:
    with pytest.raises(RpcFailure, match="fee payer cannot resolve to sender"):
        chain.send(chain.sponsored(ALICE, ALICE, transfer(1)))


def test_a_handoff_is_not_executed(chain: Chain) -> None:
    waiting = chain.build(ALICE, transfer(1), fee_payer_slot=AwaitingSponsor()).sign(ALICE)
    for raw in (waiting.encode(), waiting.encode_handoff()):
        with pytest.raises(RpcFailure, match="sponsor") as refused:
            chain.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        assert refused.value.code == -32602


# -- what no block may hold


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain_id": 42431}, "invalid chain id"),
        ({"gas": 21_000}, "intrinsic gas too low"),
        ({"gas": 30_000_001}, "exceeds block gas limit"),
        ({"max_fee_per_gas": 10**10 - 1}, "less than block base fee"),
        ({"max_priority_fee_per_gas": 21 * 10**9}, "priority fee per gas higher"),
        ({"fee_token": SHOP}, "invalid fee token"),
        ({"fee_token": "0x20c0000000000000000000000000000000000fff"}, "invalid fee token"),
        ({"calls": (Call(PATH, 1, encode_transfer(SHOP, 1)),)}, "native value"),
        ({"calls": (Call(None, 0, b"\x60"),)}, "creation"),
    ],
)
def test_an_unsound_transaction_is_refused_and_changes_nothing(
    chain: Chain, changes: dict[str, Any], reason: str
) -> None:
    before = chain.rpc("eth_blockNumber"), chain.balance(ALICE.address)
    with pytest.raises(RpcFailure, match=reason):
        chain.run(ALICE, *changes.pop("calls", (transfer(1),)), **changes)
    assert (chain.rpc("eth_blockNumber"), chain.balance(ALICE.address)) == before
    assert chain.run(ALICE, transfer(1))["status"] == "0x1"
