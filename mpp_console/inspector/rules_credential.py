"""Rules about what is pasted besides challenges: credentials and receipts of Tempo (tempo charge and session drafts).
Pure. Nothing of a proof gets into a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mpp_console.inspector.rule import TEXT_LIMIT, InspectFinding
from mpp_console.methods.tempo.channels import MAX_RESERVE_AMOUNT
from mpp_console.methods.tempo.session_payloads import OpenPayload, SessionPayload, TopUpPayload, decode_session_payload
from mpp_console.methods.tempo.session_receipts import read_session_receipt
from mpp_console.protocol import Credential, ParseError, Receipt, inert, parse_account_did
from mpp_console.protocol import FindingLevel as L

__all__ = ["credential_findings", "receipt_findings"]

_CHARGE: Final = "tempo charge"
_SESSION: Final = "tempo session"
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Of secp256k1: a signature whose s is above it has a twin (session draft, "Signature Malleability")."""
_TYPES: Final = ("transaction", "hash", "proof")


def credential_findings(credential: Credential) -> tuple[InspectFinding, ...]:
    """What a client's own credential breaks. Nothing for other rails than Tempo, whose payloads are not known here."""
    request = credential.challenge.request
    match credential.key:
        case "tempo/charge":
            return (*_charge_payload(credential, request), *_source(credential, request))
        case "tempo/session":
            return tuple(_session_payload(credential, request))
    return ()


def receipt_findings(receipt: Receipt) -> tuple[InspectFinding, ...]:
    """What a session's receipt breaks; one of a charge has no members but those that the scheme has."""
    if receipt.method != "tempo" or not ("channelId" in receipt.extra or receipt.extra.get("intent") == "session"):
        return ()
    spec = f"{_SESSION} §Receipt Generation"
    try:
        facts = read_session_receipt(receipt)
    except ParseError as error:
        fix = "send channelId, acceptedCumulative and spent as text, and the channel as reference"
        return (_finding("session-receipt", L.FAIL, error.message, spec, fix),)
    if facts.challenge_id is None:
        text = "the receipt does not name its challenge, so that nobody can tell what it was for"
        return (_finding("session-receipt", L.WARN, text, spec, "send challengeId"),)
    return ()


def _charge_payload(credential: Credential, request: Mapping[str, Any]) -> Iterator[InspectFinding]:
    kind, free = credential.payload.get("type"), request.get("amount") == "0"
    spec = f"{_CHARGE} §Credential Schema"
    if kind not in _TYPES:
        text = f"the payload's type is {kind!r:.40}, none of {', '.join(_TYPES)}"
        yield _finding("credential-type", L.FAIL, text, spec, "send type transaction, hash or proof")
        return
    if (kind == "proof") is not free:
        text = "a charge of nothing is answered by a proof, and only by one" if free else "a proof pays for nothing"
        yield _finding("credential-type", L.FAIL, text, f"{_CHARGE} §Proof Payload", "send a proof for amount 0 only")
        return
    found = request.get("methodDetails")
    details = found if isinstance(found, Mapping) else {}
    modes, mode = details.get("supportedModes"), {"transaction": "pull", "hash": "push"}.get(kind)
    if mode and isinstance(modes, list) and mode not in modes:
        text = f"the payment is made by {mode}, which the challenge does not take"
        yield _finding("credential-mode", L.FAIL, text, f"{_CHARGE} §Submission Modes", "use a mode that is offered")
    if kind == "hash" and details.get("feePayer") is True:
        text = "the client sent the transaction itself where the server was to pay its fee"
        yield _finding("credential-mode", L.FAIL, text, f"{_CHARGE} §Hash Payload", "send a transaction instead")


