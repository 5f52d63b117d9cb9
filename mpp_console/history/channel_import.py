"""Channels that other wallets remember, read from their files: `channels.db` of the Tempo wallet, and mppx's sessions.

The files are only ever read: a database is copied first, since even looking at one can write beside it. What is read
counts as hearsay: each row is `unknown` until the chain was asked, and one whose parties do not make its id is left
out and named, with the reason.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mpp_console.history.errors import HistoryError, MalformedRow
from mpp_console.history.rows import amount_of
from mpp_console.methods.tempo.channels import ZERO_ADDRESS, Descriptor, parse_bytes32
from mpp_console.methods.tempo.client_channel import (
    ChannelBook,
    ChannelEntry,
    ChannelExists,
    ChannelProtocol,
    ClientChannel,
)
from mpp_console.methods.tempo.keys import parse_address
from mpp_console.methods.tempo.networks import NETWORKS, UnknownNetwork, find_network
from mpp_console.methods.tempo.session_planner import unknown_currency
from mpp_console.protocol import ChannelState, Currency, MppError

__all__ = ["Foreign", "import_channels", "read_mppx_sessions", "read_tempo_wallet"]


_UNKNOWN_SALT = "0x00"
"""What the Tempo wallet writes for a channel that it found on the chain itself."""

_ID_LIMIT = 70
"""Characters of an id that are told: a channel's has 66."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """What a file of another wallet holds. `skipped` names the rows that cannot be believed, each as `ID (why)`."""

    rows: tuple[ClientChannel, ...]
    skipped: tuple[str, ...] = ()


def read_tempo_wallet(path: Path, *, now: datetime) -> Foreign:
    """The channels of a `channels.db`, whichever version wrote it. Raises HistoryError when it is none. Blocking."""
    if not path.is_file():
        raise HistoryError(f"there is no file {path}", code="no-such-file")
    with tempfile.TemporaryDirectory() as folder:
        try:
            # What is committed may be in the log alone, and what is not in the file: the journal undoes that.
            for suffix in ("", "-wal", "-journal"):
                source = path.with_name(path.name + suffix)
                if source.is_file():
                    shutil.copyfile(source, Path(folder) / f"channels.db{suffix}")
            with closing(sqlite3.connect(Path(folder) / "channels.db")) as connection:
                connection.row_factory = sqlite3.Row
                found = [dict(row) for row in connection.execute("SELECT * FROM channels")]
        except sqlite3.Error as error:
            raise HistoryError(f"{path} holds no channels: {error}", code="not-channels") from error
        except OSError as error:
            raise HistoryError(f"{path} cannot be read: {error.strerror}", code="unreadable") from error
    if found and "channel_id" not in found[0]:
        raise HistoryError(
            f"{path} holds no channels: its table of that name is of something else", code="not-channels"
        )
    return _read(found, lambda row: _wallet_row(row, now), "channel_id")


def read_mppx_sessions(folder: Path, *, now: datetime) -> Foreign:
    """The channels of mppx's sessions folder (`…/mppx/sessions/v1`). Raises HistoryError when it is none. Blocking."""
    files = sorted((folder / "channels").glob("*.json"))
    if not (folder / "channels").is_dir():
        raise HistoryError(f"{folder} holds no sessions of mppx", code="not-channels")
    records: list[Mapping[str, Any]] = []
    for file in files:
        try:
            value = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            value = None  # told as a row that does not hold, beside the others
        records.append({"name": file.stem, "value": value})
    return _read(records, lambda record: _mppx_row(record["value"], now), "name")


async def import_channels(book: ChannelBook, foreign: Foreign) -> tuple[ClientChannel, ...]:
    """Adds what the book does not have, and gives it. Rows that are there already are left as they are."""
    added = []
    for row in foreign.rows:
        entry = ChannelEntry(at=row.updated_at, kind="imported", amount=row.deposit)
        try:
            added.append(await book.add(row, lease=None, entry=entry))
        except ChannelExists:
            continue
    return tuple(added)


def _read(
    records: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], ClientChannel], name: str
) -> Foreign:
    rows: list[ClientChannel] = []
    skipped: list[str] = []
    for record in records:
        try:
            row = read(record)
            if not row.is_whole:
                raise MalformedRow("its parties do not make its id")
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError, MppError) as error:
            skipped.append(f"{str(record.get(name, '?'))[:_ID_LIMIT]} ({_why(error)})")
        else:
            rows.append(row)
    return Foreign(rows=tuple(rows), skipped=tuple(skipped))


