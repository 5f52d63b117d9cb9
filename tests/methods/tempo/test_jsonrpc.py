"""What a node says, read strictly, and its errors given their meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.methods.tempo.chain import (
    AlreadyKnown,
    ChainError,
    ConfirmationTimeout,
    Reverted,
    TransactionRejected,
    fee_in_token,
)
from mpp_console.methods.tempo.jsonrpc import (
    call_error,
    call_object,
    check_simulation,
    parse_block,
    parse_log,
    parse_quantity,
    parse_receipt,
    send_error,
    simulation_payload,
)
from mpp_console.methods.tempo.tip20 import encode_revert
from mpp_console.methods.tempo.transaction import decode

from .charges import PATH_USD, PAYER, PLATFORM, SPONSOR, Counter

SHORT = "0x" + encode_revert("InsufficientBalance", 5, 7, PATH_USD).hex()
RECEIPT = {
    "transactionHash": "0x" + "AB" * 32,
    "status": "0x1",
    "blockNumber": "0x10",
    "from": PAYER.address.lower(),
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x1",
    "feeToken": PATH_USD.lower(),
    "feePayer": SPONSOR.address.lower(),
    "logs": [{"address": PATH_USD.lower(), "topics": ["0x" + "AA" * 32], "data": "0x01", "logIndex": "0x2"}],
}


def test_a_receipt_is_read_with_addresses_and_hashes_in_one_form() -> None:
    receipt = parse_receipt(RECEIPT)
    assert (receipt.hash, receipt.status, receipt.block_number) == ("0x" + "ab" * 32, True, 16)
    assert (receipt.sender, receipt.fee_token, receipt.fee_payer) == (PAYER.address, PATH_USD, SPONSOR.address)
    assert (receipt.logs[0].address, receipt.logs[0].topics, receipt.logs[0].index) == (
        PATH_USD,
        ("0x" + "aa" * 32,),
        2,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"transactionHash": None},
        {"status": "ok"},
        {"blockNumber": None},
        {"from": "0x12"},
        {"logs": None},
        {"logs": [{}]},
        {"logs": [{"address": PATH_USD, "topics": "0x"}]},
        {"logs": [{"address": PATH_USD, "topics": [], "data": "0x1"}]},
        {"feePayer": "nobody"},
    ],
)
def test_a_receipt_that_makes_no_sense_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(ChainError):
        parse_receipt(RECEIPT | change)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_nothing_a_node_says_crashes_the_reader(answer: Any) -> None:
    for read in (parse_receipt, parse_block, parse_log, parse_quantity, check_simulation):
        try:
            read(answer)
        except ChainError:
            continue
    assert isinstance(call_error(answer), ChainError)
    assert isinstance(send_error(answer), ChainError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x"}, Reverted),
        ({"code": -32000, "message": "insufficient funds for gas"}, Reverted),
        ({"code": -32603, "message": "VM Exception: revert"}, Reverted),
        ({"code": -32005, "message": "limit exceeded"}, ChainError),
        ({"code": -32602, "message": "invalid params"}, ChainError),
    ],
)
def test_a_failed_call_is_a_revert_only_when_execution_would_fail(error: dict[str, Any], kind: type) -> None:
    assert type(call_error(error)) is kind


def test_revert_data_is_decoded() -> None:
    for data in (SHORT, {"data": SHORT}):
        problem = call_error({"code": 3, "message": "execution reverted", "data": data})
        assert isinstance(problem, Reverted)
        assert (problem.name, problem.arguments) == ("InsufficientBalance", (5, 7, PATH_USD))
        assert "holds 5" in problem.message
        assert problem.selector == bytes.fromhex(SHORT[2:10])
    for name in ("InvalidRecipient", "PolicyForbids", "ContractPaused", "Uninitialized"):
        told = call_error({"code": 3, "message": "execution reverted", "data": "0x" + encode_revert(name).hex()})
        assert isinstance(told, Reverted)
        assert told.name == name


def test_texts_of_a_node_are_inert() -> None:
    assert "\x1b" not in call_error({"code": 3, "message": "\x1b[31mred"}).message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": -32000, "message": "already known"}, AlreadyKnown),
        ({"code": -32003, "message": "transaction already imported"}, AlreadyKnown),
        ({"code": -32000, "message": "nonce too low"}, TransactionRejected),
        ({"code": -32003, "message": "invalid signature"}, TransactionRejected),
        ({"code": -32602, "message": "failed to decode signed transaction"}, TransactionRejected),
        ({"code": 4, "message": "the transaction was added to the mempool"}, ConfirmationTimeout),
        ({"code": -32000, "message": "request timed out"}, ConfirmationTimeout),
        ({"code": -32000, "message": "Timeout while waiting"}, ConfirmationTimeout),
        ({"code": -32603, "message": "internal error"}, ChainError),
        ({"code": -32005, "message": "limit exceeded"}, ChainError),
        ({}, ChainError),
    ],
)
def test_sending_is_refused_only_when_the_node_certainly_decided(error: dict[str, Any], kind: type) -> None:
    assert type(send_error(error)) is kind


async def test_calls_state_fees_only_when_asked_and_never_signatures() -> None:
    counter = Counter()
    tx = decode((await counter.prepare(counter.challenge())).raw)
    plain = call_object(tx, PAYER.address, with_fees=False)
    assert {"from", "calls", "chainId", "nonceKey", "nonce", "validBefore", "validAfter", "type"} == set(plain)
    priced = call_object(tx, PAYER.address, with_fees=True)
    assert set(priced) - set(plain) == {"gas", "maxFeePerGas", "maxPriorityFeePerGas", "feeToken"}
    assert "signature" not in str(priced).lower()


async def test_a_sponsored_simulation_carries_the_sponsors_signature_and_the_last_call_on_top() -> None:
    counter = Counter(sponsored=True)
    options = {"fee_payer": True, "splits": [{"recipient": PLATFORM, "amount": 1}]}
    tx = decode((await counter.prepare(counter.challenge(options=options))).raw).cosign(SPONSOR, PATH_USD)
    request = simulation_payload(tx, PAYER.address)["blockStateCalls"][0]["calls"][0]
    assert len(request["calls"]) == 1
    assert request["data"] == "0x" + tx.calls[1].data.hex()
    assert request["to"] == PATH_USD
    assert set(request["feePayerSignature"]) == {"r", "s", "yParity"}
    single = decode((await counter.prepare(counter.challenge(options={"fee_payer": True}))).raw)
    assert "calls" not in simulation_payload(single, PAYER.address)["blockStateCalls"][0]["calls"][0]


def test_a_simulation_must_show_one_success() -> None:
    check_simulation({"blocks": [{"calls": [{"status": "0x1"}]}]})
    with pytest.raises(Reverted) as caught:
        check_simulation({"blocks": [{"calls": [{"status": "0x0", "error": {"message": "reverted", "data": SHORT}}]}]})
    assert caught.value.name == "InsufficientBalance"
    with pytest.raises(Reverted):
        check_simulation({"blocks": [{"calls": [{"status": "0x0"}]}]})
    with pytest.raises(ChainError):
        check_simulation({"blocks": []})


def test_fees_round_up() -> None:
    assert fee_in_token(1, 1) == 1
    assert fee_in_token(10**6, 10**6) == 1
    assert fee_in_token(10**6, 10**6 + 1) == 2
    assert fee_in_token(0, 5) == 0
