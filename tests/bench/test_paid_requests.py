"""Paid requests a second, end to end and one after the other, beside pympp and mppx

Client and server are processes of their own, and the sandbox node is the same for all, so that ratios compare the
engines. Each payment is a signed transfer that is verified, broadcast and confirmed before the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.conftest import Report
from tests.interop.conftest import Paid, Served

COUNT = 40


def utc_now() -> datetime:
    return datetime.now(UTC)


async def pay(count: int) -> float:
    import httpx

    from mpp_console.client import MemoryJournal, PaymentAuth, Payments, SpendingPolicy
    from mpp_console.methods.tempo.keys import LocalSigner
    from mpp_console.methods.tempo.networks import SANDBOX
    from mpp_console.methods.tempo.payer import TempoChargePayer
    from mpp_console.methods.tempo.rpc import Web3Chain
    from mpp_console.protocol import Secret

    chain = Web3Chain(os.environ["RPC_URL"])
    signer = LocalSigner(Secret(bytes.fromhex(os.environ["PRIVATE_KEY"][2:])))
    payer = TempoChargePayer(signer=signer, address=signer.address, chain=chain, network=SANDBOX, clock=utc_now)
    policy = SpendingPolicy(confirm_by_default=False)
    payments = Payments(payers=[payer], policy=policy, journal=MemoryJournal(clock=utc_now), clock=utc_now)
    async with httpx.AsyncClient(auth=PaymentAuth(payments)) as client:
        (await client.get(os.environ["TARGET"])).raise_for_status()
        start = time.perf_counter()
        for _ in range(count):
            (await client.get(os.environ["TARGET"])).raise_for_status()
        rate = count / (time.perf_counter() - start)
    await chain.aclose()
    return rate


def console_rate(served: Served, url: str) -> float:
    environment = served.environment(TARGET=url, COUNT=str(COUNT))
    command = [sys.executable, "-m", "tests.bench.test_paid_requests"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return float(json.loads(done.stdout)["rate"])


def test_paid_requests(
    report: Report, served: Served, mppx_server: str, pympp_server: str, mppx_pays: Paid, pympp_pays: Paid
) -> None:
    own = served.url + "/charge"
    figures = {
        "mpp-console pays mpp-console": console_rate(served, own),
        "pympp pays pympp": pympp_pays(pympp_server + "/charge", COUNT=str(COUNT))["rate"],
        "mppx pays mppx": mppx_pays(mppx_server + "/charge", COUNT=str(COUNT))["rate"],
        "pympp pays mpp-console": pympp_pays(own, COUNT=str(COUNT))["rate"],
        "mppx pays mpp-console": mppx_pays(own, COUNT=str(COUNT))["rate"],
        "mpp-console pays mppx": console_rate(served, mppx_server + "/charge"),
        "mpp-console pays pympp": console_rate(served, pympp_server + "/charge"),
    }
    ours = figures["mpp-console pays mpp-console"]
    for who, rate in figures.items():
        report.add("paid requests", who, f"{rate:.1f}/s", "", None if rate == ours else ours / rate)


if __name__ == "__main__":
    print(json.dumps({"rate": asyncio.run(pay(int(os.environ.get("COUNT", COUNT))))}))
