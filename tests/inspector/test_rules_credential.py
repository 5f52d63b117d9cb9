"""Credentials and receipts that are pasted: each rule broken by one, and none by a good one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mpp_console.inspector.decode import decode
from mpp_console.inspector.rules_credential import credential_findings, receipt_findings
from mpp_console.methods.tempo.session_receipts import SessionReceiptFacts, session_receipt
from mpp_console.protocol import Challenge, Credential, Receipt
from mpp_console.protocol import FindingLevel as L
from tests.inspector.bad_servers import DESCRIPTOR, ESCROW, REQUEST, SELLER, SNAPSHOT

SOURCE = f"did:pkh:eip155:42431:{SELLER}"
CHANNEL = str(SNAPSHOT["channelId"])
LOW = "0x" + "00" * 31 + "01" + "00" * 31 + "02" + "1b"
HIGH = "0x" + "00" * 31 + "01" + "f" * 64 + "1b"
COMPACT = "0x" + "00" * 31 + "01" + "80" + "00" * 30 + "02"
OPEN: dict[str, Any] = {
    "action": "open",
    "type": "transaction",
    "channelId": CHANNEL,
    "transaction": "0x76c0",
    "descriptor": DESCRIPTOR,
    "cumulativeAmount": "0",
    "signature": LOW,
}
VOUCHER: dict[str, Any] = {"action": "voucher", "channelId": CHANNEL, "cumulativeAmount": "5", "signature": LOW}


def charge(payload: dict[str, Any], source: str | None = SOURCE, amount: str = "10000", **details: Any) -> Credential:
    request = {**REQUEST, "amount": amount, "methodDetails": {"chainId": 42431, **details}}
    return paid("charge", request, payload, source)


def session(payload: dict[str, Any]) -> Credential:
    details = {"chainId": 42431, "escrowContract": ESCROW, "sessionProtocol": "v2"}
    return paid("session", {**REQUEST, "methodDetails": details}, payload, SOURCE)


def paid(intent: str, request: dict[str, Any], payload: dict[str, Any], source: str | None) -> Credential:
    challenge = Challenge.create(
        id="id-1", realm="api.example", method="tempo", intent=intent, request=request, expires="2026-05-01T12:05:00Z"
    )
    return Credential(challenge=challenge, payload=payload, source=source)


TRANSACTION = {"type": "transaction", "signature": "0xs3cret"}
HASH = {"type": "hash", "hash": "0x" + "ab" * 32}
PROOF = {"type": "proof", "signature": "0xs3cret"}


@pytest.mark.parametrize(
    "credential",
    [
        charge(TRANSACTION),
        charge(TRANSACTION, None),
        charge(HASH, supportedModes=["push"]),
        charge(TRANSACTION, feePayer=True),
        charge(PROOF, amount="0"),
        session(OPEN),
        session(VOUCHER),
        session({**VOUCHER, "signature": COMPACT}),
        session({**VOUCHER, "descriptor": DESCRIPTOR}),
        session({"action": "topUp", "type": "transaction", "channelId": CHANNEL, "transaction": "0x76c0",
                 "additionalDeposit": "7"}),
    ],
)  # fmt: skip
def test_good_ones_break_nothing(credential: Credential) -> None:
    assert credential_findings(credential) == ()


@pytest.mark.parametrize(
    ("credential", "name", "level", "says"),
    [
        (charge({"type": "wish"}), "credential-type", L.FAIL, "wish"),
        (charge(PROOF), "credential-type", L.FAIL, "pays for nothing"),
        (charge(TRANSACTION, amount="0"), "credential-type", L.FAIL, "only by one"),
        (charge(HASH, supportedModes=["pull"]), "credential-mode", L.FAIL, "by push"),
        (charge(TRANSACTION, supportedModes=["push"]), "credential-mode", L.FAIL, "by pull"),
        (charge(HASH, feePayer=True), "credential-mode", L.FAIL, "pay its fee"),
        (charge(PROOF, None, amount="0"), "credential-source", L.FAIL, "whose"),
        (charge(PROOF, "me", amount="0"), "credential-source", L.FAIL, "did:pkh"),
        (charge(TRANSACTION, "me"), "credential-source", L.WARN, "did:pkh"),
        (charge(TRANSACTION, f"did:pkh:eip155:1:{SELLER}"), "credential-source", L.WARN, "chain 1,"),
        (session({"action": "borrow", "channelId": CHANNEL}), "credential-session", L.FAIL, "payload"),
        (session({**VOUCHER, "channelId": CHANNEL.upper().replace("X", "x")}), "credential-session", L.WARN, "lower"),
        (session({**VOUCHER, "cumulativeAmount": str(1 << 96)}), "credential-session", L.FAIL, "96 bits"),
        (session({**OPEN, "descriptor": None}), "credential-session", L.FAIL, "no descriptor"),
        (session({**OPEN, "channelId": "0x" + "01" * 32}), "credential-session", L.FAIL, "not the id"),
        (session({**VOUCHER, "signature": HIGH}), "credential-signature", L.FAIL, "malleable"),
        (session({**VOUCHER, "signature": "0x" + "01" * 70}), "credential-signature", L.WARN, "70 bytes"),
    ],
)
def test_every_rule_is_broken_by_one(credential: Credential, name: str, level: L, says: str) -> None:
    found = credential_findings(credential)
    assert [(each.id, each.level) for each in found] == [(name, level)]
    assert says in found[0].text
    assert found[0].spec
    assert "s3cret" not in repr(found)


def test_other_rails_are_not_judged_by_this_one() -> None:
    challenge = Challenge.create(id="i", realm="r", method="stripe", intent="charge", request={"amount": "1"})
    assert credential_findings(Credential(challenge=challenge, payload={})) == ()


def test_receipts_of_sessions() -> None:
    facts = SessionReceiptFacts(channel_id=CHANNEL, challenge_id="c", accepted=10, spent=7)
    good = session_receipt(facts, timestamp="2026-05-01T12:00:00Z")
    assert receipt_findings(good) == ()

    def changed(**extra: Any) -> list[tuple[str, L]]:
        receipt = Receipt(
            method="tempo", reference=CHANNEL, timestamp=good.timestamp, extra={**good.extra, **extra}
        )  # fmt: skip
        return [(each.id, each.level) for each in receipt_findings(receipt)]

    assert changed(spent="11") == [("session-receipt", L.FAIL)]
    assert changed(acceptedCumulative=10) == [("session-receipt", L.FAIL)]
    assert changed(channelId="0x" + "01" * 32) == [("session-receipt", L.FAIL)]
    assert changed(challengeId=None) == [("session-receipt", L.WARN)]
    charged = Receipt(method="tempo", reference="0xfeed", timestamp=good.timestamp)
    assert receipt_findings(charged) == ()


def test_they_are_told_when_one_is_pasted() -> None:
    found = decode(charge(PROOF).to_header().reveal(), datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert found.worst is L.FAIL
    assert [each.id for each in found.findings if each.level is L.FAIL] == ["credential-type"]
