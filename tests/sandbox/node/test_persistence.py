"""The chain's file: it survives restarts, is private, and is shared by several nodes."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mpp_console.methods.tempo.tip20 import encode_transfer
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, Call
from mpp_console.sandbox.node import SandboxNode, SandboxStateError
from mpp_console.sandbox.node.ledger import Ledger
from tests.sandbox.node.chains import ALICE, BOB, PATH, SHOP, Chain, RpcFailure

PAY = Call(PATH, 0, encode_transfer(SHOP, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox" / "chain.db"


def test_everything_is_there_after_a_restart(path: Path) -> None:
    first = Chain(path)
    first.fund(ALICE)
    tx = first.build(ALICE, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=0, valid_before=first.clock.seconds + 60)
    tx = tx.sign(ALICE)
    receipt = first.send(tx)
    block = first.rpc("eth_getBlockByNumber", "latest", False)
    first.node._ledger.close()

    again = Chain(path)
    assert again.rpc("eth_getTransactionReceipt", tx.hash()) == receipt
    assert again.rpc("eth_getBlockByNumber", "latest", False) == block
    assert again.balance(SHOP) == 1
    with pytest.raises(RpcFailure, match="already known"):
        again.send(tx)
    assert again.run(ALICE, PAY)["status"] == "0x1"


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    Chain(path).fund(ALICE)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_nodes_share_one_chain(path: Path) -> None:
    one, two = Chain(path), Chain(path)
    one.fund(ALICE)
    assert two.balance(ALICE.address) == one.balance(ALICE.address) > 0
    assert one.run(ALICE, PAY)["blockNumber"] == two.rpc("eth_blockNumber")
    second = two.run(ALICE, PAY)
    assert one.rpc("eth_getTransactionReceipt", second["transactionHash"]) == second
    genesis = one.rpc("eth_getBlockByNumber", "earliest", False)
    assert genesis == two.rpc("eth_getBlockByNumber", "earliest", False)


def test_two_nodes_at_once_lose_and_double_nothing(path: Path) -> None:
    nodes = [Chain(path), Chain(path)]
    nodes[0].fund(ALICE, BOB)
    expires = nodes[0].clock.seconds + 60
    transactions = [
        nodes[0].build(sender, PAY, nonce_key=EXPIRING_NONCE_KEY, nonce=number, valid_before=expires).sign(sender)
        for sender in (ALICE, BOB)
        for number in range(10)
    ]

    def send(place: int) -> str:
        tx = transactions[place % len(transactions)]
        try:
            return str(nodes[place % 2].send(tx)["status"])
        except RpcFailure as refused:
            return refused.message

    with ThreadPoolExecutor(4) as threads:
        # Every transaction is sent twice, once to each node.
        outcomes = list(threads.map(send, [*range(20), *(place + 1 for place in range(0, 39, 2)), *range(20)]))
    assert outcomes.count("0x1") == len(transactions)
    assert set(outcomes) == {"0x1", "already known"}
    assert nodes[0].balance(SHOP) == nodes[1].balance(SHOP) == len(transactions)
    numbers = [int(nodes[1].rpc("eth_getTransactionReceipt", tx.hash())["blockNumber"], 16) for tx in transactions]
    assert len(set(numbers)) == len(transactions)


def test_a_new_file_may_be_opened_by_several_nodes_at_once(path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        chains = list(threads.map(lambda _: Chain(path), range(4)))
    assert len({chain.rpc("eth_getBlockByNumber", "earliest", False)["hash"] for chain in chains}) == 1


def test_each_sandbox_has_a_genesis_of_its_own() -> None:
    asked = {"id": 1, "method": "eth_getBlockByNumber", "params": ["earliest", False]}
    one = SandboxNode(None, random_bytes=lambda size: b"1" * size)
    other = SandboxNode(None, random_bytes=lambda size: b"2" * size)
    with contextlib.closing(one), contextlib.closing(other):
        assert one.handle(asked)["result"]["hash"] != other.handle(asked)["result"]["hash"]


def test_the_same_clock_and_randomness_give_the_same_chain() -> None:
    def last() -> object:
        chain = Chain()
        chain.fund(ALICE)
        return chain.run(ALICE, PAY)

    assert last() == last()


def test_a_file_that_is_no_chain_is_an_error_with_advice(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(SandboxStateError) as refused:
        Chain(path)
    assert str(path) in refused.value.message
    assert "mpp-console sandbox reset" in (refused.value.hint or "")


def test_a_file_of_a_newer_program_is_left_alone(path: Path) -> None:
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SandboxStateError, match="newer"):
        Chain(path)


def test_a_failing_request_leaves_no_trace(path: Path) -> None:
    chain = Chain(path)
    chain.fund(ALICE)
    slots = chain.node._ledger._db.execute("SELECT * FROM slot").fetchall()
    with pytest.raises(RpcFailure):
        chain.run(ALICE, PAY, nonce=7)
    assert chain.node._ledger._db.execute("SELECT * FROM slot").fetchall() == slots
    assert not chain.node._ledger._db.in_transaction


def test_trouble_with_the_file_becomes_an_error_answer(path: Path) -> None:
    chain = Chain(path)
    chain.node._ledger.close()
    answer = chain.node.handle({"id": 1, "method": "eth_blockNumber"})
    assert answer["error"]["code"] == -32603
    assert "sandbox" in answer["error"]["message"]


def test_time_that_was_let_pass_stays_passed(path: Path) -> None:
    first = Chain(path)
    before = int(first.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    assert first.rpc("evm_increaseTime", 900) == 900
    assert first.rpc("evm_increaseTime", "0x64") == 1_000
    first.clock.advance(5)
    assert int(Chain(path, first.clock).rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == before + 1_005


@pytest.mark.parametrize("seconds", [-1, 2**31, "later", None, True, 1.5])
def test_time_passes_by_whole_seconds_forwards_only(path: Path, seconds: object) -> None:
    with pytest.raises(RpcFailure):
        Chain(path).rpc("evm_increaseTime", seconds)
