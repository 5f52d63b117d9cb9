"""The same signed transactions on `anvil --network tempo` and on the sandbox node leave the same balances and logs.

Ordinary nonce lanes only: anvil's pool mishandles repeated expiring nonces. A sponsor pays every fee, because the base
fees of the two differ and the fee is not what is compared.
"""

from __future__ import annotations

import subprocess
import time
import urllib.error
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.tip20 import encode_transfer
from mpp_console.methods.tempo.transaction import AwaitingSponsor, Call, TempoTransaction
from mpp_console.protocol import Secret
from tests.interop.conftest import PATH_USD, Served, balance, call_rpc

# anvil's first two accounts: known to everybody, funded there by its genesis and here by the faucet.
RICH = LocalSigner(Secret(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")))
SPONSOR = LocalSigner(Secret(bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")))
SOMEBODY = "0x00000000000000000000000000000000000a11ce"
ANOTHER = "0x0000000000000000000000000000000000000b0b"
MEMO = bytes.fromhex("ef1ed712" + "01" * 28)
CHAIN_ID = 1337


@dataclass(frozen=True)
class Step:
    """One transaction of the sequence; `reverts` is what both nodes must make of it."""

    name: str
    calls: tuple[Call, ...]
    reverts: bool = False
    lane: int = 0


def transfer(recipient: str, amount: int, memo: bytes | None = None) -> Call:
    return Call(to=PATH_USD, value=0, data=encode_transfer(recipient, amount, memo))


SEQUENCE = (
    Step("a transfer", (transfer(SOMEBODY, 1_000_000),)),
    Step("with a memo", (transfer(SOMEBODY, 250_000, MEMO),)),
    Step("a batch", (transfer(SOMEBODY, 1), transfer(ANOTHER, 2, MEMO), transfer(ANOTHER, 3))),
    Step("nothing at all", (transfer(ANOTHER, 0),)),
    Step("to itself", (transfer(RICH.address, 5),)),
    Step("another lane", (transfer(ANOTHER, 7),), lane=9),
    Step("the same lane again", (transfer(ANOTHER, 8, MEMO),), lane=9),
    Step("a batch of which one call fails", (transfer(SOMEBODY, 4), transfer(ANOTHER, 2**200)), reverts=True),
    Step("after a failure", (transfer(SOMEBODY, 6),)),
)


@pytest.fixture(scope="module")
def anvil(node_folder: Path) -> Iterator[str]:
    program = node_folder / "node_modules/.bin/anvil"
    command = [str(program), "--network", "tempo", "--port", "0", "--chain-id", str(CHAIN_ID), "--host", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "Listening on" in line)
            url = "http://" + line.split()[-1]
            wait_until_it_answers(url)
            yield url
        finally:
            process.kill()


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            call_rpc(url, "eth_chainId")
            return
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise


def signed(step: Step, nonce: int, gas_price: int) -> bytes:
    unsigned = TempoTransaction(
        chain_id=CHAIN_ID,
        max_priority_fee_per_gas=gas_price,
        max_fee_per_gas=gas_price,
        gas=2_000_000,
        calls=step.calls,
        nonce_key=step.lane,
        nonce=nonce,
        fee_payer_slot=AwaitingSponsor(),
    )
    return unsigned.sign(RICH).cosign(SPONSOR, PATH_USD).encode()


def nonces(steps: Sequence[Step]) -> list[int]:
    used: dict[int, int] = {}
    answer = []
    for step in steps:
        answer.append(used.get(step.lane, 0))
        used[step.lane] = answer[-1] + 1
    return answer


def run(url: str, raw: bytes) -> dict[str, Any]:
    reference = call_rpc(url, "eth_sendRawTransaction", "0x" + raw.hex())
    deadline = time.monotonic() + 20
    while (receipt := call_rpc(url, "eth_getTransactionReceipt", reference)) is None:
        assert time.monotonic() < deadline, "the transaction was never included"
    assert isinstance(receipt, dict)
    return receipt


def told(receipt: dict[str, Any]) -> tuple[str, list[tuple[str, tuple[str, ...], str]]]:
    """Status and logs, without those of the fee, which the two meter differently."""
    logs = [
        (log["address"].lower(), tuple(topic.lower() for topic in log["topics"]), log["data"])
        for log in receipt["logs"]
    ]
    fee_manager = "feec" + "0" * 36
    return receipt["status"], [log for log in logs if not any(topic.endswith(fee_manager) for topic in log[1][1:])]


def test_sequence(anvil: str, served: Served) -> None:
    for owner in (RICH.address, SPONSOR.address):
        served.rpc("tempo_fundAddress", owner)
    people = (SOMEBODY, ANOTHER, RICH.address)
    before = {url: [balance(url, owner) for owner in people] for url in (anvil, served.rpc_url)}
    price = max(int(call_rpc(url, "eth_gasPrice"), 16) for url in (anvil, served.rpc_url)) * 2
    for step, nonce in zip(SEQUENCE, nonces(SEQUENCE), strict=True):
        raw = signed(step, nonce, price)
        theirs, ours = run(anvil, raw), run(served.rpc_url, raw)
        assert told(ours) == told(theirs), step.name
        assert (ours["status"] == "0x0") == step.reverts, step.name
        # Not `feePayer` and `feeToken`: anvil names the sender and nothing there, whoever paid.
        for field in ("transactionHash", "from", "type"):
            assert ours[field].lower() == theirs[field].lower(), (step.name, field)
    moved = {
        url: [balance(url, owner) - held for owner, held in zip(people, before[url], strict=True)] for url in before
    }
    assert moved[served.rpc_url] == moved[anvil]
    assert moved[anvil][:2] == [1_250_007, 20]
