"""What the sandbox's tokens do with calls: balances, logs and errors."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode as abi_decode

from mpp_console.methods.tempo.keys import keccak
from mpp_console.methods.tempo.tip20 import (
    APPROVAL_TOPIC,
    TRANSFER_TOPIC,
    TRANSFER_WITH_MEMO_TOPIC,
    decode_revert,
    encode_approve,
    encode_revert,
    encode_transfer,
    encode_transfer_from,
)
from mpp_console.methods.tempo.transaction import Call
from mpp_console.sandbox.node import FAUCET_AMOUNT
from mpp_console.sandbox.node.tip20 import TOKENS
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, FEES, PATH, SHOP, Chain, RpcFailure

MEMO = bytes(range(32))
NOWHERE = "0x" + "00" * 20
UNMADE = "0x20c0000000000000000000000000000000000fff"


def word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()


def moves(receipt: dict[str, Any]) -> list[tuple[str, ...]]:
    """Logs as tuples, without the fee's."""
    logs = [(log["address"], *log["topics"], log["data"]) for log in receipt["logs"]]
    return [log for log in logs if word(FEES) not in log]


def amount(value: int) -> str:
    return f"0x{value:064x}"


def test_the_faucet_gives_the_same_of_every_token(chain: Chain) -> None:
    hashes = chain.rpc("tempo_fundAddress", SHOP)
    assert len(set(hashes)) == 4
    assert [chain.balance(SHOP, token.address) for token in TOKENS] == [FAUCET_AMOUNT] * 4
    receipt = chain.rpc("eth_getTransactionReceipt", hashes[1])
    mint = "0x" + keccak(b"Mint(address,uint256)").hex()
    assert moves(receipt) == [
        (ALPHA.lower(), TRANSFER_TOPIC, word(NOWHERE), word(SHOP), amount(FAUCET_AMOUNT)),
        (ALPHA.lower(), mint, word(SHOP), amount(FAUCET_AMOUNT)),
    ]


def test_a_transfer_is_logged_once(chain: Chain) -> None:
    receipt = chain.run(ALICE, Call(PATH, 0, encode_transfer(SHOP, 7)))
    assert moves(receipt) == [(PATH.lower(), TRANSFER_TOPIC, word(ALICE.address), word(SHOP), amount(7))]
    assert chain.balance(SHOP) == 7


def test_a_memo_is_logged_after_the_transfer_itself(chain: Chain) -> None:
    receipt = chain.run(ALICE, Call(ALPHA, 0, encode_transfer(SHOP, 7, MEMO)))
    parties = (word(ALICE.address), word(SHOP))
    assert moves(receipt) == [
        (ALPHA.lower(), TRANSFER_TOPIC, *parties, amount(7)),
        (ALPHA.lower(), TRANSFER_WITH_MEMO_TOPIC, *parties, "0x" + MEMO.hex(), amount(7)),
    ]
    assert chain.balance(SHOP, ALPHA) == 7


def test_an_allowance_is_spent(chain: Chain) -> None:
    receipt = chain.run(ALICE, Call(PATH, 0, encode_approve(BOB.address, 10)))
    assert moves(receipt) == [(PATH.lower(), APPROVAL_TOPIC, word(ALICE.address), word(BOB.address), amount(10))]
    receipt = chain.run(BOB, Call(PATH, 0, encode_transfer_from(ALICE.address, SHOP, 4, MEMO)))
    parties = (word(ALICE.address), word(SHOP))
    assert moves(receipt) == [
        (PATH.lower(), TRANSFER_TOPIC, *parties, amount(4)),
        (PATH.lower(), TRANSFER_WITH_MEMO_TOPIC, *parties, "0x" + MEMO.hex(), amount(4)),
    ]
    assert allowance(chain) == 6
    assert chain.run(BOB, Call(PATH, 0, encode_transfer_from(ALICE.address, SHOP, 7)))["status"] == "0x0"
    assert allowance(chain) == 6


def test_an_unlimited_allowance_is_not_used_up(chain: Chain) -> None:
    chain.run(ALICE, Call(PATH, 0, encode_approve(BOB.address, 2**256 - 1)))
    chain.run(BOB, Call(PATH, 0, encode_transfer_from(ALICE.address, SHOP, 4)))
    assert allowance(chain) == 2**256 - 1
    assert chain.balance(SHOP) == 4


def allowance(chain: Chain) -> int:
    data = keccak(b"allowance(address,address)")[:4].hex() + word(ALICE.address)[2:] + word(BOB.address)[2:]
    return int(chain.rpc("eth_call", {"to": PATH, "data": "0x" + data}, "latest"), 16)


