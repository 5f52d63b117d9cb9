"""What keeps a transaction from running twice, or at the wrong time."""

from __future__ import annotations

import pytest

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import encode_transfer
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, AwaitingSponsor, Call
from mpp_console.sandbox.node.nonces import MAX_EXPIRY_SECONDS, NONCE_MANAGER
from tests.sandbox.node.chains import ALICE, BOB, CAROL, PATH, SHOP, Chain, RpcFailure

PAY = Call(PATH, 0, encode_transfer(SHOP, 1))


def test_the_ordinary_nonce_goes_up_by_one(chain: Chain) -> None:
    for expected in range(3):
        assert chain.rpc("eth_getTransactionCount", ALICE.address, "pending") == hex(expected)
        chain.run(ALICE, PAY)


def test_a_failed_transaction_uses_its_nonce(chain: Chain) -> None:
    assert chain.run(ALICE, Call(PATH, 0, encode_transfer(SHOP, 2**200)))["status"] == "0x0"
    assert chain.rpc("eth_getTransactionCount", ALICE.address, "latest") == "0x1"


def test_a_nonce_out_of_turn_is_refused(chain: Chain) -> None:
    chain.run(ALICE, PAY)
    for nonce, reason in ((0, "nonce too low"), (2, "nonce too high")):
        with pytest.raises(RpcFailure, match=reason):
            chain.run(ALICE, PAY, nonce=nonce, gas=2_999_999)


def test_the_same_transaction_again_is_already_known(chain: Chain) -> None:
    tx = chain.build(ALICE, PAY).sign(ALICE)
    chain.send(tx)
    with pytest.raises(RpcFailure, match="already known"):
        chain.send(tx)
    assert chain.balance(SHOP) == 1


def test_lanes_are_independent_and_log_their_progress(chain: Chain) -> None:
    for key, nonce in ((7, 0), (8, 0), (7, 1), (2**255, 0)):
        receipt = chain.run(ALICE, PAY, nonce_key=key, nonce=nonce)
        first = receipt["logs"][0]
        assert first["address"] == NONCE_MANAGER.lower()
        assert first["topics"] == [
            "0x" + keccak(b"NonceIncremented(address,uint256,uint64)").hex(),
            "0x" + "00" * 12 + ALICE.address[2:].lower(),
            f"0x{key:064x}",
        ]
        assert int(first["data"], 16) == nonce + 1
    assert chain.rpc("eth_getTransactionCount", ALICE.address, "latest") == "0x0"
    assert lane(chain, 7) == 2
    for nonce in (1, 3):
        with pytest.raises(RpcFailure, match="nonce too"):
            chain.run(ALICE, PAY, nonce_key=7, nonce=nonce, gas=2_999_999)
    assert chain.run(BOB, PAY, nonce_key=7, nonce=0)["status"] == "0x1"


def lane(chain: Chain, key: int) -> int:
    data = keccak(b"getNonce(address,uint256)")[:4].hex() + "00" * 12 + ALICE.address[2:] + f"{key:064x}"
    return int(chain.rpc("eth_call", {"to": NONCE_MANAGER, "data": "0x" + data}, "latest"), 16)


def test_the_ordinary_nonce_is_not_asked_of_the_lanes(chain: Chain) -> None:
    with pytest.raises(RpcFailure) as refused:
        lane(chain, 0)
    assert refused.value.data == "0x" + keccak(b"ProtocolNonceNotSupported()")[:4].hex()


# -- expiring


def test_an_expiring_transaction_runs_once(chain: Chain) -> None:
    before = chain.clock.seconds + 25
    tx = chain.build(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=before).sign(ALICE)
    assert chain.send(tx)["status"] == "0x1"
    with pytest.raises(RpcFailure, match="already known"):
        chain.send(tx)
    assert chain.rpc("eth_getTransactionCount", ALICE.address, "latest") == "0x0"
    again = chain.build(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=before, valid_after=1)
    assert chain.send(again.sign(ALICE))["status"] == "0x1"
    assert chain.balance(SHOP) == 2


def test_the_nonce_tells_equal_payments_apart(chain: Chain) -> None:
    for nonce in (0, 1, 2**48):
        expires = chain.clock.seconds + 25
        assert chain.run(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=nonce, valid_before=expires)["status"] == "0x1"


def test_another_sponsor_does_not_make_it_another_transaction(chain: Chain) -> None:
    chain.fund(CAROL)
    changes = {"nonce_key": EXPIRING_NONCE_KEY, "nonce": 0, "valid_before": chain.clock.seconds + 25}
    waiting = chain.build(ALICE, PAY, fee_payer_slot=AwaitingSponsor(), **changes).sign(ALICE)
    first, second = waiting.cosign(BOB, PATH), waiting.cosign(CAROL, PATH)
    assert first.hash() != second.hash()
    assert chain.send(first)["status"] == "0x1"
    with pytest.raises(RpcFailure, match="ExpiringNonceReplay"):
        chain.send(second)
    assert chain.balance(SHOP) == 1


def test_an_expiring_transaction_must_expire_soon(chain: Chain) -> None:
    now = chain.clock.seconds
    for before, reason in (
        (None, "requires valid_before"),
        (now + MAX_EXPIRY_SECONDS + 1, "too far"),
        (now, "expired"),
    ):
        with pytest.raises(RpcFailure, match=reason):
            chain.run(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=before)
    edge = now + MAX_EXPIRY_SECONDS
    assert chain.run(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=edge)["status"] == "0x1"


# -- windows


def test_a_window_opens_and_closes_on_the_second(chain: Chain) -> None:
    opens, closes = chain.clock.seconds + 10, chain.clock.seconds + 20
    tx = chain.build(ALICE, PAY, valid_after=opens, valid_before=closes).sign(ALICE)
    chain.clock.advance(9)
    with pytest.raises(RpcFailure, match="not valid yet"):
        chain.send(tx)
    chain.clock.advance(11)
    with pytest.raises(RpcFailure, match="expired"):
        chain.send(tx)
    late = chain.build(ALICE, PAY, valid_after=opens, valid_before=closes + 1).sign(ALICE)
    assert chain.send(late)["status"] == "0x1"


def test_the_chains_time_never_runs_backwards(chain: Chain) -> None:
    newest = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    chain.clock.advance(-3600)
    receipt = chain.run(ALICE, PAY)
    assert int(receipt["blockTimestamp"], 16) == newest


def test_time_shows_in_the_newest_block_without_transactions(chain: Chain) -> None:
    first = chain.rpc("eth_getBlockByNumber", "latest", False)
    assert chain.rpc("eth_getBlockByNumber", "latest", False) == first
    chain.clock.advance(40)
    later = chain.rpc("eth_getBlockByNumber", "latest", False)
    assert int(later["timestamp"], 16) == chain.clock.seconds
    assert (later["parentHash"], later["transactions"]) == (first["hash"], [])
