"""Exports: exact, private, free of secrets and formulas, whole or not there."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
import stat
import tracemalloc
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mpp_console.client.journal import ReceiptRecord
from mpp_console.history import (
    FIELDS,
    Database,
    ExportJob,
    Filter,
    Format,
    HistoryError,
    HistoryJournal,
    HistoryQueries,
    export_to_file,
    export_to_stream,
)
from mpp_console.history.connections import connect_writer
from mpp_console.history.export_csv import safe_cell
from mpp_console.history.export_writers import COLUMNS, MALFORMED, values_of
from mpp_console.protocol import Secret, format_units, inert, parse_units
from mpp_console.wallet.files import FileExists, FileTrouble
from tests.history.samples import ALPHA_USD, PAYER, START, a_receipt, receipts

MACHINE = (Format.CSV, Format.JSON, Format.JSONL)


def read_back(text: str, file_format: Format) -> list[dict[str, Any]]:
    """What another program reads: CSV cells with the guarding apostrophe dropped and empty ones as None."""
    if file_format is Format.CSV:
        return [
            {name: unguard(cell) or None for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text))
        ]
    if file_format is Format.JSON:
        found: list[dict[str, Any]] = json.loads(text)
        return found
    return [json.loads(line) for line in text.splitlines()]


def unguard(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and safe_cell(cell[1:]) == cell else cell


def expected(record: ReceiptRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "time": record.received_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "direction": record.direction,
        "status": record.status,
        "origin": record.origin,
        "url": record.url,
        "method": record.method,
        "intent": record.intent,
        "amount": format_units(record.amount, record.currency.decimals),
        "amount_base_units": str(record.amount),
        "currency": record.currency.symbol,
        "currency_id": record.currency.id,
        "decimals": record.currency.decimals,
        "network": record.network,
        "reference": record.reference,
        "challenge_id": record.challenge_id,
        "external_id": record.external_id,
        "operation_id": record.operation_id,
        "payer": record.payer,
        "recipient": record.recipient,
    }


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=st.lists(receipts(), max_size=8), direction=st.sampled_from([None, "sent"]))
async def test_what_goes_out_comes_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[ReceiptRecord], direction: str | None
) -> None:
    path = tmp_path_factory.mktemp("export") / "history.db"
    where = Filter(direction=direction)
    database = await Database.open(path)
    try:
        journal = HistoryJournal(database)
        for number, record in enumerate(records):
            await journal.receive(replace(record, id=f"r-{number}"))
        rows = [row.record for row in (await HistoryQueries(database).receipts(where)).rows]
        for file_format in MACHINE:
            stream = io.StringIO(newline="")
            done = await export_to_stream(path, stream, file_format=file_format, where=where)
            assert (done.rows, done.skipped) == (len(rows), 0)
            found = read_back(stream.getvalue(), file_format)
            if file_format is Format.CSV:
                assert found == [
                    {name: None if value is None else str(value) for name, value in expected(row).items()}
                    for row in rows
                ]
            else:
                assert found == [{**expected(row), "receipt": row.raw} for row in rows]
            for row, cells in zip(rows, found, strict=True):
                assert parse_units(cells["amount"], row.currency.decimals) == row.amount
    finally:
        await database.close()


async def test_the_header_of_an_empty_file(path: Path, database: Database) -> None:
    texts = {}
    for file_format in Format:
        stream = io.StringIO(newline="")
        await export_to_stream(path, stream, file_format=file_format)
        texts[file_format] = stream.getvalue()
    assert texts.pop(Format.MARKDOWN).endswith("| --- |\n\n0 receipts\n")
    assert texts == {Format.CSV: ",".join(FIELDS) + "\r\n", Format.JSON: "[\n]\n", Format.JSONL: ""}


# Cells that a spreadsheet would run -----------------------------------------------------------------------------------

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠"]


@given(
    lead=st.text(st.sampled_from(" \t\r\n'\"`\u00a0\ufeff"), max_size=4), start=st.sampled_from(STARTS), rest=st.text()
)
@example(lead="", start="=", rest="cmd|'/C calc'!A0")
@example(lead='"', start="=", rest="1+1")
@example(lead="'", start="@", rest="SUM(1)")
def test_a_formula_never_begins_a_cell(lead: str, start: str, rest: str) -> None:
    cell = safe_cell(lead + start + rest)
    assert cell.startswith("'")
    assert unguard(cell) == lead + start + rest


@given(st.text())
def test_guarding_is_exact_and_loses_nothing(text: str) -> None:
    cell = safe_cell(text)
    assert cell in (text, "'" + text)
    assert unguard(cell) == text


@pytest.mark.parametrize("text", ["", "0.010000", "https://a.example/x=1", "0xabc", "order-1", "a=b", "3-4"])
def test_ordinary_cells_are_left_alone(text: str) -> None:
    assert safe_cell(text) == text


async def test_hostile_fields_are_harmless_in_a_spreadsheet(path: Path, journal: HistoryJournal) -> None:
    attack = '=HYPERLINK("http://evil","x")'
    changes = dict.fromkeys(("status", "reference", "external_id", "network", "intent", "challenge_id"), attack)
    await journal.receive(a_receipt(url='\t=1+1"\r\n=2+2,=3', **changes))
    stream = io.StringIO(newline="")
    await export_to_stream(path, stream, file_format=Format.CSV)
    rows = list(csv.reader(io.StringIO(stream.getvalue())))
    assert len(rows) == 2  # a line end in a field makes no row of its own
    for cell in rows[1]:
        assert not cell.lstrip(' \t\r\n"').startswith(("=", "+", "-", "@"))


async def test_a_terminal_is_safe_from_every_format(path: Path, journal: HistoryJournal) -> None:
    await journal.receive(a_receipt(raw={"note": "\x1b]0;owned\x07\u202egnp"}, status="\x1b[2Jok"))
    for file_format in Format:
        stream = io.StringIO(newline="")
        await export_to_stream(path, stream, file_format=file_format)
        assert all(character in "\r\n" or character.isprintable() for character in stream.getvalue())


async def test_no_secret_is_in_any_export(tmp_path: Path, path: Path, journal: HistoryJournal) -> None:
    header = "eyJtZXRob2QiOiJ0ZW1wbyIsInJlZmVyZW5jZSI6IjB4MSJ9"
    await journal.receive(
        a_receipt(
            url="https://MARKERuser:MARKERpass@a.example/?access_token=MARKERtoken",
            external_id=header,
            raw={
                "preimage": "MARKERpreimage",
                "deep": {"secret": Secret("MARKERsecret"), "list": [f"Payment {header}"]},
            },
        )
    )
    for file_format in Format:
        target = tmp_path / f"out.{file_format}"
        await export_to_file(path, target, file_format=file_format)
        content = target.read_bytes()
        assert b"MARKER" not in content
        assert header.encode() not in content
        assert b"[redacted]" in content


# What is quick, and what is not, come out alike -----------------------------------------------------------------------

odd_text = st.text(st.sampled_from("aZ09./:_-=+@|%'\"`, \t\r\n\0\x1b\x7f\u00a0\u202e\uff1dé€😀"), max_size=6)
cell_text = st.one_of(st.sampled_from(["", "tempo", "0xab", "https://a.example/?q=1", "GET /x"]), odd_text)
odd_amounts = st.one_of(
    st.integers(0, 2**256).map(str),
    st.sampled_from(["0", "00", "007", "-1", "+1", "", "1.0", "x", "1\0", "9" * 18, "9" * 19]),
)
FREE = "status, origin, url, method, intent, currency_symbol, currency_id, network, reference"
OPTIONAL = "challenge_id, external_id, operation_id, payer, recipient"
file_rows = st.tuples(
    st.one_of(st.integers(-5, 2**41), st.integers(-(2**63), 2**63 - 1), st.just(253_402_300_799_999_999)),
    st.sampled_from(["sent", "received", "received", "sent", "neither"]),
    odd_amounts,
    st.one_of(st.just(6), st.integers(-2, 300)),
    st.lists(cell_text, min_size=9, max_size=9),
    st.lists(st.none() | cell_text, min_size=5, max_size=5),
)


def careful_csv(connection: sqlite3.Connection) -> tuple[str, int]:
    """Every row that can be read through the csv module, cell by cell; and how many cannot."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(FIELDS)
    skipped = 0
    for row in connection.execute(f"SELECT {COLUMNS} FROM receipts ORDER BY at DESC, seq DESC"):
        try:
            values = values_of(row)[:-1]
        except MALFORMED:
            skipped += 1
        else:
            writer.writerow([safe_cell(inert("" if value is None else str(value))) for value in values])
    return text.getvalue(), skipped


