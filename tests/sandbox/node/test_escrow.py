"""The escrow contract of v1 on the sandbox's chain. What no draft says, the deployed contract was seen to do."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode

from mpp_console.methods.tempo.channels import ZERO_ADDRESS, legacy_channel_id
from mpp_console.methods.tempo.keys import LocalSigner, keccak, to_checksum
from mpp_console.methods.tempo.tip20 import encode_approve
from mpp_console.methods.tempo.transaction import Call
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.sandbox.node import CHAIN_ID
from mpp_console.sandbox.node.escrow import ESCROW
from mpp_console.sandbox.node.reserve import GRACE_SECONDS
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, Chain

SALT = bytes([7]) * 32
DOMAIN = VoucherDomain.legacy(CHAIN_ID, ESCROW)
NAMES = {
    keccak(f"{name}()".encode())[:4].hex(): name
    for name in (
        "AmountExceedsDeposit",
        "AmountNotIncreasing",
        "ChannelAlreadyExists",
        "ChannelFinalized",
        "ChannelNotFound",
        "CloseNotReady",
        "DepositOverflow",
        "InvalidPayee",
        "InvalidSignature",
        "InvalidToken",
        "NotPayee",
        "NotPayer",
        "ZeroDeposit",
        "InsufficientAllowance",
    )
}
EVENTS = {
    keccak(f"{name}(bytes32,address,address{tail})".encode()).hex(): name
    for name, tail in {
        "ChannelOpened": ",address,address,bytes32,uint256",
        "Settled": ",uint256,uint256,uint256",
        "TopUp": ",uint256,uint256",
        "CloseRequested": ",uint256",
        "CloseRequestCancelled": "",
        "ChannelExpired": "",
        "ChannelClosed": ",uint256,uint256",
    }.items()
}
STATE = ["bool", "uint64", "address", "address", "address", "address", "uint128", "uint128"]


def calldata(declaration: str, *arguments: Any) -> bytes:
    kinds = declaration[declaration.index("(") + 1 : -1].split(",")
    return keccak(declaration.encode())[:4] + encode([kind for kind in kinds if kind], list(arguments))


def opening(payee: str = BOB.address, token: str = ALPHA, deposit: int = 1_000, signer: str = ZERO_ADDRESS) -> bytes:
    return calldata("open(address,address,uint128,bytes32,address)", payee, token, deposit, SALT, signer)


def channel_id(signer: str = ZERO_ADDRESS) -> bytes:
    found = legacy_channel_id(
        payer=ALICE.address,
        payee=BOB.address,
        token=ALPHA,
        salt="0x" + SALT.hex(),
        authorized_signer=signer,
        escrow=ESCROW,
        chain_id=CHAIN_ID,
    )
    return bytes.fromhex(found[2:])


CHANNEL = channel_id()
REQUEST, WITHDRAW = calldata("requestClose(bytes32)", CHANNEL), calldata("withdraw(bytes32)", CHANNEL)


def voucher(cumulative: int, signer: LocalSigner = ALICE, channel: bytes = CHANNEL) -> bytes:
    return bytes.fromhex(DOMAIN.sign(signer, "0x" + channel.hex(), cumulative)[2:])


def settling(cumulative: int, signature: bytes | None = None, channel: bytes = CHANNEL) -> bytes:
    given = voucher(cumulative, channel=channel) if signature is None else signature
    return calldata("settle(bytes32,uint128,bytes)", channel, cumulative, given)


def closing(cumulative: int, signature: bytes | None = None) -> bytes:
    given = voucher(cumulative) if signature is None else signature
    return calldata("close(bytes32,uint128,bytes)", CHANNEL, cumulative, given)


def topping(amount: int) -> bytes:
    return calldata("topUp(bytes32,uint256)", CHANNEL, amount)


def run(chain: Chain, sender: LocalSigner, data: bytes) -> list[tuple[str, tuple[int, ...]]]:
    """The escrow's events of a transaction that works, each with its unindexed words as numbers."""
    receipt = chain.run(sender, Call(ESCROW, 0, data))
    assert receipt["status"] == "0x1"
    logs = [log for log in receipt["logs"] if log["address"] == ESCROW.lower()]
    return [(EVENTS[log["topics"][0][2:]], numbers(bytes.fromhex(log["data"][2:]))) for log in logs]


