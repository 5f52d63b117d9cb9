"""The adapter as the official kit meets it: a process with JSON on both sides, and an HTTP client that pays."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mpp_console.protocol import (
    ChallengeBinder,
    InvalidChallenge,
    PaymentRequired,
    Receipt,
    Secret,
    format_challenge,
    parse_credential,
)

from .adapter import respond

ADAPTER = Path(__file__).with_name("adapter.py")
BINDER = ChallengeBinder([Secret(b"s" * 32)])
REQUEST = {"amount": "1000", "currency": "USD", "recipient": "merchant"}


def run(stdin: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(ADAPTER)], input=stdin, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    return answer


def test_speaks_json_on_both_sides() -> None:
    header = 'Payment id="ch_abc123", realm="api.example.com", method="tempo", intent="charge", request="e30"'
    request = {"schema": 1, "op": "challenge.parse", "input": {"header": header}, "context": {"caseName": "x"}}
    assert run(json.dumps(request)) == {
        "ok": True,
        "value": {"id": "ch_abc123", "realm": "api.example.com", "method": "tempo", "intent": "charge", "request": {}},
    }


def test_answers_what_is_no_request() -> None:
    assert run("not json")["error"]["type"] == "unknown_error"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"schema": 2, "op": "challenge.parse", "input": {}}, "unknown_error"),
        ({"schema": 1, "op": "challenge.parse", "input": {}}, "unknown_error"),
        ({"schema": 1, "op": "challenge.parse", "input": {"header": "Basic x"}}, "parse_error"),
        ({"schema": 1, "op": "no.such", "input": {}}, "unsupported_operation"),
        (None, "unknown_error"),
    ],
)
def test_never_raises(request_: Any, error: str) -> None:
    assert respond(request_)["error"]["type"] == error


class Shop(BaseHTTPRequestHandler):
    """Asks for a payment of the kit's kind and accepts the payload `{"type": "good"}`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        field = self.headers.get("Authorization")
        if field is None:
            self._refuse(PaymentRequired())
            return
        credential = parse_credential(field)
        if not BINDER.verify(credential.challenge) or credential.payload != {"type": "good"}:
            self._refuse(InvalidChallenge())
            return
        receipt = Receipt(method="tempo", reference="r", timestamp="2026-01-29T12:00:00Z")
        self._answer(200, [("Payment-Receipt", receipt.to_header().reveal())], body)

    def _refuse(self, problem: Any) -> None:
        challenge = BINDER.issue(realm="shop", method="tempo", intent="charge", request=REQUEST)
        self._answer(problem.status, [("WWW-Authenticate", format_challenge(challenge))], problem.problem().to_json())

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Silent."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/charge"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("mode", "payload", "status"),
    [
        ("payment", "good", 200),
        ("plain", "good", 402),
        ("invalid_payload", "bad", 402),
        ("mismatched_request", "good", 402),
        ("invalid_challenge_id", "good", 402),
    ],
)
def test_pays_over_http(shop: str, mode: str, payload: str, status: int) -> None:
    value = {
        "url": shop,
        "method": "POST",
        "headers": {},
        "body": "hello",
        "mode": mode,
        "payment": {"payload": {"type": payload}},
    }
    answer = respond({"schema": 1, "op": "http.payment_request", "input": value})
    assert answer["ok"], answer
    assert answer["value"]["status"] == status
    assert ("payment-receipt" in answer["value"]["headers"]) is (status == 200)
    if status == 200:
        assert answer["value"]["body"] == "hello"
