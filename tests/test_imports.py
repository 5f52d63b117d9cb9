"""What starting costs: which libraries an import or a short command may load, and the layers between the packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "textual", "web3", "eth_account", "httpx", "starlette", "uvicorn", "sqlite_utils", "coincurve", "aiohttp",
    "keyring", "segno",
}  # fmt: skip
TRACE = """
import json, sys
try:
    {code}
finally:
    sys.stderr.write("MODULES" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def modules_after(code: str, home: Path) -> set[str]:
    """The top-level packages that are loaded once `code` has run, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", TRACE.format(code=code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"MPP_CONSOLE_HOME": str(home), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
    )
    _, _, found = done.stderr.partition("MODULES")
    assert found, done.stderr
    return set(json.loads(found.partition("\n")[0]))


def command(*words: str) -> str:
    return f"sys.argv = ['mpp-console', *{list(words)!r}]; from mpp_console.cli import main; main()"


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("pay", "--help"), ("accounts", "--help"), ("completion", "zsh")]
)
def test_short_answers_load_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    loaded = modules_after(command(*words), tmp_path)
    assert not loaded & (HEAVY | {"rich", "sqlite3", "asyncio", "ssl"})
    assert "mpp_console" in loaded


def test_the_version_is_said_without_even_click(tmp_path: Path) -> None:
    assert "click" not in modules_after(command("--version"), tmp_path)


@pytest.mark.parametrize(
    "module",
    [
        "mpp_console",
        "mpp_console.protocol",
        "mpp_console.methods.base",
        "mpp_console.services",
        "mpp_console.services.models",
        "mpp_console.services.events",
        "mpp_console.inspector",
        "mpp_console.client",
        "mpp_console.server",
        "mpp_console.wallet",
        "mpp_console.wallet.accounts",
    ],
)
def test_these_import_nothing_heavy(module: str, tmp_path: Path) -> None:
    assert not modules_after(f"import {module}", tmp_path) & HEAVY


def test_opening_a_console_and_looking_at_it_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import asyncio; from mpp_console.services import Console; asyncio.run(Console.open()).snapshot()"
    assert not modules_after(code, tmp_path) & HEAVY


def test_the_screens_import_without_the_engine_room(tmp_path: Path) -> None:
    assert not modules_after("import mpp_console.tui.app", tmp_path) & (HEAVY - {"textual"})


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stdout
