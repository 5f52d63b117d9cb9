"""The JSON-RPC surface: what is answered, what is an error, and that nothing is ever worse than an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC, encode_transfer
from mpp_console.methods.tempo.transaction import EXPIRING_NONCE_KEY, Call
from mpp_console.sandbox.node.formats import bloom_of
from mpp_console.sandbox.node.ledger import LogRow
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, PATH, SHOP, START, Chain, RpcFailure

PAY = Call(PATH, 0, encode_transfer(SHOP, 5))
MEMO = Call(ALPHA, 0, encode_transfer(SHOP, 6, bytes(32)))
HASH = "0x" + "11" * 32


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("eth_chainId", [], "0x539"),
        ("net_version", [], "1337"),
        ("eth_syncing", [], False),
        ("eth_accounts", [], []),
        ("eth_gasPrice", [], hex(11 * 10**9)),
        ("eth_maxPriorityFeePerGas", [], hex(10**9)),
        ("eth_getBalance", [ALICE.address, "latest"], "0x0"),
        ("eth_getCode", [PATH, "latest"], "0xef"),
        ("eth_getCode", [PATH.lower()], "0xef"),
        ("eth_getCode", [ALICE.address, "pending"], "0x"),
        ("eth_getTransactionReceipt", [HASH], None),
        ("eth_getTransactionByHash", [HASH], None),
        ("eth_getBlockByHash", [HASH, False], None),
        ("eth_getBlockByNumber", ["0xffff", False], None),
        ("eth_call", [{"to": SHOP, "data": "0x12345678"}], "0x"),
        ("eth_call", [{"to": PATH, "value": "0x", "input": "313ce567"}], f"0x{6:064x}"),
    ],
)
def test_simple_answers(chain: Chain, method: str, params: list[Any], expected: object) -> None:
    assert chain.rpc(method, *params) == expected


def test_the_client_names_itself(chain: Chain) -> None:
    assert chain.rpc("web3_clientVersion").startswith("mpp-console-sandbox/")


def test_a_request_of_a_whole_transaction_comes_back_as_it_was(chain: Chain) -> None:
    tx = chain.build(
        ALICE, PAY, MEMO, nonce_key=EXPIRING_NONCE_KEY, nonce=3, valid_before=chain.clock.seconds + 9, valid_after=8
    ).sign(ALICE)
    receipt = chain.send(tx)
    described = chain.rpc("eth_getTransactionByHash", tx.hash())
    assert described["hash"] == receipt["transactionHash"] == tx.hash()
    assert described["type"] == receipt["type"] == "0x76"
    assert described["calls"] == [
        {"to": call.to.lower(), "value": "0x0", "input": "0x" + call.data.hex()} for call in (PAY, MEMO) if call.to
    ]
    assert (described["nonceKey"], described["nonce"]) == (hex(EXPIRING_NONCE_KEY), "0x3")
    assert (described["validBefore"], described["validAfter"]) == (hex(chain.clock.seconds + 9), "0x8")
    assert (described["feeToken"], described["feePayerSignature"]) == (PATH.lower(), None)
    assert described["signature"]["type"] == "secp256k1"
    assert described["from"] == ALICE.address.lower()


def test_a_sponsors_signature_is_shown(chain: Chain) -> None:
    tx = chain.sponsored(ALICE, BOB, PAY)
    chain.send(tx)
    shown = chain.rpc("eth_getTransactionByHash", tx.hash())["feePayerSignature"]
    assert set(shown) == {"r", "s", "yParity", "v"}
    assert len(shown["r"]) == 66


def test_blocks_hold_one_transaction_and_follow_one_another(chain: Chain) -> None:
    receipt = chain.run(ALICE, PAY)
    block = chain.rpc("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert block["transactions"] == [receipt["transactionHash"]]
    assert block["hash"] == receipt["blockHash"]
    assert block["gasUsed"] == receipt["gasUsed"]
    assert block["baseFeePerGas"] == hex(10**10)
    full = chain.rpc("eth_getBlockByHash", block["hash"], True)
    assert full["transactions"][0]["hash"] == receipt["transactionHash"]
    parent = chain.rpc("eth_getBlockByHash", block["parentHash"], False)
    assert int(parent["number"], 16) == int(block["number"], 16) - 1
    genesis = chain.rpc("eth_getBlockByNumber", "earliest", True)
    assert (genesis["number"], genesis["transactions"]) == ("0x0", [])
    assert int(genesis["timestamp"], 16) == int(START.timestamp())
    assert chain.rpc("eth_blockNumber") == block["number"]


def test_the_bloom_has_a_bit_for_everything_in_the_logs(chain: Chain) -> None:
    receipt = chain.run(ALICE, MEMO)
    bloom = int(receipt["logsBloom"], 16)
    for log in receipt["logs"]:
        for item in (log["address"], *log["topics"]):
            digest = keccak(bytes.fromhex(item[2:]))
            for at in (0, 2, 4):
                assert bloom >> (int.from_bytes(digest[at : at + 2], "big") & 2047) & 1
    assert bloom_of(()) == "0x" + "00" * 256


def test_a_known_bloom() -> None:
    log = LogRow(block_number=1, position=0, address="0x" + "00" * 20, topics=(), data="0x")
    assert int(bloom_of([log]), 16).bit_count() == 3


def test_fee_history(chain: Chain) -> None:
    history = chain.rpc("eth_feeHistory", "0x3", "latest", [10, 50])
    assert history["baseFeePerGas"] == [hex(10**10)] * 4
    assert history["reward"] == [[hex(10**9)] * 2] * 3
    assert int(history["oldestBlock"], 16) + 2 == int(chain.rpc("eth_blockNumber"), 16)
    assert "reward" not in chain.rpc("eth_feeHistory", 2, "latest")
    assert len(chain.rpc("eth_feeHistory", "0xffffff", "latest")["gasUsedRatio"]) == 9


# -- logs


def test_logs_are_found_by_place_and_topic(chain: Chain) -> None:
    first = chain.run(ALICE, PAY)
    second = chain.run(BOB, MEMO)
    shop = "0x" + "00" * 12 + SHOP[2:].lower()

    def found(**asked: Any) -> list[tuple[str, str]]:
        logs = chain.rpc("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"} | asked)
        return [(log["transactionHash"], log["topics"][0]) for log in logs]

    one, two = first["transactionHash"], second["transactionHash"]
    memo_topic = second["logs"][1]["topics"][0]
    to_shop = [None, None, shop]
    assert found(topics=to_shop) == [(one, TRANSFER_TOPIC), (two, TRANSFER_TOPIC), (two, memo_topic)]
    assert found(topics=[TRANSFER_TOPIC, None, [shop]]) == [(one, TRANSFER_TOPIC), (two, TRANSFER_TOPIC)]
    assert found(topics=[[memo_topic, HASH]]) == [(two, memo_topic)]
    assert found(topics=to_shop, address=PATH) == [(one, TRANSFER_TOPIC)]
    assert found(topics=to_shop, address=[ALPHA.lower()], fromBlock=second["blockNumber"]) != []
    assert found(topics=to_shop, toBlock=first["blockNumber"]) == [(one, TRANSFER_TOPIC)]
    assert found(topics=[HASH]) == found(address=SHOP) == []
    assert chain.rpc("eth_getLogs", {"blockHash": first["blockHash"]}) == first["logs"]
    assert [log["logIndex"] for log in second["logs"]] == ["0x0", "0x1", "0x2"]
    assert chain.rpc("eth_getLogs", {"address": BOB.address}) == []


# -- simulation


def call_request(*calls: Call, sender: str = ALICE.address, **more: Any) -> dict[str, Any]:
    listed = [{"to": call.to, "value": "0x0", "data": "0x" + call.data.hex()} for call in calls]
    return {"from": sender, "type": "0x76", "calls": listed} | more


def test_a_batch_is_tried_without_being_kept(chain: Chain) -> None:
    before = chain.rpc("eth_blockNumber")
    assert chain.rpc("eth_call", call_request(PAY, MEMO), "latest") == "0x"
    assert chain.rpc("eth_call", call_request(MEMO, PAY), "latest") == f"0x{1:064x}"
    assert chain.balance(SHOP) == 0
    assert chain.rpc("eth_blockNumber") == before
    with pytest.raises(RpcFailure):
        chain.rpc("eth_call", call_request(PAY, sender=CAROL.address), "latest")


def test_a_simulation_minds_the_window_it_is_told(chain: Chain) -> None:
    now = chain.clock.seconds
    for window in ({"validBefore": hex(now)}, {"validAfter": hex(now + 1)}):
        with pytest.raises(RpcFailure, match=r"expired|not valid yet"):
            chain.rpc("eth_call", call_request(PAY, **window), "latest")


def test_a_simulation_minds_the_gas_and_the_fee_it_is_told(chain: Chain) -> None:
    with pytest.raises(RpcFailure, match="out of gas"):
        chain.rpc("eth_call", call_request(PAY, gas="0x7000"), "latest")
    free = call_request(Call(SHOP), sender=CAROL.address, gas="0x100000")
    assert chain.rpc("eth_call", free, "latest") == "0x"
    priced = free | {"maxFeePerGas": hex(10**10)}
    with pytest.raises(RpcFailure, match="insufficient funds"):
        chain.rpc("eth_call", priced, "latest")
    assert chain.rpc("eth_call", priced | {"feePayerSignature": {"r": "0x1"}}, "latest") == "0x"


def test_an_estimate_counts_what_the_nonce_costs(chain: Chain) -> None:
    chain.run(ALICE, PAY)

    def estimate(**more: Any) -> int:
        return int(chain.rpc("eth_estimateGas", call_request(PAY, **more)), 16)

    plain = estimate()
    assert estimate(nonce="0x0") == plain + 250_000
    assert estimate(nonceKey="0x5") == plain + 250_000
    assert estimate(nonceKey="0x5", nonce="0x1") == plain + 5_200
    assert estimate(nonceKey=hex(EXPIRING_NONCE_KEY), nonce="0x0") == plain + 13_000


def test_blocks_are_simulated_with_logs_and_token_names(chain: Chain) -> None:
    last = {"from": ALICE.address, "to": ALPHA, "data": "0x" + MEMO.data.hex()}
    both = last | {"calls": [{"to": PATH, "value": "0x0", "data": "0x" + PAY.data.hex()}]}
    broke = {"from": CAROL.address, "to": PATH, "data": "0x" + PAY.data.hex()}
    answer = chain.rpc("tempo_simulateV1", {"blockStateCalls": [{"calls": [both, broke]}, {"calls": []}]}, "latest")
    first, second = answer["blocks"][0]["calls"]
    assert (first["status"], [log["address"] for log in first["logs"]]) == ("0x1", [PATH.lower(), *[ALPHA.lower()] * 2])
    assert (second["status"], second["logs"]) == ("0x0", [])
    assert second["error"]["data"].startswith("0x832f98b5")
    assert answer["tokenMetadata"] == {
        PATH.lower(): {"name": "pathUSD", "symbol": "pathUSD", "currency": "USD"},
        ALPHA.lower(): {"name": "AlphaUSD", "symbol": "AlphaUSD", "currency": "USD"},
    }
    assert chain.balance(SHOP) == 0


def test_simulated_calls_build_on_one_another(chain: Chain) -> None:
    pay = {"from": ALICE.address, "to": PATH, "data": "0x" + encode_transfer(CAROL.address, 5).hex()}
    onward = {"from": CAROL.address, "to": PATH, "data": "0x" + PAY.data.hex()}
    answer = chain.rpc("tempo_simulateV1", {"blockStateCalls": [{"calls": [pay, onward]}]})
    assert [call["status"] for call in answer["blocks"][0]["calls"]] == ["0x1", "0x1"]


# -- errors


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("eth_fillTransaction", [{}], -32601),
        ("tempo_unheard", [], -32601),
        ("eth_sendRawTransaction", [], -32602),
        ("eth_sendRawTransaction", ["0x", "0x1"], -32602),
        ("eth_sendRawTransaction", ["0x"], -32602),
        ("eth_sendRawTransaction", ["zz"], -32602),
        ("eth_sendRawTransaction", [5], -32602),
        ("eth_sendRawTransaction", ["0x76"], -32602),
        ("eth_sendRawTransaction", ["0x76c0"], -32602),
        ("eth_sendRawTransaction", ["0x02c0"], -32602),
        ("eth_sendRawTransaction", ["0xc0"], -32602),
        ("eth_sendRawTransaction", ["0x01"], -32602),
        ("eth_sendRawTransactionSync", ["0x76", "soon"], -32602),
        ("tempo_fundAddress", ["0x12"], -32602),
        ("tempo_fundAddress", [None], -32602),
        ("tempo_fundAddress", ["0x" + "00" * 20], 0),
        ("eth_getTransactionCount", ["0x12", "latest"], -32602),
        ("eth_getTransactionCount", [SHOP, "tomorrow"], -32602),
        ("eth_getBalance", [SHOP, "0x0"], -32001),
        ("eth_call", [{"to": PATH}, {"blockNumber": "0x1"}], -32001),
        ("eth_call", [{"to": PATH}, {"blockHash": HASH}], -32001),
        ("eth_call", ["0x"], -32602),
        ("eth_call", [{}], -32602),
        ("eth_call", [{"data": "0x6080"}], -32602),
        ("eth_call", [{"to": "me"}], -32602),
        ("eth_call", [{"to": PATH, "data": "0x123"}], -32602),
        ("eth_call", [{"to": PATH, "value": "0x5"}], -32003),
        ("eth_call", [{"to": PATH, "gas": -1}], -32602),
        ("eth_call", [{"to": PATH, "gas": True}], -32602),
        ("eth_call", [{"to": PATH, "gas": "0x10000000000000000"}], -32602),
        ("eth_call", [{"calls": "0x"}], -32602),
        ("eth_call", [{"calls": [5]}], -32602),
        ("eth_call", [{"calls": [{"data": "0x"}]}], -32602),
        ("eth_call", [{"to": PATH, "gas": "0x1"}], -32003),
        ("eth_getBlockByNumber", ["latest", "yes"], -32602),
        ("eth_getBlockByHash", ["0x12", False], -32602),
        ("eth_getTransactionReceipt", ["0x12"], -32602),
        ("eth_getLogs", ["0x"], -32602),
        ("eth_getLogs", [{"address": 5}], -32602),
        ("eth_getLogs", [{"topics": "0x"}], -32602),
        ("eth_getLogs", [{"topics": [["0x12"]]}], -32602),
        ("eth_getLogs", [{"topics": [None] * 5}], -32602),
        ("eth_getLogs", [{"blockHash": HASH}], -32001),
        ("eth_getLogs", [{"address": [SHOP] * 1001}], -32005),
        ("eth_feeHistory", ["0x1", "latest", "high"], -32602),
        ("tempo_simulateV1", [{}], -32602),
        ("tempo_simulateV1", [{"blockStateCalls": [5]}], -32602),
        ("tempo_simulateV1", [{"blockStateCalls": [{"calls": 5}]}], -32602),
        ("tempo_simulateV1", [{"blockStateCalls": [{"calls": [{"to": PATH}] * 257}]}], -32602),
    ],
)
def test_a_wrong_question_gets_an_error_of_its_kind(chain: Chain, method: str, params: list[Any], code: int) -> None:
    answer = chain.node.handle({"jsonrpc": "2.0", "id": 9, "method": method, "params": params})
    assert answer["id"] == 9
    assert answer.get("error", {}).get("code", 0) == code
    assert chain.rpc("eth_chainId") == "0x539"


@pytest.mark.parametrize(
    "request_", [None, 5, "eth_chainId", [], {}, {"id": 1}, {"method": 5}, {"method": "eth_chainId", "params": {}}]
)
def test_what_is_no_request_gets_an_error(chain: Chain, request_: object) -> None:
    assert chain.node.handle(request_)["error"]["code"] in {-32600, -32602}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["latest", PATH, HASH, "0x1", "0x", "0x76c0"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["to", "from", "data", "calls", "gas", "value", "nonce", "nonceKey", "validBefore", "topics",
                         "address", "fromBlock", "toBlock", "blockHash", "blockNumber", "blockStateCalls", "feeToken"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
METHODS = st.sampled_from(sorted(Chain().node._rpc._methods))
SHARED = Chain()


@given(METHODS, st.lists(JSON, max_size=4))
@settings(max_examples=400, deadline=None)
def test_no_question_is_worse_than_an_error(method: str, params: list[Any]) -> None:
    answer = SHARED.node.handle({"jsonrpc": "2.0", "id": "x", "method": method, "params": params})
    assert ("result" in answer) != ("error" in answer)
    assert SHARED.rpc("eth_chainId") == "0x539"


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x76", b"\x02", b"\xf8\x6c"]))
@settings(max_examples=200, deadline=None)
def test_no_bytes_are_worse_than_an_error(raw: bytes, prefix: bytes) -> None:
    answer = SHARED.node.handle({"id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + (prefix + raw).hex()]})
    assert answer["error"]["code"] == -32602
