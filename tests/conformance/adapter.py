"""Lets the official conformance kit drive this engine: one JSON request on stdin, one JSON response on stdout.

    {"schema": 1, "op": "challenge.parse", "input": {"header": "Payment …"}}
    {"ok": true, "value": {…}}  or  {"ok": false, "error": {"type": "parse_error", "message": "…"}}

Every operation only translates; the engine decides. `adapter.json` beside this file is what the kit reads. The vector
tests call `respond` in this process.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mpp_console.protocol import (
    Challenge,
    ChallengeBinder,
    Credential,
    Currency,
    InvalidChallenge,
    MppError,
    PaymentExpired,
    PaymentProblem,
    Receipt,
    Secret,
    VerificationFailed,
    b64url_decode,
    b64url_encode,
    compute_challenge_id,
    encode_object,
    format_challenge,
    parse_challenges,
    parse_credential,
    parse_receipt,
)

Values = dict[str, Any]

NOT_CLAIMED = {
    "stripe.external_id_binding": "this engine has no card-processor rail",
    "tempo.proof.typed_data": "the kit's vector pins the second version of the proof's domain, which named no account; "
    "this engine signs the third, as every current SDK does",
}
"""Operations of the kit that `adapter.json` leaves out, and why."""


# -- codecs


def challenge_parse(value: Values) -> Values:
    return _challenge_value(parse_challenges(value["header"])[0])


def challenge_format(value: Values) -> Values:
    return {"header": format_challenge(_challenge(value))}


def credential_parse(value: Values) -> Values:
    credential = parse_credential(value["header"])
    return credential.to_dict() | {"challenge": _challenge_value(credential.challenge)}


def credential_format(value: Values) -> Values:
    return {"header": _credential(value).to_header().reveal()}


def receipt_parse(value: Values) -> Values:
    return parse_receipt(value["header"]).to_dict()


def receipt_format(value: Values) -> Values:
    return {"header": Receipt.from_dict(value).to_header().reveal()}


def base64url_encode(value: Values) -> Values:
    return {"text": b64url_encode(value["text"].encode())}


def base64url_decode(value: Values) -> Values:
    return {"text": b64url_decode(value["text"]).decode()}


# -- challenge ids and their verification


def challenge_id(value: Values) -> Values:
    secret = value["secretKey"].encode()
    ChallengeBinder([Secret(secret)])  # refuses a weak secret
    return {"id": _id(secret, value, encode_object(value["request"]), value.get("opaque"))}


def server_verify(value: Values) -> Values:
    """The checks of a gate, in its order, against a route that is given as values."""
    try:
        credential = _credential(value["credential"])
        _check_route(credential.challenge, value)
        if value.get("verificationError"):
            raise VerificationFailed(value["verificationError"])
    except PaymentProblem as problem:
        return {"ok": False, "errorType": problem.slug.replace("-", "_")}
    receipt = Receipt(
        method=credential.challenge.method, reference="conformance-receipt", timestamp="2026-01-29T12:00:00Z"
    )
    return {"ok": True, "receipt": receipt.to_dict()}


def _check_route(challenge: Challenge, route: Values) -> None:
    # Compared by hand, because the kit's routes have secrets that are shorter than a binder takes.
    issued = _id(route["secretKey"].encode(), challenge.to_echo(), challenge.request_b64, challenge.opaque_b64)
    if challenge.id != issued:
        raise InvalidChallenge("the challenge was not issued here")
    route_values = (route["realm"], route["method"], route["intent"], encode_object(route["request"]))
    if (challenge.realm, challenge.method, challenge.intent, challenge.request_b64) != route_values:
        raise InvalidChallenge("the challenge belongs to another route")
    if challenge.opaque_b64 != route.get("opaque") or (route.get("expires") and challenge.expires is None):
        raise InvalidChallenge("the challenge lacks what the route put into it")
    if challenge.is_expired(datetime.now(UTC)):
        raise PaymentExpired


def _id(secret: bytes, value: Mapping[str, Any], request_b64: str, opaque_b64: str | None) -> str:
    return compute_challenge_id(
        secret,
        realm=value["realm"],
        method=value["method"],
        intent=value["intent"],
        request_b64=request_b64,
        expires=value.get("expires"),
        digest=value.get("digest"),
        opaque_b64=opaque_b64,
        header=value.get("header"),
    )


# -- the Tempo rail


def tempo_proof_typed_data(value: Values) -> Values:
    from mpp_console.methods.tempo.typed_data import PROOF_DOMAIN_NAME, PROOF_DOMAIN_VERSION, PROOF_TYPE

    primary, declaration = re.fullmatch(r"(\w+)\((.*)\)", PROOF_TYPE).groups()  # type: ignore[union-attr]
    fields = [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in declaration.split(",")]
    return {
        "domain": {"name": PROOF_DOMAIN_NAME, "version": PROOF_DOMAIN_VERSION, "chainId": value["chainId"]},
        "types": {primary: fields},
        "primaryType": primary,
        "message": {field["name"]: value[field["name"]] for field in fields if field["name"] in value},
    }


def tempo_receipt_verify(value: Values) -> Values:
    """Whether the logs of an included transaction pay the challenge; the kit gives the logs instead of a chain."""
    from mpp_console.methods.tempo.matching import match_receipt
    from mpp_console.methods.tempo.schema import decode_request
    from mpp_console.methods.tempo.tip20 import Log

    challenge = _challenge(value["credential"]["challenge"])
    receipt = value["receipt"]
    logs = [
        Log(address=log["address"], topics=tuple(log["topics"]), data=bytes.fromhex(log["data"][2:]))
        for log in receipt["logs"]
    ]
    if receipt["status"] != "0x1":
        raise VerificationFailed("the transaction reverted")
    match_receipt(logs, decode_request(challenge.request), challenge, sender=None)
    return {"status": "success", "reference": receipt["transactionHash"]}


def tempo_fee_payer_cosign(value: Values) -> Values:
    """Signs as the payer, hands over as bytes, and lets the sponsor judge and sign what it reads back."""
    from mpp_console.methods.tempo.keys import LocalSigner
    from mpp_console.methods.tempo.schema import decode_request
    from mpp_console.methods.tempo.sponsor import SponsorPolicy, cosign
    from mpp_console.methods.tempo.transaction import decode

    now = datetime.now(UTC)
    payer = LocalSigner(Secret(bytes.fromhex(value["payerPrivateKey"][2:])))
    sponsor = LocalSigner(Secret(bytes.fromhex(value["feePayerPrivateKey"][2:])))
    policy = SponsorPolicy(signer=sponsor, fee_tokens=(value["feeToken"],))
    handed = decode(_transaction(value["transaction"], int(now.timestamp())).sign(payer).encode())
    challenge = _challenge(value["challenge"] | {"request": value["request"]}) if "challenge" in value else None
    signed = decode(cosign(handed, decode_request(value["request"]), challenge, policy, now).encode())
    return {
        "type": f"0x{signed.encode()[0]:02x}",
        "feeToken": str(signed.fee_token).lower(),
        "feePayerSignaturePresent": signed.fee_payer() == sponsor.address,
        "accessListLength": len(signed.access_list),
        "callCount": len(signed.calls),
    }


def _transaction(value: Values, now: int) -> Any:
    from mpp_console.methods.tempo.transaction import (
        EXPIRING_NONCE_KEY,
        AccessListItem,
        AwaitingSponsor,
        Call,
        TempoTransaction,
    )

    return TempoTransaction(
        chain_id=value["chainId"],
        max_priority_fee_per_gas=value["maxPriorityFeePerGas"],
        max_fee_per_gas=value["maxFeePerGas"],
        gas=value["gasLimit"],
        calls=tuple(Call(call["to"], call["value"], bytes.fromhex(call["data"][2:])) for call in value["calls"]),
        access_list=tuple(
            AccessListItem(address=address, storage_keys=tuple(bytes.fromhex(key[2:]) for key in keys))
            for address, keys in value["accessList"]
        ),
        nonce_key=EXPIRING_NONCE_KEY if value["nonceKey"] == "max" else value["nonceKey"],
        nonce=value["nonce"],
        valid_before=now + int(value["validBefore"].removeprefix("now+")),
        fee_token=value["feeToken"],
        fee_payer_slot=AwaitingSponsor(),
    )


# -- a paid request over HTTP


def http_payment_request(value: Values) -> Values:
    return asyncio.run(_http_payment_request(value))


async def _http_payment_request(value: Values) -> Values:
    import httpx

    from mpp_console.client.auth import PaymentAuth
    from mpp_console.client.errors import CredentialSpent
    from mpp_console.client.journal import MemoryJournal
    from mpp_console.client.payments import Payments
    from mpp_console.client.policy import SpendingPolicy

    auth: httpx.Auth | None = None
    if value["mode"] != "plain":
        payments = Payments(
            payers=[_GivenPayload(value.get("payment") or {}, value["mode"])],
            policy=SpendingPolicy(confirm_by_default=False),
            journal=MemoryJournal(clock=_now),
            clock=_now,
        )
        auth = PaymentAuth(payments)
    body = value.get("body")
    async with httpx.AsyncClient(auth=auth, follow_redirects=True, trust_env=False) as client:
        try:
            answer = await client.request(
                value["method"],
                value["url"],
                headers=value.get("headers") or {},
                content=None if body is None else body.encode(),
            )
        except CredentialSpent as refused:
            # The kit asks for the server's last answer, which our client gives with its error.
            if refused.response is None:
                raise
            answer = refused.response
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.text}


class _GivenPayload:
    """A rail that pays every `tempo/charge` with the payload that the kit prescribes, and alters the echo when told
    to."""

    method = "tempo"
    intent = "charge"

    def __init__(self, payment: Values, mode: str) -> None:
        self._payload = payment.get("payload") or {}
        self._source = payment.get("source")
        self._mode = mode

    async def quote(self, challenge: Challenge) -> Any:
        from mpp_console.methods.base import Mode, Quote, Transfer

        amount = int(challenge.request.get("amount", 0))
        recipient = str(challenge.request.get("recipient", ""))
        return Quote(
            challenge=challenge, amount=amount, currency=Currency(id="kit", symbol="KIT", decimals=0),
            transfers=(Transfer(recipient=recipient, amount=amount),), network="kit", chain_id=None, payer=None,
            mode=Mode.PULL, expires_at=challenge.expires_at, checks=(),
        )  # fmt: skip

    async def prepare(self, quote: Any) -> Any:
        from mpp_console.methods.base import Prepared

        challenge = quote.challenge
        if self._mode == "mismatched_request":
            challenge = replace(challenge, request_b64=encode_object(challenge.request | {"amount": "1"}))
        elif self._mode == "invalid_challenge_id":
            challenge = challenge.with_id(f"{challenge.id}x")
        credential = Credential(challenge=challenge, payload=self._payload, source=self._source)
        return Prepared(quote=quote, credential=credential, reference=None, trace={})

    async def send(self, prepared: Any) -> Any:
        return prepared.credential

    async def resolve(self, trace: Mapping[str, Any], reference: str | None) -> Any:
        from mpp_console.methods.base import Outcome, OutcomeState

        # The kit's payloads move no money, so a refused one was never a payment.
        return Outcome(state=OutcomeState.NEVER_HAPPENED)


def _now() -> datetime:
    return datetime.now(UTC)


# -- values of the kit


def _challenge(value: Values) -> Challenge:
    return Challenge(
        id=value["id"],
        realm=value["realm"],
        method=value["method"],
        intent=value["intent"],
        request_b64=encode_object(value["request"]),
        description=value.get("description"),
        digest=value.get("digest"),
        expires=value.get("expires"),
        opaque_b64=value.get("opaque"),
        header=value.get("header"),
    )


def _challenge_value(challenge: Challenge) -> Values:
    return challenge.to_echo() | {"request": challenge.request}


def _credential(value: Values) -> Credential:
    return Credential(challenge=_challenge(value["challenge"]), payload=value["payload"], source=value.get("source"))


OPERATIONS: dict[str, tuple[Callable[[Values], Values], str]] = {
    "challenge.parse": (challenge_parse, "parse_error"),
    "challenge.format": (challenge_format, "format_error"),
    "credential.parse": (credential_parse, "parse_error"),
    "credential.format": (credential_format, "format_error"),
    "receipt.parse": (receipt_parse, "parse_error"),
    "receipt.format": (receipt_format, "format_error"),
    "base64url.encode": (base64url_encode, "encoding_error"),
    "base64url.decode": (base64url_decode, "encoding_error"),
    "challenge.id": (challenge_id, "generation_error"),
    "server.verify": (server_verify, "verification_error"),
    "tempo.proof.typed_data": (tempo_proof_typed_data, "generation_error"),
    "tempo.fee_payer.cosign": (tempo_fee_payer_cosign, "verification_error"),
    "tempo.receipt.verify": (tempo_receipt_verify, "verification_error"),
    "tempo.transaction.verify": (tempo_receipt_verify, "verification_error"),
    "http.payment_request": (http_payment_request, "http_error"),
}
"""Every operation that is answered, and the error type of the kit that its refusals have."""


def respond(request: Any) -> Values:
    """The response to one request. Never raises: what is not a refusal of the engine is an `unknown_error`."""
    error_type = "unknown_error"
    try:
        if request["schema"] != 1:
            raise ValueError("only schema 1 is spoken here")
        if request["op"] not in OPERATIONS:
            return _failure(
                "unsupported_operation", NOT_CLAIMED.get(request["op"], f"unknown operation {request['op']}")
            )
        operation, error_type = OPERATIONS[request["op"]]
        return {"ok": True, "value": operation(request["input"])}
    except (MppError, UnicodeDecodeError) as error:
        return _failure(error_type, str(error))
    except Exception as error:
        return _failure("unknown_error", f"{type(error).__name__}: {error}")


def _failure(error_type: str, message: str) -> Values:
    return {"ok": False, "error": {"type": error_type, "message": message}}


def main() -> None:
    try:
        request = json.load(sys.stdin)
    except ValueError as error:
        response = _failure("unknown_error", f"the request is not JSON: {error}")
    else:
        response = respond(request)
    sys.stdout.write(json.dumps(response) + "\n")


if __name__ == "__main__":
    main()
