"""The official vectors for Tempo charges, run against the pure functions of the payee."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mpp_console.methods.tempo.jsonrpc import parse_log
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.matching import match_receipt
from mpp_console.methods.tempo.proofs import sign_proof, verify_proof
from mpp_console.methods.tempo.schema import decode_request
from mpp_console.methods.tempo.sponsor import SponsorPolicy, cosign
from mpp_console.methods.tempo.transaction import (
    EXPIRING_NONCE_KEY,
    AccessListItem,
    AwaitingSponsor,
    Call,
    TempoTransaction,
    decode,
)
from mpp_console.protocol import Challenge, PaymentProblem, Secret, encode_object
from tests import vectors

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def challenge_of(wire: dict[str, Any]) -> Challenge:
    fields = {key: value for key, value in wire.items() if key != "request"}
    return Challenge.from_echo(fields | {"request": encode_object(wire["request"])})


def key(text: str) -> LocalSigner:
    return LocalSigner(Secret(bytes.fromhex(text[2:])))


def seconds(text: Any) -> int:
    return int(NOW.timestamp()) + int(text.removeprefix("now+")) if isinstance(text, str) else text


def build(wire: dict[str, Any]) -> TempoTransaction:
    return TempoTransaction(
        chain_id=wire["chainId"],
        max_priority_fee_per_gas=wire["maxPriorityFeePerGas"],
        max_fee_per_gas=wire["maxFeePerGas"],
        gas=wire["gasLimit"],
        calls=tuple(Call(call["to"], call["value"], bytes.fromhex(call["data"][2:])) for call in wire["calls"]),
        access_list=tuple(
            AccessListItem(address=address, storage_keys=tuple(bytes.fromhex(item[2:]) for item in keys))
            for address, keys in wire["accessList"]
        ),
        nonce_key=EXPIRING_NONCE_KEY if wire["nonceKey"] == "max" else wire["nonceKey"],
        nonce=wire["nonce"],
        valid_before=seconds(wire["validBefore"]),
        fee_token=wire["feeToken"],
        fee_payer_slot=AwaitingSponsor(),
    )


@pytest.mark.parametrize("scenario", vectors.cases("tempo-fee-payer-cosign.json"))
def test_fee_payer_cosign(scenario: dict[str, Any]) -> None:
    given, expected = scenario["input"], scenario["expected"]
    policy = SponsorPolicy(signer=key(given["feePayerPrivateKey"]), fee_tokens=(given["feeToken"],))
    handed = decode(build(given["transaction"]).sign(key(given["payerPrivateKey"])).encode_handoff())
    challenge = challenge_of(given["challenge"]) if "challenge" in given else None
    request = decode_request(given["request"])
    if not expected["ok"]:
        with pytest.raises(PaymentProblem, match=expected["error"]["messageContains"]):
            cosign(handed, request, challenge, policy, NOW)
        return
    signed = cosign(handed, request, challenge, policy, NOW)
    assert signed.fee_token is not None
    assert {
        "type": f"0x{signed.encode()[0]:02x}",
        "feeToken": signed.fee_token.lower(),
        "feePayerSignaturePresent": signed.fee_payer() == policy.signer.address,
        "accessListLength": len(signed.access_list),
        "callCount": len(signed.calls),
    } == expected["value"]


@pytest.mark.parametrize(
    "scenario",
    [*vectors.cases("tempo-receipt-verification.json"), *vectors.cases("tempo-transaction-verification.json")],
)
def test_receipt_verification(scenario: dict[str, Any]) -> None:
    given, expected = scenario["input"], scenario["expected"]
    challenge = challenge_of(given["credential"]["challenge"])
    logs = [parse_log(log) for log in given["receipt"]["logs"]]
    if expected["ok"]:
        assert match_receipt(logs, decode_request(challenge.request), challenge, sender=None)
        assert expected["value"] == {"status": "success", "reference": given["receipt"]["transactionHash"]}
    else:
        with pytest.raises(PaymentProblem) as caught:
            match_receipt(logs, decode_request(challenge.request), challenge, sender=None)
        assert caught.value.slug == "verification-failed"


def test_proof_version_3() -> None:
    given = vectors.load("extra/tempo-proof-v3.mppx.json")
    challenge = Challenge.create(
        id=given["challengeId"], realm=given["realm"], method="tempo", intent="charge", request={"amount": "0"}
    )
    signature = sign_proof(key(given["privateKey"]), challenge, given["chainId"])
    assert signature == given["signature"]
    verify_proof(bytes.fromhex(signature[2:]), challenge, given["chainId"], given["account"])
