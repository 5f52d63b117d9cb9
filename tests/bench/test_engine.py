"""Challenges issued and credentials verified a second, beside pympp and mppx: the same route, the rail answered at once

Each engine runs in a process of its own, one after the other, on the same machine in the same run. "Verified" is
everything from the header field to an admitted request: parsing, the HMAC, the route's terms, the body, the expiry and
the claim; not the chain.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mpp_console.methods.base import ClaimStore
from mpp_console.protocol import ChallengeBinder, Credential, Receipt, Secret, parse_challenges
from mpp_console.server import Admitted, Challenged, Gate, GateLimits, GateRequest, MemoryStore, Offer
from tests.bench.conftest import Report
from tests.interop import peers

COUNT = 3000
PRICE = {
    "amount": "10000",
    "currency": "0x20c0000000000000000000000000000000000000",
    "recipient": "0x742d35Cc6634C0532925a3b844bC9e7595F8fE00",
}
PAYLOAD = {"type": "hash", "hash": "0x" + "11" * 32}


class InstantPayee:
    """A rail that takes no time, so that the engine alone is measured."""

    method = "tempo"
    intent = "charge"

    def offer(self, *, amount: int, options: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return PRICE

    async def verify(self, credential: Credential, claims: ClaimStore, *, now: datetime) -> Receipt:
        return Receipt(method="tempo", reference="0x01", timestamp="2026-01-01T00:00:00Z")


async def measure(count: int) -> dict[str, float]:
    gate = Gate(
        realm="api.example.com",
        binder=ChallengeBinder([Secret(b"bench-secret-bench-secret-bench-secret-bench")]),
        store=MemoryStore(),
        limits=GateLimits(rates=None),
    )
    offers = [Offer(payee=InstantPayee(), amount=10_000)]
    request = GateRequest(method="GET", path="/data")
    for _ in range(300):
        await gate.check(request, offers)

    start = time.perf_counter()
    answers = [await gate.check(request, offers) for _ in range(count)]
    issued = count / (time.perf_counter() - start)

    requests = []
    for answer in answers:
        assert isinstance(answer, Challenged)
        (challenge,) = parse_challenges(dict(answer.headers)["WWW-Authenticate"])
        header = Credential(challenge=challenge, payload=PAYLOAD).to_header().reveal()
        requests.append(GateRequest(method="GET", path="/data", headers=(("Authorization", header),)))
    start = time.perf_counter()
    for paid in requests:
        assert isinstance(await gate.check(paid, offers), Admitted)
    verified = count / (time.perf_counter() - start)
    return {"issued": issued, "verified": verified}


def rates(command: list[str], folder: Path) -> dict[str, float]:
    """The best of three runs of a process that prints its rates as JSON."""
    runs = []
    for _ in range(3):
        environment = {**os.environ, "COUNT": str(COUNT)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=True
        )
        runs.append(json.loads(done.stdout))
    return {what: max(run[what] for run in runs) for what in runs[0]}


def test_engine(report: Report, node_folder: Path, pympp_python: Path) -> None:
    root = Path(__file__).parents[2]
    figures = {
        "mpp-console": rates([sys.executable, "-m", "tests.bench.test_engine"], root),
        "pympp": rates([str(pympp_python), str(peers.SCRIPTS / "bench_pympp.py")], root),
        "mppx": rates(["node", "bench_mppx.mjs"], node_folder),
    }
    for what in ("issued", "verified"):
        ours = figures["mpp-console"][what]
        for who, rate in figures.items():
            ratio = None if who == "mpp-console" else ours / rate[what]
            report.add(
                f"challenges {what}" if what == "issued" else "credentials verified",
                who,
                f"{rate[what]:,.0f}/s",
                "",
                ratio,
            )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(os.environ.get("COUNT", COUNT))))))
