"""npm mppx pays our demo API and validates it; our client pays an mppx server. All settle on our sandbox node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import MERCHANT, PAYER, SPLIT_TO, SPONSOR, Paid, Served, balance

CHARGED = ["/charge", "/sponsored", "/split", "/pull-only", "/zero", "/two-offers", "/slow", "/stream"]


def run_cli(node_folder: Path, served: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["node", str(node_folder / "node_modules/mppx/dist/bin.js"), *arguments]
    return subprocess.run(
        command, env=served.environment(), cwd=node_folder, capture_output=True, text=True, timeout=120, check=False
    )


def amount_of(served: Served, path: str) -> int:
    return next(int(route["amount"]) for route in served.routes if route["path"] == path)


def test_every_charge_route_of_the_demo_api_is_tried(served: Served) -> None:
    charged = {
        route["path"]
        for route in served.routes
        if route["intent"] == "charge" and not route["path"].startswith("/faults/")
    }
    assert charged == {*CHARGED, "/push-only", "/echo"}


@pytest.mark.parametrize("path", CHARGED)
def test_sdk_pays(path: str, served: Served, mppx_pays: Paid) -> None:
    before = balance(served.rpc_url, served.recipient)
    answer = mppx_pays(served.url + path)
    assert answer["status"] == 200, answer
    assert answer["receipt"]["method"] == "tempo"
    earned = balance(served.rpc_url, served.recipient) - before
    if path == "/zero":
        assert earned == 0
    else:
        assert served.rpc("eth_getTransactionReceipt", answer["receipt"]["reference"])["status"] == "0x1"
        assert 0 < earned <= amount_of(served, path)


@pytest.mark.parametrize("path", ["/push-only", "/charge"])
def test_sdk_pushes(path: str, served: Served, mppx_pays: Paid) -> None:
    before = balance(served.rpc_url, served.recipient)
    answer = mppx_pays(served.url + path, MODE="push")
    assert answer["status"] == 200, answer
    assert balance(served.rpc_url, served.recipient) - before == amount_of(served, path)


def test_sdk_pays_for_a_body(served: Served, mppx_pays: Paid) -> None:
    answer = mppx_pays(served.url + "/echo", METHOD="POST", BODY='{"say":"hello"}')
    assert answer["status"] == 200, answer
    assert "hello" in answer["body"]


def test_sponsored_payer_pays_no_fee(served: Served, mppx_pays: Paid) -> None:
    before = balance(served.rpc_url, PAYER)
    assert mppx_pays(served.url + "/sponsored")["status"] == 200
    assert before - balance(served.rpc_url, PAYER) == amount_of(served, "/sponsored")


@pytest.mark.parametrize("path", ["/charge", "/sponsored", "/zero"])
def test_cli_pays(path: str, served: Served, node_folder: Path) -> None:
    done = run_cli(node_folder, served, served.url + path, "--rpc-url", served.rpc_url, "-i")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "payment-receipt" in (done.stdout + done.stderr).lower()


def checks_of(report: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [("discovery", check) for check in report["discovery"]["checks"]]
    for endpoint in report["endpoints"]:
        name = f"{endpoint['method']} {endpoint['path']}"
        found += [(name, check) for phase in ("challenge", "errorHandling") for check in endpoint[phase]]
    return found


def test_validate_finds_nothing_outside_the_payment_phase(served: Served, node_folder: Path) -> None:
    done = run_cli(node_folder, served, "validate", served.url, "--output-json")
    report = json.loads(done.stdout)
    assert report["discovery"]["found"], report
    assert len(report["endpoints"]) >= len(CHARGED)
    complaints = [(where, check) for where, check in checks_of(report) if check["severity"] in {"fail", "warn"}]
    assert complaints == []


@pytest.mark.parametrize("path", ["/charge", "/sponsored", "/split", "/pull-only", "/push-only", "/zero"])
def test_console_pays_an_mppx_server(path: str, served: Served, mppx_server: str, console_pays: Paid) -> None:
    before = {owner: balance(served.rpc_url, owner) for owner in (MERCHANT, SPLIT_TO, SPONSOR)}
    answer = console_pays(mppx_server + path)
    assert answer["status"] == 200, answer
    after = {owner: balance(served.rpc_url, owner) for owner in before}
    earned = {owner: after[owner] - before[owner] for owner in before}
    expected = {"/sponsored": 20_000, "/split": 20_000, "/zero": 0}.get(path, 10_000)
    assert earned[MERCHANT] == expected
    assert earned[SPLIT_TO] == (10_000 if path == "/split" else 0)
    assert (earned[SPONSOR] < 0) == (path == "/sponsored")
