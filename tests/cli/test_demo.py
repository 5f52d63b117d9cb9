"""`--demo` with commands: the same answers every time, from nobody's own files, and nothing left over."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from mpp_console.services.demo.seeds import PAYER, history
from tests.cli.conftest import Run, one, runner


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands in an empty home, with a folder for temporary files that can be looked into."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return runner(tmp_path / "home")


def test_lists_the_seeded_receipts_and_leaves_nothing(demo: Run, tmp_path: Path) -> None:
    rows = one(demo("--demo", "receipts", "list", "--json"))["receipts"]
    newest = [row.id for row in reversed(history())]
    charges = [row["id"] for row in rows if row["intent"] == "charge"]
    assert charges == newest[: len(charges)]
    assert len(rows) >= 20
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "home").exists()


def test_says_the_same_twice(demo: Run) -> None:
    once = demo("--demo", "receipts", "show", "rc0036").stdout
    assert PAYER in once
    assert demo("--demo", "receipts", "show", "rc0036").stdout == once


def test_pays_in_the_demos_own_money(demo: Run) -> None:
    assert "paid 0.010000 pathUSD" in demo("--demo", "sandbox", "test").stderr


def test_the_environment_does_not_change_the_demo(demo: Run) -> None:
    words = ("--demo", "accounts", "list", "--json")
    assert demo(*words, MPP_CONSOLE_PROFILE="mainnet", MPP_CONSOLE_ACCOUNT="nobody").stdout == demo(*words).stdout


@pytest.mark.parametrize(
    "option", [("--profile", "mainnet"), ("--rpc-url", "http://127.0.0.1:1"), ("--account", "main")], ids=lambda o: o[0]
)
def test_another_world_cannot_be_had_with_it(demo: Run, option: tuple[str, str]) -> None:
    result = demo("--demo", *option, "balance", code=2)
    assert f"{option[0]} does not go with --demo" in result.stderr


def test_a_failing_command_leaves_nothing_either(demo: Run, tmp_path: Path) -> None:
    demo("--demo", "receipts", "show", "nothing-like-it", code=2)
    assert list((tmp_path / "temporary").iterdir()) == []
