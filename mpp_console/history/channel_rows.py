"""Between the columns of a channel and its value: strict both ways, as `rows` is for everything else.

A row whose parties do not make its id, or whose sums contradict each other, is malformed: nothing is signed by it.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any, Final

from mpp_console.history.errors import MalformedRow
from mpp_console.history.redaction import clean_text, clean_url
from mpp_console.history.rows import amount_of, amount_text, from_microseconds, to_microseconds
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.keys import parse_address
from mpp_console.protocol import Currency, MppError
from mpp_console.protocol.channel import ChannelState

__all__ = ["CHANNEL_COLUMNS", "channel_values", "read_channel"]

CHANNEL_COLUMNS: Final = (
    "channel_id, scope, protocol, state, network, chain_id, escrow, payer, payee, operator, token, salt, "
    "authorized_signer, expiring_nonce_hash, currency_symbol, currency_decimals, origin, url, created_at, updated_at, "
    "last_used_at, deposit, signed, accepted, spent, settled, pending_deposit, dies_at, from_block, "
    "close_requested_at, refunded, open_hash, close_hash, voucher_ref, note"
)
_CHANNEL_ID: Final = re.compile(r"0x[0-9a-f]{64}")


def channel_values(row: ClientChannel) -> tuple[Any, ...]:
    """The columns of CHANNEL_COLUMNS, free of secrets and inert."""
    return (
        row.channel_id,
        row.scope.key,
        row.protocol,
        row.state.value,
        clean_text(row.network),
        row.chain_id,
        row.escrow,
        row.payer,
        row.payee,
        row.operator,
        row.token,
        row.salt,
        row.authorized_signer,
        row.expiring_nonce_hash,
        clean_text(row.currency.symbol),
        row.currency.decimals,
        clean_text(row.origin),
        clean_url(row.url),
        *(to_microseconds(moment) for moment in (row.created_at, row.updated_at, row.last_used_at)),
        *map(amount_text, (row.deposit, row.signed, row.accepted, row.spent, row.settled, row.pending_deposit)),
        row.dies_at,
        row.from_block,
        row.close_requested_at,
        None if row.refunded is None else amount_text(row.refunded),
        row.open_hash,
        row.close_hash,
        row.voucher_ref,
        clean_text(row.note),
    )


def read_channel(row: sqlite3.Row) -> ClientChannel:
    """Raises MalformedRow."""
    try:
        channel = _channel(row)
    except (ValueError, TypeError, OverflowError, MppError) as error:
        raise MalformedRow(f"row {row['seq']} of the channels is malformed: {error}") from error
    if not channel.is_whole:
        raise MalformedRow(f"row {row['seq']} of the channels names parties that do not make its id")
    return channel


def _channel(row: sqlite3.Row) -> ClientChannel:
    if _CHANNEL_ID.fullmatch(row["channel_id"]) is None or row["protocol"] not in ("v1", "v2"):
        raise ValueError("the id or the protocol is of no kind that we know")
    payer, payee, token, escrow, operator, signer = (
        parse_address(row[name]) for name in ("payer", "payee", "token", "escrow", "operator", "authorized_signer")
    )
    sums = {name: amount_of(row[name]) for name in ("deposit", "signed", "accepted", "spent", "settled")}
    return ClientChannel(
        channel_id=row["channel_id"],
        protocol=row["protocol"],
        state=ChannelState(row["state"]),
        network=row["network"],
        chain_id=row["chain_id"],
        escrow=escrow,
        payer=payer,
        payee=payee,
        operator=operator,
        token=token,
        salt=row["salt"],
        authorized_signer=signer,
        expiring_nonce_hash=row["expiring_nonce_hash"],
        currency=Currency(id=token, symbol=row["currency_symbol"], decimals=row["currency_decimals"]),
        origin=row["origin"],
        url=row["url"],
        created_at=from_microseconds(row["created_at"]),
        updated_at=from_microseconds(row["updated_at"]),
        last_used_at=from_microseconds(row["last_used_at"]),
        **sums,
        pending_deposit=amount_of(row["pending_deposit"]),
        dies_at=row["dies_at"],
        from_block=row["from_block"],
        close_requested_at=row["close_requested_at"],
        refunded=None if row["refunded"] is None else amount_of(row["refunded"]),
        open_hash=row["open_hash"],
        close_hash=row["close_hash"],
        voucher_ref=row["voucher_ref"],
        note=row["note"],
    )