def exported_as_by_the_csv_module(path: Path, rows: list[Any]) -> None:
    """Puts `rows` into the file, past every check of it, exports it and compares."""
    with closing(connect_writer(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.row_factory = None
        sql = (
            f"INSERT INTO receipts (id, at, direction, amount, currency_decimals, fields, {FREE}, {OPTIONAL}) "
            f"VALUES ({', '.join('?' * 20)})"
        )
        for number, (at, direction, amount, decimals, free, optional) in enumerate(rows):
            name = f"r-{number}" if number % 3 else f"={number},"
            connection.execute(sql, (name, at, direction, amount, decimals, "{}", *free, *optional))
        text, skipped = careful_csv(connection)
    target = path.with_name("out.csv")
    done = ExportJob(database=path, file_format=Format.CSV).to_file(target)
    assert target.read_bytes() == text.encode()
    assert (done.rows, done.skipped, done.bytes) == (len(rows) - skipped, skipped, len(text.encode()))


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(file_rows, max_size=12))
def test_the_bytes_are_those_of_the_csv_module_whatever_is_in_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any]
) -> None:
    exported_as_by_the_csv_module(tmp_path_factory.mktemp("odd") / "history.db", rows)


def test_no_character_and_no_number_gets_past_the_quick_look(tmp_path: Path) -> None:
    plain = ["a"] * 9
    cells = [
        (1, "sent", "1", 6, [*plain[:place], cell, *plain[place + 1 :]], [None] * 5)
        for character in map(chr, range(130))
        for place, cell in ((0, character), (1, f"{character}=1"), (8, f"a{character}"))
    ]
    times = (-(2**63), -1, 0, 999_999, 253_402_300_799_999_999, 253_402_300_800_000_000, 2**63 - 1)
    amounts = ("0", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "1e3", "", "x", "1\0", "9" * 18, "9" * 19)
    rows: list[Any] = [
        *cells,
        *((at, "received", "1", 6, plain, plain[:5]) for at in times),
        *((1, "sent", amount, n, plain, plain[:5]) for amount in amounts for n in (-1, 0, 1, 6, 18, 36, 37, 255, 256)),
        (1, "neither", "1", 6, plain, plain[:5]),
    ]
    exported_as_by_the_csv_module(tmp_path / "history.db", rows)


