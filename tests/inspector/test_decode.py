"""Anything pasted: recognised, read, secrets masked, and never a crash."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.inspector.decode import PASTE_LIMIT, DecodedKind, decode
from mpp_console.protocol import Challenge, Credential, FindingLevel, Receipt, encode_object
from tests.inspector.bad_servers import NOW, PRICE, REQUEST, document, line, required

CHALLENGE = Challenge.create(
    id="id-1", realm="api.example", method="tempo", intent="charge", request=REQUEST, expires="2026-05-01T12:05:00Z"
)
CREDENTIAL = Credential(
    challenge=CHALLENGE,
    payload={"type": "transaction", "signature": "0xs3cret"},
    source="did:pkh:eip155:42431:0x742d35Cc6634c0532925a3b844bC9e7595F8fE00",
)
RECEIPT = Receipt(method="tempo", reference="0xfeed", timestamp="2026-05-01T12:00:00Z")
HEAD = required().decode().replace("\r\n", "\n")


def capability(methods: object) -> dict[str, Any]:
    return {"capabilities": {"experimental": {"payment": {"methods": methods}}}}


def rpc(**data: Any) -> str:
    message = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32042, "message": "Payment Required", "data": data}}
    return json.dumps(message)


NATIVE = {**CHALLENGE.to_echo(), "request": REQUEST}


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def entry(status: int, *fields: tuple[str, str], url: str = "https://127.0.0.1/paid") -> dict[str, Any]:
    return {
        "request": {"method": "GET", "url": url, "headers": []},
        "response": {
            "status": status,
            "statusText": "x",
            "headers": [{"name": name, "value": value} for name, value in fields],
            "content": {"text": base64.b64encode(b"{}").decode(), "encoding": "base64"},
        },
        "time": 12.5,
    }


@pytest.mark.parametrize(
    ("text", "kind", "note"),
    [
        ("https://api.example/x?y=1", DecodedKind.URL, "a URL"),
        ("api.example:8080/x", DecodedKind.URL, "a URL"),
        ("localhost:4021", DecodedKind.URL, "a URL"),
        ("curl https://api.example/x", DecodedKind.CURL, "GET https://api.example/x"),
        ("$ curl -X PUT 'https://api.example/x'", DecodedKind.CURL, "PUT"),
        ("curl 'https://never", DecodedKind.UNKNOWN, "never closed"),
        ("curl -s", DecodedKind.UNKNOWN, "names no URL"),
        (HEAD, DecodedKind.RESPONSE, "status 402"),
        ("HTTP/2 402\nwww-authenticate: " + line(), DecodedKind.RESPONSE, "status 402"),
        ("HTTP/1.1 200 Connection established\n\n" + HEAD, DecodedKind.RESPONSE, "status 402"),
        (f"WWW-Authenticate: {line()}", DecodedKind.CHALLENGE, "a challenge"),
        (f"www-authenticate: {line()}\nwww-authenticate: {line(id='b')}", DecodedKind.CHALLENGE, "2 challenges"),
        (line(), DecodedKind.CHALLENGE, "a challenge"),
        (json.dumps(CHALLENGE.to_echo()), DecodedKind.CHALLENGE, "a challenge"),
        (f"Authorization: {CREDENTIAL.to_header().reveal()}", DecodedKind.CREDENTIAL, "tempo/charge"),
        (f"Payment-Authorization: {CREDENTIAL.to_header().reveal()}", DecodedKind.CREDENTIAL, "tempo/charge"),
        (CREDENTIAL.to_header().reveal(), DecodedKind.CREDENTIAL, "tempo/charge"),
        (CREDENTIAL.to_header().reveal().removeprefix("Payment "), DecodedKind.CREDENTIAL, "tempo/charge"),
        (json.dumps(CREDENTIAL.to_dict()), DecodedKind.CREDENTIAL, "tempo/charge"),
        (f"Payment-Receipt: {RECEIPT.to_header().reveal()}", DecodedKind.RECEIPT, "0xfeed"),
        (RECEIPT.to_header().reveal(), DecodedKind.RECEIPT, "0xfeed"),
        (json.dumps(RECEIPT.to_dict()), DecodedKind.RECEIPT, "0xfeed"),
        ('{"type":"about:blank","title":"No","status":400,"detail":"d"}', DecodedKind.PROBLEM, "No"),
        (encode_object(REQUEST), DecodedKind.OBJECT, "a JSON object"),
        (har(entry(200), entry(402, ("WWW-Authenticate", line()))), DecodedKind.HAR, "a HAR of 2 requests"),
        (json.dumps(entry(402, ("WWW-Authenticate", line()))), DecodedKind.HAR, "a HAR of 1 request"),
        (rpc(httpStatus=402, challenges=[NATIVE]), DecodedKind.RPC, "asks for payment: a challenge"),
        (rpc(httpStatus=402, challenges=[]), DecodedKind.RPC, "no challenge"),
        ('{"jsonrpc":"2.0","result":{}}', DecodedKind.RPC, "nothing of payment"),
        (
            json.dumps({"result": {"_meta": {"org.paymentauth/receipt": RECEIPT.to_dict()}}, "jsonrpc": "2.0"}),
            DecodedKind.RPC,
            "0xfeed",
        ),
        ("{broken", DecodedKind.UNKNOWN, "not valid JSON"),
        ("hello world", DecodedKind.UNKNOWN, "no URL"),
        ("", DecodedKind.UNKNOWN, "no URL"),
        ("x" * (PASTE_LIMIT + 1), DecodedKind.UNKNOWN, "at most"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else value.value,
)
def test_what_a_text_is(text: str, kind: DecodedKind, note: str) -> None:
    decoded = decode(text, NOW)
    assert decoded.kind is kind
    assert note in decoded.note
    json.dumps(decoded.to_dict())


def test_the_proof_of_a_credential_is_masked() -> None:
    decoded = decode(CREDENTIAL.to_header().reveal(), NOW)
    assert decoded.value["payload"] == {"type": "transaction", "signature": "(hidden)"}
    assert decoded.value["challenge"]["request"]["amount"] == "10000"
    assert "s3cret" not in repr(decoded)
    meta = {"jsonrpc": "2.0", "params": {"_meta": {"org.paymentauth/credential": CREDENTIAL.to_dict()}}}
    assert "s3cret" not in repr(decode(json.dumps(meta), NOW))


@pytest.mark.parametrize(
    ("command", "method", "url", "body", "headers"),
    [
        ("curl u.example", "GET", "http://u.example", b"", {}),
        (
            "curl -d a=1 -d b=2 https://u.example",
            "POST",
            "https://u.example",
            b"a=1&b=2",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        (
            "curl --json '{\"a\":1}' https://u.example",
            "POST",
            "https://u.example",
            b'{"a":1}',
            {"Content-Type": "application/json"},
        ),
        ("curl -G -d q=1 https://u.example/x", "GET", "https://u.example/x?q=1", b"", {}),
        (
            "curl -sXPATCH https://u.example -H 'X-A: 1' \\\n -H 'X-B:2'",
            "PATCH",
            "https://u.example",
            b"",
            {"X-A": "1", "X-B": "2"},
        ),
        ("curl -I https://u.example -o /dev/null --max-time 3", "HEAD", "https://u.example", b"", {}),
        ("curl --url=https://u.example --request=DELETE", "DELETE", "https://u.example", b"", {}),
        ("curl -u me:pw https://u.example", "GET", "https://u.example", b"", {"Authorization": "Basic bWU6cHc="}),
        (
            "curl --data-urlencode 'q=a b' https://u.example",
            "POST",
            "https://u.example",
            b"q=a+b",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        (
            "curl --data-raw @x https://u.example",
            "POST",
            "https://u.example",
            b"@x",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
    ],
)
def test_a_curl_command_becomes_its_request(
    command: str, method: str, url: str, body: bytes, headers: dict[str, str]
) -> None:
    inquiry = decode(command, NOW).inquiry
    assert inquiry is not None
    assert (inquiry.method, inquiry.url, inquiry.body, dict(inquiry.headers)) == (method, url, body, headers)


def test_a_curl_command_opens_no_file_and_says_so() -> None:
    decoded = decode("curl -L -d @/etc/passwd -F x=@y https://u.example", NOW)
    assert "@/etc/passwd" in decoded.note
    assert decoded.inquiry is not None
    assert decoded.inquiry.body == b""
    assert decoded.follow_redirects


def test_a_trace_of_curl_gives_request_and_answer() -> None:
    progress = "  % Total    % Received\n  0     0    0     0 --:--:-- --:--:-- 0\r\r"
    sent = f"{progress}* Connected\n* TLS 1.3\n> GET /paid HTTP/1.1\n> Host: 127.0.0.1\n>\n"
    trace = f"{sent}< HTTP/1.1 402 Payment Required\n< WWW-Authenticate: {line()}\n<\n{{ [2 bytes data]\n{{}}"
    decoded = decode(trace, NOW)
    assert decoded.case is not None
    assert decoded.case.evidence.inquiry.url == "https://127.0.0.1/paid"
    assert decoded.case.answer.body == b"{}"
    assert len(decoded.case.offers) == 1


def ids(text: str, *levels: FindingLevel) -> set[str]:
    return {finding.id for finding in decode(text, NOW).findings if finding.level in levels}


def test_a_pasted_answer_is_judged_as_a_whole_and_a_challenge_by_itself() -> None:
    assert ids(HEAD, FindingLevel.FAIL, FindingLevel.WARN) == set()
    assert "cacheable-challenge" in ids(f"HTTP/1.1 402 x\nWWW-Authenticate: {line()}\n\n", FindingLevel.FAIL)
    assert ids(line(), FindingLevel.FAIL, FindingLevel.WARN) == set()
    assert ids(line(method="Tempo"), FindingLevel.FAIL) == {"method-capitals"}
    assert "cacheable-challenge" in ids(har(entry(402, ("WWW-Authenticate", line()))), FindingLevel.FAIL)


def test_json_rpc_has_rules_of_its_own() -> None:
    assert ids(rpc(httpStatus=402, challenges=[NATIVE]), FindingLevel.FAIL, FindingLevel.WARN) == set()
    assert ids(rpc(challenges=[NATIVE]), FindingLevel.WARN) == {"rpc-status"}
    assert ids(rpc(httpStatus=402), FindingLevel.FAIL) == {"rpc-no-challenge"}
    assert ids(rpc(httpStatus=402, challenges=[{"id": ""}]), FindingLevel.FAIL) == {"rpc-challenge"}
    assert ids(rpc(httpStatus=402, challenges=[1]), FindingLevel.FAIL) == {"rpc-challenge"}
    assert "rpc-request-encoded" in ids(rpc(httpStatus=402, challenges=[CHALLENGE.to_echo()]), FindingLevel.FAIL)
    other = json.dumps({"error": {"code": -32000, "data": {"httpStatus": 402, "challenges": [NATIVE]}}})
    assert ids(other, FindingLevel.FAIL) == {"rpc-code"}


def test_what_is_shown_is_inert() -> None:
    hostile = json.dumps({"type": "x\x1b]8;;evil\x07", "title": "\u202etitle", "status": 402, "detail": "\x9b2J"})
    shown = json.dumps(decode(hostile, NOW).to_dict(), ensure_ascii=False)
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert "\x9b" not in shown


parts = st.sampled_from(
    [
        "curl ",
        "-d ",
        "-X",
        "'",
        "HTTP/1.1 402 x\n",
        "< ",
        "> ",
        "* ",
        "\n",
        "\n\n",
        "Payment ",
        line(),
        "WWW-Authenticate: ",
        "Authorization: ",
        "Payment-Receipt: ",
        CREDENTIAL.to_header().reveal(),
        RECEIPT.to_header().reveal(),
        '{"log":{"entries":[',
        '{"request":{}}',
        "]}}",
        rpc(challenges=[NATIVE]),
        "https://",
        "a.example",
        "\\",
        "[",
        "{",
        "\x00",
        "\ud800",
        "é",
        "\u202e",
    ]
)
inside = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("https://a.example"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "log",
                    "entries",
                    "request",
                    "response",
                    "headers",
                    "name",
                    "value",
                    "url",
                    "method",
                    "status",
                    "content",
                    "text",
                    "encoding",
                    "postData",
                    "error",
                    "data",
                    "challenges",
                    "_meta",
                    "params",
                    "result",
                    "code",
                    "challenge",
                    "payload",
                    "id",
                    "realm",
                    "intent",
                    "type",
                    "title",
                    "reference",
                    "org.paymentauth/credential",
                    "org.paymentauth/receipt",
                    "org.paymentauth/payment-required",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.text(max_size=300) | st.lists(parts, max_size=10).map("".join) | inside.map(json.dumps))
def test_no_text_stops_it(text: str) -> None:
    decoded = decode(text, NOW)
    assert decoded.note
    json.dumps(decoded.to_dict())


@pytest.mark.parametrize(
    "piece",
    [
        "* a\n",
        "> a\n",
        "HTTP/1.1 200\n",
        "HTTP/1.1 200 x\n\n",
        "www-authenticate: Payment a\n",
        "Payment \n",
        "a.",
        "[",
        '{"',
        "< ",
    ],
)
@pytest.mark.parametrize("start", ["", "Payment ", "curl ", "WWW-Authenticate: Payment "])
def test_a_long_text_takes_no_long_time(start: str, piece: str) -> None:
    """What is not linear would take minutes here."""
    begun = time.perf_counter()
    decode(start + piece * (400_000 // len(piece)), NOW)
    assert time.perf_counter() - begun < 10


def test_a_pasted_discovery_document_is_told_and_judged() -> None:
    found = decode(document().partition(b"\r\n\r\n")[2].decode(), NOW)
    assert (found.kind, found.note) == (DecodedKind.DISCOVERY, "a discovery document: 1 operation, 1 paid")
    assert found.value == {"GET /paid": [PRICE]}
    assert found.worst is FindingLevel.PASS
    broken = decode('{"openapi": "2.0", "paths": {}}', NOW)
    assert (broken.kind, broken.worst) == (DecodedKind.DISCOVERY, FindingLevel.FAIL)


@pytest.mark.parametrize(
    ("message", "failing"),
    [
        ({"id": 2, "result": {"_meta": {"org.paymentauth/receipt": RECEIPT.to_dict()}}}, {"rpc-receipt-challenge"}),
        (
            {
                "id": 2,
                "error": {"code": -32603, "message": "no"},
                "_meta": {"org.paymentauth/receipt": {**RECEIPT.to_dict(), "challengeId": "c"}},
            },
            {"rpc-receipt-on-error"},
        ),
        (
            {"method": "tools/call", "params": {"_meta": {"org.paymentauth/credential": CREDENTIAL.to_dict()}}},
            {"rpc-notification"},
        ),
        ({"id": 2, "result": capability({"tempo": {"intents": ["charge"]}})}, set()),
        ({"id": 2, "result": capability({"tempo": {"intents": []}})}, {"rpc-capability"}),
        ({"id": 2, "result": capability([])}, {"rpc-capability"}),
        ({"id": 1, "method": "initialize", "params": capability({"tempo": {"intents": ["charge"]}})}, set()),
        ({"id": 1, "method": "initialize", "params": capability({"tempo": {}})}, {"rpc-capability"}),
    ],
)
def test_what_a_json_rpc_message_may_carry(message: dict[str, Any], failing: set[str]) -> None:
    text = json.dumps({"jsonrpc": "2.0", **message})
    assert decode(text, NOW).kind is DecodedKind.RPC
    assert ids(text, FindingLevel.FAIL) == failing


def test_a_receipt_of_json_rpc_needs_no_reference() -> None:
    receipt = {"status": "success", "method": "tempo", "timestamp": "2026-05-01T12:00:00Z", "challengeId": "c"}
    text = json.dumps({"jsonrpc": "2.0", "id": 2, "result": {"_meta": {"org.paymentauth/receipt": receipt}}})
    found = decode(text, NOW)
    assert (found.worst, found.note) == (FindingLevel.PASS, "a receipt without a reference")
    assert found.value == receipt


@pytest.mark.parametrize(
    ("problem", "warns"),
    [
        ({"type": "t", "title": "t", "status": 402, "detail": "d", "challengeId": "id-1"}, False),
        ({"type": "t", "title": "t", "status": 402, "detail": "d"}, False),
        ({"type": "t", "title": "t", "status": 402, "detail": "d", "challengeId": "other"}, True),
        ({"type": "t", "status": 402}, True),
        ("no object", True),
    ],
)
def test_the_problem_beside_the_challenges_of_json_rpc(problem: object, warns: bool) -> None:
    challenge = {**CHALLENGE.to_echo(), "request": REQUEST}
    data = {"httpStatus": 402, "challenges": [challenge], "problem": problem}
    text = json.dumps({"jsonrpc": "2.0", "id": 2, "error": {"code": -32042, "message": "m", "data": data}})
    assert ("rpc-problem" in ids(text, FindingLevel.WARN)) is warns
