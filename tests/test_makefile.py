"""Which Python `make` takes on a machine that has several."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str, new: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Runs make where each of NAMES is on the path, and only those in `new` are new enough."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in NAMES:
        program = folder / name
        program.write_text(f"#!/bin/sh\nexit {0 if name in new else 1}\n")
        program.chmod(0o755)
    found = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "PYTHON"}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=found | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("new", "taken"),
    [
        (("python3", "python3.13"), "python3"),
        (("python3.11", "python3.12"), "python3.12"),
        (("python3.11",), "python3.11"),
    ],
)
def test_the_first_that_is_new_enough_is_taken(tmp_path: Path, new: tuple[str, ...], taken: str) -> None:
    assert f"|| {taken} -m venv .venv" in make(tmp_path, "--dry-run", "run", new=new).stdout


def test_another_is_taken_when_told(tmp_path: Path) -> None:
    done = make(tmp_path, "--dry-run", "run", "PYTHON=python3.11", new=NAMES)
    assert "|| python3.11 -m venv .venv" in done.stdout


@pytest.mark.parametrize("told", [(), ("PYTHON=python3.12",)])
def test_without_one_make_says_what_is_needed(tmp_path: Path, told: tuple[str, ...]) -> None:
    done = make(tmp_path, "test", *told, new=())
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()
