"""npm mppx buys over a channel of the sandbox's reserve from our demo API: open, vouchers, top up, close."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Served, balance

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
    before = balance(served.rpc_url, RESERVE)
    told = mppx_buys(COUNT="4")
    assert told["statuses"] == [200] * 4
    assert [receipt["spent"] for receipt in told["receipts"]] == [str(PRICE * number) for number in range(1, 5)]
    assert {receipt["channelId"] for receipt in told["receipts"]} == {told["channelId"]}
    assert balance(served.rpc_url, RESERVE) - before == DEPOSIT


def test_a_close_pays_the_merchant_what_was_spent_and_the_payer_the_rest(served: Served, mppx_buys: Buys) -> None:
    locked, earned = balance(served.rpc_url, RESERVE), balance(served.rpc_url, served.recipient)
    told = mppx_buys(COUNT="3", CLOSE="1")
    assert told["statuses"] == [200] * 3
    assert told["closed"]["spent"] == str(3 * PRICE)
    receipt = served.rpc("eth_getTransactionReceipt", told["closed"]["txHash"])
    assert receipt["status"] == "0x1"
    assert balance(served.rpc_url, RESERVE) == locked
    assert balance(served.rpc_url, served.recipient) - earned == 3 * PRICE


def test_a_top_up_makes_room_for_more(served: Served, mppx_buys: Buys) -> None:
    before = balance(served.rpc_url, RESERVE)
    told = mppx_buys(COUNT="2", TOP_UP="5000")
    assert told["statuses"] == [200] * 3
    assert served.rpc("eth_getTransactionReceipt", told["topUp"]["txHash"])["status"] == "0x1"
    assert balance(served.rpc_url, RESERVE) - before == DEPOSIT + 5_000


def test_a_channel_that_runs_out_is_topped_up_on_the_way(served: Served, mppx_buys: Buys) -> None:
    before = balance(served.rpc_url, RESERVE)
    told = mppx_buys(COUNT="102")  # the deposit pays for a hundred
    assert told["statuses"] == [200] * 102
    assert told["receipts"][-1]["spent"] == str(102 * PRICE)
    assert balance(served.rpc_url, RESERVE) - before > DEPOSIT


def test_an_address_with_a_query_is_charged_once(served: Served, mppx_buys: Buys) -> None:
    told = mppx_buys(TARGET=served.url + "/session?station=north", COUNT="2", TOP_UP="5000", CLOSE="1")
    assert told["statuses"] == [200] * 3
    assert told["closed"]["spent"] == str(3 * PRICE)
