"""The sandbox as a thing: looked at, started afresh, and safe from being swept away under somebody's feet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mpp_console.services.errors import SettingsError, TestUnavailable
from mpp_console.services.sandbox import SandboxBusy, SandboxLock
from mpp_console.services.sandbox_keys import load_sandbox_keys
from mpp_console.wallet.files import FileTrouble
from tests.services.conftest import Devnet, OpenConsole


async def test_starting_afresh_keeps_the_old_aside(open_console: OpenConsole, tmp_path: Path) -> None:
    console = await open_console()
    await console.payments.test().result()
    before = await console.accounts.get()
    kept = Path(await console.sandbox.reset())
    assert (kept / "history.db").exists()
    fresh = await open_console()
    await fresh.start()
    assert (await fresh.accounts.get()).address != before.address
    assert (await fresh.receipts.page()).total == 0
    assert {view.available for view in await fresh.balances()} == {10**12}


async def test_nothing_to_start_afresh(open_console: OpenConsole) -> None:
    assert await (await open_console()).sandbox.reset() == ""


async def test_not_while_somebody_else_uses_it(open_console: OpenConsole) -> None:
    first, second = await open_console(), await open_console()
    await first.balances()
    with pytest.raises(SandboxBusy):
        await second.sandbox.reset()
    assert (await first.payments.test().result()).paid


async def test_other_profiles_are_not_the_sandbox(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    with pytest.raises(TestUnavailable):
        await console.sandbox.reset()
    with pytest.raises(TestUnavailable):
        await console.sandbox.status()


async def test_its_state_in_words(open_console: OpenConsole) -> None:
    console = await open_console()
    status = await console.sandbox.status()
    assert status["chain_id"] == "1337"
    assert status["balance"] == "1000000.000000 pathUSD"
    assert status["receipts"] == "0"


def test_locks_are_shared_or_owned(tmp_path: Path) -> None:
    one, two, three = (SandboxLock(tmp_path / "lock") for _ in range(3))
    one.share()
    two.share()
    with pytest.raises(SandboxBusy):
        three.own()
    one.release()
    one.release()
    two.release()
    three.own()
    with pytest.raises(SandboxBusy):
        one.share()
    three.release()


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "sandbox.lock").mkdir()
    with pytest.raises(FileTrouble, match=r"sandbox\.lock"):
        SandboxLock(tmp_path / "sandbox.lock").share()


def test_the_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "sandbox.json"
    counter = iter(range(1, 100))
    first = load_sandbox_keys(path, lambda size: bytes([next(counter)]) * size)
    second = load_sandbox_keys(path, lambda size: bytes([next(counter)]) * size)
    assert first.binder.reveal() == second.binder.reveal()
    assert len({first.merchant.reveal(), first.sponsor.reveal(), first.binder.reveal()}) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.merchant.reveal().hex() not in repr(first)


@pytest.mark.parametrize("content", ["", "[]", '{"merchant": "zz"}', json.dumps({"merchant": "00", "sponsor": "00"})])
def test_a_damaged_key_file_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match="damaged"):
        load_sandbox_keys(path, lambda size: b"\1" * size)
