"""Accounts through the services: kinds by profile, keys kept apart, nothing lost without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mpp_console.protocol import MppError, Secret
from mpp_console.services.events import AccountsChanged, BalanceChanged
from mpp_console.services.models import PayRequest
from mpp_console.services.settings import NetworkSettings, Settings
from tests.services.conftest import PASSPHRASE, Heard, OpenConsole

KEY = "0x" + "01" * 32
ADDRESS = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"
OFFLINE = Settings(networks={"far": NetworkSettings(rpc_url="http://127.0.0.1:1", chain_id=5)})


async def test_the_sandbox_makes_throw_away_accounts(open_console: OpenConsole) -> None:
    console = await open_console()
    assert [(account.name, account.kind, account.is_default) for account in await console.accounts.list()] == [
        ("main", "sandbox", True)
    ]
    created = await console.accounts.create("second")
    assert (created.kind, created.is_default) == ("sandbox", False)


async def test_real_accounts_are_shared_by_real_networks_and_never_in_the_sandbox(open_console: OpenConsole) -> None:
    settings = Settings(
        networks={
            name: NetworkSettings(rpc_url="http://127.0.0.1:1", chain_id=number)
            for name, number in (("a", 5), ("b", 6))
        }
    )
    first = await open_console("a", settings=settings)
    account = await first.accounts.import_key("main", Secret(KEY))
    assert (account.kind, account.address, account.is_default) == ("local", ADDRESS, True)
    second = await open_console("b", settings=settings)
    assert await second.accounts.list() == (account,)
    sandbox = await open_console()
    assert ADDRESS not in {account.address for account in await sandbox.accounts.list()}


async def test_changes_are_told(open_console: OpenConsole) -> None:
    console = await open_console("far", settings=OFFLINE)
    heard = Heard(console)
    await console.accounts.watch("eyes", ADDRESS)
    await console.accounts.watch("more", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    await console.accounts.set_default("more")
    await console.accounts.rename("more", "most")
    await console.accounts.delete("eyes", "eyes")
    names = [[account.name for account in event.accounts] for event in heard.of(AccountsChanged)]
    assert names == [["eyes"], ["eyes", "more"], ["eyes", "more"], ["eyes", "most"], ["most"]]
    await console.accounts.restore("eyes")
    assert (await console.accounts.get("eyes")).address == ADDRESS
    assert (await console.accounts.get(ADDRESS.lower())).name == "eyes"


async def test_a_key_leaves_only_by_export_and_with_its_name_repeated(
    open_console: OpenConsole, tmp_path: Path
) -> None:
    console = await open_console("far", settings=OFFLINE)
    heard = Heard(console)
    await console.accounts.import_key("main", Secret(KEY))
    with pytest.raises(MppError):
        await console.accounts.export("main", "yes")
    assert (await console.accounts.export("main", "main")).reveal() == KEY
    assert KEY[2:] not in str(heard.events)
    for path in (tmp_path / "home").rglob("*"):
        assert path.is_dir() or KEY[2:].encode() not in path.read_bytes().lower()


async def test_deleting_wants_the_name(open_console: OpenConsole) -> None:
    console = await open_console("far", settings=OFFLINE)
    await console.accounts.watch("eyes", ADDRESS)
    assert await console.accounts.deletion_warning("eyes")
    with pytest.raises(MppError):
        await console.accounts.delete("eyes", "y")
    assert len(await console.accounts.list()) == 1


async def test_an_encrypted_key_file_comes_in(open_console: OpenConsole, tmp_path: Path) -> None:
    from eth_account import Account

    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY[2:]), PASSPHRASE, iterations=2)))
    console = await open_console("far", settings=OFFLINE)
    with pytest.raises(MppError):
        await console.accounts.import_keystore("main", path, Secret("wrong"))
    assert (await console.accounts.import_keystore("main", path, Secret(PASSPHRASE))).address == ADDRESS


async def test_the_account_of_this_run(open_console: OpenConsole) -> None:
    first = await open_console("far", settings=OFFLINE)
    await first.accounts.watch("one", ADDRESS)
    await first.accounts.watch("two", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    second = await open_console("far", settings=OFFLINE, account="two")
    assert (await first.accounts.get()).name == "one"
    assert (await second.accounts.get()).name == "two"
    third = await open_console("far", settings=OFFLINE, account="three")
    with pytest.raises(MppError, match="three"):
        await third.accounts.get()


async def test_another_default_account_shows_at_once(open_console: OpenConsole) -> None:
    console = await open_console()
    await console.start()
    heard = Heard(console)
    second = await console.accounts.create("second")
    await console.accounts.set_default("second")
    await heard.until(lambda: (console.snapshot().account or second).name == "second" and heard.of(BalanceChanged))
    assert {view.available for view in console.snapshot().balances} == {0}
    for name in ("second", "main"):
        await console.accounts.delete(name, name)
    await heard.until(lambda: console.snapshot().account is None)
    assert console.snapshot().balances == ()


async def test_a_watched_address_that_gets_its_key_can_pay(open_console: OpenConsole) -> None:
    console = await open_console()
    view = await console.server.start()
    await console.accounts.watch("one", ADDRESS)
    request = PayRequest(url=f"{view.url}/zero", account="one")
    refused = await console.payments.start(request).result()
    assert refused.error is not None
    assert refused.error.code == "watch-only"
    await console.accounts.delete("one", "one")
    await console.accounts.import_key("one", Secret(KEY))
    task = console.payments.start(request)
    await task.review()
    task.approve()
    assert (await task.result()).paid
