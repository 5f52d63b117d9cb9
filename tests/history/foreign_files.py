"""Files as other wallets write them: the Tempo wallet's two versions, and npm mppx's two stores."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from mpp_console.methods.tempo.client_channel import ClientChannel

Writer = Literal["wallet of version 1", "wallet of version 2", "mppx database"]

_COLUMNS = {
    "channel_id": "TEXT PRIMARY KEY",
    "version": "INTEGER DEFAULT 1",
    "origin": "TEXT NOT NULL",
    "request_url": "TEXT DEFAULT ''",
    "chain_id": "INTEGER NOT NULL",
    "escrow_contract": "TEXT NOT NULL",
    "token": "TEXT NOT NULL",
    "payee": "TEXT NOT NULL",
    "payer": "TEXT NOT NULL",
    "authorized_signer": "TEXT NOT NULL",
    "salt": "TEXT NOT NULL",
    "deposit": "TEXT NOT NULL",
    "cumulative_amount": "TEXT NOT NULL",
    "challenge_echo": "TEXT DEFAULT '{}'",
    "state": "TEXT DEFAULT 'active'",
    "close_requested_at": "INTEGER DEFAULT 0",
    "grace_ready_at": "INTEGER DEFAULT 0",
    "created_at": "INTEGER NOT NULL",
    "last_used_at": "INTEGER NOT NULL",
    "accepted_cumulative": "TEXT DEFAULT '0'",
    "server_spent": "TEXT DEFAULT '0'",
}
_OF_VERSION_2 = {"session_protocol": "TEXT DEFAULT 'v1'", "descriptor_json": "TEXT"}
_OF_MPPX = {"scope_key": "TEXT UNIQUE", "entry_json": "TEXT"}


def write_channels_db(path: Path, channels: Iterable[ClientChannel], writer: Writer, **changes: Any) -> None:
    """A `channels.db` with these channels; `changes` replace columns of every row. WAL, as all of them have it."""
    columns = dict(_COLUMNS)
    if writer != "wallet of version 1":
        columns |= _OF_VERSION_2
    if writer == "mppx database":
        columns |= _OF_MPPX
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"CREATE TABLE channels ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        for channel in channels:
            row = {name: value for name, value in (_row(channel) | changes).items() if name in columns}
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO channels ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        connection.commit()


def _row(channel: ClientChannel) -> dict[str, Any]:
    scope = f"{channel.payee}:{channel.token}:{channel.escrow}:{channel.chain_id}".lower()
    return {
        "channel_id": channel.channel_id,
        "origin": channel.origin,
        "request_url": channel.url,
        "chain_id": channel.chain_id,
        "escrow_contract": channel.escrow.lower(),
        "token": channel.token.lower(),
        "payee": channel.payee.lower(),
        "payer": channel.payer.lower(),
        "authorized_signer": channel.authorized_signer.lower(),
        "salt": channel.salt,
        "deposit": str(channel.deposit),
        "cumulative_amount": str(channel.signed),
        "created_at": int(channel.created_at.timestamp()),
        "last_used_at": int(channel.last_used_at.timestamp()),
        "accepted_cumulative": str(channel.accepted),
        "server_spent": str(channel.spent),
        "session_protocol": channel.protocol,
        "descriptor_json": json.dumps(channel.descriptor.to_wire()) if channel.protocol == "v2" else None,
        "scope_key": f"{channel.origin}\n{scope}\n{channel.channel_id}",
        "entry_json": "{}",
    }


def write_mppx_sessions(folder: Path, channels: Iterable[ClientChannel], **changes: Any) -> None:
    """A sessions folder of the mppx command, one file a channel; `changes` replace fields of every record."""
    (folder / "channels").mkdir(parents=True)
    for channel in channels:
        record = {
            "version": 1,
            "method": "tempo",
            "intent": "session",
            "status": "open",
            "channel": {
                "channelId": channel.channel_id,
                "cumulativeAmount": str(channel.signed),
                "deposit": str(channel.deposit),
                "descriptor": channel.descriptor.to_wire(),
                "escrow": channel.escrow.lower(),
                "chainId": channel.chain_id,
                "opened": True,
            },
            "account": {"address": channel.payer.lower()},
            "endpoint": channel.url,
            "spent": str(channel.spent),
            "units": 1,
            "createdAt": channel.created_at.isoformat().replace("+00:00", "Z"),
            "updatedAt": channel.last_used_at.isoformat().replace("+00:00", "Z"),
            "receipt": {"acceptedCumulative": str(channel.accepted)},
        }
        text = json.dumps(record | changes)
        (folder / "channels" / f"{channel.channel_id}.json").write_text(text, encoding="utf-8")


def footprint(path: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder with its content and the time of its last change."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
