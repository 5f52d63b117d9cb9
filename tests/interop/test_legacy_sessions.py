"""Sessions of version 1 with npm mppx in both roles: its newest client at our demo, and our client at the newest of its
servers that still speaks it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mpp_console.client.sessions.lifecycle import CloseHow
from mpp_console.sandbox.node.escrow import ESCROW
from tests.interop.conftest import SPONSOR, Peer, Served, flows, run_script
from tests.interop.test_mppx_session_server import PRICE, Wallet, wallet  # noqa: F401 - a fixture
from tests.soak.shop import PRICE as WORD
from tests.soak.shop import SPONSOR as SHOP_SPONSOR

Buys = Callable[..., dict[str, Any]]
DEPOSIT = 100_000
CLIENTS = ("mppx", "mppx-v1")


@pytest.fixture
def mppx_buys(node_folder: Path, served: Served) -> Buys:
    def buy(peer: str, **more: str) -> dict[str, Any]:
        values = {"TARGET": served.url + "/session/v1", "PEER": peer, "ESCROW": ESCROW, **more}
        return run_script("mppx_legacy_session.mjs", served.environment(**values), node_folder)

    return buy


@pytest.mark.parametrize("peer", CLIENTS)
def test_requests_are_paid_by_vouchers_over_one_channel(served: Served, mppx_buys: Buys, peer: str) -> None:
    told = mppx_buys(peer, COUNT="4")
    assert told["statuses"] == [200] * 4
    assert [receipt["spent"] for receipt in told["receipts"]] == [str(PRICE * number) for number in range(1, 5)]
    assert {receipt["channelId"] for receipt in told["receipts"]} == {told["channelId"]}
    assert flows(served, ESCROW, told["channelId"]).locked == DEPOSIT


@pytest.mark.parametrize("peer", CLIENTS)
def test_a_close_pays_what_was_spent_and_the_rest_comes_back(served: Served, mppx_buys: Buys, peer: str) -> None:
    told = mppx_buys(peer, COUNT="3", CLOSE="1")
    assert told["statuses"] == [200] * 3
    assert told["closed"]["spent"] == str(3 * PRICE)
    assert served.rpc("eth_getTransactionReceipt", told["closed"]["txHash"])["status"] == "0x1"
    moved = flows(served, ESCROW, told["channelId"])
    assert (moved.paid[served.recipient.lower()], moved.left) == (3 * PRICE, 0)


@pytest.fixture
def wordy(served: Served) -> Iterator[str]:
    """A shop of our own that sells words over the escrow contract."""
    served.rpc("tempo_fundAddress", SHOP_SPONSOR.address)
    environment = served.environment(STORE="memory", PROTOCOL="v1")
    command = [sys.executable, "-m", "tests.soak.shop"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environment, **pipes) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@pytest.mark.parametrize("peer", CLIENTS)
def test_a_stream_is_paid_word_by_word(mppx_buys: Buys, wordy: str, peer: str) -> None:
    told = mppx_buys(peer, TARGET=wordy + "/words?count=7", SSE="1", CLOSE="1")
    assert told["tokens"] == 7
    assert told["closed"]["spent"] == str(7 * WORD)


@pytest.fixture(scope="session")
def legacy_server(node_folder: Path, served: Served, peer: Peer) -> str:
    return peer.start(["node", "mppx_legacy_server.mjs"], served.environment(ESCROW=ESCROW), node_folder)


async def test_our_client_opens_pays_and_closes(wallet: Wallet, legacy_server: str) -> None:  # noqa: F811
    before = await wallet.balance()
    answers = await wallet.get(legacy_server + "/session", 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    (row,) = (await wallet.book.rows()).rows
    assert (row.protocol, row.state, row.deposit, row.signed, row.accepted, row.spent) == (
        "v1", "active", 5 * PRICE, 4 * PRICE, 4 * PRICE, 4 * PRICE
    )  # fmt: skip
    assert row.payee == SPONSOR
    done = await wallet.manager().close(row.channel_id)
    assert (done.how, done.refunded) == (CloseHow.COOPERATIVE, PRICE)
    assert [operation.error for operation in wallet.journal.operations] == [None] * 4
    assert before - await wallet.balance() >= 4 * PRICE


async def test_our_client_tops_up_on_the_way(wallet: Wallet, legacy_server: str) -> None:  # noqa: F811
    answers = await wallet.get(legacy_server + "/session", 12)
    assert [answer.status_code for answer in answers] == [200] * 12
    (row,) = (await wallet.book.rows()).rows
    assert (row.deposit, row.spent, row.pending_deposit) == (15 * PRICE, 12 * PRICE, 0)


async def test_the_server_sponsors_open_and_top_up(wallet: Wallet, legacy_server: str) -> None:  # noqa: F811
    before = await wallet.balance()
    answers = await wallet.get(legacy_server + "/sponsored", 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    (row,) = (await wallet.book.rows()).rows
    assert before - await wallet.balance() == row.deposit, "not a base unit of fee"
    done = await wallet.manager().close(row.channel_id)
    assert done.how is CloseHow.COOPERATIVE
    assert before - await wallet.balance() == 8 * PRICE
