"""Channels that other wallets remember: read and never written, believed only as far as they make sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mpp_console.history import Database
from mpp_console.history.channel_import import import_channels, read_mppx_sessions, read_tempo_wallet
from mpp_console.history.channels import HistoryChannels
from mpp_console.history.errors import HistoryError
from mpp_console.methods.tempo.channels import legacy_channel_id
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.protocol import ChannelState
from mpp_console.sandbox.node.escrow import ESCROW
from tests.client.sessions.samples import PAYEE, PAYER, START, TOKEN, a_channel
from tests.history.foreign_files import Writer, footprint, write_channels_db, write_mppx_sessions


def of_version_1(number: int = 1) -> ClientChannel:
    salt = f"0x{number:064x}"
    made = legacy_channel_id(
        payer=PAYER, payee=PAYEE, token=TOKEN, salt=salt, authorized_signer=PAYER, escrow=ESCROW, chain_id=1337
    )
    return a_channel(
        channel_id=made, protocol="v1", escrow=ESCROW, salt=salt, authorized_signer=PAYER, expiring_nonce_hash=""
    )


USED = {"deposit": 9_000, "signed": 3_000, "accepted": 2_500, "spent": 2_000}


@pytest.mark.parametrize(
    ("writer", "known"),
    [
        ("wallet of version 1", of_version_1()),
        ("wallet of version 2", a_channel()),
        ("wallet of version 2", of_version_1()),
        ("mppx database", a_channel()),
    ],
    ids=["wallet v1", "wallet v2", "wallet v2 with a v1 channel", "mppx database"],
)
def test_a_channels_db_is_read_and_left_alone(tmp_path: Path, writer: Writer, known: ClientChannel) -> None:
    known = replace(known, **USED)  # type: ignore[arg-type]
    write_channels_db(tmp_path / "channels.db", [known], writer)
    before = footprint(tmp_path)
    found = read_tempo_wallet(tmp_path / "channels.db", now=START)
    assert footprint(tmp_path) == before
    assert found.skipped == ()
    (row,) = found.rows
    assert row == replace(known, state=ChannelState.UNKNOWN, note="Imported from another wallet.")


def test_a_sessions_folder_of_mppx_is_read_and_left_alone(tmp_path: Path) -> None:
    known = replace(a_channel(), **USED)  # type: ignore[arg-type]
    write_mppx_sessions(tmp_path / "v1", [known])
    before = footprint(tmp_path)
    (row,) = read_mppx_sessions(tmp_path / "v1", now=START).rows
    assert footprint(tmp_path) == before
    assert row == replace(known, state=ChannelState.UNKNOWN, note="Imported from another wallet.")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"payee": PAYER}, "parties do not make its id"),
        ({"salt": "0x00"}, "search the chain"),
        ({"salt": "0x01"}, "salt is not 32 bytes"),
        ({"deposit": "-1"}, "an amount or a time is none"),
        ({"deposit": "many"}, "an amount or a time is none"),
        ({"deposit": b"\xff"}, "a field is of another kind"),
        ({"descriptor_json": "[]"}, ""),
        ({"descriptor_json": "{"}, "not JSON"),
        ({"created_at": 10**15}, "an amount or a time is none"),
        ({"token": "0x20"}, "an address is"),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_believed_is_named_and_left_out(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    writer: Writer = "wallet of version 2" if "descriptor_json" in changes else "wallet of version 1"
    known = a_channel() if "descriptor_json" in changes else of_version_1()
    write_channels_db(tmp_path / "channels.db", [known], writer, **changes)
    found = read_tempo_wallet(tmp_path / "channels.db", now=START)
    assert found.rows == ()
    (said,) = found.skipped
    assert said.startswith(known.channel_id + " (")
    assert why in said


@pytest.mark.parametrize("content", ["", "[]", '{"channel": 1}', "\x00"])
def test_a_file_of_mppx_that_makes_no_sense_is_left_out(tmp_path: Path, content: str) -> None:
    write_mppx_sessions(tmp_path / "v1", [a_channel()])
    (tmp_path / "v1" / "channels" / "broken.json").write_text(content, encoding="utf-8")
    found = read_mppx_sessions(tmp_path / "v1", now=START)
    assert len(found.rows) == 1
    (said,) = found.skipped
    assert said.startswith("broken (")


@pytest.mark.parametrize("read", [read_tempo_wallet, read_mppx_sessions])
@pytest.mark.parametrize("what", ["nothing", "text", "another database", "a table of that name"])
def test_what_is_no_such_file_is_said_to_be_none(tmp_path: Path, read: Callable[..., Any], what: str) -> None:
    path = tmp_path / "channels.db"
    if what == "text":
        path.write_text("hello", encoding="utf-8")
    elif what == "another database":
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE other (id)")
    elif what == "a table of that name":
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE channels (frequency)")
            connection.execute("INSERT INTO channels VALUES (101)")
            connection.commit()
    with pytest.raises(HistoryError):
        read(path, now=START)


async def test_what_is_known_already_is_left_as_it_is(database: Database, tmp_path: Path) -> None:
    book = HistoryChannels(database)
    known = await book.add(a_channel(1, signed=5), lease=None)
    write_channels_db(tmp_path / "channels.db", [a_channel(1, signed=9), a_channel(2)], "wallet of version 2")
    foreign = read_tempo_wallet(tmp_path / "channels.db", now=START)
    added = await import_channels(book, foreign)
    assert [row.channel_id for row in added] == [a_channel(2).channel_id]
    assert await book.get(known.channel_id) == known
    assert [entry.kind for entry in await book.entries(added[0].channel_id)] == ["imported"]
    assert await import_channels(book, foreign) == ()
