"""The official vectors for Tempo charges, run against the pure functions of the payee."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
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

VECTORS = Path(os.environ.get("MPP_VECTORS", "../shared/vectors"))
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def scenarios(name: str) -> Iterator[Any]:
    path = VECTORS / name
    if path.exists():
        for scenario in json.loads(path.read_text())["scenarios"]:
            yield pytest.param(scenario, id=scenario["name"])
    elif os.environ.get("CI"):
        yield pytest.param(None, id=f"{name} is missing")
    else:
        yield pytest.param(None, id=name, marks=pytest.mark.skip(reason=f"the official vectors are not at {VECTORS}"))


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


@pytest.mark.parametrize("scenario", scenarios("tempo-fee-payer-cosign.json"))
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
    [*scenarios("tempo-receipt-verification.json"), *scenarios("tempo-transaction-verification.json")],
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


def proof_vectors() -> Iterator[Any]:
    path = VECTORS / "extra" / "tempo-proof-v3.mppx.json"
    if path.exists() or os.environ.get("CI"):
        yield pytest.param(path, id="version 3")
    else:
        yield pytest.param(path, marks=pytest.mark.skip(reason=f"the official vectors are not at {VECTORS}"))


@pytest.mark.parametrize("path", proof_vectors())
def test_proof_version_3(path: Path) -> None:
    given = json.loads(path.read_text())
    challenge = Challenge.create(
        id=given["challengeId"], realm=given["realm"], method="tempo", intent="charge", request={"amount": "0"}
    )
    signature = sign_proof(key(given["privateKey"]), challenge, given["chainId"])
    assert signature == given["signature"]
    verify_proof(bytes.fromhex(signature[2:]), challenge, given["chainId"], given["account"])
