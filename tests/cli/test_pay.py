"""`pay` against a demo API of another process: what is paid, printed, asked and refused, and with which exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.protocol import ChallengeBinder, Secret, format_challenge
from tests.cli.conftest import MERCHANT, Run, Served, environment, one


@contextmanager
def crooked_server(*, receipt: str, before: Callable[[], object] = bool) -> Iterator[str]:
    """Charges on the sandbox, takes any credential for good, and answers with a receipt of its own making, after
    `before`."""
    binder = ChallengeBinder([Secret(bytes(32))])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paid = self.headers.get("Authorization", "").startswith("Payment ")
            if paid:
                before()
            self.send_response(200 if paid else 402)
            if paid:
                self.send_header("Payment-Receipt", receipt)
            else:
                challenge = binder.issue(
                    realm="crooked",
                    method="tempo",
                    intent="charge",
                    request={
                        "amount": "10000",
                        "currency": SANDBOX.default_token,
                        "recipient": MERCHANT,
                        "methodDetails": {"chainId": SANDBOX.chain_id},
                    },
                    expires=datetime.now(UTC) + timedelta(minutes=5),
                )
                self.send_header("WWW-Authenticate", format_challenge(challenge))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_the_body_on_stdout_and_the_talk_on_stderr(beside: Run, served: Served) -> None:
    result = beside("pay", f"{served.url}/charge")
    assert json.loads(result.stdout)["paid"]["method"] == "tempo"
    assert "paid 0.010000 pathUSD" in result.stderr


def test_both_processes_have_the_receipt(beside: Run, served: Served) -> None:
    paid = one(beside("pay", f"{served.url}/split", "--json"))
    listed = one(beside("receipts", "list", "--json", paid["receipt"]["reference"]))
    assert {row["direction"] for row in listed["receipts"]} == {"sent", "received"}
    assert listed["total"] == 2


def test_json_says_all_and_no_secret(beside: Run, served: Served) -> None:
    result = beside("pay", f"{served.url}/charge", "--json")
    facts = one(result)
    assert (facts["status"], facts["paid"], facts["stage"], facts["error"]) == (200, True, "done", None)
    assert facts["operation"]["amount"] == "0.010000"
    assert facts["operation"]["reference"] == facts["receipt"]["reference"]
    assert json.loads(facts["body"])["paid"]["reference"] == facts["receipt"]["reference"]
    assert set(facts["timings_ms"]) == {"challenge", "review", "sign", "pay", "body", "total"}
    assert "eyJ" not in result.stdout
    assert ["payment-receipt", "(hidden)"] in facts["headers"]


def test_a_free_resource(beside: Run, served: Served) -> None:
    result = beside("pay", f"{served.url}/free")
    assert "routes" in json.loads(result.stdout)
    assert "paid" not in result.stderr


def test_headers_with_the_answer(beside: Run, served: Served) -> None:
    head, _, body = beside("pay", "-i", f"{served.url}/charge").stdout.partition("\n\n")
    assert head.startswith("HTTP 200\n")
    assert "payment-receipt: (hidden)" in head
    assert json.loads(body)


def test_verbose_shows_what_was_decided_on(beside: Run, served: Served) -> None:
    said = beside("pay", "-v", f"{served.url}/charge").stderr
    for word in ("LOOPBACK TEST", "server says", "0.010000 pathUSD by tempo/charge", "✓", "receipt", "total"):
        assert word in said


def test_a_body_from_a_file_is_bound_to_the_payment(beside: Run, served: Served, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"say":"hello"}')
    assert "hello" in beside("pay", f"{served.url}/echo", "-d", f"@{body}").stdout
    assert "typed" in beside("pay", f"{served.url}/echo", "-d", "@-", stdin="say=typed").stdout


def test_output_to_a_file(beside: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert beside("pay", f"{served.url}/charge", "-o", "answer.json").stdout == ""
    first = json.loads((tmp_path / "answer.json").read_text())
    beside("pay", f"{served.url}/charge", "-o", str(tmp_path / "answer.json"))
    assert json.loads((tmp_path / "answer.json").read_text())["serial"] != first["serial"]
    assert [path.name for path in tmp_path.iterdir()] == ["answer.json"]


def test_an_answer_that_nobody_wants_goes_to_the_null_device(beside: Run, served: Served) -> None:
    said = beside("pay", f"{served.url}/charge", "-o", os.devnull)
    assert said.stdout == ""
    assert said.stderr.startswith("paid 0.010000 pathUSD")
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["../answer", "link", "folder", "missing/answer", "inner/../../answer"])
def test_a_file_that_must_not_be_written_stops_it_before_it_pays(
    name: str, beside: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    for inner in (folder, folder / "folder", folder / "inner"):
        inner.mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.chdir(folder)
    before = one(beside("receipts", "list", "--json"))["total"]
    assert "-o" in beside("pay", f"{served.url}/charge", "-o", name, code=2).stderr
    assert one(beside("receipts", "list", "--json"))["total"] == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("{url}/nothing",), 3),
        (("http://127.0.0.1:1/",), 3),
        (("{url}/charge", "--max-amount", "0.0001"), 4),
        (("{url}/faults/bad-recipient",), 4),
        (("{url}/faults/server-error",), 4),
        (("{url}/charge", "--offer", "ThetaUSD"), 4),
        (("ftp://x.example",), 2),
        (("{url}/charge", "--max-amount", "lots"), 2),
        (("{url}/charge", "--offer", "0"), 2),
        (("{url}/charge", "-H", "no colon"), 2),
        (("{url}/charge", "-d", "@/nonexistent"), 2),
        (("{url}/charge", "--nonsense"), 2),
        ((), 2),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int, beside: Run, served: Served) -> None:
    result = beside("pay", *(word.format(url=served.url) for word in words), code=code)
    assert result.stderr


def test_a_receipt_that_does_not_fit_is_doubted(beside: Run) -> None:
    with crooked_server(receipt="!!!") as url:
        result = beside("pay", url)
        assert "! the receipt cannot be read" in result.stderr
        assert "gave no receipt" not in result.stderr
        assert one(beside("pay", "--json", url))["doubts"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_a_payment_under_way_is_told(number: signal.Signals, served: Served) -> None:
    gone = threading.Event()
    payers: list[subprocess.Popen[str]] = []

    def stop() -> None:
        payers[0].send_signal(number)
        gone.wait(20)

    with crooked_server(receipt="", before=stop) as url:
        words = [sys.executable, "-m", "mpp_console", "pay", url]
        with subprocess.Popen(words, env=environment(served.home), stderr=subprocess.PIPE, text=True) as payer:
            payers.append(payer)
            _, said = payer.communicate(timeout=30)
            gone.set()
    assert payer.returncode == 130
    assert "may have been taken" in said
    assert "receipts recover" in said
    assert "Traceback" not in said


def test_text_beyond_ascii_goes_out_as_typed(beside: Run, served: Served) -> None:
    odd = b"\xff\xc3\xa9".decode("utf-8", "surrogateescape")
    facts = json.loads(beside("pay", f"{served.url}/echo", "-H", f"X-Name: {odd}", "-d", odd).stdout)
    assert facts["bytes"] == 3


def test_a_failure_without_a_problem_says_no_more(beside: Run, served: Served) -> None:
    said = beside("pay", f"{served.url}/faults/server-error", code=4).stderr
    assert "the server answered 500; the payment went through" in said
    assert "server says" not in said


def test_an_error_is_data_too(beside: Run, served: Served) -> None:
    facts = one(beside("pay", "--json", f"{served.url}/faults/server-error", code=4))
    assert (facts["paid"], facts["status"], facts["error"]["kind"]) == (True, 500, "payment")
    refused = one(beside("pay", "--json", "ftp://x.example", code=2))
    assert refused["error"]["kind"] == "usage"
    assert (
        one(beside("--profile", "nowhere", "pay", "--json", served.url, code=2))["error"]["code"] == "unknown-profile"
    )


def test_a_dry_run_needs_no_account_and_pays_nothing(devnet: Run, served: Served) -> None:
    facts = one(devnet("pay", "--dry-run", "--json", f"{served.url}/two-offers"))
    assert (facts["paid"], facts["verdict"]) == (False, "confirm")
    assert [offer["chosen"] for offer in facts["offers"]] == [True, False]
    assert facts["offer"]["payer"] is None
    result = devnet("pay", "--dry-run", f"{served.url}/charge")
    assert "0.010000 pathUSD" in result.stdout
    assert "Nothing has been signed or sent" in result.stderr
    assert devnet("accounts", "list", "--json").stdout == "[]\n"


def test_beyond_the_policy_nothing_is_paid_silently(devnet: Run, served: Served) -> None:
    assert "accounts create" in devnet("pay", f"{served.url}/charge", "--yes", code=2).stderr
    devnet("accounts", "create", "main")
    devnet("fund")
    refused = devnet("pay", f"{served.url}/charge", code=4)
    assert "--yes" in refused.stderr
    assert refused.stdout == ""
    assert one(devnet("receipts", "list", "--json"))["total"] == 0
    devnet("pay", f"{served.url}/charge", "--yes")
    devnet("pay", f"{served.url}/charge", "--max-amount", "0.01")
    devnet("pay", f"{served.url}/charge", "--max-amount", "0.009999", code=4)
    assert one(devnet("receipts", "list", "--json"))["total"] == 2


def test_not_even_yes_talks_a_limit_over(devnet: Run, served: Served, tmp_path: Path) -> None:
    path = tmp_path / "home" / "settings.toml"
    path.write_text(path.read_text().replace('"0.5"', '"0.005"'))
    devnet("accounts", "create", "main")
    devnet("fund")
    assert "0.005000" in devnet("pay", f"{served.url}/charge", "--yes", code=4).stderr


def on_a_terminal(home: Path, words: list[str], answer: bytes) -> tuple[int, str]:
    """Runs a command with a terminal for everything, and types `answer` when it asks."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mpp_console", *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment(home),
        start_new_session=True,
    )
    os.close(terminal)
    seen, asked = b"", False
    while select.select([controller], [], [], 60)[0]:
        try:
            seen += os.read(controller, 65536)
        except OSError:
            break
        if not asked and b"[y/N]" in seen:
            asked = True
            os.write(controller, answer)
    os.close(controller)
    return process.wait(timeout=20), re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())


