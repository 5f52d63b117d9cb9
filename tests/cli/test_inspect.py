"""`inspect`: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, Served, environment, one
from tests.inspector.bad_servers import CLEAN, FRESH, NO_STORE, required
from tests.inspector.raw_server import raw

DEMO = ("charge", "echo", "sponsored", "split", "push-only", "pull-only", "zero", "two-offers", "slow")


def of_levels(report: dict[str, Any], *levels: str) -> set[str]:
    return {finding["id"] for finding in report["findings"] if finding["level"] in levels}


def test_every_offer_is_decoded_and_nothing_is_paid(beside: Run, served: Served) -> None:
    result = beside("inspect", f"{served.url}/two-offers")
    assert "offer 1" in result.stdout
    assert "AlphaUSD" in result.stdout
    assert result.stderr == "Unpaid request; nothing was signed and nothing was spent.\n"
    facts = one(beside("inspect", f"{served.url}/two-offers", "--json"))
    assert [offer["currency"] for offer in facts["offers"]] == ["pathUSD", "AlphaUSD"]
    assert facts["offers"][0]["amount_base_units"] == "10000"
    assert facts["paid"] is False
    assert facts["schema"] == "mpp-console/inspect/1"


def test_it_needs_no_account(devnet: Run, served: Served) -> None:
    facts = one(devnet("inspect", "--json", f"{served.url}/split"))
    assert facts["offers"][0]["transfers"][1]["amount_base_units"] == "2500"


@pytest.mark.parametrize("route", DEMO)
def test_the_demo_has_no_fault_of_its_own(beside: Run, served: Served, route: str) -> None:
    body = ("-d", '{"a":1}') if route == "echo" else ()
    facts = one(beside("inspect", f"{served.url}/{route}", *body, "--twice", "--probe-malformed", "--json"))
    assert of_levels(facts, "fail", "warn") == set()
    assert "clear-text" in of_levels(facts, "info")
    assert [leg["status"] for leg in facts["requests"]] == [402, 402, 402]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("expired", {"expired-challenge"}),
        ("bad-recipient", {"bad-checksum"}),
        ("wrong-amount", set()),
        ("server-error", set()),
        ("no-receipt", set()),
    ],
)
def test_of_a_fault_is_seen_what_shows_before_payment(beside: Run, served: Served, fault: str, seen: set[str]) -> None:
    facts = one(beside("inspect", f"{served.url}/faults/{fault}", "--json", code=1 if seen else 0))
    assert of_levels(facts, "fail", "warn") == seen


def test_findings_tell_rule_and_mend(beside: Run, served: Served) -> None:
    lines = beside("inspect", f"{served.url}/faults/expired", code=1).stdout.splitlines()
    place = lines.index("✗ FAIL  expired-challenge  offer 1")
    assert lines[place + 2].startswith("  rule  core §")
    assert lines[place + 3].startswith("  fix   let challenges live")
    assert not any("PASS  " in line and "status" in line for line in lines)
    assert "✓ PASS  status" in beside("inspect", f"{served.url}/charge", "-v").stdout


def test_no_answer_is_trouble_of_the_network(alone: Run) -> None:
    assert "no connection" in alone("inspect", "http://127.0.0.1:1", code=3).stderr
    assert one(alone("inspect", "http://127.0.0.1:1", "--json", code=3))["error"]["kind"] == "network"


def test_the_secret_comes_from_the_environment_only(beside: Run, served: Served) -> None:
    url = f"{served.url}/charge"
    assert "no MPP_SECRET" in beside("inspect", url, "--secret-env", "MPP_SECRET", code=2).stderr
    result = beside("inspect", url, "--secret-env", "MPP_SECRET", "--json", code=1, MPP_SECRET="not the right one")
    assert of_levels(one(result), "fail") == {"id-binding"}
    assert "not the right one" not in result.output


def test_a_report_is_saved_as_markdown(beside: Run, served: Served, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    beside("inspect", f"{served.url}/faults/expired", "--markdown", str(target), code=1)
    text = target.read_text()
    assert text.startswith("# Payment inspection\n")
    assert "**expired-challenge**" in text
    refused = beside("inspect", f"{served.url}/charge", "--markdown", str(tmp_path / "no" / "folder.md"), code=2)
    assert "Invalid value for --markdown" in refused.stderr


@pytest.fixture
def bad_server(tmp_path: Path) -> Any:
    """Starts a server of given answers in a thread, and gives its URL."""
    import socket
    import threading

    listeners: list[socket.socket] = []

    def start(*answers: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            left = list(answers)
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(left.pop(0) if len(left) > 1 else left[0])

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    yield start
    for listener in listeners:
        listener.close()


def program(home: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mpp_console", "inspect", *words],
        capture_output=True,
        text=True,
        input=stdin,
        env=environment(home),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("answers", "options", "code"),
    [
        ((raw(200, []),), (), 0),
        ((raw(402, [NO_STORE]),), (), 1),
        ((CLEAN, FRESH, raw(500, [])), ("--twice", "--probe-malformed"), 1),
        ((required('Payment id="a, \x01'),), (), 1),
        ((required('Payment id="a, realm=\xff'),), (), 1),
        ((b"",), (), 3),
        ((b"not http at all\r\n\r\n",), (), 3),
    ],
)
def test_exit_codes(
    bad_server: Any, tmp_path: Path, answers: tuple[bytes, ...], options: tuple[str, ...], code: int
) -> None:
    done = program(tmp_path / "home", bad_server(*answers), "--json", *options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    json.loads(done.stdout)


def test_the_place_of_an_error_is_pointed_at(bad_server: Any, tmp_path: Path) -> None:
    done = program(tmp_path / "home", bad_server(required('Payment id="a", realm="r, oops')))
    lines = done.stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.endswith("line 1, character 17"))
    assert lines[place - 1][lines[place].index("^") :].startswith('realm="r')


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_it_is_drawn_and_hostile_text_is_inert(bad_server: Any, tmp_path: Path) -> None:
    from tests.inspector.bad_servers import line

    url = bad_server(required(line(description="[bold]x[/] \\u202e\\u001b[2Jy")))
    master, slave = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "mpp_console", "inspect", url],
        stdout=slave,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "home", TERM="xterm-256color", COLUMNS="100"),
        timeout=60,
        check=False,
    )
    os.close(slave)
    drawn = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        drawn += chunk
    os.close(master)
    text = drawn.decode()
    assert done.returncode in (0, 1)
    assert "\x1b[1" in text  # colours and weights are ours
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert "[bold]x[/]" in text


def test_what_is_pasted_is_decoded_without_a_request(alone: Run, tmp_path: Path) -> None:
    from tests.inspector.test_decode import CREDENTIAL, HEAD, RECEIPT

    result = alone("inspect", "-", stdin=HEAD, code=None)
    assert "a response with status 402" in result.stdout
    assert result.stderr.startswith("Decoded only; no request was made")
    told = one(alone("inspect", RECEIPT.to_header().reveal(), "--json"))
    assert (told["schema"], told["kind"], told["report"]) == ("mpp-console/decoded/1", "receipt", None)
    (tmp_path / "credential").write_text(f"Authorization: {CREDENTIAL.to_header().reveal()}\n")
    result = alone("inspect", f"@{tmp_path / 'credential'}")
    assert '"signature": "(hidden)"' in result.stdout
    assert "s3cret" not in result.output
    assert alone("inspect", 'Payment id="a', code=1).stdout.startswith("a challenge\n")
    assert "this is no URL" in alone("inspect", "hello world", code=2).stderr
    alone("inspect", "@/no/such/file", code=2)


def test_a_pasted_curl_command_is_carried_out_unpaid(beside: Run, served: Served) -> None:
    facts = one(beside("inspect", f"curl -X POST {served.url}/echo -d '{{}}'", "--json"))
    assert (facts["method"], facts["status"], facts["paid"]) == ("POST", 402, False)
    assert facts["offers"][0]["digest"].startswith("sha-256=:")
