"""npm mppx reads our demo's words, each paid by a voucher of its own, over one channel."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpp_console.sandbox.demo.content import forecast
from mpp_console.sandbox.demo.sessions import TOKEN_PRICE
from tests.interop.conftest import Served, flows

Reads = Callable[..., dict[str, Any]]
RESERVE = "0x4D50500000000000000000000000000000000000"


@pytest.fixture
def mppx_reads(node_folder: Path, served: Served) -> Reads:
    def read(query: str = "", script: str = "mppx_session_sse.mjs", **more: str) -> dict[str, Any]:
        done = subprocess.run(
            ["node", script],
            env=served.environment(**{"TARGET": f"{served.url}/session/stream{query}", **more}),
            cwd=node_folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return read


def test_words_are_read_and_paid_by_a_voucher_each(served: Served, mppx_reads: Reads) -> None:
    told = mppx_reads("?tokens=12")
    assert told["messages"] == [list(forecast(12))]
    last = told["receipts"][-1]
    assert (last["spent"], last["acceptedCumulative"], last["units"]) == (str(12 * TOKEN_PRICE),) * 2 + (12,)
    assert last["channelId"] == told["channelId"]


def test_two_streams_and_a_close_cost_what_was_read(served: Served, mppx_reads: Reads) -> None:
    told = mppx_reads("?tokens=5", COUNT="2", CLOSE="1")
    assert [len(heard) for heard in told["messages"]] == [5, 5]
    assert told["closed"]["spent"] == str(10 * TOKEN_PRICE)
    moved = flows(served, RESERVE, told["closed"]["channelId"])
    assert (moved.paid[served.recipient.lower()], moved.left) == (10 * TOKEN_PRICE, 0)


def test_words_are_read_over_a_websocket_and_the_channel_closed(served: Served, mppx_reads: Reads) -> None:
    told = mppx_reads(script="mppx_session_ws.mjs", TARGET=f"{served.url}/session/ws?tokens=7", COUNT="7")
    assert told["messages"] == list(forecast(7))
    assert told["closed"]["spent"] == str(7 * TOKEN_PRICE)
    assert {receipt["channelId"] for receipt in told["receipts"]} == {told["closed"]["channelId"]}
    moved = flows(served, RESERVE, told["closed"]["channelId"])
    assert (moved.paid[served.recipient.lower()], moved.left) == (7 * TOKEN_PRICE, 0)
