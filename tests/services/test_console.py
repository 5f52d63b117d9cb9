"""A console's life: opened cheaply, started, snapshot, closed; and two of them in one home."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mpp_console.services import Console
from mpp_console.services.errors import NoAccount, NoFaucet, SettingsError, UnknownProfile
from mpp_console.services.events import BalanceChanged, CommandLogged, Notice
from mpp_console.services.models import PayRequest
from mpp_console.services.paths import Paths
from mpp_console.services.settings import NetworkSettings, PolicySettings, Settings
from tests.services.conftest import Devnet, Heard, OpenConsole


async def test_opening_touches_nothing(tmp_path: Path) -> None:
    console = await Console.open(paths=Paths.under(tmp_path / "home"))
    state = console.snapshot()
    await console.close()
    assert not (tmp_path / "home").exists()
    assert (state.profile.badge, state.account, state.balances, state.started) == ("SANDBOX", None, (), False)
    assert state.server.running is False


async def test_the_first_start_makes_a_funded_account(console: Console, tmp_path: Path) -> None:
    heard = Heard(console)
    await console.start()
    await console.start()
    state = console.snapshot()
    assert state.started
    assert state.account is not None
    assert state.account.kind == "sandbox"
    assert {view.currency.symbol: view.available for view in state.balances}["pathUSD"] == 10**12
    assert len(heard.of(BalanceChanged)) == 1
    home = tmp_path / "home"
    folders = [path for path in (home, *home.rglob("*")) if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


async def test_the_same_account_and_money_after_a_restart(open_console: OpenConsole) -> None:
    first = await open_console()
    await first.payments.test().result()
    before = await first.balances()
    account = await first.accounts.get()
    await first.close()
    second = await open_console()
    await second.start()
    assert (await second.accounts.get()).address == account.address
    assert [view.available for view in await second.balances()] == [view.available for view in before]
    assert (await second.receipts.page()).total == 2


async def test_money_spent_shows_in_the_snapshot(console: Console) -> None:
    await console.start()
    heard = Heard(console)
    await console.payments.test().result()
    await heard.until(lambda: console.snapshot().spent_today)
    state = console.snapshot()
    assert [money.text for money in state.spent_today] == ["0.010000 pathUSD"]
    assert state.in_flight == 0
    await heard.until(lambda: (console.snapshot().balances[0].available or 0) < 10**12)


async def test_two_consoles_share_one_sandbox(open_console: OpenConsole) -> None:
    first, second = await open_console(), await open_console()
    await asyncio.gather(first.start(), second.start())
    assert (await first.accounts.list()) == (await second.accounts.list())
    view = await first.server.start()
    task = second.payments.start(PayRequest(url=f"{view.url}/charge"))
    await task.review()
    task.approve()
    assert (await task.result()).paid
    assert first.server.view().routes[1].revenue == 10_000


async def test_an_unreachable_node_is_told_and_hides_nothing_else(open_console: OpenConsole) -> None:
    settings = Settings(networks={"far": NetworkSettings(rpc_url="http://127.0.0.1:1", chain_id=5)})
    console = await open_console("far", settings=settings)
    await console.accounts.watch("eyes", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    await console.start()
    (balance,) = console.snapshot().balances
    assert balance.available is None
    assert balance.error
    assert (await console.receipts.page()).total == 0


async def test_without_an_account_a_live_profile_says_how_to_make_one(
    open_console: OpenConsole, devnet: Devnet
) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    heard = Heard(console)
    await console.start()
    assert heard.of(Notice)[0].command == "mpp-console accounts create main"
    with pytest.raises(NoAccount, match="devnet"):
        await console.balances()
    with pytest.raises(NoAccount):
        await console.receive()


async def test_a_network_without_a_faucet_gives_no_money(open_console: OpenConsole, devnet: Devnet) -> None:
    plain = Settings(networks={"devnet": NetworkSettings(rpc_url=devnet.rpc_url, chain_id=31_999)})
    console = await open_console("devnet", settings=plain)
    await console.accounts.create("main")
    with pytest.raises(NoFaucet) as raised:
        await console.fund()
    assert "receive" in (raised.value.hint or "")
    assert console.snapshot().fund_unavailable is not None


async def test_funding_fills_the_account(console: Console) -> None:
    before = await console.balances()
    done = await console.fund()
    assert all(reference.startswith("0x") for reference in done.references)
    assert [view.available for view in done.balances] == [2 * (view.available or 0) for view in before]


async def test_receiving_shows_the_address_as_code(console: Console) -> None:
    view = await console.receive()
    assert view.uri == f"ethereum:{view.address}@1337"
    assert len({len(row) for row in view.qr_rows}) == 1
    assert "▀" in "".join(view.qr_rows)


async def test_inspection_needs_no_account_and_pays_nothing(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    report = await console.inspect(f"{devnet.url}/split")
    (offer,) = report.offers
    assert offer.quote is not None
    assert [transfer.amount for transfer in offer.quote.transfers] == [7_500, 2_500]
    assert report.to_dict()["paid"] is False
    assert await console.receipts.operations() == ()


async def test_what_does_not_hold_stops_the_opening(tmp_path: Path) -> None:
    paths = Paths.under(tmp_path)
    with pytest.raises(UnknownProfile):
        await Console.open("nowhere", paths=paths)
    with pytest.raises(SettingsError, match="pathUDS"):
        await Console.open(paths=paths, settings=Settings(policy=PolicySettings(per_day={"pathUDS": "1"})))
    paths.settings.parent.mkdir(exist_ok=True)
    paths.settings.write_text("profil = 1\n")
    with pytest.raises(SettingsError, match="line 1"):
        await Console.open(paths=paths)


async def test_the_policy_in_words(console: Console) -> None:
    assert ("otherwise", "pays without asking") in console.policy().lines


async def test_actions_tell_their_command(open_console: OpenConsole, devnet: Devnet) -> None:
    console = await open_console("devnet", settings=devnet.settings)
    heard = Heard(console)
    await console.accounts.watch("eyes", "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00")
    await console.inspect(f"{devnet.url}/free")
    assert [event.command for event in heard.of(CommandLogged)] == [
        "mpp-console --profile devnet accounts watch eyes 0x742d35Cc6634c0532925a3b844bC9e7595F8fE00",
        f"mpp-console --profile devnet inspect {devnet.url}/free",
    ]
