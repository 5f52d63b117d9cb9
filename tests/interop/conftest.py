"""What the interop tests share: the real program serving the demo API, and peers run as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC
from tests.interop import peers

PAYER_KEY = "0x" + "01" * 32
PAYER = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"
SPONSOR_KEY = "0x" + "02" * 32
SPONSOR = "0x5050A4F4b3f9338C3472dcC01A87C76A144b3c9c"
MERCHANT = "0x3325a78425F17a7E487Eb5666b2bFd93aBb06c70"
SPLIT_TO = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"
PATH_USD = "0x20c0000000000000000000000000000000000000"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.interop)
            # One worker runs them all: they share one served program and install their peers once.
            item.add_marker(pytest.mark.xdist_group("interop"))


def _required() -> bool:
    return os.environ.get("MPP_INTEROP") == "required"


@pytest.fixture(scope="session")
def node_folder() -> Path:
    try:
        return peers.node_folder()
    except peers.PeerMissing as missing:
        if _required():
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def pympp_python() -> Path:
    try:
        return peers.pympp_python()
    except peers.PeerMissing as missing:
        if _required():
            raise
        pytest.skip(str(missing))


@dataclass(frozen=True)
class Served:
    """The program as somebody would run it: `mpp-console serve --json`, in a home of its own."""

    home: Path
    url: str
    rpc_url: str
    chain_id: int
    recipient: str
    routes: tuple[Mapping[str, Any], ...]

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "MPP_CONSOLE_HOME": str(self.home),
            "RPC_URL": self.rpc_url,
            "CHAIN_ID": str(self.chain_id),
            "TOKEN": PATH_USD,
            "RECIPIENT": MERCHANT,
            "SPLIT_TO": SPLIT_TO,
            "SPONSOR_KEY": SPONSOR_KEY,
            "PRIVATE_KEY": PAYER_KEY,
            "MPPX_PRIVATE_KEY": PAYER_KEY,
            "NO_COLOR": "1",
            **more,
        }

    def rpc(self, method: str, *params: Any) -> Any:
        return call_rpc(self.rpc_url, method, *params)


def call_rpc(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        answer = json.load(response)
    if "error" in answer:
        raise AssertionError(f"{method}: {answer['error']}")
    return answer["result"]


def balance(url: str, owner: str, token: str = PATH_USD) -> int:
    data = "0x70a08231" + owner[2:].lower().rjust(64, "0")
    return int(call_rpc(url, "eth_call", {"to": token, "data": data}, "latest"), 16)


@dataclass(frozen=True)
class Flows:
    """What one channel moved on the chain, in base units of pathUSD: into its escrow, and out of it to whom."""

    locked: int
    paid: Mapping[str, int]

    @property
    def left(self) -> int:
        return self.locked - sum(self.paid.values())


def flows(served: Served, escrow: str, channel_id: str) -> Flows:
    """By the transfers of every transaction that names the channel: an escrow's balance moves for other channels too,
    which the server settles when it sees fit.
    """
    logs = served.rpc("eth_getLogs", {"address": escrow, "topics": [None, channel_id], "fromBlock": "0x0"})
    locked, paid = 0, Counter[str]()
    for tx_hash in dict.fromkeys(log["transactionHash"] for log in logs):
        for log in served.rpc("eth_getTransactionReceipt", tx_hash)["logs"]:
            if log["address"].lower() != PATH_USD or log["topics"][0] != TRANSFER_TOPIC:
                continue
            sender, receiver, amount = log["topics"][1][-40:], log["topics"][2][-40:], int(log["data"], 16)
            if receiver == escrow[2:].lower():
                locked += amount
            elif sender == escrow[2:].lower():
                paid["0x" + receiver] += amount
    return Flows(locked, paid)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "mpp_console", "serve", "--json"]
    environment = {**os.environ, "MPP_CONSOLE_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            served = Served(
                home, ready["url"], ready["rpc_url"], ready["chain_id"], ready["recipient"], tuple(ready["routes"])
            )
            # A pipe that nobody reads fills up, and then the server waits for its reader.
            Thread(target=deque, args=(process.stdout, 0), daemon=True).start()
            for owner in (PAYER, SPONSOR):
                served.rpc("tempo_fundAddress", owner)
            yield served
        finally:
            process.terminate()
            process.wait(timeout=20)


class Peer:
    """A server that is not ours, running until the test session ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, command: list[str], environment: dict[str, str], folder: Path) -> str:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=folder, text=True)
        self._stack.callback(process.communicate, timeout=20)
        self._stack.callback(process.kill)
        assert process.stdout is not None
        return str(json.loads(process.stdout.readline())["url"])


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    with ExitStack() as stack:
        yield Peer(stack)


@pytest.fixture(scope="session")
def mppx_server(node_folder: Path, served: Served, peer: Peer) -> str:
    return peer.start(["node", "mppx_server.mjs"], served.environment(), node_folder)


@pytest.fixture(scope="session")
def pympp_server(pympp_python: Path, served: Served, peer: Peer) -> str:
    script = peers.SCRIPTS / "pympp_server.py"
    return peer.start([str(pympp_python), str(script)], served.environment(), script.parent)


Paid = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def mppx_pays(node_folder: Path, served: Served) -> Paid:
    def pay(url: str, **more: str) -> dict[str, Any]:
        return _json_of(["node", "mppx_client.mjs"], served.environment(TARGET=url, **more), node_folder)

    return pay


@pytest.fixture(scope="session")
def pympp_pays(pympp_python: Path, served: Served) -> Paid:
    def pay(url: str, **more: str) -> dict[str, Any]:
        script = peers.SCRIPTS / "pympp_client.py"
        return _json_of([str(pympp_python), str(script)], served.environment(TARGET=url, **more), script.parent)

    return pay


@pytest.fixture(scope="session")
def console_pays(served: Served) -> Paid:
    def pay(url: str, *arguments: str, **more: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "mpp_console", "pay", url, "--json", "--yes", *arguments]
        return _json_of(command, served.environment(**more), served.home)

    return pay


def run_script(script: str, environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """Runs one of our npm scripts and gives what it printed."""
    return _json_of(["node", script], environment, folder)


def _json_of(command: list[str], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    answer = json.loads(done.stdout.strip().splitlines()[-1] if "\n{" in done.stdout.strip() else done.stdout)
    assert isinstance(answer, dict)
    return answer
