"""`channels` beside a served demo, in two processes: what others opened there is listed, settled and closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Served, one, runner, start_serving, stop_serving


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    """A demo of its own, so that no channel of another test is there."""
    running = start_serving(tmp_path / "home")
    yield running
    stop_serving(running)


@pytest.fixture
def run(shop: Served) -> Run:
    return runner(shop.home)


def test_what_a_channel_owes_is_settled_and_then_it_is_closed(shop: Served, run: Run) -> None:
    assert one(run("channels", "list", "--json")) == {"channels": [], "exposure": [], "alarms": 0}
    run("sessions", "open", f"{shop.url}/session")
    run("pay", f"{shop.url}/session")
    (row,) = one(run("channels", "list", "--json"))["channels"]
    assert (row["state"], row["base_units"]["exposure"], row["base_units"]["deposit"]) == ("open", "2000", "100000")
    listed = run("channels", "list")
    assert row["payer"] in listed.stdout
    assert listed.stderr == "0.002000 pathUSD not settled yet\n"

    planned = one(run("channels", "settle", row["id"][:12], "--dry-run", "--json"))
    assert planned["rows"][0]["way"] == "takes 0.002000 pathUSD; the channel stays open"
    assert planned["command"].startswith("mpp-console channels settle ")
    assert one(run("channels", "list", "--json"))["channels"][0]["base_units"]["settled"] == "0"
    settled = one(run("channels", "settle", "--all", "--json"))
    assert [(item["how"], item["ok"]) for item in settled["outcomes"]] == [("settled", True)]
    assert run("channels", "list").stderr == "everything is settled\n"

    run("pay", f"{shop.url}/session")
    closed = one(run("channels", "close", "--all", "--json"))
    assert [(item["how"], item["refunded_base_units"]) for item in closed["outcomes"]] == [("cooperative", "97000")]
    assert one(run("channels", "list", "--json"))["channels"] == []
    (kept,) = one(run("channels", "list", "--all", "--json"))["channels"]
    assert (kept["state"], kept["base_units"]["settled"]) == ("closed", "3000")
    assert one(run("channels", "close", "--all", "--json")) == {"outcomes": []}


def test_which_channels_are_meant_has_to_be_said(run: Run) -> None:
    assert "name channels, or --all" in run("channels", "settle", code=2).stderr
    refused = run("channels", "close", "0x12345678", code=2)
    assert "no channel of this server begins with 0x12345678" in refused.stderr