async def test_one_odd_row_among_many_changes_no_other(path: Path, database: Database) -> None:
    await fill(database, 1200)
    odd = "UPDATE receipts SET amount = '1234567890123456789', url = 'a,\u00e9' WHERE id = 'r-700'"
    await database.write(lambda c: c.execute(odd).rowcount, doing="spoil")
    stream = io.StringIO(newline="")
    done = await export_to_stream(path, stream, file_format=Format.CSV)
    assert (done.rows, done.skipped) == (1200, 0)
    with closing(sqlite3.connect(path)) as connection:
        assert careful_csv(connection) == (stream.getvalue(), 0)
    found = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [(row["id"], row["amount"], row["url"]) for row in found] == [
        (f"r-{n}", *(("1234567890123.456789", "a,\u00e9") if n == 700 else ("0.000001", "/")))
        for n in reversed(range(1200))
    ]


async def test_text_that_is_not_utf8_is_told(path: Path, database: Database) -> None:
    await fill(database, 3)
    spoil = "UPDATE receipts SET url = CAST(x'ff41' AS TEXT) WHERE id = 'r-1'"
    await database.write(lambda c: c.execute(spoil).rowcount, doing="spoil")
    with pytest.raises(HistoryError):
        await export_to_stream(path, io.StringIO(newline=""), file_format=Format.CSV)


# The file ------------------------------------------------------------------------------------------------------------


async def fill(database: Database, count: int) -> None:
    """Many rows at once, below the journal."""
    columns = (
        "id, direction, at, origin, url, method, intent, amount, currency_id, currency_symbol, currency_decimals, "
        "network, reference, status, fields"
    )
    sql = f"INSERT INTO receipts ({columns}) VALUES (?,'sent',?,'https://a','/','tempo','charge','1','x','X',6,'n','r','s','{{}}')"

    def job(connection: sqlite3.Connection) -> None:
        connection.executemany(sql, ((f"r-{number}", number) for number in range(count)))

    await database.write(job, doing="fill", durable=False)


async def test_the_file_is_private_and_complete(tmp_path: Path, path: Path, journal: HistoryJournal) -> None:
    await journal.receive(a_receipt(currency=ALPHA_USD, payer=PAYER))
    target = tmp_path / "out.csv"
    before = os.umask(0)
    try:
        done = await export_to_file(path, target, file_format=Format.CSV)
    finally:
        os.umask(before)
    assert (done.rows, done.skipped, done.bytes) == (1, 0, target.stat().st_size)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert b"0.010000" in target.read_bytes()
    assert [found.name for found in tmp_path.glob("*out*")] == ["out.csv"]


