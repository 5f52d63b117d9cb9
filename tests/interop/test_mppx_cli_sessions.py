"""The `mppx` command buys over a channel of our demo: one run for each request, a stream, its list, and the close."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Served, flows

PRICE = 1_000
RESERVE = "0x4D50500000000000000000000000000000000000"
Runs = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mppx(node_folder: Path, served: Served, tmp_path: Path) -> Runs:
    """The command, with a state folder of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["node", str(node_folder / "node_modules/mppx/dist/bin.js"), *arguments],
            env=served.environment(
                MPPX_RPC_URL=served.rpc_url, XDG_STATE_HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path)
            ),
            cwd=node_folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        return done

    return run


def sessions(mppx: Runs) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(mppx("sessions", "list", "--format", "json").stdout)["sessions"]
    return rows


def test_runs_share_a_channel_until_it_is_closed(served: Served, mppx: Runs) -> None:
    for number in range(1, 4):
        done = mppx(served.url + "/session", "-M", "deposit=0.005")
        assert json.loads(done.stdout)["channel"]["spent"] == str(number * PRICE)
    (row,) = sessions(mppx)
    assert (row["status"], row["cumulativeAmount"], row["deposit"]) == ("open", str(3 * PRICE), str(5 * PRICE))
    closed = json.loads(mppx("sessions", "close", row["channelId"], "--format", "json").stdout)
    assert (closed["status"], closed["spent"]) == ("closed", str(3 * PRICE))
    assert sessions(mppx) == []
    moved = flows(served, RESERVE, row["channelId"])
    assert (moved.paid[served.recipient.lower()], moved.left) == (3 * PRICE, 0)


def test_a_run_tops_up_what_the_last_one_used_up(served: Served, mppx: Runs) -> None:
    for _ in range(2):
        mppx(served.url + "/session", "-M", "deposit=0.002")
    done = mppx(served.url + "/session", "-M", "deposit=0.1")
    assert json.loads(done.stdout)["channel"]["spent"] == str(3 * PRICE)
    (row,) = sessions(mppx)
    assert int(row["deposit"]) > 2 * PRICE
    mppx("sessions", "close", row["channelId"])


def test_the_server_opens_a_channel_for_the_command(served: Served, mppx: Runs) -> None:
    done = mppx(served.url + "/session/sponsored", "-M", "deposit=0.005")
    assert json.loads(done.stdout)["channel"]["spent"] == str(PRICE)
    (row,) = sessions(mppx)
    mppx("sessions", "close", row["channelId"])
