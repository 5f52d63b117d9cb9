"""The books after a run: the chain's, the shop's and the customers', held against each other to the base unit."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mpp_console.history import Database
from mpp_console.history.channels import HistoryChannels
from mpp_console.methods.tempo.chain import Chain
from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.keys import address_bytes, to_checksum
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.session_record import ChannelRecord, ChannelState, DispatchKind
from mpp_console.methods.tempo.tip20 import TRANSFER_TOPIC
from mpp_console.sandbox.node.escrow import ESCROW
from mpp_console.sandbox.node.fees import FEE_MANAGER
from mpp_console.server.channels import SqliteChannels
from mpp_console.server.stores.sqlite import SqliteStore
from tests.soak.shop import MERCHANT, PRICE, SPONSOR

ESCROWS = (RESERVE, ESCROW)

__all__ = ["Report", "audit", "balances"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Sums in base units. `checks` is what must hold, and whether it does."""

    lines: tuple[tuple[str, int | str], ...]
    checks: tuple[tuple[str, bool], ...]

    @property
    def balanced(self) -> bool:
        return all(holds for _, holds in self.checks)

    def __str__(self) -> str:
        told = [
            f"{name:<58}{value:>14,}" if isinstance(value, int) else f"{name:<58}{value:>14}"
            for name, value in self.lines
        ]
        return "\n".join([*told, *(f"{'holds' if holds else 'BROKEN':<8}{name}" for name, holds in self.checks)])


async def balances(chain: Chain, accounts: Sequence[str]) -> dict[str, int]:
    everybody = [*accounts, *ESCROWS, FEE_MANAGER]
    return {owner: await chain.balance(SANDBOX.default_token, owner) for owner in everybody}


async def audit(
    folder: Path,
    homes: Sequence[Path],
    *,
    before: Mapping[str, int],
    after: Mapping[str, int],
    chain: Chain,
    killed: Mapping[str, int],
    seconds: float,
) -> Report:
    records = await sold(folder / "shop.db")
    rows = [row for home in homes for row in await bought(home)]
    delivered = count_lines(folder / "delivered.log")
    got = sum(count_lines(home.parent / "got.log") for home in homes)
    change = {owner: after[owner] - before[owner] for owner in before}
    others = {MERCHANT.address, SPONSOR.address, FEE_MANAGER, *ESCROWS}
    customers = sum(change[owner] for owner in change.keys() - others)
    deposits, refunds = sum(row.deposit for row in rows), sum(row.refunded or 0 for row in rows)
    spent, settled = sum(record.spent for record in records), sum(record.settled for record in records)
    units = sum(record.units for record in records)
    forced = sum(1 for record in records if record.closed_by() is None)
    own_fees = -customers - (deposits - refunds)
    paid_alone = await fees(chain, {row.payer for row in rows})
    settlements = sum(1 for record in records for item in record.done if item.kind is DispatchKind.SETTLE)
    lines = (
        ("kill -9 of the shop", killed["shop"]),
        ("kill -9 of a process of customers", killed["customers"]),
        ("seconds of buying", round(seconds)),
        ("channels opened", len(records)),
        ("vouchers signed by customers", sum(row.signed for row in rows) // PRICE),
        ("vouchers accepted by the shop", sum(record.accepted for record in records) // PRICE),
        ("requests charged", units),
        ("requests delivered (handler ran)", delivered),
        ("requests whose answer the customer has", got),
        ("charged, and killed before the handler ran", units - delivered),
        ("delivered, and an end was killed before the answer came", delivered - got),
        ("channels closed by the shop", len(records) - forced),
        ("channels withdrawn by their customer", forced),
        ("deposits locked (base units)", deposits),
        ("refunded to customers", refunds),
        ("settled to the merchant", settled),
        ("transactions of the shop that settled while it sold", settlements),
        ("fees that customers paid to ask the chain", own_fees),
        ("fees that the sponsor paid", -change[SPONSOR.address]),
        ("left in the escrows", sum(after[escrow] for escrow in ESCROWS)),
        ("gain of the merchant", change[MERCHANT.address]),
        ("loss of the customers", -customers),
    )
    checks = (
        ("nothing was made or lost: all changes sum to zero", sum(change.values()) == 0),
        ("the escrows are empty", not any(after[escrow] for escrow in ESCROWS)),
        ("deposits = refunds + what was settled", deposits == refunds + settled),
        ("the merchant gained exactly what was settled", change[MERCHANT.address] == settled),
        (
            "customers lost what was settled, and the fees that the chain's log names",
            own_fees == paid_alone,
        ),
        ("fees went to the fee manager", change[FEE_MANAGER] == own_fees - change[SPONSOR.address]),
        (
            "every record of the shop is closed on the chain",
            all(record.state is ChannelState.CLOSED for record in records),
        ),
        ("what was settled is what was charged", settled == spent == units * PRICE),
        ("nothing was delivered without a charge", delivered <= units),
        ("nobody got more than was delivered", got <= delivered),
        ("no row of a customer holds money any more", all(not row.state.holds_money for row in rows)),
        ("customers and shop know the same channels", known(rows) == {record.channel_id for record in records}),
        ("customers and shop agree on what each channel paid", agree(rows, records)),
        ("no customer was charged beyond its signature", all(row.settled <= row.signed for row in rows)),
        ("every database is whole", all(whole(path) for path in (folder / "shop.db", folder / "chain.db", *homes))),
    )
    return Report(lines=lines, checks=checks)


async def fees(chain: Chain, payers: set[str]) -> int:
    """What these accounts paid to the fee manager, by the chain's log."""
    topic = "0x" + (bytes(12) + address_bytes(FEE_MANAGER)).hex()
    logs = await chain.logs(address=SANDBOX.default_token, topics=[TRANSFER_TOPIC, None, topic], from_block=0)
    return sum(int.from_bytes(log.data, "big") for log in logs if to_checksum("0x" + log.topics[1][-40:]) in payers)


async def sold(path: Path) -> tuple[ChannelRecord, ...]:
    async with SqliteStore(path) as store:
        return await SqliteChannels(store).list()


async def bought(path: Path) -> tuple[ClientChannel, ...]:
    database = await Database.open(path)
    try:
        page = await HistoryChannels(database, clock=lambda: datetime.now(UTC)).rows(archived=True)
    finally:
        await database.close()
    assert not page.damaged
    return page.rows


def known(rows: Sequence[ClientChannel]) -> set[str]:
    """The channels that came to be; what was signed and never reached the chain locked nothing."""
    return {row.channel_id for row in rows if row.close_hash is not None}


def agree(rows: Sequence[ClientChannel], records: Sequence[ChannelRecord]) -> bool:
    paid = {row.channel_id: (row.settled, row.refunded) for row in rows if row.close_hash is not None}
    return paid == {record.channel_id: (record.settled, record.refunded) for record in records}


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def whole(path: Path) -> bool:
    with sqlite3.connect(path) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