def _why(error: Exception) -> str:
    """What does not hold in a row, for whoever wonders where a channel is left."""
    if isinstance(error, MppError | sqlite3.Error):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return "not JSON"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, ValueError | OverflowError | OSError):
        return "an amount or a time is none"
    return "a field is of another kind than it should be"


def _wallet_row(row: Mapping[str, Any], now: datetime) -> ClientChannel:
    described = row.get("descriptor_json")
    protocol: ChannelProtocol = "v2" if described or row.get("session_protocol") == "v2" else "v1"
    if protocol == "v2":
        parties = Descriptor.from_wire(json.loads(described or ""))
    elif row["salt"] == _UNKNOWN_SALT:
        raise MalformedRow("that wallet found it on the chain and does not know its parties: search the chain for it")
    else:
        parties = Descriptor(
            payer=parse_address(row["payer"].lower()),
            payee=parse_address(row["payee"].lower()),
            operator=ZERO_ADDRESS,
            token=parse_address(row["token"].lower()),
            salt=parse_bytes32(row["salt"], "salt"),
            authorized_signer=parse_address(row["authorized_signer"].lower()),
            expiring_nonce_hash="",
        )
    return _row(
        parties,
        protocol,
        row["channel_id"],
        escrow=row["escrow_contract"],
        chain_id=row["chain_id"],
        sums=(row["deposit"], row["cumulative_amount"], row.get("accepted_cumulative"), row.get("server_spent")),
        place=(row["origin"], row["request_url"]),
        times=(_seconds(row["created_at"]), _seconds(row["last_used_at"]), now),
    )


def _mppx_row(record: Any, now: datetime) -> ClientChannel:
    channel, endpoint = record["channel"], record["endpoint"]
    receipt = record.get("receipt") or {}
    created, used = (datetime.fromisoformat(record[name]).astimezone(UTC) for name in ("createdAt", "updatedAt"))
    return _row(
        Descriptor.from_wire(channel["descriptor"]),
        "v2",
        channel["channelId"],
        escrow=channel["escrow"],
        chain_id=channel["chainId"],
        sums=(
            channel.get("deposit", "0"), channel["cumulativeAmount"], receipt.get("acceptedCumulative"),
            record.get("spent"),
        ),
        place=("/".join(endpoint.split("/")[:3]), endpoint),
        times=(created, used, now),
    )  # fmt: skip


def _row(
    parties: Descriptor,
    protocol: ChannelProtocol,
    channel_id: str,
    *,
    escrow: str,
    chain_id: int,
    sums: tuple[str, str, str | None, str | None],
    place: tuple[str, str],
    times: tuple[datetime, datetime, datetime],
) -> ClientChannel:
    deposit, signed, accepted, spent = (amount_of(text or "0") for text in sums)
    network, currency = _known(chain_id, parties.token)
    return ClientChannel(
        channel_id=parse_bytes32(channel_id, "channel_id"),
        protocol=protocol,
        state=ChannelState.UNKNOWN,
        network=network,
        chain_id=chain_id,
        escrow=parse_address(escrow.lower()),
        payer=parties.payer,
        payee=parties.payee,
        token=parties.token,
        currency=currency,
        salt=parties.salt,
        operator=parties.operator,
        authorized_signer=parties.authorized_signer,
        expiring_nonce_hash=parties.expiring_nonce_hash,
        origin=place[0],
        url=place[1],
        created_at=times[0],
        last_used_at=times[1],
        updated_at=times[2],
        deposit=deposit,
        # Another wallet may have signed more since its file was written; the payee says so when it matters.
        signed=max(signed, accepted, spent),
        accepted=accepted,
        spent=min(spent, max(signed, accepted, spent)),
        note="Imported from another wallet.",
    )


def _known(chain_id: int, token: str) -> tuple[str, Currency]:
    try:
        network = find_network(chain_id, NETWORKS)
    except UnknownNetwork:
        return f"chain {chain_id}", unknown_currency(token)
    found = network.token(token)
    return network.name, found.currency if found is not None else unknown_currency(token)


def _seconds(value: Any) -> datetime:
    return datetime.fromtimestamp(int(value), UTC)
