"""The program as people run it: a demo API served by a process of its own, and commands beside it in their homes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mpp_console.cli.root import cli

MERCHANT = "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00"
PLAIN = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "MPP_CONSOLE_PASSPHRASE": "correct horse"}


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MPP_CONSOLE")}
    return {**kept, **PLAIN, "MPP_CONSOLE_HOME": str(home), **more}


@dataclass(frozen=True)
class Served:
    """`mpp-console serve --json` in its home."""

    process: subprocess.Popen[str]
    home: Path
    ready: Mapping[str, Any]

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    def next_event(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))


def start_serving(home: Path, *options: str) -> Served:
    process = subprocess.Popen(
        [sys.executable, "-m", "mpp_console", "serve", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return Served(process, home, json.loads(line))


def stop_serving(served: Served, number: int = signal.SIGTERM) -> tuple[int, str]:
    """Ends it and gives its exit code and what it said on stderr."""
    served.process.send_signal(number)
    _, err = served.process.communicate(timeout=20)
    return served.process.returncode, err


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = start_serving(tmp_path_factory.mktemp("served") / "home")
    yield running
    stop_serving(running)


Run = Callable[..., Result]


def runner(home: Path) -> Run:
    """Runs commands in this process: as `mpp-console WORDS` with stdin, stdout and stderr no terminals."""

    def run(*words: str, stdin: str | bytes | None = None, code: int | None = 0, **env: str) -> Result:
        result = CliRunner().invoke(cli, words, input=stdin, env={**environment(home), **env}, prog_name="mpp-console")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code is None or result.exit_code == code, (
            f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        )
        return result

    return run


@pytest.fixture
def beside(served: Served) -> Run:
    """Commands in the home of the served sandbox, so that both see one chain and one history."""
    return runner(served.home)


@pytest.fixture
def alone(tmp_path: Path) -> Run:
    """Commands in an empty home."""
    return runner(tmp_path / "home")


@pytest.fixture
def devnet(served: Served, tmp_path: Path) -> Run:
    """Commands on a network where payments are asked about: the served sandbox's chain, seen from outside."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    settings = f"""
profile = "devnet"
[networks.devnet]
rpc_url = "{served.ready["rpc_url"]}"
chain_id = 1337
faucet = true
[policy.per_payment]
pathUSD = "0.5"
"""
    (home / "settings.toml").write_text(settings)
    return runner(home)


def lines_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def one(result: Result) -> dict[str, Any]:
    (line,) = lines_of(result)
    return line
