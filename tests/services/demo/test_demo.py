"""The demo state is the one that the screens' tests show, the same every time, and gone at the end."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mpp_console.methods.tempo.session_trace import SessionTrace
from mpp_console.services import Console
from mpp_console.services.demo import references, seeds
from mpp_console.services.demo.chain import KEYS, demo_channels, write_chain
from mpp_console.services.demo.opening import DemoClock, demo_home, open_demo, start_server
from mpp_console.services.demo.references import REFERENCES
from mpp_console.services.models import ConsoleState, PayRequest, ReceiptRow, Stage
from mpp_console.services.paths import HOME_VARIABLE
from tests.tui.seeded import SeededConsole


def standing() -> float:
    return 0.0


@asynccontextmanager
async def opened(*, server: bool = False) -> AsyncIterator[Console]:
    """The demo with a clock that stands still."""
    with demo_home() as home:
        async with await open_demo(home, clock=DemoClock(standing)) as console:
            await console.start()
            if server:
                await start_server(console)
            yield console


async def all_rows(console: Console) -> list[ReceiptRow]:
    rows: list[ReceiptRow] = []
    page = await console.receipts.page(limit=10)
    rows += page.rows
    while page.next:
        page = await console.receipts.page(after=page.next, limit=10)
        rows += page.rows
    return rows


def without_addresses(state: ConsoleState) -> ConsoleState:
    """The one thing that differs between two openings: on which ports of this machine they listen."""
    server = replace(state.server, url=None, rpc_url=None)
    return replace(state, profile=replace(state.profile, rpc_url=None), server=server)


async def everything(console: Console) -> dict[str, Any]:
    rows = await all_rows(console)
    return {
        "state": without_addresses(console.snapshot()),
        "receipts": [await console.receipts.get(row.id) for row in rows],
        "operations": await console.receipts.operations(),
        "requests": await console.receipts.requests(),
        "served": console.server.requests(),
        "accounts": await console.accounts.list(),
        "policy": console.policy(),
        "filters": await console.receipts.saved(),
        "spending": await console.receipts.spending(seeds.NOW - timedelta(days=2), timedelta(hours=1)),
        "sessions": (await console.sessions.load()).rows,
        "channels": (await console.server.load_channels()).rows,
        "sandbox": {**await console.sandbox.status(), "folder": ""},
    }


async def test_the_demo_shows_the_rows_of_the_seeded_console() -> None:
    async with opened() as console:
        rows = await all_rows(console)
        details = {row.id: await console.receipts.get(row.id) for row in rows}
    charges = [row for row in rows if row.intent == "charge"]
    assert len(charges) == 37
    assert charges == list((await SeededConsole().receipts.page()).rows)
    assert {row.direction for row in charges} == {"sent", "received"}
    for row in charges:
        assert details[row.id].fields == seeds.receipt_fields(row)
    for row in rows:
        assert (details[row.id].operation is None) == (row.direction == "received")


async def test_the_demo_is_in_the_state_of_the_seeded_console() -> None:
    seeded = SeededConsole()
    told = seeded.snapshot()
    async with opened() as console:
        state = console.snapshot()
        assert await console.accounts.list() == await seeded.accounts.list()
        assert list(await console.receipts.requests()) == list(reversed(seeds.requests()))
    assert state.account == told.account
    assert [(held.currency, held.available) for held in state.balances] == [
        (held.currency, held.available) for held in told.balances
    ]
    for days, spent, charged in ((1, state.spent_today, told.spent_today), (30, state.spent_month, told.spent_month)):
        sums = {money.currency: money.amount for money in charged}
        sums[seeds.PATH] += sum(
            payment.amount
            for channel in demo_channels()
            if channel.payer == seeds.PAYER
            for payment in channel.payments
            if payment.at >= seeds.NOW - timedelta(days=days)
        )
        assert {money.currency: money.amount for money in spent} == sums
    assert state.unresolved == 0


async def test_opening_it_twice_gives_the_same() -> None:
    async with opened(server=True) as console:
        once = await everything(console)
    async with opened(server=True) as console:
        again = await everything(console)
    assert once == again
    assert once["state"].profile.badge == "DEMO"
    assert once["state"].server.running
    assert once["state"].server.requests == len(seeds.requests())


@pytest.mark.parametrize(("name", "text"), seeds.SAVED_FILTERS)
async def test_saved_filters_are_there_and_find_something(name: str, text: str) -> None:
    async with opened() as console:
        assert {kept.name: kept.text for kept in await console.receipts.saved()}[name] == text
        found = (await console.receipts.page(console.receipts.parse_filter(text))).rows
        assert 0 < len(found) < len(await all_rows(console))


async def test_operations_are_the_journals_side_of_what_was_sent() -> None:
    async with opened() as console:
        operations = await console.receipts.operations()
        sent = [row for row in await all_rows(console) if row.direction == "sent"]
    assert [replace(item, explorer_url=None) for item in operations] == [
        seeds.operation(row) for row in sorted(sent, key=lambda row: row.at, reverse=True)
    ]


async def test_its_channels_stand_as_its_chain_has_them() -> None:
    async with opened(server=True) as console:
        before = (await console.sessions.load()).rows
        result = await console.sessions.sync()
        assert (result.changed, result.troubles) == ((), ())
        await console.sessions.load()
        assert console.sessions.view().rows == before
        assert {row.state for row in before} == {"active", "orphaned", "closing", "finalized"}
        assert [row.origin for row in before if row.stale] == ["", "https://maps.example.org"]
        remembered = {row.id: row for row in before}
        kept = await console.server.load_channels()
        assert [row.state for row in kept.rows] == ["open", "open", "closed"]
        assert {row.deposit for row in kept.rows if row.id in remembered} == {1_000_000}
        assert kept.alarms == 0


async def test_its_channels_are_at_one_with_what_was_paid_over_them() -> None:
    async with opened() as console:
        everything_paid = await all_rows(console)
        rows = (await console.sessions.load()).rows
        details = [await console.sessions.show(row.id) for row in rows]
        receipts = {row.id: (await console.receipts.get(row.id)).fields for row in everything_paid}
        journal = await console._engine.journal.get()
        traces = {
            row.id: SessionTrace.read((await journal.get(row.operation_id)).trace)
            for row in everything_paid
            if row.intent == "session" and row.operation_id is not None
        }
    assert sum(bool(detail.payments) for detail in details) == 5
    assert {row.id for row in everything_paid if row.intent == "session" and row.direction == "sent"} == {
        payment.id for detail in details for payment in detail.payments
    }
    for detail in details:
        row, payments = detail.row, sorted(detail.payments, key=lambda payment: payment.at)
        assert sum(payment.amount or 0 for payment in payments) == row.accepted == row.spent
        assert row.created_at <= row.last_used_at
        accepted = [entry for entry in detail.entries if entry.kind == "accepted"]
        assert [entry.at for entry in accepted] == [payment.at for payment in payments]
        assert [entry.at for entry in detail.entries] == sorted(entry.at for entry in detail.entries)
        before = 0
        for payment, entry in zip(payments, accepted, strict=True):
            trace, fields = traces[payment.id], receipts[payment.id]
            assert (int(trace.before), trace.channel_id) == (before, row.id)
            before += payment.amount or 0
            assert int(fields["acceptedCumulative"]) == int(fields["spent"]) == entry.amount == before
            assert int(trace.cumulative) >= before
            assert entry.reference == trace.ref
            assert payment.at >= row.created_at
            assert (payment.origin, payment.payer, payment.recipient) == (row.origin, row.payer, row.payee)
        if payments:
            assert int(traces[payments[-1].id].cumulative) == row.signed
            assert (payments[-1].at, payments[-1].url) == (row.last_used_at, row.url)
        else:
            assert (row.signed, row.spent) == (0, 0)


async def test_its_server_was_paid_by_receipt_what_its_channels_say() -> None:
    async with opened(server=True) as console:
        received = [row for row in await all_rows(console) if (row.intent, row.direction) == ("session", "received")]
        kept = await console.server.load_channels()
    assert {row.reference for row in received} == {row.id for row in kept.rows}
    for channel in kept.rows:
        paid = [row for row in received if row.reference == channel.id]
        assert sum(row.amount or 0 for row in paid) == channel.accepted == channel.spent
        assert max(row.at for row in paid) == channel.last_used_at
        assert {row.payer for row in paid} == {channel.payer}


async def test_what_was_settled_of_a_channel_had_been_accepted_by_then() -> None:
    for channel in demo_channels():
        for at in (channel.settled_at, channel.closed_at):
            if at is not None:
                assert channel.settled <= sum(payment.amount for payment in channel.payments if payment.at <= at)
        for payment in channel.payments:
            assert payment.amount % payment.price == 0


async def test_its_local_channel_pays_the_next_request_by_a_voucher() -> None:
    async with opened(server=True) as console:
        rows = (await console.sessions.load()).rows
        (local,) = [row for row in rows if row.url.endswith("/session") and row.state == "active"]
        task = console.payments.start(
            PayRequest(url=f"{str(console.server.view().url).rstrip('/')}/session", offer="tempo/session")
        )
        review = await task.review()
        assert review is not None
        assert review.offer is not None
        assert review.offer.session is not None
        assert (review.offer.session.plan, review.offer.session.channel_id) == ("voucher", local.id)
        assert task.approve()
        assert (await task.result()).stage is Stage.DONE
        (after,) = [row for row in (await console.sessions.load()).rows if row.id == local.id]
        assert after.spent > local.spent


async def test_its_channels_are_lost_to_nobody_who_searches_the_chain() -> None:
    async with opened() as console:
        found = await console.sessions.recover()
        assert found.orphans == ()
        assert found.known == 5
        assert found.closed == 1


def test_references_are_what_the_chain_calls_the_payments() -> None:
    found = write_chain(None, bytes)
    assert found == REFERENCES, "run: python -m tests.services.demo.test_demo"


def test_keys_belong_to_the_seeded_addresses() -> None:
    from mpp_console.methods.tempo.keys import LocalSigner

    assert {address: LocalSigner(key).address for address, key in KEYS.items()} == {name: name for name in KEYS}


async def test_every_sent_reference_is_a_transaction_of_the_demos_chain() -> None:
    async with opened() as console:
        chain = await console._engine.chain.get()
        for row in seeds.history():
            if row.amount:
                receipt = await chain.receipt(row.reference)
                assert receipt is not None
                assert receipt.status
                assert receipt.sender == row.payer


async def test_a_test_payment_works_while_the_clock_stands() -> None:
    async with opened(server=True) as console:
        result = await console.payments.test().result()
        assert result.stage is Stage.DONE, result.error
        assert result.receipt_id is not None
        assert (await console.receipts.get(result.receipt_id)).row.at == seeds.NOW


async def test_the_server_takes_another_port_where_its_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(seeds, "PORT", taken)
        async with opened(server=True) as console:
            url = console.server.view().url
    assert url is not None
    assert not url.endswith(f":{taken}")


async def test_nobody_is_offered_the_tour_in_the_demo() -> None:
    async with opened() as console:
        assert not await console.first_run.tour_due()


def test_the_clock_begins_at_the_demos_present_and_goes_on() -> None:
    passed = [100.0]
    clock = DemoClock(lambda: passed[0])
    assert clock() == seeds.NOW
    passed[0] += 2.5
    assert clock() == seeds.NOW + timedelta(seconds=2.5)
    assert isinstance(DemoClock()(), datetime)


async def test_a_command_that_is_copied_from_it_shows_the_same_in_a_shell() -> None:
    async with opened() as console:
        (row, *_) = (await console.receipts.page(limit=1)).rows
        command = shlex.split(await console.receipts.command(row.id))
    command[0] = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, f"id\t{row.id}" in done.stdout) == (0, True), done.stderr


def test_the_home_is_private_found_by_all_and_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, "/somewhere/else")
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    with demo_home() as home:
        assert os.environ[HOME_VARIABLE] == str(home)
        assert "null" in os.environ["PYTHON_KEYRING_BACKEND"]
        assert home.stat().st_mode & 0o777 == 0o700
        (home / "something").write_text("x")
    assert not home.exists()
    assert os.environ[HOME_VARIABLE] == "/somewhere/else"
    assert "PYTHON_KEYRING_BACKEND" not in os.environ


WAITING = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored, and inherited so, where the suite outlives its terminal
from mpp_console.services.demo.opening import demo_home
with demo_home() as home:
    print(home, flush=True)
    while True:  # a signal that comes just before a sleep does not end it
        time.sleep(0.05)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_leaves_nothing_behind(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    home = Path(process.stdout.readline().strip())
    assert home.is_dir()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert not home.exists()


if __name__ == "__main__":
    path = Path(references.__file__)
    head = path.read_text(encoding="utf-8").partition("REFERENCES: Final")[0]
    lines = "".join(f'    "{name}",\n' for name in write_chain(None, bytes))
    path.write_text(f"{head}REFERENCES: Final[tuple[str, ...]] = (\n{lines})\n", encoding="utf-8")
