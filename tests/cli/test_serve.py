"""`serve`: what its first line promises, a line for each request and receipt, and a clean end."""

from __future__ import annotations

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from mpp_console.sandbox.demo.faults import Fault
from tests.cli.conftest import Run, Served, one, runner, start_serving, stop_serving


def test_the_first_line_says_where_and_what(served: Served) -> None:
    ready = served.ready
    assert ready["event"] == "ready"
    assert ready["url"].startswith("http://127.0.0.1:")
    assert ready["rpc_url"].startswith("http://127.0.0.1:")
    assert ready["chain_id"] == 1337
    assert ready["recipient"].startswith("0x")
    routes = {route["path"]: route for route in ready["routes"]}
    assert {"/free", "/charge", "/echo", "/sponsored", "/split", "/zero", "/two-offers", "/slow"} <= set(routes)
    assert routes["/charge"]["amount"] == "10000"
    assert set(routes["/charge"]) >= {"method", "path", "rail", "intent", "amount", "note"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_line_for_each_request_and_receipt_and_a_clean_end(tmp_path: Path, number: signal.Signals) -> None:
    served = start_serving(tmp_path / "home")
    try:
        with urllib.request.urlopen(f"{served.url}/free", timeout=10):
            pass
        runner(served.home)("pay", f"{served.url}/charge")
        events = [served.next_event() for _ in range(4)]
    finally:
        code, err = stop_serving(served, number)
    assert (code, err) == (0, "")
    requests = [event for event in events if event["event"] == "request"]
    assert [(event["path"], event["status"], event["outcome"]) for event in requests] == [
        ("/free", 200, "free"),
        ("/charge", 402, "challenged"),
        ("/charge", 200, "paid"),
    ]
    (receipt,) = (event for event in events if event["event"] == "receipt")
    assert (receipt["direction"], receipt["amount"], receipt["amount_base_units"]) == ("received", "0.010000", "10000")
    assert receipt["reference"] == requests[-1]["reference"]


def test_a_taken_port_ends_with_an_error(served: Served) -> None:
    port = served.url.rpartition(":")[2]
    result = runner(served.home)("serve", "--port", port, "--json", code=1)
    assert one(result)["error"]["code"] == "port-taken"


def test_only_the_sandbox_serves(served: Served) -> None:
    assert "play money" in runner(served.home)("--profile", "moderato", "serve", code=2).stderr


def test_routes_and_faults_of_one_run(tmp_path: Path) -> None:
    options = ("--route", "GET /weather/{city}=0.02", "--route", "POST /notes=free", "--fault", "GET /charge=slow")
    served = start_serving(tmp_path / "home", *options)
    try:
        routes = {f"{route['method']} {route['path']}": route for route in served.ready["routes"]}
        weather = routes["GET /weather/{city}"]
        assert (weather["own"], weather["amount"], weather["faults"]) == (True, "20000", [])
        assert (routes["POST /notes"]["rail"], routes["GET /charge"]["faults"]) == ("", ["slow"])
        assert one(runner(served.home)("pay", f"{served.url}/weather/oslo", "--json"))["paid"] is True
    finally:
        code, err = stop_serving(served, signal.SIGTERM)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--route", "weather", "is no route"),
        ("--route", "GET /charge=1", "GET /charge is there already"),
        ("--route", "/x=0.0000001", "digits after the point"),
        ("--fault", "fast", "no fault"),
        ("--fault", "GET /nowhere=slow", "no route"),
    ],
)
def test_what_cannot_be_served_ends_with_a_usage_error(served: Served, option: str, value: str, said: str) -> None:
    assert said in runner(served.home)("serve", option, value, code=2).stderr


def test_the_help_names_every_fault(alone: Run) -> None:
    whole = re.sub(r"-\n\s*", "-", alone("serve", "--help").stdout)
    said = set(re.findall(r"[a-z0-9-]+", whole))
    assert {fault.value for fault in Fault} <= said
