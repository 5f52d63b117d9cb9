"""After a power cut in the middle of a payment: the chain says what happened, and nothing is paid twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mpp_console.services import Console
from mpp_console.services.events import Notice, ReceiptRecorded
from tests.services.conftest import Clock, Heard, OpenConsole

FULL = 10**12


def crash(home: Path, moment: str) -> None:
    command = [sys.executable, "-m", "tests.services.crash", str(home), moment]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


async def held(console: Console) -> int:
    (first, *_) = await console.balances()
    assert first.available is not None
    return first.available


async def test_paid_but_unread(tmp_path: Path, open_console: OpenConsole) -> None:
    crash(tmp_path / "home", "served")
    console = await open_console()
    assert [operation.state for operation in await console.payments.unresolved()] == ["sent"]
    before = await held(console)
    assert before < FULL - 9_999
    heard = Heard(console)
    (resolved,) = await console.payments.recover()
    assert (resolved.state, resolved.amount) == ("settled", 10_000)
    assert resolved.reference is not None
    assert heard.of(ReceiptRecorded)[0].row.operation_id == resolved.id
    assert await console.payments.recover() == ()
    assert await held(console) == before
    assert len(await console.receipts.operations()) == 1


async def test_signed_and_journaled_but_never_heard_of(tmp_path: Path, open_console: OpenConsole, clock: Clock) -> None:
    """It may still be on its way while the transaction is valid; after that it never happened."""
    crash(tmp_path / "home", "sent")
    console = await open_console()
    assert await console.payments.recover() == ()
    assert [operation.state for operation in await console.payments.unresolved()] == ["unknown"]
    clock.ahead = timedelta(minutes=2)
    (resolved,) = await console.payments.recover()
    assert resolved.state == "refused"
    assert await held(console) == FULL
    assert (await console.receipts.page()).total == 0


async def test_signed_and_never_sent(tmp_path: Path, open_console: OpenConsole, clock: Clock) -> None:
    crash(tmp_path / "home", "signed")
    console = await open_console()
    # Another process may be signing this very moment, so that a young row is left alone.
    assert await console.payments.recover() == ()
    assert [operation.state for operation in await console.payments.unresolved()] == ["prepared"]
    clock.ahead = timedelta(minutes=2)
    (resolved,) = await console.payments.recover()
    assert resolved.state == "refused"
    assert await held(console) == FULL


@pytest.mark.parametrize("moment", ["served"])
async def test_a_start_looks_after_it_by_itself(tmp_path: Path, open_console: OpenConsole, moment: str) -> None:
    crash(tmp_path / "home", moment)
    console = await open_console()
    heard = Heard(console)
    await console.start()
    notice = await heard.until(lambda: next((event for event in heard.of(Notice)), None))
    assert "settled" in notice.text
    assert (await console.payments.unresolved()) == ()
    # The sandbox works on as if nothing had been.
    assert (await console.payments.test().result()).paid
