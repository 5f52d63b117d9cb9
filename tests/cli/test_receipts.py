"""`receipts` on a history that is there already: filters, orders, chosen ids, formats, and the meter."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from mpp_console.cli.meter import Meter
from mpp_console.history import Database, HistoryJournal
from mpp_console.services.paths import Paths
from tests.cli.conftest import Run, lines_of, one
from tests.history.samples import START, a_receipt

AMOUNTS = {"aaaa-1": 5_000_000, "bbbb-2": 1, "cccc-3": 200_000}


@pytest.fixture
def filled(tmp_path: Path, alone: Run) -> Run:
    async def fill() -> None:
        database = await Database.open(Paths.under(tmp_path / "home").profile("sandbox").history)
        journal = HistoryJournal(database)
        for number, (name, amount) in enumerate(AMOUNTS.items()):
            await journal.receive(
                a_receipt(
                    name,
                    amount=amount,
                    received_at=START + timedelta(seconds=number),
                    url=f"https://api.example.com/two words/{number}",
                )
            )
        await database.close()

    asyncio.run(fill())
    return alone


def ids(run: Run, *words: str) -> list[str]:
    return [row["id"] for row in one(run("receipts", "list", "--json", *words))["receipts"]]


def test_filters_and_orders_from_the_shell(filled: Run) -> None:
    assert ids(filled) == ["cccc-3", "bbbb-2", "aaaa-1"]
    assert ids(filled, "--order", "amount") == ["aaaa-1", "cccc-3", "bbbb-2"]
    assert ids(filled, "--order", "amount", "--ascending", "status:settled") == ["bbbb-2", "cccc-3", "aaaa-1"]
    assert ids(filled, "amount>=0.2", "!ref:nowhere") == ["cccc-3", "aaaa-1"]
    assert ids(filled, "amount>=0.2 !ref:nowhere") == ["cccc-3", "aaaa-1"]
    assert ids(filled, '"two words/1"') == ["bbbb-2"]
    assert ids(filled, '!"two words/1"', "two words") == ["cccc-3", "aaaa-1"]
    said = filled("receipts", "list", "amount>much", code=2).stderr
    assert "amount>much" in said
    assert "amount>=0.5" in said


def test_chosen_receipts_in_the_order_in_which_they_are_named(filled: Run, tmp_path: Path) -> None:
    rows = lines_of(filled("receipts", "export", "--format", "jsonl", "--ids", "cccc,aaaa-1"))
    assert [row["id"] for row in rows] == ["cccc-3", "aaaa-1"]
    target = tmp_path / "out.md"
    facts = one(filled("receipts", "export", "--format", "md", "--ids", "bbbb", "-o", str(target), "--json"))
    assert facts == {"file": str(target), "format": "md", "rows": 1}
    assert "`bbbb-2`" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600
    assert "there is no receipt dddd" in filled("receipts", "export", "--ids", "dddd", code=2).stderr
    filled("receipts", "export", "--ids", "aaaa", "dir:sent", code=2)


def test_the_same_bytes_to_a_file_and_to_a_pipe(filled: Run, tmp_path: Path) -> None:
    for number, fmt in enumerate(("csv", "json", "jsonl", "md")):
        target = tmp_path / f"{number}.out"
        filled("receipts", "export", "--format", fmt, "-o", str(target))
        piped = filled("receipts", "export", "--format", fmt)
        assert piped.stdout_bytes == target.read_bytes()
        assert piped.stderr.strip() == "3 receipts"
    assert [row["id"] for row in json.loads((tmp_path / "1.out").read_text())] == ["cccc-3", "bbbb-2", "aaaa-1"]


def test_the_meter_draws_over_itself_and_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter([0.0, 0.2, 0.35, 0.4, 1.0])
    with Meter(clock=lambda: next(moments), wanted=True) as meter:
        for rows in (500, 1000, 1500, 2000):
            meter.show(rows, 4000, rows * 1000)
    said = capsys.readouterr().err
    assert said.split("\r") == [
        "",
        "1,000 of 4,000 (25 %) receipts, 1.0 MB",
        "2,000 of 4,000 (50 %) receipts, 2.0 MB",
        " " * 38,
        "",
    ]


def test_no_meter_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Meter(clock=iter(range(10)).__next__) as meter:
        meter.show(1, None, 1)
    assert capsys.readouterr().err == ""
