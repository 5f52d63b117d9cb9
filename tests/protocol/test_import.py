"""The protocol stays pure and cheap to import; a subprocess proves it, because this one has imported everything
already."""

from __future__ import annotations

import json
import subprocess
import sys

import mpp_console.protocol as protocol

HEAVY = [
    "textual",
    "rich",
    "click",
    "httpx",
    "web3",
    "eth_account",
    "starlette",
    "uvicorn",
    "coincurve",
    "asyncio",
    "sqlite3",
    "socket",
    "ssl",
    "random",
]


def test_importing_it_pulls_in_nothing_heavy() -> None:
    script = "import json, sys; import mpp_console.protocol; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "mpp_console.protocol.challenge" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_every_public_name_is_there() -> None:
    assert [name for name in protocol.__all__ if not hasattr(protocol, name)] == []
    assert len(protocol.__all__) == len(set(protocol.__all__))
