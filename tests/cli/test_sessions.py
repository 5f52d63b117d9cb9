"""`sessions` beside a served demo, in two processes: open, pay, top up, close; exit codes; nothing unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, Served, lines_of, one, runner, start_serving, stop_serving
from tests.client.sessions.samples import a_channel
from tests.history.foreign_files import write_channels_db


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    """A demo of its own, so that no channel of another test is there."""
    running = start_serving(tmp_path / "home")
    yield running
    stop_serving(running)


@pytest.fixture
def run(shop: Served) -> Run:
    return runner(shop.home)


def channels(run: Run, *words: str) -> list[dict[str, Any]]:
    return list(one(run("sessions", "list", "--json", *words))["sessions"])


def test_from_open_to_refund(shop: Served, run: Run) -> None:
    url = f"{shop.url}/session"
    planned = one(run("sessions", "open", url, "--dry-run", "--json"))
    assert planned["offer"]["session"] == {
        "plan": "open", "channel": None, "escrow": "0x4d50500000000000000000000000000000000000", "unit": "request",
        "voucher_before_base_units": "0", "voucher_base_units": "1000", "locks_base_units": "100000",
        "deposit_before_base_units": "0", "deposit_base_units": "100000",
    }  # fmt: skip
    assert channels(run) == []
    assert one(run("sessions", "open", url, "--json"))["paid"]
    paid = run("pay", url)
    assert '"spent":"2000"' in paid.stdout
    (row,) = channels(run)
    assert (row["state"], row["base_units"]["spent"], row["base_units"]["left"]) == ("active", "2000", "98000")
    brief = row["id"][:12]
    assert "0.100000" in run("balance").stdout.splitlines()[1]

    planned = one(run("sessions", "topup", brief, "--amount", "0.5", "--dry-run", "--json"))
    assert (planned["rows"][0]["locks_base_units"], planned["rows"][0]["error"]) == ("500000", None)
    assert planned["command"] == f"mpp-console sessions topup {brief} --amount 0.5"
    for words in ((), ("--amount", "many"), ("--amount", "0.0000001"), ("--amount=-1", "--dry-run")):
        run("sessions", "topup", brief, *words, code=2)
    run("sessions", "topup", brief, "--amount", "99999", code=1)
    done = one(run("sessions", "topup", brief, "--amount", "0.5", "--json"))
    assert (done["stage"], done["outcomes"][0]["how"]) == ("done", "topped-up")

    planned = one(run("sessions", "close", "--all", "--dry-run", "--json"))
    assert planned["rows"][0]["signs_base_units"] == "2000"
    assert planned["rows"][0]["returns_base_units"] == "598000"
    assert channels(run)[0]["state"] == "active"
    closed = run("sessions", "close", brief)
    assert "cooperative\tfinalized\t0.598000 pathUSD came back" in closed.stdout
    assert channels(run) == []
    assert [row["state"] for row in channels(run, "--all")] == ["finalized"]

    shown = one(run("sessions", "show", brief, "--chain", "--json"))
    assert shown["base_units"]["refunded"] == "598000"
    assert [entry["kind"] for entry in shown["entries"]][-2:] == ["asked to close", "finalized"]
    assert [paid["base_units"] for paid in shown["payments"]] == ["1000", "1000"]
    assert not shown["chain"]["exists"]
    text = run("sessions", "show", brief).stdout
    assert "refunded\t0.598000 pathUSD" in text
    assert run("sessions", "show", brief, "--dispute").stdout.startswith(f"Payment channel {row['id']}\n")
    again = one(run("sessions", "close", brief, "--json"))
    assert (again["outcomes"][0]["how"], again["outcomes"][0]["ok"]) == ("already", True)


def test_a_forced_close_waits_by_the_chain_and_a_bulk_names_what_failed(shop: Served, run: Run) -> None:
    run("sessions", "open", f"{shop.url}/session")
    first = channels(run)[0]["id"]
    asked = one(run("sessions", "close", first, "--force", "--json"))
    assert asked["outcomes"][0]["how"] == "requested"
    assert 950 <= asked["outcomes"][0]["remaining_seconds"] <= 960
    (row,) = channels(run)
    assert (row["state"], row["closes_at"] is not None) == ("closing", True)
    waiting = one(run("sessions", "withdraw", first, "--json"))
    assert (waiting["outcomes"][0]["how"], waiting["outcomes"][0]["ok"]) == ("waiting", True)
    run("pay", f"{shop.url}/session")
    second = next(row["id"] for row in channels(run) if row["id"] != first)
    mixed = one(run("sessions", "withdraw", first, second, "--json", code=1))
    assert [(item["channel"], item["ok"]) for item in mixed["outcomes"]] == [(first, True), (second, False)]
    assert "there is nothing to withdraw yet" in run("sessions", "withdraw", "--all").stderr
    assert "0.099000 pathUSD of it on its way back" in run("sessions", "list").stderr
    synced = one(run("sessions", "sync", "--json"))
    assert {row["state"] for row in synced["sessions"]} == {"closing", "active"}
    assert synced["troubles"] == []


def test_a_server_is_named_by_any_url_of_it_or_by_its_host(shop: Served, run: Run) -> None:
    run("sessions", "open", f"{shop.url}/session")
    (row,) = channels(run)
    host = shop.url.partition("://")[2]
    for name in (shop.url, f"{shop.url}/session?x=1", f"{host}/", host):
        planned = one(run("sessions", "close", "--origin", name, "--dry-run", "--json"))
        assert [item["channel"] for item in planned["rows"]] == [row["id"]], name
    for name in (f"https://{host}", f"{host}0", host[1:], ""):
        assert one(run("sessions", "close", "--origin", name, "--json")) == {"outcomes": []}, name
    assert "0x is too short for an id" in run("sessions", "show", "0x", code=2).stderr


def test_a_server_that_denies_a_channel_is_answered_with_what_to_tell_it(shop: Served, run: Run) -> None:
    run("sessions", "open", f"{shop.url}/session")
    (row,) = channels(run)
    stop_serving(shop)
    liar = start_serving(shop.home, "--fault", "lying-410")
    try:
        said = run("pay", f"{liar.url}/session", code=4).stderr
        assert "switched on; no money moved" in said
        assert "0.100000 pathUSD stay locked in it. The row is kept" in said
        assert f"mpp-console sessions show {row['id']} --dispute" in said
    finally:
        stop_serving(liar)


def test_v1_is_paid_and_closed_by_the_same_words(shop: Served, run: Run) -> None:
    run("sessions", "open", f"{shop.url}/session/v1")
    (row,) = channels(run)
    assert row["protocol"] == "v1"
    closed = one(run("sessions", "close", row["id"], "--json"))
    assert (closed["outcomes"][0]["how"], closed["outcomes"][0]["state"]) == ("cooperative", "finalized")


def test_outside_the_sandbox_nothing_is_done_unasked(devnet: Run, served: Served) -> None:
    devnet("accounts", "create", "main")
    devnet("fund")
    url = f"{served.url}/session"
    refused = devnet("sessions", "open", url, code=4)
    assert "--yes" in refused.stderr
    devnet("sessions", "open", url, "--yes")
    (row,) = channels(devnet)
    kept = devnet("sessions", "close", row["id"], code=4)
    assert "This needs --yes" in kept.stderr
    assert channels(devnet)[0]["state"] == "active"
    too_much = one(devnet("sessions", "topup", row["id"], "--amount", "50", "--yes", "--json", code=1))
    assert too_much["outcomes"][0]["error"]["code"] == "deposit-limit"
    assert one(devnet("sessions", "close", row["id"], "--yes", "--json"))["stage"] == "done"


def test_a_lost_history_is_searched_for_on_the_chain(shop: Served, run: Run) -> None:
    run("sessions", "open", f"{shop.url}/session")
    (row,) = channels(run)
    stop_serving(shop)
    for file in shop.home.rglob("history.db*"):
        file.unlink()
    assert channels(run) == []
    found = one(run("sessions", "recover", "--json"))
    assert [item["id"] for item in found["found"]] == [row["id"]]
    assert channels(run)[0]["state"] == "orphaned"
    planned = one(run("sessions", "close", "--orphaned", "--dry-run", "--json"))
    assert planned["rows"][0]["way"].startswith("asks the chain")
    assert planned["rows"][0]["vouchers_lost"]
    said = run("sessions", "close", "--orphaned", "--dry-run").stderr
    assert "at most 0.100000 pathUSD, less what its payee was promised" in said
    assert run("sessions", "list").stderr.count("1 channel wants looking at, holding 0.100000 pathUSD") == 1
    assert "0 found, 1 known" in run("sessions", "recover").stderr


def test_an_import_leaves_the_file_alone(alone: Run, tmp_path: Path) -> None:
    path = tmp_path / "other" / "channels.db"
    write_channels_db(path, [a_channel(1), a_channel(2)], "wallet of version 2")
    before = path.read_bytes()
    assert len(one(alone("sessions", "import", str(path), "--dry-run", "--json"))["added"]) == 2
    assert channels(alone) == []
    done = one(alone("sessions", "import", str(path), "--json"))
    assert ([row["state"] for row in done["added"]], done["skipped"]) == (["unknown", "unknown"], [])
    assert path.read_bytes() == before
    assert "0 added, 2 known already" in alone("sessions", "import", str(path)).stderr
    assert len(channels(alone, "--stale")) == 2
    (tmp_path / "text").write_text("hello")
    alone("sessions", "import", str(tmp_path / "text"), code=1)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("close",), 2),
        (("close", "0x1234", "--all"), 2),
        (("close", "--all", "--stale"), 2),
        (("close", "--url", "https://a.example/x", "--force"), 2),
        (("close", "--url", "https://a.example/x"), 0),
        (("withdraw",), 2),
        (("topup",), 2),
        (("show", "0x1234"), 2),
        (("close", "0x1234"), 2),
        (("sync", "0x1234"), 2),
        (("import", "/nowhere/channels.db"), 2),
        (("close", "--all"), 0),
        (("sync",), 0),
        (("list",), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_exit_codes(alone: Run, words: tuple[str, ...], code: int) -> None:
    alone("sessions", *words, code=code)


def test_json_has_the_error_too(alone: Run) -> None:
    (error,) = lines_of(alone("sessions", "close", "0x1234", "--json", code=2))
    assert error["error"]["code"] == "session-not-found"
