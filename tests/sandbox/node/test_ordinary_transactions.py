"""EIP-1559 and legacy transactions, as other libraries sign them."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_account import Account

from mpp_console.methods.tempo.keys import CURVE_ORDER
from mpp_console.methods.tempo.tip20 import encode_transfer
from tests.sandbox.node.chains import ALICE, PATH, SHOP, Chain, RpcFailure, paid

KEY = bytes([3]) * 32
STORAGE = "0x" + "11" * 32


def signed(**changes: Any) -> str:
    fields = {
        "type": 2,
        "chainId": 1337,
        "nonce": 0,
        "maxFeePerGas": 20 * 10**9,
        "maxPriorityFeePerGas": 10**9,
        "gas": 700_000,
        "to": PATH,
        "value": 0,
        "data": encode_transfer(SHOP, 9),
    } | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    return "0x" + bytes(Account.sign_transaction(fields, KEY).raw_transaction).hex()


LEGACY = {"type": None, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 12 * 10**9}


@pytest.mark.parametrize(("changes", "kind", "price"), [({}, "0x2", 11 * 10**9), (LEGACY, "0x0", 12 * 10**9)])
def test_a_transfer_as_any_wallet_signs_it(chain: Chain, changes: dict[str, Any], kind: str, price: int) -> None:
    before = chain.balance(ALICE.address)
    raw = signed(**changes)
    tx_hash = chain.rpc("eth_sendRawTransaction", raw)
    receipt = chain.rpc("eth_getTransactionReceipt", tx_hash)
    assert (receipt["status"], receipt["type"], receipt["from"]) == ("0x1", kind, ALICE.address.lower())
    assert int(receipt["effectiveGasPrice"], 16) == price
    assert (receipt["feeToken"], receipt["feePayer"]) == (PATH.lower(), ALICE.address.lower())
    assert chain.balance(SHOP) == 9
    assert chain.balance(ALICE.address) == before - 9 - paid(receipt)
    described = chain.rpc("eth_getTransactionByHash", tx_hash)
    assert (described["to"], described["input"]) == (PATH.lower(), "0x" + encode_transfer(SHOP, 9).hex())
    assert described["type"] == kind
    assert chain.rpc("eth_getTransactionCount", ALICE.address, "latest") == "0x1"
    with pytest.raises(RpcFailure, match="already known"):
        chain.rpc("eth_sendRawTransaction", raw)


def test_an_access_list_is_priced_and_shown(chain: Chain) -> None:
    plain = chain.rpc("eth_sendRawTransactionSync", signed())
    listed = chain.rpc(
        "eth_sendRawTransactionSync", signed(nonce=1, accessList=[{"address": SHOP, "storageKeys": [STORAGE, STORAGE]}])
    )
    again = chain.rpc("eth_sendRawTransactionSync", signed(nonce=2))
    assert int(listed["gasUsed"], 16) == int(again["gasUsed"], 16) + 2_400 + 2 * 1_900
    assert int(plain["gasUsed"], 16) > int(listed["gasUsed"], 16)
    described = chain.rpc("eth_getTransactionByHash", listed["transactionHash"])
    assert described["accessList"] == [{"address": SHOP.lower(), "storageKeys": [STORAGE, STORAGE]}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chainId": 1}, "invalid chain id"),
        ({"value": 1}, "native value"),
        ({"to": None}, "creation"),
        ({"nonce": 5}, "nonce too high"),
        ({"gas": 30_000}, "intrinsic gas"),
        ({"maxFeePerGas": 10**9}, "base fee"),
        (LEGACY | {"gasPrice": 10**9}, "base fee"),
        (LEGACY | {"chainId": None}, "EIP-155"),
        ({"type": 1, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 12 * 10**9}, "type"),
    ],
)
def test_what_cannot_run_is_refused(chain: Chain, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RpcFailure, match=reason):
        chain.rpc("eth_sendRawTransaction", signed(**changes))


def test_the_malleable_twin_is_refused(chain: Chain) -> None:
    items = list(rlp.decode(bytes.fromhex(signed()[4:])))
    items[11] = (CURVE_ORDER - int.from_bytes(items[11], "big")).to_bytes(32, "big")
    items[9] = b"" if items[9] else b"\x01"
    twin = "0x02" + bytes(rlp.encode(items)).hex()
    with pytest.raises(RpcFailure, match="upper half"):
        chain.rpc("eth_sendRawTransaction", twin)
