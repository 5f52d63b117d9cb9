"""Payment channels beside mppx and eth-account, in vouchers, requests and words a second, and a thousand of them

Every engine serves from a process of its own under the same load: vouchers signed beforehand over channels of one
sandbox node. "durable" has each sum on disk before it serves; mppx keeps its channels in memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.conftest import Report
from tests.bench.thousand import CHANNELS, measure
from tests.interop.conftest import Peer, Served
from tests.soak.shop import SPONSOR

ROOT = Path(__file__).parents[2]
REQUESTS = 1_000
WORDS = 2_000


def printed(command: list[str], folder: Path, environment: dict[str, str]) -> Any:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_vouchers(report: Report, node_folder: Path) -> None:
    environment = dict(os.environ) | {"COUNT": "1000"}
    figures = printed([sys.executable, "-m", "tests.bench.vouchers"], ROOT, environment)
    figures["mppx"] = printed(["node", "bench_mppx_vouchers.mjs"], node_folder, environment)
    for what in ("signed", "verified"):
        ours = figures["mpp-console"][what]
        for who, rates in figures.items():
            ratio = None if who == "mpp-console" else ours / rates[what]
            report.add(f"vouchers {what}", who, f"{rates[what]:,.0f}/s", "", ratio)


@contextmanager
def shop(served: Served, store: str) -> Iterator[str]:
    """Our own server, with nothing around the gate."""
    environment = served.environment(STORE=store)
    command = [sys.executable, "-m", "tests.soak.shop"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def mppx_sessions(node_folder: Path, served: Served, peer: Peer) -> str:
    return peer.start(["node", "bench_mppx_sessions.mjs"], served.environment(), node_folder)


def load(served: Served, what: str, target: str, **options: str) -> float:
    environment = served.environment(TARGET=target, **options)
    return float(printed([sys.executable, "-m", "tests.bench.load", what], ROOT, environment)["rate"])


@pytest.mark.parametrize("channels", [1, 100])
def test_paid_requests(report: Report, served: Served, mppx_sessions: str, tmp_path: Path, channels: int) -> None:
    served.rpc("tempo_fundAddress", SPONSOR.address)
    options = {"CHANNELS": str(channels), "COUNT": str(REQUESTS)}
    with shop(served, "memory") as memory, shop(served, str(tmp_path / "shop.db")) as durable:
        figures = {
            "mpp-console, durable": load(served, "requests", durable + "/goods", **options),
            "mpp-console, in memory": load(served, "requests", memory + "/goods", **options),
            "mppx, in memory": load(served, "requests", mppx_sessions + "/goods", **options),
        }
    ours = figures["mpp-console, durable"]
    what = f"paid requests on {channels} channel{'s' if channels > 1 else ''}"
    for who, rate in figures.items():
        report.add(what, who, f"{rate:,.0f}/s", "", None if rate == ours else ours / rate)


def test_streams(report: Report, served: Served, mppx_sessions: str, tmp_path: Path) -> None:
    served.rpc("tempo_fundAddress", SPONSOR.address)
    options = {"COUNT": str(WORDS)}
    with shop(served, "memory") as memory, shop(served, str(tmp_path / "shop.db")) as durable:
        figures = {
            "mpp-console, durable": load(served, "words", durable + "/words", **options),
            "mpp-console, durable, what is ready together": load(
                served, "words", durable + "/words", MORE="&bulk=1", **options
            ),
            "mpp-console, in memory": load(served, "words", memory + "/words", **options),
            "mppx, in memory": load(served, "words", mppx_sessions + "/words", **options),
        }
    ours = figures["mpp-console, durable"]
    for who, rate in figures.items():
        report.add("tokens of a stream, each charged", who, f"{rate:,.0f}/s", "", None if rate == ours else ours / rate)


def test_a_thousand_channels(report: Report, tmp_path: Path) -> None:
    seconds = asyncio.run(measure(tmp_path))
    for what, took in seconds.items():
        report.add(f"{CHANNELS:,} channels: {what}", "mpp-console", f"{took * 1000:,.0f} ms")