@pytest.mark.parametrize(("answer", "code", "total"), [(b"y\n", 0, 1), (b"n\n", 4, 0), (b"\n", 4, 0)])
def test_a_person_is_asked(answer: bytes, code: int, total: int, devnet: Run, served: Served, tmp_path: Path) -> None:
    devnet("accounts", "create", "main")
    devnet("fund")
    ended, seen = on_a_terminal(tmp_path / "home", ["pay", f"{served.url}/charge"], answer)
    assert "Pay 0.010000 pathUSD to 0x" in seen
    assert ended == code, seen
    assert one(devnet("receipts", "list", "--json"))["total"] == total


def test_a_402_that_nobody_paid_has_a_head_and_is_no_answer(beside: Run, served: Served, tmp_path: Path) -> None:
    words = (f"{served.url}/charge", "--max-amount", "0.0001")
    facts = one(beside("pay", *words, "--json", code=4))
    assert (facts["status"], facts["paid"], facts["stage"]) == (402, False, "failed")
    assert "www-authenticate" in {name.lower() for name, _ in facts["headers"]}
    shown = beside("pay", "-i", *words, code=4)
    assert shown.stdout.startswith("HTTP 402\n")
    assert "payment-required" in shown.stdout
    assert beside("pay", *words, code=4).stdout == ""
    beside("pay", *words, "-o", str(tmp_path / "answer"), code=4)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_is_printed_whole(beside: Run, served: Served) -> None:
    said = beside("pay", f"{served.url}/stream").stdout
    assert said.count("event: reading\n") == 5
    assert "event: end\n" in said


def test_https_where_plain_http_answers(beside: Run, served: Served) -> None:
    said = beside("pay", served.url.replace("http://", "https://") + "/free", code=3).stderr
    assert "does not speak TLS" in said
    assert "http://" in said