def _source(credential: Credential, request: Mapping[str, Any]) -> Iterator[InspectFinding]:
    proof, spec = credential.payload.get("type") == "proof", f"{_CHARGE} §Credential Schema"
    fix = "send source: did:pkh:eip155:<chain id>:<address>"
    if credential.source is None:
        if proof:
            yield _finding("credential-source", L.FAIL, "a proof does not say whose it is", spec, fix)
        return
    try:
        account = parse_account_did(credential.source)
    except ParseError as error:
        yield _finding("credential-source", L.FAIL if proof else L.WARN, error.message, spec, fix)
        return
    details = request.get("methodDetails")
    chain_id = details.get("chainId") if isinstance(details, Mapping) else None
    if type(chain_id) is int and account.chain_id != chain_id:
        text = f"the payer is an account of chain {account.chain_id}, the challenge is on chain {chain_id}"
        yield _finding("credential-source", L.FAIL if proof else L.WARN, text, spec, fix)


def _session_payload(credential: Credential, request: Mapping[str, Any]) -> Iterator[InspectFinding]:
    spec = f"{_SESSION} §Payload Actions"
    try:
        payload = decode_session_payload(credential.payload)
    except ParseError as error:
        fix = "send action, channelId and what the action needs"
        yield _finding("credential-session", L.FAIL, error.message, spec, fix)
        return
    if credential.payload.get("channelId") != payload.channel_id:
        text = "channelId is not in lower case"
        yield _finding("credential-session", L.WARN, text, f"{_SESSION} §Encoding Conventions", "write hex in small")
    found = request.get("methodDetails")
    details = found if isinstance(found, Mapping) else {}
    yield from _channel(payload, details)
    if not isinstance(payload, TopUpPayload):
        yield from _signature(payload.signature)


def _channel(payload: SessionPayload, details: Mapping[str, Any]) -> Iterator[InspectFinding]:
    """Only of the channel reserve, whose descriptor the payload carries."""
    if details.get("sessionProtocol") != "v2":
        return
    spec = f"{_SESSION} §Precompile-Backed Channel State"
    amount = payload.additional if isinstance(payload, TopUpPayload) else payload.cumulative
    if amount > MAX_RESERVE_AMOUNT:
        yield _finding("credential-session", L.FAIL, "the amount is more than a channel can hold (96 bits)", spec, "")
    if payload.descriptor is None:
        if isinstance(payload, OpenPayload):
            text = "the open has no descriptor, without which a server cannot tell the channel"
            yield _finding("credential-session", L.FAIL, text, spec, "send the descriptor of the channel")
        return
    escrow, chain_id = details.get("escrowContract"), details.get("chainId")
    if not isinstance(escrow, str) or type(chain_id) is not int:
        return
    try:
        same = payload.descriptor.channel_id(escrow=escrow.lower(), chain_id=chain_id) == payload.channel_id
    except (ValueError, OverflowError, ParseError):
        return
    if not same:
        text = "channelId is not the id of the descriptor on that escrow and chain"
        yield _finding("credential-session", L.FAIL, text, spec, "compute the id from the descriptor")


def _signature(signature: str) -> Iterator[InspectFinding]:
    raw, spec = bytes.fromhex(signature[2:]), f"{_SESSION} §Signature Malleability"
    if len(raw) not in (64, 65):
        text = f"the voucher's signature has {len(raw)} bytes, neither 64 nor 65"
        yield _finding("credential-signature", L.WARN, text, f"{_SESSION} §Encoding Conventions", "")
        return
    s = int.from_bytes(raw[32:64], "big")
    # The compact form keeps the parity in the highest bit.
    if (s & ~(1 << 255) if len(raw) == 64 else s) > _HALF_ORDER:
        text = "the voucher's signature is malleable: its s is in the upper half"
        yield _finding("credential-signature", L.FAIL, text, spec, "sign with a library that gives low s")


def _finding(name: str, level: L, text: str, spec: str, fix: str) -> InspectFinding:
    return InspectFinding(id=name, level=level, text=inert(text, limit=TEXT_LIMIT), spec=spec, fix=fix)
