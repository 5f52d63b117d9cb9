"""A history of a million receipts: opening, paging, searching, summing, writing and exporting it, beside sqlite3

The file is made through the real schema. "Opening" is a fresh process-like start: file, connection and first page. The
export runs in a process of its own, so that its memory is its own; `sqlite3 -csv` writes the same columns of the same
file.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from mpp_console.history import Database, Filter, HistoryJournal, HistoryQueries, Order
from mpp_console.history.export_writers import COLUMNS, Format
from mpp_console.history.searching import index_text
from tests.bench.conftest import Report
from tests.bench.million import ROWS, make_history
from tests.history.samples import a_receipt

COUNT = int(os.environ.get("BENCH_RECEIPTS", ROWS))

EXPORT = """
import sys
from pathlib import Path
from mpp_console.history import ExportJob, Format
database, target, chosen = sys.argv[1:]
print(ExportJob(database=Path(database), file_format=Format(chosen)).to_file(Path(target)).rows)
# Not rusage: that counts the process which this one was forked from.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("million") / "home" / "history.db"
    start = time.perf_counter()
    make_history(path, COUNT)
    report.add(
        "making the file", f"{COUNT:,} receipts", f"{time.perf_counter() - start:.0f} s", f"{megabytes(path)} MB"
    )
    start = time.perf_counter()
    asyncio.run(searchable(path))
    report.add("indexing its text", "trigrams", f"{time.perf_counter() - start:.0f} s", f"{megabytes(path)} MB")
    yield path
    shutil.rmtree(path.parent)


def megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:,.0f}"


async def searchable(path: Path) -> None:
    database = await Database.open(path)
    await database.write(lambda connection: index_text(connection, rows=None), doing="index", durable=False)
    await database.close()


async def milliseconds(ask: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await ask()
    return (time.perf_counter() - start) * 1000


async def test_opening_and_paging(history: Path, report: Report) -> None:
    async def first_page() -> None:
        database = await Database.open(history)
        await HistoryQueries(database).receipts(limit=200)
        await database.close()

    await first_page()  # the file is in the system's cache, as after any start
    report.add("opening the list", "file and first page", f"{await milliseconds(first_page):.1f} ms", "budget 300 ms")
    database = await Database.open(history)
    queries = HistoryQueries(database)
    try:
        for part in (1, 2, 4):
            skip = COUNT // part - 200
            took = await milliseconds(lambda skip=skip: queries.receipts(skip=skip))  # type: ignore[misc]
            report.add("a page", f"{skip:,} rows down", f"{took:.1f} ms")
        for key in ("amount", "origin", "status"):
            order = Order(key=key)
            took = await milliseconds(lambda order=order: queries.receipts(order=order))  # type: ignore[misc]
            report.add("first page", f"ordered by {key}", f"{took:.1f} ms")
    finally:
        await database.close()


FILTERS = {
    "everything": Filter(),
    "dir:sent": Filter(direction="sent"),
    "status:settled": Filter(statuses=("success", "none")),
    "origin:api": Filter(origin_part="api"),
    "amount>1000000": Filter(amounts=((">", Decimal(1_000_000)),)),
    "a word of a third": Filter(words=("example",)),
    "a word of one": Filter(words=("order_777777",)),
    "a word of none": Filter(words=("nothing-there",)),
    "a hash of none": Filter(words=("0x" + "deadbeef" * 8,)),
    "!origin:api": Filter(without=(Filter(origin_part="api"),)),
}


async def test_filtering_counting_and_summing(history: Path, report: Report) -> None:
    database = await Database.open(history)
    queries = HistoryQueries(database)
    try:
        for name, where in FILTERS.items():
            page = await milliseconds(lambda where=where: queries.receipts(where))  # type: ignore[misc]
            count = await milliseconds(lambda where=where: queries.count(where))  # type: ignore[misc]
            totals = await milliseconds(lambda where=where: queries.totals(where))  # type: ignore[misc]
            again = await milliseconds(lambda where=where: queries.totals(where))  # type: ignore[misc]
            beside = f"count {count:.1f}, sums {totals:.0f}, sums again {again:.1f} ms"
            report.add("first page", name, f"{page:.1f} ms", beside)
        summing = asyncio.create_task(queries.totals(Filter(network="sandbox")))
        await asyncio.sleep(0)
        took = await milliseconds(queries.receipts)
        report.add(
            "first page", "while something is summed", f"{took:.1f} ms", "" if summing.done() else "still summing"
        )
        await summing
    finally:
        await database.close()


async def test_writing(history: Path, report: Report) -> None:
    """Receipts kept, durable each, at the end of a long history."""
    database = await Database.open(history)
    journal = HistoryJournal(database)
    try:
        for name, count, at_once in (("one by one", 500, 1), ("64 at once", 6400, 64)):
            made = [new_receipt() for _ in range(count)]
            worst, start = 0.0, time.perf_counter()
            for place in range(0, count, at_once):
                batch = made[place : place + at_once]
                took = await milliseconds(lambda batch=batch: asyncio.gather(*map(journal.receive, batch)))  # type: ignore[misc]
                worst = max(worst, took)
            rate = count / (time.perf_counter() - start)
            report.add("keeping receipts", name, f"{rate:,.0f}/s", f"worst wait {worst:.0f} ms, wanted 500/s")
    finally:
        await database.close()


def new_receipt() -> object:
    return dataclasses.replace(
        a_receipt(secrets.token_hex(16)),
        reference="0x" + secrets.token_hex(32),
        challenge_id=secrets.token_hex(24),
        payer="0x" + secrets.token_hex(20),
    )


@pytest.mark.parametrize("chosen", [*Format])
def test_export(history: Path, report: Report, tmp_path: Path, chosen: Format) -> None:
    target = tmp_path / f"out.{chosen}"
    start = time.perf_counter()
    peak, rows = measured([sys.executable, "-c", EXPORT, str(history), str(target), str(chosen)])
    ours = rows / (time.perf_counter() - start)
    report.add("export", f"{chosen} of {rows:,}", f"{ours:,.0f}/s", f"{megabytes(target)} MB, memory {peak:.0f} MB")
    if chosen is Format.CSV:
        compare(history, report, tmp_path / "theirs.csv", ours)


def compare(history: Path, report: Report, target: Path, ours: float) -> None:
    program = shutil.which("sqlite3")
    if program is None:
        report.add("export", "sqlite3 -csv", "—", "the program sqlite3 is not installed")
        return
    columns = COLUMNS.removesuffix(", fields")
    start = time.perf_counter()
    with target.open("wb") as out:
        sql = f"SELECT {columns} FROM receipts ORDER BY at DESC, seq DESC"
        subprocess.run([program, "-csv", "-readonly", str(history), sql], stdout=out, check=True)
    theirs = target.read_bytes().count(b"\n") / (time.perf_counter() - start)
    report.add("export", "sqlite3 -csv", f"{theirs:,.0f}/s", f"{megabytes(target)} MB, times as stored", ours / theirs)


def measured(command: list[str]) -> tuple[float, int]:
    """Runs an export in a process of its own; its greatest resident size in MB, and its rows."""
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return int(said[1]) / 1024, int(said[0])


def test_memory_is_flat(history: Path, report: Report, tmp_path: Path) -> None:
    """The same export of a hundredth of the rows."""
    small = tmp_path / "small" / "history.db"
    make_history(small, COUNT // 100)
    peak, rows = measured([sys.executable, "-c", EXPORT, str(small), str(tmp_path / "small.csv"), "csv"])
    report.add("export", f"csv of {rows:,}", "", f"memory {peak:.0f} MB")