async def test_a_file_that_is_there_stays_unless_told(tmp_path: Path, path: Path, journal: HistoryJournal) -> None:
    await journal.receive(a_receipt())
    target = tmp_path / "out.json"
    target.write_text("mine")
    with pytest.raises(FileExists):
        await export_to_file(path, target, file_format=Format.JSON)
    assert target.read_text() == "mine"
    await export_to_file(path, target, file_format=Format.JSON, replace=True)
    assert json.loads(target.read_text())[0]["id"] == "r-1"


async def test_a_file_that_appears_meanwhile_stays_too(tmp_path: Path, path: Path, journal: HistoryJournal) -> None:
    await journal.receive(a_receipt())
    target = tmp_path / "out.jsonl"

    def progress(_: int, __: int) -> None:
        target.write_text("theirs")

    with pytest.raises(FileExists):
        await export_to_file(path, target, file_format=Format.JSONL, progress=progress)
    assert target.read_text() == "theirs"
    assert [found.name for found in tmp_path.glob("*out*")] == ["out.jsonl"]


async def test_a_folder_that_is_not_there(tmp_path: Path, path: Path, database: Database) -> None:
    with pytest.raises(FileTrouble, match="cannot write in"):
        await export_to_file(path, tmp_path / "nowhere" / "out.csv", file_format=Format.CSV)


async def test_cancelling_leaves_nothing_behind(tmp_path: Path, path: Path, database: Database) -> None:
    await fill(database, 2000)
    target = tmp_path / "out.csv"
    begun, go = Event(), Event()

    def progress(_: int, __: int) -> None:
        begun.set()
        go.wait(10)

    task = asyncio.create_task(export_to_file(path, target, file_format=Format.CSV, progress=progress))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    asyncio.get_running_loop().call_soon(go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.glob("*out*")) == []


async def test_progress_tells_how_far_it_is(tmp_path: Path, path: Path, database: Database) -> None:
    await fill(database, 1200)
    seen: list[tuple[int, int]] = []
    target = tmp_path / "out.jsonl"
    await export_to_file(path, target, file_format=Format.JSONL, progress=lambda rows, size: seen.append((rows, size)))
    assert [rows for rows, _ in seen] == [500, 1000, 1200, 1200]
    assert [size for _, size in seen] == sorted(size for _, size in seen)
    assert seen[-1][1] == target.stat().st_size


async def test_malformed_rows_are_counted_not_exported(path: Path, database: Database) -> None:
    await fill(database, 3)
    await database.write(
        lambda c: c.execute("UPDATE receipts SET fields = '?' WHERE id = 'r-1'").rowcount, doing="spoil"
    )
    stream = io.StringIO(newline="")
    done = await export_to_stream(path, stream, file_format=Format.JSONL)
    assert (done.rows, done.skipped) == (2, 1)
    assert [row["id"] for row in read_back(stream.getvalue(), Format.JSONL)] == ["r-2", "r-0"]


async def test_rows_that_arrive_meanwhile_are_not_in_it(path: Path, database: Database) -> None:
    await fill(database, 600)
    loop = asyncio.get_running_loop()
    journal = HistoryJournal(database)

    def progress(_: int, __: int) -> None:
        late = a_receipt("late", received_at=START - timedelta(days=40_000))  # would sort last
        asyncio.run_coroutine_threadsafe(journal.receive(late), loop).result(10)

    stream = io.StringIO(newline="")
    done = await export_to_stream(path, stream, file_format=Format.JSONL, progress=progress)
    assert done.rows == 600


class Sink(io.TextIOBase):
    """A stream that forgets."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        return len(text)


async def test_memory_does_not_grow_with_the_history(path: Path, database: Database) -> None:
    peaks = []
    await fill(database, 20_000)
    for since in (19_000, 0):
        sink = Sink()
        tracemalloc.start()
        where = Filter(since=datetime.fromtimestamp(since / 1e6, tz=UTC))
        await export_to_stream(path, sink, file_format=Format.CSV, where=where)  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sink.size > 80 * (20_000 - since)
    assert peaks[1] < peaks[0] + 200_000  # twenty times the rows: some 2 MB of text, and none of it kept