def test_paying_oneself_changes_nothing_but_is_logged(chain: Chain) -> None:
    before = chain.balance(ALICE.address, ALPHA)
    receipt = chain.run(ALICE, Call(ALPHA, 0, encode_transfer(ALICE.address, 9)))
    assert len(moves(receipt)) == 1
    assert chain.balance(ALICE.address, ALPHA) == before


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode_transfer(SHOP, 2**200), encode_revert("InsufficientBalance", FAUCET_AMOUNT, 2**200, ALPHA)),
        (encode_transfer(NOWHERE, 1), encode_revert("InvalidRecipient")),
        (encode_transfer(PATH, 1), encode_revert("InvalidRecipient")),
        (encode_transfer(NOWHERE, 2**200), encode_revert("InvalidRecipient")),
        (encode_transfer_from(BOB.address, SHOP, 1), encode_revert("InsufficientAllowance")),
        (encode_transfer_from(BOB.address, SHOP, 2**200), encode_revert("InsufficientAllowance")),
        (encode_transfer_from(BOB.address, NOWHERE, 1), encode_revert("InvalidRecipient")),
        (keccak(b"mint(address,uint256)")[:4] + bytes(64), encode_revert("Unauthorized")),
        (b"\x12\x34\x56\x78", bytes.fromhex("aa4bc69a12345678") + bytes(28)),
        (b"", b""),
        (b"\xa9\x05\x9c", b""),
        (encode_transfer(SHOP, 1)[:-1], b""),
    ],
)
def test_a_refusal_has_the_chains_own_error_data(chain: Chain, data: bytes, expected: bytes) -> None:
    request = {"from": ALICE.address, "to": ALPHA, "data": "0x" + data.hex()}
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcFailure) as refused:
            chain.rpc(method, request)
        assert (refused.value.code, refused.value.data) == (3, "0x" + expected.hex())
        assert "reverted" in refused.value.message
    before = chain.balance(ALICE.address, ALPHA)
    receipt = chain.run(ALICE, Call(ALPHA, 0, data))
    assert receipt["status"] == "0x0"
    assert moves(receipt) == []
    assert chain.balance(ALICE.address, ALPHA) == before


def test_a_missing_balance_says_how_much_is_there(chain: Chain) -> None:
    with pytest.raises(RpcFailure) as refused:
        chain.rpc("eth_call", {"from": CAROL.address, "to": PATH, "data": "0x" + encode_transfer(SHOP, 5).hex()})
    reason = decode_revert(bytes.fromhex((refused.value.data or "")[2:]))
    assert reason is not None
    assert (reason.name, reason.args) == ("InsufficientBalance", (0, 5, PATH))


def test_a_token_that_was_never_made_reverts(chain: Chain) -> None:
    with pytest.raises(RpcFailure) as refused:
        chain.rpc("eth_call", {"to": UNMADE, "data": "0x95d89b41"})
    assert refused.value.data == "0x" + encode_revert("Uninitialized").hex()


def test_surplus_calldata_and_dirty_addresses_are_ignored_as_on_the_chain(chain: Chain) -> None:
    data = bytearray(encode_transfer(SHOP, 3) + b"surplus")
    data[4] = 0xFF
    assert chain.run(ALICE, Call(PATH, 0, bytes(data)))["status"] == "0x1"
    assert chain.balance(SHOP) == 3


@pytest.mark.parametrize(
    ("declaration", "kind", "expected"),
    [
        ("name()", "string", "AlphaUSD"),
        ("symbol()", "string", "AlphaUSD"),
        ("currency()", "string", "USD"),
        ("decimals()", "uint8", 6),
        ("paused()", "bool", False),
        ("transferPolicyId()", "uint64", 1),
        ("quoteToken()", "address", PATH.lower()),
        ("supplyCap()", "uint256", 2**128 - 1),
        ("totalSupply()", "uint256", 2 * FAUCET_AMOUNT),
        ("logoURI()", "string", ""),
    ],
)
def test_what_a_token_says_of_itself(chain: Chain, declaration: str, kind: str, expected: object) -> None:
    data = "0x" + keccak(declaration.encode())[:4].hex()
    answer = bytes.fromhex(chain.rpc("eth_call", {"to": ALPHA, "data": data}, "latest")[2:])
    assert abi_decode([kind], answer) == (expected,)


def test_addresses_are_written_with_their_checksums() -> None:
    from mpp_console.methods.tempo.keys import to_checksum
    from mpp_console.sandbox.node.fees import FEE_MANAGER
    from mpp_console.sandbox.node.nonces import NONCE_MANAGER

    for address in (
        FEE_MANAGER,
        NONCE_MANAGER,
        *(token.address for token in TOKENS),
        *(token.quote for token in TOKENS),
    ):
        assert to_checksum(address) == address