def numbers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32))


def refusal(chain: Chain, sender: LocalSigner, data: bytes) -> str | None:
    call = {"from": sender.address, "to": ESCROW, "data": "0x" + data.hex()}
    answer = chain.node.handle({"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]})
    return NAMES[answer["error"]["data"][2:10]] if "error" in answer else None


def read(chain: Chain, data: bytes) -> bytes:
    return bytes.fromhex(chain.rpc("eth_call", {"to": ESCROW, "data": "0x" + data.hex()}, "latest")[2:])


@pytest.fixture
def escrow(chain: Chain) -> Chain:
    """A chain where Alice has an open channel of 1,000 to Bob."""
    chain.fund(CAROL)
    chain.run(ALICE, Call(ALPHA, 0, encode_approve(ESCROW, 10**9)), Call(ESCROW, 0, opening()))
    return chain


def test_the_life_of_a_channel(chain: Chain) -> None:
    payer, payee = chain.balance(ALICE.address, ALPHA), chain.balance(BOB.address, ALPHA)
    assert refusal(chain, ALICE, opening()) == "InsufficientAllowance"
    chain.run(ALICE, Call(ALPHA, 0, encode_approve(ESCROW, 10**9)))
    (opened,) = run(chain, ALICE, opening())
    assert (opened[0], opened[1][-1]) == ("ChannelOpened", 1_000)
    state = decode(STATE, read(chain, calldata("getChannel(bytes32)", CHANNEL)))
    parties = tuple(to_checksum(party) for party in state[2:6])
    assert (state[:2], parties, state[6:]) == (
        (False, 0),
        (ALICE.address, BOB.address, ALPHA, ZERO_ADDRESS),
        (1_000, 0),
    )
    assert run(chain, BOB, settling(300)) == [("Settled", (300, 300, 300))]
    assert run(chain, ALICE, topping(500)) == [("TopUp", (500, 1_500))]
    assert run(chain, BOB, closing(400)) == [("ChannelClosed", (400, 1_100))]
    assert chain.balance(ALICE.address, ALPHA) == payer - 400
    assert chain.balance(BOB.address, ALPHA) == payee + 400
    assert chain.balance(ESCROW, ALPHA) == 0
    assert numbers(read(chain, calldata("getChannel(bytes32)", CHANNEL))) == (1, 0, 0, 0, 0, 0, 0, 0)
    for sender, data in ((BOB, settling(500)), (ALICE, topping(1)), (ALICE, REQUEST), (ALICE, WITHDRAW)):
        assert refusal(chain, sender, data) == "ChannelFinalized"
    assert refusal(chain, ALICE, opening()) == "ChannelAlreadyExists"


def test_a_forced_close(escrow: Chain) -> None:
    run(escrow, BOB, settling(300))
    assert run(escrow, ALICE, REQUEST) == [("CloseRequested", (escrow.clock.seconds + GRACE_SECONDS,))]
    assert run(escrow, ALICE, REQUEST) == []
    escrow.clock.advance(GRACE_SECONDS - 1)
    assert refusal(escrow, ALICE, WITHDRAW) == "CloseNotReady"
    assert refusal(escrow, BOB, settling(500)) is None
    escrow.clock.advance(1)
    assert refusal(escrow, BOB, WITHDRAW) == "NotPayer"
    assert run(escrow, ALICE, WITHDRAW) == [("ChannelExpired", ()), ("ChannelClosed", (300, 700))]
    assert escrow.balance(ESCROW, ALPHA) == 0


def test_a_top_up_cancels_a_requested_close(escrow: Chain) -> None:
    run(escrow, ALICE, REQUEST)
    assert run(escrow, ALICE, topping(1)) == [("CloseRequestCancelled", ()), ("TopUp", (1, 1_001))]
    assert numbers(read(escrow, calldata("getChannel(bytes32)", CHANNEL)))[1] == 0


@pytest.mark.parametrize(
    ("sender", "data", "error"),
    [
        (ALICE, opening(payee=ZERO_ADDRESS), "InvalidPayee"),
        (ALICE, opening(token=BOB.address), "InvalidToken"),
        (ALICE, opening(deposit=0), "ZeroDeposit"),
        (ALICE, opening(), "ChannelAlreadyExists"),
        (ALICE, settling(10), "NotPayee"),
        (BOB, settling(10, bytes(65)), "InvalidSignature"),
        (BOB, settling(10, b""), "InvalidSignature"),
        (BOB, settling(10, voucher(11)), "InvalidSignature"),
        (BOB, settling(10, voucher(10, BOB)), "InvalidSignature"),
        (BOB, settling(1_001), "AmountExceedsDeposit"),
        (BOB, settling(0), "AmountNotIncreasing"),
        (BOB, settling(10, channel=bytes([9]) * 32), "ChannelNotFound"),
        (BOB, topping(5), "NotPayer"),
        (ALICE, topping(0), "ZeroDeposit"),
        (ALICE, topping(2**128), "DepositOverflow"),
        (BOB, REQUEST, "NotPayer"),
        (ALICE, WITHDRAW, "CloseNotReady"),
        (ALICE, closing(10), "NotPayee"),
        (BOB, closing(1_001), "AmountExceedsDeposit"),
        (BOB, closing(10, voucher(11)), "InvalidSignature"),
        (BOB, closing(0, b""), None),
    ],
)
def test_who_may_do_what(escrow: Chain, sender: LocalSigner, data: bytes, error: str | None) -> None:
    assert refusal(escrow, sender, data) == error


def test_a_close_over_no_more_than_was_settled_needs_no_voucher(escrow: Chain) -> None:
    run(escrow, BOB, settling(300))
    assert run(escrow, BOB, closing(200, b"")) == [("ChannelClosed", (300, 700))]


def test_the_compact_form_of_a_signature_is_taken(escrow: Chain) -> None:
    full = voucher(400)
    packed = int.from_bytes(full[32:64], "big") | (full[64] - 27) << 255
    assert refusal(escrow, BOB, settling(400, full[:32] + packed.to_bytes(32, "big"))) is None


def test_a_delegated_signer(escrow: Chain) -> None:
    run(escrow, ALICE, opening(signer=CAROL.address))
    channel = channel_id(CAROL.address)
    assert refusal(escrow, BOB, settling(5, voucher(5, CAROL, channel), channel)) is None
    assert refusal(escrow, BOB, settling(5, voucher(5, ALICE, channel), channel)) == "InvalidSignature"


def test_the_views(escrow: Chain) -> None:
    batch = read(escrow, calldata("getChannelsBatch(bytes32[])", [CHANNEL, bytes(32)]))
    assert numbers(batch)[:2] == (32, 2)
    assert batch[64:320] == read(escrow, calldata("channels(bytes32)", CHANNEL))
    assert not any(batch[320:])
    parts = (ALICE.address, BOB.address, ALPHA, SALT, ZERO_ADDRESS)
    assert read(escrow, calldata("computeChannelId(address,address,address,bytes32,address)", *parts)) == CHANNEL
    digest = read(escrow, calldata("getVoucherDigest(bytes32,uint128)", CHANNEL, 7))
    assert digest == DOMAIN.digest("0x" + CHANNEL.hex(), 7)
    assert read(escrow, calldata("domainSeparator()")) == DOMAIN.prefix[2:]
    assert read(escrow, calldata("VOUCHER_TYPEHASH()")) == DOMAIN.type_hash
    assert numbers(read(escrow, calldata("CLOSE_GRACE_PERIOD()"))) == (GRACE_SECONDS,)
    kinds = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
    fields = decode(kinds, read(escrow, calldata("eip712Domain()")))
    assert fields == (b"\x0f", "Tempo Stream Channel", "1", CHAIN_ID, ESCROW.lower(), bytes(32), ())
