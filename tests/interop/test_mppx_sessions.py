"""npm mppx buys over a channel of the sandbox's reserve from our demo API: open, vouchers, top up, close."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Served, flows

Buys = Callable[..., dict[str, Any]]
PRICE = 1_000
DEPOSIT = 100_000
RESERVE = "0x4D50500000000000000000000000000000000000"


@pytest.fixture
def mppx_buys(node_folder: Path, served: Served) -> Buys:
    def buy(**more: str) -> dict[str, Any]:
        done = subprocess.run(
            ["node", "mppx_session.mjs"],
            env=served.environment(**{"TARGET": served.url + "/session", **more}),
            cwd=node_folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return buy


def test_requests_are_paid_by_vouchers_over_one_channel(served: Served, mppx_buys: Buys) -> None:
    told = mppx_buys(COUNT="4")
    assert told["statuses"] == [200] * 4
    assert [receipt["spent"] for receipt in told["receipts"]] == [str(PRICE * number) for number in range(1, 5)]
    assert {receipt["channelId"] for receipt in told["receipts"]} == {told["channelId"]}
    assert flows(served, RESERVE, told["channelId"]).locked == DEPOSIT


def test_a_close_pays_the_merchant_what_was_spent_and_the_payer_the_rest(served: Served, mppx_buys: Buys) -> None:
    told = mppx_buys(COUNT="3", CLOSE="1")
    assert told["statuses"] == [200] * 3
    assert told["closed"]["spent"] == str(3 * PRICE)
    receipt = served.rpc("eth_getTransactionReceipt", told["closed"]["txHash"])
    assert receipt["status"] == "0x1"
    moved = flows(served, RESERVE, told["channelId"])
    assert (moved.paid[served.recipient.lower()], moved.left) == (3 * PRICE, 0)


def test_a_top_up_makes_room_for_more(served: Served, mppx_buys: Buys) -> None:
    told = mppx_buys(COUNT="2", TOP_UP="5000")
    assert told["statuses"] == [200] * 3
    assert served.rpc("eth_getTransactionReceipt", told["topUp"]["txHash"])["status"] == "0x1"
    assert flows(served, RESERVE, told["channelId"]).locked == DEPOSIT + 5_000


def test_a_channel_that_runs_out_is_topped_up_on_the_way(served: Served, mppx_buys: Buys) -> None:
    # The deposit pays for a hundred; closed, so that nothing is settled in the midst of another test.
    told = mppx_buys(COUNT="102", CLOSE="1")
    assert told["statuses"] == [200] * 102
    assert told["closed"]["spent"] == str(102 * PRICE)
    moved = flows(served, RESERVE, told["closed"]["channelId"])
    assert moved.locked > DEPOSIT
    assert (moved.paid[served.recipient.lower()], moved.left) == (102 * PRICE, 0)


def test_an_address_with_a_query_is_charged_once(served: Served, mppx_buys: Buys) -> None:
    told = mppx_buys(TARGET=served.url + "/session?station=north", COUNT="2", TOP_UP="5000", CLOSE="1")
    assert told["statuses"] == [200] * 3
    assert told["closed"]["spent"] == str(3 * PRICE)
