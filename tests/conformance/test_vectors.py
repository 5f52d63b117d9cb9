"""The official conformance vectors, through the adapter that the official kit would use.

A scenario's `tests` say what is asked of it: parse, format (compared by meaning), roundtrip, or an error of a named
type. Where the vectors are is in `tests.vectors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import vectors

from .adapter import NOT_CLAIMED, OPERATIONS, respond

CODECS = {
    "www-authenticate": ("challenge.parse", "challenge.format"),
    "authorization": ("credential.parse", "credential.format"),
    "receipt": ("receipt.parse", "receipt.format"),
    "base64url": ("base64url.decode", "base64url.encode"),
}
SINGLE = {
    "challenge-id": "challenge.id",
    "tempo-fee-payer-cosign": "tempo.fee_payer.cosign",
    "tempo-receipt-verification": "tempo.receipt.verify",
    "tempo-transaction-verification": "tempo.transaction.verify",
}
SERVER = "server-verification"
NOT_RUN = {"tempo-proof": "tempo.proof.typed_data", "stripe-external-id-binding": "stripe.external_id_binding"}
"""Vector files that are not run as they stand, by the operation that `NOT_CLAIMED` explains."""


class Case(NamedTuple):
    """One question: `op` on `value` gives `expected`, or is refused with the error type `error`."""

    name: str
    op: str
    value: Any
    expected: Any = None
    error: str | None = None
    message: str = ""
    reread: str | None = None


def scenarios(file: str) -> list[dict[str, Any]]:
    path = vectors.FOLDER / f"{file}.json"
    document = json.loads(path.read_text()) if path.is_file() else {}
    return list(document.get("scenarios") or document.get("cases") or [])


def wire_of(scenario: dict[str, Any]) -> Any:
    wire = scenario.get("wire", scenario.get("encoded"))
    if isinstance(wire, dict):
        return wire["prefix"] + wire["repeat"] * wire["count"] + wire.get("suffix", "")
    return wire


def codec_cases(file: str) -> Iterator[Case]:
    parse, format_ = CODECS[file]
    text = file == "base64url"
    for scenario in scenarios(file):
        wire = {"text" if text else "header": wire_of(scenario)}
        value = {"text": scenario["decoded"]} if "decoded" in scenario else scenario.get("object")
        for kind, wanted in scenario["tests"].items():
            name = f"{file}-{scenario['name']}-{kind}"
            error = wanted["error_type"] if isinstance(wanted, dict) else None
            if kind == "parse":
                yield Case(name, parse, wire, value, error)
            elif kind == "format":
                yield Case(name, format_, value, wire if text else value, error, reread=None if text else parse)
            else:
                yield Case(name, format_, value, value, reread=parse)


def single_cases(file: str) -> Iterator[Case]:
    for scenario in scenarios(file):
        name = f"{file}-{scenario['name']}"
        expected = scenario.get("expected")
        if expected is None:
            yield Case(name, SINGLE[file], scenario["input"], error=scenario["tests"]["generate"]["error_type"])
        elif isinstance(expected, str):
            yield Case(name, SINGLE[file], scenario["input"], {"id": expected})
        elif expected["ok"]:
            yield Case(name, SINGLE[file], scenario["input"], expected["value"])
        else:
            wanted = expected["error"]
            message = wanted.get("messageContains", "")
            yield Case(name, SINGLE[file], scenario["input"], error=wanted["type"], message=message)


def server_cases() -> Iterator[Case]:
    for scenario in scenarios(SERVER):
        yield Case(f"{SERVER}-{scenario['name']}", "server.verify", scenario["input"], scenario["expected"])


CASES = [
    *(case for file in CODECS for case in codec_cases(file)),
    *(case for file in SINGLE for case in single_cases(file)),
    *server_cases(),
]


def call(op: str, value: Any) -> dict[str, Any]:
    return respond({"schema": 1, "op": op, "input": value})


def test_every_vector_file_is_run_or_explained() -> None:
    vectors.require()
    files = {path.stem for path in vectors.FOLDER.glob("*.json")}
    assert files == {*CODECS, *SINGLE, SERVER, *NOT_RUN}
    assert len(CASES) >= 140
    assert set(NOT_RUN.values()) <= set(NOT_CLAIMED)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vector(case: Case) -> None:
    answer = call(case.op, case.value)
    if case.error is not None:
        assert not answer["ok"]
        assert answer["error"]["type"] == case.error
        assert case.message in answer["error"]["message"]
        return
    assert answer["ok"], answer
    if case.reread is not None:
        answer = call(case.reread, answer["value"])
    assert answer == {"ok": True, "value": case.expected}


def test_the_dated_proof_vector_differs_in_version_and_account_only() -> None:
    vectors.require()
    account = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"
    for scenario in scenarios("tempo-proof"):
        dated = scenario["expected"]["value"]
        ours = call("tempo.proof.typed_data", scenario["input"] | {"account": account})["value"]
        assert dated["domain"] == ours["domain"] | {"version": "2"}
        assert ours["domain"]["version"] == "3"
        assert ours["types"]["Proof"] == [{"name": "account", "type": "address"}, *dated["types"]["Proof"]]
        assert ours["message"] == dated["message"] | {"account": account}
        assert ours["primaryType"] == dated["primaryType"]


def test_the_current_proof_vector_is_what_we_sign() -> None:
    vectors.require()
    from mpp_console.methods.tempo.typed_data import proof_digest

    vector = vectors.load("extra/tempo-proof-v3.mppx.json")
    ours = call(
        "tempo.proof.typed_data", {name: vector[name] for name in ("chainId", "challengeId", "realm", "account")}
    )
    assert ours["value"]["domain"] == vector["domain"]
    digest = proof_digest(vector["chainId"], vector["account"], vector["challengeId"], vector["realm"])
    assert f"0x{digest.hex()}" == vector["digest"]


def test_operations_that_are_not_claimed_say_so() -> None:
    assert call("stripe.external_id_binding", {})["error"] == {
        "type": "unsupported_operation",
        "message": NOT_CLAIMED["stripe.external_id_binding"],
    }
    manifest = json.loads(Path(__file__).with_name("adapter.json").read_text())
    assert set(manifest["capabilities"]) == OPERATIONS.keys() - NOT_CLAIMED.keys()
